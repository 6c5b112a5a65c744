"""A browser, and a rendered book to open in it: fixtures of all tests that look at pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import browsing
import pytest
import sample

from mixvocab_book.press.book import Book
from mixvocab_book.press.build import run_chapters

PHONE = {"width": 375, "height": 800}
PATIENCE = 120_000  # ms: how long pages and `expect` are waited for, on a busy machine
# JupyterLab's side of a widget, as far as the modules use it; `saved` has what was sent to the kernel, by `keys`.
LAB = """async ({ source, values, keys }) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const listeners = new Set();
  globalThis.saved = [];
  globalThis.model = {
    get: (key) => values[key],
    set: (key, value) => { values[key] = value; listeners.forEach((listen) => listen()); },
    save_changes: () => saved.push(keys.map((key) => values[key])),
    on: (_, listen) => listeners.add(listen),
    off: (_, listen) => listeners.delete(listen),
  };
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  globalThis.leave = widget.render({ model, el });
}"""


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what opens a browser or looks at rendered pages: `make test` runs it when the whole book is there."""
    for item in items:
        if {"browser", "pages"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.pages)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """A headless Chromium from PATH."""
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if browsing.program() is None:
        pytest.skip(f"needs a browser: none of {', '.join(browsing.BROWSERS)} is on PATH")
    with browsing.browser() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def scripts() -> Path:
    """The folder of the pages' and widgets' scripts; skipped where it is empty and npm cannot fill it."""
    from mixvocab.common.errors import UserError
    from mixvocab.widgets import assets

    try:
        return assets.scripts()
    except UserError as error:
        pytest.skip(f"needs the pages' scripts: {error}")


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, str, str]:
    """A small book whose one chapter has been run at smoke with seed 3; what that printed, and said on stderr."""
    base = tmp_path_factory.mktemp("book")
    book = replace(Book.find("smoke", 3, output=base / "html"), root=sample.write_book(base / "root"))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.setenv("MIXVOCAB_CACHE", str(base / "cache"))
        patch.delenv("MIXVOCAB_DATA", raising=False)
        run_chapters(book)
    return book, out.getvalue(), err.getvalue()


@pytest.fixture(scope="session")
def executed_book(first_run: tuple[Book, str, str]) -> Book:
    """That book."""
    return first_run[0]


@pytest.fixture(scope="session")
def rendered_book(executed_book: Book, scripts: Path) -> Book:
    """The same, rendered."""
    from mixvocab_book.press import render

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
    book: Book = request.getfixturevalue("rendered_book")
    return book.html


@pytest.fixture(scope="module")
def server(pages: Path) -> Iterator[str]:
    """Address of the pages over http."""
    with browsing.served(pages) as address:
        yield address


@pytest.fixture(scope="module", params=["disk", "http"])
def base(request: pytest.FixtureRequest, pages: Path) -> str:
    """Where the pages are opened from."""
    return pages.as_uri() + "/" if request.param == "disk" else request.getfixturevalue("server")


@pytest.fixture(scope="module")
def names(pages: Path) -> list[str]:
    """All pages, those that Sphinx generates included."""
    found = (path.relative_to(pages) for path in sorted(pages.rglob("*.html")))
    return [path.as_posix() for path in found if not path.parts[0].startswith("_")]


@pytest.fixture
def context(browser) -> Iterator:
    """A browser window without history."""
    window = new_window(browser)
    yield window
    window.close()


def new_window(browser, **options: Any) -> Any:
    """A window that waits as long as a busy machine may need."""
    window = browser.new_context(**options)
    window.set_default_timeout(PATIENCE)
    return window


def expect(what: Any) -> Any:
    """Playwright's assertions, which look again until they hold or patience ends."""
    from playwright.sync_api import expect as asserted  # here: tests are collected without Playwright too

    asserted.set_options(timeout=PATIENCE)
    return asserted(what)


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
