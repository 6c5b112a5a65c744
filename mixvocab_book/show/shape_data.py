"""What is recorded of students' costs and scores, for the widget that lets the reader choose a shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mixvocab.edge.runtime import GRAPHS
from mixvocab.models.parameters import STUDENT_SHAPES, BertShape
from mixvocab.widgets.charts import specified
from mixvocab_book.show import entries, paper
from mixvocab_book.steps import peers
from mixvocab_book.store import records
from mixvocab_book.store.records import Record

WINDOW = 64  # positions that SNIPS' students keep
TASKS = {"SNIPS": ("snips", paper.SNIPS, "slot_f1"), "SST-2": ("glue/sst-2", paper.GLUE, "sst2")}
TIMED = STUDENT_SHAPES | peers.LARGE | {peers.HALF_TEACHER.name: peers.HALF_TEACHER}


@dataclass(frozen=True)
class Known:
    """Recorded costs and scores, as `mixvocab.widgets.shape` reads them, and the records they come from."""

    value: dict[str, Any]
    records: tuple[Any, ...]


def recorded() -> Known | None:
    """What the committed records hold; None where none has latencies."""
    edge = records.committed("edge")
    if not edge:
        return None
    timed, charts, trained, behind = edge[0], [], set(), []
    for name, (place, table, score) in TASKS.items():
        rows = paper.ours(table, entries.best_known(entries.recorded(place)))
        charts.append(replace(paper.size_chart(table, rows, score), name=name))
        behind += rows
        trained |= {_name(record["params"]) for row in rows for record in row.records if record["params"]["size"]}
    alone = [one for one in timed["metrics"]["latencies"] if one["threads"] == 1]
    fast = {(one["name"], one["length"]): one["fastest"] for one in alone}
    lengths = sorted({length for _, length in fast})
    times: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    for name, shape in TIMED.items():
        for numbers in peers.TIMED:
            key = f"{name}, {numbers}"
            if type(shape) is BertShape and (key, lengths[0]) in fast:  # a MobileBERT has other layers
                known = {"layers": shape.layers, "hidden": shape.hidden, "numbers": numbers}
                usual = shape.feed_forward == 4 * shape.hidden
                (times if usual else checks).append(known | {"ms": [fast[key, length] for length in lengths]})
    value = {
        "window": WINDOW,
        "outputs": len(peers.INTENTS) + len(peers.SLOTS),
        "lengths": lengths,
        "times": times,
        "checks": checks,
        "machine": timed["hardware"]["cpu"],
        "score": "slot F1",
        "rounding": _rounding(edge),
        "trained": sorted(trained),
        "charts": specified(charts),
    }
    return Known(value, (*edge, *behind))


def _name(params: Mapping[str, Any]) -> str:
    """A student's shape and vocabulary: "L-6 H-96, 5000"."""
    return f"{params['size']}, {params['vocabulary']['size']}"


def _rounding(edge: list[Record]) -> dict[str, float]:
    """By kind of numbers the points of slot F1 that they changed, of the first record that has both."""
    found: dict[str, float] = {}
    for record in edge:
        test = record["metrics"]["test"]
        exact = test[GRAPHS["fp32"]]["slot_f1"]
        for numbers in ("w8", "int8"):
            if GRAPHS[numbers] in test:
                found.setdefault(numbers, 100 * (test[GRAPHS[numbers]]["slot_f1"] - exact))
    return found
