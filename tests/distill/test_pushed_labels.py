"""Labels pushed forward to another vocabulary: against a loop over strings, over rows, over positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertForMaskedLM

from mixvocab.common.store import Store
from mixvocab.distill.methods import find_method
from mixvocab.distill.mixed_vocab import StudentMLM, drawing
from mixvocab.distill.pushed_labels import (
    PushedLabelDistillation,
    PushedLabels,
    draw_rows,
    push_forward,
    push_forward_map,
)
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import new_student
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import MixingSettings, load_profile
from mixvocab.text.mixing import Mixer
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.train.loop import Turn, to_tensors
from mixvocab.train.losses import mean_loss

STUDENT = Vocabulary((*SPECIAL_PIECES, "t", "th", "ran", "##n", "##ing", "##in", "[", "5"))
TEACHER = Vocabulary(
    (
        "[PAD]",
        "[unused1]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "ran",
        "##n",
        "##ingly",
        "##i",
        "to",
        "é",
        "##th",
    )
)
MIXING = MixingSettings(length=24)


def test_each_piece_goes_to_the_longest_that_it_begins_with() -> None:
    expected = "[PAD] [UNK] [UNK] [CLS] [SEP] [MASK] th ran ##n ##ing [UNK] t [UNK] [UNK]".split()
    assert [STUDENT.pieces[number] for number in push_forward_map(TEACHER, STUDENT)] == expected


def test_probabilities_are_those_of_a_loop_over_strings(tiny: Any) -> None:
    teacher = Vocabulary.of(tiny.tokenizer)
    said = torch.rand(7, len(teacher), generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    slow = torch.zeros(7, len(tiny.vocab))
    for number, piece in enumerate(teacher.pieces):
        fits = [own for own in tiny.vocab.pieces if piece.startswith(own) and (own[:2] == "##") == (piece[:2] == "##")]
        slow[:, tiny.vocab.id(max(fits, key=len, default="[UNK]"))] += said[:, number]
    pushed = push_forward(said, push_forward_map(teacher, tiny.vocab), len(tiny.vocab))
    torch.testing.assert_close(pushed, slow)
    torch.testing.assert_close(pushed.sum(dim=1), torch.ones(7))


def mixers(tiny: Any, room: int = 120) -> tuple[Mixer, Mixer]:
    """The teacher's, which masks nothing and has room for what it cuts finely, and the student's."""
    unmasked = MixingSettings(length=room, mask_rate=0.0)
    return Mixer(tiny.store, tiny.teacher, None, unmasked), Mixer(tiny.store, tiny.student, None, MIXING)


@pytest.mark.parametrize("room", [120, 20])
def test_the_teacher_reads_the_same_words_with_one_mask_for_each_that_is_asked_of(tiny: Any, room: int) -> None:
    """With little room it reads fewer words, and labels no more."""
    reader, mixer = mixers(tiny, room)
    found, rng = draw_rows(reader, mixer, Turn(0, 30, np.random.default_rng(3))), np.random.default_rng(3)
    starts, text = mixer.starts(30, rng), tiny.store.words("train")
    batch, places = mixer.rows_at(starts, rng)
    held = reader.rows_at(starts, rng)[1].max(axis=1) + 1
    assert np.array_equal(found.ids, batch.ids)
    for row, start in enumerate(starts):
        expected, answers = [tiny.teacher.cls], [False]
        for place in range(places[row].max() + 1):
            its = np.flatnonzero(places[row] == place)
            hidden = bool((batch.labels[row, its] >= 0).any())
            pieces = [tiny.teacher.mask] if hidden else tiny.teacher.segment(text[[start + place]]).tolist()
            first, fits = its[0], place < held[row]
            expected += pieces if fits else []
            asked = fits and batch.labels[row, first] >= 0 and batch.ids[row, first] == tiny.student.mask
            assert found.labelled[row, first] == asked
            assert not found.labelled[row, its[1:]].any()
            answers += [bool(asked), *[False] * (len(pieces) - 1)] if fits else []
        real = found.read_attention[row]
        assert found.read[row, real].tolist() == [*expected, tiny.teacher.sep]
        assert found.answers[row, real].tolist() == [*answers, False]
        assert not found.answers[row, ~real].any()
    assert found.labelled.any()
    assert len(np.unique(tiny.teacher.lengths)) > 1  # words of several pieces are among them
    assert (held < places.max(axis=1) + 1).any() == (room == 20)


def fresh(seed: int, pieces: int) -> BertForMaskedLM:
    return new_student(BertShape(1, 8, pieces, heads=2), generator=torch.Generator().manual_seed(seed))


def module(tiny: Any, weight: float, temperature: float = 1.0) -> tuple[PushedLabelDistillation, dict[str, Tensor]]:
    counterparts = push_forward_map(Vocabulary.of(tiny.tokenizer), tiny.vocab)
    student, teacher = fresh(0, len(tiny.vocab)), fresh(1, len(tiny.tokenizer))
    loss = PushedLabelDistillation(student, teacher, counterparts, weight=weight, temperature=temperature)
    return loss.train(), to_tensors(draw_rows(*mixers(tiny), Turn(0, 6, np.random.default_rng(1))), "cpu")


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_loss_position_by_position(tiny: Any, temperature: float) -> None:
    loss, rows = module(tiny, 0.3, temperature)
    (teacher,) = loss._teacher
    logits = loss.model(rows["ids"], attention_mask=rows.get("attention")).logits.detach()
    said = teacher(rows["read"], attention_mask=rows["read_attention"]).logits.detach() / temperature
    places = torch.nonzero(rows["labels"] != -100).tolist()
    answers, total = iter(torch.nonzero(rows["answers"]).tolist()), 0.0
    for b, t in places:
        hard = -float(logits[b, t].log_softmax(dim=-1)[rows["labels"][b, t]])
        if not rows["labelled"][b, t]:
            total += hard
            continue
        row, column = next(answers)
        assert row == b
        target = push_forward(said[row, column].softmax(dim=-1)[None], loss.counterparts, len(tiny.vocab))[0]
        soft = -float((target * (logits[b, t] / temperature).log_softmax(dim=-1)).sum())
        total += 0.7 * hard + 0.3 * temperature**2 * soft
    assert next(answers, None) is None
    assert float(mean_loss(loss(**rows)).detach()) == pytest.approx(total / len(places), rel=1e-5)


def test_at_weight_zero_and_held_out_it_is_stage_two(tiny: Any) -> None:
    _, mixer = mixers(tiny)
    plain = drawing(mixer)(Turn(0, 6, np.random.default_rng(1)))
    loss, rows = module(tiny, 0.0)
    held_out, _ = module(tiny, 0.5)
    expected = StudentMLM(fresh(0, len(tiny.vocab)))(**to_tensors(plain, "cpu"))["student"].total
    for found in (loss(**rows), held_out.eval()(**to_tensors(plain, "cpu"))):
        assert found.keys() == {"student"}
        assert torch.equal(found["student"].total, expected)


def test_a_students_teacher_and_its_cost(
    tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any], cache: Path
) -> None:
    plan = Plan(load_profile("smoke", **tiny_settings | {"teacher.source": str(tiny_teacher)}), tiny_corpus)
    store, step = Store(cache), find_method("pushed-labels").student(plan, 0)
    assert isinstance(step, PushedLabels)
    student, pca = store.get(step), store.get(find_method("pca").student(plan, 0))
    assert student.result.curve[0]["loss"] == pca.result.curve[0]["loss"]  # one start, one held-out set
    assert student.scores["loss"] != pca.scores["loss"]
    assert "labels" in student.result.train_curve[-1]
    costs = step.costs(store)
    assert costs["teacher"].flops == store.get(step.teacher).spent.flops > 0
    teacher = store.get(step.teacher).shape
    labels = costs["stage two"].flops - student.shape.masked_lm_flops(student.result.tokens, 16)
    layers = teacher.masked_lm_flops(student.result.tokens, 16, masked=0.0) / 3
    assert layers < labels < 1.2 * layers  # it cuts more finely: as many tokens as a row holds
