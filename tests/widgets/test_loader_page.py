"""The loader of every page, in a real browser, from disk and from below a path of a server."""

from __future__ import annotations

import json
import shutil
from html import unescape
from pathlib import Path

import browsing
import pytest

from mixvocab.widgets.element import element

KIND = """
mixvocab.register("greeting", async (element, config) => {
  const data = await mixvocab.data("words");
  const told = document.createElement("b");
  told.textContent = `${config.text} ${data.join(" ")} ${mixvocab.theme()}`;
  element.replaceChildren(told);
  mixvocab.onTheme((theme) => { told.dataset.theme = theme; });
});
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scripts) -> Path:
    """A page with three elements, its scripts in a folder beside it."""
    root = tmp_path_factory.mktemp("site") / "below"
    static = root / "_static"
    static.mkdir(parents=True)
    shutil.copyfile(scripts / "pages" / "mixvocab.js", static / "mixvocab.js")
    (static / "greeting.js").write_text(KIND)
    (static / "greeting.css").write_text("b { color: rgb(1, 2, 3) }")
    (static / "broken.css").write_text("")
    (static / "broken.js").write_text('mixvocab.register("broken", () => { throw new Error("no such thing"); });')
    (static / "data-words.js").write_text('mixvocab.provide("words",["one","two"]);')
    (static / "missing.css").write_text("")
    elements = [
        element("greeting", {"text": "<i>A & B</i>"}, "<p>before</p>"),
        element("greeting", {"text": "again"}),
        element("broken", {}, "<p>the table</p>"),
        element("missing", {}, "<p>the picture</p>"),
    ]
    head = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
    script = '<script defer src="_static/mixvocab.js"></script>'
    (root / "page.html").write_text(head + script + "".join(elements))
    return root


@pytest.fixture(params=["disk", "http"])
def address(request, folder):
    """The page's address."""
    if request.param == "disk":
        yield (folder / "page.html").as_uri()
        return
    with browsing.served(folder.parent) as base:
        yield f"{base}below/page.html"


def test_elements_come_alive_with_data_that_is_fetched_once(context, address):
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(address)
    page.wait_for_selector("[data-mv-state=live] >> nth=1")
    first, second = page.locator("[data-mv=greeting]").all()
    assert first.inner_text() == "<i>A & B</i> one two light"  # text, not HTML
    assert second.inner_text() == "again one two light"
    assert asked.count("data-words.js") == asked.count("greeting.js") == asked.count("greeting.css") == 1
    assert first.locator("b").evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_selector("b[data-theme=dark]")
    page.close()


def test_what_fails_keeps_its_fallback_and_says_why_in_a_line(context, address):
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[data-mv-state=failed] >> nth=1")
    assert page.locator("[data-mv=broken]").inner_text().split("\n\n") == [
        "the table",
        "This part of the page is not live: no such thing",
    ]
    told = page.locator("[data-mv=missing]").inner_text()
    assert told.startswith("the picture")
    assert "missing.js could not be loaded; reload the page" in told
    page.close()


def test_the_place_of_an_element_is_escaped():
    config = {"text": "\"'<script>&"}
    html = element("overlap", config, "<p>here</p>")
    assert "<script>" not in html
    assert json.loads(unescape(html.split('data-mv-config="')[1].split('"')[0])) == config
