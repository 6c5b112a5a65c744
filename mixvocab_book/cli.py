"""The command `mixbook`: run the chapters, render the book, train sweeps, record runs.

As in `mixvocab`, bad input ends in one line and exit code 2, and a command imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mixvocab.common.errors import UserError, need, run_command

app = typer.Typer(
    name="mixbook",
    help="Run the chapters, render the book, train the sweeps, record the runs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Profile = Annotated[str, typer.Option(help="How much to compute: smoke, laptop, evening, gpu or paper.")]
Only = Annotated[list[str] | None, typer.Option(help="A chapter, by number or name; may be repeated.")]
Seed = Annotated[int, typer.Option(min=0, help="The first seed.")]
DataDir = Annotated[Path | None, typer.Option(help="Your data folder; default: MIXVOCAB_DATA.")]
PRESS = ("papermill", "nbformat", "IPython")  # what running and rendering chapters begins with
Output = Annotated[Path | None, typer.Option(help="Where the pages go; default: book/_build/html.")]


@app.command()
def run(
    profile: Profile = "laptop",
    only: Only = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    output: Output = None,
) -> None:
    """Run the chapters that are not up to date."""
    need("book", *PRESS)
    from mixvocab_book.press.build import run_chapters
    from mixvocab_book.press.layout import Layout, Settings

    run_chapters(Layout.find(profile, output), Settings(profile, seed, data_dir), only or [])


@app.command()
def build(
    profile: Profile = "laptop",
    only: Only = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    output: Output = None,
) -> None:
    """Run what is not up to date, check it, and render the book.

    With --only, chapters that were not named must be there from an earlier run at the same profile.
    """
    need("book", *PRESS)
    from mixvocab_book.press import build as press
    from mixvocab_book.press.layout import Layout, Settings

    layout = Layout.find(profile, output)
    changed = press.build(layout, Settings(profile, seed, data_dir), only or [])
    typer.echo(f"{'the book is' if changed else 'nothing has changed; the book is'} at {layout.html / 'index.html'}")


@app.command()
def status(profile: Profile = "laptop", seed: Seed = 0, data_dir: DataDir = None, output: Output = None) -> None:
    """Say of each chapter whether its executed copy is up to date."""
    need("book", *PRESS)
    from mixvocab_book.press import gate
    from mixvocab_book.press.layout import Layout, Settings

    layout, settings = Layout.find(profile, output), Settings(profile, seed, data_dir)
    for name in layout.chapters():
        state = "up to date" if gate.is_current(layout, settings, name) else "out of date"
        typer.echo(f"{name}: {gate.problem(layout.copy(name), name, settings) or state}")


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(metavar="[SWEEP]", help="A sweep of the grid: reduced, full.")] = "full",
    grid: Annotated[Path | None, typer.Option(help="YAML file with the experiments; default: the book's.")] = None,
    profile: Annotated[str, typer.Option(help="How much to compute: smoke, laptop, evening, gpu or paper.")] = "laptop",
    only: Annotated[
        list[str] | None, typer.Option(help="An experiment, or a cell as experiment=value; repeatable.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds; default: the sweep's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting of the profile in every cell; repeatable.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Your data folder; default: MIXVOCAB_DATA.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train what only committed records have, too, not just what has none.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep records that an earlier state of the code has written.")
    ] = False,
) -> None:
    """Train the cells of a sweep that have no record, then print all as a table.

    Several processes share the work: start the command several times, or by Accelerate's launcher, which gives each
    process a GPU of its own: accelerate launch --multi_gpu --num_processes 4 -m mixvocab_book.cli sweep. The option
    --multi_gpu is needed on CPUs as well; without it the launcher starts one process.
    """
    need("book", "scipy", "IPython")
    from mixvocab_book.sweep.workers import take_part

    worker = take_part()  # before anything asks for a device
    from mixvocab.settings.given import parse_settings
    from mixvocab_book.chapter import open_chapter
    from mixvocab_book.sweep.grid import PATH
    from mixvocab_book.sweep.results import plain_table
    from mixvocab_book.sweep.run import CHAPTER, run_sweep

    overrides: dict[str, Any] = parse_settings(setting or [])
    chapter = open_chapter(CHAPTER, profile=profile, seed=seed, data_dir=data_dir, **overrides)
    results = run_sweep(
        chapter, name, grid=grid or PATH, only=only or (), seeds=seeds, committed=not fresh, keep=keep, worker=worker
    )
    if worker.is_main:
        typer.echo(plain_table(results))
        if results.failed:  # the others end well: a launcher stops every process when one of them fails
            raise typer.Exit(2)


@app.command()
def record(
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Stop cleanly after so many minutes; the next call goes on.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Say what is recorded, running, begun and missing.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Put the best exported student into records/models.")] = False,
    profile: Annotated[str, typer.Option(help="The runs of this profile.")] = "evening",
    wanted: Annotated[Path | None, typer.Option(help="The list; default: records/wanted.yaml.")] = None,
    store: Annotated[Path | None, typer.Option(help="Where half-done work lies; default: .cache/queue.")] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Run in this folder as it is; for a copy of the project without git.")
    ] = False,
) -> None:
    """Work off records/wanted.yaml, one run at a time, at the lowest priority; stop it when you like.

    Start it once for each core. Finished records appear in records/, to be looked at and committed.
    """
    need("tasks", "scipy", "sklearn", "seqeval")
    from mixvocab.sources.source import DATA_VARIABLE, data_directory
    from mixvocab_book.sweep.kept import keep_best
    from mixvocab_book.sweep.queue import MODELS, Queue, load_wanted, table, work

    queue = Queue.find(store)
    if keep:
        typer.echo(f"kept: {keep_best(queue.records, queue.store / MODELS).name}")
        return
    units = load_wanted(wanted or queue.records / "wanted.yaml", profile)
    if show:
        typer.echo("\n".join(table(queue, units)))
        return
    if profile != "smoke" and data_directory(None) is None:
        raise UserError(f"recorded runs read real text and tasks: name your data folder in {DATA_VARIABLE}")
    finished = work(queue, units, minutes=minutes, here=here)
    left = sum(queue.record_of(unit) is None for unit in units)
    typer.echo(f"{len(finished)} recorded, {left} of {len(units)} left")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` default to the process's own."""
    run_command(app, "mixbook", arguments)


if __name__ == "__main__":
    main()
