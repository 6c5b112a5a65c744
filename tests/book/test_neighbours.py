"""Systems side by side: a row each, one budget a table, gains paired by seed, a title that holds for either sign."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import commit, scored, student

from mixvocab.sources.glue import layout
from mixvocab_book.show import neighbours
from mixvocab_book.show.neighbours import COSTS, GAINS, SCORES, WORTH, System

Records = list[dict[str, Any]]


def read(method: str, *losses: float, teacher: int = 0, **more: Any) -> Records:
    """A student a loss, one a seed; its teacher read so many tokens beforehand."""
    found = [student(method, seed, loss, **more) for seed, loss in enumerate(losses)]
    for one in found:
        one["metrics"]["spent"] |= {"teacher": {"tokens_read": teacher, "flops": 1e15}} if teacher else {}
    return found


def sst2(method: str, *values: float) -> Records:
    return [scored(method, seed, "SST-2", dev_accuracy=value) for seed, value in enumerate(values)]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Systems of records by place."""

    def made(**places: Records) -> list[System]:
        commit(monkeypatch, **places)
        return neighbours.recorded()

    return made


def test_without_records_there_is_nothing_to_show(recorded: Any) -> None:
    assert recorded() == []
    assert neighbours.costs([]) == neighbours.worth([]) == neighbours.gains([]) == []
    assert "none of ours" in neighbours.size_chart([]).title


def test_a_row_has_what_the_student_and_its_teacher_read_and_what_was_fine_tuned_from_it(recorded: Any) -> None:
    edge = {"metrics": {"latencies": [{"name": "L-6 H-96, int8", "threads": 1, "length": 16, "p50": 0.5}]}}
    found = recorded(
        students=[*read("nokd", 6.0, 6.1), *read("word-states", 5.0, teacher=3_000_000, left=0.05)],
        glue=sst2("nokd", 0.75, 0.77),
        edge=[edge],
    )
    nokd, taught = (
        dict(zip((*COSTS, *WORTH), (*cost, *worth), strict=True))
        for cost, worth in zip(neighbours.costs(found), neighbours.worth(found), strict=True)
    )
    assert (nokd["system"], nokd["seeds"], nokd["PFLOPs"]) == ("NoKD L-6 H-96", 2, "2")
    assert (nokd["teacher's tokens"], taught["teacher's tokens"]) == ("–", "3.0M")
    assert nokd["SST-2"].startswith("76.0 ±")
    assert (nokd["off the plateau after"], taught["off the plateau after"]) == ("not yet", "0.1M")
    assert (taught["PFLOPs"], taught["SST-2"], taught["ms a query"]) == ("3", "–", "0.50")
    assert max(len(COSTS), len(WORTH)) <= 9  # what a page of 1,280 points has room for
    assert len(found[0].records) == 4  # of the student and of its models


def test_one_table_has_one_budget_that_of_most_methods(recorded: Any) -> None:
    found = recorded(students=[*read("nokd", 6.0), *read("pca", 5.0), *read("nokd", 4.0, steps=1000)])
    assert [(one.student.model.method, one.student.model.read) for one in found] == [
        ("nokd", 100_000),
        ("pca", 100_000),
    ]


def test_gains_are_paired_by_seed_and_said_only_where_both_are_known(recorded: Any) -> None:
    found = recorded(
        students=[*read("nokd", 6.0, 6.2), *read("pca", 5.0, 5.2)],
        glue=[*sst2("nokd", 0.70, 0.80), *sst2("pca", 0.69, 0.79)],
    )
    (row,) = neighbours.gains(found)
    told = dict(zip(GAINS, row, strict=True))
    assert told["gain: whole words"] == "+1.00 ± 0.00 nats over 2 seeds: better"
    assert told["gain: SST-2"] == "-1.0 ± 0.0 points over 2 seeds: worse"
    assert told["gain: slot F1"] == "–"


def costing(pflops: float, found: Records) -> Records:
    for one in found:
        one["metrics"]["spent"] = {"stage two": {"tokens_read": 100_000, "flops": pflops * 1e15}}
    return found


def test_at_equal_cost_nokd_is_read_between_its_budgets_and_not_beyond_them(recorded: Any) -> None:
    nokd = [*costing(1, read("nokd", 6.0)), *costing(100, read("nokd", 4.0, steps=1000, profile="gpu"))]
    other = costing(100, read("nokd", 1.0, steps=1000, text="b" * 64))  # of another text
    systems = [*costing(10, read("vanilla", 5.5)), *costing(200, read("tinybert", 3.0)), *costing(1, read("pca", 5.0))]
    rows = {row[0]: row[1:] for row in neighbours.at_equal_cost(recorded(students=[*nokd, *other, *systems]))}
    assert rows == {
        "PCA L-6 H-96": ["1", "6.50", "7.50", "+1.00"],
        "vanilla, 30K L-6 H-96": ["10", "7.00", "6.50", "-0.50"],
        "TinyBERT L-6 H-96": ["200", "4.50", "–", "–"],
    }


@pytest.mark.parametrize("value", [0.7, 0.99])
def test_the_title_has_our_best_beside_the_best_published_that_is_no_larger(recorded: Any, value: float) -> None:
    found = recorded(students=read("nokd", 6.0), glue=sst2("nokd", value))
    chart = neighbours.size_chart(found)
    assert chart.title == (
        f"Ours, NoKD: SST-2 {100 * value:.1f} in 1.2 MB;\nof published models no larger TS-Mixer large has 84.9"
    )
    assert [series.hollow for series in chart.series] == [True, False]


def test_published_rows_name_their_source_and_known_scores_alone() -> None:
    rows = neighbours.printed()
    assert len({row[0] for row in rows}) == len(rows)
    assert all(len(row) == len(neighbours.PRINTED) + 3 and row[-1] for row in rows)
    known = {"parameters", "source", *neighbours.PRINTED}
    assert all(set(row) <= known for _, _, row in neighbours._published())
    assert all(layout(task).folder == task for task, _ in SCORES.values() if task)
