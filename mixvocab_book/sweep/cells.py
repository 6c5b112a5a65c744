"""What a sweep consists of: cells, each one student; experiments that compare them; the grid of one sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import Profile
from mixvocab_book.steps.students import student_step


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
        """Fingerprint of what is asked for, seed and data apart: cells with the same one are the same student."""
        return student_step(Plan(self.profile), self.method, 0).asked


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


def as_text(value: Any) -> str:
    """A value as it is written in YAML."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
