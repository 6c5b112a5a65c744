"""How often each word occurs: all that a vocabulary learner and its reports need to know of a corpus."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from mixvocab.errors import UserError
from mixvocab.text.normalise import words_of

# Characters a worker counts at a time: large enough to amortise sending it, small enough to bound memory.
CHUNK_CHARACTERS = 8_000_000


def count_words(
    documents: Iterable[str],
    *,
    processes: int = 1,
    lowercase: bool = True,
    chunk_characters: int = CHUNK_CHARACTERS,
) -> dict[str, int]:
    """Count the words of `documents` exactly as `words_of` reads them.

    The result is the same whatever `processes` and `chunk_characters` are: words by falling count, ties in
    alphabetical (code point) order. Workers are started afresh ("spawn"), so a script that asks for more
    than one process needs the usual `if __name__ == "__main__":`.

    Raises UserError if there is no word at all.
    """
    chunks = chunks_of(documents, chunk_characters)
    total: Counter[str] = Counter()
    if processes <= 1:
        for chunk in chunks:
            _add(total, _count_chunk(chunk, lowercase))
    else:
        for counts in _in_parallel(chunks, processes, lowercase):
            _add(total, counts)
    if not total:
        raise UserError("the corpus has no words: give at least one non-empty document")
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _add(total: Counter[str], counts: dict[str, int]) -> None:
    if total:
        for word, count in counts.items():
            total[word] += count
    else:
        total.update(counts)


def chunks_of(documents: Iterable[str], characters: int) -> Iterator[list[str]]:
    """Group documents into lists of about `characters` in all."""
    held: list[str] = []
    size = 0
    for document in documents:
        held.append(document)
        size += len(document)
        if size >= characters:
            yield held
            held, size = [], 0
    if held:
        yield held


def _in_parallel(chunks: Iterator[list[str]], processes: int, lowercase: bool) -> Iterator[dict[str, int]]:
    """Count chunks in worker processes with at most two chunks a worker in flight."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting: deque[Future[dict[str, int]]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_count_chunk, chunk, lowercase))
            if len(waiting) >= 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _count_chunk(documents: list[str], lowercase: bool) -> dict[str, int]:
    """Word counts of some documents, normalising each distinct stretch between spaces only once.

    No step of BERT's reading looks across a space, so stretches that occur equally often can be normalised
    together, as one text, and their words counted that many times.
    """
    stretches: Counter[str] = Counter()
    for document in documents:
        # BERT's cleaning turns exactly these four characters into a space whatever stands beside them.
        # str.split() without an argument also breaks at characters such as U+001C and U+0085, which BERT
        # deletes, joining their neighbours.
        stretches.update(document.replace("\n", " ").replace("\t", " ").replace("\r", " ").split(" "))
    words: Counter[str] = Counter()
    alike: dict[int, list[str]] = {}
    for stretch, count in stretches.items():
        if stretch.isascii() and stretch.isalnum():
            words[stretch.lower() if lowercase else stretch] += count
        else:
            alike.setdefault(count, []).append(stretch)
    for count, group in alike.items():
        for word in words_of(" ".join(group), lowercase):
            words[word] += count
    return dict(words)
