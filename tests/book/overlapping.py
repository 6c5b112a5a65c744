"""The overlap widget on a page that is open in a browser: fixtures of the tests that use it as readers do."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import browsing
import pytest
from visiting import open_page

LINES, STRIDE = 500, 3  # of real text
MEGABYTES = 1  # of it at most: all that is installed takes most of a minute to collect
DRAWN = 350  # words of a line at most: few enough that the widget draws all of them
READ = """() => {
  const found = { teacher: [], student: [] };
  for (const piece of document.querySelectorAll(".mv-words .mv-piece")) {
    found[piece.dataset.side].push([Number(piece.dataset.word), piece.dataset.piece, Number(piece.dataset.id)]);
  }
  return found;
}"""
# Changes are drawn by a timer that their event has set: one that is set later goes off later.
REDRAWN = "() => new Promise((done) => setTimeout(() => setTimeout(done)))"


@dataclass
class Place:
    """A page with the widget, and the vocabularies that it shows."""

    base: str
    name: str
    vocabularies: dict[str, Any]

    def tokenizers(self, size):
        """The teacher's and the student's of this size."""
        from mixvocab.widgets.vocabularies import restore

        return restore(self.vocabularies["teacher"]), restore(self.vocabularies["students"][str(size)])


def unpack(packed: dict[str, Any]) -> Any:
    """The Rust tokenizer of a packed vocabulary."""
    from mixvocab.widgets.vocabularies import restore

    return restore(packed).backend_tokenizer


def read_published(static: Path) -> dict[str, Any]:
    """The vocabularies that pages load from this folder."""
    script = (static / "data-vocabularies.js").read_text(encoding="utf-8")
    return json.loads(script.split(",", 1)[1].rstrip().removesuffix(");"))


@pytest.fixture(scope="session")
def real_lines() -> list[str]:
    """Real text: of the data folder if there is one, else of the corpus that comes along."""
    from mixvocab.sources.corpus import resolve_corpus
    from mixvocab.text.reading import words_of

    place = "auto" if os.environ.get("MIXVOCAB_DATA") else "embedded"
    documents = resolve_corpus(place, megabytes=MEGABYTES).documents()
    lines = (line for document in documents for line in document.splitlines())
    found = (line for line in lines if line.strip() and len(words_of(line)) <= DRAWN)
    return list(islice(found, 0, LINES * STRIDE, STRIDE))


@pytest.fixture(scope="session")
def overlap_folder(tmp_path_factory, scripts, real_lines) -> Path:
    """A page with the widget as a chapter shows it, and vocabularies as a chapter publishes them."""
    from mixvocab.models.pretrained import load_tokenizer
    from mixvocab.sources.teacher import resolve_teacher
    from mixvocab.text.learner import learn_vocabularies
    from mixvocab.text.reading import words_of
    from mixvocab.widgets.live import OverlapWidget
    from mixvocab.widgets.vocabularies import published
    from mixvocab_book.show.page_data import PAGE_DATA, provided_files

    pages = scripts / "pages"
    root = tmp_path_factory.mktemp("site") / "below"
    static = root / "_static"
    static.mkdir(parents=True)
    for name in ("mixvocab.js", "overlap.js", "overlap.css", "style.css"):
        shutil.copyfile(pages / name, static / name)
    teacher = load_tokenizer(resolve_teacher("embedded").folder)
    students = learn_vocabularies(Counter(word for line in real_lines for word in words_of(line)), [400, 1000])
    vocabularies = published(teacher, students, default=1000, about="a test's text")
    (root / "vocabularies.json").write_text(json.dumps(vocabularies), encoding="utf-8")
    notebook = {"cells": [{"outputs": [{"data": {PAGE_DATA: {"name": "vocabularies", "json": vocabularies}}}]}]}
    for name, content in provided_files([notebook]).items():
        (static / name).write_bytes(content)
    setup = (
        "import json\nfrom mixvocab.widgets.vocabularies import restore\n"
        f"known = json.load(open({str(root / 'vocabularies.json')!r}, encoding='utf-8'))\n"
        "teacher = restore(known['teacher'])\n"
        "students = {int(size): restore(pack) for size, pack in known['students'].items()}\n"
    )
    live = OverlapWidget(vocabularies, setup=setup)._repr_mimebundle_()[0]["text/html"]
    (root / "page.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Overlap</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="_static/style.css"><script defer src="_static/mixvocab.js"></script>'
        f'<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Overlap</h1>{live}</main>',
        encoding="utf-8",
    )
    return root


@pytest.fixture(scope="module", params=["page over http", "book from disk"])
def overlap_place(request):
    """A page of its own over http; and, from disk, the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    root, name = None, "page.html"
    if request.param.startswith("book"):
        named = os.environ.get("MIXVOCAB_BOOK_HTML")
        root, name = Path(named or "").absolute(), "notebooks/02_mixing.html"
        if not named or not (root / name).is_file() or 'data-mv="overlap"' not in (root / name).read_text("utf-8"):
            pytest.skip("MIXVOCAB_BOOK_HTML names no book with this widget")
    else:
        root = request.getfixturevalue("overlap_folder")
    vocabularies = read_published(root / "_static")
    if request.param == "book from disk":
        yield Place(root.as_uri() + "/", name, vocabularies)
        return
    with browsing.served(root.parent) as address:
        yield Place(f"{address}{root.name}/", name, vocabularies)


class Overlap:
    """The widget on an open page."""

    def __init__(self, window, place: Place, search: str = "") -> None:
        self.place = place
        self.page, self.wrong, self.outside = open_page(window, place.base, place.name + search)
        self.root = self.page.locator(".mv-overlap").first
        self.root.scroll_into_view_if_needed()
        self.root.wait_for()
        browsing.settle(self.page)

    def redrawn(self) -> None:
        """Wait until what has been changed is in the page. Before reading boxes, `browsing.settle` it."""
        self.page.evaluate(REDRAWN)

    def type(self, text: str) -> None:
        self.root.locator("textarea.mv-text").fill(text)
        self.redrawn()

    def choose(self, size) -> None:
        self.root.locator(f"[data-size='{size}'] input").check()
        self.redrawn()

    def draw(self, p: float, seed: int) -> None:
        self.root.locator("input[type=range]").fill(str(p))
        self.root.locator("input[type=number]").fill(str(seed))
        self.root.locator("input[type=number]").press("Enter")
        self.redrawn()

    def pieces(self) -> dict[str, list[tuple[int, str, int]]]:
        found = self.page.evaluate(READ)
        return {side: [tuple(piece) for piece in pieces] for side, pieces in found.items()}

    def sequence(self) -> list[dict[str, str]]:
        return self.root.locator(".mv-sequence .mv-token").evaluate_all("all => all.map((one) => ({...one.dataset}))")

    def counts(self) -> dict[str, list[str]]:
        return self.root.locator("[data-count]").evaluate_all(
            "rows => Object.fromEntries(rows.map(row => "
            "[row.dataset.count, [...row.querySelectorAll('td')].map(cell => cell.textContent)]))"
        )


@pytest.fixture
def overlap(context, overlap_place):
    """The page, just opened. Whatever goes wrong on it, or leaves its folder, fails the test."""
    found = Overlap(context, overlap_place)
    yield found
    assert not found.wrong
    assert not found.outside
