"""What a BERT costs, by formula: parameters, and floating-point operations of training.

Operations are two for a multiply-add of a forward pass; the backward pass costs the forward twice over (once for the
gradients of the activations, once for those of the weights), or once where the weights are frozen and the gradients
only pass through. Look-ups, LayerNorm, softmax and the optimiser are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from mixvocab.train.loop import TrainResult

STUDENT_PIECES = 4_928  # what the paper's learner gave when asked for 5,000 (section 3.1)


@dataclass(frozen=True)
class BertShape:
    """The sizes that fix a BERT encoder's parameter count."""

    layers: int
    hidden: int
    vocab_size: int  # pieces, looked up at the input and, tied, scored at the output
    heads: int = 4
    intermediate: int = 0  # 0: four times the hidden size, as in every BERT and every student of the paper
    positions: int = 512

    @property
    def name(self) -> str:
        """As the paper writes it: "L-6 H-96"."""
        return f"L-{self.layers} H-{self.hidden}"

    @property
    def feed_forward(self) -> int:
        return self.intermediate or 4 * self.hidden

    @property
    def layer_params(self) -> int:
        """Parameters of one transformer layer: four attention maps, two feed-forward maps, two LayerNorms."""
        h, f = self.hidden, self.feed_forward
        attention = 4 * (h * h + h)
        feed_forward = (h * f + f) + (f * h + h)
        return attention + feed_forward + 2 * 2 * h

    @property
    def total_params(self) -> int:
        """All parameters of the encoder: embeddings, positions, two token types, LayerNorm, layers, pooler."""
        h = self.hidden
        embeddings = (self.vocab_size + self.positions + 2) * h + 2 * h
        return embeddings + self.layers * self.layer_params + h * h + h

    @property
    def embedding_share(self) -> float:
        return self.vocab_size * self.hidden / self.total_params

    def stored_bytes(self, bits: int, *, window: int, outputs: int) -> dict[str, int]:
        """Bytes of the weights that `mixvocab export` writes, by part, as `mixvocab.edge.graph` calls the parts.

        In 8 `bits` tables and matrices have a byte a weight and a 32-bit scale a row or an output; what else there is
        stays in 32 bits. Positions are kept up to `window`; `outputs`: intents and tags, which the heads score.
        """
        h, f, layers = self.hidden, self.feed_forward, self.layers
        counted = {  # weights of tables and matrices, their rows or outputs, and what is neither
            "embeddings of pieces": (self.vocab_size * h, self.vocab_size, 0),
            "other embeddings": (window * h, window, 2 * h),
            "layers": (layers * (4 * h * h + 2 * h * f), layers * (5 * h + f), layers * (9 * h + f)),
            "pooler and heads": (h * h + outputs * h, h + outputs, h + outputs),
        }
        scale = 4 if bits < 32 else 0
        return {
            part: bits * weights // 8 + scale * scales + 4 * others
            for part, (weights, scales, others) in counted.items()
        }

    def multiply_adds(self, length: int) -> float:
        """A token's in the layers' forward pass, in sequences of `length`: matrix products and attention products."""
        h, f = self.hidden, self.feed_forward
        return self.layers * (4 * h * h + 2 * h * f + 2 * length * h)

    def masked_lm_flops(self, tokens: float, length: int, masked: float = 0.15, *, head_alone: bool = False) -> float:
        """Operations of training on `tokens` tokens in sequences of `length`.

        Counted: the layers' matrix products, the attention products, and the softmax head on the `masked` share of
        positions. With `head_alone` the layers are frozen and have a forward pass alone; of the two gradients of the
        head's products one is needed each: the transform's weights', and its output's through the tied, frozen table.
        """
        per_token, h = self.multiply_adds(length), self.hidden
        head = masked * (h * h + self.vocab_size * h)
        return tokens * (2 * per_token + 4 * head) if head_alone else 3 * 2 * tokens * (per_token + head)

    def word_attention_flops(self, tokens: float, length: int) -> float:
        """Operations of a forward pass that takes one layer's attention anew and sums it by words."""
        return 2 * tokens * (2 * self.hidden**2 + length * self.hidden + length**2)


STUDENT_SHAPES: dict[str, BertShape] = {
    f"L-{layers} H-{hidden}": BertShape(layers, hidden, STUDENT_PIECES)
    for layers in (6, 12)
    for hidden in (96, 192, 256)
}
"""The paper's students by name (section 4.2): 4 attention heads, feed-forward 4H, 4,928 word pieces."""


@dataclass(frozen=True)
class PaperModel:
    """One row of the paper's tables 1 and 2 whose architecture is published, see `paper_models.yaml`."""

    name: str
    embedding_params: int
    total_params: int

    @property
    def embedding_share(self) -> float:
        return self.embedding_params / self.total_params


def paper_models() -> list[PaperModel]:
    """The rows of the paper's tables in its order."""
    rows = yaml.safe_load(Path(__file__).with_name("paper_models.yaml").read_text(encoding="utf-8"))
    return [PaperModel(name, **row) for name, row in rows.items()]


def stage_one_flops(
    teacher: BertShape,
    student: BertShape,
    tokens: int,
    length: int,
    steps: int,
    *,
    masks: tuple[float, float],
    p_sv: float,
    frozen: Collection[str] = (),
    projection: bool = False,
) -> float:
    """Operations of stage I over `tokens` tokens in `steps` steps of sequences of `length` tokens.

    Every step raises all V_s student embeddings by the affine layer for the softmax, and the student tokens read.
    `masks` are the shares of all tokens that are masked teacher tokens and masked student tokens; `frozen` names parts
    that learn nothing. A learned `projection` multiplies the teacher's vectors of all V_s pieces, which learn nothing,
    twice a step: for the look-up and for the softmax.
    """
    own, guest = (share * tokens for share in masks)
    wide, narrow = teacher.hidden, student.hidden
    multiply_adds = {
        "encoder": teacher.masked_lm_flops(tokens, length, masked=0.0) / 6,
        "transform": (own + guest) * wide**2,
        "teacher_embeddings": own * teacher.vocab_size * wide,
        "student_embeddings": guest * student.vocab_size * wide,
        "up_projection": (steps * student.vocab_size + p_sv * tokens) * narrow * wide,
    }
    projected = 4 * 2 * steps * student.vocab_size * narrow * wide if projection else 0
    return projected + sum((4 if part in frozen else 6) * count for part, count in multiply_adds.items())


@dataclass(frozen=True)
class Spent:
    """What a run cost."""

    tokens_read: int = 0  # real tokens read in training
    flops: float = 0.0  # floating-point operations of training
    seconds: float = 0.0  # wall clock of the training steps; differs between machines
    steps: int = 0
    precision: str = ""  # that it ran in: fp32 or bf16

    @classmethod
    def of(cls, result: TrainResult, flops: float) -> Spent:
        return cls(result.tokens, flops, result.seconds, result.steps, result.precision)

    def __add__(self, later: Spent) -> Spent:
        """Of one run after the other."""
        parts = ("tokens_read", "flops", "seconds", "steps")
        return replace(later, **{part: getattr(self, part) + getattr(later, part) for part in parts})
