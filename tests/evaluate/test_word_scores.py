"""Nats a whole word, against the plain formula; what guessing costs, and when a student has left it behind."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForMaskedLM, BertTokenizer

from mixvocab.evaluate.word_scores import (
    MARGIN,
    WordBatch,
    guess_pieces,
    guess_words,
    left_plateau,
    whole_word_batches,
    word_scores,
)
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import new_student
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Batch
from mixvocab.text.words import WordStore


@pytest.fixture(scope="module")
def batches(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> list[WordBatch]:
    tokenizer = BertTokenizer.from_pretrained(tiny_teacher)
    words = "the rereadings student and a machine were learning at night".split()
    texts = [" ".join(words[(n + k * k) % len(words)] for k in range(1, 40)) for n in range(60)]
    store = WordStore.build(texts, tmp_path_factory.mktemp("scores") / "store", tokenizer, heldout=0.5)
    table = store.table(tokenizer)
    return list(whole_word_batches(store, table, rng=np.random.default_rng(0), words=8, masked=3, batch=7, rows=20))


@pytest.fixture
def student(tiny_pieces: list[str]) -> BertForMaskedLM:
    shape = BertShape(1, 16, len(tiny_pieces), 2)
    return new_student(shape, generator=torch.Generator().manual_seed(0), dropout=0.5)


def by_hand(student: BertForMaskedLM, batch: WordBatch, row: int) -> float:
    """Each masked word alone, piece by piece, the pieces before it put in."""
    real = batch.attention[row]
    ids, labels = (torch.from_numpy(array[row][real]) for array in (batch.ids, batch.labels))  # alone, unpadded
    total, read = 0.0, ids
    for at, place in enumerate(batch.place[row][real].tolist()):
        if place < 0:
            continue
        if place == 0:
            read = ids.clone()  # a new word: the one before is hidden again
        with torch.no_grad():
            log_p = torch.log_softmax(student(read[None]).logits[0, at], dim=-1)
        total -= float(log_p[labels[at]])
        read[at] = labels[at]
    return total


def test_scores_are_those_of_the_chain_rule_by_row(batches: list[WordBatch], student: BertForMaskedLM) -> None:
    scores = word_scores(student, batches)
    assert scores.shape == (20, 2)
    assert scores.dtype == np.float64
    assert (scores[:, 1] == 3).all()
    assert max(batch.place.max() for batch in batches) > 1  # words of three pieces are among them
    expected = [by_hand(student, batch, row) for batch in batches for row in range(len(batch.ids))]
    assert scores[:, 0] == pytest.approx(expected, abs=1e-4)


def test_scoring_twice_gives_the_same_bytes_and_no_gradient(batches: list[WordBatch], student: BertForMaskedLM) -> None:
    assert word_scores(student, batches).tobytes() == word_scores(student, batches).tobytes()
    assert all(parameter.grad is None for parameter in student.parameters())


def test_a_student_that_knows_a_word_scores_better(batches: list[WordBatch], student: BertForMaskedLM) -> None:
    before = word_scores(student, batches)[:, 0].sum()
    labels = np.concatenate([batch.labels[batch.labels != IGNORED] for batch in batches])
    with torch.no_grad():
        student.cls.predictions.bias[torch.from_numpy(np.unique(labels))] += 2.0
    assert word_scores(student, batches)[:, 0].sum() < before


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
