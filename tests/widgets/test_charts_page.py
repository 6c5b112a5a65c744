"""Charts in a real browser: what is drawn, read and listed is the specification, and the picture stays for print."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from browsing import settle
from visiting import expect, new_window, open_page

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.charts import Axis, Chart, Point, Reference, Series, chart_element, curves, dots

STEPS, LOSS = Axis("steps", decimals=0), Axis("held-out loss (nats)", decimals=3)
LINES = curves(
    "The teacher gains 0.2 nats",
    STEPS,
    LOSS,
    {
        "NoKD": [(1000, 6.5, 0.05), (2000, 6.1, 0.04), (3000, 6.0, 0.03)],
        "stage I": [(1000, 6.3, 0.05), (2000, 5.9, 0.04), (3000, 5.8, 0.03)],
    },
    dashes=("dashed", "solid"),
    references=[Reference("y", 5.8, "guessing")],  # where a line ends
)
ROWS = dots(
    "Both are better",
    LOSS,
    {"a start with quite a long name": Estimate(5.5, 0.1, 3), "PCA <b>": Estimate(5.25, 0.05, 3)},
    {"a start with quite a long name": [5.4, 5.5, 5.6], "PCA <b>": [5.2, 5.25, 5.3]},
    dict.fromkeys(("a start with quite a long name", "PCA <b>"), ("mean over seeds", 0)),
    references=[Reference("x", 5.5, "baseline"), Reference("x", 5.52, "guessing by frequency")],
)
MODELS = Chart(
    "L-6 H-96 keeps most of BERT-base's slot F1, and words-with-so-many-hyphens break",
    Axis("parameters", "log", ticks=((1e6, "1M"), (1e8, "100M")), decimals=0),
    Axis("slot F1 (%)", decimals=1),
    (
        Series("published", (Point(1.2e6, 92.8, label="L-6 H-96"), Point(1.1e8, 97.0, label="BERT")), hollow=True),
        Series("ours", (Point(1.2e6, 92.1, 91.0, 93.2, "L-6 H-96"),), 1, "diamond"),
    ),
)
VIEWS = [curves("Two views", STEPS, LOSS, {"a": [(1, y), (2, 2 * y)]}, name=f"times {y}") for y in (1, 3)]
CHARTS = [[LINES], [ROWS], [MODELS], VIEWS]
PICTURE = (
    '<img class="only-light" alt="a line" src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAA'
    'CklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==">'
)
LISTED = """() => [...document.querySelectorAll("[data-mv=chart]")].map((element) => ({
  state: element.dataset.mvState,
  title: element.querySelector(".mv-chart-title")?.textContent,
  rows: [...element.querySelectorAll("tbody th")].map((cell) => cell.textContent),
}))"""
HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<link rel="icon" href="data:,"><title>Charts</title><link rel="stylesheet" href="_static/style.css">'
    '<script defer src="_static/mixvocab.js"></script>'
    '<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Charts</h1>'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scripts: Path) -> Path:
    """A page with all kinds of charts."""
    root = tmp_path_factory.mktemp("charts")
    (root / "_static").mkdir()
    for name in ("mixvocab.js", "style.css", "chart.js", "chart.css"):
        shutil.copyfile(scripts / "pages" / name, root / "_static" / name)
    figures = (
        f'<figure class="mv-figure">{chart_element(charts, "A line <x>.", PICTURE)}</figure>' for charts in CHARTS
    )
    (root / "page.html").write_text(HEAD + "".join(figures))
    return root


@pytest.fixture
def page(context, folder: Path) -> Iterator[Any]:
    """The page, with all charts drawn and nothing gone wrong."""
    opened, wrong, outside = open_page(context, f"{folder.as_uri()}/", "page.html")
    drawn(opened)
    yield opened
    assert not wrong
    assert not outside


def drawn(page: Any) -> Any:
    """All charts of a page, once they are drawn: that follows their mounting, when their width is known."""
    settle(page)
    return page.locator("[data-mv=chart]")


def told(axis: Axis, value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,.{axis.decimals}f}"


def sentence(chart: Chart, series: Series, point: Point) -> str:
    """What a reader is told of a point."""
    values = {"x": told(chart.x, point.x), "y": told(chart.y, point.y)}
    side = "x" if chart.y.scale == "categories" else "y"
    if point.low is not None and point.high is not None:
        axis = getattr(chart, side)
        values[side] += f" ({told(axis, point.low)} to {told(axis, point.high)})"
    name = f"{point.label}, {series.name}" if point.label else series.name
    return "; ".join([name, f"{chart.x.label}: {values['x']}", f"{chart.y.label}: {values['y']}"])


@pytest.mark.parametrize("number", range(3))
def test_the_keyboard_reads_every_point(page, number) -> None:
    (chart,) = CHARTS[number]
    view = drawn(page).nth(number)
    view.locator(".mv-chart-box").focus()
    spoken = view.locator(".mv-chart-spoken")
    for place, series in enumerate(chart.series):
        if place:
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Home")
        for step, point in enumerate(series.points):
            if step:
                page.keyboard.press("ArrowRight")
            assert spoken.text_content() == sentence(chart, series, point)
    page.keyboard.press("ArrowRight")  # past the end: it stays
    assert spoken.text_content() == sentence(chart, chart.series[-1], chart.series[-1].points[-1])
    page.keyboard.press("ArrowDown")  # round to the first series
    assert (spoken.text_content() or "").split("; ")[0].endswith(chart.series[0].name)
    page.keyboard.press("Escape")
    expect(view.locator(".mv-chart-tip")).to_be_hidden()  # or not there


def test_the_pointer_reads_the_nearest_point(page) -> None:
    view = drawn(page).first
    box = view.locator(".mv-chart-box")
    box.focus()
    page.keyboard.press("End")
    settle(page)
    ring = view.locator(".mv-chart-box circle[r='9']").bounding_box()
    page.evaluate("document.activeElement.blur()")
    expect(view.locator(".mv-chart-tip")).to_be_hidden()
    page.mouse.move(ring["x"] + 12, ring["y"] + 8)
    expect(view.locator(".mv-chart-tip")).to_be_visible()
    tip = view.locator(".mv-chart-tip").inner_text()
    assert tip.splitlines()[0] == "NoKD"
    assert "3,000" in tip
    assert "6.000 (5.970 to 6.030)" in tip


def test_legend_buttons_hide_and_show_series(page) -> None:
    view = drawn(page).first
    nokd, stage = view.locator(".mv-chart-legend button").all()
    colours = lambda: view.locator(".mv-chart-box svg").inner_html()  # noqa: E731
    assert "--mv-c0" in colours()
    nokd.focus()
    page.keyboard.press("Enter")
    assert [each.get_attribute("aria-pressed") for each in (nokd, stage)] == ["false", "true"]
    assert "--mv-c0" not in colours()
    assert "--mv-c1" in colours()
    view.locator(".mv-chart-box").focus()
    page.keyboard.press("ArrowUp")  # the only series
    assert (view.locator(".mv-chart-spoken").text_content() or "").startswith("stage I")
    stage.click()  # none is shown: an empty chart, no mistake
    nokd.click()
    assert "--mv-c0" in colours()


def test_the_table_is_the_specification(page) -> None:
    for number, (chart,) in enumerate(CHARTS[:3]):
        view = drawn(page).nth(number)
        view.locator("summary").click()
        rows = [row.locator("th, td").all_inner_texts() for row in view.locator("tbody tr").all()]
        points = [(series, point) for series in chart.series for point in series.points]
        assert len(rows) == len(points)
        axis = chart.x if chart.y.scale == "categories" else chart.y
        for row, (series, point) in zip(rows, points, strict=True):
            assert row[0] == series.name
            for value in (told(chart.x, point.x), told(chart.y, point.y)):
                assert value in row
            if point.low is not None:
                assert told(axis, point.low) in row
                assert told(axis, point.high) in row


def test_one_of_several_charts_is_chosen_even_faster_than_it_is_drawn(page) -> None:
    view = drawn(page).nth(3)
    assert view.get_by_role("radio", name="times 3").count() == 1
    view.evaluate("(one) => { one.querySelectorAll('input')[1].click(); one.querySelector('.mv-chart-box').focus(); }")
    page.wait_for_function("(one) => one.textContent", arg=view.locator(".mv-chart-spoken").element_handle())
    series = VIEWS[1].series[0]
    assert view.locator(".mv-chart-spoken").text_content() == sentence(VIEWS[1], series, series.points[0])


def test_names_of_references_hide_neither_each_other_nor_points(page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    settle(page)
    lines, rows = drawn(page).nth(0), drawn(page).nth(1)
    names = [rows.locator("svg text", has_text=one.label).bounding_box() for one in ROWS.references]
    marks = [mark.bounding_box() for mark in lines.locator("svg [aria-label=dot] > *").all()]
    assert len(marks) == 6
    level = lines.locator("svg text", has_text="guessing").bounding_box()
    for box, others in ((names[0], names[1:]), (level, marks)):
        assert not any(meet(box, other) for other in others)


def meet(a: dict[str, float], b: dict[str, float]) -> bool:
    return all(
        a[side] < b[side] + b[size] and b[side] < a[side] + a[size] for side, size in (("x", "width"), ("y", "height"))
    )


def test_short_names_stay_on_one_line(page) -> None:
    """Where lines may end: not in a model's name."""
    view = drawn(page).nth(2)
    view.locator("summary").click()
    whole = "(each) => [...each.querySelectorAll('.mv-whole')].map((one) => one.textContent)"
    assert view.locator(".mv-chart-title").evaluate(whole) == ["L-6 H-96", "BERT-base's"]
    assert view.locator("tbody").evaluate(whole) == ["L-6 H-96", "L-6 H-96"]
    for width in range(320, 600, 20):
        page.set_viewport_size({"width": width, "height": 800})
        lines = page.evaluate("[...document.querySelectorAll('.mv-whole')].map((one) => one.getClientRects().length)")
        assert {*lines} == {1}


def test_print_keeps_the_picture(page) -> None:
    view = drawn(page).first
    expect(view.locator("img")).to_be_hidden()
    expect(view.locator(".mv-chart")).to_be_visible()
    page.emulate_media(media="print")
    expect(view.locator("img")).to_be_visible()
    expect(view.locator(".mv-chart")).to_be_hidden()


def test_without_scripts_there_is_the_picture(browser, folder) -> None:
    bare = new_window(browser, java_script_enabled=False)
    page = bare.new_page()
    page.goto(f"{folder.as_uri()}/page.html")
    expect(page.locator("[data-mv=chart] img").first).to_be_visible()
    bare.close()


def test_colours_follow_the_theme_without_another_drawing(page) -> None:
    line = drawn(page).first.locator("path[stroke='var(--mv-c0)']").first.element_handle()
    light = line.evaluate("e => getComputedStyle(e).stroke")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    assert line.evaluate("e => e.isConnected && getComputedStyle(e).stroke") not in (False, light)


@pytest.mark.parametrize("width", [320, 375, 1200])
def test_a_chart_is_as_wide_as_its_place(page, width) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function(
        "[...document.querySelectorAll('.mv-chart-box')]"
        ".every((box) => Math.abs(box.querySelector('svg').clientWidth - box.clientWidth) <= 1)"
    )
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_serious_violation_of_accessibility(page, scripts: Path) -> None:
    for summary in page.locator("summary").all():
        summary.click()
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        found = page.evaluate("axe.run({ preload: false }).then(({ violations }) => violations)")
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_every_chart_of_the_book_is_drawn_and_lists_its_data(context, base, pages, names) -> None:
    configs = {
        name: [json.loads(unescape(text)) for text in re.findall(r'data-mv="chart" data-mv-config="([^"]*)"', html)]
        for name in names
        if 'data-mv="chart"' in (html := (pages / name).read_text(encoding="utf-8"))
    }
    if not configs:
        pytest.skip("this book has no charts")
    for name, expected in configs.items():
        page, wrong, _ = open_page(context, base, name)
        drawn(page)
        found = page.evaluate(LISTED)
        assert [each["state"] for each in found] == ["live"] * len(expected), name
        for each, config in zip(found, expected, strict=True):
            first = config["charts"][0]
            assert each["title"] == first["title"]
            assert each["rows"] == [series["name"] for series in first["series"] for _ in series["points"]]
        assert not wrong, name
        page.close()
