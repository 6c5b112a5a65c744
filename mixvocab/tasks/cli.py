"""`mixvocab finetune`: a model on a task, to a folder that can be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixvocab.errors import UserError
from mixvocab.extras import need

if TYPE_CHECKING:
    from mixvocab.book.profiles import TuningSettings
    from mixvocab.sources import GlueData, SnipsData
    from mixvocab.tasks.finetune import Tuning


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
    rows: Annotated[int | None, typer.Option(min=1, help="Train on so many rows; default: the profile's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of heads, order and dropout.")] = 0,
) -> None:
    """Fine-tune a BERT on intents and slots or on a GLUE task; development data chooses, the rest is scored once."""
    need("tasks", "sklearn", "seqeval")
    from mixvocab.book.profiles import load_profile
    from mixvocab.settings import parse_settings
    from mixvocab.sources import GlueData, resolve_glue, resolve_snips
    from mixvocab.tasks.finetune import Tuning
    from mixvocab.workfolder import claim, publish

    if not (model / "config.json").is_file():
        raise UserError(f"{model}: no config.json in it; name the folder of a model")
    joint = task.lower() == "snips"
    section = "snips" if joint else "glue"
    given = {name if "." in name else f"{section}.{name}": v for name, v in parse_settings(setting or []).items()}
    profiles = load_profile(profile, **given)
    settings: TuningSettings = profiles.snips if joint else profiles.glue
    found = resolve_snips(data, data_dir=data_dir) if joint else resolve_glue(task, data, data_dir=data_dir)
    usual = profiles.glue.rows.get(found.task) if isinstance(found, GlueData) else profiles.snips.rows
    limit = usual if rows is None else rows
    recipe = settings.tuning(_hidden(model))
    about = {"model": str(model.resolve()), "tuning": recipe, "source": found.source.as_record()}
    work = claim(out, about | {"rows": limit, "seed": seed})
    run = _glue if isinstance(found, GlueData) else _joint
    scores = run(model, found, Tuning(**recipe), work, limit, seed)  # type: ignore[arg-type]
    publish(work / "model", out)
    for split, values in scores.items():
        shown = "  ".join(f"{name} {100 * value:.2f}" for name, value in values.items())
        typer.echo(f"{split}: {shown}")
    typer.echo(f"written to {out}")


Scores = Mapping[str, Mapping[str, float]]


def _joint(model: Path, data: SnipsData, tuning: Tuning, work: Path, limit: int | None, seed: int) -> Scores:
    from mixvocab.tasks.joint_training import CHOOSE_BY, fine_tune
    from mixvocab.tasks.snips import unseen_labels

    for line in unseen_labels(data):
        typer.echo(f"note: {line}", err=True)
    run = fine_tune(model, data, tuning, work / "model", seed=seed, limit=limit, folder=work / "run")
    chosen = {name: value for name, value in run.dev.items() if name not in {"step", "epoch"}}
    return {f"development, chosen by {CHOOSE_BY}": chosen, "test": run.test}


def _glue(model: Path, data: GlueData, tuning: Tuning, work: Path, limit: int | None, seed: int) -> Scores:
    from mixvocab.tasks.glue import fine_tune

    tuned = fine_tune(model, data, tuning, seed=seed, rows=limit, folder=work / "run")
    tuned.save(work / "model", model, data, tuning)
    return tuned.scores


def _hidden(model: Path) -> int | None:
    """The hidden size in the model's config.json; None if it says none."""
    try:
        return json.loads((model / "config.json").read_text(encoding="utf-8")).get("hidden_size")
    except (ValueError, AttributeError) as error:
        raise UserError(f"{model}/config.json is damaged ({error}): save the model again") from None
