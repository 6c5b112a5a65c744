"""Patient-KD: each loss in plain loops, which layers teach which, what the student begins as, who is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForMaskedLM, RobertaConfig
from two_heads import TwoHeads, batch

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.patient_kd import PatientLoss, patience, pkd, pkd_last, taught_by
from mixvocab.edge.export import export
from mixvocab.models.pretrained import load_teacher
from mixvocab.pipeline import Plan
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.train.losses import mean_loss, soft_targets

Planned = Callable[..., Plan]


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_patience_and_its_gradient_entry_by_entry() -> None:
    states, wanted = random(2, 3, 4, seed=4).requires_grad_(), random(2, 3, 4, seed=5)
    total, gradient = 0.0, torch.zeros(2, 3, 4, dtype=torch.float64)
    for m in range(2):
        for b in range(3):
            s, t = states.detach()[m, b].tolist(), wanted[m, b].tolist()
            long, other = (sqrt(sum(x * x for x in row)) for row in (s, t))
            gap = [x / long - y / other for x, y in zip(s, t, strict=True)]
            total += sum(x * x for x in gap) / 8  # of two layers and four units
            along = sum(x * y for x, y in zip(gap, s, strict=True)) / long
            for d in range(4):
                gradient[m, b, d] = 2 * (gap[d] - along * s[d] / long) / long / 8
    found = patience(states, wanted)
    found.backward()
    assert found.item() == pytest.approx(total, rel=1e-6)
    torch.testing.assert_close(states.grad, gradient, rtol=1e-6, atol=1e-12)


def test_the_layers_that_teach_are_the_papers() -> None:
    assert list(taught_by(6, 12, last=False)) == [2, 4, 6, 8, 10]
    assert list(taught_by(6, 12, last=True)) == [7, 8, 9, 10, 11]
    assert list(taught_by(3, 6, last=False)) == [2, 4]
    assert list(taught_by(3, 6, last=True)) == [4, 5]
    assert list(taught_by(1, 2, last=False)) == list(taught_by(1, 2, last=True)) == []


@pytest.mark.parametrize("last", [False, True])
def test_the_sum_has_the_weights_over_labels_and_examples(last: bool) -> None:
    student, teacher, data = TwoHeads(3, 8, 0), TwoHeads(6, 8, 1), batch()
    module = PatientLoss(student, teacher, last).train()
    with torch.no_grad():
        own, other = (
            task.encoded(data["ids"], data["attention"], output_hidden_states=True) for task in (student, teacher)
        )
        mine, said = ([text, token[data["many"] != -100]] for text, token in (student.heads(own), teacher.heads(other)))
        true = [data["one"], data["many"][data["many"] != -100]]
        asked = sum(len(labels) for labels in true)
        hard = sum(
            -float(row.log_softmax(-1)[label])
            for logits, labels in zip(mine, true, strict=True)
            for row, label in zip(logits, labels, strict=True)
        )
        soft = sum(float(soft_targets(a, b, 10)) for a, b in zip(mine, said, strict=True))
        layers = [4, 5] if last else [2, 4]
        states = sum(
            float(patience(own.hidden_states[i + 1][None, :, 0], other.hidden_states[layer][None, :, 0])) / 2
            for i, layer in enumerate(layers)
        )
    expected = 0.5 * hard / asked + 0.5 * soft / asked + 100 * states / 3
    loss = mean_loss(module(**data))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert all(p.grad is None for p in teacher.parameters())


def test_a_student_that_is_the_teacher_has_nothing_to_learn_from_it() -> None:
    task = TwoHeads(4, 8, 0)
    losses = PatientLoss(task, task).train()(**batch())
    assert losses["text"].total > 0
    for name in ("labels", "states"):
        assert losses[name].total.item() == pytest.approx(0, abs=1e-5)


def test_a_student_of_another_width_or_of_more_layers_is_refused() -> None:
    for student in (TwoHeads(2, 16, 0), TwoHeads(5, 8, 0)):
        with pytest.raises(UserError, match=r"pkd: student of .* make it by mixvocab distill --method pkd"):
            PatientLoss(student, TwoHeads(4, 8, 1))


def test_the_student_is_the_first_half_of_the_teacher_and_costs_nothing(
    planned: Planned, tiny_teacher: Path, cache: Path, tmp_path: Path
) -> None:
    store, step = Store(cache), pkd(planned(), 0)
    done, teacher = store.get(step), load_teacher(tiny_teacher)
    assert (done.shape.layers, done.shape.hidden) == (1, 32)
    plain = AutoModelForMaskedLM.from_pretrained(done.folder)
    kept = {name: value for name, value in teacher.state_dict().items() if ".layer.1." not in name}
    assert plain.state_dict().keys() == kept.keys()
    assert all(torch.equal(value, kept[name]) for name, value in plain.state_dict().items())
    assert (done.result.tokens, done.spent.flops) == (0, 0)
    assert done.scores["loss"] > 0
    assert export(done.folder, tmp_path / "device")["fp32"] < 1e-4
    assert pkd(planned(), 7) == pkd_last(planned(), 0) == step


def test_what_it_cannot_use_is_refused_before_anything_is_made(planned: Planned, cache: Path, tmp_path: Path) -> None:
    other = Vocabulary((*SPECIAL_PIECES, "a"), lowercase=True)
    with pytest.raises(UserError, match=r"pkd compares student and teacher .* --method mixed or pushed-labels"):
        pkd(replace(planned(), given=other), 0)
    RobertaConfig().save_pretrained(tmp_path / "other")
    step = pkd(planned(), 0)
    roberta = replace(step.rows.teacher, find=lambda: SimpleNamespace(folder=tmp_path / "other"))
    with pytest.raises(UserError, match="first layers works on a BERT's layers and the teacher is a roberta"):
        replace(step, rows=replace(step.rows, teacher=roberta)).make(tmp_path, Store(cache))
    assert not list(cache.rglob("manifest.json"))
