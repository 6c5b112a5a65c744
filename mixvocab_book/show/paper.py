"""The paper's tables 1 and 2 as printed, and ours beside them: in lines of a table, and as score against parameters.

What the paper measured and what was measured here are never mixed. The paper's students come from BERT-large on
Wikipedia and BooksCorpus after 800,000 steps of 2,048 sequences: a gap between the two is not a verdict on either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel

from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab.widgets.charts import Axis, Chart, Mark, Series
from mixvocab_book.show import told
from mixvocab_book.show.entries import Entry, point
from mixvocab_book.show.tables import NONE, millions, plus_minus
from mixvocab_book.store.records import Record

# What a model's name begins with, in small letters: the family's name and mark, in the order of the palette.
FAMILIES: dict[str, tuple[str, Mark]] = {
    "mixed-vocab": ("mixed-vocab", "diamond"),
    "nokd": ("no distillation", "square"),
    "pca": ("copied by PCA", "triangle"),
    "": ("other models", "circle"),
}
STARTED = ("mixed-vocab", "pca")  # families of students that start from the teacher
_TICKS = tuple((factor * 10.0**power, f"{factor * 10**power / 1e6:g}M") for power in range(6, 10) for factor in (1, 3))


@dataclass(frozen=True)
class Row:
    """A model of the paper or of ours."""

    name: str
    parameters: float
    scores: dict[str, Estimate]  # percent, over seeds; of one value where it is printed
    entries: tuple[Entry, ...] = ()  # of ours: what was measured, one a task

    @property
    def family(self) -> str:
        return next(family for family in FAMILIES if self.name.lower().startswith(family))

    @property
    def records(self) -> list[Record]:
        return [record for entry in self.entries for record in entry.records]


class PaperTable(BaseModel):
    """One of the paper's tables; `paper.yaml` says what its fields are."""

    scores: dict[str, str]
    ours: dict[str, tuple[str, str]]
    averaged: tuple[str, ...] = ()
    beside: dict[str, str]
    rows: dict[str, tuple[str | float | None, ...]]

    @property
    def published(self) -> dict[str, Row]:
        """The printed rows by name, without the scores for which a dash is printed."""
        return {
            name: Row(
                name,
                1e6 * float(str(size).removesuffix("M")),
                {key: estimate([float(v)]) for key, v in zip(self.scores, values, strict=True) if v is not None},
            )
            for name, (size, *values) in self.rows.items()
        }

    def twin(self, row: Row) -> str:
        """The name of the printed row that one of ours stands beside; "" if there is none."""
        model = row.entries[0].model
        name = self.beside.get(model.method, "").format(size=model.size)
        return name if name in self.rows else ""


_TABLES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
GLUE, SNIPS = (PaperTable.model_validate(_TABLES[name]) for name in ("glue", "snips"))


def ours(table: PaperTable, entries: Sequence[Entry]) -> list[Row]:
    """Entries (of `best_known`) as rows: one a method and size, where one of the table's scores is known.

    The average needs all that the paper's is of, and is over the seeds that all of them have.
    """
    rows = []
    for model in dict.fromkeys(entry.model for entry in entries):
        tasks = {entry.task: entry for entry in entries if entry.model == model}
        by_seed = {
            key: dict(zip(tasks[task].seeds, tasks[task].values("test", score), strict=True))
            for key, (task, score) in table.ours.items()
            if task in tasks and score in tasks[task].metrics["test"]
        }
        parts = [by_seed.get(key, {}) for key in table.averaged]
        if parts and (shared := sorted(set.intersection(*map(set, parts)))):
            by_seed["average"] = {seed: sum(part[seed] for part in parts) / len(parts) for seed in shared}
        scores = {key: estimate([100 * value for value in values.values()]) for key, values in by_seed.items()}
        first, *_ = known = tuple(tasks.values())
        rows.append(Row(first.title, first.metrics["parameters"], scores, known))
    return [row for row in rows if row.scores]


def side_by_side(table: PaperTable, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Headers and rows: each published model, below it those of ours that stand beside it, and then the others of ours.

    A score that none of ours has is left out, where there are any of ours.
    The last column is of ours alone.
    """
    known = [key for key in table.scores if not rows or any(key in row.scores for row in rows)]
    headers = ["model", "parameters", *(table.scores[key] for key in known), "tokens read"]
    cells = []
    for name, published in table.published.items():
        cells.append([name, str(table.rows[name][0]), *_scores(known, published), NONE])
        cells += [_own(known, row) for row in rows if table.twin(row) == name]
    return headers, [*cells, *(_own(known, row) for row in rows if not table.twin(row))]


def _own(known: Sequence[str], row: Row) -> list[str]:
    entry = row.entries[0]
    return [f"ours: {row.name}", millions(row.parameters), *_scores(known, row), millions(entry.tokens)]


def _scores(known: Sequence[str], row: Row) -> list[str]:
    return [plus_minus(row.scores.get(key)) for key in known]


def size_chart(table: PaperTable, rows: Sequence[Row], score: str) -> Chart:
    """A score against parameters, a series for each family, published and ours; intervals of 95% over seeds."""
    series = []
    for colour, (family, (name, mark)) in enumerate(FAMILIES.items()):
        for whose, models in (("published", table.published.values()), ("ours", rows)):
            drawn = [row for row in models if row.family == family and score in row.scores]
            # Mark and colour tell the family.
            points = tuple(point(r.parameters, r.scores[score], r.name[len(family) :].strip(", ")) for r in drawn)
            if points:
                series.append(Series(f"{name}, {whose}", points, colour, mark, hollow=whose == "published"))
    x = Axis("parameters", "log", ticks=_TICKS, decimals=0)
    return Chart(_finding(table, rows, score), x, Axis(f"{table.scores[score]} (%)", decimals=1), tuple(series))


def _finding(table: PaperTable, rows: Sequence[Row], score: str) -> str:
    """The best student, ours if there is one, beside the largest model of the paper, in two lines."""
    published, own = ([row for row in group if score in row.scores] for group in (table.published.values(), rows))
    best = max(own or published, key=lambda row: (row.family in STARTED, row.scores[score].mean))
    largest = max(published, key=lambda row: row.parameters)
    share, times = best.scores[score].mean / largest.scores[score].mean, largest.parameters / best.parameters
    name = f"Ours, {best.name}" if own else best.name
    names = {"name": name, "share": f"{share:.0%}", "largest": largest.name, "score": table.scores[score]}
    return told.PARAMETERS(times - 1 if times > 1 else 1 - 1 / times, times=times, **names)
