"""The live model's published form turned back into what a device has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overlapping import unpack

from mixvocab.edge.runtime import ROUNDED, Predictor
from mixvocab.tasks.encoding import TASK, TOKENIZER


def unpublish(value: Mapping[str, Any], model: bytes, folder: Path) -> Predictor:
    """What a page runs, in Python: write it to `folder` as an export would, and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ROUNDED).write_bytes(model)
    (folder / TASK).write_text(json.dumps(value["task"]), encoding="utf-8")
    (folder / TOKENIZER).write_text(unpack(value["tokenizer"]).to_str(), encoding="utf-8")
    return Predictor.load(folder)
