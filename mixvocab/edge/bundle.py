"""What lies in an exported folder, as the device sees it: no torch, no transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256

FLOATS = "model.onnx"
ROUNDED = "model.w8.onnx"
INTEGERS = "model.int8.onnx"
Kind = Literal["fp32", "w8", "int8"]
"""Of numbers: 32 bits; weights in 8 bits; weights and products in 8 bits."""
GRAPHS: dict[Kind, str] = {"fp32": FLOATS, "w8": ROUNDED, "int8": INTEGERS}
TOKENIZER = "tokenizer.json"
TASK = "task.json"


@dataclass(frozen=True)
class Bundle:
    """The contents of task.json: all that predicting needs beside the tokenizer and one ONNX file."""

    task: str
    kind: str  # "joint", "classification", "regression" or "masked"
    window: int  # tokens; the graphs hold no positions beyond it
    pair: bool = False  # whether the graph reads token types
    labels: tuple[str, ...] = ()  # intents, or classes, in the order of the logits
    slots: tuple[str, ...] = ()  # IOB2 tags in the order of the logits
    sha256: Mapping[str, str] | None = None  # of the ONNX files

    def text(self) -> str:
        """task.json, compact: it travels with the model."""
        return json.dumps(vars(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Raises UserError if `folder` was not written by `export`."""
        remedy = "name a folder that `mixvocab export` wrote"
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; {remedy}")
        try:
            values: dict[str, Any] = json.loads((folder / TASK).read_text(encoding="utf-8"))
            return cls(**values | {"labels": tuple(values["labels"]), "slots": tuple(values["slots"])})
        except FileNotFoundError:
            raise UserError(f"{folder}: no {TASK} in it; {remedy}") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{folder}/{TASK}: not that of an export; {remedy}") from None

    def model(self, folder: Path, numbers: Kind) -> Path:
        """The ONNX file. Raises UserError if it is missing or not the one that was exported."""
        file = folder / GRAPHS[numbers]
        if not file.is_file():
            raise UserError(f"{file}: no such file; export the model again")
        if file_sha256(file) != (self.sha256 or {}).get(file.name):
            raise UserError(f"{file}: damaged, its SHA-256 is not the one in {TASK}; export the model again")
        return file


def deployed_bytes(folder: Path, numbers: Kind = "w8") -> dict[str, int]:
    """Bytes of the files that the model needs on a device, by file name."""
    return {name: (folder / name).stat().st_size for name in (GRAPHS[numbers], TOKENIZER, TASK)}
