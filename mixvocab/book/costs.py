"""What the two stages cost, by the one formula of `mixvocab.compute`, from their settings and results."""

from __future__ import annotations

from mixvocab.book.profiles import MixingSettings, StageOneSettings
from mixvocab.compute import Spent, mask_shares, stage_one_flops
from mixvocab.models.parameters import BertShape
from mixvocab.pipeline import stage_one_recipe
from mixvocab.train import TrainResult

FREEZABLE = ("encoder", "transform", "teacher_embeddings", "raise_layer")  # parts of stage I that cost less frozen


def stage_one_spent(
    teacher: BertShape,
    student: BertShape,
    settings: StageOneSettings,
    mixing: MixingSettings,
    result: TrainResult,
    *,
    p_sv: float | None = None,
    teacher_cap: int | None = None,
) -> Spent:
    """What a run of stage I cost. `p_sv` and `teacher_cap` replace the settings', for a teacher trained by itself."""
    p_sv = mixing.p_sv if p_sv is None else p_sv
    cap = mixing.max_teacher_masks if teacher_cap is None else teacher_cap
    multipliers = stage_one_recipe(settings).multipliers
    flops = stage_one_flops(
        teacher,
        student,
        result.tokens,
        mixing.length,
        result.steps,
        masks=mask_shares(mixing.length, p_sv, mixing.mask_rate, mixing.max_masks, cap),
        p_sv=p_sv,
        compared=student.vocab_size if settings.agreement else 0,
        frozen=[part for part in FREEZABLE if multipliers.get(part) == 0],
    )
    return Spent(result.tokens, flops, result.seconds, result.steps, result.precision)


def stage_two_spent(student: BertShape, length: int, result: TrainResult) -> Spent:
    """What training a student on rows of `length` tokens cost."""
    flops = student.masked_lm_flops(result.tokens, length)
    return Spent(result.tokens, flops, result.seconds, result.steps, result.precision)
