from __future__ import annotations

import numpy as np
import pytest

from mixvocab.text.reports import overlap, segmentation
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary

SMALL = Vocabulary((*SPECIAL_PIECES, "a", "b", "##a", "##b", "ab", "##bb"))
LARGE = Vocabulary((*SPECIAL_PIECES, "a", "b", "##a", "##b", "ab", "abba"))
# a | ab | ab ##bb | ab ##b ##a | [UNK]
COUNTS = {"a": 4, "ab": 3, "abbb": 2, "abba": 1, "xyz": 2}


def test_a_hand_made_text_adds_up() -> None:
    report = segmentation(SMALL, COUNTS)
    assert (report.size, report.words) == (11, 12)
    assert report.fertility == pytest.approx((4 * 1 + 3 * 1 + 2 * 2 + 1 * 3 + 2 * 1) / 12)
    assert report.characters_per_token == pytest.approx((4 * 1 + 3 * 2 + 2 * 4 + 1 * 4) / 14)
    assert report.unknown_rate == pytest.approx(2 / 12)
    assert report.whole_rate == pytest.approx(7 / 12)
    report = segmentation(SMALL, {"é": 3})  # unknown words alone
    assert (report.unknown_rate, report.whole_rate, report.characters_per_token) == (1.0, 0.0, 0.0)


def test_overlap_of_pieces_and_by_use() -> None:
    shared = overlap(SMALL, LARGE.pieces, COUNTS)
    # Most used first; of equal use by text.
    assert shared.pieces.tolist() == ["ab", "a", "##bb", "##a", "##b", "b"]
    assert shared.use.tolist() == [3 + 2 + 1, 4, 2, 1, 1, 0]
    np.testing.assert_array_equal(shared.shared, shared.pieces != "##bb")
    assert shared.share == pytest.approx(5 / 6)
    assert shared.share_of_text == pytest.approx(12 / 14)
