"""The rendered pages in a real browser, from disk and over http: whole, quiet, readable, and asking nobody."""

from __future__ import annotations

import pytest
from browsing import settle
from visiting import PHONE, expect, new_window, open_page


def test_pages_are_quiet_ask_nobody_describe_pictures_and_fit_a_phone(browser, base: str, names: list[str]):
    """Pages seen once, each in a window without history, on a desk and then on a phone; from disk all of them."""
    faults = {}
    for name in names if base.startswith("file:") else names[::4]:  # over http nothing but the origin differs
        window = new_window(browser)
        page, wrong, outside = open_page(window, base, name)
        page.set_viewport_size(PHONE)
        settle(page)
        silent = page.evaluate("[...document.images].filter(i => !i.alt.trim()).map(i => i.outerHTML.slice(0, 120))")
        width = page.evaluate("document.documentElement.scrollWidth")
        too_wide = [f"{width} points wide"] if width > PHONE["width"] else []
        if found := wrong + outside + silent + too_wide:
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


def test_what_cells_show_stands_on_the_dark_page_itself(context, base, names, pages):
    """The theme puts a light card behind HTML that it does not know."""
    cards = "[...document.querySelectorAll('.cell_output .text_html')].map(e => getComputedStyle(e).backgroundColor)"
    for name in names:
        if "text_html" not in (pages / name).read_text(encoding="utf-8"):
            continue
        page, _, _ = open_page(context, base, name)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        settle(page)
        assert set(page.evaluate(cards)) == {"rgba(0, 0, 0, 0)"}, name
        page.close()


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
