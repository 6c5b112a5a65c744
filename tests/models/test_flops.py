"""Operations by formula: against sums written out, and against what frozen parts and caps leave."""

import pytest

from mixvocab.models.flops import Spent, stage_one_flops
from mixvocab.models.parameters import BertShape

TEACHER = BertShape(2, 8, 100, heads=2, intermediate=32)
STUDENT = BertShape(1, 4, 50, heads=2)
TOKENS, LENGTH, STEPS = 1000, 10, 5
MASKS = (0.1, 0.05)


def stage_one(**more: object) -> float:
    settings: dict[str, object] = {"masks": MASKS, "p_sv": 0.5} | more
    return stage_one_flops(TEACHER, STUDENT, TOKENS, LENGTH, STEPS, **settings)  # type: ignore[arg-type]


def test_stage_one_term_by_term() -> None:
    layers = TOKENS * 2 * (4 * 8 * 8 + 2 * 8 * 32 + 2 * 10 * 8)
    heads = 100 * (8 * 8 + 100 * 8) + 50 * (8 * 8 + 50 * 8)
    raising = (STEPS * 50 + 500) * 4 * 8
    assert stage_one() == pytest.approx(6 * (layers + heads + raising))


def test_with_no_student_it_is_masked_language_modelling() -> None:
    alone = stage_one_flops(TEACHER, BertShape(1, 4, 0, heads=2), TOKENS, LENGTH, STEPS, masks=(0.15, 0.0), p_sv=0.0)
    assert alone == pytest.approx(TEACHER.masked_lm_flops(TOKENS, LENGTH, 0.15))


def test_a_frozen_part_saves_the_gradients_of_its_weights_alone() -> None:
    layers = TOKENS * 2 * (4 * 8 * 8 + 2 * 8 * 32 + 2 * 10 * 8)
    assert stage_one() - stage_one(frozen=["encoder"]) == pytest.approx(2 * layers)
    assert stage_one() - stage_one(frozen=["transform"]) == pytest.approx(2 * 150 * 8 * 8)


def test_costs_add_up() -> None:
    total = sum([Spent(10, 2.0, 0.5, 1, "fp32"), Spent(5, 1.0, 0.25, 2, "bf16")], Spent())
    assert total == Spent(15, 3.0, 0.75, 3, "bf16 + fp32")
