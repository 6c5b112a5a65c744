"""Joint intent detection and slot filling, on SNIPS or any data in its layout: what all models have in common.

The models are `mixvocab.tasks.joint_bert` and `mixvocab.tasks.stackprop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks.batching import Batches, in_order, pad, real
from mixvocab.tasks.encoding import Encoded
from mixvocab.tasks.finetune import Tuned, finetune
from mixvocab.tasks.scores import Prediction, joint_scores
from mixvocab.train.loop import to_tensors
from mixvocab.train.losses import IGNORED, Losses

OUTSIDE = "O"
CHOOSE_BY = "frame_accuracy"  # intent and slots at once
SUBSET_SEED = 0  # a smaller training set has the same rows for every model and seed


@dataclass(frozen=True)
class JointLabels:
    """The labels that a model can give: those of the training rows, since it learns no others."""

    intents: tuple[str, ...]
    slots: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[SnipsRow]) -> JointLabels:
        """Intents in alphabetical order; "O", then tags by slot name, B- before I-."""
        tags = {tag for row in rows for tag in row.slots} - {OUTSIDE}
        order = sorted(tags, key=lambda tag: (tag[2:], tag[:1]))
        return cls(tuple(sorted({row.intent for row in rows})), (OUTSIDE, *order))


@dataclass(frozen=True)
class JointExample:
    """One utterance as numbers."""

    ids: np.ndarray  # (T,) int64
    first: np.ndarray  # (W,) int64: the position that carries each word's tag
    intent: int  # -100: training never saw it
    tags: np.ndarray  # (W,) int64; -100: training never saw it


@dataclass(frozen=True)
class JointBatch:
    """Utterances side by side."""

    ids: np.ndarray  # (B, T) int64
    attention: np.ndarray  # (B, T) bool
    intent: np.ndarray  # (B,) int64
    tags: np.ndarray  # (B, T) int64, -100 where no word begins


class WordEncoder(Protocol):
    """Turns words into ids and says where each word begins."""

    def words(self, words: Sequence[str]) -> Encoded:
        """One utterance."""


class JointModel(nn.Module):
    """A model with its loss, as `finetune_joint` trains it and `predict` asks it."""

    def forward(self, ids: Tensor, intent: Tensor, tags: Tensor, attention: Tensor | None = None) -> Losses:
        """Sums of -log p, "intent" over utterances or words, "slots" over words; shapes as in `JointBatch`.

        `attention` is None when every position is real.
        """
        raise NotImplementedError

    def predict(self, ids: Tensor, attention: Tensor | None, first: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Intents (B,) and tags (B, T) int64; tags mean something at an utterance's `first` (W,) alone."""
        raise NotImplementedError


def training_rows(data: SnipsData, limit: int | None) -> list[SnipsRow]:
    """The training rows, or a random subset of so many."""
    rows = data.splits["train"]
    if limit is None or limit >= len(rows):
        return rows
    chosen = np.random.default_rng(SUBSET_SEED).permutation(len(rows))[:limit]
    return [rows[i] for i in sorted(chosen)]


def joint_examples(rows: Sequence[SnipsRow], encoder: WordEncoder, labels: JointLabels) -> list[JointExample]:
    """Rows as numbers; labels that training never saw become -100, which no loss counts."""
    intents = {name: i for i, name in enumerate(labels.intents)}
    tags = {name: i for i, name in enumerate(labels.slots)}
    examples = []
    for row in rows:
        encoded = encoder.words(row.words)
        numbers = np.array([tags.get(tag, IGNORED) for tag in row.slots], dtype=np.int64)[: len(encoded.first)]
        examples.append(JointExample(encoded.ids, encoded.first, intents.get(row.intent, IGNORED), numbers))
    return examples


def collate(examples: Sequence[JointExample]) -> JointBatch:
    """One batch; padding has id 0, as in BERT."""
    ids = [example.ids for example in examples]
    tags = np.full((len(ids), max(map(len, ids))), IGNORED, dtype=np.int64)
    for row, example in zip(tags, examples, strict=True):
        row[example.first] = example.tags
    return JointBatch(pad(ids, 0), real(ids), np.array([example.intent for example in examples]), tags)


@torch.no_grad()
def predict(model: JointModel, rows: Sequence[SnipsRow], encoder: WordEncoder, labels: JointLabels) -> list[Prediction]:
    """Predictions in the order of the rows; switches the model's dropout off."""
    model.eval()
    device = next(model.parameters()).device
    examples = joint_examples(rows, encoder, labels)
    predictions: dict[int, Prediction] = {}
    for chosen in in_order(examples):
        tensors = to_tensors(collate([examples[i] for i in chosen]), device)
        intents, tags = model.predict(tensors["ids"], tensors.get("attention"), [examples[i].first for i in chosen])
        for i, intent, row_tags in zip(chosen, intents.tolist(), tags.cpu().numpy(), strict=True):
            slots = [labels.slots[tag] for tag in row_tags[examples[i].first]]
            unread = len(rows[i].words) - len(slots)  # words beyond the window
            predictions[i] = Prediction(labels.intents[intent], (*slots, *[OUTSIDE] * unread), unread == 0)
    return [predictions[i] for i in range(len(rows))]


def finetune_joint(
    model: JointModel,
    encoder: WordEncoder,
    labels: JointLabels,
    data: SnipsData,
    rows: Sequence[SnipsRow],
    tuning: TuningSettings,
    *,
    seed: int,
    folder: Path | None,
    label: str,
) -> Tuned:
    """Train a joint model on `rows`, choose on "valid", then score "test" once.

    The other arguments are those of `finetune`. Raises UserError as `finetune` does.
    """
    dev, test = data.splits["valid"], data.splits["test"]
    dev_examples = joint_examples(dev, encoder, labels)
    return finetune(
        model,
        Batches(joint_examples(rows, encoder, labels), collate, seed),
        [collate(dev_examples[start : start + 128]) for start in range(0, len(dev_examples), 128)],
        lambda: joint_scores(dev, predict(model, dev, encoder, labels)),
        lambda: {"test": joint_scores(test, predict(model, test, encoder, labels))},
        tuning,
        choose_by=CHOOSE_BY,
        seed=seed,
        folder=folder,
        label=label,
    )


def unseen_labels(data: SnipsData) -> list[str]:
    """One line for each label that a development or test row has and training does not: file, line, label."""
    known = JointLabels.of(data.splits["train"])
    lines, seen = [], {*known.intents, *known.slots}
    for split, rows in data.splits.items():
        for number, row in enumerate(rows, 1):
            for file, names in (("label", (row.intent,)), ("seq.out", row.slots)):
                for name in names:
                    if name not in seen:
                        seen.add(name)
                        place = f"{split}/{file}, line {number}"
                        lines.append(f"{place}: {name!r} never occurs in train; it counts as an error")
    return lines
