"""The gradient of a step that several micro-batches or several processes share."""

from __future__ import annotations

import torch
from accelerate.utils import reduce
from torch import Tensor, nn

from mixvocab.train.losses import Losses, fractions


class SharedGradient:
    """Gradients of sums, added up and divided by all positions at the end.

    What a step minimises is a sum over a sum (equation 1), and micro-batches differ in their number of masked tokens:
    the mean of their means would count a token of a batch with few of them for more.
    """

    def __init__(self, module: nn.Module) -> None:
        self._weights = [weight for weight in module.parameters() if weight.requires_grad]
        # Of each fraction (see `fractions`): gradient of the sum by each weight, None where it has none; positions.
        self._gradients: list[tuple[Tensor | None, ...]] = []
        self._positions: list[Tensor] = []

    def add(self, losses: Losses) -> None:
        """Take in the losses of one micro-batch; their graph is used up."""
        parts = fractions(losses)
        for number, (total, positions) in enumerate(parts):
            more = number + 1 < len(parts)
            gradients = torch.autograd.grad(total, self._weights, retain_graph=more, allow_unused=True)
            if number == len(self._gradients):
                self._gradients.append(gradients)
                self._positions.append(positions)
            else:
                self._gradients[number] = tuple(map(_sum, self._gradients[number], gradients))
                self._positions[number] = self._positions[number] + positions

    def apply(self) -> None:
        """Give the weights the gradient of the whole step, the same in all processes."""
        for gradients, positions in zip(self._gradients, self._positions, strict=True):
            count = reduce(positions, "sum").clamp(min=1)
            for weight, gradient in zip(self._weights, gradients, strict=True):
                if gradient is not None:
                    weight.grad = _sum(weight.grad, reduce(gradient, "sum") / count)


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """The sum of what there is."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
