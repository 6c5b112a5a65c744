"""What a run spends: tokens read, floating-point operations, seconds, steps.

Operations are counted by formula, so that they are the same on every machine: two for a multiply-add of a forward
pass, and the backward pass costs the forward twice over (once for the gradients of the activations, once for those
of the weights), or once where the weights are frozen and the gradients only pass through. Look-ups, LayerNorm,
softmax and the optimiser are left out, as in `BertShape.masked_lm_flops`, on which this builds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mixvocab.models.parameters import BertShape
from mixvocab.train.loop import TrainResult


@dataclass(frozen=True)
class Spent:
    """The cost of a run or, added up, of several."""

    tokens_read: int = 0  # real tokens read in training
    flops: float = 0.0  # floating-point operations of training
    seconds: float = 0.0  # wall clock of the training steps; differs between machines
    steps: int = 0
    precision: str = ""  # that it ran in: fp32, bf16, or both of several runs

    @classmethod
    def of(cls, result: TrainResult, flops: float) -> Spent:
        return cls(result.tokens, flops, result.seconds, result.steps, result.precision)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.tokens_read + other.tokens_read,
            self.flops + other.flops,
            self.seconds + other.seconds,
            self.steps + other.steps,
            " + ".join(sorted({self.precision, other.precision} - {""})),
        )


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
) -> float:
    """Operations of stage I over `tokens` tokens in `steps` steps of sequences of `length` tokens.

    Every step raises all V_s student embeddings by the affine layer for the softmax, and the student tokens read.

    Args:
        masks: share of all tokens that are masked teacher tokens and masked student tokens, see
            `Masking.expected_shares`.
        p_sv: share of the tokens that the student's vocabulary segmented.
        frozen: parts that learn nothing ("encoder", "transform", "teacher_embeddings", "up_projection"); the gradients
            of the embeddings pass through them.
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
    return sum((4 if part in frozen else 6) * count for part, count in multiply_adds.items())
