"""Which rows of a task train, which choose, which report: decided once, the same for every method and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.sources.rows import GlueData, GlueRow, SnipsData

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

    GLUE hides the labels of most test sets. Where the data has a labelled one (MRPC), its development set chooses
    and the test set reports. Elsewhere the development sets take the test set's place, and what chooses is a part
    of the training rows, 5 % of them or 1,000, which no model is trained on.

    With a `limit`, so many rows train, stratified by label; a greater subset contains the smaller ones.
    Raises UserError if no training rows are left.
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
