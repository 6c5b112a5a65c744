from __future__ import annotations

import numpy as np
import pytest

from mixvocab.text.reports import overlap, piece_use, segmentation, size_curve
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

SMALL = Vocabulary((*SPECIAL_PIECES, "a", "b", "##a", "##b", "ab", "##bb"))
LARGE = Vocabulary((*SPECIAL_PIECES, "a", "b", "##a", "##b", "ab", "abba"))
# a | ab | ab ##bb | ab ##b ##a | [UNK]
COUNTS = {"a": 4, "ab": 3, "abbb": 2, "abba": 1, "xyz": 2}


def test_a_hand_made_text_adds_up() -> None:
    report = segmentation(SMALL, COUNTS)
    assert (report.size, report.words, report.unknown, report.whole) == (11, 12, 2, 7)
    assert report.tokens == 4 * 1 + 3 * 1 + 2 * 2 + 1 * 3 + 2 * 1
    assert report.fertility == pytest.approx(16 / 12)
    assert report.characters_per_token == pytest.approx((4 * 1 + 3 * 2 + 2 * 4 + 1 * 4) / 14)
    assert report.coverage == pytest.approx(10 / 12)
    assert report.unknown_rate == pytest.approx(2 / 12)
    assert report.whole_rate == pytest.approx(7 / 12)


def test_a_text_of_unknown_words_alone_has_no_characters_per_token() -> None:
    report = segmentation(SMALL, {"é": 3})
    assert (report.unknown_rate, report.coverage, report.characters_per_token) == (1.0, 0.0, 0.0)


def test_use_counts_tokens_of_running_text() -> None:
    use = piece_use(SMALL, COUNTS)
    assert use["ab"] == 3 + 2 + 1
    assert (use["##bb"], use["##b"], use["##a"], use["[UNK]"], use["b"]) == (2, 1, 1, 2, 0)


def test_overlap_by_place_and_by_use() -> None:
    shared = overlap(SMALL, LARGE.pieces, COUNTS)
    assert (shared.shared, shared.pieces, shared.share) == (5, 6, pytest.approx(5 / 6))
    assert (shared.share_initial, shared.share_continuation) == (1, pytest.approx(2 / 3))
    assert shared.share_of_text == pytest.approx(12 / 14)
    assert shared.missing == ("##bb",)
    # Most used first: ab 6, a 4, ##bb 2, ##a 1, ##b 1, b 0.
    assert shared.ranked == ("ab", "a", "##bb", "##a", "##b", "b")
    np.testing.assert_allclose(shared.share_by_use(), [1, 1, 2 / 3, 3 / 4, 4 / 5, 5 / 6])


def test_a_hash_sign_begins_a_word_and_its_continuation_continues_one() -> None:
    shared = overlap(Vocabulary((*SPECIAL_PIECES, "#", "###")), [], {"#": 1})
    assert (shared.continues.tolist(), shared.share) == ([False, True], 0.0)


def test_the_curve_is_ordered_by_size() -> None:
    curve = size_curve([Vocabulary((*LARGE.pieces, "xyz")), SMALL], COUNTS)
    assert [report.size for report in curve] == [11, 12]
    assert curve[1].unknown == 0
