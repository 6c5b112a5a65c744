"""MobileBERT's architecture (Sun, Yu, Song, Liu, Yang and Zhou 2020, section 3 and table 1), and its teacher's.

    states, H wide ──┬─> I wide ──> queries, keys ──┬─> attention ──> feed-forward, several in a stack ──┐
                     ├─> values ────────────────────┘                                                    │
                     └─> added <── H wide <──────────────────────────────────────────────────────────────┘

A block works at another width I than the states that pass between blocks: in the student a narrow one (a bottleneck),
in the teacher a wide one (an inverted bottleneck). So the states of both can be compared, block by block. Word vectors
are narrow as well: a convolution over three neighbours makes H of them, and at the output a second table, untied, makes
up for what they lack. NoNorm, a scale and a shift for each unit, and ReLU take the place of LayerNorm and GELU.

All of it is transformers' `MobileBertForMaskedLM`, which has no block whose queries and keys read the H wide states, as
the counts of table 1 have it; the published checkpoint shares a bottleneck for them, as here. With table 1's blocks and
without positions, student, tiny student and teacher have 25.1M, 15.2M and 294M parameters (printed: 25.3, 15.1, 293).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from transformers import MobileBertConfig, MobileBertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.models.init import sinusoidal_positions
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import config_sizes


@dataclass(frozen=True)
class MobileShape(BertShape):
    """The sizes of a MobileBERT or of its teacher; `hidden` is the width between blocks, `intermediate` 0: 4 inner."""

    inner: int = 128  # inside a block
    embedding: int = 128  # of word vectors
    feed_forwards: int = 4  # in a block
    shared: bool = True  # queries and keys read a bottleneck of their own; False: with the values, the block's (tiny)
    norm: Literal["no_norm", "layer_norm"] = "no_norm"
    activation: Literal["relu", "gelu"] = "relu"

    def __post_init__(self) -> None:
        """Raises `UserError` for heads that do not divide a block's width."""
        if self.inner % self.heads:
            raise UserError(f"student.heads={self.heads} do not divide a MobileBERT block of width {self.inner}")

    @property
    def name(self) -> str:
        """With the width of a block: "L-6 H-192 I-48"."""
        return f"{super().name} I-{self.inner}"

    @property
    def feed_forward(self) -> int:
        return self.intermediate or 4 * self.inner

    @property
    def layer_params(self) -> int:
        """Parameters of one block; NoNorm has as many as LayerNorm."""
        wide, inner, ffn = self.hidden, self.inner, self.feed_forward
        into = (1 + self.shared) * (wide * inner + inner + 2 * inner)
        values = wide if self.shared else inner
        attention = 2 * (inner * inner + inner) + (values * inner + inner) + (inner * inner + inner) + 2 * inner
        feed_forward = (inner * ffn + ffn) + (ffn * inner + inner) + 2 * inner
        return into + attention + self.feed_forwards * feed_forward + (inner * wide + wide) + 2 * wide

    @property
    def total_params(self) -> int:
        """All parameters of the encoder: word vectors, convolution, positions, two token types, a norm, blocks."""
        wide = self.hidden
        embeddings = self.vocab_size * self.embedding + (3 * self.embedding * wide + wide)
        return embeddings + (self.positions + 2) * wide + 2 * wide + self.layers * self.layer_params

    @property
    def embedding_share(self) -> float:
        return self.vocab_size * self.embedding / self.total_params

    def multiply_adds(self, length: int) -> float:
        """The convolution's as well."""
        wide, inner = self.hidden, self.inner
        into, values = (1 + self.shared) * wide * inner, (wide if self.shared else inner) * inner
        attention = 3 * inner * inner + values + 2 * length * inner
        feed_forwards = self.feed_forwards * 2 * inner * self.feed_forward
        return self.layers * (into + attention + feed_forwards + inner * wide) + 3 * self.embedding * wide


PUBLISHED = {
    "MobileBERT": MobileShape(24, 512, 30_522),
    "MobileBERT-tiny": MobileShape(24, 512, 30_522, feed_forwards=2, shared=False),
    "IB-BERT": MobileShape(24, 512, 30_522, inner=1024, feed_forwards=1, norm="layer_norm", activation="gelu"),
}
"""Those of table 1, queries and keys as transformers has them."""


def mobile_shapes(shape: BertShape) -> tuple[MobileShape, MobileShape]:
    """The student's and the teacher's sizes beside BERT students of `shape`.

    They have its layers and heads. With H its hidden size, states between blocks are 2H wide, words H/2, a block H/2 in
    the student and 4H in the teacher (published: 512, 128, 128 and 1024): so that the student has about a BERT's
    parameters and operations (L-6 H-96, 5,000 pieces: 1.1M parameters of 1.2M).
    """
    wide, narrow = 2 * shape.hidden, shape.hidden // 2
    student = MobileShape(
        shape.layers,
        wide,
        shape.vocab_size,
        shape.heads,
        inner=narrow,
        embedding=narrow,
        norm="layer_norm",
        activation="gelu",
    )
    return student, replace(student, inner=2 * wide, feed_forwards=1)


def mobile_config(shape: MobileShape, dropout: float = 0.0) -> MobileBertConfig:
    """transformers' configuration; of attention nothing is dropped, since it is compared."""
    return MobileBertConfig(
        **config_sizes(shape),
        embedding_size=shape.embedding,
        intra_bottleneck_size=shape.inner,
        num_feedforward_networks=shape.feed_forwards,
        key_query_shared_bottleneck=shape.shared,
        use_bottleneck_attention=not shape.shared,
        normalization_type=shape.norm,
        hidden_act=shape.activation,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        classifier_activation=False,  # no pooler, as published
    )


def new_mobile(
    shape: MobileShape,
    embeddings: Tensor | None = None,
    *,
    seed: int,
    position_spread: float = 2.0,
    dropout: float = 0.0,
) -> MobileBertForMaskedLM:
    """A model with fresh weights, normal(0, 0.02) as in BERT, but for positions and, if given, words (V_s, embedding).

    Positions begin as sinusoids with `position_spread` times the spread of what the convolution makes of words.
    """
    with torch.random.fork_rng(devices=[]):  # transformers draws from torch's global generator
        torch.manual_seed(seed)
        model = MobileBertForMaskedLM(mobile_config(shape, dropout))
    tables = model.mobilebert.embeddings
    if embeddings is not None:
        tables.word_embeddings.weight.data.copy_(embeddings)
    if position_spread:
        words, convolution = tables.word_embeddings.weight, tables.embedding_transformation.weight
        std = position_spread * float((words.std() * convolution.std() * convolution.shape[1] ** 0.5).detach())
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            waves = sinusoidal_positions(shape.positions, shape.hidden, std, generator=generator)
            tables.position_embeddings.weight.copy_(waves)
    return model
