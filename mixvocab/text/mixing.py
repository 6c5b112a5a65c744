"""Mixed-vocabulary batches (section 3.2 of the paper, stage I).

Each word of a sequence is segmented with the student's vocabulary with probability p_SV, else with the
teacher's. The pieces come from the word tables in one ragged gather, so a batch costs about as much as
drawing its random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mixvocab.errors import UserError
from mixvocab.text.masking import IGNORED, Masking, apply_masks, choose_masks
from mixvocab.text.tables import WordTable, ranges
from mixvocab.text.words import Words, WordStore

Choice = Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]
"""(generator, (rows, words), p_sv) -> (rows, words) bool: which words the student's vocabulary segments."""


def by_word(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """The paper's choice: each word on its own."""
    return rng.random(shape, dtype=np.float32) < p_sv


def by_sequence(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """One draw a row: sequences are never mixed within, only batches are."""
    return np.repeat(rng.random((shape[0], 1), dtype=np.float32) < p_sv, shape[1], axis=1)


CHOICES: dict[str, Choice] = {"word": by_word, "sequence": by_sequence}


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of B rows of T tokens; all arrays (B, T).

    ids: piece id in the token's own vocabulary, after masking. student: the student's vocabulary segments the
    token. labels: the piece to predict, `IGNORED` (-100) elsewhere. attention: False for padding.
    """

    ids: np.ndarray
    student: np.ndarray
    labels: np.ndarray
    attention: np.ndarray


class Mixer:
    """Draws batches from a store under a student's and, if there is one, a teacher's word table.

    A row is [CLS] words [SEP] with as many whole words as fit into `length` tokens, then padding. It may run
    over the end of a document into the next, as the corpus is one stream. [CLS] and [SEP] are drawn like
    words, and padding takes the vocabulary of its row's [SEP]: a row at p_SV = 0 is the teacher tokenizer's
    and one at p_SV = 1 the student's, to the last token. Without a teacher all tokens are the student's.

    Raises `UserError` for p_sv outside [0, 1], an unknown unit, a row too short, or tables of another store.
    """

    def __init__(
        self,
        store: WordStore,
        student: WordTable,
        teacher: WordTable | None,
        *,
        p_sv: float = 0.5,
        length: int = 128,
        masking: Masking | None = None,
        split: str = "train",
        unit: str | Choice = "word",
    ) -> None:
        if not 0 <= p_sv <= 1:
            raise UserError(f"p_sv = {p_sv} is not a probability; choose 0 <= p_sv <= 1, for example 0.5")
        if length < 3:
            raise UserError(f"length = {length} leaves no room for a word; choose 3 or more")
        if isinstance(unit, str) and unit not in CHOICES:
            raise UserError(f"no mixing unit {unit!r}; choose one of {', '.join(CHOICES)}")
        for name, table in (("student", student), ("teacher", teacher)):
            if table is not None and len(table) != len(store.types):
                raise UserError(
                    f"the {name}'s table holds {len(table):,} words and the store {len(store.types):,}: "
                    "make it with store.table(tokenizer)"
                )
        self.store, self.p_sv, self.length = store, (1.0 if teacher is None else p_sv), length
        self.masking = masking or Masking()
        self._choose = CHOICES[unit] if isinstance(unit, str) else unit
        self._words = store.words(split)
        self._tables = (student if teacher is None else teacher, student)
        self._split = split
        self._cls, self._sep, self._none = range(len(store.types), len(store.types) + 3)
        self._join_tables()

    def batch(self, rows: int, rng: np.random.Generator) -> Batch:
        """`rows` masked rows, each from a random place of the split."""
        return self._mask(self.unmasked(rows, rng), rng)

    def unmasked(self, rows: int, rng: np.random.Generator) -> Batch:
        """The same before masking: `ids` as segmented, nothing to predict."""
        words = self._windows(self._words, self._starts_of_rows(rows, rng))
        return self._segment(words, self._choose(rng, words.shape, self.p_sv))

    def words_in_rows(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """How many whole words each of `rows` random rows holds, (rows,) int64."""
        words = self._windows(self._words, self._starts_of_rows(rows, rng))
        return self._fit(words, self._choose(rng, words.shape, self.p_sv))[0].sum(axis=1)

    def heldout_batches(self, rows: int, count: int, rng: np.random.Generator) -> Iterator[Batch]:
        """At most `count` batches of consecutive rows of the held-out split, in order, none overlapping.

        The same seed gives the same rows and masks. A small split ends sooner, with a last batch of fewer rows.
        Raises `UserError` if nothing was held out.
        """
        words = self.store.words("heldout")
        if not len(words):
            raise UserError(f"{self.store.folder} has no held-out words: build it with heldout above 0")
        position = 0
        for _ in range(count):
            student = self._choose(rng, (rows, self.length), self.p_sv)
            windows: list[np.ndarray] = []
            while len(windows) < rows and position < len(words):
                row = self._windows(words, np.array([position]))
                fits, _ = self._fit(row, student[len(windows)][None])
                position += int(fits.sum())
                windows.append(row)
            if not windows:
                return
            yield self._mask(self._segment(np.concatenate(windows), student[: len(windows)]), rng)

    def _join_tables(self) -> None:
        """Both tables as one: type t is found at t for the teacher, at t + `_offset` for the student.

        Three more types follow those of the store: [CLS], [SEP], and nothing (no pieces at all).
        """
        starts, ids, at = [], [], 0
        for table in self._tables:
            ends = np.concatenate([table.starts, table.starts[-1] + [1, 2, 2]]) + at
            starts.append(np.stack([ends[:-1], ends[1:]]))
            ids.append(np.concatenate([table.ids, [table.cls, table.sep]]).astype(np.int32))
            at += len(ids[-1])
        bounds = np.concatenate(starts, axis=1)
        self._offset = self._none + 1
        self._ids = np.concatenate(ids)
        self._starts, self._lengths = bounds[0], np.diff(bounds, axis=0)[0]
        self._special = np.zeros((2, max(table.size for table in self._tables)), bool)
        for number, table in enumerate(self._tables):
            self._special[number, table.special] = True
        self._pads = np.array([table.pad for table in self._tables])

    def _starts_of_rows(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Random places of the split, each with a row's worth of words behind it if there is so much text."""
        if not len(self._words):
            raise UserError(f"the {self._split} split of {self.store.folder} holds no words")
        return rng.integers(max(1, len(self._words) - (self.length - 2) + 1), size=rows)

    def _windows(self, words: Words, starts: np.ndarray) -> np.ndarray:
        """(B, length) types: [CLS], as many words as could ever fit, [SEP] in the last column."""
        window = np.full((len(starts), self.length), self._none, np.int64)
        window[:, 0], window[:, -1] = self._cls, self._sep
        for row, start in enumerate(starts.tolist()):
            found = words.slice(start, start + self.length - 2)
            window[row, 1 : 1 + len(found)] = found
        return window

    def _fit(self, words: np.ndarray, student: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which words (columns 1 to length - 2) fit into the row, and every column's number of pieces.

        A first word that is longer than the row is cut to its length: the only word ever cut.
        """
        pieces = self._lengths[words + student * self._offset]
        pieces[:, 1] = np.minimum(pieces[:, 1], self.length - 2)
        inner = pieces[:, 1:-1]
        fits = (inner > 0) & (inner.cumsum(axis=1) <= self.length - 2)
        inner[~fits] = 0
        return fits, pieces

    def _segment(self, words: np.ndarray, student: np.ndarray) -> Batch:
        """Gather the pieces of `words` (B, length), each from the vocabulary that `student` says."""
        _, pieces = self._fit(words, student)
        flat = pieces.ravel()
        gathered = self._ids[ranges(self._starts[(words + student * self._offset).ravel()], flat)]
        attention = np.arange(self.length) < pieces.sum(axis=1)[:, None]
        chosen = np.repeat(student[:, -1:], self.length, axis=1)
        chosen[attention] = np.repeat(student.ravel(), flat)
        ids = self._pads[chosen.astype(np.int64)]
        ids[attention] = gathered
        return Batch(ids, chosen, np.full(ids.shape, IGNORED, np.int64), attention)

    def _mask(self, batch: Batch, rng: np.random.Generator) -> Batch:
        maskable = batch.attention & ~self._special[batch.student.astype(np.int64), batch.ids]
        chosen = choose_masks(maskable, batch.student, self.masking, rng)
        ids, labels = apply_masks(batch.ids, batch.student, chosen, self.masking, self._tables, rng)
        return Batch(ids, batch.student, labels, batch.attention)
