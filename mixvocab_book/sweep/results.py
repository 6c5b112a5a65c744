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

from mixvocab.evaluate.stats import Comparison, compare, corrected, pooled_noise, score
from mixvocab.evaluate.word_scores import MARGIN
from mixvocab_book.store.records import OverSeeds, Record
from mixvocab_book.sweep.grid import Cell, Experiment, Grid

UNIT = "nats a word"
WORDS = "heldout_word_nats"
HEADERS = (
    "", "seeds", UNIT, "guessing by frequency", "against the baseline", "verdict", "behind [MASK]", "right there",
    "parameters", "PFLOPs",
)  # fmt: skip


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
    def verdict(self) -> str:
        if not self.records:
            return "missing"
        if self.baseline is None:
            return "baseline"
        return self.comparison.verdict(UNIT) if self.comparison else "its baseline is missing"


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
    def title(self) -> str:
        compared = [row.comparison for row in self.rows if row.comparison]
        if not compared:
            return f"{self.experiment.name}: nothing to compare yet"
        if not self.findings:
            several = [comparison for comparison in compared if comparison.estimate.n >= 2]
            # Else the largest difference that single seeds gave.
            widest = max(several or compared, key=lambda one: one.margin if several else abs(one.estimate.mean))
            row = next(row for row in self.rows if row.comparison is widest)
            verdict = widest.verdict(UNIT)
            if several:
                return verdict[:1].upper() + verdict[1:]
            assert row.baseline
            return f"{self.experiment.name}, {row.cell.label}: {verdict}, against {row.baseline.label}"
        first = self.findings[0]
        assert first.baseline
        told = f"{self.experiment.name}, {first.cell.label}: {first.verdict} than {first.baseline.label}"
        return f"{told}; {len(self.findings)} of {len(compared)} differ"

    @property
    def told_missing(self) -> str:
        known = [(row.cell.label, len(row.records)) for row in self.rows]
        lacking = [f"{label} ({count} of {self.seeds} seeds)" for label, count in known if count < self.seeds]
        return f"Missing: {'; '.join(lacking) or 'nothing'}"


def answers(results: Results) -> list[Answer]:
    """Every experiment of the results with its rows."""
    return [_answer(experiment, results) for experiment in results.grid.experiments]


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


def table_rows(answer: Answer) -> list[list[Any]]:
    """An experiment as a table under `HEADERS`; a cell without a record says "missing"."""
    rows: list[list[Any]] = []
    for row in answer.rows:
        if not row.records:
            rows.append([row.cell.label, "0", "missing", *[""] * (len(HEADERS) - 3)])
            continue
        difference = row.comparison and row.comparison.estimate
        width = f" ± {difference.half_width:.3f}" if difference and difference.n > 1 else ""
        rows.append(
            [
                row.cell.label,
                str(len(row.records)),
                str(row.mean(WORDS)),
                f"{row.metrics['guess']['word']:.3f}",
                f"{difference.mean:+.3f}{width}" if difference else "",
                row.verdict,
                str(row.mean("heldout", "masked")),
                f"{row.mean('heldout', 'right').mean:.1%}",
                row.metrics["parameters"],
                f"{row.spent('flops') / 1e15:.3g}",
            ]
        )
    return rows


def told_guessing(answer: Answer) -> str:
    """How many of an experiment's students have learned no context; "" where `guess` is None."""
    guess, rows = answer.guess("word"), answer.known
    if guess is None:
        return ""
    still = sum(all(tokens is None for tokens in row.values("left_plateau_tokens")) for row in rows)
    best = min(row.mean(WORDS).mean for row in rows)
    return (
        f"Who guesses pieces by their frequency pays {guess:.3f} nats a word; the best student pays {best:.3f}. "
        f"{still} of {len(rows)} are not {MARGIN} nats below the guess behind [MASK] in any seed: still on the "
        "plateau, they have learned no context."
    )


def table_note(answer: Answer) -> str:
    """What the numbers of the table are, for its caption."""
    return (
        "Held-out -log p of whole hidden words, mean ± half of the 95 % t interval over seeds. Differences are paired "
        f"by seed, with {100 * corrected(answer.comparisons):.3g} % intervals (comparisons: {answer.comparisons}), the "
        "noise pooled over the experiment; a verdict needs the bootstrap over seeds and held-out rows as well. "
        f"{answer.told_missing}."
    )


def plain_table(results: Results) -> str:
    """Every experiment of the results as text."""
    parts = []
    for answer in answers(results):
        rows = [HEADERS, *([f"{v:,}" if isinstance(v, int) else v for v in row] for row in table_rows(answer))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        head = [f"{answer.experiment.name}: {answer.experiment.question}", answer.title]
        parts.append("\n  ".join([*head, *lines, answer.told_missing]))
    return "\n\n".join([*parts, *(f"failed: {reason}" for reason in results.failed)])
