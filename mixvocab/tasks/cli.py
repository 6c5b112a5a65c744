"""`mixvocab finetune`: a model on a task, to a folder that can be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixvocab.common.errors import UserError, need

if TYPE_CHECKING:
    from mixvocab.settings.profiles import Profile


def finetune(
    model: Annotated[Path, typer.Argument(help="Folder of a student (mixvocab distill) or of another BERT.")],
    task: Annotated[str, typer.Option(help="snips (any intents and slots in its layout), or a GLUE task by name.")],
    out: Annotated[
        Path, typer.Option(help="New folder for the model; an unfinished run of the same settings goes on.")
    ],
    data: Annotated[str, typer.Option(help="The task's folder, or a source: auto, embedded, hub:<name>.")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Data folder; default: the one in MIXVOCAB_DATA.")] = None,
    profile: Annotated[str, typer.Option(help="Whose recipe: smoke, laptop, evening, gpu, paper.")] = "laptop",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting of the recipe: epochs=20; repeatable.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(help="How many training rows: a number, or all; default: as many as the profile says.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of heads, order and dropout.")] = 0,
) -> None:
    """Fine-tune a BERT on intents and slots or on a GLUE task; development data chooses, the rest is scored once."""
    need("tasks", "sklearn", "seqeval")
    from mixvocab.common.files import claim, publish
    from mixvocab.models.loading import read_config
    from mixvocab.sources import resolve_glue, resolve_snips
    from mixvocab.tasks.glue import finetune_glue
    from mixvocab.tasks.glue_rows import roles
    from mixvocab.tasks.joint import training_rows, unseen_labels
    from mixvocab.tasks.joint_bert import finetune_joint_bert

    config = read_config(model)
    if data_dir and data not in ("auto", "data-dir"):
        raise UserError(f"--data-dir {data_dir} is not read with --data {data}: leave one of them out")
    joint = task.lower() == "snips"
    chosen = _profile(profile, setting or [], "snips" if joint else "glue")
    settings = chosen.snips if joint else chosen.glue
    tuning = settings.tuning(config.get("hidden_size"))
    if joint:
        snips = resolve_snips(data, data_dir=data_dir)
        source, limit = snips.source, _limit(rows, chosen.snips.rows)
        used, available = len(training_rows(snips, limit)), len(snips.splits["train"])
        about = "chosen on valid, reported on test"
        for line in unseen_labels(snips):
            typer.echo(f"note: {line}", err=True)
    else:
        glue = resolve_glue(task, data, data_dir=data_dir)
        source, limit = glue.source, _limit(rows, chosen.glue.rows.get(glue.task))
        parts = roles(glue, limit)
        used, available, about = len(parts.train), parts.available, parts.about
    described = {"model": str(model.resolve()), "tuning": tuning.model_dump(), "source": source.as_record()}
    work = claim(out, described | {"rows": limit, "seed": seed})
    remark = "" if used == available else " (--rows all: on all of them)"
    typer.echo(f"training on {used:,} of {available:,} rows{remark}; {about}")
    model_out, run = work / "model", work / "run"
    if joint:
        tuned = finetune_joint_bert(model, snips, tuning, model_out, seed=seed, limit=limit, folder=run)
    else:
        tuned = finetune_glue(model, glue, tuning, model_out, seed=seed, limit=limit, folder=run)
    publish(work / "model", out)
    development = {name: value for name, value in tuned.best.items() if name not in ("step", "epoch")}
    for split, values in {"choosing rows": development, **tuned.reported}.items():
        typer.echo(f"{split}: " + "  ".join(f"{name} {100 * value:.2f}" for name, value in values.items()))
    typer.echo(f"written to {out}")


def _profile(name: str, given: Sequence[str], section: str) -> Profile:
    """The profile with the settings given. Raises UserError for one that fine-tuning does not read."""
    from mixvocab.settings.given import parse_settings
    from mixvocab.settings.profiles import TuningSettings, load_profile

    settings = {key if "." in key else f"{section}.{key}": value for key, value in parse_settings(given).items()}
    profile = load_profile(name, **settings)  # names that no profile has are errors here
    read = {f"{section}.{field}" for field in TuningSettings.model_fields}
    if section == "glue":
        read.remove("glue.piece_dropout")
    for key in settings:
        if key == f"{section}.rows":
            raise UserError(f"--set {key}: write --rows")
        if key not in read:
            raise UserError(f"--set {key}: this task does not read it; it reads {', '.join(sorted(read))}")
    return profile


def _limit(given: str | None, usual: int | None) -> int | None:
    """`--rows`: a number, None for all of them, or the profile's."""
    if given is None:
        return usual
    if given == "all":
        return None
    if not given.isdecimal() or int(given) < 1:
        raise UserError(f"--rows {given}: write a number of rows, 1 or more, or all")
    return int(given)
