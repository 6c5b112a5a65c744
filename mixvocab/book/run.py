"""Run the chapters, each by papermill in a kernel of its own, in the order of the table of contents.

A chapter is not run again while nothing that it depends on has changed: its notebook, the profile's settings, the
library code it imports, the packages' versions, the data folder's files and the committed records.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mixvocab.book import gate
from mixvocab.book.fingerprint import source_fingerprint
from mixvocab.book.layout import Layout
from mixvocab.book.profiles import load_profile
from mixvocab.book.provenance import versions
from mixvocab.errors import UserError
from mixvocab.files import file_sha256, write_json
from mixvocab.progress import duration
from mixvocab.sources.cache import cache_root
from mixvocab.sources.source import DATA_VARIABLE, data_directory

PROGRESS = re.compile(r"^[^(]{1,80}: .*(\bleft\b|\b(done|made) in |making it again|waiting)")
"""Lines that `mixvocab.progress` and the artefact store print."""


@dataclass(frozen=True)
class Settings:
    """What the chapters are run with."""

    profile: str = "laptop"
    seed: int = 0
    data_dir: Path | None = None
    force: bool = False  # run also what is up to date


def run_chapters(layout: Layout, settings: Settings, names: list[str]) -> None:
    """Run those of the named chapters that are not up to date; each ends checked, under `layout.executed`.

    Raises UserError, naming the chapter and what went wrong, at the first that fails; what ran before it stays.
    """
    load_profile(settings.profile)
    folder = data_directory(settings.data_dir)
    settings = Settings(settings.profile, settings.seed, folder and folder.resolve(), settings.force)
    with _only_one(layout.executed):
        keys = {name: chapter_key(layout, settings, name) for name in names}
        waiting = [name for name in names if settings.force or not is_current(layout, settings, name, keys[name])]
        past = _durations(settings.profile)
        for done, name in enumerate(waiting):
            left = [past.get(other) for other in waiting[done:]]
            estimate = f", about {duration(sum(left))} left" if None not in left else ""  # type: ignore[arg-type]
            place = names.index(name) + 1
            print(f"[{place}/{len(names)}] {name}: running at {settings.profile}{estimate}", flush=True)
            try:
                seconds = _run(layout, settings, name, keys[name])
            except KeyboardInterrupt:
                print(f"{name}: stopped; what was made so far is kept, and the next run goes on from there", flush=True)
                raise
            past[name] = seconds
            _remember(settings.profile, past)
            print(f"[{place}/{len(names)}] {name}: done in {duration(seconds)}", flush=True)


def is_current(layout: Layout, settings: Settings, name: str, key: str) -> bool:
    """Whether the executed copy is of this very state of everything, and passes the gate."""
    notebook = gate.read_notebook(layout.copy(name))
    return bool(
        notebook and notebook["metadata"].get("mixvocab", {}).get("key") == key and not check(layout, settings, name)
    )


def check(layout: Layout, settings: Settings, name: str, path: Path | None = None) -> list[str]:
    """What the gate has against a chapter's executed copy."""
    return gate.problems(
        path or layout.copy(name),
        chapter=name,
        profile=settings.profile,
        seed=settings.seed,
        data_dir=data_directory(settings.data_dir) is not None,
    )


def chapter_key(layout: Layout, settings: Settings, name: str) -> str:
    """A fingerprint of all that a chapter's outputs depend on. Raises UserError for an unreadable notebook."""
    notebook = gate.read_notebook(layout.notebook(name))
    if notebook is None:
        raise UserError(f"notebooks/{name}.ipynb is not a notebook; restore it from version control")
    code = "\n".join(_plain_python(gate.source(cell)) for cell in gate.code_cells(notebook))
    try:
        library = source_fingerprint(code)
    except SyntaxError as error:
        raise UserError(f"notebooks/{name}.ipynb holds a syntax error: {error.msg}: {error.text}") from None
    parts = [
        [
            [cell["cell_type"], gate.source(cell), cell.get("metadata", {}).get("tags", [])]
            for cell in notebook["cells"]
        ],
        load_profile(settings.profile).model_dump(mode="json"),
        settings.seed,
        library,
        versions(),
        _listing(data_directory(settings.data_dir)),
        [[path.name, file_sha256(path)] for path in _records(layout.root / "records")],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _records(folder: Path) -> list[Path]:
    """The committed records, and what is said of the model that is kept for the pages."""
    return sorted(folder.glob("*.json")) + sorted(folder.glob("models/*/*.json"))


def _plain_python(text: str) -> str:
    """Without IPython's magics, which are not Python."""
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines())


def _listing(folder: Path | None) -> list[list[Any]]:
    """Names, sizes and times of the files in the data folder: a change shows without reading gigabytes."""
    if folder is None:
        return []
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    stats = [path.stat() for path in files]
    return [[f.relative_to(folder).as_posix(), s.st_size, s.st_mtime_ns] for f, s in zip(files, stats, strict=True)]


def _run(layout: Layout, settings: Settings, name: str, key: str) -> float:
    """Execute one chapter, check it, move it into place; returns seconds."""
    # Someone who presses Ctrl-C need not read what asyncio and the kernel's client think of it.
    for library in ("asyncio", "traitlets", "papermill"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    import papermill  # costs a second, which a build with nothing to run should not pay
    from nbclient.exceptions import DeadKernelError

    half = layout.executed / ".running" / f"{name}.ipynb"
    half.parent.mkdir(parents=True, exist_ok=True)
    kept = half.relative_to(layout.root) if half.is_relative_to(layout.root) else half
    # Through the environment, not as a parameter: an executed copy should name no path of this machine.
    if settings.data_dir is not None:
        os.environ[DATA_VARIABLE] = str(settings.data_dir)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(layout.notebook(name)),
            str(half),
            parameters={"profile": settings.profile, "seed": settings.seed},
            cwd=str(layout.root / "notebooks"),
            progress_bar=False,
            extra_arguments=["--log-level=40"],  # the kernel's own remarks on its connection are for nobody here
            stdout_file=_Progress(name.partition("_")[0]),
        )
    except papermill.PapermillExecutionError as error:
        line = " ".join(str(error.evalue).split())
        if error.ename == "UserError":
            raise UserError(f"{name}: {line}") from None
        raise UserError(
            f"{name}: code cell {error.exec_count} failed with {error.ename}: {line}; the half-run copy is {kept}"
        ) from None
    except DeadKernelError:
        raise UserError(
            f"{name}: its kernel died, perhaps for lack of memory; try a smaller profile. The half-run copy is {kept}"
        ) from None
    seconds = time.perf_counter() - started
    if found := check(layout, settings, name, half):
        raise UserError(f"{name}: {'; '.join(found)}; the copy is {kept}")
    _finish(half, layout.copy(name), {"key": key, "seconds": round(seconds, 1), "finished": _now()})
    return seconds


def _finish(half: Path, final: Path, facts: dict[str, Any]) -> None:
    """Stamp the executed copy, drop paths of this machine from its metadata, and put it into place."""
    notebook = json.loads(half.read_text(encoding="utf-8"))
    run = notebook["metadata"]["papermill"]
    run["input_path"] = run["output_path"] = final.name
    run.get("environment_variables", {}).clear()
    notebook["metadata"]["mixvocab"] = facts
    write_json(final, notebook)
    half.unlink()


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


class _Progress:
    """A text file that passes on a chapter's lines about progress, behind its number, and no others."""

    def __init__(self, prefix: str) -> None:
        self.prefix, self.pending = prefix, ""

    def write(self, text: str) -> int:
        *lines, self.pending = (self.pending + text).split("\n")
        for line in filter(PROGRESS.search, lines):
            print(f"  {self.prefix} | {line}", flush=True)
        return len(text)

    def flush(self) -> None:
        """Lines are printed as they end."""


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """No two processes run chapters into one folder; the second waits and then finds the work done."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("another process is running the chapters; waiting for it", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _durations(profile: str) -> dict[str, float]:
    """Seconds that each chapter took when it last ran here at this profile."""
    try:
        found: dict[str, float] = json.loads(_durations_path().read_text(encoding="utf-8")).get(profile, {})
        return found
    except (OSError, ValueError, AttributeError):
        return {}


def _remember(profile: str, seconds: dict[str, float]) -> None:
    try:
        known = json.loads(_durations_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    write_json(_durations_path(), known | {profile: {name: round(value, 1) for name, value in seconds.items()}})


def _durations_path() -> Path:
    return cache_root() / "chapter-seconds.json"
