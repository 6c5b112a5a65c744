"""Batches of examples of similar length, so that little is computed on padding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from mixvocab.train.loop import Turn

BUCKET = 32  # batches that are shuffled together before they are sorted by length


class Example(Protocol):
    """What can be batched: it has piece ids."""

    @property
    def ids(self) -> np.ndarray:
        """(T,) int64."""


E = TypeVar("E", bound=Example)


class Batches:
    """Goes through its examples in epochs; each epoch has its own order, drawn from (seed, epoch) alone.

    Within buckets of some thousand examples, batches hold examples of similar length; their order is shuffled
    again. Every example is in an epoch exactly once.
    """

    def __init__(self, examples: Sequence[E], collate: Callable[[list[E]], Any], seed: int) -> None:
        self.examples = examples
        self._collate = collate
        self._seed = seed
        self._lengths = np.array([len(example.ids) for example in examples])
        self._order: tuple[int, int, list[np.ndarray]] = (-1, 0, [])  # epoch, rows a batch, batches of that epoch

    def __call__(self, turn: Turn) -> Any:
        """The batch of a turn; the last one of an epoch may be smaller."""
        epoch, place = divmod(turn.index, self.per_epoch(turn.rows))
        if self._order[:2] != (epoch, turn.rows):
            self._order = (epoch, turn.rows, self._epoch(epoch, turn.rows))
        return self._collate([self.examples[i] for i in self._order[2][place]])

    def per_epoch(self, rows: int) -> int:
        """Batches of `rows` examples in an epoch."""
        return math.ceil(len(self.examples) / rows)

    def _epoch(self, epoch: int, rows: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self.examples))
        batches = []
        for start in range(0, len(order), BUCKET * rows):
            bucket = order[start : start + BUCKET * rows]
            bucket = bucket[np.argsort(self._lengths[bucket], kind="stable")]
            batches += [bucket[i : i + rows] for i in range(0, len(bucket), rows)]
        return [batches[i] for i in rng.permutation(len(batches))]


def in_order(examples: Sequence[Example], size: int = 128) -> Iterator[np.ndarray]:
    """Index arrays of examples of similar length, which together hold every example once; for prediction."""
    order = np.argsort([len(example.ids) for example in examples], kind="stable")
    return (order[start : start + size] for start in range(0, len(order), size))


def pad(rows: Sequence[np.ndarray], fill: int) -> np.ndarray:
    """Rows of different lengths as one array (B, T) int64, filled up on the right."""
    out = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def real(rows: Sequence[np.ndarray]) -> np.ndarray:
    """(B, T) bool: where `pad` put a row and no filling."""
    lengths = np.array([len(row) for row in rows])
    return np.arange(lengths.max()) < lengths[:, None]
