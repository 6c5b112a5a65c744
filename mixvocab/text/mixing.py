"""Mixed-vocabulary batches (section 3.2 of the paper, stage I).

Each word of a sequence is segmented with the student's vocabulary with probability p_SV, else with the
teacher's; `text/units.py` has what may be mixed instead of words. The pieces come from the word tables in one
ragged gather, so a batch costs about as much as drawing its random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixvocab.errors import UserError
from mixvocab.text.masking import IGNORED, Masking, apply_masks, choose_masks
from mixvocab.text.tables import WordTable, ranges
from mixvocab.text.units import CHOICES, NOT_ALIKE, Choice, cut_alike
from mixvocab.text.words import Words, WordStore


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
    and one at p_SV = 1 the student's, to the last token. Without a teacher all tokens are the student's, nothing is
    mixed, and no draw depends on `unit`.

    `unit` is what one draw of a vocabulary holds for: "word" (the paper), "span", "sequence", or "piece", the parts of
    a word that both vocabularies cut alike; or a `Choice` over words.

    Raises `UserError` for p_sv outside [0, 1], an unknown unit, one that the tables do not allow, a row too short, or
    tables of another store.
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
        if teacher is None:
            unit = "word"
        if unit == "piece" and store.meta["unit"] != "word":
            raise UserError(NOT_ALIKE)  # its units are stretches of text that the teacher spells its own way
        self._choose = CHOICES[unit] if isinstance(unit, str) else unit
        self._words = store.words(split)
        self._tables = (student if teacher is None else teacher, student)
        self._split = split
        self._parts = cut_alike(*self._tables) if unit == "piece" else None
        self._join_tables(self._parts.tables if self._parts else self._tables)

    @property
    def mask(self) -> int:
        """Id of the student's [MASK]."""
        return self._tables[1].mask

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
        return self._fit(words, self._choose(rng, words.shape, self.p_sv))[0]

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
                fitted, _ = self._fit(row, student[len(windows)][None])
                position += int(fitted[0])
                windows.append(row)
            if not windows:
                return
            yield self._mask(self._segment(np.concatenate(windows), student[: len(windows)]), rng)

    def _join_tables(self, tables: tuple[WordTable, WordTable]) -> None:
        """Both tables as one: type t is found at t for the teacher, at t + `_offset` for the student.

        Three more types follow those of the tables, which are the store's words or parts of them: [CLS], [SEP], and
        nothing (no pieces at all).
        """
        types = len(tables[0])
        self._cls, self._sep, self._none = range(types, types + 3)
        self._last = np.ones(types + 3, bool)  # the type ends a word: all do but parts with another behind them
        if self._parts:
            self._last[:types] = self._parts.last
        starts, ids, at = [], [], 0
        for table in tables:
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
            found = self._types(words.slice(start, start + self.length - 2))
            window[row, 1 : 1 + len(found)] = found
        return window

    def _types(self, words: np.ndarray) -> np.ndarray:
        """What stands for `words` in the joined tables: themselves, or as many of their parts as could ever fit."""
        if self._parts is None:
            return words
        words = words.astype(np.int64)
        begin, end = self._parts.starts[words], self._parts.starts[words + 1]
        return ranges(begin, end - begin)[: self.length - 2]

    def _fit(self, types: np.ndarray, student: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many whole words (columns 1 to length - 2) fit into each row, (B,), and every column's pieces.

        A first word that is longer than the row is cut to its length: the only word ever cut.
        """
        room = self.length - 2
        pieces = self._lengths[types + student * self._offset]
        inner, last = pieces[:, 1:-1], self._last[types[:, 1:-1]]
        first = last.cumsum(axis=1) - last == 0  # columns of the first word
        upto = np.minimum(inner.cumsum(axis=1), room)
        inner[first] = np.diff(upto, axis=1, prepend=0)[first]
        whole = (inner > 0) & last & (inner.cumsum(axis=1) <= room)
        # A part is in if a word that fits ends with it or behind it.
        kept = np.logical_or.accumulate(whole[:, ::-1], axis=1)[:, ::-1] | first
        inner[~kept] = 0
        return np.maximum(whole.sum(axis=1), inner[:, 0] > 0), pieces

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
