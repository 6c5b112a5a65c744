"""The learner in a real browser: its steps by keyboard, what it says, the same end as in Python; phone, JupyterLab."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import settle
from visiting import LAB, PHONE, expect, open_page

from mixvocab.text.learner import learn_vocabulary, merged_pieces
from mixvocab.widgets import assets
from mixvocab.widgets.learning import FIXED, WORDS, LearnerWidget, count_typed

HOSTILE = "<img src=x onerror=alert(1)> <b>:3 漢字:2 Straße straße"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scripts: Path) -> Path:
    """A page with the learner as chapter 1 shows it."""
    root = tmp_path_factory.mktemp("learner")
    (root / "_static").mkdir()
    for name in ("mixvocab.js", "style.css", "learner.js", "learner.css"):
        shutil.copyfile(scripts / "pages" / name, root / "_static" / name)
    live = LearnerWidget()._repr_mimebundle_()[0]["text/html"]
    (root / "page.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Learner</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="_static/style.css"><script defer src="_static/mixvocab.js"></script>'
        f'<body style="background: var(--mv-page); color: var(--mv-ink)"><main><h1>Learner</h1>{live}</main>',
        encoding="utf-8",
    )
    return root


@pytest.fixture(scope="module", params=["page", "book"])
def place(request) -> tuple[str, str]:
    """The page, and the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    if request.param == "page":
        return f"{request.getfixturevalue('folder').as_uri()}/", "page.html"
    named, name = os.environ.get("MIXVOCAB_BOOK_HTML"), "notebooks/01_vocabulary.html"
    file = Path(named or "").absolute() / name
    if not named or not file.is_file() or 'data-mv="learner"' not in file.read_text(encoding="utf-8"):
        pytest.skip("MIXVOCAB_BOOK_HTML names no book with the learner")
    return f"{Path(named).absolute().as_uri()}/", name


@pytest.fixture
def page(context, place: tuple[str, str]) -> Iterator[Any]:
    """The page, just opened; nothing goes wrong on it, and nothing is asked of others."""
    opened, wrong, outside = open_page(context, *place)
    opened.locator(".mv-learner").scroll_into_view_if_needed()
    yield opened
    assert not wrong
    assert not outside


def cuts(page: Any) -> dict[str, list[str]]:
    """The words on the page with the pieces they are cut into."""
    rows = page.locator(".mv-learner-words tbody tr").all()
    return {
        row.locator("th").text_content().removeprefix("▸"): row.locator(".mv-learner-piece").all_text_contents()
        for row in rows
    }


def steps(page: Any) -> int:
    return int(page.locator(".mv-learner [type=range]").get_attribute("max"))


def test_arrow_keys_step_and_the_sentence_is_spoken(page) -> None:
    counts = count_typed(WORDS)
    slider, told = page.get_by_role("slider", name="Step"), page.locator(".mv-learner-told")
    assert told.get_attribute("aria-live") == "polite"
    assert cuts(page) == {word: [word[0], *(f"##{letter}" for letter in word[1:])] for word in counts}
    slider.focus()
    made = [piece for piece in merged_pieces(counts) if piece not in FIXED]
    for number, piece in enumerate(made[:3], 1):
        page.keyboard.press("ArrowRight")
        expect(told).to_contain_text(f"They become the piece {piece}.")
        assert slider.get_attribute("aria-valuetext").startswith(f"{number} of {steps(page)}: ")
        expect(page.locator(".mv-learner-pieces mark")).to_have_text(piece)
        assert page.locator(".mv-learner-pieces li").all_text_contents() == made[:number]
    page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text(f"They become the piece {made[1]}.")
    page.keyboard.press("End")
    expect(told).to_contain_text("the size is right")


def test_buttons_step_jump_and_stay_in_reach_of_the_keyboard(page) -> None:
    told = page.locator(".mv-learner-told")
    back, forward = (page.get_by_role("button", name=f"Step {way}") for way in ("back", "forward"))
    expect(back).to_have_attribute("aria-disabled", "true")
    forward.press("Enter")
    expect(page.locator(".mv-learner-facts")).to_contain_text(f"Step 1 of {steps(page)}.")
    back.press("Enter")
    expect(back).to_have_attribute("aria-disabled", "true")
    back.press("Enter")
    assert page.evaluate("document.activeElement.title") == "Step back"
    page.get_by_role("button", name="To the removals").click()
    expect(told).to_contain_text("From here on a word is read from its start")
    forward.press("Enter")
    expect(told).to_contain_text("It is taken out")
    expect(page.locator(".mv-learner-pieces del")).to_have_count(1)
    page.get_by_role("button", name="Last step").click()
    expect(forward).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(
    ("text", "size"), [("play:4 plays:2 playing:3 played:2 say:3 saying", 3), (HOSTILE, 5), ("", 4)]
)
def test_the_end_is_that_of_python_and_what_is_typed_is_text(page, text, size) -> None:
    page.locator(".mv-learner textarea").fill(text)
    page.locator(".mv-learner [type=number]").fill(str(size))
    page.locator(".mv-learner [type=number]").press("Enter")
    counts = count_typed(text)
    expect(page.locator(".mv-learner-words tbody tr")).to_have_count(len(counts))
    page.get_by_role("button", name="Last step").click()
    expect(page.locator(".mv-learner-facts")).to_contain_text(f"Step {steps(page)} of {steps(page)}.")
    most = sum(piece not in FIXED for piece in merged_pieces(counts))
    known = learn_vocabulary(counts, len(FIXED) + min(size, most))
    kept = page.locator(".mv-learner-pieces li:not(:has(del))").all_text_contents()
    assert sorted(kept) == sorted(known.pieces[len(FIXED) :])
    assert cuts(page) == {word: known.segment(word) for word in counts}
    assert page.locator(".mv-learner :is(img, b)").count() == 0


def test_every_example_runs_to_its_end(page) -> None:
    for button in page.get_by_role("group", name="Examples").get_by_role("button").all():
        button.click()
        page.get_by_role("button", name="Last step").click()
        expect(page.locator(".mv-learner-told")).to_contain_text("the size is right")
        wanted = page.locator(".mv-learner [type=number]").input_value()
        expect(page.locator(".mv-learner-count")).to_contain_text(f"Pieces: {wanted},")


def test_a_phone_does_not_scroll_sideways_and_nothing_moves(page) -> None:
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="A page of prose").click()
    page.get_by_role("button", name="To the removals").click()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    moving = "[...document.querySelectorAll('.mv-learner *')].filter((e) => e.getAnimations().length).length"
    assert page.evaluate(moving) == 0
    timed = "new Set([...document.querySelectorAll('.mv-learner *')].map((e) => getComputedStyle(e).animationName))"
    assert page.evaluate(f"[...{timed}]") == ["none"]


def test_no_serious_violation_of_accessibility(page, scripts: Path) -> None:
    page.get_by_role("button", name="To the removals").click()
    page.get_by_role("button", name="Step forward").click()
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        run = "axe.run('.mv-learner', { preload: false }).then(({ violations }) => violations)"
        serious = [each for each in page.evaluate(run) if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_the_module_for_jupyterlab_stays_in_step_with_its_kernel(context, scripts: Path) -> None:
    page = context.new_page()
    page.goto("about:blank")
    source = assets.scripts() / "lab" / "learner.js"
    values = {"text": "low:5 lower:2", "pieces": 2, "step": 0}
    given = {"source": source.read_text(encoding="utf-8"), "values": values, "keys": list(values)}
    page.evaluate(LAB, given)
    page.get_by_role("button", name="Step forward").click()
    assert page.evaluate("saved") == [["low:5 lower:2", 2, 1]]
    page.evaluate("model.set('text', 'aa:3')")  # by a cell
    expect(page.locator(".mv-learner-words tbody th")).to_have_text(["▸aa"])
    expect(page.locator(".mv-learner textarea")).to_have_value("aa:3")
    page.evaluate("model.set('text', 'was to be drawn'); leave(); model.set('text', 'gone')")
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    expect(page.locator(".mv-learner textarea")).to_have_value("aa:3")
    page.close()
