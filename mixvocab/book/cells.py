"""What a sweep consists of: cells, each one student; experiments that compare them; the grid of one sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mixvocab.book.profiles import Profile

SECTIONS = ("corpus", "vocabulary", "teacher", "student", "mixing", "stage_one", "stage_two")
_UNUSED = {"vocabulary": {"sizes"}}  # by no cell
_STAGE_ONE_MIXING = ("p_sv", "unit", "max_teacher_masks")  # used by stage I alone
MIXED, WITHOUT_STAGE_ONE = "mixed", ("nokd", "wide")  # methods of `mixvocab.book.cell_steps`


@dataclass(frozen=True)
class Cell:
    """One student to be trained, whatever the seed."""

    label: str  # unique in its experiment
    line: str  # of several lines over one axis; "" if there is one
    value: Any  # on the axis; None without one
    method: str
    settings: Mapping[str, Any] = field(hash=False)  # what is not as in the profile, by dotted name
    profile: Profile = field(hash=False, repr=False)

    @cached_property
    def key(self) -> str:
        """Fingerprint of all settings that the result depends on: cells with the same one are the same student."""
        return fingerprint({"method": self.method} | decisive(self.method, self.profile))


@dataclass(frozen=True)
class Experiment:
    """One question with the cells that answer it."""

    name: str
    question: str
    paper: str | None  # what it says
    axis: tuple[str, ...]  # settings that are varied together; empty for named cells
    axis_label: str
    cells: tuple[Cell, ...]
    baseline: Any
    settle: str | None = None  # what it would take to know

    def baseline_of(self, cell: Cell) -> Cell | None:
        """The cell that this one is compared with; None for a baseline itself, or if it is not among the cells."""
        wanted = as_text(self.baseline)
        if any(other.line == wanted for other in self.cells if other.line):
            found = [c for c in self.cells if c.line == wanted and c.value == cell.value]
        elif self.axis:
            found = [c for c in self.cells if c.line == cell.line and as_text(c.value) == wanted]
        else:
            found = [c for c in self.cells if c.label == wanted]
        return found[0] if found and found[0] is not cell else None


@dataclass(frozen=True)
class Grid:
    """The experiments of one sweep at one profile."""

    sweep: str
    seeds: int
    experiments: tuple[Experiment, ...]

    def cells(self) -> list[Cell]:
        """Every different student once, in the order of the file."""
        found: dict[str, Cell] = {}
        for one in self.experiments:
            for cell in one.cells:
                found.setdefault(cell.key, cell)
        return list(found.values())


def decisive(method: str, profile: Profile) -> dict[str, Any]:
    """The settings that the result of a method depends on, by section.

    Values that are the library's defaults are left out, so that a setting added later does not make an older
    record another cell.
    """
    tree = profile.model_dump(mode="json", include=set(SECTIONS), exclude_defaults=True)
    tree = {name: {k: v for k, v in part.items() if k not in _UNUSED.get(name, ())} for name, part in tree.items()}
    first, without = profile.stage_one, method in WITHOUT_STAGE_ONE
    if without:
        tree.pop("stage_one", None)
    elif method == MIXED:
        unused = {"weighting"} if first.start == "random" else set()
        if not first.steps:
            unused |= set(tree["stage_one"]) - {"steps", "start", "start_std", "weighting"}
        tree["stage_one"] = {k: v for k, v in tree["stage_one"].items() if k not in unused}
    if without or (method == MIXED and not first.steps):
        tree["mixing"] = {k: v for k, v in tree.get("mixing", {}).items() if k not in _STAGE_ONE_MIXING}
    return {name: part for name, part in tree.items() if part}


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def as_text(value: Any) -> str:
    """A value as it is written in YAML."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
