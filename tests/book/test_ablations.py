"""Answers of a sweep: rows with intervals, differences paired by seed, titles that say no more than the data."""

from __future__ import annotations

import numpy as np
import pytest
from answered import FRESH, LOST, PCA, cell, record, results

from mixvocab_book.sweep.cell_records import Results
from mixvocab_book.sweep.cells import Cell, Experiment, Grid
from mixvocab_book.sweep.results import HEADERS, answers, plain_table, table_note, table_rows, told_guessing


def test_a_finding_is_named_and_nothing_else() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    assert answer.comparisons == 3  # the missing one is of the family, too
    assert [row.verdict for row in answer.rows] == [
        "baseline",
        f"0.100 ± {answer.row('PCA').comparison.margin:.3f} nats a word lower",
        f"no difference found at this scale (± {answer.row('both').comparison.margin:.3f})",
        "missing",
    ]
    assert answer.title == f"PCA: {answer.row('PCA').verdict} than fresh"
    assert answer.told_missing == "missing: lost (seed 0, 1, 2)"
    assert [row.cell.label for row in answer.findings] == ["PCA"]
    assert "98.3 % intervals for 3 comparisons" in table_note(answer)


def test_no_finding_no_claim() -> None:
    (answer,) = answers(results(fresh=6.0, both=5.95))
    assert answer.title.startswith("No difference found at this scale (± 0.1")
    (answer,) = answers(results(seeds=1, fresh=6.0, PCA=5.0))
    assert answer.title == "One seed: nothing is claimed"
    (answer,) = answers(results(PCA=5.0))
    assert answer.title == "start: nothing to compare yet"
    assert answer.row("PCA").verdict == "its baseline is missing"


def test_several_findings_are_counted() -> None:
    both = results(fresh=6.0, PCA=5.9)
    more = {(LOST.key, seed): record(5.0, seed) for seed in range(3)}
    (answer,) = answers(Results(both.grid, both.seeds, {**both.records, **more}, {}))
    assert answer.title == "lost: 1.000 ± 0.004 nats a word lower than fresh, and 1 more of 2 differ"


def test_a_number_alone_is_told_with_its_experiment() -> None:
    found = results(fresh=6.0, PCA=5.9)
    of_axis = [Cell(str(n), "", n, one.method, one.settings, one.profile) for n, one in enumerate((FRESH, PCA))]
    experiment = Experiment("weighting", "?", None, (), "", tuple(of_axis), "0")
    (answer,) = answers(Results(Grid("full", 3, (experiment,)), found.seeds, found.records, {}))
    assert answer.title.startswith("weighting = 1: 0.100 ± ")
    assert answer.title.endswith(" nats a word lower than 0")


def test_only_seeds_of_both_are_compared() -> None:
    found = results(fresh=6.0, PCA=5.9)
    del found.records[PCA.key, 0]
    (answer,) = answers(found)
    row = answer.row("PCA")
    assert (row.comparison.n, row.missing, len(row.records)) == (2, (0,), 2)
    assert table_rows(answer)[1][:2] == ["PCA", "2, missing 0"]


def test_the_same_student_is_not_compared_with_itself() -> None:
    twin = Cell("twin", "", None, "mixed", FRESH.settings, FRESH.profile)
    found = results(fresh=6.0, PCA=5.9)
    experiment = Experiment("e", "?", None, (), "", (FRESH, twin, PCA), "fresh")
    (answer,) = answers(Results(Grid("full", 3, (experiment,)), found.seeds, found.records, {}))
    assert answer.comparisons == 1
    assert answer.row("twin").verdict == "the same student as the baseline"


def test_lines_over_an_axis() -> None:
    cells = tuple(
        cell(f"{line}, {value}", line, value, **{"stage_one.steps": value, "stage_two.steps": i + 1})
        for i, line in enumerate(("a", "b"))
        for value in (0, 5)
    )
    found = {(one.key, 0): record(5.0, 0) for one in cells[:3]}
    experiment = Experiment("e", "?", None, ("stage_one.steps",), "", cells, "b")
    (answer,) = answers(Results(Grid("full", 1, (experiment,)), (0,), found, {}))
    assert {line: [row.cell.value for row in rows] for line, rows in answer.lines().items()} == {"a": [0, 5], "b": [0]}
    assert answer.row("5", "a").cell.label == "a, 5"
    assert [row.baseline.label if row.baseline else None for row in answer.rows] == ["b, 0", "b, 5", None, None]
    with pytest.raises(KeyError):
        answer.row("5", "c")


def test_spending_is_the_mean_over_seeds_by_stage() -> None:
    (answer,) = answers(results(fresh=6.0))
    row = answer.row("fresh")
    assert row.spent("flops") == pytest.approx(4e15)
    assert row.spent("flops", ["stage one"]) == pytest.approx(1e15)
    assert np.isnan(answer.row("lost").spent("flops"))


def test_tables_name_what_is_missing_hold_no_times_and_are_the_same_each_time() -> None:
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    (answer,) = answers(found)
    rows = table_rows(answer)
    assert all(len(row) == len(HEADERS) for row in rows)
    assert rows[3][:3] == ["lost", "0", "missing"]
    table = plain_table(found)
    assert table == plain_table(found)
    assert "start: Which start?\n  PCA: 0.100" in table
    assert "3 missing: start, lost, seed 0; start, lost, seed 1; start, lost, seed 2" in table
    assert "1,234,567" in table
    slower = results(fresh=6.0, PCA=5.9, both=5.95)
    for one in slower.records.values():
        one["metrics"]["spent"]["stage two"]["seconds"] *= 3
    assert plain_table(slower) == table


def test_students_are_held_against_guessing() -> None:
    found = results(fresh=6.0, PCA=5.9)
    (answer,) = answers(found)
    told = told_guessing(answer)
    assert "pays 6.050 nats a word: 1 of the 2 students do no better and have learned no context" in told
    assert "the best is 0.050 below" in told
    found.records[FRESH.key, 0]["metrics"]["guess"] = {"word": 6.5}  # of another vocabulary
    assert told_guessing(answer) == ""
