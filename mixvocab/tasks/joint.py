"""Joint intents and slots as a training task: batches, and the loss of Chen, Zhuo and Wang (2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mixvocab.losses import IGNORED, Losses, nll
from mixvocab.models.joint import JointBert
from mixvocab.tasks.batching import pad, real
from mixvocab.tasks.decoding import viterbi
from mixvocab.tasks.encoding import Encoder


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


def collate(examples: Sequence[JointExample]) -> JointBatch:
    """One batch; padding has id 0, as in BERT."""
    ids = [example.ids for example in examples]
    tags = np.full((len(ids), max(map(len, ids))), IGNORED, dtype=np.int64)
    for row, example in zip(tags, examples, strict=True):
        row[example.first] = example.tags
    return JointBatch(pad(ids, 0), real(ids), np.array([example.intent for example in examples]), tags)


class JointTask(nn.Module):
    """-log p(intent, slots | words), the product of the intent's and every word's probability."""

    def __init__(self, model: JointBert, encoder: Encoder | None = None, piece_dropout: float = 0.0) -> None:
        """With `piece_dropout`, training reads that share of the pieces as the `encoder`'s [UNK].

        Most slots hold names that no model has seen; one that must often do without a piece learns to read slots
        from the words around them.
        """
        super().__init__()
        self.model = model
        self.piece_dropout = piece_dropout
        if encoder:
            self.unknown, self.kept = encoder.unk, torch.tensor([encoder.cls, encoder.sep, encoder.pad])
        elif piece_dropout:
            raise ValueError("piece_dropout needs the encoder, which knows [UNK]")

    def forward(self, ids: Tensor, intent: Tensor, tags: Tensor, attention: Tensor | None = None) -> Losses:
        """Sums of -log p over utterances (intent) and words (slots); shapes as in `JointBatch`."""
        if self.training and self.piece_dropout:
            hidden = torch.rand(ids.shape, device=ids.device) < self.piece_dropout
            ids = ids.masked_fill(hidden & ~torch.isin(ids, self.kept.to(ids.device)), self.unknown)
        intents, slots = self.model(ids, attention)
        return {"intent": nll(intents, intent), "slots": nll(slots, tags)}

    def predict(self, ids: Tensor, attention: Tensor | None, first: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """The most probable intent (B,) and IOB2 tags (B, T) int64; tags mean nothing but at an utterance's `first`.

        `first` has for each utterance the positions (W,) of its words' first pieces: tags are decoded over these.
        """
        intents, slots = self.model(ids, attention)
        logits = slots.float().cpu().numpy()
        tags = np.zeros(ids.shape, dtype=np.int64)
        for row, words, places in zip(tags, logits, first, strict=True):
            row[places] = viterbi(words[places], self.model.config.slot_labels)
        return intents.argmax(-1), torch.from_numpy(tags)
