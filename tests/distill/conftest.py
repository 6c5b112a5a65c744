"""A tiny corpus, a vocabulary learned on it, and the tiny teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from transformers import BertTokenizer, PreTrainedTokenizerFast

from mixvocab.models.teacher import load_tokenizer
from mixvocab.text.counts import count_words
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.tables import WordTable
from mixvocab.text.whole_words import WordBatch, whole_word_batches
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.text.words import WordStore

TEXTS = [f"the old house number {i} stands by a river and nobody lives there ." for i in range(60)]


@dataclass(frozen=True)
class World:
    """What mixers are made of."""

    folder: Path  # the teacher's
    tokenizer: PreTrainedTokenizerFast  # the teacher's
    vocab: Vocabulary  # the student's
    store: WordStore
    student: WordTable
    teacher: WordTable


@pytest.fixture
def tiny(tmp_path: Path, tiny_teacher: Path) -> World:
    """Sixty sentences of the same words, a fifth of them held out."""
    tokenizer = load_tokenizer(tiny_teacher)
    vocab = learn_vocabulary(count_words(TEXTS), 200)
    store = WordStore.build(TEXTS, tmp_path / "store", vocab.tokenizer(), teacher=tokenizer, heldout=0.2)
    return World(tiny_teacher, tokenizer, vocab, store, store.table(vocab.tokenizer()), store.table(tokenizer))


@pytest.fixture(scope="module")
def batches(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> list[WordBatch]:
    tokenizer = BertTokenizer.from_pretrained(tiny_teacher)
    words = "the rereadings student and a machine were learning at night".split()
    texts = [" ".join(words[(n + k * k) % len(words)] for k in range(1, 40)) for n in range(60)]
    store = WordStore.build(texts, tmp_path_factory.mktemp("scores") / "store", tokenizer, heldout=0.5)
    table = store.table(tokenizer)
    return list(whole_word_batches(store, table, rng=np.random.default_rng(0), words=8, masked=3, batch=7, rows=20))
