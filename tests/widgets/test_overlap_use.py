"""The overlap widget in the hands of a reader: keyboard, links, Python to copy, phone, themes, assistive technology."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import settle
from overlapping import Overlap, unpack
from visiting import PHONE, expect

from mixvocab.models.parameters import STUDENT_SHAPES, BertShape
from mixvocab.widgets.vocabularies import mixed_line, segments_of

CLIPBOARD = "navigator.clipboard.writeText = async (text) => { globalThis.copied = text; };"
# Both in one look: boxes of two layouts say nothing of each other.
COLUMNS = """() => [".mv-counts", ".mv-sizes"].map((part) => {
  const { top, bottom } = document.querySelector(`.mv-overlap ${part}`).getBoundingClientRect();
  return { top, bottom };
})"""


def test_p_moves_by_keyboard_and_draw_again_takes_the_next_seed(overlap):
    slider = overlap.root.locator("input[type=range]")
    before = float(slider.input_value())
    slider.focus()
    slider.press("ArrowRight")
    overlap.redrawn()
    assert float(slider.input_value()) == pytest.approx(before + 0.05)
    expect(overlap.root.locator("output")).to_have_text(f"{before + 0.05:.2f}")
    size = overlap.root.locator(".mv-cards input:checked").input_value()
    text = overlap.root.locator("textarea.mv-text").input_value()
    overlap.root.get_by_role("button", name="Draw again").press("Enter")
    overlap.redrawn()
    expect(overlap.root.locator("input[type=number]")).to_have_value("1")
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
    expect(here).to_have_count(0)
    expect(told).to_contain_text("Point at a piece")
    settle(overlap.page)  # what scrolls away under the pointer is no longer pointed at
    overlap.root.locator(".mv-piece[data-side=teacher]").last.hover()
    expect(here).to_have_attribute("data-side", "teacher")
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
        overlap.redrawn()
        for size in overlap.place.vocabularies["sizes"]:
            total = BertShape(shape.layers, shape.hidden, int(size)).total_params
            card = overlap.root.locator(f"[data-size='{size}']")
            assert card.get_attribute("data-parameters") == str(total)
            assert f"{4 * total / 1e6:.1f} MB" in card.inner_text()


def test_a_whole_book_pasted_is_counted_and_drawn_in_part(overlap, real_lines):
    size = overlap.place.vocabularies["default"]
    overlap.choose(size)
    overlap.type(text := "\n".join(real_lines))
    packs = overlap.place.vocabularies["teacher"], overlap.place.vocabularies["students"][size]
    segments = segments_of(text, *map(unpack, packs))
    drawn = overlap.root.locator(".mv-words .mv-word").count()
    assert 0 < drawn <= 400
    assert f"the first {drawn} of {len(segments):,} words" in overlap.root.locator(".mv-cut").inner_text()
    pieces = [sum(len(each[side]) for each in segments) for side in ("teacher", "student")]
    assert overlap.counts()["pieces"] == [f"{number:,}" for number in pieces]


def test_an_address_brings_the_view_back(context, overlap_place):
    context.add_init_script(CLIPBOARD)
    size = overlap_place.vocabularies["sizes"][0]
    search = f"?text=caf%C3%A9+%26+%3Cb%3E%0A2&p=0.25&seed=9&size={size}&shape=L-12+H-256"
    shown = Overlap(context, overlap_place, search)
    for _ in range(2):
        assert shown.root.locator("textarea.mv-text").input_value() == "café & <b>\n2"
        assert shown.root.locator("input[type=range]").input_value() == "0.25"
        assert shown.root.locator("input[type=number]").input_value() == "9"
        assert shown.root.locator(".mv-cards input:checked").input_value() == size
        assert shown.root.locator("select").input_value() == "L-12 H-256"
        shown.root.get_by_role("button", name="Copy link").click()
        copied = shown.page.wait_for_function("globalThis.copied").json_value()
        shown = Overlap(context, overlap_place, "?" + copied.partition("?")[2])
    assert not shown.wrong

    odd = Overlap(context, overlap_place, "?p=7&seed=-1&size=12&shape=huge")
    assert odd.root.locator("input[type=range]").input_value() == "0.5"
    assert odd.root.locator("input[type=number]").input_value() == "0"
    assert not odd.wrong


def test_copied_python_draws_the_same_sequence(context, overlap_place):
    context.add_init_script(CLIPBOARD)
    shown = Overlap(context, overlap_place)
    size = overlap_place.vocabularies["sizes"][0]
    shown.choose(size)
    text = "A \"quoted\" 'line'\\\n\tof {text} with 😀, \u200b, \x85 and \u2028 " + '"""'
    shown.type(text)
    shown.draw(0.35, 4)
    shown.root.get_by_role("button", name="Copy as Python").click()
    code = shown.page.wait_for_function("globalThis.copied").json_value()
    compile(code, "copied", "exec")
    if (
        "book" in overlap_place.name
    ):  # its own setup runs the chapter's profile, which takes long: the same vocabularies instead
        code = code.partition("\n")[0] + "\n" + code[code.index("\ntext = ") :]
    teacher, student = overlap_place.tokenizers(size)
    names: dict[str, Any] = {"teacher": teacher, "students": {int(size): student}}
    exec(code, names)
    assert names["text"] == text
    line, got = names["line"], shown.sequence()
    assert [int(token["input"]) for token in got] == line.inputs
    assert [token["side"] == "student" for token in got] == line.student
    assert str(line).count(" ") == len(got) - 1


def test_what_cannot_be_copied_is_shown(context, overlap_place):
    context.add_init_script("navigator.clipboard.writeText = async () => { throw new Error('no'); };")
    shown = Overlap(context, overlap_place)
    shown.root.get_by_role("button", name="Copy as Python").click()
    source = shown.root.locator("textarea.mv-source")
    expect(source).to_be_visible()
    assert "mixed_line(text" in source.input_value()


def test_theme_and_phone(overlap):
    overlap.type("unbelievable 漢字 tokenization " + "x" * 120)
    ground = "getComputedStyle(document.querySelector('.mv-words')).backgroundColor"
    seen = {}
    for theme in ("light", "dark"):
        overlap.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        settle(overlap.page)
        seen[theme] = overlap.page.evaluate(ground)
    assert len(set(seen.values())) == 2
    settle(overlap.page)
    counts, sizes = overlap.page.evaluate(COLUMNS)
    assert counts["top"] == sizes["top"]
    overlap.page.set_viewport_size(PHONE)
    settle(overlap.page)
    assert overlap.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # What stands side by side on a desk stands one below the other on a phone.
    counts, sizes = overlap.page.evaluate(COLUMNS)
    assert counts["bottom"] <= sizes["top"]


def test_nothing_bars_anyone(overlap, scripts):
    overlap.page.evaluate((scripts / "test" / "axe.js").read_text(encoding="utf-8"))
    overlap.type("unbelievable 漢字 tokenization [MASK]")
    overlap.root.locator(".mv-piece").first.focus()
    for theme in ("light", "dark"):
        overlap.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        for arrangement in ("Side by side", "Interleaved"):
            overlap.root.get_by_role("radio", name=arrangement).check()
            settle(overlap.page)
            found = overlap.page.evaluate("async () => (await axe.run('.mv-overlap', {preload: false})).violations")
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], theme
