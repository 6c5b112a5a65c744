"""Figures: two backgrounds, described, the same bytes each time; tables with headings for every row and column."""

import base64
import re

import pytest
from matplotlib import pyplot as plt

from mixvocab.book import figures
from mixvocab.widgets.charts import Axis, curves
from mixvocab.widgets.style import DARK


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


def test_same_drawing_same_bytes(shown):
    figures.show(draw, alt="a line")
    figures.show(draw, alt="a line")
    assert shown[0] == shown[1]


def test_alt_text_is_required():
    with pytest.raises(ValueError, match="alt text"):
        figures.show(draw, alt=" ")


def test_settings_do_not_leak():
    before = dict(plt.rcParams)
    with figures.style("dark") as palette:
        assert palette == list(DARK.palette)
        assert plt.rcParams["text.color"] != before["text.color"]
    assert dict(plt.rcParams) == before


def test_table(shown):
    figures.table(["model", "parameters"], [["<L-6>", 1_200_000], ["b", 0.12345]], caption="Two")
    (html,) = shown
    assert '<th scope="row" style="text-align:left">&lt;L-6&gt;</th>' in html
    assert "1,200,000" in html
    assert "0.123" in html
    assert "<caption>Two</caption>" in html


def test_tabs_hold_one_page_a_title(monkeypatch):
    out = []
    monkeypatch.setattr(figures, "display", out.append)
    figures.tabs({"one": figures.table_html(["a"], [["<b>"]]), "two": "<p>2</p>"})
    (tab,) = out
    assert tab.titles == ("one", "two")
    assert "&lt;b&gt;" in tab.children[0].value


def draw_other():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    return figure


ALTS = {"steps": "falls with <steps>", "tokens": "falls with tokens"}


def test_a_switch_holds_every_drawing_with_its_description(shown):
    for _ in range(2):
        figures.switch({"steps": draw, "tokens": draw_other}, ALTS, caption="x < y", legend='"x" axis')
    one, _ = shown
    assert re.findall(r'class="only-light" alt="([^"]+)"', one) == ["falls with &lt;steps&gt;", "falls with tokens"]
    assert len(re.findall(r"base64,", one)) == 4
    assert "<figcaption>x &lt; y</figcaption>" in one
    assert "<script" not in one
    names = [set(re.findall(r'name="([^"]+)"', html)) for html in shown]
    assert [len(found) for found in names] == [1, 1]
    assert not names[0] & names[1]  # two switches of a page do not move each other


@pytest.mark.parametrize("alts", [{"steps": "a"}, {"tokens": "a", "steps": "b"}, {"steps": "a", "tokens": " "}])
def test_every_drawing_of_a_switch_needs_alt_text(alts):
    with pytest.raises(ValueError, match="alt text"):
        figures.switch({"steps": draw, "tokens": draw_other}, alts)


def test_a_switch_turns_by_mouse_and_keyboard_without_scripts(shown, browser):
    for _ in range(2):
        figures.switch({"steps": draw, "tokens": draw_other}, ALTS)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    # As the page of the book does it: one of the two backgrounds is hidden.
    page.set_content("<style>.only-dark{display:none!important}</style>" + "".join(shown))

    def visible():
        return [image.get_attribute("alt") for image in page.locator("img").all() if image.is_visible()]

    assert visible() == ["falls with <steps>"] * 2
    page.get_by_label("tokens").first.click()
    assert visible() == ["falls with tokens", "falls with <steps>"]
    page.get_by_label("steps").nth(1).focus()
    page.keyboard.press("ArrowRight")
    assert visible() == ["falls with tokens"] * 2
    page.emulate_media(media="print")
    assert visible() == ["falls with <steps>"] * 2
    context.close()


def test_a_chart_of_the_same_data_goes_with_the_pictures(shown):
    chart = curves("It falls", Axis("steps"), Axis("loss"), {"a": [(0, 1), (1, 0)]})
    figures.show(draw, alt="a line", chart=chart)
    figures.switch({"one": draw, "two": draw}, {"one": "1", "two": "2"}, charts={"one": chart, "two": chart})
    assert [page.count('data-mv="chart"') for page in shown] == [1, 2]
    assert all(re.search(r'data-mv="chart"[^>]*><img class="only-light"', page) for page in shown)
