"""The charts of chapter 07 hold what the answers say, and titles say no more than the data."""

from __future__ import annotations

from typing import Any

import pytest
from answered import FRESH, LOST, PCA, record, results

from mixvocab.widgets.charts import Chart
from mixvocab_book.show import ablation_charts
from mixvocab_book.sweep.grid import Cell, Experiment, Grid, load_grid
from mixvocab_book.sweep.results import WORDS, Answer, Results, answers, table_of, telling
from mixvocab_book.sweep.run import recorded_results


def over_steps(**losses: list[float]) -> Answer:
    """An experiment over the steps of stage I, one line a keyword, three seeds."""
    axis = [0, 20, 240]
    cells = tuple(
        Cell(f"{line}, {v}", line, v, "mixed", {}, _profile(v, i)) for i, line in enumerate(losses) for v in axis
    )
    experiment = Experiment("length", "How long?", None, None, "steps of stage I", 0, cells)
    found = {
        (cell.key, seed): _priced(record(losses[cell.line][axis.index(cell.value)], seed), cell.value)
        for cell in cells
        for seed in range(3)
    }
    (answer,) = answers(Results(Grid(3, (experiment,)), (0, 1, 2), found))
    return answer


def _profile(steps: int, line: int) -> Any:
    from mixvocab.settings.profiles import load_profile

    return load_profile("smoke", **{"stage_one.steps": steps, "stage_one.init": ("random", "pca")[line]})


def _priced(one: dict[str, Any], steps: int) -> dict[str, Any]:
    spent = {"stage one": {"tokens_read": steps * 1e6, "flops": steps * 1e12, "seconds": 1.0}}
    one["metrics"] |= {"pieces": 1000, "spent": spent | {"stage two": {"tokens_read": 5e6, "flops": 2e12}}}
    return one


def means(chart: Chart) -> dict[Any, tuple[Any, int]]:
    """Row -> mean and colour, without single seeds."""
    return {point.y: (point.x, each.colour) for each in chart.series if each.colour >= 0 for point in each.points}


def test_cells_are_coloured_by_what_may_be_said_of_them() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    chart = ablation_charts.cells(answer)
    assert {name: colour for name, (_, colour) in means(chart).items()} == {"fresh": 0, "PCA": 2, "both": 0}
    found = {row.cell.label: row.mean(WORDS).mean for row in answer.known}
    assert {name: mean for name, (mean, _) in means(chart).items()} == found
    assert [point.x for point in chart.series[0].points] == [
        value for row in answer.rows for value in row.values(WORDS)
    ]
    assert chart.title == ablation_charts.title(answer)
    assert [line.value for line in chart.references] == [means(chart)["fresh"][0], 6.05]  # and the guess


def test_the_same_losses_stand_at_what_was_varied_and_at_what_was_spent() -> None:
    varied, operations = ablation_charts.over_axis(over_steps(random=[6, 5.9, 5.7], PCA=[5.8, 5.8, 5.7]))
    assert [point.x for point in varied.series[0].points] == list(varied.x.categories) == ["0", "20", "240"]
    assert [point.x for point in operations.series[0].points] == pytest.approx([0.002, 0.022, 0.242])  # PFLOPs
    for chart in (varied, operations):
        assert [point.y for point in chart.series[0].points] == pytest.approx([6.1, 6.0, 5.8])  # mean over seeds


def test_courses_begin_at_the_price_of_stage_one_and_without_the_evaluation_before_training() -> None:
    answer = over_steps(random=[6.0, 5.9, 5.7], PCA=[5.8, 5.8, 5.7])
    for row in answer.rows:
        for seed, known in enumerate(row.records):
            stages = known["metrics"]["spent"]
            stages["stage one"]["steps"], stages["stage two"]["steps"] = row.cell.value, 40
            points = ((1, 9.0), (20, 6.0 + seed), (40, 5.0 + seed))
            known["curves"]["stage_two"] = [{"step": step, "masked": masked} for step, masked in points]
    chart = ablation_charts.during_stage_two(answer)
    assert [(point.x, point.y) for point in chart.series[1].points] == [
        (pytest.approx(0.021), 7),
        (pytest.approx(0.022), 6),
    ]
    assert [each.dash for each in chart.series[:2]] == ["dashed", "solid"]  # without stage I, and with
    assert chart.title == "Stage I costs 120.0 times the operations of stage II"


def test_differences_count_what_exceeds_its_interval() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    chart = ablation_charts.differences([answer])
    assert chart.title == "1 of 2 differences exceed their intervals"
    assert sorted(mean for mean, _ in means(chart).values()) == pytest.approx([-0.1, -0.05])


def test_students_of_other_sizes_are_not_among_the_differences() -> None:
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    for (key, _), known in found.records.items():
        known["metrics"]["pieces"] = 30_000 if key == PCA.key else 400
    assert list(means(ablation_charts.differences(answers(found)))) == ["Init: both"]


def test_what_two_experiments_compare_is_one_difference() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    chart = ablation_charts.differences([answer, answer])
    assert chart.title == "1 of 2 differences exceed their intervals"


def told_of(found: Results) -> str:
    (answer,) = answers(found)
    return ablation_charts.title(answer)


def test_a_title_names_the_finding_in_words() -> None:
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    (answer,) = answers(found)
    margin = answer.rows[1].comparison.margin
    assert told_of(found) == f"Init: PCA costs 0.100 ± {margin:.3f} nats a word less than fresh; 1 of 2 differ"
    more = {(LOST.key, seed): record(7.0, seed) for seed in range(3)}
    found = Results(found.grid, found.seeds, {k: v for k, v in found.records.items() if k[0] != PCA.key} | more)
    assert told_of(found).startswith("Init: lost costs 1.000 ± ")
    assert told_of(found).endswith(" nats a word more than fresh; 1 of 2 differ")


def test_no_finding_no_claim() -> None:
    assert told_of(results(fresh=6.0, both=5.95)).startswith("Init: no difference found at this scale (± 0.1")
    assert (
        told_of(results(seeds=1, fresh=6.0, PCA=5.0))
        == "Init: PCA costs 1.000 nats a word less than fresh with one seed, which is no finding"
    )
    assert told_of(results(PCA=5.0)) == "Init: nothing to compare yet"


def test_a_cell_on_an_axis_is_named_by_its_line_and_value() -> None:
    answer = over_steps(random=[6, 5.9, 5.0], PCA=[5.8, 5.8, 5.8])
    assert ablation_charts.finding(answer).startswith("random at 240 costs 1.000")
    assert "than random at 0; 2 of 4 differ" in ablation_charts.finding(answer)


def test_what_chapter_7_draws_of_the_records_has_a_finding_and_a_name_for_readers() -> None:
    grid = load_grid("full", profile="evening")
    assert not [one.name for one in grid.experiments if "_" in one.topic or not one.topic[0].isupper()]
    told, silent = telling(answers(recorded_results(grid)))
    assert len(told) + len(silent) == len(grid.experiments)
    for answer in told:
        title = ablation_charts.title(answer)
        assert "_" not in title
        assert "nothing to compare" not in title
        assert all(len(line.points) > 1 for chart in ablation_charts.charts(answer) for line in chart.series[:1])
        _, rows, _ = table_of(answer)
        assert len(rows) == len(answer.known)


def test_below_a_figure_stands_what_is_asked_and_what_is_missing_and_no_method() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    assert ablation_charts.caption(answer) == (
        "Which init? Intervals of differences at 98.3%, for 3 comparisons. 3 of 4 cells are recorded."
    )
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    more = {(LOST.key, 0): record(5.0, 0)}
    (answer,) = answers(Results(found.grid, found.seeds, {**found.records, **more}))
    told = ablation_charts.caption(answer)
    assert told.endswith(" All 4 cells are recorded, 1 of them with fewer than 3 seeds.")


def test_students_on_the_plateau_are_counted() -> None:
    found = results(fresh=6.0, PCA=5.4)
    (answer,) = answers(found)
    assert ablation_charts.plateau(answer).startswith("1 of 2 students are less than 0.5 nats below the guess")
    found.records[FRESH.key, 0]["metrics"]["guess"] = {"word": 6.5}  # of another vocabulary
    assert ablation_charts.plateau(answer) == ""


def test_numbers_of_an_axis_are_curves_and_anything_else_is_rows() -> None:
    assert len(ablation_charts.charts(over_steps(random=[6, 5.9, 5.7]))) == 2
    (answer,) = answers(results(fresh=6.0, PCA=5.9))
    assert [chart.y.scale for chart in ablation_charts.charts(answer)] == ["categories"]
