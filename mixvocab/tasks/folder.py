"""A fine-tuned model's folder and its task.json. Read on the device too, so without torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json

KINDS = ("joint", "classification", "regression")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")


def save_model(
    model: Any, tokenizer: Path, out: Path, *, task: str, kind: str, window: int, scores: Mapping[str, Any]
) -> None:
    """Write what transformers writes for `model`, the tokenizer's files from its folder, and task.json.

    Args:
        kind: "joint", "classification" or "regression".
        window: tokens an example may have.
        scores: what task.json says of the model's quality.
    """
    model.save_pretrained(out)
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, out / name)
    write_task(out, task=task, kind=kind, window=window, scores=scores)


def write_task(out: Path, *, task: str, kind: str, window: int, scores: Mapping[str, Any]) -> None:
    """Write task.json; arguments as in `save_model`."""
    write_json(out / "task.json", {"task": task, "kind": kind, "window": window, "scores": scores})


def read_task(folder: Path, *, kind: str | None = None) -> dict[str, Any]:
    """`task`, `kind`, `window` and `scores` of a fine-tuned model.

    Raises UserError if there is no such file, if it is damaged, and if the model is of another kind.
    """
    file = folder / "task.json"
    if not file.is_file():
        raise UserError(f"{folder.name}: no task.json in it; name a folder that `mixvocab finetune` wrote")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        window, actual = int(about["window"]), str(about["kind"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder.name}/task.json is damaged ({error}): fine-tune again") from None
    if actual not in KINDS or kind not in (None, actual):
        raise UserError(f"{folder.name}/task.json: kind {actual!r}; {kind or ' or '.join(KINDS)} is needed here")
    return about | {"window": window, "kind": actual}
