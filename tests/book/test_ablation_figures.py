"""The figures of chapter 07 draw what the answers say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import pytest
from answered import PCA, record, results
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from mixvocab.book import ablation_charts, ablation_figures
from mixvocab.book.ablations import Answer, answers
from mixvocab.book.cell_records import Results
from mixvocab.book.cells import Cell, Experiment, Grid
from mixvocab.book.figures import style
from mixvocab.widgets.style import LIGHT

mpl.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No test leaves its figures open to the next one."""
    yield
    plt.close("all")


def over_steps(**losses: list[float]) -> Answer:
    """An experiment over the steps of stage I, one line a keyword, three seeds."""
    axis = [0, 20, 240]
    cells = tuple(
        Cell(f"{line}, {v}", line, v, "mixed", {}, _profile(v, i)) for i, line in enumerate(losses) for v in axis
    )
    experiment = Experiment("length", "How long?", None, ("stage_one.steps",), "steps of stage I", cells, 0)
    found = {
        (cell.key, seed): _priced(record(losses[cell.line][axis.index(cell.value)], seed), cell.value)
        for cell in cells
        for seed in range(3)
    }
    (answer,) = answers(Results(Grid("full", 3, (experiment,)), (0, 1, 2), found, {}))
    return answer


def _profile(steps: int, line: int) -> Any:
    from mixvocab.book.profiles import load_profile

    return load_profile("smoke", **{"stage_one.steps": steps, "stage_one.start": ("random", "warm")[line]})


def _priced(one: dict[str, Any], steps: int) -> dict[str, Any]:
    spent = {"stage one": {"tokens_read": steps * 1e6, "flops": steps * 1e12, "seconds": 1.0}}
    one["metrics"] |= {"pieces": 1000, "spent": spent | {"stage two": {"tokens_read": 5e6, "flops": 2e12}}}
    return one


def test_cells_are_coloured_by_what_may_be_said_of_them() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    with style("light"):
        (axes,) = ablation_figures.cells(answer).axes
        colours = [to_hex(bars.lines[0].get_color()) for bars in axes.containers]
    assert colours == [LIGHT.palette[i].lower() for i in (0, 2, 0)]  # baseline, lower, open
    places = [float(bars.lines[0].get_xdata()[0]) for bars in axes.containers]
    assert places == pytest.approx([row.mean().mean for row in answer.rows if row.records])  # type: ignore[union-attr]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fresh", "PCA", "both"]


def test_the_same_losses_stand_at_what_was_varied_and_at_what_was_spent() -> None:
    answer = over_steps(random=[6.0, 5.9, 5.7], PCA=[5.8, 5.8, 5.7])
    draws = ablation_figures.axes_of(answer)
    with style("light"):
        drawn = {name: draw().axes[0] for name, draw in draws.items()}
    first = {name: axes.containers[0].lines[0] for name, axes in drawn.items()}
    assert list(first["as varied"].get_xdata()) == [0, 20, 240]
    assert list(first["tokens"].get_xdata()) == [5, 25, 245]  # millions, both stages
    assert list(first["operations"].get_xdata()) == pytest.approx([2, 22, 242])
    assert "(10¹²)" in drawn["operations"].get_xlabel()
    for line in first.values():
        assert list(line.get_ydata()) == pytest.approx([6.1, 6.0, 5.8])  # mean over seeds 0 to 2
    steps = first["student steps"].get_xdata()
    assert steps[2] / steps[0] == pytest.approx(121)


def test_differences_count_what_exceeds_its_interval() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    with style("light"):
        figure = ablation_figures.differences([answer])
    assert figure.get_suptitle() == "1 of 2 differences exceed their intervals"
    (axes,) = figure.axes
    assert [float(bars.lines[0].get_xdata()[0]) for bars in axes.containers] == pytest.approx([-0.1, -0.05])


def test_students_of_other_sizes_are_not_among_the_differences() -> None:
    found = results(fresh=6.0, PCA=5.9, both=5.95)
    for (key, _), known in found.records.items():
        known["metrics"]["pieces"] = 30_000 if key == PCA.key else 400
    with style("light"):
        figure = ablation_figures.differences(answers(found))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["both"]


def test_the_words_of_a_figure_name_every_cell() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9))
    told = ablation_figures.described(answer)
    assert "fresh 6.100" in told
    assert "PCA 6.000" in told
    assert "lost" not in told


def test_charts_hold_what_the_figures_draw() -> None:
    (answer,) = answers(results(fresh=6.0, PCA=5.9, both=5.95))
    chart = ablation_charts.cells(answer)
    means = {p.y: (p.x, each.colour) for each in chart.series if each.colour >= 0 for p in each.points}
    assert {name: colour for name, (_, colour) in means.items()} == {"fresh": 0, "PCA": 2, "both": 0}
    found = {row.cell.label: row.mean() for row in answer.rows if row.records}
    assert {name: mean for name, (mean, _) in means.items()} == {
        name: mean.mean for name, mean in found.items() if mean
    }
    singles = [p.x for p in chart.series[0].points]
    assert singles == [value for row in answer.rows for value in row.values()]
    assert chart.title == answer.title
    assert [one.value for one in chart.references] == [means["fresh"][0]]
    apart = ablation_charts.differences([answer])
    assert sorted(p.x for each in apart.series for p in each.points) == pytest.approx([-0.1, -0.05])


def test_charts_stand_on_the_same_axes_as_the_figures() -> None:
    answer = over_steps(random=[6.0, 5.9, 5.7], PCA=[5.8, 5.8, 5.7])
    charts = ablation_charts.axes_of(answer)
    assert list(charts) == list(ablation_figures.axes_of(answer))
    assert [p.x for p in charts["as varied"].series[0].points] == [0, 20, 240]
    assert [text for _, text in charts["as varied"].x.ticks] == ["0", "20", "240"]
    assert charts["as varied"].x.scale == "symlog"
    assert [p.x for p in charts["tokens"].series[0].points] == [5, 25, 245]
    for chart in charts.values():
        assert [p.y for p in chart.series[0].points] == pytest.approx([6.1, 6.0, 5.8])
