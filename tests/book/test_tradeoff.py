"""The size-accuracy figure: every model in it, none hidden by another's name, a title that the data bear out."""

import itertools

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from mixvocab.book import figures
from mixvocab.book.published import PUBLISHED_GLUE, PUBLISHED_SNIPS, Ours
from mixvocab.book.tradeoff import finding, size_accuracy, size_accuracy_alt, size_accuracy_chart
from mixvocab.stats import estimate


def ours(score: str, base: float) -> list[Ours]:
    """Eight models as close together as real runs are."""
    made = []
    for i, (family, size) in enumerate(itertools.product(("Mixed-vocab", "NoKD"), (96, 192, 256))):
        name, params = f"{family} L-6 H-{size}", {96: 1_214_592, 192: 3_766_464, 256: 6_200_000}[size]
        beside = name if score == "slot_f1" and family == "Mixed-vocab" else ""
        made.append(Ours(name, params, {score: estimate([base + i, base + i + 1.2, base + i + 0.5])}, beside=beside))
    made.append(Ours("StackProp", 4_127_983, {score: estimate([93.0, 92.0])}))
    made.append(Ours("BERT-joint", 22_700_000, {score: estimate([95.0])}))
    return made


CASES = [
    (PUBLISHED_GLUE, [], "average"),
    (PUBLISHED_GLUE, [], "mrpc_f1"),
    (PUBLISHED_GLUE, ours("average", 70), "average"),
    (PUBLISHED_GLUE, ours("average", 82), "average"),
    (PUBLISHED_SNIPS, ours("slot_f1", 84), "slot_f1"),
    (PUBLISHED_SNIPS, [], "slot_f1"),
]


@pytest.fixture(autouse=True)
def style():
    with figures.style("light"):
        yield
    plt.close("all")


@pytest.mark.parametrize(("published", "mine", "score"), CASES)
def test_every_model_is_named_and_no_name_hides_another_or_a_mark(published, mine, score) -> None:
    figure = size_accuracy(published, mine, score)
    (axes,) = figure.axes
    shown = [row for row in published if getattr(row, score) is not None]
    assert len(axes.texts) == len(shown) + len(mine)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    inside = axes.get_window_extent()
    assert all(inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1) for box in boxes)
    points = [(row.params, getattr(row, score)) for row in shown] + [(o.parameters, o.scores[score].mean) for o in mine]
    marks = axes.transData.transform(points)
    assert not any(box.contains(*mark) for box in boxes for mark in marks)
    assert all(inside.contains(*mark) for mark in marks)


def test_published_marks_are_hollow_and_ours_filled_with_intervals() -> None:
    figure = size_accuracy(PUBLISHED_SNIPS, ours("slot_f1", 84), "slot_f1")
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_marker() in "osD" and len(line.get_xdata()) == 1]
    faces = [line.get_markerfacecolor() for line in marks]
    assert faces.count("none") == len(PUBLISHED_SNIPS)
    assert len(faces) - faces.count("none") == 8
    assert len(axes.containers) == 7  # one of the eight has one seed, and so no interval
    assert axes.get_xscale() == "log"


def test_text_keeps_its_size_on_a_phone() -> None:
    """Drawn 5.2 inches wide and shown 375 pixels wide, a point is a pixel."""
    figure = size_accuracy(PUBLISHED_GLUE, [], "average")
    assert figure.get_size_inches()[0] * 72 <= 375
    assert min(text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()) >= 9.5


def test_the_title_is_computed() -> None:
    assert "98%" not in finding(PUBLISHED_SNIPS, [], "slot_f1")
    assert finding(PUBLISHED_SNIPS, [], "slot_f1").split() == (
        "Mixed-vocab L-6 H-96: 96% of BERT-base's slot F1 from 1/91 of its parameters".split()
    )
    twin = "Mixed-vocab L-6 H-96"
    below = Ours(twin, 1_214_592, {"slot_f1": estimate([85.0])}, beside=twin)
    assert "7.8 points below" in finding(PUBLISHED_SNIPS, [below], "slot_f1")
    above = Ours(twin, 1_214_592, {"slot_f1": estimate([93.8])}, beside=twin)
    assert "1.0 points above" in finding(PUBLISHED_SNIPS, [above], "slot_f1")


def test_alt_text_tells_every_mark() -> None:
    text = size_accuracy_alt(PUBLISHED_GLUE, ours("average", 70), "average")
    for row in PUBLISHED_GLUE:
        assert (f"{row.label} " in text) == (row.average is not None)
    assert "BERT-of-Theseus-6† 66M 87.4" in text
    assert "StackProp 4.1M 92.5 ±" in text


@pytest.mark.parametrize(("published", "mine", "score"), CASES)
def test_the_chart_has_every_mark_of_the_figure(published, mine, score) -> None:
    chart = size_accuracy_chart(published, mine, score)
    drawn = {(each.hollow, point.x, point.y) for each in chart.series for point in each.points}
    values = {(True, row.params, value) for row in published if (value := getattr(row, score)) is not None}
    assert drawn == values | {(False, one.parameters, one.scores[score].mean) for one in mine}
    assert all(point.low is None for each in chart.series if each.hollow for point in each.points)
    assert chart.title == finding(published, mine, score)
