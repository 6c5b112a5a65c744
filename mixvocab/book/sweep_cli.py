"""`mixvocab sweep`: the experiments of chapter 07, each cell once, in as many processes as there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mixvocab.extras import need


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
    process a GPU of its own: accelerate launch --multi_gpu --num_processes 4 -m mixvocab.cli sweep. The option
    --multi_gpu is needed on CPUs as well; without it the launcher starts one process.
    """
    need("book", "filelock", "scipy", "IPython")
    from mixvocab.book.workers import take_part

    worker = take_part()  # before anything asks for a device
    from mixvocab.book.ablations import plain_table
    from mixvocab.book.chapter import open_chapter
    from mixvocab.book.grid import PATH
    from mixvocab.book.sweep import CHAPTER, run_sweep
    from mixvocab.settings import parse_settings

    overrides: dict[str, Any] = parse_settings(setting or [])
    chapter = open_chapter(CHAPTER, profile=profile, seed=seed, data_dir=data_dir, **overrides)
    results = run_sweep(
        chapter, name, grid=grid or PATH, only=only or (), seeds=seeds, committed=not fresh, keep=keep, worker=worker
    )
    if worker.is_main:
        typer.echo(plain_table(results))
        if results.failed:  # the others end well: a launcher stops every process when one of them fails
            raise typer.Exit(2)
