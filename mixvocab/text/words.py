"""WordStore: a corpus as numbered words on disk, read once and mixed in any way afterwards.

Mixing chooses a vocabulary for each word of each sequence, anew every time. Segmenting text is too slow for
that, and needless: a corpus of a hundred million words has well under a million distinct ones. So the store
keeps the corpus as numbers of distinct words (*types*), each vocabulary segments every type once
(`WordTable`), and a mixed sequence is a table look-up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.text.reading import Reading, lowercases, read_chunks, reads_like_bert, stripped
from mixvocab.text.writing import write_store

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

UNUSED = re.compile(r"\[unused\d+\]")
WORDS_AT_ONCE = 100_000  # that a tokenizer is given: each takes up a kilobyte meanwhile


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
    def of(cls, tokenizer: PreTrainedTokenizerFast, words: Iterable[str], *, stretches: bool = False) -> WordTable:
        """Segment each word once, as `tokenizer` does: BERT's words, or `stretches` of text as they are written.

        Raises `UserError` where the tokenizer lacks a token that masked sequences need.
        """
        roles = {role: getattr(tokenizer, f"{role}_token_id") for role in ("cls", "sep", "pad", "mask")}
        missing = [f"{role}_token" for role, number in roles.items() if number is None]
        if missing:
            raise UserError(
                f"tokenizer {tokenizer.name_or_path!r} has no {', '.join(missing)}; "
                "choose a model that was trained with masked tokens"
            )
        if stretches:
            model = stripped(tokenizer)
            words = (f" {stretch}" for stretch in words)  # behind a space as in running text
        else:  # normalised and split already
            model = stripped(tokenizer, "normalizer", "pre_tokenizer", "added_tokens")
        words, lengths, ids = iter(words), [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
        while some := list(islice(words, WORDS_AT_ONCE)):
            encodings = model.encode_batch_fast(some, add_special_tokens=False)
            rows = [encoding.ids or [tokenizer.unk_token_id] for encoding in encodings]  # every word has a piece
            lengths.append(np.fromiter(map(len, rows), np.int64))
            ids.append(np.fromiter(chain.from_iterable(rows), np.int32))
        pieces = tokenizer.get_vocab()
        special = np.unique([*tokenizer.all_special_ids, *roles.values()])
        unused = [number for piece, number in pieces.items() if UNUSED.fullmatch(piece)]
        regular = np.setdiff1d(list(pieces.values()), [*special, *unused])
        starts = np.cumsum(np.concatenate(lengths))
        return cls(starts, np.concatenate(ids), **roles, special=special, regular=regular)

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


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The concatenation of `arange(start, start + length)` for each pair: the index of a ragged gather."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


@dataclass(frozen=True, eq=False)
class WordStore:
    """A folder of arrays. Make one with `build`, come back to it with `open`.

    types: text of each word type, commonest first. stretches: whether these are whole stretches of text between white
    space, since the teacher reads text in another way than BERT (RoBERTa's bytes, SentencePiece, another casing).
    """

    folder: Path

    @classmethod
    def build(
        cls,
        documents: Iterable[str],
        folder: Path | str,
        student: PreTrainedTokenizerFast,
        *,
        teacher: PreTrainedTokenizerFast | None = None,
        heldout: float = 0.01,
        processes: int = 1,
    ) -> WordStore:
        """Read `documents` into a new store at `folder`, by so many `processes` (see `read_chunks`).

        Words are those of the `student`, which reads text as BERT does, cased or uncased; if the `teacher` reads it
        otherwise, they are whole stretches between white space. About the share `heldout` of all words, in whole
        documents chosen by the hash of their text, is kept for evaluation. Types are numbered by falling frequency and
        then by text, so processes leave no trace.

        Raises `UserError` for a corpus without words or without a second document to hold out, and for a student that
        does not read as BERT does.
        """
        lowercase = lowercases(student)
        stretches = teacher is not None and not reads_like_bert(teacher, lowercase)
        readings = read_chunks(documents, lowercase=lowercase, stretches=stretches, processes=processes)
        return cls.write(readings, folder, lowercase=lowercase, stretches=stretches, heldout=heldout)

    @classmethod
    def write(
        cls,
        readings: Iterable[Reading],
        folder: Path | str,
        *,
        lowercase: bool = True,
        stretches: bool = False,
        heldout: float = 0.01,
    ) -> WordStore:
        """The store of text that was read already, with the settings that it was read with.

        What is held in memory does not grow with the text.
        """
        write_store(readings, Path(folder), lowercase=lowercase, stretches=stretches, heldout=heldout)
        return cls(Path(folder))

    @classmethod
    def open(cls, folder: Path | str) -> WordStore:
        return cls(Path(folder))

    @cached_property
    def _words(self) -> dict[str, Any]:
        return json.loads((self.folder / "words.json").read_text(encoding="utf-8"))

    @property
    def types(self) -> list[str]:
        return self._words["types"]

    @property
    def lowercase(self) -> bool:
        return self._words["lowercase"]

    @property
    def stretches(self) -> bool:
        return self._words.get("stretches", False)

    @property
    def counts(self) -> np.ndarray:
        """(types,) how often each type occurs in both splits together."""
        return self._load("counts.npy")

    def words(self, split: str) -> np.ndarray:
        """The words of the split "train" or "heldout" in order: (words,) uint32 type ids, left on disk."""
        return self._load(f"{split}.npy")

    def documents(self, split: str) -> np.ndarray:
        """Position of each document's first word, (documents,) int64."""
        return self._load(f"{split}-documents.npy")

    def table(self, tokenizer: PreTrainedTokenizerFast) -> WordTable:
        """Segment every type once with `tokenizer`, as `WordTable.of` does.

        Raises `UserError` for a tokenizer that reads text otherwise than those the store was built for.
        """
        if not self.stretches and not reads_like_bert(tokenizer, self.lowercase):
            raise UserError(
                f"{self.folder} was not built for the tokenizer {tokenizer.name_or_path!r}, which cuts text "
                "its own way: build a store with it as the student or as the teacher"
            )
        return WordTable.of(tokenizer, self.types, stretches=self.stretches)

    def _load(self, name: str) -> np.ndarray:
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
