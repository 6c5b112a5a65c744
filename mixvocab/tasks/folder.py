"""task.json: what a fine-tuned model's folder says of itself. Read on the device too, so without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mixvocab.errors import UserError

KINDS = ("joint", "classification", "regression")


def read_task(folder: Path, *, kind: str | None = None) -> dict[str, Any]:
    """`task`, `kind`, `window` and `scores` of a fine-tuned model.

    Raises UserError if there is no such file, if it is damaged, and if the model is of another kind.
    """
    file = folder / "task.json"
    if not file.is_file():
        raise UserError(f"{folder.name}: no task.json in it; name a folder that `mixvocab finetune` wrote")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        window, found = int(about["window"]), str(about["kind"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder.name}/task.json is damaged ({error}): fine-tune again") from None
    if found not in KINDS or kind not in (None, found):
        raise UserError(f"{folder.name}/task.json: kind {found!r}; {kind or ' or '.join(KINDS)} is needed here")
    return about | {"window": window, "kind": found}
