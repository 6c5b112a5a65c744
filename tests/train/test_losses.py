"""Sums with counts: what is minimised and what is reported."""

import pytest
import torch

from mixvocab.train.losses import Losses, Part, average, mean_loss


def part(total: float, positions: int, **more: float | bool) -> Part:
    return Part(torch.tensor(total), torch.tensor(positions), **more)  # type: ignore[arg-type]


def test_scored_parts_are_averaged_over_all_their_positions() -> None:
    losses: Losses = {"teacher": part(6.0, 2), "student": part(4.0, 3)}
    assert float(mean_loss(losses)) == 2.0
    assert average([losses]) == {"loss": 2.0, "teacher": 3.0, "student": 4.0 / 3}


def test_an_aid_is_minimised_with_its_weight_and_left_out_of_the_loss() -> None:
    losses: Losses = {"student": part(6.0, 2, weight=0.5), "labels": part(8.0, 4, weight=0.25, scored=False)}
    assert float(mean_loss(losses)) == pytest.approx((0.5 * 6 + 0.25 * 8) / 2)
    assert average([losses]) == {"loss": 3.0, "student": 3.0, "labels": 2.0}


def test_a_loss_without_positions_is_not_reported() -> None:
    losses: Losses = {"student": part(6.0, 2), "teacher": part(0.0, 0)}
    assert average([losses]) == {"loss": 3.0, "student": 3.0}
