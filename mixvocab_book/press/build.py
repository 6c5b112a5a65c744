"""Make the book: run the chapters that have changed, check every executed copy, render the pages (`make book`)."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from filelock import FileLock, Timeout

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.progress import duration
from mixvocab.sources.source import DATA_VARIABLE, data_directory
from mixvocab_book.press import gate
from mixvocab_book.press.book import Book, select
from mixvocab_book.press.render import render

AT_ONCE = 2  # chapters
GIVEN_THREADS = os.environ.get("OMP_NUM_THREADS")


def build(book: Book, only: Sequence[str] = ()) -> bool:
    """Bring the pages up to date; returns whether anything in them has changed.

    `only`: the chapters to run, as for `book.select`; the others must be there from an earlier run.

    Raises UserError, naming the chapter and what is wrong with it, or the renderer's complaints.
    """
    run_chapters(book, only)
    for name in book.chapters():
        if problem := gate.problem(book, book.copy(name), name):
            raise UserError(f"{name} cannot be shown: {problem}; run it: mixbook run --only {name}")
    return render(book)


def run_chapters(book: Book, only: Sequence[str] = ()) -> None:
    """Run those of the chapters that are not up to date; each ends checked, under `book.executed`.

    Two run at a time; where both need one artefact, the second waits for the first to make it. A chapter that
    measures time ("alone" in its notebook's metadata) has the machine to itself, after the others.

    Raises UserError, naming the chapter and what went wrong, at the first that fails (another that runs is stopped, and
    goes on from its last checkpoint next time), and at once if another process runs chapters into this folder; what ran
    before stays.
    """
    names = select(book.chapters(), only)
    book.executed.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(book.executed / ".lock", timeout=0):
            places = {name: f"[{number}/{len(names)}]" for number, name in enumerate(names, start=1)}
            todo = [item for item in places.items() if not gate.is_current(book, item[0])]
            alone = [item for item in todo if gate.runs_alone(book, item[0])]
            beside = [item for item in todo if item not in alone]
            if len(beside) > 1:
                run_together(book, beside)
            else:
                for item in beside:
                    run_chapter(book, item, threads=share_of_cores())
            for item in alone:
                run_chapter(book, item, threads=None)
    except Timeout:
        raise UserError("another process is running the chapters; try again when it has ended") from None


def run_together(book: Book, items: Sequence[tuple[str, str]]) -> None:
    """Run chapters, `AT_ONCE` at a time. Raises UserError at the first that fails; what runs beside it is ended."""
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn"), end_with_parent) as pool:
        runs = [pool.submit(run_chapter, book, item, threads=share_of_cores()) for item in items]
        try:
            for run in as_completed(runs):
                run.result()
        except BrokenProcessPool:
            raise UserError("a chapter's process was ended from outside, perhaps for lack of memory") from None
        finally:
            if not all(run.done() for run in runs):  # one has failed, or Ctrl-C
                for worker in multiprocessing.active_children():
                    worker.kill()  # its kernel ends with it


def end_with_parent() -> None:
    """Let this process, and with it its kernel, end when the one that started it does, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def share_of_cores() -> int:
    """Threads of a chapter that runs beside another, or would.

    Two models of one thread each train faster than one after the other with two threads each: layers this narrow end
    before threads that slept have woken, and threads that spin instead cost a shared machine most of its speed.
    """
    return max(1, (os.cpu_count() or 1) // AT_ONCE)


@dataclass
class Prefixed:
    """What a chapter says to whoever waits, on this process's stderr: each line with the chapter's place before it."""

    place: str

    def write(self, text: str) -> None:
        """Pass on whole lines, as chapters say them."""
        sys.stderr.writelines(f"{self.place} {line}" for line in text.splitlines(keepends=True))

    def flush(self) -> None:
        """Pass them on now."""
        sys.stderr.flush()


def run_chapter(book: Book, item: tuple[str, str], *, threads: int | None) -> None:
    """Execute a chapter by papermill, in a kernel of its own; its copy, checked and stamped, is kept.

    `item`: the chapter's name, and its place among the others, which stands before each line about it. `threads`: of
    its computations; None: as many as there are cores. Who has set OMP_NUM_THREADS has decided.

    Raises UserError with what went wrong; an earlier copy stays then, and the half-run one lies beside it.
    """
    name, place = item
    print(f"{place} {name}: running at {book.profile}", flush=True)
    # Someone who presses Ctrl-C need not read what asyncio and the kernel's client think of it.
    for library in ("asyncio", "traitlets", "papermill"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    import papermill  # costs a second, which a build with nothing to run should not pay
    from nbclient.exceptions import DeadKernelError

    key = gate.chapter_key(book, name)
    half = book.executed / ".running" / f"{name}.ipynb"
    half.parent.mkdir(exist_ok=True)
    # Through the environment, not as a parameter: an executed copy should name no path of this machine.
    if folder := data_directory(book.data_dir):
        os.environ[DATA_VARIABLE] = str(folder.resolve())
    if not GIVEN_THREADS:
        os.environ.pop("OMP_NUM_THREADS", None)
        if threads:
            os.environ["OMP_NUM_THREADS"] = str(threads)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            book.notebook(name),
            half,
            parameters={"profile": book.profile, "seed": book.seed},
            cwd=book.root / "notebooks",
            progress_bar=False,
            extra_arguments=["--log-level=40"],  # the kernel's own remarks on its connection are for nobody here
            stderr_file=Prefixed(place),
        )
    except papermill.PapermillExecutionError as error:
        line = " ".join(str(error.evalue).split())
        if error.ename != "UserError":
            line = f"code cell {error.exec_count} failed with {error.ename}: {line}; the half-run copy is {half}"
        raise UserError(f"{name}: {line}") from None
    except DeadKernelError:
        raise UserError(f"{name}: its kernel died, perhaps for lack of memory; try a smaller profile") from None
    seconds = time.perf_counter() - started
    if problem := gate.problem(book, half, name):
        raise UserError(f"{name}: {problem}; the copy is {half}")
    notebook = json.loads(half.read_text(encoding="utf-8"))
    del notebook["metadata"]["papermill"]  # it names paths of this machine
    finished = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    notebook["metadata"]["mixvocab"] = {"key": key, "seconds": round(seconds, 1), "finished": finished}
    write_json(book.copy(name), notebook)
    half.unlink()
    print(f"{place} {name}: done in {duration(seconds)}", flush=True)
