"""SNIPS, and any other set of intents and slots in its layout: labels, examples, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mixvocab.losses import IGNORED
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks.batching import in_order
from mixvocab.tasks.encoding import Encoded
from mixvocab.tasks.joint import JointExample, collate
from mixvocab.tasks.scores import Prediction
from mixvocab.train import to_tensors

OUTSIDE = "O"


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


class WordEncoder(Protocol):
    """Turns words into ids and says where each word begins."""

    def words(self, words: Sequence[str]) -> Encoded:
        """One utterance."""


class Tagger(Protocol):
    """A trained joint model."""

    def predict(self, ids: Tensor, attention: Tensor | None, first: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Intent (B,) and tags (B, T) of utterances whose words begin at the positions `first`."""

    def eval(self) -> object:
        """Switch dropout off."""


def examples(rows: Sequence[SnipsRow], encoder: WordEncoder, labels: JointLabels) -> list[JointExample]:
    """Rows as numbers; labels that training never saw become -100, which no loss counts."""
    intents = {name: i for i, name in enumerate(labels.intents)}
    tags = {name: i for i, name in enumerate(labels.slots)}
    made = []
    for row in rows:
        encoded = encoder.words(row.words)
        numbers = np.array([tags.get(tag, IGNORED) for tag in row.slots], dtype=np.int64)
        made.append(
            JointExample(encoded.ids, encoded.first, intents.get(row.intent, IGNORED), numbers[: len(encoded.first)])
        )
    return made


@torch.no_grad()
def predict(
    task: Tagger,
    rows: Sequence[SnipsRow],
    encoder: WordEncoder,
    labels: JointLabels,
    device: torch.device | str = "cpu",
) -> list[Prediction]:
    """Predictions in the order of the rows."""
    task.eval()
    made = examples(rows, encoder, labels)
    found: list[Prediction | None] = [None] * len(rows)
    for chosen in in_order(made):
        tensors = to_tensors(collate([made[i] for i in chosen]), device)
        intents, tags = task.predict(tensors["ids"], tensors.get("attention"), [made[i].first for i in chosen])
        for i, intent, row_tags in zip(chosen, intents.tolist(), tags.cpu().numpy(), strict=True):
            seen = [labels.slots[tag] for tag in row_tags[made[i].first]]
            missing = len(rows[i].words) - len(seen)
            found[i] = Prediction(labels.intents[intent], (*seen, *[OUTSIDE] * missing), missing == 0)
    return [prediction for prediction in found if prediction is not None]


def unseen_labels(data: SnipsData) -> list[str]:
    """One line for each label that a development or test row has and training does not: file, line, label."""
    known = JointLabels.of(data.splits["train"])
    lines, told = [], {*known.intents, *known.slots}
    for split, rows in data.splits.items():
        for number, row in enumerate(rows, 1):
            for file, names in (("label", (row.intent,)), ("seq.out", row.slots)):
                for name in names:
                    if name not in told:
                        told.add(name)
                        lines.append(
                            f"{split}/{file}, line {number}: {name!r} never occurs in train; it counts as an error"
                        )
    return lines
