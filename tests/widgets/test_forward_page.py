"""The forward pass in a real browser: every token's way is Python's, by keyboard, on a phone, without motion."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from browsing import settle
from overlapping import REDRAWN, Place, read_published
from visiting import LAB, PHONE, expect, open_page

from mixvocab.widgets import assets
from mixvocab.widgets.forward import ForwardWidget
from mixvocab.widgets.vocabularies import mixed_line

TEXTS = [
    "I like machine learning",
    "",
    "[MASK] is <img src=x onerror=alert(1)> & ΣΑΣ 漢字 naïve",
    " ".join(["Knowledge distillation, for on-device use."] * 30),
]
ROWS = "() => [...document.querySelectorAll('.mv-forward tbody tr')].map((row) => ({ ...row.dataset }))"


@pytest.fixture(scope="module")
def folder(overlap_folder: Path, scripts: Path) -> Path:
    """A page with the forward pass, beside that of the overlap widget, whose vocabularies it reads."""
    for name in ("forward.js", "forward.css"):
        shutil.copyfile(scripts / "pages" / name, overlap_folder / "_static" / name)
    packs = read_published(overlap_folder / "_static")
    live = ForwardWidget(packs, layers=6, wide=384, narrow=96)._repr_mimebundle_()[0]["text/html"]
    page = (overlap_folder / "page.html").read_text(encoding="utf-8").partition("<h1>")[0]
    (overlap_folder / "forward.html").write_text(f"{page}<h1>Forward</h1>{live}</main>", encoding="utf-8")
    return overlap_folder


@pytest.fixture(scope="module", params=["page", "book"])
def place(request) -> Place:
    """The page, and the chapter of the book that MIXVOCAB_BOOK_HTML names."""
    if request.param == "page":
        root, name = request.getfixturevalue("folder"), "forward.html"
    else:
        named, name = os.environ.get("MIXVOCAB_BOOK_HTML"), "notebooks/03_stage_one.html"
        root = Path(named or "").absolute()
        if not named or not (root / name).is_file() or 'data-mv="forward"' not in (root / name).read_text("utf-8"):
            pytest.skip("MIXVOCAB_BOOK_HTML names no book with the forward pass")
    return Place(f"{root.as_uri()}/", name, read_published(root / "_static"))


@pytest.fixture
def page(context, place):
    """The page, just opened; nothing goes wrong on it, and nothing is asked of others."""
    opened, wrong, outside = open_page(context, place.base, place.name)
    opened.locator(".mv-forward").scroll_into_view_if_needed()
    yield opened
    assert not wrong
    assert not outside


def draw(page, text: str, p: float, seed: int) -> list[dict[str, str]]:
    widget = page.locator(".mv-forward")
    widget.get_by_label("Sentence").fill(text)
    widget.locator("input[type=range]").fill(str(p))
    widget.locator("input[type=number]").fill(str(seed))
    widget.locator("input[type=number]").press("Enter")
    page.evaluate(REDRAWN)
    return page.evaluate(ROWS)


def expected(place: Place, text: str, p: float, seed: int) -> list[dict[str, str]]:
    """The same by the library's own mixer."""
    teacher, student = place.tokenizers(place.vocabularies["default"])
    line, size = mixed_line(text, teacher, student, p_sv=p, seed=seed), {False: len(teacher), True: len(student)}
    return [
        {
            "side": "student" if own else "teacher",
            "read": read,
            "row": str(row),
            "label": str(label),
            "softmax": str(size[own]) if label >= 0 else "",
        }
        for read, row, own, label in zip(line.shown, line.inputs, line.student, line.labels, strict=True)
    ]


def test_every_token_goes_the_way_that_python_draws(page, place) -> None:
    for text in TEXTS:
        for p, seed in ((0, 0), (0.35, 1), (0.5, 2), (1, 3)):
            assert draw(page, text, p, seed) == expected(place, text, p, seed)


def test_what_is_told_is_counted(page, place) -> None:
    rows = draw(page, TEXTS[3], 0.5, 4)
    own = sum(row["side"] == "student" for row in rows)
    asked = [row for row in rows if row["softmax"]]
    mine = sum(row["side"] == "student" for row in asked)
    told = page.locator(".mv-forward [role=status]")
    size = len(place.vocabularies["students"][place.vocabularies["default"]]["pieces"])
    expect(told).to_contain_text(f"{len(rows)} tokens: {own} go in by Es and W, {len(rows) - own} by Et.")
    expect(told).to_contain_text(f"To predict: {len(asked)}, of them {mine} by the softmax of the student's {size:,}")
    expect(told).to_contain_text("words do not fit into the row")
    draw(page, TEXTS[0], 0, 0)
    expect(told).to_contain_text("the teacher's own masked language modelling")
    draw(page, TEXTS[0], 1, 0)
    expect(told).to_contain_text("Et is not touched")


def test_words_go_whole_and_stand_beside_their_pieces(page) -> None:
    draw(page, "unbelievable compresses I", 0.5, 5)
    words = page.locator(".mv-forward tbody th").evaluate_all(
        "all => all.map((th) => [th.rowSpan, th.textContent.includes('student')])"
    )
    sides = [row["side"] == "student" for row in page.evaluate(ROWS)]
    assert [own for span, own in words for _ in range(span)] == sides
    assert page.locator(".mv-forward-layers").last.evaluate("cell => cell.rowSpan") == len(sides)


def test_the_draw_is_moved_by_keyboard(page, place) -> None:
    widget = page.locator(".mv-forward")
    text = widget.get_by_label("Sentence").input_value()
    slider = widget.get_by_role("slider")
    before = float(slider.input_value())
    slider.press("ArrowRight")
    widget.get_by_role("button", name="Draw again").press("Enter")
    page.evaluate(REDRAWN)
    assert page.evaluate(ROWS) == expected(place, text, before + 0.05, 1)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_what_changes_moves_only_for_those_who_like_that(page, motion) -> None:
    page.emulate_media(reduced_motion=motion)
    draw(page, TEXTS[0], 0, 0)
    draw(page, TEXTS[0], 1, 0)
    changed = page.locator(".mv-forward-changed .mv-forward-bar")
    names = set(changed.evaluate_all("bars => bars.map((bar) => getComputedStyle(bar).animationName)"))
    assert names == {"mv-forward-in" if motion == "no-preference" else "none"}


def test_a_phone_does_not_scroll_sideways(page) -> None:
    page.set_viewport_size(PHONE)
    draw(page, TEXTS[0] + " embeddings", 0.5, 0)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    box = page.locator(".mv-forward-box")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


def test_no_serious_violation_of_accessibility(page, scripts: Path) -> None:
    page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        run = "axe.run('.mv-forward', { preload: false }).then(({ violations }) => violations)"
        serious = [each for each in page.evaluate(run) if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_the_module_for_jupyterlab_stays_in_step_with_its_kernel(context, folder) -> None:
    packs = read_published(folder / "_static")
    values = {"vocabularies": packs, "size": 1000, "text": "a cat", "p": 0.5, "seed": 0}
    values |= {"layers": 6, "wide": 384, "narrow": 96, "tied": True}
    page = context.new_page()
    page.goto("about:blank")
    source = assets.scripts() / "lab" / "forward.js"
    keys = ["text", "p", "seed"]
    page.evaluate(LAB, {"source": source.read_text(encoding="utf-8"), "values": values, "keys": keys})
    place = Place("", "", packs)
    page.evaluate("model.set('text', 'the reader reads')")  # by a cell
    page.evaluate(REDRAWN)
    assert page.evaluate(ROWS) == expected(place, "the reader reads", 0.5, 0)
    page.get_by_role("button", name="Draw again").click()
    assert page.evaluate("saved") == [["the reader reads", 0.5, 1]]
    page.evaluate("model.set('text', 'was to be drawn'); leave(); model.set('text', 'gone')")
    page.evaluate(REDRAWN)
    expect(page.get_by_label("Sentence")).to_have_value("the reader reads")
    page.close()
