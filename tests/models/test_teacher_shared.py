"""Pieces that both vocabularies have: which rows are tied, who trains them, and where the softmaxes are to agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from mixvocab.distill.mixed_vocab import MixedTeacher
from mixvocab.models.start import random_start
from mixvocab.train.losses import average, mean_loss

V_T, V_S, D, SMALL = 40, 25, 16, 6
# Student pieces 5 to 14 are the teacher's 20 to 29; all others are each vocabulary's own.
SHARED = torch.stack([torch.arange(5, 15), torch.arange(20, 30)], dim=1)


def model(**more: Any) -> MixedTeacher:
    config = BertConfig(
        vocab_size=V_T, hidden_size=D, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    start = random_start(V_S, SMALL, D, generator=torch.Generator().manual_seed(1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MixedTeacher(BertForMaskedLM(config), start.embeddings, start.affine, **{"shared": SHARED} | more).eval()


def batch() -> dict[str, Tensor]:
    """Six rows that mix all kinds of pieces; about a third of them masked and left standing."""
    draw = torch.Generator().manual_seed(2)
    student = torch.rand(6, 12, generator=draw) < 0.5
    ids = torch.where(
        student, torch.randint(5, V_S, (6, 12), generator=draw), torch.randint(5, V_T, (6, 12), generator=draw)
    )
    labels = torch.where(torch.rand(6, 12, generator=draw) < 0.4, ids, -100)
    return {"ids": ids, "student": student, "labels": labels}


def teacher_tokens() -> dict[str, Tensor]:
    """Rows of the teacher's pieces alone."""
    ids = torch.randint(5, V_T, (6, 12), generator=torch.Generator().manual_seed(4))
    return {"ids": ids, "student": torch.zeros_like(ids, dtype=torch.bool), "labels": ids}


def rows_with_gradient(weight: Tensor) -> set[int]:
    assert weight.grad is not None
    return set(torch.nonzero(weight.grad.abs().sum(dim=1)).flatten().tolist())


def test_a_tied_piece_is_read_as_the_students_and_any_other_as_the_teachers() -> None:
    tied = model(tie_shared=True)
    ids = torch.arange(V_T)[None]
    read = tied.embed(ids, torch.zeros_like(ids, dtype=torch.bool))[0]
    raised = tied.raised()
    for piece in range(V_T):
        expected = raised[piece - 15] if 20 <= piece < 30 else tied.teacher_embeddings.weight[piece]
        torch.testing.assert_close(read[piece], expected)


def test_both_softmaxes_score_a_tied_piece_by_one_vector() -> None:
    tied = model(tie_shared=True)
    rows = tied.student_rows()
    table = tied.teacher_rows(rows)
    assert torch.equal(table[SHARED[:, 1]], rows[SHARED[:, 0]])
    others = [piece for piece in range(V_T) if not 20 <= piece < 30]
    assert torch.equal(table[others], tied.teacher_embeddings.weight[others])
    states = torch.randn(3, D, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(tied.teacher_logits(states), states @ table.T + tied.teacher_bias)


def test_the_teachers_own_rows_of_tied_pieces_are_not_used() -> None:
    tied, data = model(tie_shared=True), batch()
    before = tied(**data)
    with torch.no_grad():
        tied.teacher_embeddings.weight[SHARED[:, 1]] = 99.0
    after = tied(**data)
    assert all(torch.equal(before[name].total, after[name].total) for name in before)


def test_teacher_tokens_train_the_tied_student_rows_and_no_others() -> None:
    data = teacher_tokens()
    tied = model(tie_shared=True)
    tied(**data)["teacher"].total.backward()
    assert rows_with_gradient(tied.student_embeddings.weight) == set(range(5, 15))
    assert rows_with_gradient(tied.teacher_embeddings.weight).isdisjoint(range(20, 30))
    apart = model()
    apart(**data)["teacher"].total.backward()
    assert rows_with_gradient(apart.student_embeddings.weight) == set()


def test_pairs_alone_change_nothing() -> None:
    data = batch()
    found, without = model()(**data), model(shared=None)(**data)
    assert found.keys() == without.keys() == {"teacher", "student"}
    assert all(torch.equal(found[name].total, without[name].total) for name in found)


def test_agreement_position_by_position() -> None:
    asked, data = model(agreement=0.7), batch()
    states = asked.transform(asked.encode(data["ids"], data["student"])).detach()
    raised, table = asked.raised().detach(), asked.teacher_embeddings.weight.detach()
    total, count = 0.0, 0
    for b, t in torch.nonzero(data["labels"] != -100).tolist():
        known = range(5, 15) if data["student"][b, t] else range(20, 30)
        if int(data["labels"][b, t]) not in known:
            continue
        target = (table[20:30] @ states[b, t] + asked.teacher_bias[20:30].detach()).softmax(dim=0)
        answer = (raised[5:15] @ states[b, t] + asked.student_bias[5:15].detach()).softmax(dim=0)
        total += float((target * (target / answer).log()).sum())
        count += 1
    part = asked(**data)["agreement"]
    assert 0 < count < int((data["labels"] != -100).sum())
    assert float(part.total.detach()) == pytest.approx(total, rel=1e-3)
    assert int(part.positions) == count
    assert (part.weight, part.scored) == (0.7, False)


def test_agreement_teaches_the_student_side_alone() -> None:
    asked = model(agreement=1.0)
    data = batch()
    # Student tokens alone: the teacher's rows could have a gradient from its softmax only.
    data["ids"], data["student"] = data["ids"] % V_S, torch.ones_like(data["student"])
    data["labels"] = torch.full_like(data["ids"], 7)
    asked(**data)["agreement"].total.backward()
    assert asked.teacher_bias.grad is None
    assert rows_with_gradient(asked.teacher_embeddings.weight) == set()
    assert set(range(5, 15)) <= rows_with_gradient(asked.student_embeddings.weight)


def test_agreement_is_minimised_and_reported_but_no_part_of_equation_one() -> None:
    data = batch()
    plain, asked = model()(**data), model(agreement=0.5)(**data)
    assert average([asked])["loss"] == average([plain])["loss"]
    mean = float((asked["agreement"].total / asked["agreement"].positions).detach())
    assert average([asked])["agreement"] == pytest.approx(mean)
    assert float(mean_loss(asked)) == pytest.approx(float(mean_loss(plain)) + 0.5 * mean)


@pytest.mark.parametrize("more", [{"tie_shared": True}, {"agreement": 1.0}])
def test_without_pairs_there_is_nothing_to_tie(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="pairs"):
        model(shared=None, **more)
