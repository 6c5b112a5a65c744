"""A browser, and a rendered book to open in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sample

from mixvocab.book.layout import Layout
from mixvocab.book.run import Settings, run_chapters

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser itself must not talk to anyone either, so that every request seen is the page's own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A headless Chromium from PATH."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is on PATH")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=found, args=ARGUMENTS, headless=True)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def executed_book(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A small book whose one chapter has been run at smoke with seed 3."""
    base = tmp_path_factory.mktemp("book")
    layout = Layout.find("smoke", base / "html", sample.write_book(base / "root"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIXVOCAB_CACHE", str(base / "cache"))
        patch.delenv("MIXVOCAB_DATA", raising=False)
        run_chapters(layout, Settings("smoke", 3), layout.chapters())
    return layout


@pytest.fixture(scope="session")
def rendered_book(executed_book: Layout) -> Layout:
    """The same, rendered; skipped where the pages' scripts can be had neither from this checkout nor from npm."""
    from mixvocab.book import render
    from mixvocab.errors import UserError

    try:
        render.vendor(executed_book.root / "book")
    except UserError as error:
        pytest.skip(f"needs the pages' scripts: {error}")
    render.render(executed_book)
    return executed_book


@pytest.fixture(scope="session")
def pages(request: pytest.FixtureRequest) -> Path:
    """Folder of the rendered pages under test: MIXVOCAB_BOOK_HTML if set, else the small book's."""
    if named := os.environ.get("MIXVOCAB_BOOK_HTML"):
        folder = Path(named).absolute()
        if not (folder / "index.html").is_file():
            pytest.fail(f"MIXVOCAB_BOOK_HTML names {named}, which holds no index.html")
        return folder
    layout: Layout = request.getfixturevalue("rendered_book")
    return layout.html
