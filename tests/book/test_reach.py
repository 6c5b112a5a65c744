"""How much more text an aim takes: known where text has added something, and never more than the records say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from recorded import commit, scored

from mixvocab_book.show import neighbours, reach, told
from mixvocab_book.show.reach import Reach

AIM = 84.9  # of SST-2


def tuned(method: str, tokens: int, *scores: float, **more: Any) -> list[dict[str, Any]]:
    """Students of so many million tokens, a score of SST-2 in percent for each seed."""
    found = [scored(method, seed, "SST-2", dev_accuracy=score / 100) for seed, score in enumerate(scores)]
    for record in found:
        record["params"]["stage_two"] = {"steps": tokens, "batch_size": 1000}
        record["params"]["mixing"] = {"length": 1000}
        record |= more
    return found


@pytest.fixture
def of_sst2(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Reach]]:
    """What is known of these records of SST-2."""

    def known(*found: list[dict[str, Any]]) -> list[Reach]:
        commit(monkeypatch, glue_sst2=[record for records in found for record in records])
        return reach.recorded()

    return known


def test_every_aim_is_printed_somewhere() -> None:
    for aim in reach.AIMS:
        assert 50 < aim.value < 100
        assert aim.whose in {row[0] for row in neighbours.printed()}


def test_one_budget_has_no_line(of_sst2: Callable[..., list[Reach]]) -> None:
    assert of_sst2() == []
    assert of_sst2(tuned("pca", 10, 80.0, 81.0), tuned("nokd", 100, 80.0)) == []


def test_the_line_goes_through_budgets_and_is_drawn_on_to_the_aim(of_sst2: Callable[..., list[Reach]]) -> None:
    (known,) = of_sst2(tuned("pca", 1, 74.8, 75.0), tuned("pca", 10, 77.8, 78.0), tuned("pca", 100, 80.8, 81.0))
    assert known.gain.mean == pytest.approx(3)
    assert known.gain.half_width == pytest.approx(2.776 * (6 * 0.01 / 4) ** 0.5 / 4**0.5, rel=1e-3)  # t(4), Sxx = 4
    assert known.best.tokens(AIM, 3) == pytest.approx(100e6 * 10 ** (4 / 3), rel=1e-6)
    assert known.verdict() == "2,154M (1,615M to 2,975M)"
    dashed = known.chart().series[-1]
    assert (dashed.points[0].x, dashed.points[-1].y) == (1, pytest.approx(AIM))
    assert len(known.row()) == len(reach.HEADERS)


def test_budgets_of_two_profiles_are_of_one_line(of_sst2: Callable[..., list[Reach]]) -> None:
    (known,) = of_sst2(tuned("pca", 10, 80.0, 81.0), tuned("pca", 100, 82.0, 83.0, profile="gpu"))
    assert known.gain.mean == pytest.approx(2)


def test_what_is_reached_is_told_with_the_least_text(of_sst2: Callable[..., list[Reach]]) -> None:
    (known,) = of_sst2(tuned("pca", 10, 84.0), tuned("pca", 100, 85.0), tuned("pca", 1000, 86.0))
    assert known.verdict() == "reached with 100M"


@pytest.mark.parametrize("later", [80.0, 79.0])
def test_no_number_is_named_where_text_adds_nothing(of_sst2: Callable[..., list[Reach]], later: float) -> None:
    (known,) = of_sst2(tuned("pca", 10, 79.0, 81.0), tuned("pca", 100, later - 1, later + 1))
    assert known.verdict() == told.NOT_BY_TEXT
    assert known.chart().series[-1].points[-1].x == pytest.approx(reach.PAPER / 1e6)


def test_two_points_have_no_interval_and_name_no_number(of_sst2: Callable[..., list[Reach]]) -> None:
    (known,) = of_sst2(tuned("pca", 10, 79.0), tuned("pca", 100, 81.0))
    assert known.verdict() == told.NOT_BY_TEXT
    assert known.row()[4] == "+2.0"


def test_nothing_is_promised_beyond_the_papers_own_text(of_sst2: Callable[..., list[Reach]]) -> None:
    (known,) = of_sst2(tuned("pca", 10, 70.0, 70.1), tuned("pca", 100, 70.9, 71.0))
    assert known.verdict().startswith("more than the paper's own 78,643M")


def test_noise_is_pooled_over_all_students_of_a_task(of_sst2: Callable[..., list[Reach]]) -> None:
    quiet = [tuned("pca", 10, 80.0, 80.2), tuned("pca", 100, 82.0, 82.2)]
    (alone,) = of_sst2(*quiet)
    (beside,) = of_sst2(*quiet, tuned("nokd", 10, 70.0, 74.0), tuned("nokd", 100, 76.0, 80.0))
    assert beside.gain.mean == alone.gain.mean
    assert beside.gain.half_width > alone.gain.half_width
