"""What lies in an exported folder, as the device sees it: no torch, no transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    labels: Sequence[str] = ()  # intents, or classes, in the order of the logits
    slots: Sequence[str] = ()  # IOB2 tags in the order of the logits
    sha256: Mapping[str, str] | None = None  # of the ONNX files

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Raises UserError if `folder` was not written by `export`."""
        try:
            return cls(**json.loads((folder / TASK).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            reason = f"{folder / TASK} is missing or not that of an export"
            raise UserError(f"{reason}: name a folder that `mixvocab export` wrote") from None

    def model(self, folder: Path, numbers: Kind) -> Path:
        """The ONNX file. Raises UserError if it is missing or not the one that was exported."""
        file = folder / GRAPHS[numbers]
        if not file.is_file() or file_sha256(file) != (self.sha256 or {}).get(file.name):
            raise UserError(f"{file} is missing, or its SHA-256 is not the one in {TASK}: export the model again")
        return file


def deployed_bytes(folder: Path, numbers: Kind = "w8") -> dict[str, int]:
    """Bytes of the files that the model needs on a device, by file name."""
    return {name: (folder / name).stat().st_size for name in (GRAPHS[numbers], TOKENIZER, TASK)}
