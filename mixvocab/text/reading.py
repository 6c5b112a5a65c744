"""Raw text as numbered words, by as many processes as are asked for; and how often each word occurs.

A teacher that reads text in another way than BERT (byte-level BPE, SentencePiece, another casing) cuts it at other
places than the student, and may cut it depending on what stands beside it. In place of a word stands then a *unit*: a
stretch of text between two places where both readings may be cut, kept together with the ids that the teacher gave it
in its own context. One vocabulary's pieces of all units in a row are then that vocabulary's own segmentation.
"""

from __future__ import annotations

import multiprocessing
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from hashlib import blake2b
from itertools import chain, count, islice, pairwise
from typing import Any

import numpy as np
from tokenizers import Encoding, PreTokenizedString, Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from mixvocab.common.errors import UserError
from mixvocab.text.normalise import bert_normalizer, words_of

CHUNK_CHARACTERS = 8_000_000  # large enough to be worth sending to a process, small enough to bound memory

# Characters at which str.split() breaks but which BERT deletes, joining what stands on either side.
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")

Unit = tuple[str, tuple[int, ...]]
"""BERT words joined by spaces, and the teacher's ids in context."""

Reading = tuple[list[Any], list[np.ndarray]]
"""The distinct words, or `Unit`s, of some documents; and of each document their numbers in order, (words,) uint32."""


def read_chunks(
    documents: Iterable[str], *, lowercase: bool = True, rules: str | None = None, processes: int = 1
) -> Iterator[tuple[Reading, list[int]]]:
    """Read chunks of the documents, in order, each with a numbering of its own, and hash the text of each document.

    `rules`: the JSON of a teacher's tokenizer that reads in another way than BERT. Processes are started afresh, as a
    copy of one in which torch or tokenizers already run threads may lock up: a script that asks for more than one needs
    the usual `if __name__ == "__main__":`.
    """
    read, chunks = partial(_read_chunk, lowercase, rules), _chunks(documents)
    if processes <= 1:
        yield from map(read, chunks)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        while waiting := list(islice(chunks, 4 * processes)):
            yield from pool.map(read, waiting)


def count_words(documents: Iterable[str], *, processes: int = 1, lowercase: bool = True) -> dict[str, int]:
    """Count the words of `documents` exactly as `words_of` reads them.

    The result is the same whatever `processes` is (see `read_chunks`): words by falling count, ties in alphabetical
    (code point) order. Raises UserError if there is no word at all.
    """
    total: Counter[str] = Counter()
    for (words, rows), _ in read_chunks(documents, lowercase=lowercase, processes=processes):
        counts = np.bincount(np.concatenate(rows), minlength=len(words))
        total.update(dict(zip(words, counts.tolist(), strict=True)))
    if not total:
        raise UserError("the corpus has no words: give at least one non-empty document")
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


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


def _read_chunk(lowercase: bool, rules: str | None, chunk: list[str]) -> tuple[Reading, list[int]]:
    reading = _read_words(chunk, lowercase) if rules is None else _read_units(chunk, lowercase, rules)
    digests = (blake2b(text.encode(), digest_size=8).digest() for text in chunk)
    return reading, [int.from_bytes(digest, "little") for digest in digests]


def _read_words(documents: Sequence[str], lowercase: bool) -> Reading:
    """White space ends a word whatever comes next, so each distinct stretch between white space is read only once."""
    known: defaultdict[str, int] = defaultdict(count().__next__)

    @cache
    def read(stretch: str) -> list[int]:
        return [known[word] for word in words_of(stretch, lowercase)]

    stretches = (_DELETED_SPACES.sub("", document).split() for document in documents)
    rows = [np.fromiter(chain.from_iterable(map(read, row)), np.uint32) for row in stretches]
    return list(known), rows


def _read_units(documents: Sequence[str], lowercase: bool, rules: str) -> Reading:
    teacher = Tokenizer.from_str(rules)
    teacher.encode_special_tokens = True
    known: defaultdict[Unit, int] = defaultdict(count().__next__)
    encodings = teacher.encode_batch(list(documents), add_special_tokens=False)
    rows = [
        np.array([known[unit] for unit in _units(text, encoding, lowercase)], np.uint32)
        for text, encoding in zip(documents, encodings, strict=True)
    ]
    return list(known), rows


def _units(text: str, encoding: Encoding, lowercase: bool) -> Iterator[Unit]:
    split = PreTokenizedString(text)
    split.normalize(bert_normalizer(lowercase).normalize)
    BertPreTokenizer().pre_tokenize(split)
    words = split.get_splits(offset_referential="original", offset_type="char")
    ids = encoding.ids
    if not words or not ids:
        return
    cuts = _common_cuts(np.array([span for _, span, _ in words]), np.array(encoding.offsets), len(text))
    for (word_from, id_from), (word_to, id_to) in pairwise([(0, 0), *cuts, (len(words), len(ids))]):
        yield " ".join(word for word, _, _ in words[word_from:word_to]), tuple(ids[id_from:id_to])


def _common_cuts(words: np.ndarray, tokens: np.ndarray, size: int) -> list[tuple[int, int]]:
    """Where both readings of a text of `size` characters may be cut: pairs (words, tokens) before the cut.

    `words` (W, 2) and `tokens` (N, 2) hold character spans. A text may be cut at any point that is inside of no span.
    Of several points between the same two words or tokens the first wins, so that a lone SentencePiece "▁" goes with
    the word that follows it.
    """
    points = np.flatnonzero(_outside(words, size) & _outside(tokens, size))
    cuts = np.stack([np.searchsorted(np.maximum.accumulate(spans[:, 1]), points, "right") for spans in (words, tokens)])
    cuts = cuts[:, ((cuts > 0) & (cuts < [[len(words)], [len(tokens)]])).all(axis=0)]
    for kind in (0, 1):
        cuts = cuts[:, np.unique(cuts[kind], return_index=True)[1]]
    return list(zip(*cuts.tolist(), strict=True))


def _outside(spans: np.ndarray, size: int) -> np.ndarray:
    """(size + 1,) bool: the points between characters that lie inside of no span."""
    starts, ends = spans[spans[:, 0] < spans[:, 1]].T
    return np.cumsum(np.bincount(starts + 1, minlength=size + 1) - np.bincount(ends, minlength=size + 1)) == 0
