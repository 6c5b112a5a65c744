"""Nats a whole word, against the plain formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForMaskedLM, BertTokenizer

from mixvocab.distill.word_scores import word_scores
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import new_student
from mixvocab.text.masking import IGNORED
from mixvocab.text.whole_words import WordBatch, whole_word_batches
from mixvocab.text.words import WordStore


@pytest.fixture(scope="module")
def batches(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> list[WordBatch]:
    tokenizer = BertTokenizer.from_pretrained(tiny_teacher)
    words = "the reading student and a machine were learning at night".split()
    texts = [" ".join(words[(n * k) % len(words)] for k in range(1, 40)) for n in range(60)]
    store = WordStore.build(texts, tmp_path_factory.mktemp("scores") / "store", heldout=0.5)
    table = store.table(tokenizer)
    return list(whole_word_batches(store, table, rng=np.random.default_rng(0), words=8, masked=3, batch=7, rows=20))


@pytest.fixture
def student(tiny_pieces: list[str]) -> BertForMaskedLM:
    shape = BertShape(1, 16, len(tiny_pieces), 2)
    return new_student(shape, generator=torch.Generator().manual_seed(0), dropout=0.5)


def test_scores_are_the_sums_of_minus_log_p_by_row(batches: list[WordBatch], student: BertForMaskedLM) -> None:
    scores = word_scores(student, batches)
    assert scores.shape == (20, 2)
    assert scores.dtype == np.float64
    assert (scores[:, 1] == 3).all()
    assert student.training  # left as it was, and scored without its dropout
    student.eval()
    row = 0
    for batch in batches:
        for ids, labels, attention in zip(batch.ids, batch.labels, batch.attention, strict=True):
            ids, labels = torch.from_numpy(ids[attention]), torch.from_numpy(labels[attention])  # alone, unpadded
            with torch.no_grad():
                log_p = torch.log_softmax(student(ids[None]).logits[0], dim=-1)
            at = torch.nonzero(labels != IGNORED)[:, 0]
            assert scores[row, 0] == pytest.approx(-float(log_p[at, labels[at]].sum()), abs=1e-4)
            row += 1
    assert row == 20


def test_scoring_twice_gives_the_same_bytes_and_no_gradient(batches: list[WordBatch], student: BertForMaskedLM) -> None:
    assert word_scores(student, batches).tobytes() == word_scores(student, batches).tobytes()
    assert all(parameter.grad is None for parameter in student.parameters())


def test_a_student_that_knows_a_word_scores_better(batches: list[WordBatch], student: BertForMaskedLM) -> None:
    before = word_scores(student, batches)[:, 0].sum()
    labels = np.concatenate([batch.labels[batch.labels != IGNORED] for batch in batches])
    with torch.no_grad():
        student.cls.predictions.bias[torch.from_numpy(np.unique(labels))] += 2.0
    assert word_scores(student, batches)[:, 0].sum() < before


def test_nothing_to_score_is_an_empty_table(student: BertForMaskedLM) -> None:
    assert word_scores(student, []).shape == (0, 2)
