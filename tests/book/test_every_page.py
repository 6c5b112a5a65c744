"""Every page, opened once over http: quiet, alone, nothing that keeps a reader out (axe-core), and nothing cut.

It is looked at on a desk in both themes, and on a phone with all folds open.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from browsing import settle
from visiting import PHONE, new_window, open_page

DESK = {"width": 1280, "height": 900}
GRAVE = {"serious", "critical"}
# A theme changes nothing but colours, and a width nothing of colours: what one look has seen no other looks for.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
# Left out: the handle of ipywidgets' own slider, which has no name; the small book has one, no chapter does.
RUN = """async ([asked, left]) => {
  const rules = Object.fromEntries(left.map((rule) => [rule, { enabled: false }]));
  const only = asked.length ? { runOnly: { type: "rule", values: asked } } : { rules };
  const found = await axe.run({ exclude: [".noUi-handle"] }, { resultTypes: ["violations"], ...only });
  return found.violations.map(({ id, impact, nodes }) => [id, impact, nodes.map((node) => node.html.slice(0, 150))]);
}"""
# What is wider than its box, or ends right of the window. Left out: what only screen readers read; formulas and figures
# that scroll in a box of their own, which has a tab stop and, for a figure, says so above.
CUT = """() => {
  const looked = "pre, table, caption, th, td, details, figure, img, .mv-table, .mv-banner, .cell_input," +
    ".cell_output, .output, .pst-scrollable-table-container";
  const hinted = (box) => {
    const figure = box.closest(".mv-wide");
    return figure && getComputedStyle(figure, "::before").content.includes("sideways");
  };
  return [...document.querySelectorAll("article :is(" + looked + "):not(.mv-silent)")]
    .filter((box) => box.checkVisibility() && box.clientWidth && !hinted(box))
    .filter((box) => box.scrollWidth > box.clientWidth + 1 || box.getBoundingClientRect().right > innerWidth + 1)
    .map((box) => `${box.tagName} ${box.className}, ${box.scrollWidth} wide: ${box.textContent.trim().slice(0, 60)}`);
}"""
COLUMN = """() => ["article", ".bd-sidebar-primary"].map((name) => {
  const { left, right } = document.querySelector(name).getBoundingClientRect();
  return `${name}: ${left} to ${right}`;
}).join(", ")"""
# A table that is too wide becomes a list of cards: for a phone, not for a desk, where rows are to be compared.
STACKED = """() => [...document.querySelectorAll("article .mv-stacked table")]
  .map((each) => each.textContent.trim().slice(0, 60))"""
# The theme puts a light card behind HTML that it does not know.
CARDS = """() => [...document.querySelectorAll(".cell_output .text_html")]
  .filter((each) => getComputedStyle(each).backgroundColor !== "rgba(0, 0, 0, 0)")
  .map((each) => each.textContent.trim().slice(0, 60))"""
SILENT = "[...document.images].filter((each) => !each.alt.trim()).map((each) => each.outerHTML.slice(0, 120))"
# The reference is made by one machine out of docstrings, and its pages are the largest: all but one get one look.
REFERENCE, SAMPLE = "book/api/", "book/api/widgets.html"


@pytest.fixture(scope="module")
def axe(scripts: Path) -> str:
    """The source of axe-core."""
    return (scripts / "test" / "axe.js").read_text(encoding="utf-8")


def grave(page, asked: list[str] | None = None, left: list[str] | None = None) -> list[str]:
    """What axe-core finds on the page as it stands; minor things left out."""
    return [
        f"{rule}, {len(nodes)} times: {nodes[0]}"
        for rule, impact, nodes in page.evaluate(RUN, [asked or [], left or []])
        if impact in GRAVE
    ]


def look(page, size: dict[str, int], theme: str = "light") -> None:
    page.set_viewport_size(size)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    settle(page)  # with what follows a change of size, such as tab stops of boxes that scroll now


def open_folds(page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    settle(page)


@pytest.fixture(scope="module")
def seen(browser, server: str, names: list[str], axe: str) -> dict[str, dict[str, Any]]:
    """By what was looked at: what is wrong, or for "column" where it stands, of each page."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name in names:
        if name == "index.html":
            continue  # a redirection
        window = new_window(browser, color_scheme="light")
        page, wrong, outside = open_page(window, server, name)
        page.evaluate(axe)
        page.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important; }")
        look(page, DESK)
        found["light, desk"][name] = grave(page)
        if not name.startswith(REFERENCE) or name == SAMPLE:
            look(page, DESK, "dark")
            found["dark, desk"][name] = grave(page, asked=OF_COLOURS)
            found["light cards in the dark"][name] = page.evaluate(CARDS)[:5]
        open_folds(page)
        found["cut on a desk"][name] = page.evaluate(CUT)[:5]
        found["stacked on a desk"][name] = page.evaluate(STACKED)
        if name.startswith("notebooks/"):
            found["column"][name] = page.evaluate(COLUMN)
        look(page, PHONE)
        found["cut on a phone"][name] = page.evaluate(CUT)[:5]
        if not name.startswith(REFERENCE) or name == SAMPLE:
            found["phone"][name] = grave(page, left=OF_COLOURS)
        width = page.evaluate("document.documentElement.scrollWidth")
        found["too wide"][name] = [f"{width} points wide"] if width > PHONE["width"] else []
        found["silent"][name], found["wrong"][name], found["outside"][name] = page.evaluate(SILENT), wrong, outside
        window.close()
    return found


@pytest.mark.parametrize(
    "what",
    [
        "light, desk", "dark, desk", "phone", "cut on a desk", "cut on a phone", "too wide", "stacked on a desk",
        "light cards in the dark", "silent", "wrong", "outside",
    ],
)  # fmt: skip
def test_no_page_keeps_a_reader_out(seen: dict[str, dict[str, Any]], what: str):
    assert {name: faults for name, faults in seen[what].items() if faults} == {}
    assert seen[what]


def test_no_chapters_column_is_wider_than_anothers(seen: dict[str, dict[str, Any]]):
    assert len(set(seen["column"].values())) == 1, seen["column"]


def test_axe_is_awake(context, axe: str):
    """A page without a name for its button and with grey on grey is called what it is."""
    page = context.new_page()
    page.set_content('<html lang="en"><body><button></button><p style="color: #999; background: #aaa">grey</p></body>')
    page.evaluate(axe)
    assert {wrong.partition(",")[0] for wrong in grave(page)} >= {"button-name", "color-contrast"}
    assert {wrong.partition(",")[0] for wrong in grave(page, asked=OF_COLOURS)} == {"color-contrast"}
    assert "color-contrast" not in {wrong.partition(",")[0] for wrong in grave(page, left=OF_COLOURS)}


def test_a_cut_cell_would_be_seen(context):
    page = context.new_page()
    page.set_viewport_size(PHONE)
    wide = "<td style='white-space: nowrap'>" + "a cell that is too wide " * 9 + "</td>"
    page.set_content(f"<article><table><tr>{wide}</tr></table><pre>fits</pre></article>")
    assert {fault.split()[0] for fault in page.evaluate(CUT)} == {"TABLE", "TD"}
