"""The rendered book in a real browser, for tests, pictures and timings: a local server, a Chromium, live pages."""

from __future__ import annotations

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "book" / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser itself must not talk to anyone either, so that every request seen is the page's own.
ARGUMENTS = """--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking
    --disable-component-update --disable-default-apps --disable-sync --no-first-run""".split()
NOT_PAGES = {"index.html", "genindex.html", "py-modindex.html", "search.html"}
SETTLE = Path(__file__).with_name("settle.js").read_text(encoding="utf-8")
# Pages load what is below the fold when it is about to be seen.
SCROLL = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 600) {
    window.scrollTo(0, y);
    await new Promise((done) => setTimeout(done, 20));
  }
  window.scrollTo(0, 0);
}"""


def names(html: Path) -> list[str]:
    """All pages with text, by path."""
    found = (path.relative_to(html) for path in sorted(html.rglob("*.html")) if path.name not in NOT_PAGES)
    return [path.as_posix() for path in found if not path.parts[0].startswith("_")]


@contextmanager
def served(html: Path) -> Iterator[str]:
    """Address of the folder over http while the context lasts."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(html))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def program() -> str | None:
    """A Chromium on PATH."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium; ends the program with one line if there is none."""
    from playwright.sync_api import sync_playwright

    if program() is None:
        sys.exit(f"a browser is needed: none of {', '.join(BROWSERS)} is on PATH")
    with sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=program(), args=ARGUMENTS)
        yield chromium
        chromium.close()


def settle(page: Any, patience: float = 60) -> None:
    """Wait until the page stands still. Whoever changes window, theme, scroll or content does so before reading boxes.

    Raises Playwright's Error when that takes longer than `patience` seconds.
    """
    page.evaluate(SETTLE, 1000 * patience)


@contextmanager
def opened(chromium: Any, address: str, theme: str, size: tuple[int, int]) -> Iterator[Any]:
    """The page at `address`, settled, in a window of its own of this size."""
    window = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
    )
    page = window.new_page()
    # The theme's own choice outlives pages; a fresh window has none.
    page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    page.goto(address, wait_until="load")
    page.evaluate(SCROLL)
    page.wait_for_load_state("networkidle")
    settle(page)
    yield page
    window.close()


def rendered(folder: str | Path) -> Path:
    """The folder, if it holds a rendered book; else ends the program with one line."""
    html = Path(folder)
    if not (html / "index.html").is_file():
        sys.exit(f"{html} holds no rendered book: run `make book` first, or name its folder with --pages")
    return html
