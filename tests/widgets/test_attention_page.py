"""Attention and guesses in a real browser: what is shown is what Python reads, by keyboard, on a phone, in the lab."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import settle
from overlapping import REDRAWN
from visiting import LAB, PHONE, expect, open_page

from mixvocab.common.errors import UserError
from mixvocab.widgets import assets
from mixvocab.widgets.attention import AttentionWidget
from mixvocab_book.show.page_data import PAGE_DATA, provided_files

KEYS = ["sentence", "word", "teacher_layer", "teacher_head", "student_layer", "student_head"]
READ = """() => [...document.querySelectorAll(".mv-attention-shares tbody tr")].map((row) =>
  [...row.querySelectorAll("td")].map((cell) => Number(cell.dataset.share)))"""
MOST = 150_000  # bytes of data that a page carries for it


def made(words: list[str], seed: int, heads: int) -> dict[str, Any]:
    """What a model of three layers could make of a sentence; a long word has two pieces."""
    rng, count = np.random.default_rng(seed), len(words)
    pieces = [[word[:4], f"##{word[4:]}"] if len(word) > 4 else [word] for word in words]
    shares = rng.dirichlet(np.full(count + 2, 0.3), (count, 3, heads))
    guesses = [
        [[[one, 0.5], ["<b>", 0.25], ["of", 0.125], ["at", 0.0001], ["by", 0.0]] for one in cut] for cut in pieces
    ]
    own = [[[0.5, 1] if n % 2 else [0.00001, 1234] for _ in cut] for n, cut in enumerate(pieces)]
    for n, cut in enumerate(guesses):
        for best in cut if not n % 2 else []:
            best[0][0] = "other"
    return {
        "pieces": pieces,
        "layers": 3,
        "heads": heads,
        "attention": base64.b64encode((255 * np.sqrt(shares)).round().astype(np.uint8).tobytes()).decode(),
        "guesses": guesses,
        "own": own,
        "nats": rng.random(count).round(3).tolist(),
    }


def sample() -> dict[str, Any]:
    texts = {"one": "the <b>smallest</b> cat sat".split(), "two": "it was the best of times".split()}
    sentences = [
        {"source": source, "words": words, "teacher": made(words, 1 + n, 4), "student": made(words, 7 + n, 1)}
        for n, (source, words) in enumerate(texts.items())
    ]
    return {"sentences": sentences, "about": "Made up <for> a test."}


@dataclass
class Place:
    root: Path
    name: str

    @property
    def looks(self) -> dict[str, Any]:
        script = (self.root / "_static" / "data-attention.js").read_text(encoding="utf-8")
        return json.loads(script.split(",", 1)[1].rstrip().removesuffix(");"))

    def widget(self, **chosen: int) -> AttentionWidget:
        return AttentionWidget(looks=self.looks, **chosen)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scripts: Path) -> Path:
    """A page with the widget as chapter 4 shows it."""
    root = tmp_path_factory.mktemp("attention")
    (root / "_static").mkdir()
    for name in ("mixvocab.js", "attention.js", "attention.css", "style.css"):
        shutil.copyfile(scripts / "pages" / name, root / "_static" / name)
    output = {"data": {PAGE_DATA: {"name": "attention", "json": sample()}}}
    for name, content in provided_files([{"cells": [{"outputs": [output]}]}]).items():
        (root / "_static" / name).write_bytes(content)
    live = AttentionWidget(looks=sample(), word=1)._repr_mimebundle_()[0]["text/html"]
    (root / "page.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Attention</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="_static/style.css"><script defer src="_static/mixvocab.js"></script>'
        f'<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Attention</h1>{live}</main>',
        encoding="utf-8",
    )
    return root


@pytest.fixture(scope="module", params=["page", "book"])
def place(request) -> Place:
    """The page, and the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    if request.param == "page":
        return Place(request.getfixturevalue("folder"), "page.html")
    named, name = os.environ.get("MIXVOCAB_BOOK_HTML"), "notebooks/04_stage_two.html"
    found = Path(named or "").absolute() / name
    if not named or not found.is_file() or 'data-mv="attention"' not in found.read_text(encoding="utf-8"):
        pytest.skip("MIXVOCAB_BOOK_HTML names no book with attention and guesses")
    return Place(Path(named).absolute(), name)


@pytest.fixture
def page(context, place: Place):
    """The page, just opened; nothing goes wrong on it, and nothing is asked of others."""
    opened, wrong, outside = open_page(context, f"{place.root.as_uri()}/", place.name)
    opened.locator(".mv-attention").scroll_into_view_if_needed()
    yield opened
    assert not wrong
    assert not outside


def group(page, name: str):
    return page.locator(".mv-attention").get_by_role("group", name=name)


def hide(page, sentence: int, word: int) -> None:
    group(page, "Sentence").get_by_role("radio").nth(sentence).check()
    page.evaluate(REDRAWN)
    group(page, "Word to hide").get_by_role("radio").nth(word).check()
    page.evaluate(REDRAWN)


def shown(page) -> np.ndarray:
    return np.array(page.evaluate(READ)).T


def wanted(widget: AttentionWidget) -> np.ndarray:
    return np.stack([widget.shares(side) for side in ("teacher", "student")])


def test_shares_are_those_that_python_reads(page, place) -> None:
    for sentence, each in enumerate(place.looks["sentences"]):
        for word in (0, len(each["words"]) - 1):
            hide(page, sentence, word)
            assert shown(page) == pytest.approx(wanted(place.widget(sentence=sentence, word=word)), abs=1e-6)
    selects = {name: page.get_by_label(name, exact=True) for name in ("Teacher's layer", "Teacher's head")}
    for name, chosen in (("Teacher's layer", "1"), ("Teacher's head", "2")):
        selects[name].select_option(chosen)
    page.get_by_label("Student's layer", exact=True).select_option("1")
    page.evaluate(REDRAWN)
    expected = place.widget(sentence=sentence, word=word, teacher_layer=1, teacher_head=2, student_layer=1)
    assert shown(page) == pytest.approx(wanted(expected), abs=1e-6)


def test_what_is_told_follows_from_what_is_shown(page, place) -> None:
    for sentence, word in ((0, 1), (1, 2)):
        hide(page, sentence, word)
        each = place.looks["sentences"][sentence]
        one, other = wanted(place.widget(sentence=sentence, word=word))
        told = page.locator(".mv-attention [role=status]").inner_text()
        assert told.startswith(f"“{each['words'][word]}” is hidden: ")
        same = np.minimum(one, other).sum()
        assert f"; {100 * same:.{int(same < 0.0995)}f}% of their attention is in common." in told
        names = ["[CLS]", *(f"“{name}”" for name in each["words"]), "[SEP]"]
        names[word + 1] = "its own place"
        tops = [names[int(share.argmax())] for share in (one, other)]
        if tops[0] == tops[1]:
            assert f"both look most at {tops[0]} (" in told
        else:
            assert f"the teacher looks most at {tops[0]} (" in told
            assert f"the student at {tops[1]} (" in told


def test_guesses_stand_there_with_the_right_one_marked(page, place) -> None:
    seen = set()
    for word in range(len(place.looks["sentences"][0]["words"])):
        hide(page, 0, word)
        for side in ("teacher", "student"):
            section = page.get_by_role("region", name=f"The {side}'s guesses")
            model = place.looks["sentences"][0][side]
            expect(section).to_contain_text(f"{model['nats'][word]:.2f} nats for the whole word")
            lists = section.get_by_role("list").all()
            assert len(lists) == len(model["pieces"][word])
            for guesses, piece, best, (_, rank) in zip(
                lists, model["pieces"][word], model["guesses"][word], model["own"][word], strict=True
            ):
                found = guesses.locator(".mv-attention-piece").all_inner_texts()
                assert [text.split(" ✓")[0] for text in found] == [guess for guess, _ in best]
                right = guesses.locator(".mv-attention-right")
                assert right.count() == sum(guess == piece for guess, _ in best)
                if rank > len(best):
                    expect(section).to_contain_text(f"{piece} itself: number {rank:,}")
                seen.add(rank > len(best))
    assert seen == {True, False} or place.name != "page.html"


def test_words_are_chosen_by_keyboard(page, place) -> None:
    hide(page, 0, 0)
    group(page, "Word to hide").get_by_role("radio").first.focus()
    page.keyboard.press("ArrowRight")
    page.evaluate(REDRAWN)
    assert shown(page) == pytest.approx(wanted(place.widget(word=1)), abs=1e-6)
    expect(page.locator(".mv-attention-hidden")).to_contain_text(f"[MASK] {place.looks['sentences'][0]['words'][1]}")
    group(page, "Sentence").get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.evaluate(REDRAWN)
    assert shown(page) == pytest.approx(wanted(place.widget(sentence=1)), abs=1e-6)
    page.get_by_label("Teacher's layer", exact=True).focus()
    page.keyboard.press("Home")
    page.evaluate(REDRAWN)
    assert shown(page) == pytest.approx(wanted(place.widget(sentence=1, teacher_layer=1)), abs=1e-6)


def test_nothing_moves(page) -> None:
    moving = """() => [...document.querySelectorAll(".mv-attention *")].filter((one) => {
      const style = getComputedStyle(one);
      return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
    }).length"""
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0


def test_a_phone_does_not_scroll_sideways(page) -> None:
    page.set_viewport_size(PHONE)
    for sentence in range(2):
        hide(page, sentence, 1)
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        widths = (
            "box => [...box.querySelectorAll('table, ol, fieldset')].every((one) => one.scrollWidth <= one.clientWidth)"
        )
        assert page.locator(".mv-attention").evaluate(widths)


def test_no_serious_violation_of_accessibility(page, scripts: Path) -> None:
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        run = "axe.run('.mv-attention', { preload: false }).then(({ violations }) => violations)"
        serious = [each for each in page.evaluate(run) if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_a_page_carries_little_for_it(place) -> None:
    assert (place.root / "_static" / "data-attention.js").stat().st_size <= MOST


def test_the_module_for_jupyterlab_stays_in_step_with_its_kernel(context, folder) -> None:
    page, place = context.new_page(), Place(folder, "page.html")
    page.goto("about:blank")
    source = (assets.scripts() / "lab" / "attention.js").read_text(encoding="utf-8")
    values = {"looks": place.looks} | dict.fromkeys(KEYS, 0)
    page.evaluate(LAB, {"source": source, "values": values, "keys": KEYS})
    page.evaluate("model.set('word', 2)")  # by a cell
    page.evaluate(REDRAWN)
    assert shown(page) == pytest.approx(wanted(place.widget(word=2)), abs=1e-6)
    page.get_by_label("Teacher's head", exact=True).select_option("3")
    assert page.evaluate("saved") == [[0, 2, 0, 3, 0, 0]]
    group(page, "Sentence").get_by_role("radio").nth(1).check()
    assert page.evaluate("saved.at(-1)") == [1, 0, 0, 3, 0, 0]  # the first word of the other sentence
    page.evaluate("model.set('word', 3); leave(); model.set('word', 4)")  # the first was to be drawn
    page.evaluate(REDRAWN)
    assert shown(page) == pytest.approx(wanted(place.widget(sentence=1, teacher_head=3)), abs=1e-6)
    page.close()


def test_without_a_script_a_table_says_the_same(scripts) -> None:
    widget = AttentionWidget(looks=sample(), word=1)
    data, _ = widget._repr_mimebundle_()
    (config,) = re.findall(r'data-mv="attention" data-mv-config="([^"]*)"', data["text/html"])
    assert json.loads(unescape(config)) == dict.fromkeys(KEYS, 0) | {"word": 1}
    text = re.sub(' style="[^"]*"', "", data["text/html"])
    one, other = wanted(widget)
    assert f'<th scope="row">[CLS]</th><td>{one[0]:.0%}</td><td>{other[0]:.0%}</td>' in text
    assert "[MASK] for &lt;b&gt;smallest&lt;/b&gt;" in text
    assert f"<td>{sample()['sentences'][0]['student']['nats'][1]:.2f}</td>" in text


def test_what_is_not_there_is_said_in_one_line() -> None:
    widget = AttentionWidget(looks=sample())
    for name, value, most in (("sentence", 2, 1), ("word", 4, 3), ("teacher_layer", 4, 3), ("student_head", 2, 1)):
        with pytest.raises(UserError, match=f"{name} = {value}: choose 0 to {most}"):
            setattr(widget, name, value)
    widget.sentence, widget.word = 1, 5
    widget.sentence = 0
    assert widget.shares("teacher").shape == (6,)  # the last word there is
