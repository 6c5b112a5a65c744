"""The explorer in a real browser: its counts and its words are Python's, on a page of its own and in the book."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from browsing import settle
from overlapping import MEGABYTES, unpack
from visiting import LAB, PHONE, expect, open_page

from mixvocab.models.pretrained import load_tokenizer
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.text.learner import learn_vocabularies
from mixvocab.text.reading import words_of
from mixvocab.text.reports import Overlap, overlap
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.widgets import assets
from mixvocab.widgets.live import ExplorerWidget, frequent_words
from mixvocab.widgets.vocabularies import published
from mixvocab_book.show.page_data import PAGE_DATA, provided_files

LETTERS = 60_000  # of text that the small page's vocabularies are learned from


@dataclass
class Place:
    """A page with the explorer, and what it shows."""

    root: Path
    name: str

    @cached_property
    def vocabularies(self) -> dict[str, Any]:
        return self._published("vocabularies")

    @cached_property
    def words(self) -> dict[str, Any]:
        return self._published("words")

    @cached_property
    def counts(self) -> dict[str, int]:
        return dict(zip(self.words["words"], self.words["counts"], strict=True))

    def student(self, size: str) -> Vocabulary:
        return Vocabulary(tuple(self.vocabularies["students"][size]["pieces"]))

    def overlap(self, size: str) -> Overlap:
        return overlap(self.student(size), self.vocabularies["teacher"]["pieces"], self.counts)

    def cuts(self, size: str) -> tuple[list[list[str]], list[list[str]]]:
        """All words cut by the student and by the teacher."""
        packs = (self.vocabularies["students"][size], self.vocabularies["teacher"])
        mine, theirs = (
            [found.tokens for found in unpack(pack).encode_batch(self.words["words"], add_special_tokens=False)]
            for pack in packs
        )
        return mine, theirs

    def _published(self, name: str) -> Any:
        script = (self.root / "_static" / f"data-{name}.js").read_text(encoding="utf-8")
        return json.loads(script.split(",", 1)[1].rstrip().removesuffix(");"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scripts: Path) -> Path:
    """A page with the explorer as chapter 1 shows it."""
    pages = scripts / "pages"
    root = tmp_path_factory.mktemp("explorer")
    (root / "_static").mkdir()
    for name in ("mixvocab.js", "explorer.js", "explorer.css", "style.css"):
        shutil.copyfile(pages / name, root / "_static" / name)
    text = "\n".join(resolve_corpus("embedded", megabytes=MEGABYTES).documents())[:LETTERS]
    counts = Counter([*words_of(text), *words_of("Ἀθῆναι naïve Straße 漢字 __proto__ constructor")])
    teacher = load_tokenizer(resolve_teacher("embedded").folder)
    packs = published(teacher, learn_vocabularies(counts, [400, 800]), default=800, about="a test's text")
    words = frequent_words(counts)
    given = {"vocabularies": packs, "words": words}
    outputs = [{"data": {PAGE_DATA: {"name": name, "json": value}}} for name, value in given.items()]
    for name, content in provided_files([{"cells": [{"outputs": outputs}]}]).items():
        (root / "_static" / name).write_bytes(content)
    live = ExplorerWidget(packs, words=words)._repr_mimebundle_()[0]["text/html"]
    (root / "page.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Explorer</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="_static/style.css"><script defer src="_static/mixvocab.js"></script>'
        '<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Explorer</h1><h2>Pieces</h2>'
        f"<h3>Look</h3>{live}</main>",
        encoding="utf-8",
    )
    return root


@pytest.fixture(scope="module", params=["page", "book"])
def place(request) -> Place:
    """The page, and the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    if request.param == "page":
        return Place(request.getfixturevalue("folder"), "page.html")
    named, name = os.environ.get("MIXVOCAB_BOOK_HTML"), "notebooks/01_vocabulary.html"
    found = Path(named or "").absolute() / name
    if not named or not found.is_file() or 'data-mv="explorer"' not in found.read_text(encoding="utf-8"):
        pytest.skip("MIXVOCAB_BOOK_HTML names no book with the explorer")
    return Place(Path(named).absolute(), name)


@pytest.fixture
def page(context, place: Place) -> Iterator[Any]:
    """The explorer, when it has counted; nothing went wrong, and nothing was asked of others."""
    opened, wrong, outside = open_page(context, f"{place.root.as_uri()}/", place.name)
    ready(opened)
    yield opened
    assert not wrong
    assert not outside


def ready(page: Any) -> None:
    page.locator(".mv-explorer-wait").wait_for(state="hidden")
    page.locator(".mv-explorer-grid button").first.wait_for()


def cells(page: Any, by: str) -> dict[str, list[int]]:
    """What the picture shows: the class' label -> pieces of the student alone, of both, of the teacher alone."""
    page.get_by_role("radio", name=f"by {by}").check()
    rows = page.locator(".mv-explorer-grid tbody tr").all()
    return {
        row.locator("th").inner_text(): [int(cell.replace(",", "")) for cell in row.locator("td").all_inner_texts()]
        for row in rows
    }


def sets_of(place: Place, size: str) -> dict[str, set[str]]:
    """The same sets by Python."""
    mine, theirs = (
        set(pack["pieces"]) - set(SPECIAL_PIECES)
        for pack in (place.vocabularies["students"][size], place.vocabularies["teacher"])
    )
    return {"student": mine - theirs, "both": mine & theirs, "teacher": theirs - mine}


def test_the_numbers_are_those_of_the_report(page, place) -> None:
    for size in place.vocabularies["sizes"]:
        page.locator(".mv-explorer select").select_option(size)
        ready(page)
        found = place.overlap(size)
        told = page.locator(".mv-explorer-told").inner_text()
        assert f"{found.shared.sum():,} of the student's {len(found.pieces):,} pieces" in told
        assert f"({100 * found.share:.1f}%)" in told
        assert f"and {100 * found.share_of_text:.1f}% of the tokens" in told
        for by in ("frequency", "length"):
            columns = list(zip(*cells(page, by).values(), strict=True))
            assert [sum(column) for column in columns] == [len(each) for each in sets_of(place, size).values()]


def test_classes_hold_the_pieces_that_python_puts_there(page, place) -> None:
    size = place.vocabularies["default"]
    found = place.overlap(size)
    use = dict(zip(found.pieces, found.use, strict=True))
    own = sets_of(place, size)["student"]
    expected = Counter(sum(use[piece] >= least for least in (1, 10, 100, 1_000, 10_000, 100_000)) for piece in own)
    assert sorted(row[0] for row in cells(page, "frequency").values() if row[0]) == sorted(expected.values())
    lengths = Counter(len(piece.removeprefix("##") if len(piece) > 2 else piece) for piece in own)
    assert cells(page, "length")["3"][0] == lengths[3]


def test_a_part_of_the_picture_opens_by_keyboard_and_lists_its_pieces(page, place) -> None:
    found = place.overlap(place.vocabularies["default"])
    expected = found.pieces[found.shared & (found.use == 0)].tolist()
    button = page.locator(".mv-explorer-grid tbody tr").last.locator("td").nth(1).locator("button")
    if not expected:
        pytest.skip("every shared piece of this book is used")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    while page.locator(".mv-explorer-more").first.is_visible():
        page.locator(".mv-explorer-more").first.click()
    listed = page.locator(".mv-explorer-pieces code").all_inner_texts()
    assert sorted(listed) == sorted(expected)


def test_the_words_of_a_piece_are_those_that_python_cuts_with_it(page, place) -> None:
    size = place.vocabularies["default"]
    mine, theirs = place.cuts(size)
    used = Counter(piece for cut in mine for piece in set(cut))
    chosen = [piece for piece, words in used.most_common() if 2 < words < 60][:2]
    lacking = [piece for piece in (p for cut in theirs for p in cut) if piece not in used and piece.startswith("##")][
        :1
    ]
    for piece in chosen + lacking:
        page.locator(".mv-explorer input[type=search]").fill(piece)
        page.locator(f".mv-explorer-pieces button[data-piece='{piece}']").click()
        more = page.locator(".mv-explorer-detail .mv-explorer-more")
        while more.is_visible():
            more.click()
        rows = [row.locator("th, td").all_inner_texts() for row in page.locator(".mv-explorer-words tbody tr").all()]
        assert rows == [
            [word, f"{count:,}", " ".join(mine[n]), " ".join(theirs[n])]
            for n, (word, count) in enumerate(place.counts.items())
            if piece in mine[n] or piece in theirs[n]
        ]
        facts = page.locator(".mv-explorer-detail dd").all_inner_texts()
        times = sum(place.counts[word] * mine[n].count(piece) for n, word in enumerate(place.counts))
        pieces = place.vocabularies["students"][size]["pieces"]
        if piece in pieces:
            assert facts[2].startswith(f"number {pieces.index(piece):,}; used {times:,} times")
        else:
            assert facts[2] == "does not have it"
        assert set(page.locator(".mv-explorer-words mark").all_inner_texts()) == {piece}


def test_search_knows_where_a_piece_stands(page, place) -> None:
    found = page.locator(".mv-explorer-pieces code")
    every = set().union(*sets_of(place, place.vocabularies["default"]).values())
    field = page.locator(".mv-explorer input[type=search]")
    field.fill("##ing")
    title = page.locator(".mv-explorer-title")
    assert title.inner_text().startswith(f"{sum(piece.startswith('##ing') for piece in every):,} piece")
    assert found.first.inner_text() == "##ing"
    field.fill("stud")
    holding = [piece for piece in every if "stud" in piece]
    assert title.inner_text().startswith(f"{len(holding):,} piece")
    field.fill("<b>&")
    expect(title).to_have_text("0 pieces with “<b>&”")


def test_a_phone_does_not_scroll_sideways(page) -> None:
    page.set_viewport_size(PHONE)
    page.locator(".mv-explorer input[type=search]").fill("in")
    page.locator(".mv-explorer-pieces button").first.click()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_no_serious_violation_of_accessibility(page, scripts: Path) -> None:
    page.locator(".mv-explorer input[type=search]").fill("in")
    page.locator(".mv-explorer-pieces button").first.click()
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        run = "axe.run('.mv-explorer', { preload: false }).then(({ violations }) => violations)"
        serious = [each for each in page.evaluate(run) if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_the_module_for_jupyterlab_stays_in_step_with_its_kernel(context, folder) -> None:
    place = Place(folder, "page.html")
    values = {"vocabularies": place.vocabularies, "words": place.words, "size": 800, "query": "", "selected": "the"}
    page = context.new_page()
    page.goto("about:blank")
    source = assets.scripts() / "lab" / "explorer.js"
    keys = ["size", "query", "selected"]
    page.evaluate(LAB, {"source": source.read_text(encoding="utf-8"), "values": values, "keys": keys})
    ready(page)
    expect(page.locator(".mv-explorer-detail h4")).to_have_text("the")
    page.evaluate("model.set('query', '##s')")  # by a cell
    expect(page.locator(".mv-explorer input[type=search]")).to_have_value("##s")
    page.locator(".mv-explorer-pieces button[data-piece='##s']").click()
    page.locator(".mv-explorer select").select_option("400")
    assert page.evaluate("saved") == [[800, "##s", "##s"], [400, "##s", "##s"]]
    ready(page)
    page.evaluate("leave()")
    page.evaluate("model.set('query', 'gone')")
    expect(page.locator(".mv-explorer input[type=search]")).to_have_value("##s")
    page.close()
