"""Vanilla distillation: the loss by hand, who is trained by it, and what its curves are comparable with."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor
from transformers import BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.distill.mixed_vocab import StudentMLM, stage_two
from mixvocab.distill.vanilla import LabelDistillation
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import new_student, student_with
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import Recipe
from mixvocab.train.losses import mean_loss

RECIPE = Recipe(steps=4, batch_size=4, learning_rate=1e-2, evaluations=2)
PIECES = 30


def fresh(seed: int, pieces: int = PIECES, dropout: float = 0.0) -> BertForMaskedLM:
    shape = BertShape(1, 8, pieces, heads=2)
    return new_student(shape, generator=torch.Generator().manual_seed(seed), dropout=dropout)


def batch() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(5)
    ids = torch.randint(5, PIECES, (3, 8), generator=draw)
    labels = torch.where(torch.rand(3, 8, generator=draw) < 0.4, torch.randint(5, PIECES, (3, 8), generator=draw), -100)
    return {"ids": ids, "labels": labels}


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_loss_position_by_position(temperature: float) -> None:
    student, teacher, data = fresh(0), fresh(1), batch()
    module = LabelDistillation(student, teacher, weight=0.3, temperature=temperature).train()
    logits = student(data["ids"]).logits.detach()
    hard, mine = logits.log_softmax(dim=-1), (logits / temperature).log_softmax(dim=-1)
    theirs = (teacher(data["ids"]).logits.detach() / temperature).softmax(dim=-1)
    places = torch.nonzero(data["labels"] != -100).tolist()
    expected = sum(
        0.7 * -float(hard[b, t, data["labels"][b, t]]) - 0.3 * temperature**2 * float((theirs[b, t] * mine[b, t]).sum())
        for b, t in places
    )
    assert float(mean_loss(module(**data)).detach()) == pytest.approx(expected / len(places), rel=1e-5)


def test_held_out_the_loss_is_the_students_own() -> None:
    student, data = fresh(0), batch()
    module = LabelDistillation(student, fresh(1), weight=0.9).eval()
    found, plain = module(**data), StudentMLM(student).eval()(**data)
    assert found.keys() == plain.keys() == {"student"}
    torch.testing.assert_close(found["student"].total, plain["student"].total)


def test_the_teacher_is_neither_trained_nor_in_training_mode() -> None:
    teacher = fresh(1, dropout=0.5)
    module = LabelDistillation(fresh(0), teacher, weight=1.0).train()
    assert {name.split(".")[0] for name, _ in module.named_parameters()} == {"model"}
    assert not teacher.training
    first, second = module(**batch()), module(**batch())
    assert torch.equal(first["labels"].total, second["labels"].total)  # its dropout would tell them apart
    mean_loss(first).backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad is not None for n, p in module.named_parameters() if "token_type" not in n)


def test_a_teacher_of_other_pieces_is_refused() -> None:
    module = LabelDistillation(fresh(0), fresh(1, pieces=PIECES + 2)).train()
    with pytest.raises(UserError, match="32 pieces and the student has 30"):
        module(**batch())


def test_at_zero_it_is_stage_two_and_above_it_is_not(tiny) -> None:  # type: ignore[no-untyped-def]
    shape = BertShape(1, 8, len(tiny.tokenizer), heads=2)
    mixer = Mixer(tiny.store, tiny.teacher, None, MixingSettings(length=16))
    plain = student_with(None, shape, seed=3)
    stage_two(plain, mixer, RECIPE, seed=3, heldout_batches=1)
    for soft, equal in ((0.0, True), (0.5, False)):
        objective = partial(LabelDistillation, teacher=load_teacher(tiny.folder), weight=soft)
        student = student_with(None, shape, seed=3)
        result = stage_two(student, mixer, RECIPE, seed=3, heldout_batches=1, objective=objective)
        same = [torch.equal(a, b) for a, b in zip(plain.parameters(), student.parameters(), strict=True)]
        assert all(same) == equal
        parts = {"masked", "kept", "replaced", "right"}
        assert set(result.curve[-1]) - parts == {"step", "tokens", "seconds", "loss", "student"}
        assert ("labels" in result.train_curve[-1]) == (soft > 0)


def test_labels_alone_draw_the_student_to_the_teacher(tiny) -> None:  # type: ignore[no-untyped-def]
    """The teacher always says one piece; so does, in the end, its student, whatever the text says."""
    size = len(tiny.vocab)
    stubborn = fresh(1, size)
    with torch.no_grad():
        stubborn.cls.predictions.bias[17] = 20.0
    mixer = Mixer(tiny.store, tiny.student, None, MixingSettings(length=16))
    recipe = Recipe(steps=40, batch_size=8, learning_rate=2e-2, evaluations=1)
    shape = BertShape(1, 8, size, heads=2)
    objective = partial(LabelDistillation, teacher=stubborn, weight=1.0)
    student = student_with(None, shape, seed=0)
    stage_two(student, mixer, recipe, heldout_batches=1, objective=objective)
    assert set(student(torch.arange(5, 15)[None]).logits.argmax(dim=-1).flatten().tolist()) == {17}
