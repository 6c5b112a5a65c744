"""`mixvocab finetune`: a model on a task, to a folder that can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mixvocab.common.errors import UserError, need


def finetune(
    model: Annotated[Path, typer.Argument(help="Folder of a student (mixvocab distill) or of another BERT.")],
    task: Annotated[str, typer.Option(help="snips (any intents and slots in its layout), or a GLUE task by name.")],
    out: Annotated[
        Path, typer.Option(help="New folder for the model; an unfinished run of the same settings goes on.")
    ],
    data: Annotated[str, typer.Option(help="The task's folder, or a source: auto, embedded, hub:<name>.")] = "auto",
    profile: Annotated[str, typer.Option(help="Whose recipe: smoke, laptop, evening, gpu, paper.")] = "laptop",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting of the recipe: epochs=20; repeatable.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Train on at most so many rows; default: on all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of heads, order and dropout.")] = 0,
) -> None:
    """Fine-tune a BERT on intents and slots or on a GLUE task; development data chooses, the rest is scored once."""
    need("tasks", "sklearn", "seqeval")
    from mixvocab.common.files import claim, publish
    from mixvocab.models.loading import read_config
    from mixvocab.sources import resolve_glue, resolve_snips
    from mixvocab.tasks.finetune import finetune as run
    from mixvocab.tasks.glue import new_classifier
    from mixvocab.tasks.joint import new_joint_bert, unseen_labels
    from mixvocab.tasks.roles import glue_roles, snips_roles

    config = read_config(model)
    joint = task.lower() == "snips"
    tuning = _recipe(profile, setting or [], "snips" if joint else "glue").tuning(config.get("hidden_size"))
    resolved: Any = resolve_snips(data) if joint else resolve_glue(task, data)
    roles = snips_roles(resolved, rows) if joint else glue_roles(resolved, rows)
    settings = {"model": str(model.resolve()), "tuning": tuning.model_dump(), "source": resolved.source.as_record()}
    work = claim(out, settings | {"rows": rows, "seed": seed})
    if joint and (unseen := unseen_labels(resolved)):
        typer.echo(f"note: never in train, so each counts as an error: {', '.join(unseen)}", err=True)
    typer.echo(f"training on {len(roles.train):,} of {roles.available:,} rows; {roles.about}")
    built = (
        new_joint_bert(model, resolved, roles, tuning, seed) if joint else new_classifier(model, resolved, tuning, seed)
    )
    tuned = run(built, roles, tuning, work, seed=seed)
    publish(work / "model", out)
    choosing = {name: value for name, value in tuned.best.items() if name not in ("step", "epoch")}
    for split, values in {"choosing rows": choosing, **tuned.reported}.items():
        typer.echo(f"{split}: " + "  ".join(f"{name} {100 * value:.2f}" for name, value in values.items()))
    typer.echo(f"written to {out}")


def _recipe(profile: str, given: list[str], section: str) -> Any:
    """A profile's settings for the task, some replaced. Raises UserError for one that fine-tuning does not read."""
    from mixvocab.settings.profiles import TuningSettings, load_profile, parse_settings

    settings = {key if "." in key else f"{section}.{key}": value for key, value in parse_settings(given).items()}
    read = {f"{section}.{field}" for field in TuningSettings.model_fields} - {"glue.piece_dropout"}
    if unread := settings.keys() - read:
        raise UserError(f"--set {min(unread)}: this task does not read it; it reads {', '.join(sorted(read))}")
    return getattr(load_profile(profile, **settings), section)
