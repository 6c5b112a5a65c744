"""Means over seeds with intervals, and differences between runs that share their seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds with the half-width of its 95 % interval; with one seed there is no interval (nan)."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width

    def __str__(self) -> str:
        if self.n < 2:
            return f"{self.mean:.3f} (one seed)"
        return f"{self.mean:.3f} ± {self.half_width:.3f}"

    def below(self, other: Estimate) -> bool:
        """Whether this interval lies wholly below the other; never true of single seeds."""
        return self.high < other.low


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % interval by Student's t, which is honest about few seeds: with three it spans 2.5 deviations."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Estimate(mean, math.nan, n)
    from scipy.stats import t

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, float(t.ppf(0.975, n - 1)) * deviation / math.sqrt(n), n)


def paired(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """The difference first - second of runs that share seed and data order, pair by pair."""
    return estimate([a - b for a, b in zip(first, second, strict=True)])
