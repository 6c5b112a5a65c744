"""Chapter 8: systems side by side, from records, and what others print for models as small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.charts import MARKS, Axis, Chart, Point, Series
from mixvocab_book.show import entries, paper, told
from mixvocab_book.show.entries import Entry
from mixvocab_book.show.plateau import off_the_plateau
from mixvocab_book.show.tables import NONE, millions, plus_minus, table, verdict
from mixvocab_book.store import records
from mixvocab_book.store.records import Record

# Heading -> the task, as `Entry` has it, and the name among its test scores.
SCORES = {
    "SNIPS slot F1": ("", "slot_f1"),
    "whole frames": ("", "frame_accuracy"),
    "SST-2": ("SST-2", "dev/accuracy"),
    "MRPC F1": ("MRPC", "test/f1"),
    "MNLI-m": ("MNLI", "m/accuracy"),
}
PRINTED = {"sst2": "SST-2", "mnli_m": "MNLI-m", "mrpc_f1": "MRPC F1", "slot_f1": "slot F1", "intent": "intents"}
COSTS = ("system", "parameters", "MB in 8 bits", "ms a query", "student's tokens", "teacher's tokens", "PFLOPs")
WORTH = ("system", "nats a word", "off the plateau after", *SCORES, "seeds")
AGAINST, SIZE = "nokd", "L-6 H-96"
SYSTEMS = "nokd pca mixed mixed-tinybert vanilla distilbert tinybert mobilebert shared-projection pkd theseus".split()
"""What the chapter compares, by method."""
GAINS = ("system", "gain: whole words", "gain: slot F1", "gain: SST-2")
AT_EQUAL_COST = ("system", "PFLOPs", "nats a word", "NoKD's after as many operations", "gain")


@dataclass(frozen=True)
class System:
    """A method's student, and the models that were fine-tuned from it."""

    student: Entry
    tasks: Mapping[str, Entry]

    @property
    def records(self) -> list[Record]:
        """Of the student and of all fine-tuned models."""
        return [record for entry in (self.student, *self.tasks.values()) for record in entry.records]

    def score(self, heading: str) -> Estimate | None:
        """In percent; None: not fine-tuned on that task, or scored otherwise, as where it is synthetic."""
        task, score = SCORES[heading]
        known = task in self.tasks and score in self.tasks[task].metrics["test"]
        return self.tasks[task].mean("test", score, factor=100) if known else None


def systems(students: Sequence[Entry], tuned: Sequence[Entry]) -> list[System]:
    """Each student with what was fine-tuned from it."""
    return [System(student, {e.task: e for e in tuned if e.model == student.model}) for student in students]


def recorded() -> list[System]:
    """The recorded students of the budget at which most of `SYSTEMS` are: same profile, text and tokens of stage II."""
    found = systems(entries.recorded("students"), [*entries.recorded("snips"), *entries.recorded("glue")])
    groups: dict[tuple[Any, ...], list[System]] = {}
    for system in found:
        model = system.student.model
        groups.setdefault((model.profile, model.corpus, model.read), []).append(system)
    return max(groups.values(), key=lambda group: sum(one.student.model.method in SYSTEMS for one in group), default=[])


def costs(found: Sequence[System]) -> list[list[Any]]:
    """A row a system under `COSTS`; milliseconds are chapter 9's, as recorded for students of that shape."""
    latencies = {name: f"{latency:.2f}" for name, latency in milliseconds(16).items()}
    return [
        [
            student.title,
            student.metrics["parameters"],
            f"{student.metrics['parameters'] / 1e6:.2f}",
            latencies.get(f"{student.model.size}, int8", NONE),
            millions(student.spent("tokens_read", "stage two")),
            millions(student.spent("tokens_read", "stage one", "teacher") or None),
            f"{student.spent('flops') / 1e15:.3g}",
        ]
        for student in (system.student for system in found)
    ]


def worth(found: Sequence[System]) -> list[list[Any]]:
    """A row a system under `WORTH`: as a language model, then on tasks."""
    return [
        [
            system.student.title,
            plus_minus(system.student.mean("heldout_word_nats"), 2),
            off_the_plateau(system.student),
            *(plus_minus(system.score(heading)) for heading in SCORES),
            len(system.student.seeds),
        ]
        for system in found
    ]


def show_systems(found: Sequence[System], about: str) -> None:
    """Display both as tables, below a caption that begins with `about`."""
    students = [system.student for system in found]
    table(COSTS, costs(found), f"{about}. What each costs before the task", records=students)
    scores = "test scores in percent, GLUE as chapter 5 reports it; means and 95% intervals over seeds"
    scores += "; M: million tokens; –: not recorded"
    table(WORTH, worth(found), f"{about}. What each is worth: {scores}", records=found)


def milliseconds(length: int) -> dict[str, float]:
    """Median milliseconds of a query of so many tokens on one thread, by model and numbers: "BERT-base, fp32".

    As chapter 9 recorded them, all on one machine, the first of those that are recorded.
    """
    latencies = measured[0]["metrics"]["latencies"] if (measured := records.committed("edge")) else []
    return {one["name"]: one["p50"] for one in latencies if (one["threads"], one["length"]) == (1, length)}


def gains(found: Sequence[System], before: Sequence[System] | None = None) -> list[list[str]]:
    """What each system gains over NoKD of the same size and budget, paired by seed, under `GAINS`.

    Where that is of one seed it says whether it agrees with what is recorded, `before`.
    """
    students = None if before is None else [system.student for system in before]
    tuned = None if before is None else [entry for system in before for entry in system.tasks.values()]
    bases = {system.student.model.size: system for system in found if system.student.model.method == AGAINST}
    rows = []
    for system in found:
        base = bases.get(system.student.model.size, system)
        nats = entries.difference(system.student, base.student, "heldout_word_nats", factor=-1)
        if nats and base is not system:
            known = entries.recorded_gain(students, system.student, base.student, "heldout_word_nats", factor=-1)
            rows.append([system.student.title, verdict(nats, "nats", 2, beside=known)])
            for task, score in (SCORES[heading] for heading in ("SNIPS slot F1", "SST-2")):
                own, other = system.tasks.get(task), base.tasks.get(task)
                gain, beside = None, None
                if own and other and score in own.metrics["test"]:
                    gain = entries.difference(own, other, "test", score, factor=100)
                    beside = entries.recorded_gain(tuned, own, other, "test", score, factor=100)
                rows[-1].append(verdict(gain, beside=beside))
    return rows


def at_equal_cost(found: Sequence[System]) -> list[list[str]]:
    """A row a system under `AT_EQUAL_COST`: beside NoKD students of the same text that cost as much.

    They are recorded at a few budgets. Between two of these the loss is taken as straight over the logarithm of the
    operations; beyond them nothing is said.
    """
    texts = {system.student.model.corpus for system in found}
    nokd = [e for e in entries.recorded("students") if e.model.method == AGAINST and e.model.corpus in texts]
    nokd = sorted((e for e in nokd if e.model.size == SIZE), key=lambda e: e.spent("flops"))
    costs, losses = [e.spent("flops") for e in nokd], [e.mean("heldout_word_nats").mean for e in nokd]
    rows = []
    for student in (system.student for system in found if system.student.model.method != AGAINST):
        cost, loss = student.spent("flops"), student.mean("heldout_word_nats").mean
        cells = [student.title, f"{cost / 1e15:.3g}", f"{loss:.2f}"]
        if costs and costs[0] <= cost <= costs[-1]:
            other = float(np.interp(math.log(cost), np.log(costs), losses))
            rows.append([*cells, f"{other:.2f}", f"{other - loss:+.2f}"])
        else:
            rows.append([*cells, NONE, NONE])
    return rows


def printed() -> list[list[Any]]:
    """A row a published model: name, parameters, scores as printed, source; smallest first."""
    return [
        [
            name,
            scores["parameters"],
            *(f"{scores[score]:.1f}" if score in scores else NONE for score in PRINTED),
            scores["source"],
        ]
        for name, _, scores in _published()
    ]


def printed_score(name: str, score: str) -> float:
    """What is printed for that model, in percent; `score` is one of the names of `PRINTED`."""
    return next(scores[score] for other, _, scores in _published() if other == name)


def size_chart(found: Sequence[System], heading: str = "SST-2", score: str = "sst2") -> Chart:
    """A score against the bytes of the weights in 8 bits: ours, and hollow what others print."""
    others = [(name, size, scores[score]) for name, size, scores in _published() if score in scores]
    ours = [(system, value) for system in found if (value := system.score(heading))]
    printed_points = tuple(Point(size / 1e6, value, label=name) for name, size, value in others)
    series = [Series("published", printed_points, 3, MARKS[0], hollow=True)]
    if ours:
        points = [entries.point(s.student.metrics["parameters"] / 1e6, value, s.student.name) for s, value in ours]
        series.append(Series("ours", tuple(points), 0, MARKS[3]))
    x = Axis("megabytes of weights in 8 bits (one byte a parameter)", "log", decimals=2)
    return Chart(_finding(ours, others, heading), x, Axis(f"{heading} (%)", decimals=1), tuple(series))


def _published() -> list[tuple[str, float, dict[str, Any]]]:
    rows = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    for row in rows.values():
        name = row.pop("paper", None)
        for there in (there for there in (paper.GLUE, paper.SNIPS) if name in there.rows):
            scores = there.published[name].scores
            row |= {"parameters": there.rows[name][0]} | {key: scores[key].mean for key in PRINTED if key in scores}
    sized = [(name, 1e6 * float(row["parameters"].removesuffix("M")), row) for name, row in rows.items()]
    return sorted(sized, key=lambda row: row[1])


def _finding(ours: Sequence[tuple[System, Estimate]], others: Sequence[tuple[str, float, float]], heading: str) -> str:
    """Our best beside the best that others print for a model no larger."""
    if not ours:
        return told.NONE_OF_OURS.format(score=heading)
    system, value = max(ours, key=lambda pair: pair[1].mean)
    size = system.student.metrics["parameters"]
    name, _, best = max((row for row in others if row[1] <= size), key=lambda row: row[2], default=("", 0, 0.0))
    form = told.OURS_BESIDE if name else told.OURS
    ours_is = {"name": system.student.name, "score": heading, "value": value.mean, "megabytes": size / 1e6}
    return form.format(**ours_is, other=name, best=best)
