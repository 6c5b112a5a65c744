"""Make the book: run the chapters that have changed, check every executed copy, render the pages (`make book`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from mixvocab.common.errors import UserError
from mixvocab.common.progress import duration
from mixvocab.settings.profiles import load_profile
from mixvocab.sources.source import data_directory
from mixvocab_book.press import gate
from mixvocab_book.press.freshness import chapter_key, is_current
from mixvocab_book.press.layout import Layout, Settings, select
from mixvocab_book.press.render import render
from mixvocab_book.press.run import run_chapter


def build(layout: Layout, settings: Settings, only: Sequence[str] = ()) -> bool:
    """Bring the pages up to date; returns whether anything in them has changed.

    `only`: the chapters to run, as for `layout.select`; the others must be there from an earlier run.

    Raises UserError, naming the chapter and what is wrong with it, or the renderer's complaints.
    """
    chapters = layout.chapters()
    run_chapters(layout, settings, select(chapters, list(only)))
    for name in chapters:
        if problems := gate.problems(layout.copy(name), name, settings):
            raise UserError(f"{name} cannot be shown: {'; '.join(problems)}; run it: mixbook run --only {name}")
    return render(layout)


def run_chapters(layout: Layout, settings: Settings, names: list[str]) -> None:
    """Run those of the named chapters that are not up to date; each ends checked, under `layout.executed`.

    Raises UserError, naming the chapter and what went wrong, at the first that fails; what ran before it stays.
    """
    load_profile(settings.profile)
    folder = data_directory(settings.data_dir)
    settings = replace(settings, data_dir=folder and folder.resolve())
    with _only_process(layout.executed):
        keys = {name: chapter_key(layout, settings, name) for name in names}
        waiting = [name for name in names if settings.force or not is_current(layout, settings, name, keys[name])]
        for number, name in enumerate(waiting):
            place = f"[{names.index(name) + 1}/{len(names)}] {name}"
            print(f"{place}: running at {settings.profile}{_time_left(layout, waiting[number:])}", flush=True)
            seconds = run_chapter(layout, settings, name, keys[name])
            print(f"{place}: done in {duration(seconds)}", flush=True)


def _time_left(layout: Layout, names: Sequence[str]) -> str:
    """From what these chapters took last time, if all are known."""
    copies = [gate.read_notebook(layout.copy(name)) for name in names]
    seconds = [copy["metadata"].get("mixvocab", {}).get("seconds") if copy else None for copy in copies]
    return "" if None in seconds else f", about {duration(sum(filter(None, seconds)))} left"


@contextmanager
def _only_process(folder: Path) -> Iterator[None]:
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
