"""Chapter 07's answers: the cells of a sweep from their records, each against its experiment's baseline.

Cells are compared on the same held-out rows, seed by seed: seeds give students the same other weights and the same
data order. An experiment is one family: its intervals are corrected for all of its comparisons, also for those whose
cells are missing. The tables hold no wall-clock times and are the same to the byte for the same records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixvocab.evaluate.stats import (
    Comparison,
    Estimate,
    Noise,
    compare,
    corrected,
    estimate,
    pooled_noise,
    score,
)
from mixvocab_book.sweep.cell_records import Record, Results
from mixvocab_book.sweep.cells import Cell, Experiment, as_text

UNIT = "nats a word"
WORDS = "heldout_word_nats"
HEADERS = ("", "seeds", UNIT, "against the baseline", "verdict", "behind [MASK]", "right there", "parameters", "PFLOPs")


@dataclass(frozen=True)
class Row:
    """One cell over its seeds."""

    cell: Cell
    records: Mapping[int, Record]  # by seed
    missing: tuple[int, ...]  # seeds without a record
    baseline: Cell | None  # what it is compared with; None for a baseline itself
    comparison: Comparison | None  # None also where no seed has both

    @property
    def metrics(self) -> dict[str, Any]:
        """Of the first record: for what does not depend on the seed."""
        return next(iter(self.records.values()))["metrics"]

    def values(self, metric: str = WORDS) -> list[float]:
        """A metric of the records, one a seed: one of the held-out scores ("masked", "right", ...), or `WORDS`."""
        return [({**r["metrics"], **r["metrics"]["heldout"]})[metric] for r in self.records.values()]

    def mean(self, metric: str = WORDS) -> Estimate | None:
        """Its mean with the t interval over seeds; None if all seeds are missing."""
        return estimate(self.values(metric)) if self.records else None

    def spent(self, what: str, stages: Sequence[str] | None = None) -> float:
        """What was spent on it, mean over seeds: "tokens_read", "flops", "seconds" or "steps".

        `stages`: of "teacher", "stage one" and "stage two" these alone; None: all. nan if all seeds are missing.
        """
        totals = [
            sum(cost[what] for stage, cost in r["metrics"]["spent"].items() if stages is None or stage in stages)
            for r in self.records.values()
        ]
        return sum(totals) / len(totals) if totals else float("nan")

    @property
    def verdict(self) -> str:
        """What may be said of it, in words."""
        if not self.records:
            return "missing"
        if self.baseline is None:
            return "baseline"
        if self.baseline.key == self.cell.key:
            return "the same student as the baseline"
        return self.comparison.verdict(UNIT) if self.comparison else "its baseline is missing"


@dataclass(frozen=True)
class Answer:
    """An experiment with its rows, in the order of its cells."""

    experiment: Experiment
    rows: tuple[Row, ...]
    comparisons: int  # of the family, missing ones included
    seeds: int

    def row(self, label: str, line: str = "") -> Row:
        """The row of a cell, by its label, or by its value on the axis and its line. Raises KeyError."""
        for row in self.rows:
            if label == row.cell.label or (line == row.cell.line and label == as_text(row.cell.value)):
                return row
        raise KeyError(label)

    def lines(self) -> dict[str, list[Row]]:
        """The rows of each line over the axis that have records, for figures; "" is the only one without lines."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.records:
                found.setdefault(row.cell.line, []).append(row)
        return found

    def guess(self, of: str) -> float | None:
        """What guessing by frequency costs, "masked" a piece or "word"; None if it differs by vocabulary."""
        known = {record["metrics"]["guess"][of] for row in self.rows for record in row.records.values()}
        return known.pop() if len(known) == 1 else None

    @property
    def findings(self) -> list[Row]:
        """Rows that differ from their baseline, the largest difference first."""
        found = [row for row in self.rows if row.comparison and row.comparison.finding]
        return sorted(found, key=lambda row: -abs(_of(row).estimate.mean))

    @property
    def title(self) -> str:
        """What the experiment found, in one line, or that it found nothing."""
        compared = [row for row in self.rows if row.comparison]
        if not compared:
            return f"{self.experiment.name}: nothing to compare yet"
        if not self.findings:
            widest = max(compared, key=lambda row: (_of(row).n >= 2, _of(row).margin))
            return _capital(_of(widest).verdict(UNIT))
        first = self.findings[0]
        of = first.cell.label
        if first.cell.value is not None and not first.cell.line:
            of = f"{self.experiment.name} = {of}"  # a number alone says nothing
        told = f"{of}: {_of(first).verdict(UNIT)} than {first.baseline.label if first.baseline else ''}"
        rest = len(self.findings) - 1
        return told + (f", and {rest} more of {len(compared)} differ" if rest else "")

    @property
    def told_missing(self) -> str:
        """Which cells have no record, in one sentence."""
        lacking = [f"{row.cell.label} (seed {', '.join(map(str, row.missing))})" for row in self.rows if row.missing]
        return f"missing: {'; '.join(lacking)}" if lacking else "no cell is missing"


def answers(results: Results) -> list[Answer]:
    """Every experiment of the results with its rows."""
    return [_answer(one, results) for one in results.grid.experiments]


def _answer(experiment: Experiment, results: Results) -> Answer:
    pairs = {cell.label: experiment.baseline_of(cell) for cell in experiment.cells}
    # A cell that is the same student as its baseline is no comparison.
    family = sum(
        other is not None and other.key != cell.key
        for cell, other in zip(experiment.cells, pairs.values(), strict=True)
    )
    noise = _noise(experiment, results)
    rows = []
    for cell in experiment.cells:
        records, other = results.of(cell), pairs[cell.label]
        scores = {seed: word_rows(record) for seed, record in records.items()}
        compared = None
        if other is not None and other.key != cell.key:
            against = {seed: word_rows(record) for seed, record in results.of(other).items()}
            compared = compare(scores, against, m=family, rng=_generator(cell, other), noise=noise)
        missing = tuple(seed for seed in results.seeds if seed not in records)
        rows.append(Row(cell, records, missing, other, compared))
    return Answer(experiment, tuple(rows), family, len(results.seeds))


def _noise(experiment: Experiment, results: Results) -> Noise | None:
    """Pooled over the experiment's different students that have all seeds."""
    found = {cell.key: results.of(cell) for cell in experiment.cells}
    whole = [records for records in found.values() if len(records) == len(results.seeds)]
    return pooled_noise([[score(word_rows(records[seed])) for seed in results.seeds] for records in whole])


def word_rows(record: Record) -> np.ndarray:
    """(rows, 2): the nats of each held-out row's masked words, and their number."""
    curves = record["curves"]
    return np.stack([curves["word_nats"], curves["word_counts"]], axis=1).astype(np.float64)


def _generator(*cells: Cell) -> np.random.Generator:
    """One a comparison, so that its interval does not depend on what else is in a table."""
    return np.random.default_rng([int(cell.key[:12], 16) for cell in cells])


def _of(row: Row) -> Comparison:
    assert row.comparison is not None
    return row.comparison


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def table_rows(answer: Answer) -> list[list[Any]]:
    """An experiment as a table under `HEADERS`; a cell without a record says "missing"."""
    rows: list[list[Any]] = []
    for row in answer.rows:
        if not row.records:
            rows.append([row.cell.label, "0", "missing", *[""] * (len(HEADERS) - 3)])
            continue
        seeds = f"{len(row.records)}" + (f", missing {', '.join(map(str, row.missing))}" if row.missing else "")
        difference = ""
        if row.comparison:
            found = row.comparison.estimate
            difference = f"{found.mean:+.3f}" + (f" ± {found.half_width:.3f}" if found.n > 1 else "")
        metrics = row.metrics
        rows.append(
            [
                row.cell.label,
                seeds,
                str(row.mean()),
                difference,
                row.verdict,
                str(row.mean("masked")),
                f"{estimate(row.values('right')).mean:.1%}",
                metrics["parameters"],
                f"{row.spent('flops') / 1e15:.3g}",
            ]
        )
    return rows


def told_guessing(answer: Answer) -> str:
    """How an experiment's cells stand to guessing pieces by frequency, in one sentence; "" where `guess` is None."""
    guess = answer.guess("word")
    if guess is None:
        return ""
    means = [mean.mean for row in answer.rows if (mean := row.mean())]
    behind, gap = sum(mean >= guess for mean in means), guess - min(means)
    return (
        f"Who reads nothing and guesses pieces by their frequency pays {guess:.3f} nats a word: {behind} of the "
        f"{len(means)} students do no better and have learned no context; the best is {abs(gap):.3f} "
        f"{'below' if gap > 0 else 'above'}."
    )


def beside_guessing(answer: Answer) -> tuple[list[str], list[list[str]]]:
    """Headers and rows: for each value of the axis what guessing pieces by frequency costs, and each line's loss."""
    lines = list(dict.fromkeys(row.cell.line for row in answer.rows))
    rows = []
    for value in dict.fromkeys(row.cell.value for row in answer.rows):
        own = {row.cell.line: row for row in answer.rows if row.cell.value == value}
        guesses = [record["metrics"]["guess"]["word"] for row in own.values() for record in row.records.values()]
        guess = f"{guesses[0]:.3f}" if guesses else "missing"
        rows.append([as_text(value), guess, *(str(own[line].mean() or "missing") for line in lines)])
    return ["guessing by frequency", *lines], rows


def table_note(answer: Answer) -> str:
    """What the numbers of the table are, for its caption."""
    m = answer.comparisons
    family = f"{100 * corrected(m):.3g} % intervals for {m} comparison{'s' * (m != 1)}"
    return (
        "Held-out -log p of whole hidden words, mean ± half of the 95 % t interval over seeds. Differences are paired "
        f"by seed, with {family}, the noise pooled over the experiment; a verdict needs the bootstrap over seeds and "
        "held-out rows as well. "
        f"{_capital(answer.told_missing)}."
    )


def told_sources(found: Iterable[Answer]) -> str:
    """What the students of these experiments read and learned from, and whether it is real."""
    records = [record for answer in found for row in answer.rows for record in row.records.values()]
    told = {f"{s['name']} ({'real' if s['real'] else 'synthetic'})" for r in records for s in r["sources"]}
    return "; ".join(sorted(told)) or "nothing yet"


def plain_table(results: Results) -> str:
    """Every experiment of the results as text."""
    parts = []
    for answer in answers(results):
        rows = [HEADERS, *([f"{v:,}" if isinstance(v, int) else v for v in row] for row in table_rows(answer))]
        head = [f"{answer.experiment.name}: {answer.experiment.question}", f"  {answer.title}"]
        parts.append("\n".join([*head, *_aligned(rows)]))
    missing = results.missing()
    told = [f"{one.name}, {cell.label}, seed {seed}" for one, cell, seed in missing]
    note = "no cell is missing" if not missing else f"{len(missing)} missing: {'; '.join(told)}"
    failed = [f"failed: {reason}" for reason in sorted(set(results.failed.values()))]
    return "\n\n".join([*parts, "\n".join([f"sweep {results.grid.sweep}: {note}", *failed])])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text with columns below each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)) for row in rows)
    return [f"  {line}".rstrip() for line in lines]
