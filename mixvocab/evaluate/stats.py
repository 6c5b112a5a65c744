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


def estimate(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """Mean and interval by Student's t, which is honest about few seeds: with three, 95 % span 2.5 deviations."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Estimate(mean, math.nan, n)
    from scipy.stats import t

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, float(t.ppf((1 + level) / 2, n - 1)) * deviation / math.sqrt(n), n)


def paired(first: Sequence[float], second: Sequence[float], *, level: float = 0.95) -> Estimate:
    """The difference first - second of runs that share seed and data order, pair by pair."""
    return estimate([a - b for a, b in zip(first, second, strict=True)], level=level)


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
        from scipy.stats import t

        return float(t.ppf((1 + level) / 2, self.freedom)) * self.deviation * math.sqrt(2 / n)


def pooled_noise(values: Sequence[Sequence[float]]) -> Noise | None:
    """The noise of a family: `values` holds a row a cell and a column a seed; None with fewer than two of either.

    It takes the cells' deviations as equal, as the analysis of variance does.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        return None
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Noise(math.sqrt(float((left**2).sum()) / freedom), freedom)


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval over n seeds; with one seed only the held-out rows were drawn anew."""

    low: float
    high: float
    n: int

    @property
    def about(self) -> str:
        """What was drawn anew, and so what the interval speaks of."""
        return "held-out rows of one seed" if self.n < 2 else f"{self.n} seeds and their held-out rows"

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"


def bootstrap(
    scores: Sequence[np.ndarray],
    *,
    rng: np.random.Generator,
    minus: Sequence[np.ndarray] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interval of a mean score, or of a paired difference, from seeds and rows drawn anew.

    A seed's score is the sum of its first column over that of its second: nats a word. Each resample draws rows,
    the same for all seeds since all seeds are scored on the same text, and then seeds. What the draw of seeds moves
    is widened by sqrt(n / (n - 1)): n drawn of n vary less than the n themselves do.

    Args:
        scores: one array (rows, 2) a seed: summed nats and their number.
        minus: what is subtracted, in the same seeds and rows; None: nothing.
        level: share of the resamples inside the interval.
    """
    values = _resampled(scores, (draws := _row_draws(len(scores[0]), resamples, rng)))
    if minus is not None:
        values = values - _resampled(minus, draws)
    n = values.shape[1]
    whole = values.mean(axis=1)
    if n > 1:
        chosen = np.take_along_axis(values, rng.integers(n, size=values.shape), axis=1).mean(axis=1)
        whole = whole + math.sqrt(n / (n - 1)) * (chosen - whole)
    low, high = np.quantile(whole, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), n)


def _row_draws(rows: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row is in each resample: (resamples, rows), every line adding up to `rows`."""
    drawn = rng.integers(rows, size=(resamples, rows)) + rows * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * resamples).reshape(resamples, rows).astype(np.float64)


def _resampled(scores: Sequence[np.ndarray], draws: np.ndarray) -> np.ndarray:
    """The score of every seed in every resample, (resamples, seeds)."""
    table = np.stack([np.asarray(one, dtype=np.float64) for one in scores])
    return (draws @ table[:, :, 0].T) / (draws @ table[:, :, 1].T)


@dataclass(frozen=True)
class Comparison:
    """The difference first - second over the seeds that both have, one of m comparisons of a family."""

    estimate: Estimate  # with the corrected t interval over seeds
    bootstrap: Interval  # at the same level
    m: int

    @property
    def n(self) -> int:
        """Seeds that both have."""
        return self.estimate.n

    @property
    def finding(self) -> bool:
        """Whether both intervals exclude zero; never with one seed."""
        apart = [part.low > 0 or part.high < 0 for part in (self.estimate, self.bootstrap)]
        return self.n >= 2 and all(apart)

    @property
    def margin(self) -> float:
        """The wider of the two intervals, as a distance from the mean; nan with one seed.

        Of a finding only the side towards zero counts, so that its margin is always less than its mean.
        """
        if self.n < 2:
            return math.nan
        mean = self.estimate.mean
        below, above = mean - self.bootstrap.low, self.bootstrap.high - mean
        if self.finding:
            return max(self.estimate.half_width, below if mean > 0 else above)
        return max(self.estimate.half_width, below, above)

    def verdict(self, unit: str = "nats", *, less: str = "lower", more: str = "higher") -> str:
        """What may be said: "0.031 ± 0.004 nats lower", or that no difference was found, or that nothing is claimed."""
        if self.n < 2:
            return "one seed: nothing is claimed"
        if not self.finding:
            return f"no difference found at this scale (± {self.margin:.3f})"
        mean = self.estimate.mean
        return f"{abs(mean):.3f} ± {self.margin:.3f} {unit} {less if mean < 0 else more}"


def compare(
    first: Mapping[int, np.ndarray],
    second: Mapping[int, np.ndarray],
    *,
    m: int,
    rng: np.random.Generator,
    noise: Noise | None = None,
    resamples: int = RESAMPLES,
) -> Comparison | None:
    """Compare two students, seed by seed, on the same held-out rows; None if no seed has both.

    Args:
        first, second: seed -> (rows, 2) summed nats and their number, as for `bootstrap`.
        m: how many comparisons are made in the family, this one included.
        noise: of the family; None: the differences' own deviation.
    """
    shared = sorted(set(first) & set(second))
    if not shared:
        return None
    level = corrected(m)
    ones, others = [first[seed] for seed in shared], [second[seed] for seed in shared]
    difference = paired([score(one) for one in ones], [score(other) for other in others], level=level)
    if noise is not None and difference.n > 1:
        difference = replace(difference, half_width=noise.half_width(difference.n, level))
    return Comparison(difference, bootstrap(ones, minus=others, rng=rng, level=level, resamples=resamples), m)


def score(rows: np.ndarray) -> float:
    """The score of one seed: nats over their number, from an array (rows, 2)."""
    return float(rows[:, 0].sum() / rows[:, 1].sum())
