"""Raw text as numbered words, and what a tokenizer's own reading of text is.

Both the vocabulary learner and the word store begin here. Documents are read in chunks, by as many processes as are
asked for; every chunk comes back with a numbering of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tokenizers import Tokenizer

from mixvocab.common.errors import UserError
from mixvocab.text.normalise import words_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

T = TypeVar("T")

CHUNK_CHARACTERS = 8_000_000  # large enough to be worth sending to a process, small enough to bound memory

# Characters at which str.split() breaks but which BERT deletes, joining what stands on either side.
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")


@dataclass(frozen=True, eq=False)
class Reading:
    """Some documents as numbers of distinct units, which are words if one vocabulary's kind reads them."""

    units: list[Any]  # what each number stands for
    numbers: np.ndarray  # (words,) uint32, all documents in a row
    lengths: np.ndarray  # (documents,) int64, words in each


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
    return joined(known, rows)


def joined(known: dict[Any, int], rows: Sequence[np.ndarray]) -> Reading:
    """The documents' rows of numbers as one reading; `known` numbers its units in order."""
    lengths = np.array([len(row) for row in rows], np.int64)
    return Reading(list(known), np.concatenate([np.zeros(0, np.uint32), *rows]), lengths)


def chunks_of(documents: Iterable[str], characters: int) -> Iterator[list[str]]:
    """Group documents into lists of about `characters` in all."""
    chunk: list[str] = []
    size = 0
    for document in documents:
        chunk.append(document)
        size += len(document)
        if size >= characters:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def in_processes(work: Callable[[list[str]], T], chunks: Iterable[list[str]], processes: int) -> Iterator[T]:
    """`work` of every chunk in order, by so many processes, with at most two chunks a process under way.

    Processes are started afresh, as a copy of one in which torch or tokenizers already run threads may lock up: a
    script that asks for more than one needs the usual `if __name__ == "__main__":`.
    """
    if processes <= 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _be_one_of_many) as pool:
        waiting: deque[Future[T]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(work, chunk))
            if len(waiting) >= 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _be_one_of_many() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def reads_like_bert(tokenizer: PreTrainedTokenizerFast, lowercase: bool = True) -> bool:
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


def lowercases(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether `tokenizer` reads as uncased BERT does, else as cased BERT. Raises `UserError` if it reads as neither."""
    for lowercase in (True, False):
        if reads_like_bert(tokenizer, lowercase):
            return lowercase
    raise UserError(
        f"tokenizer {tokenizer.name_or_path!r} cuts text in another way than BERT, and a student reads as BERT does: "
        "choose vocabulary.kind learned"
    )


def backend(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """The Rust tokenizer inside a fast tokenizer; `UserError` for one without (no exact offsets there)."""
    inner = getattr(tokenizer, "backend_tokenizer", None)
    if inner is None:
        name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
        raise UserError(f"tokenizer {name!r} has no fast version; choose a model that ships a tokenizer.json")
    return inner


def stripped(tokenizer: PreTrainedTokenizerFast, *drop: str) -> Tokenizer:
    """A private copy of the Rust tokenizer without the named parts, that treats '[MASK]' in text as text."""
    state: dict[str, Any] = json.loads(backend(tokenizer).to_str())
    for part in ("post_processor", "truncation", "padding", *drop):
        state[part] = [] if part == "added_tokens" else None
    copy = Tokenizer.from_str(json.dumps(state))
    copy.encode_special_tokens = True
    return copy
