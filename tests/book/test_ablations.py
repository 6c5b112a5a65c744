"""Answers of a sweep: rows with intervals, differences paired by seed, titles that say no more than the data."""

from __future__ import annotations

import numpy as np
import pytest
from answered import FRESH, LOST, PCA, cell, record, results

from mixvocab_book.sweep.grid import Cell, Experiment, Grid
from mixvocab_book.sweep.results import (
    HEADERS,
    Answer,
    Results,
    Row,
    answers,
    plain_table,
    table_note,
    table_rows,
    told_guessing,
)


def row_of(answer: Answer, label: str) -> Row:
    return next(row for row in answer.rows if row.cell.label == label)


def test_a_finding_is_named_and_nothing_else() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    assert answer.comparisons == 3  # the missing one is of the family, too
    assert [row.verdict for row in answer.rows] == [
        "baseline",
        f"0.100 ± {row_of(answer, 'PCA').comparison.margin:.3f} nats a word lower",
        f"no difference found at this scale (± {row_of(answer, 'both').comparison.margin:.3f})",
        "missing",
    ]
    assert answer.title == f"init, PCA: {row_of(answer, 'PCA').verdict} than fresh; 1 of 2 differ"
    assert answer.told_missing == "Missing: lost (0 of 3 seeds)"
    assert [row.cell.label for row in answer.findings] == ["PCA"]
    assert "98.3 % intervals (comparisons: 3)" in table_note(answer)


def test_no_finding_no_claim() -> None:
    (answer,) = answers(results(fresh=6.0, both=5.95))
    assert answer.title.startswith("No difference found at this scale (± 0.1")
    (answer,) = answers(results(seeds=1, fresh=6.0, PCA=5.0))
    assert answer.title == "init, PCA: -1.000 nats a word with one seed, against fresh"
    (answer,) = answers(results(PCA=5.0))
    assert answer.title == "init: nothing to compare yet"
    assert row_of(answer, "PCA").verdict == "its baseline is missing"


def test_several_findings_are_counted() -> None:
    both = results(fresh=6.0, PCA=5.9)
    more = {(LOST.key, seed): record(5.0, seed) for seed in range(3)}
    (answer,) = answers(Results(both.grid, both.seeds, {**both.records, **more}))
    assert answer.title == "init, lost: 1.000 ± 0.004 nats a word lower than fresh; 2 of 2 differ"


def test_only_seeds_of_both_are_compared() -> None:
    found = results(fresh=6.0, PCA=5.9)
    del found.records[PCA.key, 0]
    (answer,) = answers(found)
    row = row_of(answer, "PCA")
    assert (row.comparison.estimate.n, len(row.records)) == (2, 2)
    assert table_rows(answer)[1][:2] == ["PCA", "2"]


def test_the_same_student_is_not_compared_with_itself() -> None:
    twin = Cell("twin", "", None, "mixed", FRESH.settings, FRESH.profile)
    found = results(fresh=6.0, PCA=5.9)
    experiment = Experiment("e", "?", None, None, "", "fresh", (FRESH, twin, PCA))
    (answer,) = answers(Results(Grid(3, (experiment,)), found.seeds, found.records))
    assert answer.comparisons == 1
    assert row_of(answer, "twin").verdict == "baseline"


def test_lines_over_an_axis() -> None:
    cells = tuple(
        cell(f"{line}, {value}", line, value, **{"stage_one.steps": value, "stage_two.steps": i + 1})
        for i, line in enumerate(("a", "b"))
        for value in (0, 5)
    )
    found = {(one.key, 0): record(5.0, 0) for one in cells[:3]}
    experiment = Experiment("e", "?", None, None, "", "b", cells)
    (answer,) = answers(Results(Grid(1, (experiment,)), (0,), found))
    assert {line: [row.cell.value for row in rows] for line, rows in answer.lines().items()} == {"a": [0, 5], "b": [0]}
    assert [row.baseline.label if row.baseline else None for row in answer.rows] == ["b, 0", "b, 5", None, None]


def test_spending_is_the_mean_over_seeds_by_stage() -> None:
    (answer,) = answers(results(fresh=6.0))
    row = row_of(answer, "fresh")
    assert row.spent("flops") == pytest.approx(4e15)
    assert row.spent("flops", "stage one") == pytest.approx(1e15)
    assert np.isnan(row_of(answer, "lost").spent("flops"))


def test_tables_name_what_is_missing_hold_no_times_and_are_the_same_each_time() -> None:
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    (answer,) = answers(found)
    rows = table_rows(answer)
    assert all(len(row) == len(HEADERS) for row in rows)
    assert rows[3][:3] == ["lost", "0", "missing"]
    table = plain_table(found)
    assert table == plain_table(found)
    assert "init: Which init?\n  init, PCA: 0.100" in table
    assert "Missing: lost (0 of 3 seeds)" in table
    assert "1,234,567" in table
    slower = results(fresh=6.0, PCA=5.9, both=5.95)
    for one in slower.records.values():
        one["metrics"]["spent"]["stage two"]["seconds"] *= 3
    assert plain_table(slower) == table


def test_students_are_held_against_guessing() -> None:
    found = results(fresh=6.0, PCA=5.4)
    (answer,) = answers(found)
    told = told_guessing(answer)
    assert "pays 6.050 nats a word; the best student pays 5.500. 1 of 2 are not 0.5 nats below the guess" in told
    found.records[FRESH.key, 0]["metrics"]["guess"] = {"word": 6.5}  # of another vocabulary
    assert told_guessing(answer) == ""
