"""WordStore: a corpus as numbered words on disk, read once and mixed in any way afterwards.

Mixing chooses a vocabulary for each word of each sequence, anew every time. Segmenting text is too slow for
that, and needless: a corpus of a hundred million words has well under a million distinct ones. So the store
keeps the corpus as numbers of distinct words (*types*), each vocabulary segments every type once
(`WordTable`), and a mixed sequence is a table look-up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.text.normalise import lowercases, reads_like_bert, stripped
from mixvocab.text.other_tokenizers import read_units
from mixvocab.text.reading import Reading, in_chunks, read_words
from mixvocab.text.tables import WordTable, segment_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, eq=False)
class WordStore:
    """A folder of arrays. Make one with `build`, come back to it with `open`.

    types: text of each word type, commonest first (the BERT words of a unit, joined by spaces). rules: the teacher's
    tokenizer as JSON if it reads text in another way than BERT.
    """

    folder: Path
    types: list[str]
    lowercase: bool
    rules: str | None

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
        """Read `documents` into a new store at `folder`, by so many `processes` (see `in_chunks`).

        Words are those of the `student`, which reads text as BERT does, cased or uncased. If the `teacher` reads it
        otherwise, units of words are cut where both agree (see `mixvocab.text.other_tokenizers`). About the share
        `heldout` of all words, in whole documents chosen by the hash of their text, is kept for evaluation. Types are
        numbered by falling frequency and then by text, so processes leave no trace.

        Raises `UserError` for a corpus without words or without a second document to hold out, and for a student that
        does not read as BERT does.
        """
        folder, lowercase = Path(folder), lowercases(student)
        rules = None if teacher is None or reads_like_bert(teacher, lowercase) else stripped(teacher).to_str()
        units, rows, hashes = _read(documents, lowercase, rules, processes)
        lengths = np.array([len(row) for row in rows])
        held_out = split_documents(lengths, hashes, heldout)

        counts = np.bincount(np.concatenate(rows), minlength=len(units))
        order = sorted(range(len(units)), key=lambda number: (-counts[number], units[number]))
        rank = np.empty(len(units), np.uint32)
        rank[order] = np.arange(len(units), dtype=np.uint32)

        folder.mkdir(parents=True)
        types = [units[number] for number in order]
        if rules:
            ids = [unit[1] for unit in types]
            types = [unit[0] for unit in types]
            np.save(folder / "teacher-starts.npy", np.cumsum([0, *map(len, ids)], dtype=np.int64))
            np.save(folder / "teacher-ids.npy", np.fromiter(chain.from_iterable(ids), np.int32))
        np.save(folder / "counts.npy", counts[order])
        for split, chosen in (("train", ~held_out), ("heldout", held_out)):
            words = [rank[rows[number]] for number in np.flatnonzero(chosen)]
            np.save(folder / f"{split}.npy", np.concatenate([np.zeros(0, np.uint32), *words]))
            np.save(folder / f"{split}-documents.npy", np.cumsum(lengths[chosen]) - lengths[chosen])
        write_json(folder / "words.json", {"types": types, "lowercase": lowercase, "rules": rules})
        return cls(folder, types, lowercase, rules)

    @classmethod
    def open(cls, folder: Path | str) -> WordStore:
        return cls(Path(folder), **json.loads((Path(folder) / "words.json").read_text(encoding="utf-8")))

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
        """Segment every type once with `tokenizer`: a student's, or that of the teacher of this store.

        Raises `UserError` for a tokenizer that reads text neither way, or has no mask token.
        """
        if reads_like_bert(tokenizer, self.lowercase):
            return WordTable.of(tokenizer, *segment_words(tokenizer, self.types))
        if self.rules != stripped(tokenizer).to_str():
            raise UserError(
                f"{self.folder} was not built for the tokenizer {tokenizer.name_or_path!r}, which cuts text "
                "its own way: build a store with it as the student or as the teacher"
            )
        return WordTable.of(tokenizer, self._load("teacher-starts.npy"), self._load("teacher-ids.npy"))

    def _load(self, name: str) -> np.ndarray:
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)


def split_documents(lengths: np.ndarray, hashes: np.ndarray, heldout: float) -> np.ndarray:
    """Which documents are held out: (documents,) bool.

    Documents queue by the hash of their text; each is held out if the share `heldout` of all words has room
    for it. If none fits, the shortest is held out, so that there is always something to evaluate on. Copies
    of one text have one hash and stay on one side.
    """
    if heldout == 0:
        return np.zeros(len(lengths), bool)
    texts, group = np.unique(hashes, return_inverse=True)
    if len(texts) < 2:
        raise UserError(
            "the corpus is a single document, so none can be held out: "
            "separate its documents by blank lines, or set heldout to 0"
        )
    words = np.bincount(group, weights=lengths).astype(np.int64)  # groups are in order of hash
    side = np.zeros(len(texts), bool)
    room = int(heldout * words.sum())
    for number, size in enumerate(words.tolist()):
        if size <= room:
            side[number] = True
            room -= size
    if not side.any():
        side[np.argmin(words)] = True
    return side[group]


def _read(
    documents: Iterable[str], lowercase: bool, rules: str | None, processes: int
) -> tuple[list[Any], list[np.ndarray], np.ndarray]:
    """All documents under one numbering, that of appearance: the units, each document's numbers, and the hash of each
    one's text, (documents,) uint64. Documents without words are left out."""
    known: dict[Any, int] = {}
    rows: list[np.ndarray] = []
    hashes: list[int] = []
    for (units, chunk_rows), digests in in_chunks(partial(_read_chunk, lowercase, rules), documents, processes):
        numbers = np.array([known.setdefault(unit, len(known)) for unit in units], np.uint32)
        for row, digest in zip(chunk_rows, digests, strict=True):
            if len(row):
                rows.append(numbers[row])
                hashes.append(digest)
    if not known:
        raise UserError("the corpus holds no words: name a text file or folder with text in it")
    return list(known), rows, np.array(hashes, np.uint64)


def _read_chunk(lowercase: bool, rules: str | None, chunk: list[str]) -> tuple[Reading, list[int]]:
    """The chunk's documents, and the hash of each one's text."""
    reading = read_words(chunk, lowercase) if rules is None else read_units(chunk, rules, lowercase)
    digests = (blake2b(text.encode(), digest_size=8).digest() for text in chunk)
    return reading, [int.from_bytes(digest, "little") for digest in digests]
