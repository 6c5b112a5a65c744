"""Losses by what stood at the place, against a count by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mixvocab.distill.fates import losses_by_fate
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import new_student
from mixvocab.text.mixing import Batch

MASK = 4


def test_each_position_counts_for_what_the_student_saw() -> None:
    student = new_student(BertShape(1, 8, 20, heads=2), generator=torch.Generator().manual_seed(0))
    student.train()
    labels = np.array([[-100, 7, 8, 9, -100, -100], [-100, 10, -100, 11, 12, -100]])
    ids = np.array([[2, MASK, 8, 15, 6, 3], [2, MASK, 9, 11, 5, 3]])
    real = np.ones(ids.shape, bool)
    found = losses_by_fate(student, [Batch(ids, real, labels, real)], MASK)
    assert student.training
    student.eval()
    with torch.no_grad():
        scores = student(torch.from_numpy(ids)).logits.log_softmax(dim=2)
    by_hand = {
        "masked": [-scores[0, 1, 7], -scores[1, 1, 10]],
        "kept": [-scores[0, 2, 8], -scores[1, 3, 11]],
        "replaced": [-scores[0, 3, 9], -scores[1, 4, 12]],
    }
    for name, values in by_hand.items():
        assert found[name] == pytest.approx(float(sum(values)) / 2, rel=1e-5)


def test_a_fate_that_does_not_occur_is_not_a_number() -> None:
    student = new_student(BertShape(1, 8, 20, heads=2), generator=torch.Generator().manual_seed(0))
    ids, real = np.array([[2, MASK, 3]]), np.ones((1, 3), bool)
    found = losses_by_fate(student, [Batch(ids, real, np.array([[-100, 7, -100]]), real)], MASK)
    assert found["masked"] > 0
    assert np.isnan(found["kept"])
