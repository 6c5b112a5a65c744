"""Pieces that both vocabularies have: which rows are tied, and who trains them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from mixvocab.distill.mixed_vocab import MixedTeacher
from mixvocab.models.init import random_init

V_T, V_S, D, SMALL = 40, 25, 16, 6
# Student pieces 5 to 14 are the teacher's 20 to 29; all others are each vocabulary's own.
SHARED = torch.stack([torch.arange(5, 15), torch.arange(20, 30)], dim=1)


def model(**more: Any) -> MixedTeacher:
    config = BertConfig(
        vocab_size=V_T, hidden_size=D, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    init = random_init(V_S, SMALL, D, generator=torch.Generator().manual_seed(1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MixedTeacher(BertForMaskedLM(config), init, **{"shared": SHARED} | more).eval()


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
    tied = model()
    ids = torch.arange(V_T)[None]
    read = tied.embed(ids, torch.zeros_like(ids, dtype=torch.bool))[0][0]
    raised = tied.up_projected()
    for piece in range(V_T):
        expected = raised[piece - 15] if 20 <= piece < 30 else tied.teacher_embeddings.weight[piece]
        torch.testing.assert_close(read[piece], expected)


def test_both_softmaxes_score_a_tied_piece_by_one_vector() -> None:
    tied = model()
    table, rows = tied.output_tables(tied.teacher_embeddings.weight)
    assert torch.equal(table[SHARED[:, 1]], rows[SHARED[:, 0]])
    others = [piece for piece in range(V_T) if not 20 <= piece < 30]
    assert torch.equal(table[others], tied.teacher_embeddings.weight[others])


def test_the_teachers_own_rows_of_tied_pieces_are_not_used() -> None:
    tied, data = model(), batch()
    before = tied(**data)
    with torch.no_grad():
        tied.teacher_embeddings.weight[SHARED[:, 1]] = 99.0
    after = tied(**data)
    assert all(torch.equal(before[name].total, after[name].total) for name in before)


def test_teacher_tokens_train_the_tied_student_rows_and_no_others() -> None:
    data = teacher_tokens()
    tied = model()
    tied(**data)["teacher"].total.backward()
    assert rows_with_gradient(tied.student_embeddings.weight) == set(range(5, 15))
    assert rows_with_gradient(tied.teacher_embeddings.weight).isdisjoint(range(20, 30))
    apart = model(shared=None)
    apart(**data)["teacher"].total.backward()
    assert rows_with_gradient(apart.student_embeddings.weight) == set()
