"""Checkpoints of a run: tensors in safetensors, everything else in JSON, nothing that could run code.

A checkpoint is a folder that appears whole under its final name, and says which bytes its tensors have. The one before
it is kept and older ones go after that, so a kill at any moment leaves one that loads, and so does one bad sector.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mixvocab.common.files import file_sha256, text_sha256, write_json
from mixvocab.common.progress import say

HALF = ".checkpoint"  # what a kill may leave half-written


class Checkpoints:
    """The checkpoints of one run in one folder.

    `settings` are the numbers that the run depends on: a checkpoint made with other ones is not continued.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        self.kept: list[Path] = []  # this run's own, newest first; another's may lie beside them
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Write the run's state after `state["step"]` steps; of the older checkpoints the newest stays."""
        working = self.folder / HALF
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir()
        packed = optimizer.state_dict()
        moments = {f"{index}.{key}": value for index, own in packed["state"].items() for key, value in own.items()}
        tensors: dict[str, Tensor] = {f"parameter.{name}": parameter for name, parameter in module.named_parameters()}
        tensors |= {f"optimizer.{name}": value for name, value in moments.items() if isinstance(value, Tensor)}
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, working / "tensors.safetensors")
        content = {
            "settings": self.settings,
            "state": state,
            "scalars": {name: value for name, value in moments.items() if not isinstance(value, Tensor)},
            "groups": [{k: v for k, v in g.items() if isinstance(v, int | float)} for g in packed["param_groups"]],
        }
        write_json(working / "state.json", content | {"sha256": _digest(content, working)})
        final = self.folder / f"checkpoint-{state['step']}"
        shutil.rmtree(final, ignore_errors=True)  # one that was left aside
        os.replace(working, final)
        self.kept = [final, *(folder for folder in self.kept if folder != final)]
        for folder in self.kept[2:]:
            shutil.rmtree(folder, ignore_errors=True)
        del self.kept[2:]

    def restore(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
        """Load the newest whole checkpoint into `module` and `optimizer`; its state, or None to start afresh."""
        for folder in self._newest_first():
            try:
                content = json.loads((folder / "state.json").read_text(encoding="utf-8"))
                whole = content.pop("sha256") == _digest(content, folder)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                whole = False
            if not whole:
                say(f"checkpoint {folder.name} is damaged and is left aside")
                continue
            if content["settings"] != self.settings:
                say(f"checkpoint {folder.name} belongs to other settings and is left aside")
                continue
            self.kept = [folder]
            tensors = load_file(folder / "tensors.safetensors")
            with torch.no_grad():
                for name, parameter in module.named_parameters():
                    parameter.copy_(tensors.pop(f"parameter.{name}"))
            moments: dict[int, dict[str, Any]] = {}
            for name, value in (tensors | content["scalars"]).items():
                index, key = name.removeprefix("optimizer.").split(".", 1)
                moments.setdefault(int(index), {})[key] = value
            groups = optimizer.state_dict()["param_groups"]
            for group, saved in zip(groups, content["groups"], strict=True):
                group.update(saved)
            optimizer.load_state_dict({"state": moments, "param_groups": groups})
            return content["state"]
        return None

    def clear(self) -> None:
        """Remove the checkpoints of a finished run."""
        for folder in [*self._newest_first(), *self.folder.glob(HALF)]:
            shutil.rmtree(folder)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("checkpoint-*"), key=lambda folder: -int(folder.name.split("-")[1]))


def _digest(content: Any, folder: Path) -> str:
    return text_sha256(json.dumps(content, sort_keys=True), file_sha256(folder / "tensors.safetensors"))
