"""Teachers that read text in another way than BERT: byte-level BPE, SentencePiece, WordPiece of another casing.

Such a teacher cuts the text at other places than the student, and may cut it depending on what stands beside it. In
place of a word stands then a *unit*: a stretch of text between two places where both readings may be cut, kept
together with the ids that the teacher gave it in its own context. Putting one vocabulary's pieces of all units in a
row gives back that vocabulary's own segmentation of the text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, pairwise

import numpy as np
from tokenizers import Encoding, PreTokenizedString, Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from mixvocab.text.normalise import bert_normalizer
from mixvocab.text.reading import Reading

Unit = tuple[str, tuple[int, ...]]
"""BERT words joined by spaces, and the teacher's ids in context."""


def read_units(documents: Sequence[str], rules: str, lowercase: bool = True) -> Reading:
    """Read documents into the units (`Unit`) that BERT's reading has in common with that of a tokenizer's JSON."""
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
