"""The overlap widget in a real browser, held to Python piece by piece: on a page of its own, and in the book."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import threading
from collections import Counter
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from visiting import PHONE, open_page

from mixvocab.book.publish import PUBLISHED, published_files
from mixvocab.errors import UserError
from mixvocab.models.parameters import STUDENT_SHAPES, BertShape
from mixvocab.models.teacher import load_tokenizer
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.text.learner import learn_vocabularies
from mixvocab.text.masking import IGNORED
from mixvocab.text.normalise import words_of
from mixvocab.widgets import assets
from mixvocab.widgets.mixed import mixed_line
from mixvocab.widgets.overlap import OverlapWidget
from mixvocab.widgets.segments import segments_of
from mixvocab.widgets.vocabularies import published, restore, unpack

LINES, STRIDE, WORDS = 500, 3, 350  # of real text; words typed at once, so that all are drawn
STRANGE = [
    "",
    " \n\t ",
    "[MASK] is [CLS]ed, [mask] is not [ MASK ] nor [UNK][PAD]",
    "ΣΑΣ ὈΔΥΣΣΕΎΣ σάς İstanbul Straße ẞ naïve Å ﬁn e\u0301 A\u030a",
    "漢字かな交じり文 \U00020001 \U0002b830 한국어 हिन्दी ภาษาไทย",
    "😀 👨‍👩‍👧 ✂️ 🧩🧩",
    "a\x00b\x01c\x0bd\x0ce\x1cf\x85g\u200bh\ufeffi\u00adj\ufffdk\u3000l\u2028m\ue000n",
    "x" * 99
    + " "
    + "y" * 101
    + " "
    + "z" * 1001
    + " "
    + "ab" * 300
    + " "
    + "wörd9é" * 100
    + "漢"
    + "q" * 150
    + "\U0001f9e9",
    "\u061d \u0898 \u1734 \u166d \U000111c9 \U00011938 \U00010d69 \u1abf \u2e52",  # other than in today's Unicode
    "__proto__ constructor toString ##ing ## # '' — $5.00 x_y",
    "<img src=x onerror=alert(1)> <b>bold</b> &amp; \"quoted\" 'single' \\n \\",
]
MIXED = [
    "I like machine learning",
    STRANGE[2],
    STRANGE[7],
    " ".join(["Knowledge distillation, for on-device use."] * 30),
]
READ = """() => {
  const found = { teacher: [], student: [] };
  for (const piece of document.querySelectorAll(".mv-words .mv-piece")) {
    found[piece.dataset.side].push([Number(piece.dataset.word), piece.dataset.piece, Number(piece.dataset.id)]);
  }
  return found;
}"""
SETTLE = "() => new Promise((done) => setTimeout(() => setTimeout(done)))"
CLIPBOARD = "navigator.clipboard.writeText = async (text) => { globalThis.copied = text; };"


@dataclass
class Place:
    """A page with the widget, and the vocabularies that it shows."""

    base: str
    name: str
    vocabularies: dict[str, Any]

    def tokenizers(self, size):
        return restore(self.vocabularies["teacher"]), restore(self.vocabularies["students"][str(size)])


def read_published(static: Path) -> dict[str, Any]:
    """The vocabularies that pages load from this folder."""
    script = (static / "data-vocabularies.js").read_text(encoding="utf-8")
    return json.loads(script.split(",", 1)[1].rstrip().removesuffix(");"))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """Real text: of the data folder if there is one, else of the corpus that comes along."""
    documents = resolve_corpus("auto" if os.environ.get("MIXVOCAB_DATA") else "embedded").documents()
    found = (line for document in documents for line in document.splitlines() if line.strip())
    return list(islice(found, 0, LINES * STRIDE, STRIDE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, lines) -> Path:
    """A page with the widget as a chapter shows it, and vocabularies as a chapter publishes them."""
    try:
        pages = assets.scripts() / "pages"
    except UserError as error:
        pytest.skip(f"needs the pages' scripts: {error}")
    root = tmp_path_factory.mktemp("site") / "below"
    static = root / "_static"
    static.mkdir(parents=True)
    for name in ("mixvocab.js", "overlap.js", "overlap.css", "style.css"):
        shutil.copyfile(pages / name, static / name)
    teacher = load_tokenizer(resolve_teacher("embedded").folder)
    students = learn_vocabularies(Counter(word for line in lines for word in words_of(line)), [400, 1000])
    vocabularies = published(teacher, students, default=1000, about="a test's text")
    (root / "vocabularies.json").write_text(json.dumps(vocabularies), encoding="utf-8")
    notebook = {"cells": [{"outputs": [{"data": {PUBLISHED: {"name": "vocabularies", "json": vocabularies}}}]}]}
    for name, content in published_files([notebook]).items():
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


@pytest.fixture(scope="module", params=["disk", "http", "book on disk", "book over http"])
def place(request):
    """The page from disk and over http; and the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    root, name = None, "page.html"
    if request.param.startswith("book"):
        named = os.environ.get("MIXVOCAB_BOOK_HTML")
        root, name = Path(named or "").absolute(), "notebooks/02_mixing.html"
        if not named or not (root / name).is_file() or 'data-mv="overlap"' not in (root / name).read_text("utf-8"):
            pytest.skip("MIXVOCAB_BOOK_HTML names no book with this widget")
    else:
        root = request.getfixturevalue("folder")
    vocabularies = read_published(root / "_static")
    if request.param.endswith("disk"):
        yield Place(root.as_uri() + "/", name, vocabularies)
        return
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root.parent))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Place(f"http://127.0.0.1:{server.server_port}/{root.name}/", name, vocabularies)
        server.shutdown()


class Overlap:
    """The widget on an open page."""

    def __init__(self, window, place: Place, search: str = "") -> None:
        self.place = place
        self.page, self.wrong, self.outside = open_page(window, place.base, place.name + search)
        self.root = self.page.locator(".mv-overlap").first
        self.root.scroll_into_view_if_needed()
        self.root.wait_for()

    def type(self, text: str) -> None:
        self.root.locator("textarea.mv-text").fill(text)
        self.page.evaluate(SETTLE)

    def choose(self, size) -> None:
        self.root.locator(f"[data-size='{size}'] input").check()
        self.page.evaluate(SETTLE)

    def draw(self, p: float, seed: int) -> None:
        self.root.locator("input[type=range]").fill(str(p))
        self.root.locator("input[type=number]").fill(str(seed))
        self.root.locator("input[type=number]").press("Enter")
        self.page.evaluate(SETTLE)

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
def overlap(context, place):
    """The page, just opened. Whatever goes wrong on it, or leaves its folder, fails the test."""
    found = Overlap(context, place)
    yield found
    assert not found.wrong
    assert not found.outside


def expected(text: str, teacher, student) -> dict[str, list[tuple[int, str, int]]]:
    """What Python's `tokenizers` make of a text: word, piece and id of every token."""
    segments, found = segments_of(text, teacher, student), {}
    for side, tokenizer in (("teacher", teacher), ("student", student)):
        encoded = tokenizer.encode(text, add_special_tokens=False)
        numbers = [n for n, word in enumerate(segments) for _ in word[side]]
        found[side] = list(zip(numbers, encoded.tokens, encoded.ids, strict=True))
    return found


def chunks(lines: list[str], teacher) -> list[str]:
    """The lines together, as many as are drawn at once."""
    found, room = [], 0
    for line in lines:
        words = len(words_of(line))
        assert words <= WORDS
        if not found or room < words:
            found.append([])
            room = WORDS
        found[-1].append(line)
        room -= words
    return ["\n".join(chunk) for chunk in found]


def test_500_lines_of_real_text_are_cut_as_python_cuts_them(overlap, lines):
    sizes = overlap.place.vocabularies["sizes"]
    teacher = unpack(overlap.place.vocabularies["teacher"])
    wrong, pieces = [], 0
    for n, text in enumerate(chunks(lines, teacher)):
        size = sizes[n % len(sizes)]
        student = unpack(overlap.place.vocabularies["students"][size])
        overlap.choose(size)
        overlap.type(text)
        got, wanted = overlap.pieces(), expected(text, teacher, student)
        pieces += len(wanted["teacher"]) + len(wanted["student"])
        wrong += [text[:60] for side in wanted if got[side] != wanted[side]]
    assert len(lines) == LINES
    assert pieces > 2 * LINES
    assert wrong == []


def test_strange_text_is_cut_as_python_cuts_it(overlap):
    teacher = unpack(overlap.place.vocabularies["teacher"])
    student = unpack(overlap.place.vocabularies["students"][overlap.place.vocabularies["default"]])
    overlap.choose(overlap.place.vocabularies["default"])
    for text in STRANGE:
        overlap.type(text)
        assert overlap.pieces() == expected(text, teacher, student), text
    assert overlap.root.locator("img, b:not(.mv-told b)").count() == 0


def test_numbers_are_those_of_python(overlap):
    text = "Unbelievable tokenization: naïve 漢字 [MASK] hypertrophic cardiomyopathy\n" + STRANGE[5]
    overlap.choose(size := overlap.place.vocabularies["default"])
    overlap.type(text)
    packs = overlap.place.vocabularies["teacher"], overlap.place.vocabularies["students"][size]
    segments = segments_of(text, *map(unpack, packs))
    characters = sum(len(each["word"]) for each in segments)
    counts = overlap.counts()
    for column, side in enumerate(("teacher", "student")):
        pieces = sum(len(each[side]) for each in segments)
        assert counts["pieces"][column] == str(pieces)
        assert counts["fertility"][column] == f"{pieces / len(segments):.2f}"
        assert counts["per-piece"][column] == f"{characters / pieces:.2f}"
        assert counts["bytes-per-piece"][column] == f"{len(text.encode()) / pieces:.2f}"
        assert counts["unknown"][column] == str(sum(each[side] == ["[UNK]"] for each in segments))
    summary = overlap.root.locator(".mv-counts .mv-summary")
    assert summary.get_attribute("data-words") == str(len(segments))
    assert summary.get_attribute("data-bytes") == str(len(text.encode()))
    shared = [shared_of(each["word"], each["teacher"], each["student"]) for each in segments]
    assert summary.get_attribute("data-boundaries") == str(sum(boundaries for _, boundaries in shared))
    assert counts["shared"][0].split()[0] == str(sum(pieces for pieces, _ in shared))
    assert overlap.root.locator(".mv-words .mv-shared").count() == sum(pieces for pieces, _ in shared)
    assert overlap.root.locator(".mv-words .mv-boundary").count() == sum(boundaries for _, boundaries in shared)


def shared_of(word: str, teacher: list[str], student: list[str]) -> tuple[int, int]:
    """Pieces, and boundaries inside the word, that two segmentations share."""

    def spans(pieces):
        if len(pieces) == 1:
            return [(0, len(word), pieces[0])]
        ends, at = [], 0
        for piece in pieces:
            ends.append((at, at := at + len(piece.removeprefix("##") if at else piece), piece))
        return ends

    theirs, mine = spans(teacher), spans(student)
    return len(set(theirs) & set(mine)), len({end for _, end, _ in theirs[:-1]} & {end for _, end, _ in mine[:-1]})


def test_the_mixed_sequence_and_its_masks_are_those_of_python(overlap):
    for size, text in zip(cycle(overlap.place.vocabularies["sizes"]), MIXED, strict=False):
        overlap.choose(size)
        overlap.type(text)
        tokenizers = overlap.place.tokenizers(size)
        for p, seed in ((0, 0), (0.3, 1), (0.5, 12345), (0.75, 2**31 - 1), (1, 7)):
            overlap.draw(p, seed)
            line, got = mixed_line(text, *tokenizers, p_sv=p, seed=seed), overlap.sequence()
            assert [token["piece"] for token in got] == line.pieces
            assert [int(token["id"]) for token in got] == line.ids
            assert [int(token["input"]) for token in got] == line.inputs
            assert [token["side"] == "student" for token in got] == line.student
            assert [token["predicted"] == "true" for token in got] == [label != IGNORED for label in line.labels]
            words = overlap.root.locator(".mv-sequence .mv-mixed-word").evaluate_all("w => w.map(o => o.dataset.text)")
            assert words == line.words
            masked = sum(label != IGNORED for label in line.labels)
            assert f"To predict: {masked} " in overlap.root.locator(".mv-mixed .mv-summary").inner_text()


def test_p_moves_by_keyboard_and_draw_again_takes_the_next_seed(overlap):
    slider = overlap.root.locator("input[type=range]")
    before = float(slider.input_value())
    slider.focus()
    slider.press("ArrowRight")
    overlap.page.evaluate(SETTLE)
    assert float(slider.input_value()) == pytest.approx(before + 0.05)
    assert overlap.root.locator("output").inner_text() == f"{before + 0.05:.2f}"
    size = overlap.root.locator(".mv-cards input:checked").input_value()
    text = overlap.root.locator("textarea.mv-text").input_value()
    overlap.root.get_by_role("button", name="Draw again").press("Enter")
    overlap.page.evaluate(SETTLE)
    seed = overlap.root.locator("input[type=number]").input_value()
    assert seed == "1"
    line = mixed_line(text, *overlap.place.tokenizers(size), p_sv=float(slider.input_value()), seed=1)
    assert [int(token["input"]) for token in overlap.sequence()] == line.inputs


def test_pieces_are_one_stop_of_the_tab_key_and_tell_what_they_are(overlap):
    overlap.choose(overlap.place.vocabularies["default"])
    overlap.type("the unbelievable")
    teacher, student = overlap.place.tokenizers(overlap.place.vocabularies["default"])
    assert overlap.root.locator(".mv-piece[tabindex='0']").count() == 1
    told, here = overlap.root.locator(".mv-told"), overlap.root.locator(".mv-here")
    assert told.get_attribute("aria-live") == "polite"
    overlap.root.locator(".mv-words").focus()
    overlap.page.keyboard.press("Tab")
    assert overlap.page.evaluate("document.activeElement.dataset.piece") == "the"
    assert f"teacher's id {teacher.convert_tokens_to_ids('the')}; piece 1 of 1 of “the”" in told.inner_text()
    assert "t U+0074, h U+0068, e U+0065" in told.inner_text()
    overlap.page.keyboard.press("ArrowDown")
    assert here.get_attribute("data-side") == "student"
    assert f"student's id {student.convert_tokens_to_ids('the')}" in told.inner_text()
    assert overlap.root.locator(".mv-twin").get_attribute("data-side") == "teacher"
    overlap.page.keyboard.press("End")
    last = student.tokenize("unbelievable")[-1]
    assert here.get_attribute("data-piece") == last
    assert overlap.root.locator(".mv-piece[tabindex='0']").count() == 1
    overlap.page.keyboard.press("Escape")
    assert here.count() == 0
    assert "Point at a piece" in told.inner_text()
    overlap.root.locator(".mv-piece[data-side=teacher]").last.hover()
    assert here.get_attribute("data-side") == "teacher"
    # The colour is the piece's own, wherever it stands.
    colours = overlap.root.locator(".mv-piece[data-piece=the]").evaluate_all(
        "p => p.map(o => o.style.cssText.split(';')[0])"
    )
    assert len(colours) == 2
    assert len(set(colours)) == 1


def test_interleaved_words_and_white_space(overlap):
    overlap.choose(size := overlap.place.vocabularies["default"])
    overlap.type(text := "the  cat,\tunbelievable\nend")
    packs = overlap.place.vocabularies["teacher"], overlap.place.vocabularies["students"][size]
    segments = segments_of(text, *map(unpack, packs))
    assert overlap.root.locator(".mv-space").count() == 0
    overlap.root.get_by_role("radio", name="Interleaved").check()
    overlap.root.get_by_label("white space").check()
    assert overlap.root.locator(".mv-space").all_inner_texts() == ["··", "→", "↵"]
    groups = overlap.root.locator(".mv-group").evaluate_all(
        "g => g.map(o => [...o.children].map(p => p.dataset.piece))"
    )
    assert groups == [
        pieces
        for each in segments
        for pieces in ([each["teacher"]] if each["teacher"] == each["student"] else [each["teacher"], each["student"]])
    ]
    overlap.root.locator(".mv-piece").first.focus()
    overlap.page.keyboard.press("ArrowRight")
    assert overlap.root.locator(".mv-here").get_attribute("data-word") == "1"


def test_figures_of_students_are_those_of_python(overlap):
    for name, shape in STUDENT_SHAPES.items():
        overlap.root.locator("select").select_option(name)
        overlap.page.evaluate(SETTLE)
        for size in overlap.place.vocabularies["sizes"]:
            total = BertShape(shape.layers, shape.hidden, int(size)).total_params
            card = overlap.root.locator(f"[data-size='{size}']")
            assert card.get_attribute("data-parameters") == str(total)
            assert f"{4 * total / 1e6:.1f} MB" in card.inner_text()


def test_a_whole_book_pasted_is_counted_and_drawn_in_part(overlap, lines):
    size = overlap.place.vocabularies["default"]
    overlap.choose(size)
    overlap.type(text := "\n".join(lines))
    packs = overlap.place.vocabularies["teacher"], overlap.place.vocabularies["students"][size]
    segments = segments_of(text, *map(unpack, packs))
    drawn = overlap.root.locator(".mv-words .mv-word").count()
    assert 0 < drawn <= 400
    assert f"the first {drawn} of {len(segments):,} words" in overlap.root.locator(".mv-cut").inner_text()
    pieces = [sum(len(each[side]) for each in segments) for side in ("teacher", "student")]
    assert overlap.counts()["pieces"] == [f"{number:,}" for number in pieces]


def test_an_address_brings_the_view_back(context, place):
    context.add_init_script(CLIPBOARD)
    size = place.vocabularies["sizes"][0]
    search = f"?text=caf%C3%A9+%26+%3Cb%3E%0A2&p=0.25&seed=9&size={size}&shape=L-12+H-256"
    shown = Overlap(context, place, search)
    for _ in range(2):
        assert shown.root.locator("textarea.mv-text").input_value() == "café & <b>\n2"
        assert shown.root.locator("input[type=range]").input_value() == "0.25"
        assert shown.root.locator("input[type=number]").input_value() == "9"
        assert shown.root.locator(".mv-cards input:checked").input_value() == size
        assert shown.root.locator("select").input_value() == "L-12 H-256"
        shown.root.get_by_role("button", name="Copy link").click()
        copied = shown.page.wait_for_function("globalThis.copied").json_value()
        shown = Overlap(context, place, "?" + copied.partition("?")[2])
    assert not shown.wrong

    odd = Overlap(context, place, "?p=7&seed=-1&size=12&shape=huge")
    assert odd.root.locator("input[type=range]").input_value() == "0.5"
    assert odd.root.locator("input[type=number]").input_value() == "0"
    assert not odd.wrong


def test_copied_python_draws_the_same_sequence(context, place):
    context.add_init_script(CLIPBOARD)
    shown = Overlap(context, place)
    size = place.vocabularies["sizes"][0]
    shown.choose(size)
    text = "A \"quoted\" 'line'\\\n\tof {text} with 😀, \u200b, \x85 and \u2028 " + '"""'
    shown.type(text)
    shown.draw(0.35, 4)
    shown.root.get_by_role("button", name="Copy as Python").click()
    code = shown.page.wait_for_function("globalThis.copied").json_value()
    compile(code, "copied", "exec")
    if (
        "book" in place.name
    ):  # its own setup runs the chapter's profile, which takes long: the same vocabularies instead
        code = code.partition("\n")[0] + "\n" + code[code.index("\ntext = ") :]
    teacher, student = place.tokenizers(size)
    names: dict[str, Any] = {"teacher": teacher, "students": {int(size): student}}
    exec(code, names)
    assert names["text"] == text
    line, got = names["line"], shown.sequence()
    assert [int(token["input"]) for token in got] == line.inputs
    assert [token["side"] == "student" for token in got] == line.student
    assert str(line).count(" ") == len(got) - 1


def test_what_cannot_be_copied_is_shown(context, place):
    context.add_init_script("navigator.clipboard.writeText = async () => { throw new Error('no'); };")
    shown = Overlap(context, place)
    shown.root.get_by_role("button", name="Copy as Python").click()
    source = shown.root.locator("textarea.mv-source")
    source.wait_for()
    assert "mixed_line(text" in source.input_value()


def test_theme_and_phone(overlap):
    overlap.type("unbelievable 漢字 tokenization " + "x" * 120)
    ground = "getComputedStyle(document.querySelector('.mv-words')).backgroundColor"
    seen = {}
    for theme in ("light", "dark"):
        overlap.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        seen[theme] = overlap.page.evaluate(ground)
    assert len(set(seen.values())) == 2
    overlap.page.set_viewport_size(PHONE)
    assert overlap.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_nothing_bars_anyone(overlap):
    overlap.page.add_script_tag(path=str(assets.scripts() / "test" / "axe.js"))
    overlap.type("unbelievable 漢字 tokenization [MASK]")
    overlap.root.locator(".mv-piece").first.focus()
    for theme in ("light", "dark"):
        overlap.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        for arrangement in ("Side by side", "Interleaved"):
            overlap.root.get_by_role("radio", name=arrangement).check()
            found = overlap.page.evaluate("async () => (await axe.run('.mv-overlap', {preload: false})).violations")
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], theme
