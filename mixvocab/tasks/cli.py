"""`mixvocab finetune`: a model on a task, to a folder that can be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixvocab.errors import UserError
from mixvocab.extras import need

if TYPE_CHECKING:
    from mixvocab.book.profiles import Profile


def finetune(
    model: Annotated[Path, typer.Argument(help="Folder of a student (mixvocab distill) or of another BERT.")],
    task: Annotated[str, typer.Option(help="snips (any intents and slots in its layout), or a GLUE task by name.")],
    out: Annotated[
        Path, typer.Option(help="New folder for the model; an unfinished run of the same settings goes on.")
    ],
    data: Annotated[str, typer.Option(help="The task's folder, or a source: auto, embedded, hub:<name>.")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Data folder; default: the one in MIXVOCAB_DATA.")] = None,
    profile: Annotated[str, typer.Option(help="Whose recipe: smoke, laptop, gpu, paper.")] = "laptop",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Replace a setting of the recipe: epochs=20; repeatable.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Train on so many rows; default: the profile's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of heads, order and dropout.")] = 0,
) -> None:
    """Fine-tune a BERT on intents and slots or on a GLUE task; development data chooses, the rest is scored once."""
    from mixvocab.book.profiles import load_profile
    from mixvocab.settings import parse_settings

    need("tasks", "sklearn", "seqeval")
    if not (model / "config.json").is_file():
        raise UserError(f"{model}: no config.json in it; name the folder of a model")
    section = "snips" if task.lower() == "snips" else "glue"
    given = {name if "." in name else f"{section}.{name}": v for name, v in parse_settings(setting or []).items()}
    settings = load_profile(profile, **given)
    run = _joint if section == "snips" else _glue
    scores = run(model, task, settings, out, data, data_dir, rows, seed)
    for split, values in scores.items():
        shown = "  ".join(f"{name} {100 * value:.2f}" for name, value in values.items())
        typer.echo(f"{split}: {shown}")
    typer.echo(f"written to {out}")


Scores = Mapping[str, Mapping[str, float]]


def _joint(
    model: Path,
    task: str,
    settings: Profile,
    out: Path,
    spec: str,
    data_dir: Path | None,
    rows: int | None,
    seed: int,
) -> Scores:
    from mixvocab.sources import resolve_snips
    from mixvocab.tasks.finetune import Tuning
    from mixvocab.tasks.joint_training import CHOOSE_BY, fine_tune
    from mixvocab.tasks.snips import unseen_labels
    from mixvocab.workfolder import claim, publish

    data = resolve_snips(spec, data_dir=data_dir)
    for line in unseen_labels(data):
        typer.echo(f"note: {line}", err=True)
    limit = rows if rows is not None else settings.snips.rows
    recipe = settings.snips.tuning(_hidden(model))
    work, tuning = claim(out, _about(model, recipe, data.source.as_record(), limit, seed)), Tuning(**recipe)
    run = fine_tune(model, data, tuning, work / "model", seed=seed, limit=limit, folder=work / "run")
    publish(work / "model", out)
    chosen = {name: value for name, value in run.dev.items() if name not in {"step", "epoch"}}
    return {f"development, chosen by {CHOOSE_BY}": chosen, "test": run.test}


def _glue(
    model: Path,
    task: str,
    settings: Profile,
    out: Path,
    spec: str,
    data_dir: Path | None,
    rows: int | None,
    seed: int,
) -> Scores:
    from mixvocab.sources import resolve_glue
    from mixvocab.tasks.finetune import Tuning
    from mixvocab.tasks.glue import fine_tune
    from mixvocab.workfolder import claim, publish

    data = resolve_glue(task, spec, data_dir=data_dir)
    limit = rows if rows is not None else settings.glue.rows.get(data.task)
    recipe = settings.glue.tuning(_hidden(model))
    work, tuning = claim(out, _about(model, recipe, data.source.as_record(), limit, seed)), Tuning(**recipe)
    tuned = fine_tune(model, data, tuning, seed=seed, rows=limit, folder=work / "run")
    tuned.save(work / "model", model, data, tuning)
    publish(work / "model", out)
    return tuned.scores


def _hidden(model: Path) -> int | None:
    """The hidden size in the model's config.json; None if it says none."""
    try:
        return json.loads((model / "config.json").read_text(encoding="utf-8")).get("hidden_size")
    except (ValueError, AttributeError) as error:
        raise UserError(f"{model}/config.json is damaged ({error}): save the model again") from None


def _about(model: Path, tuning: dict[str, Any], source: dict[str, Any], rows: int | None, seed: int) -> dict[str, Any]:
    return {"model": str(model.resolve()), "tuning": tuning, "source": source, "rows": rows, "seed": seed}
