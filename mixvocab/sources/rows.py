"""The rows that tasks are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from mixvocab.sources.source import Source

DEVELOPMENT = frozenset({"dev", "m", "mm", "mm-hard"})


class SnipsRow(NamedTuple):
    """One command: `slots` holds a BIO tag for each of `words`."""

    words: tuple[str, ...]
    slots: tuple[str, ...]
    intent: str

    def parts(self) -> list[list[str]]:
        """The words, as the parts of one text."""
        return [list(self.words)]

    def with_parts(self, parts: list[list[str]]) -> SnipsRow:
        """The same row with other words, as many."""
        return self._replace(words=tuple(parts[0]))


class GlueRow(NamedTuple):
    """One example; `text_b` is None for single sentences, `label` None where a test set hides it."""

    text_a: str
    text_b: str | None
    label: str | float | None

    def parts(self) -> list[list[str]]:
        """Each text in parts: runs of letters and digits, and what stands between them."""
        return [re.findall(r"[^\W_]+|[\W_]+", text) for text in (self.text_a, self.text_b) if text is not None]

    def with_parts(self, parts: list[list[str]]) -> GlueRow:
        """The same row with texts of other parts."""
        text_a, *others = map("".join, parts)
        return self._replace(text_a=text_a, text_b=others[0] if others else None)


@dataclass(frozen=True)
class Sizes:
    """Rows a split of a synthetic set."""

    train: int
    valid: int
    test: int


SYNTHETIC = Sizes(train=4_000, valid=500, test=500)  # more rows of a grammar have nothing more to teach


@dataclass(frozen=True)
class SnipsData:
    """Joint intent and slot data: splits "train", "valid" and "test"."""

    source: Source
    splits: dict[str, list[SnipsRow]]

    @property
    def intents(self) -> tuple[str, ...]:
        return tuple(sorted({row.intent for rows in self.splits.values() for row in rows}))

    @property
    def slots(self) -> tuple[str, ...]:
        """The BIO tags that occur in any split: "O", then by slot name, B- before I-."""
        tags = {tag for rows in self.splits.values() for row in rows for tag in row.slots}
        return ("O", *sorted(tags - {"O"}, key=lambda tag: (tag[2:], tag[:1])))


@dataclass(frozen=True)
class GlueData:
    """A GLUE task: "train", then the development sets, then the test sets.

    Development sets are called "dev", or for MNLI "m" and "mm" ("mm-hard" for the adversarially chosen half of the
    mismatched set, which is never reported as "mm"); test sets "test", "test-m", "test-mm", and "ax".
    """

    source: Source
    task: str
    splits: dict[str, list[GlueRow]]
    regression: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, in alphabetical order, which models keep with their outputs; none if regression."""
        if self.regression:
            return ()
        return tuple(sorted({str(row.label) for rows in self.splits.values() for row in rows if row.label is not None}))

    @property
    def development(self) -> tuple[str, ...]:
        return tuple(name for name in self.splits if name in DEVELOPMENT)
