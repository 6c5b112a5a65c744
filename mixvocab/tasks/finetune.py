"""The one way in which everything is fine-tuned: epochs through the training loop, chosen on development data alone."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write, write_json
from mixvocab.distill.task_transfer import TaskTransfer
from mixvocab.settings.profiles import TuningSettings
from mixvocab.tasks.encoding import TASK, Encoded
from mixvocab.tasks.scores import Roles
from mixvocab.train.loop import Recipe, TrainResult, Turn, to_tensors, train
from mixvocab.train.losses import IGNORED

PREDICTED = 128  # rows that are predicted at once
BUCKET = 32  # batches that are shuffled together before they are sorted by length

# A row as numbers, by the names of a model's arguments: sequences (T,), "ids" among them, and single numbers ().
Example = dict[str, np.ndarray]


class Batches:
    """Goes through its examples in epochs, each once an epoch and in an order drawn from (seed, epoch) alone.

    Within buckets of some thousand examples, batches hold examples of similar length; their order is shuffled again.
    """

    def __init__(self, examples: Sequence[Example], seed: int) -> None:
        self.examples = examples
        self._seed = seed
        self._lengths = np.array([len(example["ids"]) for example in examples])
        self._epoch = lru_cache(maxsize=1)(self._draw_epoch)

    def __call__(self, turn: Turn) -> SimpleNamespace:
        epoch, place = divmod(turn.index, math.ceil(len(self.examples) / turn.rows))
        return collate([self.examples[i] for i in self._epoch(epoch, turn.rows)[place]])

    def _draw_epoch(self, epoch: int, rows: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self.examples))
        batches = []
        for start in range(0, len(order), BUCKET * rows):
            bucket = order[start : start + BUCKET * rows]
            bucket = bucket[np.argsort(self._lengths[bucket], kind="stable")]
            batches += [bucket[i : i + rows] for i in range(0, len(bucket), rows)]
        return [batches[i] for i in rng.permutation(len(batches))]


def collate(examples: Sequence[Example]) -> SimpleNamespace:
    """A batch: sequences as (B, T), filled up with 0, tags with -100; numbers as (B,); `attention` (B, T) bool, of ids.

    T is the longest of each name: a teacher may read a row in other pieces.
    """
    batch = {"attention": _real([example["ids"] for example in examples])}
    for name in examples[0]:
        values = [example[name] for example in examples]
        if values[0].ndim:
            real = _real(values)
            batch[name] = np.full(real.shape, IGNORED if name == "tags" else 0)
            batch[name][real] = np.concatenate(values)
        else:
            batch[name] = np.stack(values)
    return SimpleNamespace(**batch)


def _real(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Where each of them reaches, (B, T) bool."""
    lengths = np.array([len(sequence) for sequence in sequences])
    return np.arange(lengths.max()) < lengths[:, None]


class TaskModel(nn.Module):
    """A model with all that its task asks for; `forward` takes what `examples` names, and returns `Losses`."""

    choose_by: ClassVar[str]  # the metric that chooses among evaluations
    reads: ClassVar[tuple[str, ...]] = ("ids",)  # of `Encoded`
    piece_dropout = 0.0  # share of the pieces that training hides, where the model can

    def encode(self, row: Any) -> Encoded:
        raise NotImplementedError

    def targets(self, row: Any, text: Encoded) -> Example:
        raise NotImplementedError

    def answers(self, rows: Sequence[Any], texts: Sequence[Encoded], **tensors: Tensor) -> list[Any]:
        """A prediction for each row of a batch, whose labels are not looked at."""
        raise NotImplementedError

    def scores(self, rows: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        raise NotImplementedError

    def save(self, out: Path) -> None:
        """Write the model to the new folder `out`."""
        raise NotImplementedError

    def inputs(self, text: Encoded) -> Example:
        return {name: getattr(text, name) for name in self.reads}

    def examples(self, rows: Sequence[Any]) -> list[Example]:
        encoded = [(row, self.encode(row)) for row in rows]
        return [self.inputs(text) | self.targets(row, text) for row, text in encoded]

    @torch.no_grad()
    def predict(self, rows: Sequence[Any]) -> list[Any]:
        """Predictions in the order of the rows; switches dropout off."""
        self.eval()
        device = next(self.parameters()).device
        encoded = [self.encode(row) for row in rows]
        by_length = sorted(range(len(rows)), key=lambda i: len(encoded[i].ids))
        predictions: dict[int, Any] = {}
        for start in range(0, len(rows), PREDICTED):
            batch = by_length[start : start + PREDICTED]
            texts = [encoded[i] for i in batch]
            tensors = to_tensors(collate([self.inputs(text) for text in texts]), device)
            predictions |= zip(batch, self.answers([rows[i] for i in batch], texts, **tensors), strict=True)
        return [predictions[i] for i in range(len(rows))]


@dataclass
class Tuned:
    """What a fine-tuning run leaves besides the model."""

    result: TrainResult
    curve: list[dict[str, float]]  # of each evaluation: step, epoch, and every development metric
    best: dict[str, float]  # the one whose weights the model has now
    reported: dict[str, dict[str, float]]  # reported set -> metrics, scored once with those weights


def finetune(
    model: TaskModel,
    roles: Roles,
    tuning: TuningSettings,
    folder: Path,
    *,
    seed: int,
    label: str = "fine-tuning",
    transfer: TaskTransfer | None = None,
) -> Tuned:
    """Fine-tune `model` in place and leave it with the weights of its best evaluation, of equal ones the earliest.

    `folder` gets the finished model in `model`, and in `run` what a run that was killed goes on from. `seed` is of the
    order of examples and of dropout, `label` what the progress line calls the run. A `transfer`, which holds the model
    and a teacher, is trained in its place; its forward takes `done` () as well, the share of the run that is over.
    Raises UserError for settings that cannot work, and for a loss or a metric that is not finite.
    """
    if tuning.piece_dropout and not model.piece_dropout:
        raise UserError(f"piece_dropout={tuning.piece_dropout} is for BERTs of intents and slots alone; set it to 0")
    run = folder / "run"
    curve_file, weights_file = run / "scores.json", run / "best.safetensors"
    curve: list[dict[str, float]] = json.loads(curve_file.read_text()) if curve_file.exists() else []

    def assess(step: int) -> None:
        if any(point["step"] == step for point in curve):
            return  # a run that goes on from a checkpoint comes by a second time, with the same scores
        epoch = round(step * tuning.batch_size / len(roles.train), 2)
        point = {"step": step, "epoch": epoch, **model.scores(roles.choose, model.predict(roles.choose))}
        trained.train()
        value = point[model.choose_by]
        if not math.isfinite(value):
            raise UserError(f"the development set's {model.choose_by} is {value} at step {step}")
        if all(value > earlier[model.choose_by] for earlier in curve):
            weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
            with atomic_write(weights_file, "wb") as file:
                file.write(save(weights))
        curve.append(point)
        write_json(curve_file, curve)

    def draw(turn: Turn) -> SimpleNamespace:
        batch = batches(turn)
        if transfer:
            batch.done = np.array(turn.index * turn.rows / (steps * tuning.batch_size), dtype=np.float32)
        return batch

    trained = transfer or model
    batches = Batches(trained.examples(roles.train), seed)
    steps = max(1, round(tuning.epochs * math.ceil(len(roles.train) / tuning.batch_size)))
    result = train(
        trained,
        draw,
        Recipe(steps=steps, **tuning.model_dump(include={field.name for field in fields(Recipe)})),
        seed=seed,
        folder=run,
        label=label,
        on_evaluate=assess,
    )
    model.load_state_dict(load_file(weights_file))
    reported = {name: model.scores(rows, model.predict(rows)) for name, rows in roles.report.items()}
    model.save(folder / "model")
    return Tuned(result, curve, max(curve, key=lambda point: point[model.choose_by]), reported)


def save_bert(model: PreTrainedModel, tokenizer: Path, out: Path, task: str, kind: str, window: int) -> None:
    """Write what transformers writes, the tokenizer's files from its folder, and task.json (see `Bundle`)."""
    model.save_pretrained(out)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, out / name)
    write_json(out / TASK, {"task": task, "kind": kind, "window": window})
