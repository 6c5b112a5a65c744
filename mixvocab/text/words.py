"""WordStore: a corpus as numbered words on disk, read once and mixed in any way afterwards.

Mixing chooses a vocabulary for each word of each sequence, anew every time. Segmenting text is too slow for
that, and needless: a corpus of a hundred million words has well under a million distinct ones. So the store
keeps the corpus as numbers of distinct words (*types*), each vocabulary segments every type once
(`WordTable`), and a mixed sequence is a table look-up.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.errors import UserError
from mixvocab.files import file_sha256
from mixvocab.text.building import build_folder
from mixvocab.text.reading import reads_like_bert, stripped
from mixvocab.text.tables import WordTable, ranges, segment_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Words:
    """One split's words in order: type ids (uint32) over memory-mapped shards, as if in one array."""

    def __init__(self, shards: list[np.ndarray], documents: np.ndarray) -> None:
        self._shards = [np.asarray(shard) for shard in shards]
        self._ends = list(accumulate(len(shard) for shard in shards))
        self.documents = documents
        """Position of each document's first word, (documents,) int64."""

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.slice(0, len(self)).astype(dtype or np.uint32, copy=False)

    def slice(self, start: int, stop: int) -> np.ndarray:
        """Words `start` to `stop` (not beyond the end), from however many shards."""
        stop = min(stop, len(self))
        pieces = []
        number = bisect_right(self._ends, start)
        while start < stop:
            end = self._ends[number]
            shard = self._shards[number]
            begin = end - len(shard)
            pieces.append(shard[start - begin : stop - begin])
            start, number = end, number + 1
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.uint32)

    def document(self, index: int) -> np.ndarray:
        """The words of one document."""
        stop = self.documents[index + 1] if index + 1 < len(self.documents) else len(self)
        return self.slice(int(self.documents[index]), int(stop))


@dataclass(frozen=True, eq=False)
class WordStore:
    """A folder of shards. Make one with `build`, come back to it with `open`.

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
        *,
        teacher: PreTrainedTokenizerFast | None = None,
        lowercase: bool = True,
        heldout: float = 0.01,
        processes: int = 1,
        shard_words: int = 1 << 20,
    ) -> WordStore:
        """Read `documents` into a new store at `folder`, replacing an older store there once done.

        The student reads text as BERT does (`lowercase`: uncased). If the `teacher` reads it otherwise, units
        are cut where both agree (see `mixvocab.text.reading`). About the share `heldout` of all words, in
        whole documents chosen by the hash of their text, is kept for evaluation. `shard_words`: about how
        many words one file holds. The bytes written do not depend on `processes`.

        Raises `UserError` for a corpus without words, or without a second document to hold out.
        """
        build_folder(
            documents,
            Path(folder),
            teacher=teacher,
            lowercase=lowercase,
            heldout=heldout,
            processes=processes,
            shard_words=shard_words,
        )
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path | str) -> WordStore:
        """Open a store. Raises `UserError` that names the file which is missing or cut short."""
        folder = Path(folder)
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            files = {name: entry["bytes"] for name, entry in meta["files"].items()}
        except FileNotFoundError:
            raise UserError(f"{folder} is not a word store (no meta.json): build it first") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(f"{folder / 'meta.json'} is damaged: delete the folder and build it again") from None
        for name, size in files.items():
            found = (folder / name).stat().st_size if (folder / name).is_file() else 0
            if found != size:
                raise UserError(
                    f"{folder / name} is truncated or changed: it has {found:,} of {size:,} bytes; "
                    f"delete {folder} and build it again"
                )
        return cls(folder, meta, json.loads((folder / "types.json").read_text(encoding="utf-8")))

    def verify(self) -> None:
        """Read every file and compare its SHA-256; raises `UserError` that names the first one changed."""
        for name, entry in self.meta["files"].items():
            if file_sha256(self.folder / name) != entry["sha256"]:
                raise UserError(f"{self.folder / name} is damaged: delete {self.folder} and build it again")

    @property
    def counts(self) -> np.ndarray:
        """(types,) how often each type occurs in both splits together."""
        return self._load("counts.npy")

    def words(self, split: str) -> Words:
        """The words of the split "train" or "heldout"."""
        if split not in self.meta["splits"]:
            raise UserError(f"no split {split!r} in a word store: choose train or heldout")
        shards = [self._load(name) for name in self.meta["splits"][split]["shards"]]
        return Words(shards, self._load(f"{split}-documents.npy"))

    def table(self, tokenizer: PreTrainedTokenizerFast) -> WordTable:
        """Segment every type once with `tokenizer`: the student's, or that of the teacher of this store.

        Raises `UserError` for a tokenizer that reads text neither way, or has no mask token.
        """
        if reads_like_bert(tokenizer, self.meta["lowercase"]):
            if self.meta["unit"] == "word":
                return WordTable.of(tokenizer, *segment_words(tokenizer, self.types))
            return WordTable.of(tokenizer, *self._segment_units(tokenizer))
        rules = stripped(tokenizer).to_str()
        if self.meta["teacher"] != blake2b(rules.encode(), digest_size=16).hexdigest():
            raise UserError(
                f"{self.folder} was not built for the tokenizer {tokenizer.name_or_path!r}, which cuts text "
                "its own way: build a store with it as the teacher"
            )
        return WordTable.of(tokenizer, self._load("teacher-starts.npy"), self._load("teacher-ids.npy"))

    def _segment_units(self, tokenizer: PreTrainedTokenizerFast) -> tuple[np.ndarray, np.ndarray]:
        """Segment units of several words each: every distinct word once, then joined unit by unit."""
        units = [unit.split(" ") for unit in self.types]
        numbers: dict[str, int] = {}
        words = np.array([numbers.setdefault(word, len(numbers)) for unit in units for word in unit])
        starts, ids = segment_words(tokenizer, list(numbers))
        lengths = np.diff(starts)[words]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        unit_ends = np.concatenate([[0], np.cumsum([len(unit) for unit in units])])
        return ends[unit_ends], ids[ranges(starts[words], lengths)]

    def _load(self, name: str) -> np.ndarray:
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
