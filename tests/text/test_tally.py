"""Memory while text is counted and kept does not grow with its words and documents; nor does the result change."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mixvocab.text import reading, tally, writing
from mixvocab.text.reading import count_words, read_chunks, words_of
from mixvocab.text.words import WordStore
from tests.text.test_words import digests, documents_of

# Counts, learns and keeps a text of which every third word is new, in so many bytes beyond those of the imports.
BOUNDED = """
import resource, sys
from pathlib import Path
from mixvocab.text import reading, tally, writing
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.words import WordStore

reading.CHUNK_CHARACTERS, tally.RUN_WORDS, tally.CACHE_MEGABYTES, writing.AT_ONCE = 100_000, 10_000, 1, 50_000
held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (1024 * held + int(sys.argv[2]),) * 2)

def documents():
    for first in range(0, 300_000, 10):
        yield " ".join(f"the word {number:06d}x{number % 97}" for number in range(first, first + 10))

counts = reading.count_words(documents(), most=1000)
assert len(counts) == 1000 and list(counts.items())[:2] == [("the", 300_000), ("word", 300_000)]
print(len(learn_vocabulary(counts, 220)))
WordStore.write(reading.read_chunks(documents()), sys.argv[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_counting_learning_and_keeping_stay_under_a_limit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BOUNDED, str(tmp_path / "store"), str(16 << 20)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "220\n"
    store = WordStore.open(tmp_path / "store")
    assert len(store.types) == 300_002
    assert store.counts.sum() == 900_000 == len(store.words("train")) + len(store.words("heldout"))
    assert sum(len(store.documents(split)) for split in ("train", "heldout")) == 30_000


def test_runs_blocks_and_tables_on_disk_leave_no_trace(
    prose: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*prose, *prose[:30], "nul\0 \U0001f600 \uffff 控制", "Ω É"]  # code points order as bytes do
    for stretches in (False, True):
        WordStore.write(read_chunks(texts, stretches=stretches), tmp_path / f"at once {stretches}", heldout=0.1)
    counts = count_words(texts)
    monkeypatch.setattr(reading, "CHUNK_CHARACTERS", 2_000)
    monkeypatch.setattr(tally, "RUN_WORDS", 50)
    monkeypatch.setattr(tally, "CACHE_MEGABYTES", 0)
    monkeypatch.setattr(writing, "AT_ONCE", 100)
    for stretches in (False, True):
        WordStore.write(read_chunks(texts, stretches=stretches), tmp_path / f"in runs {stretches}", heldout=0.1)
        assert digests(tmp_path / f"at once {stretches}") == digests(tmp_path / f"in runs {stretches}")
    assert list(count_words(texts).items()) == list(counts.items())
    assert list(count_words(texts, most=7).items()) == list(counts.items())[:7]


def test_a_store_is_what_a_few_lines_in_memory_say(prose: list[str], tmp_path: Path) -> None:
    store = WordStore.write(read_chunks(prose), tmp_path / "store", heldout=0.1)
    words = [words_of(text) for text in prose]
    total = Counter(word for text in words for word in text)
    assert store.types == sorted(total, key=lambda word: (-total[word], word))
    np.testing.assert_array_equal(store.counts, [total[word] for word in store.types])
    for split, kind in (("train", "<u4"), ("heldout", "<u4"), ("train-documents", "<i8"), ("counts", "<i8")):
        np.save(tmp_path / "same.npy", np.array(np.load(tmp_path / "store" / f"{split}.npy"), kind))
        assert (tmp_path / "same.npy").read_bytes() == (tmp_path / "store" / f"{split}.npy").read_bytes()
    kept = [[[store.types[n] for n in row] for row in documents_of(store, split)] for split in ("train", "heldout")]
    assert sorted(kept[0] + kept[1]) == sorted(words)
    train = iter(words)
    assert all(row in train for row in kept[0])  # in their order
