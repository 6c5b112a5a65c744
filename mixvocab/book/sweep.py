"""A sweep: the cells of a grid for several seeds, each trained once, with one record a cell.

A cell whose record is there is not trained again. Any number of processes may work on one sweep: each takes the next
cell that is neither done nor taken; a lock that dies with its process says what is taken. Inside a cell the artefact
store keeps what is finished, so that a killed cell goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mixvocab.book import records, steps
from mixvocab.book.fingerprint import code_fingerprint
from mixvocab.book.grid import PATH, SECTIONS, Cell, Experiment, Grid, fingerprint, load_grid
from mixvocab.book.workers import Worker
from mixvocab.errors import UserError
from mixvocab.progress import duration
from mixvocab.sources import resolve_corpus
from mixvocab.sources.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from mixvocab.book.chapter import Chapter

CHAPTER = "07_ablations"
PREFIX = "ablation-"
POLL = 1.0  # seconds between looks at what other processes have finished

Record = dict[str, Any]

# What a chapter has loaded and the next cell may use as well, if these of its settings are the same.
_SHARED = {
    "corpus": ("corpus",),
    "teacher": ("teacher",),
    "tokenizer": ("teacher",),
    "teacher table": ("corpus", "teacher"),
    "student table": ("corpus", "teacher", "vocabulary"),
}


def methods() -> Mapping[str, Callable[[Chapter], Any]]:
    """How a cell becomes a student, by name."""
    from mixvocab.book import cell_steps  # what trains is imported by what runs, not by who reads records

    return cell_steps.METHODS


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
        sweep, profile=chapter.profile.name, methods=methods(), path=grid, overrides=chapter.overrides, only=only
    )
    count = known.seeds if seeds is None else seeds
    return _Runner(chapter, known, tuple(range(chapter.seed, chapter.seed + count)), committed, keep).run(
        worker or Worker()
    )


@dataclass(frozen=True)
class _Place:
    """A cell with a seed, and where its record is."""

    cell: Cell
    seed: int
    sources: tuple[Source, ...]
    identity: str  # fingerprint of settings and data

    @property
    def key(self) -> tuple[str, int]:
        return self.cell.key, self.seed

    @property
    def name(self) -> str:
        """The record's name: method, what is not as in the profile, and eight digits of the identity."""
        said = [self.cell.method, *(f"{k.partition('.')[2]}-{v}" for k, v in self.cell.settings.items())]
        plain = "".join(c if c.isalnum() or c in "._" else "-" for c in "-".join(said).lower() if c.isascii())
        return f"{PREFIX}{plain[:80].strip('-')}-{self.identity[:8]}"


class _Runner:
    """One process at work on a sweep."""

    def __init__(self, chapter: Chapter, grid: Grid, seeds: tuple[int, ...], committed: bool, keep: bool) -> None:
        self.chapter, self.grid, self.seeds, self.committed, self.keep = chapter, grid, seeds, committed, keep
        self.held: dict[str, tuple[str, Any]] = {}  # name -> the settings it was loaded for, and what was loaded
        self.failed: dict[tuple[str, int], str] = {}
        self.spent: list[tuple[float, float]] = []  # expected FLOPs and seconds of the cells run here
        self.costs: dict[str, float] = {}

    def run(self, worker: Worker) -> Results:
        """Take cells until none is left; then wait for those that others have taken."""
        # All cells of the first seed come before those of the second: a sweep that is cut short compares something.
        places = [self._place(cell, seed) for seed in self.seeds for cell in self.grid.cells()]
        done: dict[tuple[str, int], Record] = {}
        while waiting := [p for p in places if p.key not in done and p.key not in self.failed]:
            progressed = False
            for place in waiting:
                if record := self._find(place):
                    done[place.key] = record
                    progressed = True
                    continue
                try:
                    with self._lock(place):
                        # Another process may have finished it between the look and the lock.
                        if record := self._find(place):
                            done[place.key] = record
                        else:
                            self._train(place, len(places), done, waiting, worker)
                            if record := self._find(place):
                                done[place.key] = record
                        progressed = True
                except Timeout:
                    continue
            if not progressed:
                if not worker.is_main:
                    break  # what is left is in other hands; the main process waits for it
                time.sleep(POLL)
        return Results(self.grid, self.seeds, done, self.failed)

    def _lock(self, place: _Place) -> FileLock:
        folder = self.chapter.store.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"cell-{place.identity[:16]}-s{place.seed}.lock", timeout=0)

    def _place(self, cell: Cell, seed: int) -> _Place:
        sources = self._sources(self._chapter(cell, seed))
        return _Place(cell, seed, sources, fingerprint([cell.key, [source.sha256 for source in sources]]))

    def _chapter(self, cell: Cell, seed: int) -> Chapter:
        """The chapter with the cell's settings; it finds loaded what an earlier cell has loaded for the same ones."""
        held = {name: kept for name, (needs, kept) in self.held.items() if needs == _needs(name, cell)}
        settings = self.chapter.overrides | dict(cell.settings)
        return replace(self.chapter, profile=cell.profile, seeds=[seed], overrides=settings, held=held)

    def _hand_on(self, chapter: Chapter, cell: Cell) -> None:
        self.held |= {name: (_needs(name, cell), chapter.held[name]) for name in _SHARED if name in chapter.held}

    def _sources(self, chapter: Chapter) -> tuple[Source, ...]:
        """What a cell reads: corpus, teacher, and texts that single settings name."""
        profile = chapter.profile
        found = [steps.corpus(chapter).source, steps.teacher(chapter).source]
        self.held["corpus"] = (_shared_for("corpus", profile), chapter.held["corpus"])
        self.held["teacher"] = (_shared_for("teacher", profile), chapter.held["teacher"])
        for spec in (getattr(profile.vocabulary, "source", None), getattr(profile.stage_one, "corpus", None)):
            if spec is not None:
                found.append(_other_text(spec, str(chapter.data_dir or "")))
        return tuple(found)

    def _find(self, place: _Place) -> Record | None:
        """The record of a cell, if one is there and counts."""
        pattern = f"{PREFIX}*-{place.identity[:8]}-*-s{place.seed}.json"
        for folder, live in ((records.live_folder(), True), (records.committed_folder(), False)):
            if folder is None or not (live or self.committed):
                continue
            for path in sorted(folder.glob(pattern)):
                record = records.read(path)
                params = record["params"]
                # Committed records are history: later code does not make them wrong.
                current = not live or self.keep or params.get("code") == code()
                if params.get("identity") == place.identity and record["seed"] == place.seed and current:
                    return record | {"live": live}
        return None

    def _train(
        self,
        place: _Place,
        total: int,
        done: Mapping[Any, Any],
        waiting: Sequence[_Place],
        worker: Worker,
    ) -> None:
        chapter, cell = self._chapter(place.cell, place.seed), place.cell
        left = [other for other in waiting if other.key not in done and other.key not in self.failed]
        began = time.perf_counter()
        print(
            f"{self.grid.sweep}: {len(done)} of {total} cells done{self._time_left(left, worker)}; "
            f"now {place.name.removeprefix(PREFIX)}, seed {place.seed}",
            flush=True,
        )
        try:
            outcome = methods()[cell.method](chapter)
        except UserError as error:
            self.failed[place.key] = " ".join(str(error).split())
            print(f"{place.name}, seed {place.seed} failed: {self.failed[place.key]}", flush=True)
            return
        finally:
            self._hand_on(chapter, cell)
        self.spent.append((self._cost(cell), time.perf_counter() - began))
        write_record(chapter, place.name, cell, outcome, sources=place.sources, identity=place.identity)

    def _time_left(self, left: Sequence[_Place], worker: Worker) -> str:
        """From the speed of the cells run so far, in FLOPs that their settings ask for."""
        expected, seconds = (sum(part) for part in zip(*self.spent, strict=True)) if self.spent else (0.0, 0.0)
        if not expected:
            return ""
        rest = sum(self._cost(place.cell) for place in left) * seconds / expected / worker.count
        return f", about {duration(rest)} left"

    def _cost(self, cell: Cell) -> float:
        if cell.key not in self.costs:
            self.costs[cell.key] = expected_flops(self._chapter(cell, 0))
        return self.costs[cell.key]


def expected_flops(chapter: Chapter) -> float:
    """What a cell will spend on training, from its settings: for the time left, not for figures."""
    profile, length = chapter.profile, chapter.profile.mixing.length
    first, second = profile.stage_one, profile.stage_two
    spent = steps.shape(chapter).masked_lm_flops(second.steps * second.batch_size * length, length)
    teacher = steps.teacher_shape(steps.teacher(chapter).folder)
    return spent + teacher.masked_lm_flops(first.steps * first.batch_size * length, length)


def write_record(
    chapter: Chapter, name: str, cell: Cell, outcome: Any, *, sources: Sequence[Source], identity: str
) -> Path:
    """The record of one cell.

    `params` hold the profile's sections, the cell's method and what it changes; `metrics` the held-out losses in
    nats, sizes, and what each stage spent; `curves` the training curve and, by held-out row, the nats of its masked
    words and their number.
    """
    nats, words = outcome.words[:, 0], outcome.words[:, 1]
    spent = {stage: dict(vars(cost)) for stage, cost in outcome.spent.items()}
    seconds = sum(cost.pop("seconds") for cost in spent.values())
    return chapter.record(
        name,
        params=cell.profile.model_dump(mode="json", include=set(SECTIONS))
        | {
            "method": cell.method,
            "changed": dict(cell.settings),
            "cell": cell.key,
            "identity": identity,
            "code": code(),
        },
        metrics={
            "heldout_piece_nats": float(outcome.heldout_piece),
            "heldout_word_nats": float(nats.sum() / words.sum()),
            "parameters": int(outcome.parameters),
            "pieces": int(outcome.pieces),
            "spent": spent,
            "notes": dict(outcome.notes),
        },
        curves={
            "stage_two": outcome.student.result.curve,
            "word_nats": [round(float(value), 4) for value in nats],
            "word_counts": [int(value) for value in words],
        },
        sources=sources,
        seconds=seconds,
    )


@cache
def code() -> str:
    """Fingerprint of the code that cells are made by."""
    from mixvocab.book import cell_steps

    return code_fingerprint([cell_steps, steps])


@cache
def _other_text(spec: str, data_dir: str) -> Source:
    return resolve_corpus(spec, data_dir=data_dir or None).source


def _needs(name: str, cell: Cell) -> str:
    return _shared_for(name, cell.profile)


def _shared_for(name: str, profile: Any) -> str:
    return fingerprint([getattr(profile, section).model_dump(mode="json") for section in _SHARED[name]])
