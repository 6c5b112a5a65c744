"""Stage I and stage II on tiny models: what moves, what does not, and what is handed over."""

from pathlib import Path

import pytest
import torch

from mixvocab.distill.mixed_vocab import PRESETS, compute_matched, multipliers, stage_one, stage_two
from mixvocab.errors import UserError
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import pca_start, teacher_pieces
from mixvocab.models.teacher import load_teacher, load_tokenizer
from mixvocab.text.counts import count_words
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.mixing import Mixer
from mixvocab.text.words import WordStore
from mixvocab.train import Recipe

TEXTS = [f"the old house number {i} stands by a river and nobody lives there ." for i in range(60)]
RECIPE = Recipe(steps=4, batch_size=4, learning_rate=1e-2, evaluations=2)


@pytest.fixture
def world(tmp_path: Path, tiny_teacher: Path):  # type: ignore[no-untyped-def]
    tokenizer = load_tokenizer(tiny_teacher)
    vocab = learn_vocabulary(count_words(TEXTS), 200)
    store = WordStore.build(TEXTS, tmp_path / "store", teacher=tokenizer, heldout=0.2)
    student = store.table(vocab.tokenizer())
    mixed = Mixer(store, student, store.table(tokenizer), length=16)
    alone = Mixer(store, student, None, length=16)
    teacher = load_teacher(tiny_teacher)
    start = pca_start(teacher.get_input_embeddings().weight, teacher_pieces(vocab.tokenizer(), tokenizer), 8)
    return teacher, start, mixed, alone, BertShape(1, 8, len(vocab), heads=2)


def test_stage_one_trains_both_sides(world) -> None:  # type: ignore[no-untyped-def]
    teacher, start, mixed, _, _ = world
    before = {name: p.detach().clone() for name, p in teacher.named_parameters()}
    model, result = stage_one(teacher, start, mixed, RECIPE, heldout_batches=1)
    assert not torch.equal(model.student_embeddings.weight, start.embeddings)
    assert not torch.equal(teacher.get_input_embeddings().weight, before["bert.embeddings.word_embeddings.weight"])
    assert {"teacher", "student", "loss"} <= set(result.curve[-1])
    assert result.curve[-1]["loss"] < result.curve[0]["loss"]


def test_a_frozen_encoder_stays_as_it_was(world) -> None:  # type: ignore[no-untyped-def]
    teacher, start, mixed, _, _ = world
    before = {name: p.detach().clone() for name, p in teacher.bert.named_parameters()}
    recipe = Recipe(4, 4, 1e-2, multipliers={"encoder": 0.0})
    model, _ = stage_one(teacher, start, mixed, recipe, heldout_batches=1)
    assert all(torch.equal(p, before[name]) for name, p in teacher.bert.named_parameters())
    assert not torch.equal(model.student_embeddings.weight, start.embeddings)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_names_parts_that_exist(world, preset: str) -> None:  # type: ignore[no-untyped-def]
    teacher, start, mixed, _, _ = world
    recipe = Recipe(1, 4, 1e-3, multipliers=PRESETS[preset])
    assert stage_one(teacher, start, mixed, recipe, heldout_batches=1)[1].steps == 1


def test_students_of_one_seed_differ_in_their_embeddings_alone(world) -> None:  # type: ignore[no-untyped-def]
    _, start, _, alone, shape = world
    nothing = Recipe(1, 4, 1e-30, weight_decay=0.0)  # a step too small to be seen
    fresh, _ = stage_two(shape, alone, nothing, seed=3, heldout_batches=1)
    given, _ = stage_two(shape, alone, nothing, embeddings=start.embeddings, seed=3, heldout_batches=1)
    different = [
        name
        for (name, a), (_, b) in zip(fresh.named_parameters(), given.named_parameters(), strict=True)
        if not torch.allclose(a, b, atol=1e-7)
    ]
    assert different == ["bert.embeddings.word_embeddings.weight"]
    torch.testing.assert_close(given.bert.embeddings.word_embeddings.weight.detach(), start.embeddings)


def test_embeddings_of_another_shape_are_refused(world) -> None:  # type: ignore[no-untyped-def]
    _, _, _, alone, shape = world
    with pytest.raises(UserError, match="do not fit"):
        stage_two(shape, alone, RECIPE, embeddings=torch.zeros(7, 8))


def test_compute_matched_spends_what_it_is_given() -> None:
    shape = BertShape(6, 96, 5000)
    per_step = shape.masked_lm_flops(RECIPE.batch_size * 64, 64)
    assert compute_matched(RECIPE, shape, 10 * per_step, 64).steps == RECIPE.steps + 10


def test_an_unknown_preset_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="paper, embeddings-first"):
        multipliers("embedings-first", {})
    assert multipliers("paper", {"encoder": 0.0}) == {"encoder": 0.0}
