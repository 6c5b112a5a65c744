"""`mixvocab record`: work off the list of recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixvocab.extras import need


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
    need("book", "filelock", "scipy", "IPython")
    from mixvocab.book.kept import keep_best
    from mixvocab.book.queue import MODELS, Queue, load_wanted, table, work
    from mixvocab.errors import UserError
    from mixvocab.sources.source import DATA_VARIABLE, data_directory

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
