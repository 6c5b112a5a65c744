"""Losses as sums with counts, so that an average over batches of unequal size is exact."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import torch
from accelerate.utils import reduce
from torch import Tensor, nn
from torch.nn import functional as F

from mixvocab.text.masking import IGNORED as IGNORED


class Part(NamedTuple):
    """One loss: its sum, and the number of positions summed.

    `weight` is its factor in what training minimises, never in what is reported. A part that is not `scored` is an
    aid to training, which "loss" leaves out, so that the "loss" of methods with different aids can be compared.
    """

    total: Tensor
    positions: Tensor
    weight: float | Tensor = 1.0
    scored: bool = True

    def reported(self) -> tuple[float, int, bool]:
        """What `average` reads of it, as numbers."""
        return float(self.total), int(self.positions), self.scored

    @classmethod
    def of(cls, total: float, positions: int, scored: bool) -> Part:
        """The part that reported these."""
        return cls(torch.tensor(total, dtype=torch.float64), torch.tensor(positions), scored=scored)


Losses = dict[str, Part]
"""Losses by name. Training minimises sum(weight * total) over all of them / sum(positions) over the scored ones;
equation 1 is such a quotient."""


def nll(logits: Tensor, labels: Tensor) -> Part:
    """-log softmax(logits)[label], summed over the positions whose label is not `IGNORED` (-100).

    `logits`: (..., C); `labels`: the same without the last dimension, int64.
    """
    total = F.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return Part(total, (labels != IGNORED).sum())


def soft_targets(logits: Tensor, said: Tensor, temperature: float) -> Tensor:
    """T^2 KL(q_T || p_T) of logits (M, C) of a student and of its teacher, summed over M (Hinton et al. 2015)."""
    own, other = ((scores / temperature).log_softmax(dim=1) for scores in (logits, said))
    return temperature**2 * F.kl_div(own, other, reduction="sum", log_target=True)


def state_loss(states: Tensor, wanted: Tensor, real: Tensor) -> Tensor:
    """Mean squared error of states (B, T, D) of a student and of its teacher, summed over `real` positions (B, T)."""
    return ((states - wanted).square().mean(dim=-1) * real).sum()


def scored_positions(losses: Losses) -> Tensor:
    """How many positions the scored parts are summed over."""
    return torch.stack([part.positions for part in losses.values() if part.scored]).sum()


def minimised(losses: Losses) -> tuple[Tensor, Tensor]:
    """What is minimised, as sum and number of positions."""
    total = torch.stack([part.weight * part.total for part in losses.values()]).sum()
    return total, scored_positions(losses)


def mean_loss(losses: Losses) -> Tensor:
    """The scalar that is minimised."""
    total, positions = minimised(losses)
    return total / positions.clamp(min=1)


def average(many: list[Losses]) -> dict[str, float]:
    """Mean loss over several batches: "loss" over all scored parts, and each part under its own name; no weights."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for losses in many:
        for name, part in losses.items():
            parts[name].append(part)
    totals = {name: sum(float(part.total) for part in same) for name, same in parts.items()}
    counts = {name: sum(int(part.positions) for part in same) for name, same in parts.items()}
    scored = [name for name, same in parts.items() if same[0].scored]
    loss = sum(totals[name] for name in scored) / max(1, sum(counts[name] for name in scored))
    return {"loss": loss} | {name: totals[name] / counts[name] for name in parts if counts[name]}


def divide_gradients(module: nn.Module, positions: Tensor) -> None:
    """Make gradients of sums, added up over micro-batches, those of the whole step's mean, the same in all processes.

    What a step minimises is a sum over a sum (equation 1), and micro-batches differ in their number of masked tokens:
    the mean of their means would count a token of a batch with few of them for more. `positions`: of all micro-batches
    of this process.
    """
    count = reduce(positions, "sum").clamp(min=1)
    for weight in module.parameters():
        if weight.grad is not None:
            weight.grad = reduce(weight.grad, "sum") / count
