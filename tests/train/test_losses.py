"""Sums with counts: what is minimised and what is reported."""

from math import exp, log

import pytest
import torch

from mixvocab.train.losses import Losses, Part, average, mean_loss, soft_targets


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


@pytest.mark.parametrize(("temperature", "spread"), [(2, 1), (10, 10)])
def test_soft_targets_and_their_gradient_class_by_class(temperature: int, spread: int) -> None:
    first, said = (
        spread * torch.randn(3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for seed in (0, 1)
    )
    logits = first.requires_grad_()
    total, gradient = 0.0, torch.zeros(3, 5, dtype=torch.float64)
    for m in range(3):
        own, other = ([exp(float(x) / temperature) for x in row[m]] for row in (logits.detach(), said))
        p, q = ([x / sum(row) for x in row] for row in (own, other))
        for c in range(5):
            total += temperature**2 * q[c] * log(q[c] / p[c])
            gradient[m, c] = temperature * (p[c] - q[c])  # T^2 times 1 / T
    found = soft_targets(logits, said, temperature)
    found.backward()
    assert found.item() == pytest.approx(total, rel=1e-6)
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-6, atol=1e-12)
