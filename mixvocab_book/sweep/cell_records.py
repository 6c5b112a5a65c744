"""The records of cells: their names, when one counts as a cell's, what is in them, and those of a whole grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixvocab.common.fingerprint import code_fingerprint
from mixvocab.distill.steps import StudentStep
from mixvocab_book.steps import students
from mixvocab_book.store import records
from mixvocab_book.sweep.cells import Cell, Experiment, Grid

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

PREFIX = "ablation-"

Record = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A cell with a seed and the data that it reads: one record."""

    cell: Cell
    seed: int
    step: StudentStep  # of that seed

    @property
    def key(self) -> tuple[str, int]:
        """What tells it apart in one sweep."""
        return self.cell.key, self.seed

    @property
    def identity(self) -> str:
        """Fingerprint of settings and data."""
        return self.step.identity

    @property
    def name(self) -> str:
        """The record's name: method, what is not as in the profile, and eight digits of the identity."""
        said = [self.cell.method, *(f"{_short(k)}-{v}" for k, v in self.cell.settings.items())]
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in "-".join(said).lower())
        return f"{PREFIX}{plain[:100].strip('-')}-{self.identity[:8]}"


def _short(setting: str) -> str:
    """A setting without its section; of the stages, whose settings have the same names, "one.steps", "two.steps"."""
    section, _, name = setting.partition(".")
    return f"{section.removeprefix('stage_')}.{name}" if section.startswith("stage_") else name


def find(place: Place, *, committed: bool = True, keep: bool = False) -> Record | None:
    """The record of a cell, with "live": whether it is of this reader's own run. None: it is to be trained.

    Args:
        committed: a committed record counts, too.
        keep: a live record counts even if the code has changed since. A committed one always does: it is history,
            which later code does not make wrong.

    Raises:
        UserError: naming a damaged record.
    """
    pattern = f"{PREFIX}*-{place.identity[:8]}-*-s{place.seed}.json"
    for folder, live in ((records.live_folder(), True), (records.committed_folder(), False)):
        if folder is None or not (live or committed):
            continue
        for path in sorted(folder.glob(pattern)):
            record = records.read(path)
            params = record["params"]
            current = not live or keep or params["code"] == code_fingerprint("distill")
            if (params.get("place"), record["seed"]) == (place.identity, place.seed) and current:
                return record | {"live": live}
    return None


def train(chapter: Chapter, place: Place) -> Path:
    """Train a cell, score it and write its record; `chapter` has the cell's profile."""
    cell = place.cell
    return students.record(
        chapter,
        students.run(chapter, cell.method, place.seed),
        place.name,
        changed=dict(cell.settings),
        cell=cell.key,
        place=place.identity,
        code=code_fingerprint("distill"),
    )


@dataclass(frozen=True)
class Results:
    """The records of a grid's cells, as far as they are there."""

    grid: Grid
    seeds: tuple[int, ...]
    records: Mapping[tuple[str, int], Record]  # (key of the cell, seed) -> its record
    failed: Mapping[tuple[str, int], str]  # why a cell that was tried has none

    def of(self, cell: Cell) -> dict[int, Record]:
        """Seed -> record."""
        return {seed: self.records[cell.key, seed] for seed in self.seeds if (cell.key, seed) in self.records}

    def missing(self) -> list[tuple[Experiment, Cell, int]]:
        """What has no record: experiment, cell and seed, in the order of the grid."""
        return [
            (one, cell, seed)
            for one in self.grid.experiments
            for cell in one.cells
            for seed in self.seeds
            if (cell.key, seed) not in self.records
        ]


def recorded(grid: Grid, seeds: Sequence[int] | None = None) -> Results:
    """The committed records of a grid's cells, whatever data this reader has; of several the newest.

    `seeds`: None takes all that there are, the missing ones of the sweep's number included.
    """
    found: dict[tuple[str, int], Record] = {}
    for record in sorted(records.load(f"{PREFIX}*"), key=lambda r: r["created"]):
        if not record["live"] and (seeds is None or record["seed"] in seeds):
            found[record["params"]["cell"], record["seed"]] = record
    known = {cell.key for cell in grid.cells()}
    found = {place: record for place, record in found.items() if place[0] in known}
    numbers = set(range(grid.seeds)).union(seed for _, seed in found) if seeds is None else set(seeds)
    return Results(grid, tuple(sorted(numbers)), found, {})
