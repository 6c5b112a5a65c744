"""The rendered pages in a real browser, from disk and over http: whole, quiet, readable, and asking nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import settle
from visiting import expect, new_window, open_page


def test_pages_are_quiet_and_ask_nobody_from_disk(browser, pages: Path, names: list[str]):
    """Each in a window without history; `test_every_page` has them over http."""
    faults = {}
    for name in names:
        window = new_window(browser)
        _, wrong, outside = open_page(window, f"{pages.as_uri()}/", name)
        if found := wrong + outside:
            faults[name] = found
        window.close()
    assert faults == {}


def test_formulas_are_drawn(context, base, names, pages):
    name = next(name for name in names if 'class="math' in (pages / name).read_text(encoding="utf-8"))
    page, _, _ = open_page(context, base, name)
    page.wait_for_selector("mjx-container svg", state="attached")
    settle(page)
    assert page.locator("mjx-container").count() >= page.locator(".math").count()
    assert page.locator("mjx-merror").count() == 0


def test_figures_follow_the_theme(context, base, names, pages):
    """Pictures, that is: a figure that is also a live chart hides its own."""
    picture = ".mv-figure:not(:has([data-mv])) img"
    for name in names:
        if "mv-figure" not in (pages / name).read_text(encoding="utf-8"):
            continue
        page, _, _ = open_page(context, base, name)
        if page.locator(picture).count():
            break
        page.close()
    else:
        pytest.fail("no page shows a picture")
    for theme, other in (("dark", "light"), ("light", "dark")):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        expect(page.locator(f"{picture}.only-{theme}").first).to_be_visible()
        expect(page.locator(f"{picture}.only-{other}").first).to_be_hidden()


def test_theme_switch_works(context, base):
    page, _, _ = open_page(context, base, "index.html")
    button = page.locator("button.theme-switch-button:visible").first
    seen = set()
    for _ in range(3):
        button.click()
        settle(page)  # colours may change by and by
        seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_search_finds_a_word(context, base, pages):
    # A word that stands in a chapter: of the small book, or of the real one.
    word = "hippopotamus" if (pages / "notebooks" / "01_sample.html").exists() else "vocabulary"
    page, wrong, _ = open_page(context, base, f"search.html?q={word}")
    page.wait_for_selector("#search-results ul.search li a")
    page.locator("#search-results ul.search li a").first.click()
    page.wait_for_url(lambda url: "search.html" not in url)
    expect(page.locator("article").first).to_contain_text(word, ignore_case=True, use_inner_text=True)
    assert not wrong


def test_start_page_opens_the_first_page(context, base):
    page, _, _ = open_page(context, base, "index.html")
    page.wait_for_url("**/book/intro.html")
    expect(page.locator("article h1")).to_have_count(1)


def test_widgets_come_alive(context, base, names, pages):
    view = "application/vnd.jupyter.widget-view+json"
    name = next((name for name in names if view in (pages / name).read_text(encoding="utf-8")), None)
    if name is None:
        pytest.skip("these pages hold no widget")
    page, wrong, _ = open_page(context, base, name)
    page.wait_for_selector(".jupyter-widgets")
    assert not wrong


def test_no_address_of_a_script_or_style_elsewhere(pages, names):
    """Not even one that is loaded later, on a click."""
    for name in names:
        text = (pages / name).read_text(encoding="utf-8")
        for elsewhere in ("cdn.", "unpkg.com", "mybinder.org", "googleapis", "THEBE_JS_URL"):
            assert elsewhere not in text, name
