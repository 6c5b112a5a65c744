"""Records as rows of tables and lines of charts: one entry a model, over its seeds.

This run's records and the committed ones look alike and are never mixed in one entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import chain, groupby, product
from math import log
from operator import attrgetter
from pathlib import Path
from typing import Any

from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab.widgets.charts import Point
from mixvocab_book.show.tables import NONE, Finding, millions, plus_minus, short_verdict, verdict
from mixvocab_book.steps.tasks import BASELINES, BERT_JOINT, method_title, titles
from mixvocab_book.store import records
from mixvocab_book.store.records import OverSeeds, Record

NOKD = ("nokd", "nokd-wide", "nokd-matched")
LEFT_OUT = ("/score", "_strict", "_precision", "_recall")
"""Ends of names of scores that no table needs: the mean of two metrics is for choosing, the others make slot F1."""


@dataclass(frozen=True, order=True)
class Model:
    """A model, whatever its seed."""

    method: str
    size: str = ""  # "L-6 H-96"; "" for what is no student
    profile: str = ""
    read: int = 0  # tokens of stage II that its settings ask for
    corpus: str = ""  # sha256 of its text

    @property
    def budget(self) -> Model:
        """All but the method."""
        return replace(self, method="")

    @property
    def asked(self) -> str:
        """The tokens of stage II that were asked for: "10M"; with a decimal below one million."""
        return f"{self.read / 1e6:.{0 if self.read >= 1e6 else 1}f}M"


@dataclass(frozen=True)
class Entry(OverSeeds):
    """One model over its seeds."""

    task: str  # of GLUE; "" for SNIPS and for students before fine-tuning
    model: Model

    @property
    def name(self) -> str:
        """The method, where all have one size."""
        return method_title(self.model.method, self.task)

    @property
    def title(self) -> str:
        return f"{self.name} {self.model.size}".strip()

    @property
    def scores(self) -> list[str]:
        """The scores that are reported."""
        return [name for name in self.metrics["test"] if not name.endswith(LEFT_OUT)]

    @property
    def tokens(self) -> float | None:
        """Tokens read in both stages, mean over seeds; None for the teacher, of which it is not known."""
        if self.model.method == BERT_JOINT:
            return None
        return sum(self.mean(f"stage_{stage}_tokens").mean for stage in ("one", "two"))

    def over(self, score: str, baseline: str = "bag_of_words") -> Estimate:
        """Points above a baseline that had the same rows; negative where it is the better."""
        floor = self.metrics["baselines"][baseline][score]
        return estimate([100 * (value - floor) for value in self.values("test", score)])


def grouped(found: Iterable[Record]) -> list[Entry]:
    """Entries of records, by task, then by method in the order of `titles`, size, profile and text read."""
    by_seed = sorted(found, key=lambda record: record["seed"])
    groups = groupby(sorted(by_seed, key=_task_and_model), key=_task_and_model)
    return sorted((Entry(tuple(group), *key) for key, group in groups), key=_order)


def live(paths: Iterable[Path]) -> list[Entry]:
    """The entries of records that this run has written."""
    return grouped([records.read(path) for path in paths])


def recorded(place: str) -> list[Entry]:
    """The entries of the committed records below a place, of runs on real data."""
    return grouped(on_real_data(records.committed(place)))


def on_real_data(found: Iterable[Record]) -> list[Record]:
    """The records of which every source was real."""
    return [record for record in found if all(source["real"] for source in record["sources"])]


def best_known(*runs: Iterable[Entry]) -> list[Entry]:
    """Of each method and size the entries of one model, so that no row of a table mixes two.

    It is the model with most tasks, then with most seeds, then that has read most; of equals the one of the first
    run: give this run before the recorded ones.
    """
    model = attrgetter("model")
    models = [list(known) for run in reversed(runs) for _, known in groupby(sorted(run, key=model), key=model)]
    models.sort(key=lambda known: (len(known), min(len(e.seeds) for e in known), known[0].model.read))
    best = {(known[0].model.method, known[0].model.size): known for known in models}
    return sorted((entry for known in best.values() for entry in known), key=_order)


def by_budget(entries: Sequence[Entry]) -> dict[Model, list[Entry]]:
    """Entries by all but the method: what may stand in one table. The keys' method is ""."""
    budget = attrgetter("model.budget")
    return {key: list(group) for key, group in groupby(sorted(entries, key=budget), key=budget)}


def twins(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Every student that had a teacher, with each NoKD that has the rest in common with it, and a seed."""
    return [
        (taught, other)
        for taught, other in product(entries, repeat=2)
        if taught.model.size and taught.model.method not in NOKD and other.model.method in NOKD
        if taught.task == other.task and taught.model.budget == other.model.budget
        if set(taught.seeds) & set(other.seeds)
    ]


def twin_rows(entries: Sequence[Entry], run: str, before: Sequence[Entry] | None = None) -> list[list[str]]:
    """A row a score of each pair of twins: who, in which run, which score, and what may be said of the gain.

    Where that is of one seed it says whether it agrees with what is recorded, `before`.
    """
    return [
        [
            f"{taught.title} against {other.title}",
            f"{run}, {taught.model.asked} tokens",
            f"{taught.task} {score_title(score)}".strip(),
            verdict(
                difference(taught, other, "test", score, factor=100),
                beside=recorded_gain(before, taught, other, "test", score, factor=100),
            ),
        ]
        for taught, other in twins(entries)
        for score in taught.scores
    ]


def recorded_gain(
    before: Sequence[Entry] | None, first: Entry, second: Entry, *path: str, factor: float = 1.0
) -> Finding | None:
    """First minus second as it is recorded of the same methods, task and size, at the budget nearest to `first`'s.

    None where `before` is None: these entries are the records themselves.
    """
    if before is None:
        return None

    def like(entry: Entry) -> list[Entry]:
        return [
            other
            for other in before
            if (other.task, other.model.method, other.model.size) == (entry.task, entry.model.method, entry.model.size)
        ]

    pairs = [(a, b) for a, b in product(like(first), like(second)) if a.model.budget == b.model.budget]
    pairs = [(a, b) for a, b in pairs if set(a.seeds) & set(b.seeds)]
    if not pairs:
        return Finding(None, "")
    # On a logarithmic scale; of equals the one with more seeds.
    a, b = min(pairs, key=lambda ab: (abs(log(max(ab[0].model.read, 1) / max(first.model.read, 1))), -len(ab[0].seeds)))
    try:
        gain = difference(a, b, *path, factor=factor)
    except KeyError:  # another set of scores
        return Finding(None, "")
    return Finding(gain, f"over {gain.n if gain else 0} seeds of {a.model.asked} tokens")


@dataclass(frozen=True)
class TaskTable:
    """The students of a task that had the same training rows, below the trivial guesses that had them, too."""

    students: list[Entry]

    @property
    def caption(self) -> str:
        first = self.students[0]
        used, there = (first.metrics[f"training_rows{which}"] for which in ("", "_available"))
        rows = f"{used:,}" if used == there else f"{used:,} of {there:,}"
        return f"{first.task}, {rows} training rows: percent, mean and 95% interval over seeds"

    @property
    def headers(self) -> list[str]:
        scores = [[score_title(score), "over the bag of words"] for score in self.students[0].scores]
        return ["model", "tokens read", "seeds", *chain(*scores)]

    def rows(self) -> list[list[str]]:
        guesses = self.students[0].metrics["baselines"]
        scores = self.students[0].scores
        lines = [
            [title, NONE, NONE, *chain(*([f"{100 * guesses[name][score]:.1f}", ""] for score in scores))]
            for name, title in BASELINES.items()
        ]
        for one in self.students:
            cells = [[plus_minus(one.mean("test", s, factor=100)), short_verdict(one.over(s))] for s in scores]
            lines.append([one.title, millions(one.tokens), str(len(one.seeds)), *chain(*cells)])
        return lines


def task_tables(found: Sequence[Entry]) -> list[TaskTable]:
    """Entries of GLUE by task and training rows."""
    same: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in found:
        same.setdefault((entry.task, entry.metrics["training_rows"], *entry.scores), []).append(entry)
    return [TaskTable(group) for group in same.values()]


def twin_table(found: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """Headers and rows: each pair of twins with its gains, a column a score."""
    pairs: dict[tuple[Model, Model], dict[str, str]] = {}
    for taught, other in twins(found):
        cells = pairs.setdefault((taught.model, other.model), {})
        for score in taught.scores:
            gain = difference(taught, other, "test", score, factor=100)
            cells[f"{taught.task} {score_title(score)}".strip()] = short_verdict(gain)
    scores = list(dict.fromkeys(chain(*pairs.values())))
    rows = [
        [
            f"{titles()[taught.method]} against {titles()[other.method]}, {taught.size}",
            taught.asked,
            *(cells.get(score, NONE) for score in scores),
        ]
        for (taught, other), cells in pairs.items()
    ]
    return ["twins", "tokens of stage II", *scores], rows


def point(x: float, mean: Estimate, label: str = "") -> Point:
    """A mean in a chart, with its interval from three seeds on: that of two is some 13 standard errors wide."""
    low, high = (mean.low, mean.high) if mean.n > 2 else (None, None)
    return Point(x, mean.mean, low, high, label)


def difference(first: Entry, second: Entry, *path: str, factor: float = 1.0) -> Estimate | None:
    """First minus second in a number among their metrics, times `factor`, over the seeds that both have; None: none."""
    own, other = (dict(zip(entry.seeds, entry.values(*path), strict=True)) for entry in (first, second))
    shared = sorted(set(own) & set(other))
    return estimate([factor * own[seed] - factor * other[seed] for seed in shared]) if shared else None


def course(of_seeds: Iterable[Record]) -> list[tuple[dict[str, float], Estimate]]:
    """Evaluations of stage II after the first, which is before training: a seed's point, mean loss behind [MASK]."""
    evaluations = zip(*(record["curves"]["stage_two"] for record in of_seeds), strict=True)
    return [(points[0], estimate([point["masked"] for point in points])) for points in evaluations][1:]


def score_title(score: str) -> str:
    """A score's name for readers: "m/accuracy" is "m accuracy"."""
    return score.replace("/", " ").replace("_", " ").replace("f1", "F1")


def _task_and_model(record: Record) -> tuple[str, Model]:
    params, model = record["params"], Model(record["params"]["method"], profile=record["profile"])
    if params["size"]:
        corpus = next(source["sha256"] for source in record["sources"] if source["kind"] == "corpus")
        model = replace(model, size=params["size"], read=records.tokens_asked(params), corpus=corpus)
    return params.get("task", ""), model


def _order(entry: Entry) -> tuple[Any, ...]:
    method, size, *rest = astuple(entry.model)
    return entry.task, list(titles()).index(method), len(size), size, *rest
