"""Raw text as numbered words, by as many processes as are asked for; and how often each word occurs.

Documents are read in chunks; every chunk comes back with a numbering of its own.
"""

from __future__ import annotations

import multiprocessing
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import chain, count, islice
from typing import Any, TypeVar

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.text.normalise import words_of

T = TypeVar("T")

CHUNK_CHARACTERS = 8_000_000  # large enough to be worth sending to a process, small enough to bound memory

# Characters at which str.split() breaks but which BERT deletes, joining what stands on either side.
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")


Reading = tuple[list[Any], list[np.ndarray]]
"""The distinct units of some documents, which are words if one kind of vocabulary reads them; and of each document the
numbers of its units in order, (words,) uint32."""


def read_words(documents: Sequence[str], lowercase: bool = True) -> Reading:
    """Read documents into the words of `words_of`.

    White space ends a word under BERT's reading whatever comes next, so each distinct stretch between white space is
    read only once.
    """
    known: defaultdict[str, int] = defaultdict(count().__next__)

    @cache
    def read(stretch: str) -> list[int]:
        return [known[word] for word in words_of(stretch, lowercase)]

    stretches = (_DELETED_SPACES.sub("", document).split() for document in documents)
    rows = [np.fromiter(chain.from_iterable(map(read, row)), np.uint32) for row in stretches]
    return list(known), rows


def in_chunks(work: Callable[[list[str]], T], documents: Iterable[str], processes: int) -> Iterator[T]:
    """`work` of chunks of the documents, in order, by so many processes.

    Processes are started afresh, as a copy of one in which torch or tokenizers already run threads may lock up: a
    script that asks for more than one needs the usual `if __name__ == "__main__":`.
    """
    chunks = _chunks(documents)
    if processes <= 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        while waiting := list(islice(chunks, 4 * processes)):
            yield from pool.map(work, waiting)


def _chunks(documents: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for document in documents:
        chunk.append(document)
        size += len(document)
        if size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def count_words(documents: Iterable[str], *, processes: int = 1, lowercase: bool = True) -> dict[str, int]:
    """Count the words of `documents` exactly as `words_of` reads them.

    The result is the same whatever `processes` is (see `in_chunks`): words by falling count, ties in alphabetical
    (code point) order. Raises UserError if there is no word at all.
    """
    total: Counter[str] = Counter()
    for words, rows in in_chunks(partial(read_words, lowercase=lowercase), documents, processes):
        counts = np.bincount(np.concatenate(rows), minlength=len(words))
        total.update(dict(zip(words, counts.tolist(), strict=True)))
    if not total:
        raise UserError("the corpus has no words: give at least one non-empty document")
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
