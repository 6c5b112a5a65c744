"""What the seeded grammars of the synthetic tasks share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mixvocab.common.errors import UserError

T = TypeVar("T")
_MOST_MISSES = 5_000  # repetitions in a row after which a grammar is held for exhausted


@dataclass(frozen=True)
class Sizes:
    """Rows a split of a synthetic set."""

    train: int
    valid: int
    test: int


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def distinct(
    write: Callable[[], T], count: int, seen: set[Hashable], key: Callable[[T], Hashable] = lambda row: row
) -> list[T]:
    """`count` rows with keys that are not in `seen`, which grows by them. Raises UserError if `write` has no more."""
    rows: list[T] = []
    misses = 0
    while len(rows) < count:
        row = write()
        if key(row) not in seen:
            seen.add(key(row))
            rows.append(row)
            misses = 0
        elif (misses := misses + 1) > _MOST_MISSES:
            raise UserError(f"synthetic data: {count:,} distinct rows are more than this grammar has; ask for fewer")
    return rows
