"""Shared projections: the loss in plain loops, the rows of both models, what is trained, kept and paid for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.shared_projection import (
    DualTraining,
    SharedProjection,
    draw_rows,
    dual_teacher,
    layer_maps,
    shared_projection,
    shared_projection_up,
)
from mixvocab.edge.export import export
from mixvocab.models.parameters import BertShape, stage_one_flops
from mixvocab.models.pretrained import load_teacher, teacher_shape
from mixvocab.models.student import new_student, student_of_layers
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import IGNORED, expected_shares
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import Turn, to_tensors
from mixvocab.train.losses import mean_loss

D, d = 4, 2
Matrix = list[list[float]]
Planned = Callable[..., Plan]


def product(*factors: Matrix) -> Matrix:
    first, *rest = factors
    for other in rest:
        first = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*other, strict=True)]
                 for row in first]  # fmt: skip
    return first


def transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def distance(pairs: list[tuple[Matrix, Matrix]]) -> float:
    entries = [(a, b) for one, other in pairs for p, q in zip(one, other, strict=True) for a, b in zip(p, q, strict=True)]  # fmt: skip # noqa: E501
    return sum((a - b) ** 2 for a, b in entries) / sum(a * a + b * b for a, b in entries)


def slow(named: dict[str, Tensor], up: bool) -> float:
    """The loss from nested lists: a map of r x c blocks is cut into them by index."""
    lists = {name: tensor.tolist() for name, tensor in named.items()}
    U, V, missed = lists["U"], lists["V"], []
    for rows, columns in ((1, 1), (2, 1), (1, 2)):
        pairs = []
        for i in range(rows):
            for j in range(columns):
                teacher, student = (
                    [row[j * w : (j + 1) * w] for row in lists[f"{who}{rows}{columns}"][i * w : (i + 1) * w]]
                    for who, w in (("t", D), ("s", d))
                )
                pairs.append((teacher, product(V, student, U)) if up else (product(U, teacher, V), student))
        missed.append(distance(pairs))
    high, low = lists["E_t"], lists["E_s"]
    missed.append(distance([(high, product(low, transposed(V))) if up else (product(high, transposed(U)), low)]))
    return sum(missed) / len(missed)


@pytest.mark.parametrize("up", [False, True])
def test_the_loss_and_its_gradient_entry_by_entry(up: bool) -> None:
    draw = torch.Generator().manual_seed(3)
    sizes = {"U": (d, D), "V": (D, d), "E_t": (3, D), "E_s": (3, d)} | {
        f"{who}{r}{c}": (r * w, c * w) for who, w in (("t", D), ("s", d)) for r, c in ((1, 1), (2, 1), (1, 2))
    }
    named = {name: torch.randn(*size, generator=draw, dtype=torch.float64) for name, size in sizes.items()}
    module = SharedProjection(D, d, up=up, generator=draw).double()
    with torch.no_grad():
        module.lower.copy_(named["U"])
        module.lift.copy_(named["V"])
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in named.items()}
    leaves |= {"U": module.lower, "V": module.lift}
    theirs, ours = ([leaves[f"{who}{rc}"] for rc in ("11", "21", "12")] for who in "ts")
    found = module(theirs, ours, (leaves["E_t"], leaves["E_s"]))
    found.backward()
    assert found.item() == pytest.approx(slow(named, up), rel=1e-6)
    for name, tensor in named.items():
        gradient = leaves[name].grad
        assert gradient is not None
        for place in np.ndindex(*tensor.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = tensor.clone()
                moved[place] += step
                sides.append(slow(named | {name: moved}, up))
            assert float(gradient[place]) == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("up", [False, True])
def test_projections_begin_at_random_and_keep_the_spread(up: bool) -> None:
    wide, narrow = 96, 48
    made = [SharedProjection(wide, narrow, up=up, generator=torch.Generator().manual_seed(n)) for n in (0, 0, 1)]
    assert torch.equal(made[0].lower, made[1].lower)
    assert not torch.equal(made[0].lower, made[2].lower)
    size, factors = (narrow, (made[0].lift, made[0].lower)) if up else (wide, (made[0].lower, made[0].lift))
    weight = torch.randn(size, size, generator=torch.Generator().manual_seed(2))
    assert float((factors[0] @ weight @ factors[1]).detach().std()) == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("up", [False, True])
def test_a_copied_teacher_is_where_its_teacher_is(tiny_teacher: Path, up: bool) -> None:
    teacher: Any = load_teacher(tiny_teacher)
    module = SharedProjection(32, 32, up=up, generator=torch.Generator().manual_seed(0))
    copy = student_of_layers(teacher, [0, 1])
    theirs, ours = layer_maps(teacher.bert), layer_maps(copy.bert)
    tables = teacher.bert.embeddings.word_embeddings.weight, copy.bert.embeddings.word_embeddings.weight
    assert len(theirs) == 12
    assert float(module(theirs, ours, tables).detach()) > 0.5
    with torch.no_grad():
        module.lower.copy_(torch.eye(32))
        module.lift.copy_(torch.eye(32))
    assert float(module(theirs, ours, tables).detach()) == 0


@pytest.fixture
def mixer(tiny: Any) -> Mixer:
    return Mixer(tiny.store, tiny.student, tiny.teacher, MixingSettings(length=24, mask_rate=0.3))


def test_both_models_read_the_same_words(tiny: Any, mixer: Mixer) -> None:
    rows = draw_rows(mixer, Turn(0, 16, np.random.default_rng(0)))
    assert rows.ids.shape == rows.mixed_ids.shape == (16, 24)
    own, other = tiny.vocab.tokenizer(), tiny.tokenizer
    whole = np.where(rows.labels != IGNORED, rows.labels, rows.ids)
    mixed = np.where(rows.mixed_labels != IGNORED, rows.mixed_labels, rows.mixed_ids)
    kinds = set()
    for b in range(16):
        text = own.convert_ids_to_tokens(whole[b, 1 : rows.attention[b].sum() - 1].tolist())
        real = range(1, rows.mixed_attention[b].sum() - 1)
        read = [(own if rows.mixed_student[b, t] else other).convert_ids_to_tokens(int(mixed[b, t])) for t in real]
        spelt = [" ".join(pieces).replace(" ##", "") for pieces in (text, read)]
        assert spelt[0] == spelt[1]
        kinds |= {bool(rows.mixed_student[b, t]) for t in real}
    assert kinds == {False, True}


def test_the_loss_is_two_means_and_the_distance(tiny: Any, mixer: Mixer) -> None:
    shape = BertShape(2, 16, len(tiny.vocab), heads=2, intermediate=32)
    student = new_student(shape, generator=torch.Generator().manual_seed(0))
    teacher = dual_teacher(tiny.folder, tiny.vocab)
    projection = SharedProjection(32, 16, up=False, generator=torch.Generator().manual_seed(0))
    module = DualTraining(student, teacher, projection).train()
    batch = to_tensors(draw_rows(mixer, Turn(0, 4, np.random.default_rng(0))), "cpu")
    losses = module(**batch)
    assert set(losses) == {"student", "mixed teacher", "mixed student", "projection"}
    own = StudentMLM(student).train()(batch["ids"], batch["labels"], batch.get("attention"))
    read = teacher(batch["mixed_ids"], batch["mixed_student"], batch["mixed_labels"], batch["mixed_attention"])
    assert all(part.positions > 0 for part in read.values())
    expected = mean_loss(own) + mean_loss(read) + losses["projection"].total
    torch.testing.assert_close(mean_loss(losses), expected)
    mean_loss(losses).backward()
    tables = teacher.student_embeddings.weight, teacher.teacher_embeddings.weight
    for weight in (*tables, projection.lower, projection.lift, *layer_maps(teacher.encoder), *layer_maps(student.bert)):
        assert weight.grad is not None
        assert float(weight.grad.abs().max()) > 0
    held_out = module.eval()(batch["ids"], batch["labels"], batch.get("attention"))
    assert held_out.keys() == {"student"}


def test_the_teacher_reads_the_students_pieces_as_its_own_of_the_same_text(tiny: Any) -> None:
    teacher = dual_teacher(tiny.folder, tiny.vocab)
    own, other = tiny.vocab.tokenizer(), tiny.tokenizer
    ids = own(" ".join(tiny.vocab.pieces[60:]), add_special_tokens=False).input_ids
    shared = [piece for piece in own.convert_ids_to_tokens(ids) if piece in other.get_vocab()]
    assert shared
    read, _ = teacher.embed(torch.tensor([own.convert_tokens_to_ids(shared)]), torch.ones(1, len(shared), dtype=bool))
    torch.testing.assert_close(read[0], teacher.teacher_embeddings.weight[other.convert_tokens_to_ids(shared)])


@pytest.mark.parametrize("make", [shared_projection, shared_projection_up])
def test_the_student_is_a_plain_bert_as_deep_as_the_teacher(
    planned: Planned, cache: Path, tmp_path: Path, tiny_teacher: Path, make: Callable[..., Any]
) -> None:
    store, step = Store(cache), make(planned(), 0)
    done = store.get(step)
    assert (done.shape.layers, done.shape.hidden, done.shape.feed_forward) == (2, 16, 32)
    assert step.up == (make is shared_projection_up)
    curve = done.result.train_curve
    assert {"student", "mixed teacher", "mixed student", "projection"} <= curve[-1].keys()
    assert curve[-1]["projection"] < curve[0]["projection"]
    assert set(done.scores) - {"masked", "kept", "replaced", "right"} == {
        "step",
        "tokens",
        "seconds",
        "loss",
        "student",
    }
    ids = torch.arange(5, 15)[None]
    plain = AutoModelForMaskedLM.from_pretrained(done.folder)
    assert torch.equal(plain(ids).logits, done.model()(ids).logits)
    assert export(done.folder, tmp_path / "device")["fp32"] < 1e-4

    # The costs, written out: of one layer's maps four blocks in attention and twice two in the feed-forward maps.
    tokens, pieces, teacher = done.result.tokens, done.shape.vocab_size, teacher_shape(tiny_teacher)
    projecting = 2 * 8 * (16 * 32 * 32 + 16 * 16 * 32) + pieces * 16 * 32
    counts, rows = store.get(step.rows).counts, step.rows
    lengths = [float(counts @ table.lengths) for table in (rows.teacher_table(store), rows.student_table(step.vocabulary, store))]  # fmt: skip # noqa: E501
    read = round(tokens * (1 + min(1.0, lengths[0] / lengths[1])) / 2)
    of_teacher = stage_one_flops(
        teacher, BertShape(1, 0, pieces), read, 16, 3, masks=expected_shares(step.mixing), p_sv=0.5
    )
    expected = done.shape.masked_lm_flops(tokens, 16) + of_teacher + 6 * 3 * projecting
    assert step.costs(store)["stage two"].flops == pytest.approx(expected)


def test_the_teacher_learns_at_stage_ones_rate(planned: Planned) -> None:
    step = shared_projection(planned(**{"stage_one.learning_rate": 1e-4, "stage_two.learning_rate": 2e-3}), 0)
    assert step.recipe.multipliers == {"teacher": pytest.approx(0.05)}
    assert step.recipe.learning_rate == 2e-3


def test_maps_without_common_blocks_are_refused_before_anything_is_made(planned: Planned, cache: Path) -> None:
    with pytest.raises(UserError, match=r"64 x 32 and 64 x 16 have no blocks in common: leave student.intermediate=0"):
        Store(cache).get(shared_projection(planned(**{"student.intermediate": 64}), 0))
    assert not list(cache.rglob("manifest.json"))
