"""Who reads nothing: what guessing costs, and when a student has left it behind."""

import math

import numpy as np
import pytest

from mixvocab.evaluate.guessing import MARGIN, guess_pieces, guess_words, left_plateau
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Batch
from mixvocab.text.whole_words import WordBatch


def test_guessing_words_costs_what_the_frequencies_say(batches: list[WordBatch], tiny_pieces: list[str]) -> None:
    frequencies = np.arange(1.0, len(tiny_pieces) + 1)
    scores = guess_words(frequencies, batches)
    log_p = np.log(frequencies / frequencies.sum())
    expected = [-log_p[b.labels[row][b.labels[row] != IGNORED]].sum() for b in batches for row in range(len(b.ids))]
    assert scores[:, 0] == pytest.approx(expected)
    assert (scores[:, 1] == 3).all()


def test_guessing_pieces_counts_what_is_hidden_alone() -> None:
    mask, real = 4, np.ones((1, 5), bool)
    ids = np.array([[2, mask, 7, mask, 3]])  # the 7 stayed as it was
    labels = np.array([[IGNORED, 6, 7, 5, IGNORED]])
    found = guess_pieces(np.array([1.0, 1, 1, 1, 1, 4, 2, 1]), [Batch(ids, real, labels, real)], mask)
    assert found["masked"] == pytest.approx((math.log(12 / 2) + math.log(12 / 4)) / 2)
    assert found["right"] == 0.5


def test_the_plateau_is_left_where_the_line_between_evaluations_crosses() -> None:
    curve = [{"tokens": t, "masked": m} for t, m in ((0, 8.0), (100, 6.2), (200, 5.8), (300, 5.0))]
    assert left_plateau(curve, 6.0 + MARGIN) == pytest.approx(150)
    assert left_plateau(curve, 5.8 + MARGIN) == pytest.approx(200)
    assert left_plateau(curve, 4.0 + MARGIN) is None
    assert left_plateau(curve, 9.0 + MARGIN) == 0
    assert left_plateau([], 6.0) is None
