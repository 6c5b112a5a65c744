"""Answers of a sweep: rows with intervals, differences paired by seed, tables, and which answers tell something."""

from __future__ import annotations

import numpy as np
import pytest
from answered import BOTH, FRESH, LOST, PCA, cell, record, results

from mixvocab_book.sweep.grid import Cell, Experiment, Grid
from mixvocab_book.sweep.results import (
    HEADERS,
    OF_A_PIECE,
    SAID_ONCE,
    Answer,
    Results,
    Row,
    answers,
    plain_table,
    table_of,
    telling,
)


def row_of(answer: Answer, label: str) -> Row:
    return next(row for row in answer.rows if row.cell.label == label)


def test_a_finding_is_named_and_nothing_else() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    assert answer.comparisons == 3  # the missing one is of the family, too
    assert [row.verdict for row in answer.known] == ["baseline", "lower", "not told apart"]
    assert [row.cell.label for row in answer.findings] == ["PCA"]
    assert answer.told_missing == "Missing: lost (0 of 3 seeds)"
    for row in answer.known[1:]:
        assert row.difference.half_width == row.comparison.margin
        assert (row.difference.low <= 0 <= row.difference.high) == (row.verdict == "not told apart")
    (answer,) = answers(results(seeds=1, fresh=6.0, PCA=5.0))
    assert row_of(answer, "PCA").verdict == "one seed"
    (answer,) = answers(results(PCA=5.0))
    assert row_of(answer, "PCA").verdict == "its baseline is missing"
    assert row_of(answer, "PCA").difference is None


def shared(name: str, baseline: str, *cells: Cell) -> Experiment:
    return Experiment(name, "?", None, None, "", baseline, cells)


def test_what_compares_nothing_of_its_own_tells_nothing() -> None:
    """Neither an experiment of which one cell is there, nor one that has but another's pair of students."""
    alone = shared("alone", "fresh", FRESH, LOST)
    same = shared("same", "PCA", PCA, FRESH, LOST)  # the other way round
    own = shared("own", "both", BOTH, PCA)
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    whole = Results(Grid(3, (*found.grid.experiments, alone, same, own)), found.seeds, found.records)
    told, silent = telling(answers(whole))
    assert [[one.experiment.name for one in each] for each in (told, silent)] == [["init", "own"], ["alone", "same"]]
    assert telling(answers(Results(whole.grid, whole.seeds, {}))) == ([], answers(Results(whole.grid, whole.seeds, {})))


def test_one_value_of_an_axis_tells_nothing_of_it() -> None:
    cells = tuple(
        cell(f"{line}, {value}", line, value, **{"stage_one.steps": value, "stage_two.steps": i + 1})
        for i, line in enumerate(("a", "b"))
        for value in (0, 5)
    )
    experiment = Experiment("e", "?", None, None, "steps", "b", cells)
    for values, tells in (((0,), False), ((0, 5), True)):
        found = {(one.key, s): record(5.0, s) for one in cells if one.value in values for s in range(2)}
        told, silent = telling(answers(Results(Grid(2, (experiment,)), (0, 1), found)))
        assert (len(told), len(silent)) == (int(tells), int(not tells))


def test_only_seeds_of_both_are_compared() -> None:
    found = results(fresh=6.0, PCA=5.9)
    del found.records[PCA.key, 0]
    (answer,) = answers(found)
    row = row_of(answer, "PCA")
    assert (row.comparison.estimate.n, len(row.records)) == (2, 2)
    headers, rows, _ = table_of(answer)
    assert [row[headers.index("seeds")] for row in rows] == ["3", "2"]


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


def test_tables_have_what_is_there_and_say_once_what_is_the_same() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    headers, rows, once = table_of(answer)
    assert headers == [header for header in HEADERS if header not in SAID_ONCE]
    assert [row[0] for row in rows] == ["fresh", "PCA", "both"]  # and not the one that is missing
    assert once == "In every row: seeds 3, guessing by frequency 6.050, parameters 1,234,567, PFLOPs 4."
    assert not any(value == "" for row in rows[1:] for value in row)
    answer.rows[1].records[0]["metrics"]["guess"] = {"word": 6.5}  # of another vocabulary
    headers, rows, once = table_of(answer)
    assert [row[headers.index("guessing by frequency")] for row in rows] == ["6.050", "6.500", "6.050"]
    assert "guessing" not in once
    answer.rows[1].records[0]["metrics"]["pieces"] = 800
    headers, rows, once = table_of(answer)
    assert not {*headers} & {*OF_A_PIECE}  # a piece is another thing there
    assert all(len(row) == len(headers) for row in rows)


def test_a_text_of_all_names_what_is_missing_holds_no_times_and_is_the_same_each_time() -> None:
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    table = plain_table(found)
    assert table == plain_table(found)
    assert "init: Which init?\n  " in table
    assert "Missing: lost (0 of 3 seeds)" in table
    assert "1,234,567" in table
    slower = results(fresh=6.0, PCA=5.9, both=5.95)
    for one in slower.records.values():
        one["metrics"]["spent"]["stage two"]["seconds"] *= 3
    assert plain_table(slower) == table
    assert "Missing: fresh (0 of 3 seeds)" in plain_table(Results(found.grid, found.seeds, {}))
