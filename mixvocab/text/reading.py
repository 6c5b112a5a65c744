"""From raw text to words: as BERT reads it; which tokenizers read so; the words of a text, numbered and counted.

A *word* in this project is what BERT's pre-tokenizer makes of normalised text: a run of characters
between white space and punctuation, each punctuation mark a word of its own, each CJK character too.
WordPiece segments words and never looks across them, which is what lets a sequence mix two vocabularies
word by word (section 3.2 of the paper).
"""

from __future__ import annotations

import json
import multiprocessing
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import cache, partial
from hashlib import blake2b
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from mixvocab.common.errors import UserError
from mixvocab.text.tally import Tally, tables

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHUNK_CHARACTERS = 2_000_000  # large enough to be worth sending to a process, small enough to bound memory

OBJECT = 100  # bytes that a document takes up however short it is, about

# Words that counting keeps at most: the most frequent ones, from which a vocabulary is learned in half a kilobyte each.
# Half a gigabyte of English has as many.
MOST_WORDS = 1_000_000

# Characters at which str.split() breaks but which BERT deletes, joining what stands on either side.
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")

Reading = tuple[list[str], list[np.ndarray], list[int]]
"""The distinct words of some documents; of each document the numbers of its words, (words,) uint32; its text's hash."""

_PRE_TOKENIZER = BertPreTokenizer()


@cache
def bert_normalizer(lowercase: bool = True) -> BertNormalizer:
    """Clean control characters, space out CJK, and (uncased) lower-case and strip accents."""
    return BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase)


def words_of(text: str, lowercase: bool = True) -> list[str]:
    """The words of `text`, in order, after BERT's normalisation."""
    if text.isascii() and text.isalnum():  # one word as it stands, as most of what stands between spaces is
        return [text.lower() if lowercase else text]
    normal = bert_normalizer(lowercase).normalize_str(text)
    return [word for word, _ in _PRE_TOKENIZER.pre_tokenize_str(normal)]


def backend(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> Tokenizer:
    """The Rust tokenizer inside a fast tokenizer, or the Rust tokenizer itself."""
    return tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer


def reads_like_bert(tokenizer: PreTrainedTokenizerFast | Tokenizer, lowercase: bool = True) -> bool:
    """Whether `tokenizer` splits every text into the same words as `words_of(text, lowercase)`."""
    state = json.loads(backend(tokenizer).to_str())
    normal, pre = state["normalizer"] or {}, state["pre_tokenizer"] or {}
    return (
        pre.get("type") == "BertPreTokenizer"
        and normal.get("type") == "BertNormalizer"
        and normal["clean_text"]
        and normal["handle_chinese_chars"]
        and normal["lowercase"] == lowercase
        and normal["strip_accents"] in (None, lowercase)
        and all(token["special"] for token in state["added_tokens"])
    )


def lowercases(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> bool:
    """Whether `tokenizer` reads as uncased BERT does, else as cased BERT. Raises `UserError` if it reads as neither."""
    for lowercase in (True, False):
        if reads_like_bert(tokenizer, lowercase):
            return lowercase
    raise UserError(
        f"tokenizer {getattr(tokenizer, 'name_or_path', '')!r} cuts text in another way than BERT, and a student reads "
        "as BERT does: choose vocabulary.kind learned"
    )


def stripped(tokenizer: PreTrainedTokenizerFast, *drop: str) -> Tokenizer:
    """A private copy of the Rust tokenizer without the named parts, that treats '[MASK]' in text as text."""
    state: dict[str, Any] = json.loads(backend(tokenizer).to_str())
    for part in ("post_processor", "truncation", "padding", *drop):
        state[part] = [] if part == "added_tokens" else None
    copy = Tokenizer.from_str(json.dumps(state))
    copy.encode_special_tokens = True
    return copy


def read_chunks(
    documents: Iterable[str], *, lowercase: bool = True, stretches: bool = False, processes: int = 1
) -> Iterator[Reading]:
    """Read chunks of the documents, in order, each with a numbering of its own.

    `stretches`: in place of BERT's words stand whole stretches of text between white space, as they are written.
    Processes are started afresh, as a copy of one in which torch or tokenizers already run threads may lock up: a
    script that asks for more than one needs the usual `if __name__ == "__main__":`.
    """
    read, chunks = partial(_read_chunk, lowercase, stretches), _chunks(documents)
    if processes <= 1:
        yield from map(read, chunks)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        while waiting := list(islice(chunks, 4 * processes)):
            yield from pool.map(read, waiting)


def count_words(
    documents: Iterable[str], *, processes: int = 1, lowercase: bool = True, most: int = MOST_WORDS
) -> dict[str, int]:
    """Count the words of `documents` exactly as `words_of` reads them; the `most` frequent ones are kept.

    The result is the same whatever `processes` is (see `read_chunks`): words by falling count, ties in alphabetical
    (code point) order. What is held in memory does not grow with the text. Raises UserError if there is no word at all.
    """
    return count_readings(read_chunks(documents, lowercase=lowercase, processes=processes), most)


def count_readings(readings: Iterable[Reading], most: int = MOST_WORDS) -> dict[str, int]:
    """The same of text that was read already."""
    with closing(tables()) as made:
        tally = Tally(made)
        for words, rows, _ in readings:
            tally.add(words, occurrences(words, rows))
        counts = dict(islice(tally.ranked(), most))
    if not counts:
        raise UserError("the corpus has no words: give at least one non-empty document")
    return counts


def count_listed(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The same of a list of words, as someone else writes them (don't), with their occurrences."""
    total: Counter[str] = Counter()
    for written, times in counted:
        for word in words_of(written) if times else ():
            total[word] += times
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def occurrences(words: list[str], rows: list[np.ndarray]) -> np.ndarray:
    """How often each word of a reading stands in it."""
    return np.bincount(np.concatenate(rows), minlength=len(words))


def _chunks(documents: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for document in documents:
        chunk.append(document)
        size += len(document) + OBJECT
        if size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _read_chunk(lowercase: bool, stretches: bool, documents: list[str]) -> Reading:
    """White space ends a word whatever comes next, so each distinct stretch between white space is read only once."""
    known: defaultdict[str, int] = defaultdict(count().__next__)

    @cache
    def read(stretch: str) -> list[int]:
        words = words_of(stretch, lowercase)
        return [known[word] for word in ([stretch] if stretches and words else words)]

    split = (_DELETED_SPACES.sub("", document).split() for document in documents)
    rows = [np.fromiter(chain.from_iterable(map(read, row)), np.uint32) for row in split]
    digests = (blake2b(text.encode(), digest_size=8).digest() for text in documents)
    return list(known), rows, [int.from_bytes(digest, "little") for digest in digests]
