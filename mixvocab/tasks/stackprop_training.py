"""Training StackProp like every other joint model: same data, same choice, same scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mixvocab.models.stackprop import PUBLISHED
from mixvocab.sources.rows import SnipsData
from mixvocab.tasks.finetune import Tuning
from mixvocab.tasks.folder import write_task
from mixvocab.tasks.joint_training import JointRun, train_joint, training_rows
from mixvocab.tasks.snips import JointLabels
from mixvocab.tasks.stackprop import WholeWords, new_stackprop


def fine_tune(
    data: SnipsData,
    tuning: Tuning,
    out: Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    folder: Path | None = None,
    label: str = "StackProp",
) -> JointRun:
    """Train StackProp from scratch and write it to `out`; arguments as in `joint_training.fine_tune`."""
    rows = training_rows(data, limit)
    labels = JointLabels.of(rows)
    model = new_stackprop(rows, labels, seed=seed, shape=replace(PUBLISHED, dropout=tuning.dropout))
    encoder = WholeWords(model.words, tuning.window)
    run = train_joint(model, encoder, labels, data, rows, tuning, seed=seed, folder=folder, label=label)
    model.save(out)
    write_task(out, task="snips", kind="joint", window=tuning.window, scores=run.test)
    return run
