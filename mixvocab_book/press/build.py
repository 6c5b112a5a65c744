"""Make the book: run the chapters that have changed, check every executed copy, render the pages (`make book`)."""

from __future__ import annotations

from collections.abc import Sequence

from filelock import FileLock, Timeout

from mixvocab.common.errors import UserError
from mixvocab.common.progress import duration
from mixvocab_book.press import gate
from mixvocab_book.press.layout import Layout, Settings, select
from mixvocab_book.press.render import render
from mixvocab_book.press.run import run_chapter


def build(layout: Layout, settings: Settings, only: Sequence[str] = ()) -> bool:
    """Bring the pages up to date; returns whether anything in them has changed.

    `only`: the chapters to run, as for `layout.select`; the others must be there from an earlier run.

    Raises UserError, naming the chapter and what is wrong with it, or the renderer's complaints.
    """
    run_chapters(layout, settings, only)
    for name in layout.chapters():
        if problem := gate.problem(layout.copy(name), name, settings):
            raise UserError(f"{name} cannot be shown: {problem}; run it: mixbook run --only {name}")
    return render(layout)


def run_chapters(layout: Layout, settings: Settings, only: Sequence[str] = ()) -> None:
    """Run those of the chapters that are not up to date; each ends checked, under `layout.executed`.

    Raises UserError, naming the chapter and what went wrong, at the first that fails, and at once if another process
    runs chapters into this folder; what ran before stays.
    """
    names = select(layout.chapters(), only)
    layout.executed.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(layout.executed / ".lock", timeout=0):
            for number, name in enumerate(names, start=1):
                if not gate.is_current(layout, settings, name):
                    print(f"[{number}/{len(names)}] {name}: running at {settings.profile}", flush=True)
                    seconds = run_chapter(layout, settings, name)
                    print(f"[{number}/{len(names)}] {name}: done in {duration(seconds)}", flush=True)
    except Timeout:
        raise UserError("another process is running the chapters; try again when it has ended") from None
