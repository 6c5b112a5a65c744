"""The one way in which everything is fine-tuned: epochs through the training loop, chosen on development data alone."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.settings.profiles import TuningSettings
from mixvocab.tasks.batching import Batches
from mixvocab.train.loop import Recipe, TrainResult, train


@dataclass
class Tuned:
    """What a fine-tuning run leaves besides the module."""

    result: TrainResult
    curve: list[dict[str, float]]  # of each evaluation: step, epoch, and every development metric
    best: dict[str, float]  # the one whose weights the module has now
    reported: dict[str, dict[str, float]]  # reported set -> metrics, scored once with those weights


def recipe_for(tuning: TuningSettings, examples: int) -> Recipe:
    """The training loop's recipe for so many training examples."""
    steps = max(1, round(tuning.epochs * math.ceil(examples / tuning.batch_size)))
    return Recipe(steps=steps, **tuning.model_dump(include={field.name for field in fields(Recipe)}))


def finetune(
    module: nn.Module,
    batches: Batches,
    heldout: Sequence[Any],
    score: Callable[[], dict[str, float]],
    report: Callable[[], dict[str, dict[str, float]]],
    tuning: TuningSettings,
    *,
    choose_by: str,
    seed: int,
    folder: Path | None = None,
    label: str = "fine-tuning",
) -> Tuned:
    """Fine-tune `module` in place and leave it with the weights of its best evaluation.

    Args:
        module: `module(**batch)` returns `Losses`.
        batches: the training examples.
        heldout: batches of development examples, for the loss.
        score: development metrics of the module as it is; the test set has no place here.
        report: metrics of each reported set; called once, after the choice.
        choose_by: the metric of `score` that chooses; of equal ones the earliest is kept.
        seed: of dropout; the order of examples has its seed in `batches`.
        folder: where checkpoints and the best weights lie until the run has ended; a killed run goes on there.

    Raises:
        UserError: for settings that cannot work, and a loss or a metric that is not finite.
    """
    recipe = recipe_for(tuning, len(batches.examples))
    best = _Best(module, choose_by, folder)
    per_epoch = len(batches.examples) / tuning.batch_size

    def assess(step: int) -> None:
        module.eval()
        best.offer({"step": step, "epoch": round(step / per_epoch, 2), **score()})
        module.train()

    result = train(module, batches, recipe, seed=seed, heldout=heldout, folder=folder, label=label, on_evaluate=assess)
    chosen = best.restore()
    return Tuned(result, best.curve, chosen, report())


class _Best:
    """The curve so far and the weights of the best ones: in memory, and in a folder if the run may be killed."""

    def __init__(self, module: nn.Module, choose_by: str, folder: Path | None) -> None:
        self.module = module
        self.choose_by = choose_by
        self.curve: list[dict[str, float]] = []
        self.chosen: dict[str, float] = {}
        self.weights: dict[str, Tensor] = {}
        self.folder = folder
        if folder and (folder / "scores.json").exists():
            self.curve = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
            self.weights = load_file(folder / "best.safetensors")
            self.chosen = max(self.curve, key=lambda entry: entry[choose_by])  # the earliest of equals

    def offer(self, scores: dict[str, float]) -> None:
        value = scores[self.choose_by]
        if not math.isfinite(value):
            raise UserError(f"the development set's {self.choose_by} is {value} at step {scores['step']}")
        # A run that goes on from a checkpoint comes by some evaluations a second time, with the same scores.
        if scores["step"] in {known["step"] for known in self.curve}:
            return
        self.curve.append(scores)
        if not self.chosen or value > self.chosen[self.choose_by]:
            self.chosen = scores
            self.weights = {name: tensor.detach().cpu().clone() for name, tensor in self.module.state_dict().items()}
            if self.folder:
                self.folder.mkdir(parents=True, exist_ok=True)
                save_file(self.weights, self.folder / "best.partial")
                os.replace(self.folder / "best.partial", self.folder / "best.safetensors")
        if self.folder:
            write_json(self.folder / "scores.json", self.curve)

    def restore(self) -> dict[str, float]:
        with torch.no_grad():
            self.module.load_state_dict(self.weights)
        self.module.eval()
        return self.chosen
