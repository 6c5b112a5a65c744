"""A sweep: the cells of a grid for several seeds, each trained once, with one record a cell.

A cell whose record is there is not trained again. Any number of processes may work on one sweep: each takes the next
cell that is neither done nor taken; a lock that dies with its process says what is taken. Inside a cell the artefact
store keeps what is finished, so that a killed cell goes on where it was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from mixvocab.book import cell_records, steps
from mixvocab.book.cell_records import PREFIX, Place, Record, Results
from mixvocab.book.cells import MIXED, WITHOUT_STAGE_ONE, Cell, Grid
from mixvocab.book.grid import PATH, load_grid
from mixvocab.book.workers import Worker
from mixvocab.errors import UserError
from mixvocab.pipeline import student_shape
from mixvocab.progress import duration
from mixvocab.sources.source import Source

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

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
        methods=cell_records.methods(),
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
        self.places = [Place(cell, seed, sources(self._chapter(cell, seed))) for seed in seeds for cell in grid.cells()]
        self.costs = {cell.key: expected_flops(self._chapter(cell, seeds[0]), cell.method) for cell in grid.cells()}

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
        print(
            f"{self.grid.sweep}{self.worker}: {len(self.done)} of {len(self.places)} cells done{self._time_left()}; "
            f"now {place.name.removeprefix(PREFIX)}, seed {place.seed}",
            flush=True,
        )
        try:
            outcome = cell_records.methods()[place.cell.method](chapter)
        except UserError as error:
            self.failed[place.key] = " ".join(str(error).split())
            print(f"{place.name}, seed {place.seed}, failed: {self.failed[place.key]}", flush=True)
            return
        cell_records.write(chapter, place, outcome)
        # Read again, so that the results of this run and of a later one are the same to the last digit.
        self._look(place)

    def _time_left(self) -> str:
        """From the speed of this reader's cells so far, by stage, in FLOPs that settings ask for."""
        flops, seconds = Counter[str](), Counter[str]()
        for record in self.done.values():
            for stage, spent in record["metrics"]["spent"].items() if record["live"] else ():
                flops[stage] += spent["flops"]
                seconds[stage] += spent["seconds"]
        if not flops.total():
            return ""
        usual = seconds.total() / flops.total()
        pace = {stage: seconds[stage] / flops[stage] for stage in flops if flops[stage]}
        rest = sum(
            needed * pace.get(stage, usual)
            for place in self._left()
            for stage, needed in self.costs[place.cell.key].items()
        )
        return f", about {duration(rest / self.worker.count)} left"

    def _chapter(self, cell: Cell, seed: int) -> Chapter:
        """The chapter with the cell's settings. What one cell has loaded, named by what it is, the others find."""
        settings = self.chapter.overrides | dict(cell.settings)
        return replace(self.chapter, profile=cell.profile, seeds=[seed], overrides=settings)


def sources(chapter: Chapter) -> tuple[Source, ...]:
    """What a cell reads: corpus, teacher, and texts that single settings name."""
    named = (chapter.profile.vocabulary.source, chapter.profile.stage_one.corpus)
    texts = [steps.corpus(chapter, spec).source for spec in named if spec is not None]
    return (steps.corpus(chapter).source, steps.teacher(chapter).source, *texts)


def expected_flops(chapter: Chapter, method: str) -> dict[str, float]:
    """What a cell will spend on training by stage, from its settings: for the time left, not for figures."""
    profile, length = chapter.profile, chapter.profile.mixing.length
    first, second = profile.stage_one, profile.stage_two
    student = student_shape(profile, profile.vocabulary.size)  # nearly: another kind of vocabulary is not made for this
    spent = {"stage two": student.masked_lm_flops(second.steps * second.batch_size * length, length)}
    if method in WITHOUT_STAGE_ONE:
        return spent
    teacher = steps.teacher_shape(steps.teacher(chapter).folder)
    other = teacher.masked_lm_flops(first.steps * first.batch_size * length, length)
    return spent | {"stage one" if method == MIXED else "teacher": other}
