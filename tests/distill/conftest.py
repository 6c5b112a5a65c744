"""A tiny corpus, a vocabulary learned on it, and the tiny teacher's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from mixvocab.models.pretrained import load_tokenizer
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.text.words import WordStore, WordTable

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
