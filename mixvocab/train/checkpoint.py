"""Checkpoints of a run: tensors in safetensors, everything else in JSON, nothing that could run code.

A checkpoint is a folder that appears whole under its final name; the previous one is removed after that, so a
kill at any moment leaves one that loads.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from mixvocab.common.files import write_json
from mixvocab.common.progress import say


class Checkpoints:
    """The checkpoints and the JSONL log of one run in one folder.

    `settings` are the numbers that the run depends on: a checkpoint made with other ones is not continued.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, entry: dict[str, Any]) -> None:
        """Append one JSON line to the run's log."""
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def save(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> Path:
        """Write the run's state after `state["step"]` steps and remove the older checkpoint."""
        final = self.folder / f"checkpoint-{state['step']}"
        working = self.folder / f".checkpoint-{os.getpid()}"
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir()
        packed = optimizer.state_dict()
        tensors = {f"parameter.{n}": p.detach().cpu().contiguous() for n, p in module.named_parameters()}
        scalars: dict[str, Any] = {}
        for index, values in packed["state"].items():
            for key, value in values.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"optimizer.{index}.{key}"] = value.detach().cpu().clone()
                else:
                    scalars[f"{index}.{key}"] = value
        save_file(tensors, working / "tensors.safetensors")
        groups = [{k: v for k, v in g.items() if isinstance(v, int | float)} for g in packed["param_groups"]]
        content = {"settings": self.settings, "state": state, "scalars": scalars, "groups": groups}
        write_json(working / "state.json", content)
        os.replace(working, final)
        for older in self.folder.glob("checkpoint-*"):
            if older != final:
                shutil.rmtree(older)
        return final

    def restore(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
        """Load the newest whole checkpoint into `module` and `optimizer`; its state, or None to start afresh."""
        for folder in sorted(self.folder.glob("checkpoint-*"), key=lambda f: -int(f.name.split("-")[1])):
            try:
                content = json.loads((folder / "state.json").read_text(encoding="utf-8"))
                tensors = load_file(folder / "tensors.safetensors")
            except (OSError, ValueError, SafetensorError) as error:
                say(f"checkpoint {folder.name} is damaged ({type(error).__name__}) and is left aside")
                continue
            if content["settings"] != self.settings:
                say(f"checkpoint {folder.name} belongs to other settings and is left aside")
                continue
            _load(module, optimizer, tensors, content)
            return content["state"]
        return None

    def clear(self) -> None:
        """Remove the checkpoints of a finished run; the log stays."""
        for folder in self.folder.glob("checkpoint-*"):
            shutil.rmtree(folder)


def _load(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, torch.Tensor],
    content: dict[str, Any],
) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tensors[f"parameter.{name}"])
    packed = optimizer.state_dict()
    packed["state"] = {}
    values = {n.removeprefix("optimizer."): t for n, t in tensors.items() if n.startswith("optimizer.")}
    for name, value in (values | content["scalars"]).items():
        index, key = name.split(".", 1)
        packed["state"].setdefault(int(index), {})[key] = value
    for group, saved in zip(packed["param_groups"], content["groups"], strict=True):
        group.update(saved)
    optimizer.load_state_dict(packed)
