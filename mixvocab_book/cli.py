"""The command `mixbook`: run the chapters, render the book, train sweeps, record runs.

As in `mixvocab`, bad input ends in one line and exit code 2, and a command imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixvocab.common.errors import UserError, need, run_command

if TYPE_CHECKING:
    from mixvocab_book.press.book import Book

app = typer.Typer(
    name="mixbook",
    help="Run the chapters, render the book, train the sweeps, record the runs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Profile = Annotated[str, typer.Option(help="How much to compute: smoke, laptop, evening, gpu or paper.")]
Seed = Annotated[int, typer.Option(min=0, help="The first seed.")]
DataDir = Annotated[Path | None, typer.Option(help="Your data folder; default: MIXVOCAB_DATA.")]


def of_chapters(act: Callable[[Book, list[str]], None]) -> None:
    """Make `act` a command on chapters: all of these have the same options."""

    @app.command(act.__name__, help=act.__doc__)
    def command(
        profile: Profile = "laptop",
        only: Annotated[list[str] | None, typer.Option(help="A chapter, by number or name; repeatable.")] = None,
        seed: Seed = 0,
        data_dir: DataDir = None,
        output: Annotated[Path | None, typer.Option(help="Where the pages go; default: book/_build/html.")] = None,
    ) -> None:
        need("book", "papermill", "nbformat", "IPython")
        from mixvocab_book.press.book import Book

        act(Book.find(profile, seed, data_dir, output), only or [])


@of_chapters
def run(book: Book, only: list[str]) -> None:
    """Run the chapters that are not up to date."""
    from mixvocab_book.press.build import run_chapters

    run_chapters(book, only)


@of_chapters
def build(book: Book, only: list[str]) -> None:
    """Run what is not up to date, check it, and render the book.

    With --only, chapters that were not named must be there from an earlier run at the same profile.
    """
    from mixvocab_book.press import build as press

    changed = press.build(book, only)
    typer.echo(f"{'the book is' if changed else 'nothing has changed; the book is'} at {book.html / 'index.html'}")


@of_chapters
def status(book: Book, only: list[str]) -> None:
    """Say of each chapter whether its executed copy is up to date."""
    from mixvocab_book.press import gate
    from mixvocab_book.press.book import select

    for name in select(book.chapters(), only):
        state = "up to date" if gate.is_current(book, name) else "out of date"
        typer.echo(f"{name}: {gate.problem(book, book.copy(name), name) or state}")


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(metavar="[SWEEP]", help="A sweep of the grid: reduced, full.")] = "full",
    profile: Profile = "laptop",
    only: Annotated[list[str] | None, typer.Option(help="An experiment, or experiment=cell; repeatable.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds; default: the sweep's.")] = None,
    seed: Seed = 0,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Another setting; repeatable.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Train the students of a sweep, those that are there found again, then print all as a table.

    Start it several times to share the work, on GPUs with another CUDA_VISIBLE_DEVICES each.
    """
    need("book", "scipy", "IPython")
    from mixvocab.settings.given import parse_settings
    from mixvocab_book.chapter import open_chapter
    from mixvocab_book.sweep.results import plain_table
    from mixvocab_book.sweep.run import run_sweep

    given: dict[str, Any] = parse_settings(setting or [])
    chapter = open_chapter("07_ablations", profile=profile, seed=seed, data_dir=data_dir, **given)
    results = run_sweep(chapter, name, only=only or [], seeds=seeds)
    typer.echo(plain_table(results))
    if results.failed:
        raise typer.Exit(2)


@app.command()
def record(
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many; the next call goes on.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Say what is recorded, running, begun and missing.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Put the best recorded student into records/models.")] = False,
    profile: Annotated[str, typer.Option(help="The runs of this profile.")] = "evening",
    here: Annotated[bool, typer.Option("--here", help="Run in this folder, for a copy without git.")] = False,
) -> None:
    """Work off records/wanted.yaml, one run at a time, at the lowest priority; stop it when you like.

    Start it once for each core. Finished records appear in records/, to be looked at and committed.
    """
    need("tasks", "scipy", "sklearn", "seqeval")
    from mixvocab.sources.source import DATA_VARIABLE, data_directory
    from mixvocab_book.sweep.kept import keep_best
    from mixvocab_book.sweep.queue import Queue, load_wanted, work

    queue = Queue.find()
    units = [unit for unit in load_wanted(queue.records / "wanted.yaml") if unit.profile == profile]
    if show:
        typer.echo("\n".join(queue.status(unit) for unit in units))
        return
    if profile != "smoke" and data_directory(None) is None:
        raise UserError(f"recorded runs read real text and tasks: name your data folder in {DATA_VARIABLE}")
    if keep:
        typer.echo(f"kept: {keep_best(queue, units)}")
        return
    finished = work(queue, units, minutes=minutes, here=here)
    left = sum(queue.record_of(unit) is None for unit in units)
    typer.echo(f"{len(finished)} recorded, {left} of {len(units)} left")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` default to the process's own."""
    run_command(app, "mixbook", arguments)


if __name__ == "__main__":
    main()
