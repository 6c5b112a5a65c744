"""How raw text becomes *units*: the smallest stretches that either vocabulary can segment on its own.

Where the teacher reads text exactly as the student does (BERT's normalisation and pre-tokenisation with the
same casing), the unit is BERT's word and nothing else is needed. Any other teacher (byte-level BPE,
SentencePiece, cased BERT) cuts the text elsewhere, and may cut it depending on what stands beside it. Then a
unit is a stretch of text between two places where both readings may be cut, kept together with the ids that
the teacher gave it *in its own context*. Either way, putting one vocabulary's pieces of all units in a row
gives back that vocabulary's own segmentation of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import PreTokenizedString, Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from mixvocab.errors import UserError
from mixvocab.text.normalise import bert_normalizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Characters at which str.split() breaks but which BERT deletes, joining what stands on either side.
_DELETED_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
_MEMO_LIMIT = 1_000_000


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


class _Memo(dict[str, list[int]]):
    """A dictionary that computes what it does not hold yet."""

    def __init__(self, compute: Callable[[str], list[int]]) -> None:
        self.compute = compute

    def __missing__(self, key: str) -> list[int]:
        value = self[key] = self.compute(key)
        return value


class WordReader:
    """Reads documents into BERT words.

    `read` returns small integers; `units` lists what they stand for. White space ends a word under BERT's
    reading whatever comes next, so each distinct stretch between white space is read only once.
    """

    def __init__(self, lowercase: bool = True) -> None:
        self.units: list[str] = []
        self._ids: dict[str, int] = {}
        self._lowercase = lowercase
        self._normal, self._pre = bert_normalizer(lowercase), BertPreTokenizer()
        self._memo = _Memo(self._read_chunk)

    def read(self, documents: Sequence[str]) -> list[np.ndarray]:
        """One int64 array of unit numbers a document, in the order of the text."""
        return [self._read(document) for document in documents]

    def _read(self, document: str) -> np.ndarray:
        if _DELETED_SPACES.search(document):
            document = _DELETED_SPACES.sub("", document)
        if len(self._memo) > _MEMO_LIMIT:
            self._memo.clear()
        numbers = chain.from_iterable(map(self._memo.__getitem__, document.split()))
        return np.fromiter(numbers, dtype=np.int64)

    def _read_chunk(self, chunk: str) -> list[int]:
        if chunk.isascii() and chunk.isalnum():  # most of them: one word as it stands
            return [self._number(chunk.lower() if self._lowercase else chunk)]
        words = self._pre.pre_tokenize_str(self._normal.normalize_str(chunk))
        return [self._number(word) for word, _ in words]

    def _number(self, word: str) -> int:
        number = self._ids.setdefault(word, len(self.units))
        if number == len(self.units):
            self.units.append(word)
        return number


class SharedReader:
    """Reads documents into units that BERT's reading and the teacher's have in common.

    A unit is a pair: its BERT words joined by spaces, and the teacher's ids in context.
    """

    def __init__(self, teacher: Tokenizer, lowercase: bool = True) -> None:
        self.units: list[tuple[str, tuple[int, ...]]] = []
        self._ids: dict[tuple[str, tuple[int, ...]], int] = {}
        self._teacher = teacher
        self._normal, self._pre = bert_normalizer(lowercase), BertPreTokenizer()

    def read(self, documents: Sequence[str]) -> list[np.ndarray]:
        """One int64 array of unit numbers a document, in the order of the text."""
        encoded = self._teacher.encode_batch(list(documents), add_special_tokens=False)
        return [self._read(text, code.ids, code.offsets) for text, code in zip(documents, encoded, strict=True)]

    def _read(self, text: str, ids: list[int], offsets: list[tuple[int, int]]) -> np.ndarray:
        split = PreTokenizedString(text)
        split.normalize(self._normal.normalize)
        self._pre.pre_tokenize(split)
        words = split.get_splits(offset_referential="original", offset_type="char")
        if not words or not ids:
            return np.zeros(0, np.int64)
        cuts = _common_cuts(np.array([span for _, span, _ in words]), np.array(offsets))
        numbers, word_from, id_from = [], 0, 0
        for word_to, id_to in [*cuts, (len(words), len(ids))]:
            unit = (" ".join(word for word, _, _ in words[word_from:word_to]), tuple(ids[id_from:id_to]))
            number = self._ids.setdefault(unit, len(self.units))
            if number == len(self.units):
                self.units.append(unit)
            numbers.append(number)
            word_from, id_from = word_to, id_to
        return np.array(numbers, np.int64)


def _common_cuts(words: np.ndarray, tokens: np.ndarray) -> list[tuple[int, int]]:
    """Where both readings of one text may be cut: pairs (number of words, number of tokens) before the cut.

    `words` (W, 2) and `tokens` (N, 2) hold character spans. A gap between neighbours is the stretch that
    neither touches; two gaps that share a point are one place to cut. Tokens that share a character (the
    bytes of one emoji) leave no gap between them. Of several token gaps the first wins, so that a lone
    SentencePiece "▁" goes with the word that follows it.
    """
    token_from, token_to = _gaps(tokens)
    word_from, word_to = _gaps(words)
    usable = np.flatnonzero(token_from <= token_to)
    if not len(usable) or not len(word_from):
        return []
    first = np.searchsorted(token_to[usable], word_from)
    inside = first < len(usable)
    gap = usable[np.minimum(first, len(usable) - 1)]
    word = np.flatnonzero(inside & (word_from <= word_to) & (token_from[gap] <= word_to))
    gap, earliest = np.unique(gap[word], return_index=True)
    return list(zip((word[earliest] + 1).tolist(), (gap + 1).tolist(), strict=True))


def _gaps(spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last point of the gap after each span but the last; first > last where they overlap."""
    ends = np.maximum.accumulate(spans[:, 1])
    starts = np.minimum.accumulate(spans[::-1, 0])[::-1]
    return ends[:-1], starts[1:]
