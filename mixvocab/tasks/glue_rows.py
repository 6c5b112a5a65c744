"""Which rows of a GLUE task train, which choose, which report: decided once, the same for every method and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.sources.rows import GlueData, GlueRow

HELD_SHARE = 0.05
HELD_MOST = 1000


@dataclass(frozen=True)
class Roles:
    """The rows of each role. No row has two."""

    train: list[GlueRow]
    choose: list[GlueRow]  # development: choose the moment to stop and every setting
    report: dict[str, list[GlueRow]]  # scored once, after all choices
    available: int  # training rows that the task has, of which `train` may be a part
    about: str  # in words, for tables


def roles(data: GlueData, rows: int | None = None, seed: int = 0) -> Roles:
    """Development data chooses, test data reports.

    GLUE hides the labels of most test sets. Where the data has a labelled one (MRPC), its development set chooses
    and the test set reports. Elsewhere the development sets take the test set's place, and what chooses is a part
    of the training rows, 5 % of them or 1,000, which no model is trained on.

    Args:
        rows: at most so many training rows, stratified by label; None: all.
        seed: of what is held out and of the subset; with a greater `rows`, a subset contains the smaller ones.

    Raises:
        UserError: if `rows` is no positive number or too few training rows are left.
    """
    if rows is not None and rows < 1:
        raise UserError(f"{data.task}: rows={rows} should be at least 1, or none at all for every training row")
    train = data.splits["train"]
    order = stratified_order(train, seed)
    tests = {name: split for name, split in data.splits.items() if name.startswith("test") and _labelled(split)}
    if tests:
        chooser = data.development[0]
        choose, report, left = data.splits[chooser], tests, order
        about = f"chosen on {chooser}, reported on {', '.join(tests)}"
    else:
        held = min(HELD_MOST, round(HELD_SHARE * len(train))) or 1
        choose, left = [train[i] for i in order[:held]], order[held:]
        report = {name: data.splits[name] for name in data.development}
        about = f"chosen on {held:,} held-out training rows, reported on {', '.join(report)}"
    if not len(left):
        raise UserError(f"{data.task}: {len(train)} training row(s) leave none to train on; give more")
    return Roles([train[i] for i in left[:rows]], choose, report, len(left), about)


def stratified_order(rows: Sequence[GlueRow], seed: int) -> np.ndarray:
    """An order (N,) of rows in which every beginning has the labels in the shares of the whole."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(str(row.label) if isinstance(row.label, str) else "", []).append(i)
    place = np.empty(len(rows))
    for _, members in sorted(groups.items()):
        place[rng.permutation(members)] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(place, kind="stable")


def _labelled(rows: Sequence[GlueRow]) -> bool:
    return all(row.label is not None for row in rows)
