"""DistilBERT: each loss in plain loops, what the student begins as, whom it is made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, RobertaConfig

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.distilbert import DistilBertLoss, distilbert, turned
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.edge.export import export
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import new_student, student_of_layers
from mixvocab.pipeline import Plan
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.train.losses import mean_loss, soft_targets

Planned = Callable[..., Plan]


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_angles_and_their_gradient_entry_by_entry() -> None:
    states, wanted = random(4, 3, seed=2).requires_grad_(), random(4, 3, seed=3)
    total, gradient = 0.0, torch.zeros(4, 3, dtype=torch.float64)
    for n in range(4):
        s, t = states.detach()[n].tolist(), wanted[n].tolist()
        dot = sum(a * b for a, b in zip(s, t, strict=True))
        long, other = sqrt(sum(a * a for a in s)), sqrt(sum(b * b for b in t))
        total += 1 - dot / (long * other)
        for d in range(3):
            gradient[n, d] = -t[d] / (long * other) + dot * s[d] / (long**3 * other)
    found = turned(states, wanted)
    found.backward()
    assert found.item() == pytest.approx(total, rel=1e-6)
    torch.testing.assert_close(states.grad, gradient, rtol=1e-6, atol=1e-12)


def batch(pieces: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(5)
    ids = torch.randint(5, pieces, (3, 8), generator=draw)
    labels = torch.where(torch.rand(3, 8, generator=draw) < 0.4, ids, -100)
    attention = torch.ones(3, 8, dtype=torch.bool)
    attention[1, 5:], labels[1, 5:] = False, -100
    return {"ids": ids, "labels": labels, "attention": attention}


def test_the_sum_has_the_published_weights_over_masked_positions_and_real_tokens() -> None:
    student, teacher = (
        new_student(BertShape(1, 8, 30, heads=2), generator=torch.Generator().manual_seed(n)) for n in (0, 1)
    )
    data = batch(30)
    module = DistilBertLoss(student, teacher).train()
    with torch.no_grad():
        own, other = (
            model(data["ids"], attention_mask=data["attention"], output_hidden_states=True)
            for model in (student, teacher)
        )
    masked, real = data["labels"] != -100, data["attention"]
    hard = -own.logits.log_softmax(dim=-1)[masked, data["labels"][masked]].mean()
    soft = soft_targets(own.logits[masked], other.logits[masked], 2) / masked.sum()
    angle = turned(own.hidden_states[-1][real], other.hidden_states[-1][real]) / real.sum()
    assert float(mean_loss(module(**data)).detach()) == pytest.approx(float(2 * hard + 5 * soft + angle), rel=1e-5)
    mean_loss(module(**data)).backward()
    assert all(p.grad is None for p in teacher.parameters())
    held_out = module.eval()(**data)
    torch.testing.assert_close(held_out["student"].total, StudentMLM(student).eval()(**data)["student"].total)
    assert held_out.keys() == {"student"}


def test_a_copied_teacher_has_nothing_to_learn_from_it(tiny_teacher: Path) -> None:
    teacher = load_teacher(tiny_teacher)
    module = DistilBertLoss(student_of_layers(teacher, [0, 1]), teacher).train()
    losses = module(**batch(teacher.config.vocab_size))
    assert float(losses["student"].total) > 0
    for name in ("labels", "states"):
        assert float(losses[name].total) == pytest.approx(0, abs=1e-4)


def test_a_student_of_other_pieces_or_width_is_refused(tiny_teacher: Path) -> None:
    teacher = load_teacher(tiny_teacher)
    for change in ({"vocab_size": 31}, {"hidden": 16}):
        shape = replace(BertShape(1, 32, teacher.config.vocab_size, heads=2), **change)
        with pytest.raises(UserError, match="they must agree; mixed and pushed-labels need not"):
            DistilBertLoss(new_student(shape, generator=torch.Generator().manual_seed(0)), teacher)


def test_the_student_begins_as_every_other_layer_and_is_a_plain_bert(
    planned: Planned, tiny_teacher: Path, cache: Path, tmp_path: Path
) -> None:
    still = {"teacher.head_steps": 0, "teacher.whole_steps": 0, "stage_two.dropout": 0.1}
    store, step = Store(cache), distilbert(planned(**still), 0)
    begun, teacher = step.student(store), load_teacher(tiny_teacher)
    assert begun.config.hidden_dropout_prob == 0.1
    weights = {name: value for name, value in teacher.state_dict().items() if ".layer.1." not in name}
    assert begun.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in begun.state_dict().items())
    done = store.get(step)
    assert (done.shape.layers, done.shape.hidden) == (1, 32)
    assert done.shape.vocab_size == teacher.config.vocab_size
    assert {"student", "labels", "states"} <= done.result.train_curve[-1].keys()
    ids = torch.arange(5, 15)[None]
    plain = AutoModelForMaskedLM.from_pretrained(done.folder)
    assert torch.equal(plain(ids).logits, done.model()(ids).logits)
    assert export(done.folder, tmp_path / "device")["fp32"] < 1e-4


def test_both_models_and_the_teachers_head_are_paid_for(planned: Planned, cache: Path) -> None:
    store, step = Store(cache), distilbert(planned(), 0)
    done, costs = store.get(step), step.costs(store)
    own, other = (
        shape.masked_lm_flops(done.result.tokens, 16) for shape in (done.shape, store.get(step.teacher).shape)
    )
    assert costs["stage two"].flops == pytest.approx(own + other / 3)
    assert costs["teacher"] == store.get(step.teacher).spent
    assert costs["teacher"].steps == 4


def test_what_it_cannot_use_is_refused_before_anything_is_made(planned: Planned, cache: Path, tmp_path: Path) -> None:
    other = Vocabulary((*SPECIAL_PIECES, "a"), lowercase=True)
    with pytest.raises(UserError, match=r"distilbert compares student and teacher .* --method mixed or pushed-labels"):
        distilbert(replace(planned(), given=other), 0)
    RobertaConfig().save_pretrained(tmp_path / "other")
    step = distilbert(planned(), 0)
    roberta = replace(step.rows.teacher, find=lambda: replace(step.rows.teacher.value, folder=tmp_path / "other"))
    with pytest.raises(UserError, match="distilbert works on a BERT's layers and the teacher is a roberta"):
        replace(step, rows=replace(step.rows, teacher=roberta)).make(tmp_path, Store(cache))
    assert not list(cache.rglob("manifest.json"))
