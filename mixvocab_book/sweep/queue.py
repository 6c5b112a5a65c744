"""The queue of recorded runs: `records/wanted.yaml` lists them, `mixbook record` works the list off.

A unit is one student, one model fine-tuned from it, or one cell of chapter 7: less than an hour, one seed, one thread,
the lowest priority. It runs in a clean work tree of the commit at which it was started, so that editing goes on
meanwhile and no record is dirty; killed, it goes on there. Several queues may run side by side, one for each core:
a lock that dies with its process says what is taken.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import yaml
from filelock import FileLock, Timeout
from pydantic import Field, ValidationError

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.progress import duration
from mixvocab.common.store import Step, Store
from mixvocab.settings.profiles import Profile, Section, load_profile
from mixvocab.sources.source import DATA_VARIABLE, cache_root, data_directory
from mixvocab_book.store import records
from mixvocab_book.store.provenance import project_root
from mixvocab_book.sweep.grid import load_grid

SNIPS, CELL = "snips", "cell"
MODELS = "models"  # below the store: exported students, by the names of their records
GRACE = 180  # seconds that a run has to write its checkpoint before it is killed
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


class _Wanted(Section):
    """One entry of the list."""

    students: tuple[str, ...] = ()  # methods of chapter 4
    tasks: tuple[str, ...] = ()  # snips, or GLUE's names: fine-tuned from each of the students
    baselines: tuple[str, ...] = ()  # methods of chapter 6 that are no students, on the tasks
    cells: tuple[str, ...] = ()  # experiments of chapter 7, or one cell as experiment=value
    profile: str
    seeds: tuple[Annotated[int, Field(ge=0)], ...]
    priority: int  # smaller ones first
    settings: dict[str, Any] = Field(default={}, alias="set")  # over the profile's, by dotted name


@dataclass(frozen=True)
class Unit:
    """One run. `task` is "" for a student before fine-tuning, "cell" for a cell of chapter 7."""

    method: str  # for a cell: experiment=label
    task: str
    profile: str
    seed: int
    settings: dict[str, Any] = field(hash=False)
    name: str  # of the record, without profile and seed; of a cell, what the list calls it
    identity: str  # fingerprint of all that the run is asked to do; not of the code that does it, nor of the data

    def __str__(self) -> str:
        return f"{self.name}, {self.profile}, seed {self.seed}"


def load_wanted(path: Path, profile: str | None = None) -> list[Unit]:
    """The runs of the list in the order in which they are worth having: by priority, then seed, then place.

    Raises UserError, naming the entry, for what the list says wrongly.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(tree, list):
        raise UserError(f"{path.name}: write a list of entries, each with profile, seeds and priority")
    found: list[tuple[int, int, int, Unit]] = []
    for number, entry in enumerate(tree, 1):
        try:
            wanted = _Wanted(**entry)
        except (ValidationError, TypeError) as error:
            what = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "no mapping"}
            place = ".".join(str(part) for part in what["loc"])
            raise UserError(f"{path.name}, entry {number}: {place} {what['msg']}") from None
        for position, unit in enumerate(_units(path, number, wanted)):
            if profile in (None, unit.profile):
                found.append((wanted.priority, unit.seed, number * 10_000 + position, unit))
    ordered = [unit for *_, unit in sorted(found, key=lambda item: item[:3])]
    once: dict[tuple[str, int, str], Unit] = {}
    for unit in ordered:  # cells of two experiments may be one student
        once.setdefault((unit.identity, unit.seed, unit.profile), unit)
    return list(once.values())


def _units(path: Path, number: int, wanted: _Wanted) -> Iterator[Unit]:
    """The runs of one entry, a student before what is fine-tuned from it."""
    from mixvocab.distill.methods import methods
    from mixvocab.sources.glue import layout
    from mixvocab_book.steps.snips import BASELINES

    where, settings = f"{path.name}, entry {number}", wanted.settings
    try:
        profile = load_profile(wanted.profile, **settings)
        tasks = [task if task == SNIPS else layout(task).folder for task in wanted.tasks]
        grid = load_grid("full", profile=wanted.profile, overrides=settings, only=wanted.cells)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    known = {"students": list(methods()), "baselines": list(BASELINES)}
    for kind, names in known.items():
        for name in getattr(wanted, kind):
            if name not in names:
                raise UserError(f"{where}: {kind}: {name!r} is unknown; choose from {', '.join(names)}")
    runs = [(method, task) for method in wanted.students for task in ("", *tasks)]
    runs += [(method, task) for method in wanted.baselines for task in tasks]
    for seed in wanted.seeds:
        for method, task in runs:
            yield Unit(method, task, profile.name, seed, settings, *_named(profile, method, task, seed))
        for experiment in grid.experiments if wanted.cells else ():
            for cell in experiment.cells:
                label = f"{experiment.name}={cell.label}"
                yield Unit(label, CELL, profile.name, seed, settings, f"{CELL} {label}", cell.key)


def _named(profile: Profile, method: str, task: str, seed: int) -> tuple[str, str]:
    """Name and identity of the run of a method on a task, or ("") of the student itself."""
    from mixvocab.pipeline import Plan
    from mixvocab_book.steps.glue import glue_step
    from mixvocab_book.steps.snips import BASELINES, snips_step
    from mixvocab_book.steps.students import student_step

    plan, shape, read = Plan(profile), profile.student, records.tokens_asked(profile.model_dump())
    step: Step[Any]
    if not task:
        step = student_step(plan, method, seed)
    else:
        step = snips_step(plan, method, seed) if task == SNIPS else glue_step(plan, task, method, seed)
    tokens = f"{read / 1e6:.0f}m" if read >= 1e6 else f"{read / 1e3:.0f}k"
    kind = {"": "student", SNIPS: SNIPS}.get(task, f"glue-{task.lower()}")
    size = "" if method in BASELINES else f"-l{shape.layers}h{shape.hidden}-{tokens}"
    return f"{kind}-{method}{size}", step.asked


def run_unit(unit: Unit) -> Path:
    """Run one unit here and now, through the artefact store, and write its record; returns the record's path."""
    from mixvocab.distill.methods import methods
    from mixvocab_book.chapter import open_chapter
    from mixvocab_book.steps import glue, students
    from mixvocab_book.steps.device import Export
    from mixvocab_book.steps.snips import record_snips, snips_step
    from mixvocab_book.sweep import cell_records
    from mixvocab_book.sweep.kept import set_aside

    chapter = open_chapter("04_stage_two", profile=unit.profile, seed=unit.seed, seeds=1, **unit.settings)
    chapter.store = Store(chapter.store.root, code=False)  # what is recorded is built upon, whatever has changed since
    if unit.task == CELL:
        grid = load_grid("full", profile=unit.profile, overrides=unit.settings, only=[unit.method])
        ((cell,),) = (experiment.cells for experiment in grid.experiments)
        chapter = replace(chapter, name="07_ablations", profile=cell.profile)
        step = students.student_step(chapter.plan, cell.method, unit.seed)
        return cell_records.train(chapter, cell_records.Place(cell, unit.seed, step))
    if not unit.task:
        return students.record(chapter, students.run(chapter, unit.method, unit.seed), unit.name)
    if unit.task == SNIPS:
        chapter = replace(chapter, name="06_snips")
        path = record_snips(chapter, unit.method, unit.seed, unit.name)
        if unit.method in methods():
            exported = chapter.get(Export(snips_step(chapter.plan, unit.method, unit.seed)))
            set_aside(exported, cache_root() / MODELS / path.stem)
        return path
    return glue.record(replace(chapter, name="05_glue"), unit.task, unit.method, unit.seed, unit.name)


@dataclass(frozen=True)
class Queue:
    """The list with its store: finished records go to `records`, all else lies in `store`."""

    root: Path  # the checkout
    store: Path
    records: Path

    @classmethod
    def find(cls, store: Path | None = None) -> Queue:
        """The queue of this checkout. Raises UserError outside one."""
        root = project_root()
        if root is None:
            raise UserError("mixbook record: run it in a checkout of the project, whose records/ it fills")
        return cls(root, (store or cache_root() / "queue").resolve(), root / "records")

    def record_of(self, unit: Unit) -> dict[str, Any] | None:
        """The unit's record if it is there: committed, or finished and not yet committed."""
        pattern = "ablation-*" if unit.task == CELL else unit.name
        for path in self.records.glob(f"{pattern}-{unit.profile}-s{unit.seed}.json"):
            record = records.read(path)
            if record["params"].get("cell" if unit.task == CELL else "identity") == unit.identity:
                return record
        return None

    def lock(self, unit: Unit) -> FileLock:
        """Held while the unit runs."""
        folder = self.store / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{unit.identity[:16]}-s{unit.seed}.lock")

    def begun(self, unit: Unit) -> dict[str, Any]:
        """{"commit", "seconds"} of an unfinished run; empty if it was never started."""
        file = self._begun_file(unit)
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def remember(self, unit: Unit, commit: str, seconds: float) -> None:
        """Note at which commit the unit was started and how long it has run."""
        self._begun_file(unit).parent.mkdir(parents=True, exist_ok=True)
        write_json(self._begun_file(unit), {"unit": str(unit), "commit": commit, "seconds": round(seconds, 1)})

    def forget(self, unit: Unit) -> None:
        """The unit is finished."""
        self._begun_file(unit).unlink(missing_ok=True)

    def _begun_file(self, unit: Unit) -> Path:
        return self.store / "begun" / f"{unit.identity[:16]}-s{unit.seed}.json"

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
            raise UserError(f"git {arguments[0]}: {' '.join(done.stderr.split()) or 'failed'}")
        return done.stdout.strip()


def work(queue: Queue, units: Sequence[Unit], *, minutes: float | None = None, here: bool = False) -> list[Unit]:
    """Run what has no record, one unit at a time, until all is done or the minutes are up; returns what was finished.

    `here`: in this very folder instead of a work tree, for a copy of the project that is no checkout.

    Raises UserError when a unit fails, naming it; the others are left for the next call.
    """
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    finished: list[Unit] = []
    for unit in units:
        if deadline and time.monotonic() >= deadline:
            break
        try:
            with queue.lock(unit).acquire(timeout=0):
                if queue.record_of(unit) is None:
                    if not _run(queue, unit, deadline, here):
                        break
                    finished.append(unit)
        except Timeout:
            continue  # another queue is at it
    return finished


def _run(queue: Queue, unit: Unit, deadline: float | None, here: bool) -> bool:
    """Run a unit in a process of its own; False if time was up before it was done."""
    begun = queue.begun(unit)
    commit = begun.get("commit") or ("" if here else queue.git("rev-parse", "HEAD"))
    tree = queue.root if here else queue.tree(commit)
    earlier, started = begun.get("seconds", 0.0), time.monotonic()
    queue.remember(unit, commit, earlier)
    print(f"{unit}: {'goes on' if begun else 'begins'} at {commit[:12] or 'this folder'}", flush=True)
    environment = os.environ | ONE_THREAD | {"MIXVOCAB_CACHE": str(queue.store), "PYTHONPATH": str(tree)}
    if data := data_directory(None):
        environment[DATA_VARIABLE] = str(data.resolve())
    child = subprocess.Popen(
        command(unit),
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches this process alone, which then asks the run to stop
    )
    lines: list[str] = []
    try:
        _watch(child, lines, deadline)
    finally:
        _stop(child)
        seconds = earlier + time.monotonic() - started
        queue.remember(unit, commit, seconds)
    if child.returncode in (-signal.SIGTERM, -signal.SIGKILL):
        print(f"{unit}: stopped; the next call goes on from there", flush=True)
        return False
    if child.returncode:
        queue.forget(unit)  # the next call begins anew, at a commit that has mended it
        raise UserError(f"{unit} failed: {lines[-1] if lines else f'exit code {child.returncode}'}")
    made = Path(lines[-1])
    os.replace(made, queue.records / made.name)
    queue.forget(unit)
    print(f"{unit}: recorded as {made.name} after {duration(seconds)}", flush=True)
    return True


def command(unit: Unit) -> list[str]:
    """What runs a unit: at the lowest priority, so that it never keeps anyone waiting."""
    return ["nice", "-n", "19", sys.executable, "-m", "mixvocab_book.sweep.queue", json.dumps(asdict(unit))]


def _watch(child: subprocess.Popen[str], lines: list[str], deadline: float | None) -> None:
    """Pass on what the run prints until it ends; when time is up, stop it."""

    def read() -> None:
        for line in child.stdout or ():
            lines.append(line.rstrip())
            print(line, end="", flush=True)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        child.wait(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _stop(child)
    reader.join()


def _stop(child: subprocess.Popen[str]) -> None:
    """Ask a run to write its checkpoint and end, and make it end."""
    child.terminate()  # nothing, if it has ended
    try:
        child.wait(timeout=GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def table(queue: Queue, units: Sequence[Unit]) -> list[str]:
    """One line a unit: recorded, running, begun or missing, with its time."""
    rows = []
    for unit in units:
        record, begun = queue.record_of(unit), queue.begun(unit)
        if record:
            state, seconds = "recorded", record.get("seconds")
        else:
            seconds = begun.get("seconds")
            try:
                queue.lock(unit).acquire(timeout=0).lock.release()
                state = "begun" if begun else "missing"
            except Timeout:
                state = "running"
        rows.append(f"{state:9}{duration(seconds) if seconds else '':>14}  {unit}")
    return rows


def main() -> None:
    """Run one unit, given as JSON, for the queue; prints the record's path last."""
    from mixvocab.train import loop as train

    def stop(number: int, frame: FrameType | None) -> None:
        train.STOP.set()

    signal.signal(signal.SIGTERM, stop)
    if (group := Path("/proc/self/autogroup")).exists():  # Linux shares time among sessions before it looks at `nice`
        with suppress(OSError):
            group.write_text("19")
    try:
        print(run_unit(Unit(**json.loads(sys.argv[1]))), flush=True)
    except train.Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    except UserError as error:
        print(" ".join(str(error).split()), flush=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
