"""`mixvocab book run|build|status`: run the chapters, render the book, say what is up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixvocab.errors import UserError

book_app = typer.Typer(help="Run the chapters and render the book.", no_args_is_help=True, rich_markup_mode=None)

Profile = Annotated[str, typer.Option(help="How much to compute: smoke, laptop, evening, gpu or paper.")]
Only = Annotated[list[str] | None, typer.Option(help="A chapter, by number or name; may be repeated.")]
Seed = Annotated[int, typer.Option(min=0, help="The first seed.")]
DataDir = Annotated[Path | None, typer.Option(help="Your data folder; default: MIXVOCAB_DATA.")]
Force = Annotated[bool, typer.Option("--force", help="Run chapters also where nothing has changed.")]
Output = Annotated[Path | None, typer.Option(help="Where the pages go; default: book/_build/html.")]


@book_app.command()
def run(
    profile: Profile = "laptop",
    only: Only = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    force: Force = False,
    output: Output = None,
) -> None:
    """Run the chapters that are not up to date."""
    from mixvocab.book.layout import Layout, select
    from mixvocab.book.run import Settings, run_chapters

    layout = Layout.find(profile, output)
    run_chapters(layout, Settings(profile, seed, data_dir, force), select(layout.chapters(), only or []))


@book_app.command()
def build(
    profile: Profile = "laptop",
    only: Only = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    force: Force = False,
    output: Output = None,
) -> None:
    """Run what is not up to date, check it, and render the book.

    With --only, chapters that were not named must be there from an earlier run at the same profile.
    """
    from mixvocab.book.layout import Layout, select
    from mixvocab.book.render import render
    from mixvocab.book.run import Settings, check, run_chapters

    layout, settings = Layout.find(profile, output), Settings(profile, seed, data_dir, force)
    chapters = layout.chapters()
    run_chapters(layout, settings, select(chapters, only or []))
    for name in chapters:
        if found := check(layout, settings, name):
            raise UserError(f"{name} cannot be shown: {'; '.join(found)}; run it: mixvocab book run --only {name}")
    changed = render(layout)
    typer.echo(f"{'the book is' if changed else 'nothing has changed; the book is'} at {layout.html / 'index.html'}")


@book_app.command()
def status(profile: Profile = "laptop", seed: Seed = 0, data_dir: DataDir = None, output: Output = None) -> None:
    """Say of each chapter whether its executed copy is up to date, how long it took and what it read."""
    from mixvocab.book.gate import read_notebook
    from mixvocab.book.layout import Layout
    from mixvocab.book.pages import status_rows
    from mixvocab.book.run import Settings, chapter_key, check, is_current

    layout, settings = Layout.find(profile, output), Settings(profile, seed, data_dir)
    chapters = layout.chapters()
    for row in status_rows({name: read_notebook(layout.copy(name)) for name in chapters}):
        name = row["chapter"]
        if row["state"] != "executed":
            typer.echo(f"{name}: {row['state']}")
            continue
        faults = check(layout, settings, name)
        current = is_current(layout, settings, name, chapter_key(layout, settings, name))
        state = "; ".join(faults) or ("up to date" if current else "out of date")
        read = ", ".join(f"{s['kind']} {s['name']} ({'real' if s['real'] else 'synthetic'})" for s in row["sources"])
        typer.echo(
            f"{name}: {state}; {row['runtime']}, {row['finished']}, seeds {row['seeds']}, {row['commit']}; {read}"
        )
