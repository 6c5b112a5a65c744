"""The overlap widget in a real browser, held to Python piece by piece: on a page of its own, and in the book."""

from __future__ import annotations

from itertools import cycle

from overlapping import DRAWN, LINES, unpack

from mixvocab.text.masking import IGNORED
from mixvocab.text.reading import words_of
from mixvocab.widgets.vocabularies import mixed_line, segments_of

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


def expected(text: str, teacher, student) -> dict[str, list[tuple[int, str, int]]]:
    """What Python's `tokenizers` make of a text: word, piece and id of every token."""
    segments, found = segments_of(text, teacher, student), {}
    for side, tokenizer in (("teacher", teacher), ("student", student)):
        encoded = tokenizer.encode(text, add_special_tokens=False)
        numbers = [n for n, word in enumerate(segments) for _ in word[side]]
        found[side] = list(zip(numbers, encoded.tokens, encoded.ids, strict=True))
    return found


def chunks(lines: list[str]) -> list[str]:
    """The lines together, as many as are drawn at once."""
    found, room = [], 0
    for line in lines:
        words = len(words_of(line))
        if not found or room < words:
            found.append([])
            room = DRAWN
        found[-1].append(line)
        room -= words
    return ["\n".join(chunk) for chunk in found]


def test_500_lines_of_real_text_are_cut_as_python_cuts_them(overlap, real_lines):
    sizes = overlap.place.vocabularies["sizes"]
    teacher = unpack(overlap.place.vocabularies["teacher"])
    wrong, pieces = [], 0
    for n, text in enumerate(chunks(real_lines)):
        size = sizes[n % len(sizes)]
        student = unpack(overlap.place.vocabularies["students"][size])
        overlap.choose(size)
        overlap.type(text)
        got, wanted = overlap.pieces(), expected(text, teacher, student)
        pieces += len(wanted["teacher"]) + len(wanted["student"])
        wrong += [text[:60] for side in wanted if got[side] != wanted[side]]
    assert len(real_lines) == LINES
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
            assert [int(token["input"]) for token in got] == line.inputs
            assert [token["side"] == "student" for token in got] == line.student
            assert [token["predicted"] == "true" for token in got] == [label != IGNORED for label in line.labels]
            words = overlap.root.locator(".mv-sequence .mv-mixed-word").evaluate_all("w => w.map(o => o.dataset.text)")
            assert words == line.words
            masked = sum(label != IGNORED for label in line.labels)
            assert f"To predict: {masked} " in overlap.root.locator(".mv-mixed .mv-summary").inner_text()
