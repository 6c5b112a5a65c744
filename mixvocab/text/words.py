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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.text.building import FORMAT, build_folder, fingerprint
from mixvocab.text.other_tokenizers import segment_units
from mixvocab.text.reading import CHUNK_CHARACTERS, lowercases, reads_like_bert, stripped
from mixvocab.text.tables import WordTable, segment_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, eq=False)
class WordStore:
    """A folder of arrays. Make one with `build`, come back to it with `open`.

    types: text of each word type, commonest first (the BERT words of a unit, joined by spaces).
    """

    folder: Path
    meta: dict[str, Any]
    types: list[str]

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
        chunk_characters: int = CHUNK_CHARACTERS,
    ) -> WordStore:
        """Read `documents` into a new store at `folder`.

        Words are those of the `student`, which reads text as BERT does, cased or uncased. If the `teacher` reads it
        otherwise, units of words are cut where both agree (see `mixvocab.text.other_tokenizers`). The store then serves
        every vocabulary that reads as one of the two. About the share `heldout` of all words, in whole documents chosen
        by the hash of their text, is kept for evaluation. The bytes written depend neither on `processes` (see
        `in_processes`) nor on how many characters are read at a time.

        Raises `UserError` for a corpus without words or without a second document to hold out, a student that does not
        read as BERT does, and a folder that exists.
        """
        lowercase = lowercases(student)
        build_folder(
            documents,
            Path(folder),
            lowercase=lowercase,
            rules=None if teacher is None or reads_like_bert(teacher, lowercase) else stripped(teacher).to_str(),
            heldout=heldout,
            processes=processes,
            chunk_characters=chunk_characters,
        )
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path | str) -> WordStore:
        """Open a store. Raises `UserError` that names the file which is missing or cut short."""
        folder = Path(folder)
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            current, files = meta["format"] == FORMAT, dict(meta["files"])
        except FileNotFoundError:
            raise UserError(f"{folder} is not a word store (no meta.json): build it first") from None
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{folder / 'meta.json'} is damaged: delete the folder and build it again") from None
        if not current:
            raise UserError(f"{folder} was built by another version of mixvocab: delete it and build it again")
        for name, size in files.items():
            there = (folder / name).stat().st_size if (folder / name).is_file() else 0
            if there != size:
                raise UserError(
                    f"{folder / name} is truncated or changed: it has {there:,} of {size:,} bytes; "
                    f"delete {folder} and build it again"
                )
        return cls(folder, meta, json.loads((folder / "types.json").read_text(encoding="utf-8")))

    @property
    def counts(self) -> np.ndarray:
        """(types,) how often each type occurs in both splits together."""
        return self._load("counts.npy")

    def words(self, split: str) -> np.ndarray:
        """The words of the split "train" or "heldout" in order: (words,) uint32 type ids, left on disk."""
        return self._of_split(split, "")

    def documents(self, split: str) -> np.ndarray:
        """Position of each document's first word, (documents,) int64."""
        return self._of_split(split, "-documents")

    def table(self, tokenizer: PreTrainedTokenizerFast) -> WordTable:
        """Segment every type once with `tokenizer`: a student's, or that of the teacher of this store.

        Raises `UserError` for a tokenizer that reads text neither way, or has no mask token.
        """
        if reads_like_bert(tokenizer, self.meta["lowercase"]):
            segment = segment_units if self.meta["teacher"] else segment_words
            return WordTable.of(tokenizer, *segment(tokenizer, self.types))
        if self.meta["teacher"] != fingerprint(stripped(tokenizer).to_str()):
            raise UserError(
                f"{self.folder} was not built for the tokenizer {tokenizer.name_or_path!r}, which cuts text "
                "its own way: build a store with it as the student or as the teacher"
            )
        return WordTable.of(tokenizer, self._load("teacher-starts.npy"), self._load("teacher-ids.npy"))

    def check(self, table: WordTable, owner: str) -> None:
        """Raises `UserError` if the table of `owner` is of another store."""
        if len(table) != len(self.types):
            raise UserError(
                f"the {owner}'s table holds {len(table):,} words and the store {len(self.types):,}: "
                "make it with store.table(tokenizer)"
            )

    def _of_split(self, split: str, ending: str) -> np.ndarray:
        if split not in self.meta["splits"]:
            raise UserError(f"no split {split!r} in a word store: choose train or heldout")
        return self._load(f"{split}{ending}.npy")

    def _load(self, name: str) -> np.ndarray:
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
