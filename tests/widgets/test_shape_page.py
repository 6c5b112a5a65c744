"""The choice of a shape in a real browser, on the committed records: keyboard, numbers, marks, phone, JupyterLab."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import settle
from visiting import LAB, PHONE, expect, open_page

from mixvocab.models.parameters import BertShape
from mixvocab.widgets import assets
from mixvocab.widgets.shape import PIECES, ShapeWidget
from mixvocab_book.show import shape_data
from mixvocab_book.show.page_data import PAGE_DATA, provided_files


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    return shape_data.recorded().value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scripts: Path, known) -> Path:
    """A page with the element as chapter 9 shows it."""
    root = tmp_path_factory.mktemp("shape")
    (root / "_static").mkdir()
    for name in ("mixvocab.js", "style.css", "shape.js", "shape.css"):
        shutil.copyfile(scripts / "pages" / name, root / "_static" / name)
    outputs = [{"data": {PAGE_DATA: {"name": "shape", "json": known}}}]
    for name, content in provided_files([{"cells": [{"outputs": outputs}]}]).items():
        (root / "_static" / name).write_bytes(content)
    live = ShapeWidget(known)._repr_mimebundle_()[0]["text/html"]
    (root / "page.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Shape</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="_static/style.css"><script defer src="_static/mixvocab.js"></script>'
        f'<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Shape</h1>{live}</main>',
        encoding="utf-8",
    )
    return root


@pytest.fixture(scope="module", params=["page", "book"])
def place(request) -> tuple[str, str]:
    """The page, and the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    if request.param == "page":
        return f"{request.getfixturevalue('folder').as_uri()}/", "page.html"
    named, name = os.environ.get("MIXVOCAB_BOOK_HTML"), "notebooks/09_on_the_device.html"
    file = Path(named or "").absolute() / name
    if not named or not file.is_file() or 'data-mv="shape"' not in file.read_text(encoding="utf-8"):
        pytest.skip("MIXVOCAB_BOOK_HTML names no book with the choice of a shape")
    return f"{Path(named).absolute().as_uri()}/", name


@pytest.fixture
def page(context, place: tuple[str, str]) -> Iterator[Any]:
    """The page, just opened; nothing goes wrong on it, and nothing is asked of others."""
    opened, wrong, outside = open_page(context, *place)
    opened.locator(".mv-shape").scroll_into_view_if_needed()
    opened.locator(".mv-shape-box svg").wait_for()
    yield opened
    assert not wrong
    assert not outside


def slider(page: Any, name: str) -> Any:
    return page.locator(".mv-shape").get_by_role("slider", name=name)


def times(known: dict[str, Any], **shape: Any) -> list[float]:
    return next(time["ms"] for time in known["times"] if shape.items() <= time.items())


def test_the_smallest_student_is_told_as_it_was_measured(page, known) -> None:
    values = page.locator(".mv-shape-card")
    shape = BertShape(6, 96, 5000)
    expect(values.nth(0)).to_contain_text(f"{shape.total_params / 1e6:.2f} million")
    stored = sum(shape.stored_bytes(32, window=known["window"], outputs=known["outputs"]).values())
    expect(values.nth(1)).to_contain_text(f"{stored:,} bytes")
    ms = times(known, layers=6, hidden=96, numbers="fp32")[known["lengths"].index(16)]
    expect(values.nth(2)).to_contain_text(f"{ms:.2f} ms")
    expect(values.nth(2)).to_contain_text("measured, 16 tokens")
    expect(page.locator(".mv-shape-said")).to_contain_text("Students of this shape were trained here")


def test_arrow_keys_move_all_numbers_and_what_was_not_trained_has_no_score(page, known) -> None:
    spoken = page.locator(".mv-shape-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    slider(page, "Pieces").focus()
    page.keyboard.press("End")
    expect(slider(page, "Pieces")).to_have_attribute("aria-valuetext", f"{PIECES[-1]:,}")
    slider(page, "Width").press("ArrowRight")
    slider(page, "Layers").press("ArrowLeft")
    page.get_by_role("radio", name="8-bit weights", exact=True).check()
    shape = BertShape(5, 128, PIECES[-1])
    stored = shape.stored_bytes(8, window=known["window"], outputs=known["outputs"])
    expect(page.locator(".mv-shape-card").nth(1)).to_contain_text(f"{sum(stored.values()):,} bytes")
    expect(spoken).to_contain_text(f"L-5 H-128, 30,522 pieces, 8-bit weights: {shape.total_params / 1e6:.2f} million")
    expect(spoken).to_contain_text("estimated")
    said = page.locator(".mv-shape-said")
    expect(said).to_contain_text("No student of L-5 H-128 with 30,522 pieces was trained here")
    expect(said).to_contain_text(f"{abs(known['rounding']['w8']):.2f} points of slot F1")


def test_milliseconds_depend_on_numbers_and_length_and_not_on_weights_alone(page, known) -> None:
    card = page.locator(".mv-shape-card").nth(2)
    for name, numbers in (("8-bit weights", "fp32"), ("8-bit weights and products", "int8")):
        page.get_by_role("radio", name=name, exact=True).check()
        for place, length in enumerate(known["lengths"]):
            page.get_by_role("radio", name=f"{length}", exact=True).check()
            ms = times(known, layers=6, hidden=96, numbers=numbers)[place]
            told = f"{ms:.2f}" if ms >= 1 else f"{ms:.2g}"
            expect(card).to_contain_text(f"{told} ms")
            expect(card).to_contain_text(f"measured, {length} tokens")


def test_marks_are_the_records_and_the_line_is_the_choice(page, known) -> None:
    for chart in known["charts"]:
        page.locator(".mv-shape").get_by_role("radio", name=chart["name"]).check()
        expect(page.locator(".mv-shape-title")).to_have_text(chart["title"])
        points = [(series, point) for series in chart["series"] for point in series["points"]]
        expect(page.locator(".mv-shape-box svg path")).to_have_count(len(points))
        page.locator(".mv-shape summary").first.click()
        rows = page.locator(".mv-shape details").first.locator("tbody tr")
        told = [row.locator("th, td").all_text_contents() for row in rows.all()]
        assert [(cells[0], cells[1], cells[3].split(" (")[0]) for cells in told] == [
            (point.get("label") or series["name"], series["name"], f"{point['y']:.1f}") for series, point in points
        ]
    line = page.locator(".mv-shape-box line[stroke='var(--mv-accent)']")
    before = float(line.get_attribute("x1"))
    slider(page, "Layers").press("End")
    expect(line).not_to_have_attribute("x1", str(before))
    assert float(line.get_attribute("x1")) > before


def test_a_phone_does_not_scroll_sideways_and_nothing_moves(page) -> None:
    page.set_viewport_size(PHONE)
    settle(page)
    for summary in page.locator(".mv-shape summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    svg = page.locator(".mv-shape-box svg").bounding_box()
    assert svg["width"] <= PHONE["width"]
    moving = "[...document.querySelectorAll('.mv-shape *')].map((e) => getComputedStyle(e).animationName)"
    assert set(page.evaluate(moving)) == {"none"}


def test_no_serious_violation_of_accessibility(page, scripts: Path) -> None:
    for summary in page.locator(".mv-shape summary").all():
        summary.click()
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        run = "axe.run('.mv-shape', { preload: false }).then(({ violations }) => violations)"
        serious = [each for each in page.evaluate(run) if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_the_module_for_jupyterlab_stays_in_step_with_its_kernel(context, scripts: Path, known) -> None:
    page = context.new_page()
    page.goto("about:blank")
    source = (assets.scripts() / "lab" / "shape.js").read_text(encoding="utf-8")
    chosen = {"pieces": 5000, "hidden": 96, "layers": 6, "numbers": "fp32", "length": 16}
    keys = list(chosen)
    page.evaluate(LAB, {"source": source, "values": chosen | {"known": json.loads(json.dumps(known))}, "keys": keys})
    slider(page, "Layers").press("ArrowRight")
    assert page.evaluate("saved") == [[5000, 96, 7, "fp32", 16]]
    page.evaluate("model.set('hidden', 256)")  # by a cell
    expect(page.locator(".mv-shape-spoken")).to_contain_text("L-7 H-256")
    page.evaluate("model.set('hidden', 192); leave(); model.set('hidden', 96)")  # the first was to be drawn
    page.evaluate("new Promise((done) => setTimeout(done, 50))")
    expect(page.locator(".mv-shape-spoken")).to_contain_text("L-7 H-256")
    page.close()
