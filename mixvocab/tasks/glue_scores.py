"""GLUE's official metrics, task by task, through scikit-learn and scipy. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.sources import glue

Label = str | float

METRICS: dict[str, tuple[str, ...]] = {
    "CoLA": ("matthews",),
    "SST-2": ("accuracy",),
    "MRPC": ("f1", "accuracy"),
    "QQP": ("f1", "accuracy"),
    "STS-B": ("pearson", "spearman"),
    "MNLI": ("accuracy",),
    "QNLI": ("accuracy",),
    "RTE": ("accuracy",),
    "WNLI": ("accuracy",),
}
"""By GLUE's name of the task. MNLI has one accuracy a development set: m, mm, and mm-hard under its own name."""

CHOOSE_BY = "score"
"""What chooses and what averages use: the mean of a task's metrics, which is how GLUE itself counts a task."""

POSITIVE = frozenset({"1", "equivalent", "duplicate"})
"""What the class that F1 asks about is called in GLUE's files and on the hub."""


def metrics(task: str) -> tuple[str, ...]:
    """The official metrics of a task, by its name in any spelling. Raises UserError for an unknown one."""
    return METRICS[glue.layout(task).folder]


def positive_label(labels: Sequence[str]) -> str:
    """Which of two labels F1 is about. Raises UserError where the names do not say so."""
    positive = [label for label in labels if label in POSITIVE]
    if len(labels) != 2 or len(positive) != 1:
        raise UserError(
            f"labels {', '.join(labels) or '(none)'}: F1 needs two labels, and one of them called "
            f"{', '.join(sorted(POSITIVE))}; rename them in the data"
        )
    return positive[0]


def glue_scores(
    task: str, gold: Sequence[Label | None], predicted: Sequence[Label], labels: Sequence[str]
) -> dict[str, float]:
    """The task's metrics and their mean under "score": shares in 0..1, correlations in -1..1.

    `labels` are the names that the data has (none for a regression); they decide which class F1 is about, so that
    a sample without that class is still scored right. A constant prediction correlates with nothing: 0.
    Raises UserError for an unknown task, nothing to score, or a gold label that is hidden.
    """
    names = metrics(task)
    if not len(gold) or len(gold) != len(predicted):
        raise UserError(f"{task}: {len(gold)} examples and {len(predicted)} predictions cannot be scored")
    if any(label is None for label in gold):
        raise UserError(f"{task}: these rows hide their labels; score a development set")
    values = {name: _metric(name, gold, predicted, labels) for name in names}
    return values | {CHOOSE_BY: sum(values.values()) / len(values)}


def _metric(name: str, gold: Sequence[Label | None], predicted: Sequence[Label], labels: Sequence[str]) -> float:
    from sklearn import metrics as sk

    if name == "accuracy":
        return float(sk.accuracy_score(gold, predicted))
    if name == "matthews":
        return float(sk.matthews_corrcoef(gold, predicted))
    if name == "f1":
        return float(sk.f1_score(gold, predicted, pos_label=positive_label(labels), zero_division=0.0))
    return _correlation(name, np.asarray(gold, dtype=float), np.asarray(predicted, dtype=float))


def _correlation(name: str, gold: np.ndarray, predicted: np.ndarray) -> float:
    from scipy import stats

    if not (np.isfinite(gold).all() and np.isfinite(predicted).all()):
        raise UserError(f"{name} correlation: a score is not a finite number")
    if np.ptp(gold) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float((stats.pearsonr if name == "pearson" else stats.spearmanr)(gold, predicted).statistic)
