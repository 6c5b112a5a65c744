"""Teachers that read text in another way than BERT: byte-level BPE, SentencePiece, WordPiece of another casing.

Such a teacher cuts the text at other places than the student, and may cut it depending on what stands beside it. In
place of a word stands then a *unit*: a stretch of text between two places where both readings may be cut, kept
together with the ids that the teacher gave it in its own context. Putting one vocabulary's pieces of all units in a
row gives back that vocabulary's own segmentation of the text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Encoding, PreTokenizedString, Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from mixvocab.text.normalise import bert_normalizer
from mixvocab.text.reading import Reading, joined
from mixvocab.text.tables import ranges, segment_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Unit = tuple[str, tuple[int, ...]]
"""BERT words joined by spaces, and the teacher's ids in context."""


def read_units(documents: Sequence[str], teacher: Tokenizer, lowercase: bool = True) -> Reading:
    """Read documents into the units (`Unit`) that BERT's reading and the teacher's have in common."""
    known: defaultdict[Unit, int] = defaultdict(count().__next__)
    encodings = teacher.encode_batch(list(documents), add_special_tokens=False)
    rows = [
        np.array([known[unit] for unit in _units(text, encoding, lowercase)], np.uint32)
        for text, encoding in zip(documents, encodings, strict=True)
    ]
    return joined(known, rows)


def segment_units(tokenizer: PreTrainedTokenizerFast, units: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """`segment_words` for units of several words each: every distinct word once, then joined unit by unit."""
    words = [unit.split(" ") for unit in units]
    known: defaultdict[str, int] = defaultdict(count().__next__)
    numbers = np.array([known[word] for unit in words for word in unit])
    starts, ids = segment_words(tokenizer, list(known))
    lengths = np.diff(starts)[numbers]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    unit_ends = np.concatenate([[0], np.cumsum([len(unit) for unit in words])])
    return ends[unit_ends], ids[ranges(starts[numbers], lengths)]


def _units(text: str, encoding: Encoding, lowercase: bool) -> Iterator[Unit]:
    split = PreTokenizedString(text)
    split.normalize(bert_normalizer(lowercase).normalize)
    BertPreTokenizer().pre_tokenize(split)
    words = split.get_splits(offset_referential="original", offset_type="char")
    ids = encoding.ids
    if not words or not ids:
        return
    cuts = _common_cuts(np.array([span for _, span, _ in words]), np.array(encoding.offsets))
    word_from, id_from = 0, 0
    for word_to, id_to in [*cuts, (len(words), len(ids))]:
        yield " ".join(word for word, _, _ in words[word_from:word_to]), tuple(ids[id_from:id_to])
        word_from, id_from = word_to, id_to


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
