"""How a task is judged: which rows train, choose and report, the same for all models, and how answers are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as slot_f1
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from mixvocab.common.errors import UserError
from mixvocab.sources import glue
from mixvocab.sources.rows import GlueData, GlueRow, SnipsData, SnipsRow

Label = str | float

# By GLUE's name of the task; the others have accuracy alone.
_F1 = ["f1", "accuracy"]
METRICS = {"CoLA": ["matthews"], "MRPC": _F1, "QQP": _F1, "STS-B": ["pearson", "spearman"]}
# What the class that F1 asks about is called in GLUE's files and on the hub.
POSITIVE = {"1", "equivalent", "duplicate"}

# Training rows of GLUE that choose where no test set is labelled.
HELD_SHARE = 0.05
HELD_MOST = 1000


@dataclass(frozen=True)
class Roles:
    """The rows of each role. No row has two."""

    train: list[Any]
    choose: list[Any]  # the moment to stop and every setting
    report: dict[str, list[Any]]  # scored once, after all choices
    available: int  # training rows that the task has, of which `train` may be a part
    about: str  # in words, for tables


def snips_roles(data: SnipsData, limit: int | None = None) -> Roles:
    """ "valid" chooses and "test" reports; with a `limit`, a random subset of so many rows trains."""
    train = data.splits["train"]
    chosen = sorted(np.random.default_rng(0).permutation(len(train))[:limit])
    about = "chosen on valid, reported on test"
    return Roles([train[i] for i in chosen], data.splits["valid"], {"test": data.splits["test"]}, len(train), about)


def glue_roles(data: GlueData, limit: int | None = None) -> Roles:
    """Development data chooses, test data reports.

    GLUE hides the labels of most test sets. Where there is none with labels (all but MRPC), development sets report,
    and a part of the training rows chooses, 5% of them or 1,000, on which no model is trained. With a `limit`, so many
    rows train, stratified by label; a greater subset contains the smaller ones. Raises UserError if none is left.
    """
    train = data.splits["train"]
    order = stratified_order(train)
    labelled = {name: rows for name, rows in data.splits.items() if all(row.label is not None for row in rows)}
    if tests := {name: rows for name, rows in labelled.items() if name.startswith("test")}:
        chooser = data.development[0]
        choose, report = data.splits[chooser], tests
        about = f"chosen on {chooser}, reported on {', '.join(tests)}"
    else:
        held = min(HELD_MOST, round(HELD_SHARE * len(train))) or 1
        choose, order = [train[i] for i in order[:held]], order[held:]
        report = {name: data.splits[name] for name in data.development}
        about = f"chosen on {held:,} held-out training rows, reported on {', '.join(report)}"
    if not len(order):
        raise UserError(f"{data.task}: {len(train)} training row(s) leave none to train on; give more")
    return Roles([train[i] for i in order[:limit]], choose, report, len(order), about)


def stratified_order(rows: Sequence[GlueRow]) -> np.ndarray:
    """An order (N,) of rows in which every beginning has the labels in the shares of the whole."""
    rng = np.random.default_rng(0)
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row.label if isinstance(row.label, str) else "", []).append(i)
    place = np.empty(len(rows))
    for _, members in sorted(groups.items()):
        place[rng.permutation(members)] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(place, kind="stable")


def metrics(task: str) -> list[str]:
    """The official metrics of a task, by its name in any spelling. Raises UserError for an unknown one."""
    return METRICS.get(glue.layout(task).folder, ["accuracy"])


def glue_scores(
    task: str, gold: Sequence[Label | None], predicted: Sequence[Label], labels: Sequence[str]
) -> dict[str, float]:
    """The task's metrics and their mean under "score", which is how GLUE counts a task of two metrics.

    Shares in 0..1, correlations in -1..1. `labels` are the names that the data has (none for a regression); they
    decide which class F1 is about, so that a sample without that class is still scored right. A constant prediction
    correlates with nothing: 0. Raises UserError for an unknown task, and for labels that F1 cannot read.
    """
    values = {name: float(_metric(name, gold, predicted, labels)) for name in metrics(task)}
    return values | {"score": sum(values.values()) / len(values)}


def _metric(name: str, gold: Sequence[Label | None], predicted: Sequence[Label], labels: Sequence[str]) -> float:
    if name == "accuracy":
        return accuracy_score(gold, predicted)
    if name == "matthews":
        return matthews_corrcoef(gold, predicted)
    if name == "f1":
        positive = POSITIVE.intersection(labels)
        if len(labels) != 2 or len(positive) != 1:
            raise UserError(f"labels {', '.join(labels)}: F1 needs two; rename one to {' or '.join(sorted(POSITIVE))}")
        return f1_score(gold, predicted, pos_label=positive.pop(), zero_division=0.0)
    if len(set(gold)) == 1 or len(set(predicted)) == 1:
        return 0.0
    return (pearsonr if name == "pearson" else spearmanr)(gold, predicted).statistic


@dataclass(frozen=True)
class Prediction:
    """What a model says of one utterance."""

    intent: str
    slots: tuple[str, ...]  # a tag for every word; "O" for words that did not fit into the window
    complete: bool = True  # whether all words fitted


def joint_scores(rows: Sequence[SnipsRow], predictions: Sequence[Prediction]) -> dict[str, float]:
    """Scores in 0..1 of predictions in the order of their rows. A label that training never saw is an error.

    `slot_f1`, `slot_precision` and `slot_recall` are over whole slots as conlleval counts them, and with it the code
    published for SNIPS (Goo et al. 2018, Qin et al. 2019): an I- tag that continues nothing begins a slot. It begins
    none for `slot_f1_strict`, seqeval's strict IOB2, so that a wrong tag may go unpunished. Where there is no
    slot, and none is predicted, they are 1. `frame_accuracy` asks for the intent and all tags of an utterance that
    fitted into the window.
    """
    gold, predicted = [list(row.slots) for row in rows], [list(p.slots) for p in predictions]
    intents = [row.intent == p.intent for row, p in zip(rows, predictions, strict=True)]
    slots = [row.slots == p.slots and p.complete for row, p in zip(rows, predictions, strict=True)]
    empty = float({*chain(*gold, *predicted)} <= {"O"})  # what the scores are then
    precision, recall, f1, _ = precision_recall_fscore_support(gold, predicted, average="micro", zero_division=empty)
    return {
        "intent_accuracy": float(np.mean(intents)),
        "slot_f1": float(f1),
        "slot_precision": float(precision),
        "slot_recall": float(recall),
        "slot_f1_strict": float(slot_f1(gold, predicted, mode="strict", scheme=IOB2, zero_division=empty)),
        "frame_accuracy": float(np.mean(np.logical_and(intents, slots))),
    }
