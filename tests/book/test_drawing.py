"""Pictures of charts: what is in the chart is in the picture, and no name hides another or a point."""

import itertools
from collections.abc import Iterator

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from test_paper import CASES, ours

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.charts import Axis, Reference, curves, dots
from mixvocab.widgets.style import LIGHT
from mixvocab_book.show import figures, paper
from mixvocab_book.show.drawing import draw


@pytest.fixture(autouse=True)
def light() -> Iterator[None]:
    """In the light style, and no figure stays open."""
    with figures.style("light"):
        yield
    plt.close("all")


STEPS, LOSS = Axis("steps", "log", ticks=((1, "1"), (20, "20"), (7000, "7K"))), Axis("loss (nats)")
LINES = {"a": [(1, 6.0, 0.1), (20, 5.9, 0.2), (7000, 5.0, 0.1)], "b": [(1, 6.5), (7000, 6.0)]}


def test_lines_with_their_intervals_and_what_they_are_compared_with() -> None:
    guess = Reference("y", 6.2, "guessing by frequency")
    figure = draw(curves("It falls", STEPS, LOSS, LINES, dashes=("solid", "dashed"), references=[guess]))
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["a"].get_xdata()) == [1, 20, 7000]
    assert (lines["a"].get_linestyle(), lines["b"].get_linestyle()) == ("-", "--")
    assert lines["a"].get_marker() != lines["b"].get_marker()  # never colour alone
    assert lines["guessing by frequency"].get_ydata()[0] == 6.2
    (area, *_) = axes.collections[0].get_paths()
    assert (area.vertices[:, 1].min(), area.vertices[:, 1].max()) == pytest.approx((4.9, 6.1))
    assert (axes.get_xscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "steps", "loss (nats)")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "20", "7K"]
    assert figure.get_suptitle() == "It falls"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == ["a", "b", "guessing by frequency"]


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [((0.3, 100), ["0.3", "1", "3", "10", "30", "100"]), ((10, 100), ["10", "20", "30", "50", "100"])],
)
def test_a_logarithmic_axis_has_round_numbers(ends: tuple[float, float], ticks: list[str]) -> None:
    (axes,) = draw(curves("It falls", Axis("million tokens", "log"), LOSS, {"a": [(x, 1.0) for x in ends]})).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ticks
    assert not axes.get_xticks(minor=True).size


def test_a_models_name_stays_whole_in_a_title() -> None:
    figure = draw(curves("The student of this book has nearly all of BERT-base's slot F1", STEPS, LOSS, LINES))
    assert figure.get_suptitle().split("\n") == ["The student of this book has nearly all of", "BERT-base's slot F1"]


def test_rows_have_the_colour_of_their_kind() -> None:
    means = {"fresh": Estimate(6.1, 0.2, 3), "PCA": Estimate(6.0, 0.1, 3), "one": Estimate(5.0, float("nan"), 1)}
    kinds = {"fresh": ("open", 0), "PCA": ("lower", 2), "one": ("open", 0)}
    (axes,) = draw(dots("PCA is lower", LOSS, means, {"fresh": [6.0, 6.2], "PCA": [5.9]}, kinds=kinds)).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert to_hex(lines["lower"].get_color()) == LIGHT.palette[2].lower()
    assert list(lines["open"].get_ydata()) == [0, 2]
    assert lines["open"].get_linestyle() == "None"
    assert list(lines["single seeds"].get_xdata()) == [6.0, 6.2, 5.9]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fresh", "PCA", "one"]
    assert axes.yaxis_inverted()
    (interval, *_) = axes.collections[1].get_segments()
    assert [list(end) for end in interval] == [pytest.approx([5.9, 0]), pytest.approx([6.3, 0])]


@pytest.mark.parametrize(("table", "rows", "score"), CASES)
def test_every_point_is_named_and_no_name_hides_another_or_a_point(table, rows, score) -> None:
    chart = paper.size_chart(table, rows, score)
    figure = draw(chart)
    (axes,) = figure.axes
    points = [(point.x, point.y) for series in chart.series for point in series.points]
    assert len(axes.texts) == len(points)
    figure.canvas.draw()
    boxes = [mpl.text.Text.get_window_extent(text) for text in axes.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    inside = axes.get_window_extent()
    assert all(inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1) for box in boxes)
    marks = axes.transData.transform(points)
    assert not any(box.contains(*mark) for box in boxes for mark in marks)
    assert all(inside.contains(*mark) for mark in marks)


def test_published_marks_are_hollow_and_ours_filled() -> None:
    (axes,) = draw(paper.size_chart(paper.SNIPS, ours("slot_f1", 84), "slot_f1")).axes
    faces = {line.get_label(): line.get_markerfacecolor() for line in axes.lines}
    assert {face for name, face in faces.items() if name.endswith("published")} == {"none"}
    assert "none" not in {face for name, face in faces.items() if name.endswith("ours")}
    assert axes.get_xscale() == "log"


def test_text_keeps_its_size_on_a_phone() -> None:
    """Drawn 5.2 inches wide and shown 375 pixels wide, a point is a pixel."""
    figure = draw(paper.size_chart(paper.GLUE, [], "average"))
    assert figure.get_size_inches()[0] * 72 <= 375
    assert min(text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()) >= 9.5
