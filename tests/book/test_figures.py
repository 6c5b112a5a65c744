"""Figures: two backgrounds, described, the same bytes each time; charts with their pictures."""

import base64
import re

import pytest
from matplotlib import pyplot as plt
from test_paper import ours

from mixvocab.widgets.charts import Axis, curves
from mixvocab.widgets.style import DARK
from mixvocab_book.show import figures, paper


@pytest.fixture
def shown(monkeypatch):
    """The HTML of everything displayed."""
    out = []
    monkeypatch.setattr(figures, "display", lambda html, **_: out.append(html.data))
    return out


def draw():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [1, 0])
    return figure


def test_two_pictures_with_escaped_text(shown):
    figures.show(draw, alt='a "falling" line <up>', caption="x < y")
    (html,) = shown
    assert re.findall(r'class="(only-\w+)" alt="a &quot;falling&quot; line &lt;up&gt;"', html) == [
        "only-light",
        "only-dark",
    ]
    assert "<figcaption>x &lt; y</figcaption>" in html
    light, dark = (base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", html))
    assert light.startswith(b"\x89PNG")
    assert light != dark
    assert not plt.get_fignums()


def test_alt_text_is_required():
    with pytest.raises(ValueError, match="alt text"):
        figures.show(draw, alt=" ")


def test_settings_do_not_leak():
    before = dict(plt.rcParams)
    with figures.style("dark"):
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(DARK.palette)
        assert plt.rcParams["text.color"] != before["text.color"]
    assert dict(plt.rcParams) == before


CHARTS = [
    curves("It falls", Axis("steps"), Axis("loss"), {"a": [(0, 1), (1, 0)]}, name="steps"),
    curves("It falls", Axis("tokens"), Axis("loss"), {"a": [(0, 2), (10, 0)]}, name="tokens"),
]


def test_a_chart_stands_with_its_pictures_and_the_same_bytes_each_time(shown):
    for _ in range(2):
        figures.show_chart(CHARTS[0], caption="x < y")
    one, other = shown
    assert one == other
    assert one.count('data-mv="chart"') == 1
    assert re.findall(r'class="(only-\w+)" alt="It falls\.', one) == ["only-light", "only-dark"]
    assert "<figcaption>x &lt; y</figcaption>" in one


def test_of_several_charts_the_reader_chooses_and_there_are_pictures_of_each(shown):
    figures.show_chart(CHARTS)
    (html,) = shown
    assert html.count('data-mv="chart"') == 1
    assert html.count("base64,") == 4
    assert 'class="mv-figure mv-panels"' in html


def test_the_words_of_a_chart_hold_its_finding_and_every_mark():
    text = figures.described(paper.size_chart(paper.GLUE, ours("average", 70), "average"))
    for name, row in paper.GLUE.published.items():
        label = name[len(row.family) :].strip()
        value = row.scores.get("average")
        assert value is None or f"{label} {row.parameters:,.0f}, {value.mean:.4g}" in text
    assert "StackProp 4,127,983, 92.5" in text
    told = figures.described(CHARTS[0])
    assert told == "It falls. Across: steps; up: loss. a: 1, 0."
