"""The rendered pages in a real browser, from disk and over http: whole, quiet, readable, and asking nobody."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

NOT_PAGES = {"genindex.html", "search.html"}
PHONE = {"width": 375, "height": 800}


@pytest.fixture(scope="module")
def server(pages: Path) -> Iterator[str]:
    """Address of the pages over http."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(pages))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}/"
        http_server.shutdown()


@pytest.fixture(scope="module", params=["disk", "http"])
def base(request: pytest.FixtureRequest, pages: Path) -> str:
    """Where the pages are opened from."""
    return pages.as_uri() + "/" if request.param == "disk" else request.getfixturevalue("server")


@pytest.fixture(scope="module")
def names(pages: Path) -> list[str]:
    """All pages with text."""
    found = [path.relative_to(pages) for path in sorted(pages.rglob("*.html")) if path.name not in NOT_PAGES]
    return [path.as_posix() for path in found if "_static" not in path.parts]


@pytest.fixture
def context(browser) -> Iterator:
    """A browser window without history."""
    window = browser.new_context()
    yield window
    window.close()


def open_page(context, base: str, name: str):
    """Open a page; returns it with all that went wrong, and all requests that left the folder."""
    page, wrong, outside = context.new_page(), [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on("response", lambda answer: wrong.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    own = (base, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else outside.append(request.url))
    page.goto(base + name, wait_until="load")
    page.wait_for_load_state("networkidle")
    return page, wrong, outside


@dataclass
class Visit:
    """What one look at a page found."""

    wrong: list[str]
    outside: list[str]
    undescribed: list[str]
    phone_width: int


@pytest.fixture(scope="module")
def visits(browser, base: str, names: list[str]) -> dict[str, Visit]:
    """Every page seen once, each in a window without history, on a desk and then on a phone."""
    found = {}
    for name in names:
        window = browser.new_context()
        page, wrong, outside = open_page(window, base, name)
        silent = page.evaluate("[...document.images].filter(i => !i.alt.trim()).map(i => i.outerHTML.slice(0, 120))")
        page.set_viewport_size(PHONE)
        width = page.evaluate("document.documentElement.scrollWidth")
        found[name] = Visit(wrong, outside, silent, width)
        window.close()
    return found


def test_pages_are_quiet(visits):
    assert {name: visit.wrong for name, visit in visits.items() if visit.wrong} == {}


def test_pages_ask_nobody(visits):
    assert {name: visit.outside for name, visit in visits.items() if visit.outside} == {}


def test_every_picture_is_described(visits):
    assert {name: visit.undescribed for name, visit in visits.items() if visit.undescribed} == {}


def test_nothing_scrolls_sideways_on_a_phone(visits):
    assert {name: v.phone_width for name, v in visits.items() if v.phone_width > PHONE["width"]} == {}


def test_formulas_are_drawn(context, base, names, pages):
    name = next(name for name in names if 'class="math' in (pages / name).read_text(encoding="utf-8"))
    page, _, _ = open_page(context, base, name)
    page.wait_for_selector("mjx-container svg", state="attached")
    assert page.locator("mjx-container").count() >= page.locator(".math").count()
    assert page.locator("mjx-merror").count() == 0


def test_figures_follow_the_theme(context, base, names, pages):
    name = next((name for name in names if "mv-figure" in (pages / name).read_text(encoding="utf-8")), None)
    assert name, "no page shows a figure"
    page, _, _ = open_page(context, base, name)
    for theme, other in (("dark", "light"), ("light", "dark")):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.locator(f".mv-figure img.only-{theme}").first.is_visible()
        assert not page.locator(f".mv-figure img.only-{other}").first.is_visible()


def test_theme_switch_works(context, base):
    page, _, _ = open_page(context, base, "index.html")
    button = page.locator("button.theme-switch-button:visible").first
    seen = set()
    for _ in range(3):
        button.click()
        seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_search_finds_a_word(context, base, pages):
    # A word that stands in a chapter: of the small book, or of the real one.
    word = "hippopotamus" if (pages / "notebooks" / "01_sample.html").exists() else "vocabulary"
    page, wrong, _ = open_page(context, base, f"search.html?q={word}")
    page.wait_for_selector("#search-results ul.search li a")
    page.locator("#search-results ul.search li a").first.click()
    page.wait_for_load_state("load")
    assert word in page.locator("article").first.inner_text().lower()
    assert not wrong


def test_start_page_opens_the_first_page(context, base):
    page, _, _ = open_page(context, base, "index.html")
    page.wait_for_url("**/book/intro.html")
    assert page.locator("article h1").count() == 1


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
