"""How predictions are scored: GLUE's official metrics, and intents with slots. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import f1_score as slot_f1
from seqeval.metrics import precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from mixvocab.common.errors import UserError
from mixvocab.sources import glue
from mixvocab.sources.rows import SnipsRow

Label = str | float

# By GLUE's name of the task; the others have accuracy alone.
_F1 = ["f1", "accuracy"]
METRICS = {"CoLA": ["matthews"], "MRPC": _F1, "QQP": _F1, "STS-B": ["pearson", "spearman"]}
# What the class that F1 asks about is called in GLUE's files and on the hub.
POSITIVE = {"1", "equivalent", "duplicate"}


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

    `slot_f1`, `slot_precision` and `slot_recall` are over whole slots as conlleval counts them, and with it the
    code published for SNIPS (Goo et al. 2018, Qin et al. 2019): an I- tag that continues nothing begins a slot.
    `slot_f1_strict` is seqeval's strict IOB2, in which it begins none, so that a wrong tag may go unpunished.
    `frame_accuracy` asks for the intent and all tags of an utterance; one that did not fit into the window is
    never right.
    """
    gold, predicted = [list(row.slots) for row in rows], [list(p.slots) for p in predictions]
    intents = [row.intent == p.intent for row, p in zip(rows, predictions, strict=True)]
    slots = [row.slots == p.slots and p.complete for row, p in zip(rows, predictions, strict=True)]
    return {
        "intent_accuracy": float(np.mean(intents)),
        "slot_f1": float(slot_f1(gold, predicted, zero_division=0)),
        "slot_precision": float(precision_score(gold, predicted, zero_division=0)),
        "slot_recall": float(recall_score(gold, predicted, zero_division=0)),
        "slot_f1_strict": float(slot_f1(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)),
        "frame_accuracy": float(np.mean(np.logical_and(intents, slots))),
    }
