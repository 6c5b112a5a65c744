"""The charts of chapter 07 hold what the answers say."""

from __future__ import annotations

from typing import Any

import pytest
from answered import PCA, record, results

from mixvocab.widgets.charts import Chart
from mixvocab_book.show import ablation_charts
from mixvocab_book.sweep.grid import Cell, Experiment, Grid
from mixvocab_book.sweep.results import WORDS, Answer, Results, answers


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
    assert chart.title == answer.title
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
    assert list(means(ablation_charts.differences(answers(found)))) == ["init: both"]
