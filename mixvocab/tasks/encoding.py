"""Text to piece ids, the same in training and on the device: this module needs neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from mixvocab.common.errors import UserError


@dataclass(frozen=True)
class Encoded:
    """One example: [CLS] text [SEP], or [CLS] text [SEP] second text [SEP]."""

    ids: np.ndarray  # (T,) int64
    types: np.ndarray  # (T,) int64: 0, and 1 for the second text and its [SEP]
    first: np.ndarray  # (W,) int64: where each word's first piece lies; words beyond the window are not in it


class Encoder:
    """Cuts text by a WordPiece tokenizer and fits it into a window of `length` tokens."""

    def __init__(self, tokenizer: Tokenizer, length: int) -> None:
        """Raises UserError if the tokenizer lacks BERT's special pieces or the window holds no text."""
        if length < 4:
            raise UserError(f"length={length}: a window needs at least 4 tokens")
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())  # ours to change
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.length = length
        self.cls, self.sep, self.unk, self.pad = (self._special(name) for name in ("[CLS]", "[SEP]", "[UNK]", "[PAD]"))
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def load(cls, folder: Path, length: int) -> Encoder:
        """The encoder of a model's folder. Raises UserError if there is no readable tokenizer.json in it."""
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise UserError(f"{folder.name}: no tokenizer.json in it; name a folder that a model was saved to")
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises Exception itself
            raise UserError(f"{folder.name}/tokenizer.json cannot be read ({error}): save it again") from None
        return cls(tokenizer, length)

    def words(self, words: Sequence[str]) -> Encoded:
        """Cut each word alone, so that every word has a first piece; a word that leaves none is [UNK]."""
        ids, first = [self.cls], []
        for word in words:
            if len(ids) > self.length - 2:
                break
            first.append(len(ids))
            ids += self._word(word)
        ids = [*ids[: self.length - 1], self.sep]
        return Encoded(np.array(ids), np.zeros(len(ids), dtype=np.int64), np.array(first, dtype=np.int64))

    def texts(self, first: str, second: str | None = None) -> Encoded:
        """One text or a pair; what does not fit is cut from the end of the longer one."""
        a = self.tokenizer.encode(first, add_special_tokens=False).ids
        b = [] if second is None else self.tokenizer.encode(second, add_special_tokens=False).ids
        room = self.length - (2 if second is None else 3)
        if len(a) + len(b) > room:
            shorter = min(len(a), len(b), room // 2)
            room_a = room - shorter if len(a) > len(b) else shorter
            a, b = a[:room_a], b[: room - room_a]
        ids = [self.cls, *a, self.sep] + ([] if second is None else [*b, self.sep])
        types = np.zeros(len(ids), dtype=np.int64)
        types[len(a) + 2 :] = 1
        return Encoded(np.array(ids), types, np.zeros(0, dtype=np.int64))

    def _word(self, word: str) -> list[int]:
        if word not in self._pieces:
            self._pieces[word] = self.tokenizer.encode(word, add_special_tokens=False).ids or [self.unk]
        return self._pieces[word]

    def _special(self, name: str) -> int:
        number = self.tokenizer.token_to_id(name)
        if number is None:
            raise UserError(f"the tokenizer has no piece {name}: a BERT's WordPiece tokenizer is needed")
        return number
