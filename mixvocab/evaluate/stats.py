"""Means over seeds with intervals, differences between runs that share their seeds, and what may be said of them.

Two intervals stand beside each other. Student's t over seeds takes the held-out text as given; the bootstrap draws
seeds and held-out rows anew and so speaks of other text, too, but is too hopeful with few seeds. A difference is
called a finding where both exclude zero, each corrected for all comparisons of its family.

With three seeds a difference knows its own deviation by two degrees of freedom, which is next to nothing. A family that
shares its seeds is a randomised block design: what is left of a value without its cell's mean and its seed's is noise
of the same kind in all cells, and pooled it has (cells - 1)(seeds - 1) degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

RESAMPLES = 2000
FAMILY_ERROR = 0.05  # probability of any false finding among the comparisons of one family


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds with the half-width of its interval; with one seed there is no interval (nan)."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (" (one seed)" if self.n < 2 else f" ± {self.half_width:.3f}")


def estimate(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """Mean and interval by Student's t, which is honest about few seeds: with three, 95% span 2.5 deviations."""
    n = len(values)
    half_width = _t(level, n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return Estimate(float(np.mean(values)), half_width, n)


def corrected(comparisons: int) -> float:
    """The level at which each of so many intervals is to be drawn so that all hold together (Bonferroni)."""
    return 1 - FAMILY_ERROR / max(1, comparisons)


@dataclass(frozen=True)
class Noise:
    """The deviation of single values beside their cell's and their seed's share, pooled over a family."""

    deviation: float
    freedom: int  # degrees of freedom

    def half_width(self, n: int, level: float) -> float:
        """Of the interval of a difference between two cells that share n seeds."""
        return _t(level, self.freedom) * self.deviation * math.sqrt(2 / n)


def pooled_noise(values: Sequence[Sequence[float]]) -> Noise | None:
    """The noise of a family: `values` holds a row a cell and a column a seed; None with fewer than two of either.

    It takes the cells' deviations as equal, as the analysis of variance does.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        return None
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Noise(math.sqrt(float((residual**2).sum()) / freedom), freedom)


def bootstrap(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], *, rng: np.random.Generator, level: float = 0.95
) -> tuple[float, float]:
    """Both ends of the interval of the difference first - second, from seeds and rows drawn anew.

    Each holds one array (rows, 2) a seed, summed nats and their number; a seed's score is nats a word. Each resample
    draws rows, the same for all seeds since all seeds are scored on the same text, and then seeds. What the draw of
    seeds moves is widened by sqrt(n / (n - 1)): n drawn of n vary less than the n themselves do.
    """
    rows, n = len(first[0]), len(first)
    drawn = rng.integers(rows, size=(RESAMPLES, rows)) + rows * np.arange(RESAMPLES)[:, None]
    # How often each row is in each resample: (resamples, rows).
    draws = np.bincount(drawn.ravel(), minlength=rows * RESAMPLES).reshape(RESAMPLES, rows).astype(np.float64)
    values = _resampled(first, draws) - _resampled(second, draws)
    means = values.mean(axis=1)
    if n > 1:
        chosen = np.take_along_axis(values, rng.integers(n, size=values.shape), axis=1).mean(axis=1)
        means = means + math.sqrt(n / (n - 1)) * (chosen - means)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Comparison:
    """The difference first - second over the seeds that both have, one of the comparisons of a family."""

    estimate: Estimate  # with the corrected t interval over seeds
    low: float  # ends of the bootstrap interval at the same level
    high: float

    @property
    def finding(self) -> bool:
        """Whether both intervals exclude zero; never with one seed."""
        return self.estimate.n >= 2 and (min(self.estimate.low, self.low) > 0 or max(self.estimate.high, self.high) < 0)

    @property
    def margin(self) -> float:
        """The wider of the two intervals, from the mean: of a finding on the side towards zero; nan with one seed."""
        sides = [self.estimate.mean - self.low, self.high - self.estimate.mean]
        if self.finding:
            sides = sides[1:] if self.estimate.mean < 0 else sides[:1]
        return max(self.estimate.half_width, *sides)  # nan stays nan

    def verdict(self, unit: str = "nats") -> str:
        """What may be said: "0.031 ± 0.004 nats lower", that no difference was found, or what one seed gave."""
        if self.estimate.n < 2:
            return f"{self.estimate.mean:+.3f} {unit} with one seed"
        if not self.finding:
            return f"no difference found at this scale (± {self.margin:.3f})"
        mean = self.estimate.mean
        return f"{abs(mean):.3f} ± {self.margin:.3f} {unit} {'lower' if mean < 0 else 'higher'}"


def compare(
    first: Mapping[int, np.ndarray],
    second: Mapping[int, np.ndarray],
    *,
    m: int,
    rng: np.random.Generator,
    noise: Noise | None = None,
) -> Comparison | None:
    """Compare two students, seed by seed, on the same held-out rows; None if no seed has both.

    `first`, `second`: seed -> (rows, 2) summed nats and their number. `m`: the comparisons of the family, this one
    included. `noise`: of the family; None: the differences' own deviation.
    """
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    level, pairs = corrected(m), [(first[seed], second[seed]) for seed in shared]
    difference = estimate([score(ours) - score(theirs) for ours, theirs in pairs], level=level)
    if noise is not None and difference.n > 1:
        difference = replace(difference, half_width=noise.half_width(difference.n, level))
    return Comparison(difference, *bootstrap(*zip(*pairs, strict=True), rng=rng, level=level))


def score(rows: np.ndarray) -> float:
    """The score of one seed: nats over their number, from an array (rows, 2)."""
    return float(rows[:, 0].sum() / rows[:, 1].sum())


def _resampled(scores: Sequence[np.ndarray], draws: np.ndarray) -> np.ndarray:
    """The score of every seed in every resample, (resamples, seeds)."""
    table = np.stack(scores)
    return (draws @ table[:, :, 0].T) / (draws @ table[:, :, 1].T)


def _t(level: float, freedom: int) -> float:
    """Half of the interval that holds the share `level` of Student's t, in deviations."""
    from scipy.stats import t  # the library alone does without scipy

    return float(t.ppf((1 + level) / 2, freedom))
