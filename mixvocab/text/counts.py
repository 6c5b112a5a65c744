"""How often each word occurs: all that a vocabulary learner and its reports need to know of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.text.reading import CHUNK_CHARACTERS, chunks_of, in_processes, read_words


def count_words(
    documents: Iterable[str],
    *,
    processes: int = 1,
    lowercase: bool = True,
    chunk_characters: int = CHUNK_CHARACTERS,
) -> dict[str, int]:
    """Count the words of `documents` exactly as `words_of` reads them.

    The result is the same whatever `processes` (see `in_processes`) and `chunk_characters` are: words by falling
    count, ties in alphabetical (code point) order. Raises UserError if there is no word at all.
    """
    total: Counter[str] = Counter()
    chunks = chunks_of(documents, chunk_characters)
    for counts in in_processes(partial(_count, lowercase=lowercase), chunks, processes):
        total.update(counts)
    if not total:
        raise UserError("the corpus has no words: give at least one non-empty document")
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _count(documents: list[str], lowercase: bool) -> dict[str, int]:
    reading = read_words(documents, lowercase)
    counts = np.bincount(reading.numbers, minlength=len(reading.units))
    return dict(zip(reading.units, counts.tolist(), strict=True))
