"""Intervals over seeds and held-out rows: against scipy, by hand, and by how often they hold on simulated data."""

import math

import numpy as np
import pytest
from scipy import stats

import mixvocab.evaluate.stats
from mixvocab.evaluate.stats import (
    Comparison,
    Estimate,
    bootstrap,
    compare,
    corrected,
    estimate,
    pooled_noise,
    score,
)

ROWS = 48


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixvocab.evaluate.stats, "RESAMPLES", 300)


def test_interval_is_students_t() -> None:
    values = [5.1, 5.3, 5.2]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    found = estimate(values)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_seed_has_no_interval() -> None:
    assert math.isnan(estimate([1.0]).half_width)
    assert str(estimate([1.0])) == "1.000 (one seed)"
    assert str(estimate([1.0, 1.0])) == "1.000 ± 0.000"


def test_an_interval_of_many_is_wider() -> None:
    values = [5.1, 5.3, 5.2]
    one, eight = estimate(values, level=corrected(1)), estimate(values, level=corrected(8))
    assert one == estimate(values)
    low, _ = stats.t.interval(1 - 0.05 / 8, 2, loc=np.mean(values), scale=stats.sem(values))
    assert eight.low == pytest.approx(low)


def scored(*means: float, counts: int = 4) -> list[np.ndarray]:
    """Rows around each seed's mean, with the same ups and downs in every seed."""
    rows = np.linspace(-1, 1, ROWS)
    return [np.stack([(mean + rows) * counts, np.full(ROWS, counts)], axis=1) for mean in means]


def nothing(scores: list[np.ndarray]) -> list[np.ndarray]:
    """What to subtract when a mean itself is looked at."""
    return [np.ones_like(rows) * [0, 1] for rows in scores]


def test_same_generator_same_interval() -> None:
    scores = scored(5.0, 5.1, 5.3)
    low, high = bootstrap(scores, nothing(scores), rng=np.random.default_rng(4))
    assert (low, high) == bootstrap(scores, nothing(scores), rng=np.random.default_rng(4))
    assert (low, high) != bootstrap(scores, nothing(scores), rng=np.random.default_rng(5))
    assert low < 5.13 < high


def test_one_seed_draws_rows_alone() -> None:
    low, high = bootstrap(scored(5.0), nothing(scored(5.0)), rng=np.random.default_rng(0))
    spread = np.linspace(-1, 1, ROWS).std() / math.sqrt(ROWS)
    assert (high - low) / 2 == pytest.approx(1.96 * spread, rel=0.1)


def test_seeds_are_drawn_too_and_widened_for_being_few() -> None:
    means = [4.0, 5.0, 6.0]
    flat = [np.stack([np.full(ROWS, mean), np.ones(ROWS)], axis=1) for mean in means]  # no variation between rows
    # Three of three drawn have a mean in 4 ... 6; the distance from 5 grows by sqrt(3/2).
    expected = (5 - math.sqrt(1.5), 5 + math.sqrt(1.5))
    assert bootstrap(flat, nothing(flat), rng=np.random.default_rng(0), level=0.99) == pytest.approx(expected)


def test_a_score_weighs_rows_by_their_words() -> None:
    rows = np.array([[10.0, 1], [2.0, 2]])
    assert score(rows) == pytest.approx(4.0)
    ends = bootstrap([rows], nothing([rows]), rng=np.random.default_rng(0), level=0.9999)
    assert ends == pytest.approx((1.0, 10.0))


def test_pairing_cancels_rows_that_are_hard_for_both() -> None:
    first, second = scored(5.0, 5.2, 5.1), scored(5.1, 5.3, 5.2)
    low, high = bootstrap(first, nothing(first), rng=np.random.default_rng(0))
    assert high - low > 0.1
    assert bootstrap(first, second, rng=np.random.default_rng(0)) == pytest.approx((-0.1, -0.1))


def students(rng: np.random.Generator, seeds: int, effect: float, by_seed: float, by_row: float) -> tuple[dict, dict]:
    """Two students whose difference varies from seed to seed and from row to row."""
    row, first, second = rng.normal(0, by_row, ROWS), {}, {}
    for seed in range(seeds):
        base, noise = rng.normal(5, 1), rng.normal(0, 0.1, (2, ROWS))
        mean = base + effect + rng.normal(0, by_seed) + row
        first[seed] = np.stack([(mean + noise[0]) * 4, np.full(ROWS, 4)], axis=1)
        second[seed] = np.stack([(base + noise[1]) * 4, np.full(ROWS, 4)], axis=1)
    return first, second


def held(seeds: int, by_seed: float, by_row: float, effect: float = 0.0, runs: int = 400) -> tuple[float, float, float]:
    """How often t interval and bootstrap hold the true effect, and how often a finding is declared."""
    rng = np.random.default_rng(2021)
    found = [compare(*students(rng, seeds, effect, by_seed, by_row), m=1, rng=rng) for _ in range(runs)]
    t = np.mean([c.estimate.low <= effect <= c.estimate.high for c in found])
    drawn = np.mean([c.low <= effect <= c.high for c in found])
    return float(t), float(drawn), float(np.mean([c.finding for c in found]))


@pytest.mark.usefixtures("few_resamples")
def test_t_holds_where_seeds_differ_and_the_bootstrap_where_rows_do() -> None:
    t, _, findings = held(3, by_seed=0.2, by_row=0.0)
    assert t == pytest.approx(0.95, abs=0.03)
    assert findings < 0.08
    t, drawn, findings = held(3, by_seed=0.02, by_row=1.0)
    assert t < 0.5  # three seeds on one text agree on what is chance of that text
    assert drawn == pytest.approx(0.94, abs=0.04)
    assert findings < 0.08


@pytest.mark.usefixtures("few_resamples")
def test_the_bootstrap_holds_with_many_seeds_and_an_effect_is_found_with_few() -> None:
    _, drawn, _ = held(12, by_seed=0.2, by_row=0.5)
    assert drawn == pytest.approx(0.94, abs=0.04)
    *_, findings = held(3, by_seed=0.02, by_row=0.1, effect=0.5, runs=100)
    assert findings > 0.95


@pytest.mark.usefixtures("few_resamples")
def test_one_false_finding_in_twenty_families_not_in_twenty_comparisons() -> None:
    rng, m = np.random.default_rng(7), 6
    families = [[compare(*students(rng, 4, 0.0, 0.2, 0.2), m=m, rng=rng) for _ in range(m)] for _ in range(150)]
    assert np.mean([any(c.finding for c in family) for family in families]) < 0.09


def test_pooled_noise_is_what_cells_and_seeds_leave() -> None:
    values = [[1.0, 2.0, 3.0], [2.0, 3.0, 4.5], [0.0, 1.5, 2.0]]
    found = pooled_noise(values)
    assert found is not None
    assert found.freedom == 4
    # By hand: the mean squares of a two-way analysis of variance without interaction.
    table = np.array(values)
    total = ((table - table.mean()) ** 2).sum()
    rows, columns = (3 * ((table.mean(axis=axis) - table.mean()) ** 2).sum() for axis in (1, 0))
    assert found.deviation**2 * 4 == pytest.approx(total - rows - columns)
    assert pooled_noise([[1.0, 2.0]]) is None
    assert pooled_noise([[1.0], [2.0]]) is None


def test_pooled_intervals_hold_together_and_find_what_three_seeds_alone_cannot() -> None:
    rng, cells, m, effect = np.random.default_rng(11), 8, 7, 0.1
    held_all, own, pooled = [], [], []
    for _ in range(300):
        values = rng.normal(0, 0.5, 3) + rng.normal(0, 0.02, (cells, 3))
        values[1] += effect
        noise = pooled_noise(values.tolist())
        assert noise is not None
        half = noise.half_width(3, corrected(m))
        differences = (values[1:] - values[0]).mean(axis=1) - np.array([effect, *[0.0] * 6])
        held_all.append((np.abs(differences) <= half).all())
        alone = estimate((values[1] - values[0]).tolist(), level=corrected(m))
        own.append(alone.low > 0)
        pooled.append(alone.mean > half)
    assert np.mean(held_all) > 0.94
    assert np.mean(pooled) > 0.9
    assert np.mean(own) < 0.5


def test_shared_seeds_alone_are_compared() -> None:
    first, second = students(np.random.default_rng(0), 4, 0.5, 0.01, 0.01)
    del first[0], second[3]
    found = compare(first, second, m=2, rng=np.random.default_rng(0))
    assert found.estimate.n == 2
    assert found.estimate.mean == pytest.approx(np.mean([score(first[s]) - score(second[s]) for s in (1, 2)]))
    assert compare({0: first[1]}, {1: first[1]}, m=1, rng=np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("mean", "half_width", "low", "high", "n", "verdict"),
    [
        (-0.031, 0.003, -0.035, -0.028, 3, "0.031 ± 0.003 nats lower"),
        (0.031, 0.003, 0.027, 0.036, 3, "0.031 ± 0.004 nats higher"),
        (0.031, 0.040, 0.027, 0.036, 3, "no difference found at this scale (± 0.040)"),
        (0.031, 0.003, -0.02, 0.036, 3, "no difference found at this scale (± 0.051)"),
        (0.5, math.nan, 0.4, 0.6, 1, "+0.500 nats with one seed"),
    ],
)
def test_what_may_be_said(mean: float, half_width: float, low: float, high: float, n: int, verdict: str) -> None:
    found = Comparison(Estimate(mean, half_width, n), low, high)
    assert found.verdict() == verdict
    assert found.finding == verdict.endswith(("lower", "higher"))
