"""Optimisers: AdamW, and LAMB as in the BERT code of the paper's authors' company.

LAMB scales the Adam-like update r of each weight matrix w by the trust ratio |w| / |r| (You et al. 2019). What
is called LAMB differs in small print that matters when warm-up is short. Here: no bias correction (the trust ratio
divides its factor out again), no gradient clipping of its own, weight decay inside r, and the parameters excluded from
weight decay (biases, LayerNorm) skip the trust ratio as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

from mixvocab.common.errors import UserError


def parameter_groups(module: nn.Module, weight_decay: float, multipliers: Mapping[str, float]) -> list[dict[str, Any]]:
    """Group trainable parameters by weight decay (on matrices, not on biases and LayerNorm) and by multiplier.

    `multipliers` maps a prefix of the parameter's name to a factor on its learning rate; the longest matching prefix
    wins. A factor of 0 freezes the parameter. Raises `UserError` for a prefix that matches nothing.
    """
    groups: dict[tuple[bool, float], dict[str, Any]] = {}
    unused = set(multipliers)
    for name, parameter in module.named_parameters():
        matching = [prefix for prefix in multipliers if name.startswith(prefix)]
        unused.difference_update(matching)
        factor = multipliers[max(matching, key=len)] if matching else 1.0
        parameter.requires_grad_(parameter.requires_grad and factor != 0)
        if not parameter.requires_grad:
            continue
        decays = parameter.ndim > 1 and "LayerNorm" not in name
        group = {"params": [], "weight_decay": weight_decay if decays else 0.0, "multiplier": factor, "decays": decays}
        groups.setdefault((decays, factor), group)["params"].append(parameter)
    if unused:
        raise UserError(f"multipliers name no parameter: {', '.join(sorted(unused))}; see module.named_parameters()")
    return list(groups.values())


def make_optimizer(
    module: nn.Module,
    name: Literal["adamw", "lamb"],
    learning_rate: float,
    weight_decay: float,
    multipliers: Mapping[str, float],
) -> torch.optim.Optimizer:
    """The optimiser of that name over `parameter_groups`. Raises `UserError` for another name."""
    groups = parameter_groups(module, weight_decay, multipliers)
    if name == "adamw":
        # BERT's epsilon; the fused kernel updates all tensors in one call.
        return torch.optim.AdamW(groups, lr=learning_rate, eps=1e-6, fused=True)
    if name != "lamb":
        raise UserError(f"optimizer={name!r} is unknown: choose adamw or lamb")
    from pytorch_optimizer import Lamb

    for group in groups:
        group["adam"] = not group["decays"]  # the library's name for a trust ratio of 1
    # `adam_debias` leaves out the library's own step-size correction, which it applies outside the trust ratio.
    optimizer = Lamb(groups, lr=learning_rate, weight_decouple=False, adam_debias=True, max_grad_norm=0.0)
    optimizer.clamp = float("inf")
    return optimizer
