"""Mixed-vocabulary batches (section 3.2 of the paper, stage I).

Each word of a sequence is segmented with the student's vocabulary with probability p_SV, else with the
teacher's. The pieces come from the word tables in one ragged gather, so a batch costs about as much as drawing its
random numbers. `text/masking.py` then masks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import mask_tokens
from mixvocab.text.words import WordStore, WordTable, ranges

Choice = Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]
"""(generator, (rows, words), p_sv) -> (rows, words) bool: which words the student's vocabulary segments."""

SPAN = 3  # words that a run has on average


def by_word(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """The paper's choice: each word on its own."""
    return rng.random(shape, dtype=np.float32) < p_sv


def by_sequence(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """One draw a row: sequences are never mixed within, only batches are."""
    return np.repeat(by_word(rng, (shape[0], 1), p_sv), shape[1], axis=1)


def by_span(rng: np.random.Generator, shape: tuple[int, int], p_sv: float) -> np.ndarray:
    """One draw a run of words; the lengths of runs are geometric with mean `SPAN`.

    Every word begins a new run with probability 1 / `SPAN`, so wherever a row starts in the text, its first run is as
    long as any other. Neighbouring runs may draw the same vocabulary.
    """
    drawn = by_word(rng, shape, p_sv)
    begins = rng.random(shape, dtype=np.float32) < 1 / SPAN
    begins[:, 0] = True
    first = np.maximum.accumulate(np.where(begins, np.arange(shape[1]), 0), axis=1)
    return np.take_along_axis(drawn, first, axis=1)


CHOICES: dict[str, Choice] = {"word": by_word, "span": by_span, "sequence": by_sequence}


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of B rows of T tokens; all arrays (B, T)."""

    ids: np.ndarray  # in the token's own vocabulary, after masking
    student: np.ndarray  # bool: the student's vocabulary segments the token
    labels: np.ndarray  # the piece to predict, `IGNORED` (-100) elsewhere
    attention: np.ndarray  # bool: False for padding


class Mixer:
    """Draws batches from a store under a student's and, if there is one, a teacher's word table.

    A row is [CLS] words [SEP] with as many whole words as fit into `length` tokens, then padding. It may run
    over the end of a document into the next, as the corpus is one stream. [CLS] and [SEP] are drawn like
    words, and padding takes the vocabulary of its row's [SEP]: a row at p_SV = 0 is the teacher tokenizer's
    and one at p_SV = 1 the student's, to the last token. Without a teacher all tokens are the student's.

    `choose` draws which words the student's vocabulary segments, by default as `settings.unit` says.
    """

    def __init__(
        self, store: WordStore, student: WordTable, teacher: WordTable | None, settings: MixingSettings
    ) -> None:
        if teacher is None:
            teacher, settings = student, settings.model_copy(update={"p_sv": 1.0, "unit": "word"})
        self.store, self.settings, self.length = store, settings, settings.length
        self.mask, self.teacher_mask = student.mask, teacher.mask
        self.choose = CHOICES[settings.unit]
        self._words, self._tables = store.words("train"), (teacher, student)
        # Behind the words of each table stand [CLS], [SEP] and nothing, so that one gather reads a whole row.
        self._cls, self._sep, self._nothing = range(len(store.types), len(store.types) + 3)
        self._lengths = np.stack([np.append(table.lengths, [1, 1, 0]) for table in self._tables])  # (2, W + 3)
        self._starts = (np.cumsum(self._lengths) - self._lengths.ravel()).reshape(self._lengths.shape)
        self._ids = np.concatenate([part for table in self._tables for part in (table.ids, [table.cls, table.sep])])

    def batch(self, rows: int, rng: np.random.Generator) -> Batch:
        """`rows` masked rows, each from a random place of the training text."""
        return self._masked(*self._draw(self.starts(rows, rng), rng), rng)

    def starts(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Random places of the training text, (rows,), with a row's worth of words behind each."""
        return rng.integers(max(1, len(self._words) - (self.length - 2) + 1), size=rows)

    def rows_at(self, starts: np.ndarray, rng: np.random.Generator) -> tuple[Batch, np.ndarray]:
        """Masked rows from the words `starts` (B,) of the training text on, and the place of each token's word.

        Places: (B, T) int64, counted from the row's first word; -1 for [CLS], [SEP] and padding.
        """
        return self._placed(*self._draw(starts, rng), rng)

    def read_twice(
        self, words: np.ndarray, starts: np.ndarray, rng: np.random.Generator, *, mixed: bool = False
    ) -> tuple[Batch, np.ndarray]:
        """The same words as the teacher's vocabulary cuts them and as the student's does, with places as in `rows_at`.

        Rows 2b and 2b + 1, the teacher's and the student's, have as many of the words from `starts[b]` of `words` on as
        fit into both. With `mixed` the teacher's rows are mixed.
        """
        types = np.repeat(self._windows(words, starts), 2, axis=0)  # (2B, length)
        student = np.broadcast_to(np.arange(len(types))[:, None] % 2 == 1, types.shape)
        if mixed:
            student = student | self.choose(rng, types.shape, self.settings.p_sv)
        held = (self._pieces(types, student)[:, 1:-1] > 0).sum(axis=1)
        fit = held.reshape(-1, 2).min(axis=1).repeat(2)
        types[:, 1:-1][np.arange(self.length - 2) >= fit[:, None]] = self._nothing
        return self._placed(types, student, rng)

    def _placed(self, types: np.ndarray, student: np.ndarray, rng: np.random.Generator) -> tuple[Batch, np.ndarray]:
        """What `_masked` gathers, and the place of each token's word."""
        batch = self._masked(types, student, rng)
        column = np.broadcast_to(np.arange(-1, self.length - 1), types.shape)  # [CLS] stands before the first word
        places = np.full(types.shape, -1)
        places[batch.attention] = np.repeat(column.ravel(), self._pieces(types, student).ravel())
        places[places == self.length - 2] = -1  # of [SEP]
        return batch, places

    def words_in_rows(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """How many whole words each of `rows` random rows holds, (rows,) int64."""
        return (self._pieces(*self._draw(self.starts(rows, rng), rng))[:, 1:-1] > 0).sum(axis=1)

    def heldout_batches(self, rows: int, count: int, rng: np.random.Generator) -> Iterator[Batch]:
        """At most `count` batches of consecutive rows of the held-out split, in order, none overlapping.

        The same seed gives the same rows and masks. A small split ends sooner, with a last batch of fewer rows.
        """
        words = self.store.words("heldout")
        position = 0
        for _ in range(count):
            student = self.choose(rng, (rows, self.length), self.settings.p_sv)
            windows: list[np.ndarray] = []
            while len(windows) < rows and position < len(words):
                window = self._windows(words, np.array([position]))
                position += int((self._pieces(window, student[None, len(windows)])[:, 1:-1] > 0).sum())
                windows.append(window)
            if not windows:
                return
            yield self._masked(np.concatenate(windows), student[: len(windows)], rng)

    def _draw(self, starts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Windows of the training text from the words `starts` on, and who segments them."""
        types = self._windows(self._words, starts)
        return types, self.choose(rng, types.shape, self.settings.p_sv)

    def _windows(self, words: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """(B, length) types: [CLS], as many words as could ever fit, [SEP] in the last column."""
        types = np.full((len(starts), self.length), self._nothing, np.int64)
        types[:, 0], types[:, -1] = self._cls, self._sep
        place = starts[:, None] + np.arange(self.length - 2)
        there = place < len(words)
        types[:, 1:-1][there] = words[place[there]]
        return types

    def _pieces(self, types: np.ndarray, student: np.ndarray) -> np.ndarray:
        """How many pieces of each column stand in the row, (B, length): 0 from the first word that does not fit on.

        A first word that is longer than the row is cut to its length: the only word ever cut.
        """
        room = self.length - 2
        pieces = self._lengths[student.astype(int), types]
        inner = pieces[:, 1:-1]
        inner[:, 0] = np.minimum(inner[:, 0], room)
        inner[inner.cumsum(axis=1) > room] = 0
        return pieces

    def _masked(self, types: np.ndarray, student: np.ndarray, rng: np.random.Generator) -> Batch:
        """Gather the pieces of `types` (B, length), each from the vocabulary that `student` says, and mask them."""
        pieces = self._pieces(types, student)
        starts = self._starts[student.astype(int), types]
        attention = np.arange(self.length) < pieces.sum(axis=1)[:, None]
        own = np.repeat(student[:, -1:], self.length, axis=1)
        own[attention] = np.repeat(student.ravel(), pieces.ravel())
        teacher_table, student_table = self._tables
        ids = np.where(own, student_table.pad, teacher_table.pad)
        ids[attention] = self._ids[ranges(starts.ravel(), pieces.ravel())]
        masked, labels = mask_tokens(ids, own, attention, self.settings, self._tables, rng)
        return Batch(masked, own, labels, attention)
