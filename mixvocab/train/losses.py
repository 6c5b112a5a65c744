"""Losses as sums with counts, so that an average over batches of unequal size is exact."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mixvocab.text.masking import IGNORED as IGNORED


class Part(NamedTuple):
    """One loss: its sum, and the number of positions summed.

    `weight` is its factor in what training minimises, never in what is reported. A part that is not `scored` is an
    aid to training: it is averaged over its own positions, and "loss" leaves it out, so that the "loss" of methods
    with different aids can be compared.
    """

    total: Tensor
    positions: Tensor
    weight: float = 1.0
    scored: bool = True


Losses = dict[str, Part]
"""Losses by name. Training minimises sum(weight * total) / sum(positions) over the scored ones; equation 1 is such a
sum. To it is added weight * total / positions of each aid."""


def nll(logits: Tensor, labels: Tensor) -> Part:
    """-log softmax(logits)[label], summed over the positions whose label is not `IGNORED` (-100).

    `logits`: (..., C); `labels`: the same without the last dimension, int64.
    """
    total = F.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return Part(total, (labels != IGNORED).sum())


def fractions(losses: Losses) -> list[tuple[Tensor, Tensor]]:
    """What is minimised, as (weighted sum, positions): all scored parts as one, then each aid by itself."""
    scored = [part for part in losses.values() if part.scored]
    total = torch.stack([part.weight * part.total for part in scored]).sum()
    positions = torch.stack([part.positions for part in scored]).sum()
    aids = [(part.weight * part.total, part.positions) for part in losses.values() if not part.scored]
    return [(total, positions), *aids]


def mean_loss(losses: Losses) -> Tensor:
    """The scalar that is minimised: all sums over all counts, and the mean of each aid with its weight."""
    return torch.stack([total / positions.clamp(min=1) for total, positions in fractions(losses)]).sum()


def average(many: list[Losses]) -> dict[str, float]:
    """Mean loss over several batches: "loss" over all scored parts, and each part under its own name; no weights."""
    names = list(dict.fromkeys(name for losses in many for name in losses))
    scored = [n for n in names if all(losses[n].scored for losses in many if n in losses)]
    totals = {n: sum(float(losses[n].total) for losses in many if n in losses) for n in names}
    counts = {n: sum(int(losses[n].positions) for losses in many if n in losses) for n in names}
    result = {"loss": sum(totals[n] for n in scored) / max(1, sum(counts[n] for n in scored))}
    return result | {n: totals[n] / counts[n] for n in names if counts[n]}
