"""Intervals over seeds against scipy and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from mixvocab.stats import estimate, paired


def test_interval_is_students_t() -> None:
    values = [5.1, 5.3, 5.2]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    found = estimate(values)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_seed_has_no_interval_and_proves_nothing() -> None:
    one = estimate([1.0])
    assert math.isnan(one.half_width)
    assert not one.below(estimate([2.0]))
    assert str(one) == "1.000 (one seed)"


def test_below_needs_disjoint_intervals() -> None:
    assert estimate([1.0, 1.1, 0.9]).below(estimate([2.0, 2.1, 1.9]))
    assert not estimate([1.0, 2.0, 3.0]).below(estimate([2.0, 3.0, 4.0]))


def test_pairs_cancel_what_seeds_share() -> None:
    first, second = [1.0, 5.0, 9.0], [1.1, 5.1, 9.1]
    assert paired(first, second).half_width == pytest.approx(0.0, abs=1e-9)
    assert paired(first, second).mean == pytest.approx(-0.1)
