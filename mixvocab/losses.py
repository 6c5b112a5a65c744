"""Losses as sums with counts, so that an average over batches of unequal size is exact."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Part(NamedTuple):
    """One loss: its sum, and the number of positions summed."""

    total: Tensor
    positions: Tensor


Losses = dict[str, Part]
"""Losses by name. Training minimises sum(total) / sum(positions) over all of them; equation 1 is such a sum."""


IGNORED = -100
"""The number of a label that is not known, or of a position that has none."""


def nll(logits: Tensor, labels: Tensor) -> Part:
    """-log softmax(logits)[label], summed over the positions whose label is not IGNORED.

    `logits`: (..., C); `labels`: the same without the last dimension, int64.
    """
    total = F.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return Part(total, (labels != IGNORED).sum())


def mean_loss(losses: Losses) -> Tensor:
    """The scalar that is minimised: all sums over all counts."""
    total = torch.stack([part.total for part in losses.values()]).sum()
    count = torch.stack([part.positions for part in losses.values()]).sum()
    return total / count.clamp(min=1)


def average(many: list[Losses]) -> dict[str, float]:
    """Mean loss over several batches: "loss" over all parts, and each part under its own name."""
    names = list(dict.fromkeys(name for losses in many for name in losses))
    totals = {n: sum(float(losses[n].total) for losses in many if n in losses) for n in names}
    counts = {n: sum(int(losses[n].positions) for losses in many if n in losses) for n in names}
    result = {"loss": sum(totals.values()) / max(1, sum(counts.values()))}
    return result | {n: totals[n] / counts[n] for n in names if counts[n]}
