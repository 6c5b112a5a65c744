"""A sweep: the cells of a grid for several seeds, each trained once, with one record a cell.

A cell whose record is there is not trained again. Any number of processes may work on one sweep: each takes the next
cell that is neither done nor taken; a lock that dies with its process says what is taken. Inside a cell the artefact
store keeps what is finished, so that a killed cell goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from mixvocab.common.errors import UserError
from mixvocab.common.progress import duration, say
from mixvocab_book.steps.students import student_step
from mixvocab_book.sweep import cell_records
from mixvocab_book.sweep.cell_records import PREFIX, Place, Record, Results
from mixvocab_book.sweep.cells import Cell, Grid
from mixvocab_book.sweep.grid import PATH, load_grid
from mixvocab_book.sweep.workers import Worker

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

CHAPTER = "07_ablations"
POLL = 1.0  # seconds between looks at what other processes have finished


def run_sweep(
    chapter: Chapter,
    sweep: str,
    *,
    grid: Path = PATH,
    only: Sequence[str] = (),
    seeds: int | None = None,
    committed: bool = True,
    keep: bool = False,
    worker: Worker | None = None,
) -> Results:
    """Train every cell of a sweep that has no record, and return the records of all.

    Args:
        chapter: its profile's settings are those of every cell but for what the grid says; its first seed is the
            sweep's.
        sweep: its name in the file `grid`.
        only: experiments, or cells as `experiment=value`; empty: all.
        seeds: how many; None: as many as the sweep says.
        committed: take committed records of the same data for done; False: only this reader's own.
        keep: take records that an earlier state of the code has written for done, too.
        worker: which of several processes this is.

    Raises:
        UserError: for an unknown sweep, experiment or cell and for a grid that says something wrong. A cell that
            cannot be trained raises nothing: it is missing in the results, with the reason in `failed`.
    """
    known = load_grid(
        sweep,
        profile=chapter.profile.name,
        path=grid,
        overrides=chapter.overrides,
        only=only,
    )
    count = known.seeds if seeds is None else seeds
    numbers = tuple(range(chapter.seed, chapter.seed + count))
    return _Runner(chapter, known, numbers, committed, keep, worker or Worker()).run()


class _Runner:
    """One process at work on a sweep."""

    def __init__(
        self, chapter: Chapter, grid: Grid, seeds: tuple[int, ...], committed: bool, keep: bool, worker: Worker
    ) -> None:
        self.chapter, self.grid, self.seeds, self.worker = chapter, grid, seeds, worker
        self.committed, self.keep = committed, keep
        self.done: dict[tuple[str, int], Record] = {}
        self.failed: dict[tuple[str, int], str] = {}
        # All cells of the first seed come before those of the second: a sweep that is cut short compares something.
        self.places = [
            Place(cell, seed, student_step(self._chapter(cell, seed).plan, cell.method, seed))
            for seed in seeds
            for cell in grid.cells()
        ]

    def run(self) -> Results:
        """Take cells until none is left; the main process then waits for those that others have taken."""
        for place in self.places:
            self._look(place)  # what is done is counted before the first cell is trained
        while waiting := self._left():
            if any(self._take(place) for place in waiting):
                continue
            if not self.worker.is_main:
                break
            time.sleep(POLL)
        return Results(self.grid, self.seeds, self.done, self.failed)

    def _left(self) -> list[Place]:
        return [place for place in self.places if place.key not in self.done and place.key not in self.failed]

    def _look(self, place: Place) -> bool:
        """Whether the cell's record is there; it is kept if so."""
        if record := cell_records.find(place, committed=self.committed, keep=self.keep):
            self.done[place.key] = record
        return place.key in self.done

    def _take(self, place: Place) -> bool:
        """Finish a cell, unless another process is at it. Returns whether it is settled."""
        if self._look(place):
            return True
        locks = self.chapter.store.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"cell-{place.identity[:16]}-s{place.seed}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        try:
            # Another process may have finished it between the look and the lock.
            if not self._look(place):
                self._train(place)
        finally:
            lock.release()
        return True

    def _train(self, place: Place) -> None:
        chapter = self._chapter(place.cell, place.seed)
        say(
            f"{self.grid.sweep}{self.worker}: {len(self.done)} of {len(self.places)} cells done{self._time_left()}; "
            f"now {place.name.removeprefix(PREFIX)}, seed {place.seed}"
        )
        try:
            cell_records.train(chapter, place)
        except UserError as error:
            self.failed[place.key] = " ".join(str(error).split())
            say(f"{place.name}, seed {place.seed}, failed: {self.failed[place.key]}")
            return
        # Read again, so that the results of this run and of a later one are the same to the last digit.
        self._look(place)

    def _time_left(self) -> str:
        """From what this reader's cells so far took."""
        seconds = [record["seconds"] for record in self.done.values() if record["live"]]
        if not seconds:
            return ""
        return f", about {duration(sum(seconds) / len(seconds) * len(self._left()) / self.worker.count)} left"

    def _chapter(self, cell: Cell, seed: int) -> Chapter:
        """The chapter with the cell's settings. What one cell has loaded, named by what it is, the others find."""
        settings = self.chapter.overrides | dict(cell.settings)
        return replace(self.chapter, profile=cell.profile, seeds=[seed], overrides=settings)
