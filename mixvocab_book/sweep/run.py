"""Runs, each by method, settings, seed and task, with its place among the records; and several processes at them.

The grid of chapter 7 and the list of recorded runs are both lists of such units. What one needs lies in the artefact
store: a killed run goes on where it was, and what is there is not made again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mixvocab.common.errors import UserError
from mixvocab.common.progress import say
from mixvocab.distill.methods import methods
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import load_profile
from mixvocab_book.chapter import Chapter
from mixvocab_book.steps import students, tasks
from mixvocab_book.store import records
from mixvocab_book.sweep.grid import PATH, Grid, load_grid
from mixvocab_book.sweep.results import Results

ABLATIONS = "ablations"
CHAPTERS = {"students": "04_stage_two", "glue": "05_glue", "snips": "06_snips", ABLATIONS: "07_ablations"}


@dataclass(frozen=True)
class Unit:
    """One run: a student, a model fine-tuned from it, or a baseline."""

    method: str
    task: str  # "" for the student itself
    profile: str
    settings: dict[str, Any] = field(hash=False)  # over the profile's, by dotted name
    seed: int
    place: str  # of its record: the folder below records/

    def __str__(self) -> str:
        return f"{self.place}, {self.profile}, seed {self.seed}"

    @property
    def file(self) -> Path:
        return records.file_of(self.place, self.profile, self.seed)

    @property
    def chapter(self) -> str:
        return CHAPTERS[self.place.partition("/")[0]]

    @cached_property
    def identity(self) -> str:
        """Fingerprint of all that it is asked to do; not of the code that does it, nor of the data."""
        plan = Plan(load_profile(self.profile, **self.settings))
        if self.task:
            return tasks.tuning_step(plan, self.task, self.method, self.seed).asked
        return students.student_step(plan, self.method, self.seed).asked

    @property
    def key(self) -> str:  # in names of files about it
        return f"{self.identity[:16]}-s{self.seed}"


def run(chapter: Chapter, unit: Unit) -> Path:
    """Make what the unit asks for, unless the chapter's store has it; returns its record."""
    own = replace(
        chapter,
        name=unit.chapter,
        profile=load_profile(unit.profile, **unit.settings),
        seeds=[unit.seed],
        overrides=unit.settings,
    )
    if unit.task:
        return tasks.record(own, unit.task, unit.method, unit.seed)
    return students.record(own, unit.method, unit.seed, unit.place)


def take(units: Iterable[Unit], locks: Path, *, wait: bool = False) -> Iterator[Unit]:
    """Each unit in turn, under a lock that dies with its process: any number of processes share the work.

    What another process is at is left to it, and what is fine-tuned from a student that another one trains; with `wait`
    it comes last, once that process has let go.
    """
    locks.mkdir(parents=True, exist_ok=True)
    taken = []
    for unit in units:
        try:
            if unit.task and unit.method in methods():
                lock_of(replace(unit, task=""), locks).acquire(timeout=0).lock.release()
            with lock_of(unit, locks).acquire(timeout=0):
                yield unit
        except Timeout:
            taken.append(unit)
    for unit in taken if wait else ():
        with lock_of(unit, locks):
            yield unit


def lock_of(unit: Unit, locks: Path) -> FileLock:
    return FileLock(locks / f"{unit.key}.lock")


def units_of(grid: Grid, seeds: Iterable[int]) -> dict[tuple[str, int], Unit]:
    """Every different student of a grid once, by its cell's key and seed; the first experiment gives it its place.

    All of the first seed come before those of the second: a sweep that is cut short compares something.
    """
    units: dict[tuple[str, int], Unit] = {}
    for seed in seeds:
        for experiment in grid.experiments:
            for cell in experiment.cells:
                label = re.sub(r"[^a-z0-9._]+", "-", cell.label.lower()).strip("-")
                place = f"{ABLATIONS}/{experiment.name}/{label}"
                unit = Unit(cell.method, "", cell.profile.name, dict(cell.settings), seed, place)
                units.setdefault((cell.key, seed), unit)
    return units


def recorded_results(grid: Grid) -> Results:
    """The committed records of a grid's students."""
    seeds = range(grid.seeds)
    known = {record["params"]["identity"]: record for record in records.committed(ABLATIONS)}
    units = units_of(grid, seeds) if known else {}
    found = {key: known[unit.identity] for key, unit in units.items() if unit.identity in known}
    return Results(grid, tuple(seeds), found)


def run_sweep(
    chapter: Chapter, sweep: str, *, path: Path = PATH, only: Sequence[str] = (), seeds: int | None = None
) -> Results:
    """Train every student of a sweep that the chapter's store has not, and return the records of all.

    Over the chapter's settings stand those of the grid; its first seed is the sweep's. `seeds`: None for the sweep's.

    Raises UserError as `load_grid` does. A student that cannot be trained is missing in the results, with the reason in
    `failed`.
    """
    grid = load_grid(sweep, profile=chapter.profile.name, path=path, overrides=chapter.overrides, only=only)
    numbers = range(chapter.seed, chapter.seed + (seeds or grid.seeds))
    units = units_of(grid, numbers)
    made: dict[str, records.Record] = {}
    failed: list[str] = []
    for unit in take(units.values(), chapter.store.root / ".locks", wait=True):
        say(f"sweep {sweep}: {len(made) + len(failed)} of {len(units)} students done; now {unit}")
        try:
            made[unit.identity] = records.read(run(chapter, unit))
        except UserError as error:
            failed.append(f"{unit}: {error}")
    found = {key: made[unit.identity] for key, unit in units.items() if unit.identity in made}
    return Results(grid, tuple(numbers), found, failed)
