"""Chapter 07's answers: the cells of a sweep from their records, each against its experiment's baseline.

Cells are compared on the same held-out rows, seed by seed: seeds give students the same other weights and the same
data order. An experiment is one family: its intervals are corrected for all of its comparisons, also for those whose
cells are missing. The tables hold no wall-clock times and are the same to the byte for the same records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixvocab.evaluate.stats import Comparison, Estimate, compare, pooled_noise, score
from mixvocab_book.store.records import OverSeeds, Record
from mixvocab_book.sweep.grid import Cell, Experiment, Grid, as_text

UNIT = "nats a word"
WORDS = "heldout_word_nats"
SAID_ONCE = ("seeds", "guessing by frequency", "parameters", "PFLOPs")
"""Columns that a table has only where its rows differ in them."""
OF_A_PIECE = ("behind [MASK]", "right there")
"""Columns that cannot be compared between vocabularies: a table of several goes without."""
HEADERS = ("", UNIT, "against the baseline", "verdict", *OF_A_PIECE, *SAID_ONCE)


@dataclass(frozen=True)
class Results:
    """The records of a grid's cells, as far as they are there."""

    grid: Grid
    seeds: tuple[int, ...]
    records: Mapping[tuple[str, int], Record]  # (key of the cell, seed) -> its record
    failed: Sequence[str] = ()  # what was tried and has none, and why

    def of(self, cell: Cell) -> dict[int, Record]:  # by seed
        return {seed: self.records[cell.key, seed] for seed in self.seeds if (cell.key, seed) in self.records}


@dataclass(frozen=True)
class Row(OverSeeds):
    """One cell over its seeds."""

    cell: Cell
    baseline: Cell | None  # what it is compared with; None for a baseline itself
    comparison: Comparison | None  # None also where no seed has both

    @property
    def pair(self) -> frozenset[str]:
        """The students that are compared: the same pair whichever is the baseline."""
        return frozenset(cell.key for cell in (self.cell, self.baseline) if cell)

    @property
    def difference(self) -> Estimate | None:
        """To the baseline, with the wider of both intervals: it leaves out zero where the difference is a finding."""
        found = self.comparison
        return Estimate(found.estimate.mean, found.margin, found.estimate.n) if found else None

    @property
    def verdict(self) -> str:
        if self.baseline is None:
            return "baseline"
        if self.comparison is None:
            return "its baseline is missing"
        if not self.comparison.finding:
            return "one seed" if self.comparison.estimate.n < 2 else "not told apart"
        return "lower" if self.comparison.estimate.mean < 0 else "higher"


@dataclass(frozen=True)
class Answer:
    """An experiment with its rows, in the order of its cells."""

    experiment: Experiment
    rows: tuple[Row, ...]
    comparisons: int  # of the family, missing ones included
    seeds: int

    @property
    def known(self) -> list[Row]:
        """The rows that have records."""
        return [row for row in self.rows if row.records]

    def lines(self) -> dict[str, list[Row]]:
        """The known rows of each line over the axis, for figures; "" is the only one without lines."""
        names = dict.fromkeys(row.cell.line for row in self.known)
        return {name: [row for row in self.known if row.cell.line == name] for name in names}

    def guess(self, of: str) -> float | None:
        """What guessing by frequency costs, "masked" a piece or "word"; None if it differs by vocabulary."""
        guesses = {guess for row in self.known for guess in row.values("guess", of)}
        return guesses.pop() if len(guesses) == 1 else None

    @property
    def findings(self) -> list[Row]:
        """Rows that differ from their baseline, the largest difference first."""
        found = [(row.comparison, row) for row in self.rows if row.comparison and row.comparison.finding]
        return [row for _, row in sorted(found, key=lambda pair: -abs(pair[0].estimate.mean))]

    @property
    def varied(self) -> bool:
        """Whether what it varies along its axis is known at more than one value; it may have no axis."""
        known, wanted = ({as_text(row.cell.value) for row in rows} for rows in (self.known, self.rows))
        return len(known) > 1 or len(wanted) == 1

    @property
    def told_missing(self) -> str:
        known = [(row.cell.label, len(row.records)) for row in self.rows]
        lacking = [f"{label} ({count} of {self.seeds} seeds)" for label, count in known if count < self.seeds]
        return f"Missing: {'; '.join(lacking) or 'nothing'}"


def answers(results: Results) -> list[Answer]:
    """Every experiment of the results with its rows."""
    return [_answer(experiment, results) for experiment in results.grid.experiments]


def telling(found: Sequence[Answer]) -> tuple[list[Answer], list[Answer]]:
    """Those that tell something of their own, and those that do not yet.

    An experiment shares cells with those before it: what these compare already is no answer to its question.
    """
    told: list[Answer] = []
    silent: list[Answer] = []
    before: set[frozenset[str]] = set()
    for answer in found:
        pairs = {row.pair for row in answer.rows if row.comparison}
        (told if answer.varied and pairs - before else silent).append(answer)
        before |= pairs
    return told, silent


def _answer(experiment: Experiment, results: Results) -> Answer:
    scores = {
        cell.key: {seed: word_rows(record) for seed, record in results.of(cell).items()} for cell in experiment.cells
    }
    whole = [list(seeds.values()) for seeds in scores.values() if len(seeds) == len(results.seeds)]
    noise = pooled_noise([[score(rows) for rows in seeds] for seeds in whole])
    pairs = [(cell, experiment.baseline_of(cell)) for cell in experiment.cells]
    family = sum(baseline is not None for _, baseline in pairs)
    rows = []
    for cell, baseline in pairs:
        comparison = None
        if baseline:
            # A generator a comparison, so that its interval does not depend on what else is in a table.
            rng = np.random.default_rng([int(each.key[:12], 16) for each in (cell, baseline)])
            others = scores.get(baseline.key, {})
            comparison = compare(scores[cell.key], others, m=family, rng=rng, noise=noise)
        rows.append(Row(tuple(results.of(cell).values()), cell, baseline, comparison))
    return Answer(experiment, tuple(rows), family, len(results.seeds))


def word_rows(record: Record) -> np.ndarray:
    """(rows, 2): the nats of each held-out row's masked words, and their number."""
    curves = record["curves"]
    return np.stack([curves["word_nats"], curves["word_counts"]], axis=1).astype(np.float64)


def table_of(answer: Answer) -> tuple[list[str], list[list[Any]], str]:
    """Headers and rows of the cells that have records, and in words what is the same in all of them."""
    rows = [_cells(row) for row in answer.known]
    columns = list(zip(HEADERS, *rows, strict=True))
    if len({piece for row in answer.known for piece in row.values("pieces")}) > 1:
        columns = [c for c in columns if c[0] not in OF_A_PIECE]
    same = [c for c in columns if c[0] in SAID_ONCE and len(rows) > 1 and len({*c[1:]}) == 1]
    headers, *kept = (list(row) for row in zip(*(c for c in columns if c not in same), strict=True))
    once = ", ".join(f"{header} {_text(value)}" for header, value, *_ in same)
    return headers, kept, f"In every row: {once}." if once else ""


def _cells(row: Row) -> list[Any]:
    return [
        row.cell.label,
        _plus_minus(row.mean(WORDS)),
        _plus_minus(row.difference, "+") if row.difference else "",
        row.verdict,
        _plus_minus(row.mean("heldout", "masked")),
        f"{row.mean('heldout', 'right').mean:.1%}",
        str(len(row.records)),
        f"{row.metrics['guess']['word']:.3f}",
        row.metrics["parameters"],
        f"{row.spent('flops') / 1e15:.3g}",
    ]


def _plus_minus(value: Estimate, sign: str = "") -> str:
    return f"{value.mean:{sign}.3f}" + (f" ± {value.half_width:.3f}" if value.n > 1 else "")


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def plain_table(results: Results) -> str:
    """Every experiment of the results as text."""
    parts = []
    for answer in answers(results):
        headers, found, once = table_of(answer)
        rows = [headers, *(list(map(_text, row)) for row in found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        head = f"{answer.experiment.name}: {answer.experiment.question}"
        parts.append("\n  ".join([head, *lines, *filter(None, [once]), answer.told_missing]))
    return "\n\n".join([*parts, *(f"failed: {reason}" for reason in results.failed)])
