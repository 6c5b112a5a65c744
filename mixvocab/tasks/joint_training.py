"""Fine-tuning on intents and slots, from the rows to a folder that predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mixvocab.models.joint import load_saved, new_joint
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks import snips
from mixvocab.tasks.batching import Batches
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import Tuned, Tuning, finetune
from mixvocab.tasks.folder import read_task, save_model
from mixvocab.tasks.joint import JointTask, collate
from mixvocab.tasks.scores import Prediction, joint_scores

CHOOSE_BY = "frame_accuracy"  # intent and slots at once
SUBSET_SEED = 0  # a smaller training set has the same rows for every model and seed


@dataclass
class JointRun:
    """A fine-tuned model's curves and scores."""

    tuned: Tuned
    dev: dict[str, float]  # of the chosen weights
    test: dict[str, float]  # scored once, after the choice


def training_rows(data: SnipsData, limit: int | None) -> list[SnipsRow]:
    """The training rows, or a random subset of so many."""
    rows = data.splits["train"]
    if limit is None or limit >= len(rows):
        return rows
    chosen = np.random.default_rng(SUBSET_SEED).permutation(len(rows))[:limit]
    return [rows[i] for i in sorted(chosen)]


def train_joint(
    task: nn.Module,
    encoder: snips.WordEncoder,
    labels: snips.JointLabels,
    data: SnipsData,
    rows: Sequence[SnipsRow],
    tuning: Tuning,
    *,
    seed: int,
    folder: Path | None = None,
    label: str = "fine-tuning",
) -> JointRun:
    """Fine-tune any joint model (BERT or recurrent) on `rows`, choose on "valid", then score "test" once.

    `task` has `forward(ids, intent, tags, attention) -> Losses` and `predict(ids, attention, first)`. Raises UserError
    as `finetune` does.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dev = data.splits["valid"]
    dev_examples = snips.examples(dev, encoder, labels)

    def predictions(of: Sequence[SnipsRow]) -> list[Prediction]:
        return snips.predict(task, of, encoder, labels, device)  # type: ignore[arg-type]

    tuned = finetune(
        task,
        Batches(snips.examples(rows, encoder, labels), collate, seed),
        [collate(dev_examples[start : start + 128]) for start in range(0, len(dev_examples), 128)],
        lambda: joint_scores(dev, predictions(dev)),
        tuning,
        choose_by=CHOOSE_BY,
        seed=seed,
        folder=folder,
        label=label,
    )
    return JointRun(tuned, tuned.best, joint_scores(data.splits["test"], predictions(data.splits["test"])))


def fine_tune(
    encoder_folder: Path,
    data: SnipsData,
    tuning: Tuning,
    out: Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    folder: Path | None = None,
    label: str = "fine-tuning",
) -> JointRun:
    """Put two heads on the BERT in `encoder_folder`, fine-tune all of it, and write the model to `out`.

    Args:
        out: gets config.json, model.safetensors, the tokenizer's files and task.json.
        limit: train on a random subset of so many rows; None: on all.
        folder: where the run's checkpoints go.
    """
    rows = training_rows(data, limit)
    labels = snips.JointLabels.of(rows)
    encoder = Encoder.load(encoder_folder, tuning.window)
    model = new_joint(
        encoder_folder,
        labels.intents,
        labels.slots,
        generator=torch.Generator().manual_seed(seed),
        dropout=tuning.dropout,
    )
    task = JointTask(model, encoder, tuning.piece_dropout)
    run = train_joint(task, encoder, labels, data, rows, tuning, seed=seed, folder=folder, label=label)
    save_model(model, encoder_folder, out, task="snips", kind="joint", window=tuning.window, scores=run.test)
    return run


def load_joint(folder: Path) -> tuple[JointTask, Encoder, snips.JointLabels]:
    """What `fine_tune` wrote. Raises UserError if the folder has no task.json of a joint task."""
    about = read_task(folder, kind="joint")
    model = load_saved(folder)
    labels = snips.JointLabels(tuple(model.config.intent_labels), tuple(model.config.slot_labels))
    return JointTask(model), Encoder.load(folder, about["window"]), labels
