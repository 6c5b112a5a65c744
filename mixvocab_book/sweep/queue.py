"""The queue of recorded runs: `records/wanted.yaml` lists them, `mixbook record` works the list off.

A run takes less than an hour, one thread and the lowest priority, in a clean work tree of the commit at which it began:
editing goes on meanwhile and no record is dirty; killed, it goes on there. Start the queue once for each core.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from pydantic import Field

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write
from mixvocab.common.progress import duration
from mixvocab.common.store import Store
from mixvocab.distill.methods import methods
from mixvocab.settings.profiles import Section, load_profile
from mixvocab.sources.glue import layout
from mixvocab.sources.source import DATA_VARIABLE, cache_root, data_directory
from mixvocab.train.stopping import STOP, Stopped
from mixvocab_book.chapter import open_chapter
from mixvocab_book.steps.students import place_of
from mixvocab_book.steps.tasks import SNIPS, chosen_methods
from mixvocab_book.store import records
from mixvocab_book.store.provenance import project_root
from mixvocab_book.store.records import Record
from mixvocab_book.sweep.grid import load_grid, read_yaml
from mixvocab_book.sweep.run import ABLATIONS, Unit, lock_of, run, take, units_of

GRACE = 180  # seconds that a run has to write its checkpoint before it is killed
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


class _Wanted(Section):
    """One entry of the list: methods with tasks, or cells of chapter 7."""

    methods: tuple[str, ...] = ()  # students of chapter 4 by method, and baselines of chapter 6
    tasks: tuple[str, ...] = ()  # snips, or GLUE's names: fine-tuned from each of them
    cells: tuple[str, ...] = ()  # experiments, or single cells as experiment=value
    profile: str
    seeds: tuple[Annotated[int, Field(ge=0)], ...]
    priority: int  # smaller ones first
    settings: dict[str, Any] = Field(default={}, alias="set")  # over the profile's, by dotted name

    def units(self) -> Iterator[Unit]:
        """Its runs, a student before what is fine-tuned from it."""
        profile = load_profile(self.profile, **self.settings)
        tasks = [task if task == SNIPS else layout(task).folder for task in self.tasks]
        pairs = [(method, task) for method in chosen_methods(None, self.methods) for task in ("", *tasks)]
        for method, task in pairs:
            if task or method in methods():
                place = place_of(task, method, profile)
                yield from (Unit(method, task, self.profile, self.settings, seed, place) for seed in self.seeds)
        if self.cells:
            if self.settings:
                raise UserError("cells take no set: their settings stand in the grid")
            yield from units_of(load_grid("full", profile=self.profile, only=self.cells), self.seeds).values()


def load_wanted(path: Path) -> list[Unit]:
    """The runs of the list in the order in which they are worth having: by priority, then seed, students before tasks.

    Raises UserError, naming the entry, for what the list says wrongly.
    """
    wanted: list[tuple[int, int, Unit]] = []
    for number, entry in enumerate(read_yaml(path, list[_Wanted]), 1):
        try:
            wanted += [(entry.priority, unit.seed, unit) for unit in entry.units()]
        except UserError as error:
            raise UserError(f"{path.name}: entry {number}: {error}") from None
    once: dict[str, Unit] = {}
    for _, _, unit in sorted(wanted, key=lambda item: (*item[:2], bool(item[2].task))):
        # Cells of two experiments may be one student, which is recorded once; of two methods each has a record.
        once.setdefault(unit.identity if unit.place.startswith(ABLATIONS) else str(unit.file), unit)
    return list(once.values())


@dataclass(frozen=True)
class Queue:
    """Where a queue works: finished records go to `records`, all else lies in `store`."""

    root: Path  # the checkout
    store: Path
    records: Path

    @classmethod
    def find(cls) -> Queue:
        """The queue of this checkout. Raises UserError outside one."""
        root = project_root()
        if root is None:
            raise UserError("mixbook record: run it in a checkout of the project, whose records/ it fills")
        return cls(root, (cache_root() / "queue").resolve(), root / "records")

    @property
    def locks(self) -> Path:
        return self.store / "locks"

    @property
    def artefacts(self) -> Store:
        """What was made. What is recorded is built upon, whatever code has changed since."""
        return Store(self.store / "artefacts", code=False)

    def record_of(self, unit: Unit) -> Record | None:
        """The unit's record if it is there: committed, or finished and not yet committed."""
        path = self.records / unit.file
        record = records.read(path) if path.is_file() else None
        return record if record and record["params"].get("identity") == unit.identity else None

    def begun(self, unit: Unit) -> Path:
        """The file with the commit at which an unfinished unit was started."""
        return self.store / "begun" / unit.key

    def status(self, unit: Unit) -> str:
        """The unit with what has become of it: recorded (in what time), running, begun or missing."""
        state, seconds = "begun" if self.begun(unit).exists() else "missing", ""
        if record := self.record_of(unit):
            state, seconds = "recorded", duration(record["seconds"])
        else:
            self.locks.mkdir(parents=True, exist_ok=True)
            try:
                lock_of(unit, self.locks).acquire(timeout=0).lock.release()
            except Timeout:
                state = "running"
        return f"{state:9}{seconds:>14}  {unit}"

    def tree(self, commit: str) -> Path:
        """A clean work tree of that commit."""
        folder = self.store / "trees" / commit[:12]
        with FileLock(self.store / "trees.lock"):
            if not (folder / "pyproject.toml").is_file():
                self.git("worktree", "prune")
                self.git("worktree", "add", "--detach", "--force", str(folder), commit)
        return folder

    def git(self, *arguments: str) -> str:
        """Output of git in the checkout. Raises UserError with git's own words."""
        done = subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"git {arguments[0]}: {done.stderr or 'failed'}")
        return done.stdout.strip()


def work(queue: Queue, units: Sequence[Unit], *, minutes: float | None = None, here: bool = False) -> list[Unit]:
    """Run what has no record, one unit at a time, until all is done or the minutes are up; returns what was finished.

    `here`: in this very folder instead of a work tree, for a copy of the project that is no checkout.

    Raises UserError when a unit fails, naming it; the others are left for the next call.
    """
    deadline = time.monotonic() + 60 * minutes if minutes else float("inf")
    finished: list[Unit] = []
    for unit in take(units, queue.locks):
        if queue.record_of(unit):
            continue
        if time.monotonic() >= deadline or not _finish(queue, unit, deadline, here):
            break
        finished.append(unit)
    return finished


def _finish(queue: Queue, unit: Unit, deadline: float, here: bool) -> bool:
    """Run a unit in a process of its own and fetch its record; False if it was stopped before it was done."""
    note = queue.begun(unit)
    if goes_on := note.exists():
        commit = note.read_text(encoding="utf-8")
    else:
        commit = "" if here else queue.git("rev-parse", "HEAD")
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(commit, encoding="utf-8")
    print(f"{unit}: {'goes on' if goes_on else 'begins'} at {commit[:12] or 'this folder'}", flush=True)
    tree = queue.root if here else queue.tree(commit)
    paths = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    environment = os.environ | ONE_THREAD | {"MIXVOCAB_CACHE": str(queue.store), "PYTHONPATH": paths}
    if data := data_directory(None):
        environment[DATA_VARIABLE] = str(data.resolve())
    # In a session of its own: Ctrl-C reaches this process alone, which then asks the run to stop.
    child = subprocess.Popen(command(unit), cwd=tree, env=environment, start_new_session=True)
    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=None if deadline == float("inf") else max(0.0, deadline - time.monotonic()))
    finally:
        child.terminate()  # nothing, if it has ended; else it writes its checkpoint and ends
        try:
            child.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.returncode in (-signal.SIGTERM, -signal.SIGKILL):
        print(f"{unit}: stopped; the next call goes on from there", flush=True)
        return False
    note.unlink()  # a unit that failed begins anew next time, at a commit that has mended it
    if child.returncode:
        raise UserError(f"{unit} failed, as said above (exit code {child.returncode})")
    record = queue.store / "records" / unit.file
    with atomic_write(queue.records / unit.file, "wb") as file:
        file.write(record.read_bytes())
    record.unlink()
    print(f"{unit}: recorded as records/{unit.file}", flush=True)
    return True


def command(unit: Unit) -> list[str]:
    """What runs a unit: at the lowest priority, so that it never keeps anyone waiting."""
    return ["nice", "-n", "19", sys.executable, "-m", "mixvocab_book.sweep.queue", json.dumps(asdict(unit))]


def main() -> None:
    """Run one unit, given as JSON, for the queue, here and now."""
    signal.signal(signal.SIGTERM, lambda *_: STOP.set())
    with suppress(OSError):  # Linux shares time among sessions before it looks at their processes' priority
        Path("/proc/self/autogroup").write_text(str(os.nice(0)))
    unit = Unit(**json.loads(sys.argv[1]))
    try:
        chapter = open_chapter(unit.chapter, profile=unit.profile)
        chapter.store = Store(cache_root() / "artefacts", code=False)
        run(chapter, unit)
    except Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    except UserError as error:
        sys.exit(f"{unit}: {error}")


if __name__ == "__main__":
    main()
