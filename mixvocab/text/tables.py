"""One vocabulary's segmentation of every word of a store, as a ragged table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tokenizers.pre_tokenizers import WhitespaceSplit

from mixvocab.common.errors import UserError
from mixvocab.text.normalise import stripped

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_UNUSED = re.compile(r"\[unused\d+\]")


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The concatenation of `arange(start, start + length)` for each pair: the index of a ragged gather."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


def segment_words(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Segment each word once: (starts (W+1,) int64, ids int32), word w being `ids[starts[w]:starts[w+1]]`.

    The words are already normalised and split, so the model inside the tokenizer sees each of them whole. Of several
    words joined by spaces it sees one after the other.
    """
    model = stripped(tokenizer, "normalizer", "pre_tokenizer", "added_tokens")
    model.pre_tokenizer = WhitespaceSplit()
    encoded = model.encode_batch_fast(list(words), add_special_tokens=False)
    starts = np.cumsum([0, *(len(code) for code in encoded)], dtype=np.int64)
    ids = np.fromiter((number for code in encoded for number in code.ids), np.int32, count=starts[-1])
    return starts, ids


@dataclass(frozen=True, eq=False)
class WordTable:
    """Ragged word -> piece ids of one vocabulary, and the ids that batches need of it.

    starts: (W+1,) int64; ids: (starts[W],) int32. `special` holds the special ids, sorted; `regular` the
    ids that a masked token may be replaced by: every piece that text can produce.
    """

    starts: np.ndarray
    ids: np.ndarray
    cls: int
    sep: int
    pad: int
    mask: int
    special: np.ndarray
    regular: np.ndarray

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast, starts: np.ndarray, ids: np.ndarray) -> WordTable:
        """Join a segmentation to its tokenizer's special ids.

        Raises `UserError` where the tokenizer lacks a token that masked sequences need.
        """
        roles = {role: getattr(tokenizer, f"{role}_token_id") for role in ("cls", "sep", "pad", "mask")}
        missing = [f"{role}_token" for role, number in roles.items() if number is None]
        if missing:
            raise UserError(
                f"tokenizer {tokenizer.name_or_path!r} has no {', '.join(missing)}; "
                "choose a model that was trained with masked tokens"
            )
        pieces = tokenizer.get_vocab()
        special = np.unique([*tokenizer.all_special_ids, *roles.values()])
        unused = [number for piece, number in pieces.items() if _UNUSED.fullmatch(piece)]
        regular = np.setdiff1d(list(pieces.values()), [*special, *unused])
        return cls(starts, ids, **roles, special=special, regular=regular)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(W,) pieces in each word."""
        return np.diff(self.starts)

    def segment(self, words: np.ndarray) -> np.ndarray:
        """The piece ids (int32) of `words`, an array of type ids, one after another."""
        words = np.asarray(words, dtype=np.int64)
        return self.ids[ranges(self.starts[words], self.starts[words + 1] - self.starts[words])]
