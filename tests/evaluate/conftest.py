"""Hidden words of a tiny corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import BertTokenizer

from mixvocab.text.whole_words import WordBatch, whole_word_batches
from mixvocab.text.words import WordStore


@pytest.fixture(scope="module")
def batches(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> list[WordBatch]:
    tokenizer = BertTokenizer.from_pretrained(tiny_teacher)
    words = "the rereadings student and a machine were learning at night".split()
    texts = [" ".join(words[(n + k * k) % len(words)] for k in range(1, 40)) for n in range(60)]
    store = WordStore.build(texts, tmp_path_factory.mktemp("scores") / "store", tokenizer, heldout=0.5)
    table = store.table(tokenizer)
    return list(whole_word_batches(store, table, rng=np.random.default_rng(0), words=8, masked=3, batch=7, rows=20))
