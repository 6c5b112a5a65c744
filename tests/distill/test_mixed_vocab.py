"""Stage I and stage II on tiny models: what moves, what does not, and what is handed over."""

import pytest
import torch

from mixvocab.distill.mixed_vocab import MixedTeacher, heldout_rows, stage_one, stage_two
from mixvocab.models.init import EmbeddingInit, copied_vectors, pca_init, shared_pieces, teacher_pieces
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import student_with
from mixvocab.settings.profiles import PRESETS, MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import Recipe, to_tensors
from mixvocab.train.losses import mean_loss

RECIPE = Recipe(steps=4, batch_size=4, learning_rate=1e-2, evaluations=2)


@pytest.fixture
def world(tiny):  # type: ignore[no-untyped-def]
    mixed = Mixer(tiny.store, tiny.student, tiny.teacher, MixingSettings(length=16))
    alone = Mixer(tiny.store, tiny.student, None, MixingSettings(length=16))
    teacher = load_teacher(tiny.folder)
    pieces = teacher_pieces(tiny.vocab.tokenizer(), tiny.tokenizer)
    init = pca_init(copied_vectors(teacher.get_input_embeddings().weight, pieces), 8)
    return teacher, init, mixed, alone, BertShape(1, 8, len(tiny.vocab), heads=2)


def test_stage_one_trains_both_sides(world) -> None:  # type: ignore[no-untyped-def]
    teacher, init, mixed, _, _ = world
    before = {name: p.detach().clone() for name, p in teacher.named_parameters()}
    model, result = stage_one(teacher, init, mixed, RECIPE, heldout_batches=1)
    assert not torch.equal(model.student_embeddings.weight, init.embeddings)
    assert not torch.equal(teacher.get_input_embeddings().weight, before["bert.embeddings.word_embeddings.weight"])
    assert {"teacher", "student", "loss"} <= set(result.curve[-1])
    assert result.curve[-1]["loss"] < result.curve[0]["loss"]


@pytest.mark.parametrize("table", ["moves", "stays"])
def test_a_frozen_encoder_stays_as_it_was(world, table: str) -> None:  # type: ignore[no-untyped-def]
    teacher, init, mixed, _, _ = world
    before = {name: p.detach().clone() for name, p in teacher.bert.named_parameters()}
    frozen = {"encoder": 0.0} | ({"teacher_embeddings": 0.0} if table == "stays" else {})
    model, _ = stage_one(teacher, init, mixed, Recipe(4, 4, 1e-2, multipliers=frozen), heldout_batches=1)
    changed = {name for name, p in teacher.bert.named_parameters() if not torch.equal(p, before[name])}
    assert changed == ({"embeddings.word_embeddings.weight"} if table == "moves" else set())
    assert not torch.equal(model.student_embeddings.weight, init.embeddings)


def test_tied_rows_learn_from_teacher_tokens_and_the_others_stay(tiny, world) -> None:  # type: ignore[no-untyped-def]
    _, init, _, _, _ = world
    shared = shared_pieces(tiny.vocab.tokenizer(), tiny.tokenizer)
    assert 0 < len(shared) < len(tiny.vocab)
    reading = Mixer(tiny.store, tiny.student, tiny.teacher, MixingSettings(p_sv=0.0, length=16))
    recipe = Recipe(2, 4, 1e-2, weight_decay=0.0)
    for tied, moved in ((True, set(shared[:, 0].tolist())), (False, set())):
        teacher = load_teacher(tiny.folder)
        model, _ = stage_one(teacher, init, reading, recipe, shared=shared if tied else None, heldout_batches=1)
        change = (model.student_embeddings.weight.detach() - init.embeddings).abs().sum(dim=1)
        assert set(torch.nonzero(change).flatten().tolist()) == moved


def centred(tiny, init: EmbeddingInit) -> torch.Tensor:  # type: ignore[no-untyped-def]
    pieces = teacher_pieces(tiny.vocab.tokenizer(), tiny.tokenizer)
    return copied_vectors(load_teacher(tiny.folder).get_input_embeddings().weight, pieces) - init.bias


def test_a_learned_projection_begins_at_the_pca_to_the_last_bit(tiny, world) -> None:  # type: ignore[no-untyped-def]
    _, init, mixed, _, _ = world
    (batch,) = heldout_rows(mixed, 1)
    plain = MixedTeacher(load_teacher(tiny.folder), init)
    copied = centred(tiny, init)
    projected = MixedTeacher(load_teacher(tiny.folder), init, copied=copied)
    assert copied.mean(dim=0).abs().max() < 1e-6
    torch.testing.assert_close(copied @ init.weight, init.embeddings, atol=1e-6, rtol=1e-4)  # of one PCA
    losses = [mean_loss(module(**to_tensors(batch, "cpu"))) for module in (plain, projected)]
    assert torch.equal(*losses)
    losses[1].backward()
    part = projected.student_embeddings
    assert bool(part.projection.grad.any())
    assert bool(part.rows.grad.any())
    torch.testing.assert_close(part.projection.grad, copied.T @ part.rows.grad)


@pytest.mark.parametrize("still", ["projection", "rows"])
def test_each_part_of_a_projection_has_its_rate(tiny, world, still: str) -> None:  # type: ignore[no-untyped-def]
    teacher, init, mixed, _, _ = world
    recipe = Recipe(3, 4, 1e-2, multipliers={"student_embeddings": 2.0, f"student_embeddings.{still}": 0.0})
    model, _ = stage_one(teacher, init, mixed, recipe, copied=centred(tiny, init), heldout_batches=1)
    part = model.student_embeddings
    moved = {name for name, weight in part.named_parameters() if bool(weight.any())}
    assert moved == {"projection", "rows"} - {still}
    ids = torch.arange(len(init.embeddings))
    assert torch.equal(part(ids), part.weight)  # what is folded is what the model read
    folded = init.embeddings + part.copied @ part.projection + part.rows
    torch.testing.assert_close(part.weight, folded)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_names_parts_that_exist(world, preset: str) -> None:  # type: ignore[no-untyped-def]
    teacher, init, mixed, _, _ = world
    recipe = Recipe(1, 4, 1e-3, multipliers=PRESETS[preset].get("multipliers", {}))
    assert stage_one(teacher, init, mixed, recipe, heldout_batches=1)[1].steps == 1


def test_students_of_one_seed_differ_in_their_embeddings_and_in_the_scale_of_their_positions(world) -> None:  # type: ignore[no-untyped-def]
    _, init, _, alone, shape = world
    nothing = Recipe(1, 4, 1e-30, weight_decay=0.0)  # a step too small to be seen
    fresh, given = (student_with(begin, shape, seed=3) for begin in (None, init.embeddings))
    for student in (fresh, given):
        stage_two(student, alone, nothing, seed=3, heldout_batches=1)
    different = [
        name
        for (name, a), (_, b) in zip(fresh.named_parameters(), given.named_parameters(), strict=True)
        if not torch.allclose(a, b, atol=1e-7)
    ]
    assert different == [f"bert.embeddings.{which}_embeddings.weight" for which in ("word", "position")]
    positions = [s.bert.embeddings.position_embeddings.weight.detach() for s in (fresh, given)]
    ratio = positions[1].norm() / positions[0].norm()
    torch.testing.assert_close(positions[1], positions[0] * ratio)
    torch.testing.assert_close(given.bert.embeddings.word_embeddings.weight.detach(), init.embeddings)


def test_positions_begin_with_the_words_spread_and_nothing_else_changes(world) -> None:  # type: ignore[no-untyped-def]
    _, init, _, _, shape = world
    words = float(init.embeddings.std())
    for spread in (1.0, 0.5):
        student = student_with(init.embeddings, shape, seed=3, position_spread=spread)
        positions = student.bert.embeddings.position_embeddings.weight
        assert float(positions.detach().square().mean().sqrt()) == pytest.approx(spread * words, rel=1e-4)
        assert positions.requires_grad
    plain = student_with(init.embeddings, shape, seed=3, position_spread=0)
    assert float(plain.bert.embeddings.position_embeddings.weight.detach().std()) == pytest.approx(0.02, rel=0.1)
    others = {n: p for n, p in student.named_parameters() if "position" not in n}
    assert all(torch.equal(p, others[n]) for n, p in plain.named_parameters() if n in others)
    fresh = student_with(None, shape, seed=3, position_spread=1.0)
    assert float(fresh.bert.embeddings.position_embeddings.weight.detach().std()) == pytest.approx(0.02, rel=0.2)


def test_stage_two_reports_what_is_behind_the_mask(world) -> None:  # type: ignore[no-untyped-def]
    _, init, _, alone, shape = world
    result = stage_two(student_with(init.embeddings, shape, seed=0), alone, RECIPE, heldout_batches=2)
    assert {"loss", "masked", "kept", "replaced", "right"} <= set(result.curve[-1])
    assert all(0 <= point["right"] <= 1 for point in result.curve)
