"""Optimisers: AdamW, and LAMB in two variants.

LAMB scales the Adam-like update r of each weight matrix w by the trust ratio |w| / |r| (You et al. 2019). What
is called LAMB differs in small print that matters when warm-up is short:

* ``lamb``: as in the BERT code of the paper's authors' company (one author in common published its training
  command with MobileBERT): no bias correction, no gradient clipping of its own, weight decay inside r, and the
  parameters excluded from weight decay (biases, LayerNorm) skip the trust ratio as well.
* ``lamb-common``: as widely reimplemented: gradients first scaled to a global norm of at most 1, |w| clamped to
  10, trust ratio for every parameter.

Neither corrects the moments' bias: the factor is the same for a whole matrix, and the trust ratio divides it
out again wherever weight decay is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mixvocab.common.errors import UserError

OPTIMIZERS = ("adamw", "lamb", "lamb-common")


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies: to matrices, not to biases and LayerNorm, as in BERT."""
    return parameter.ndim > 1 and "LayerNorm" not in name


def parameter_groups(module: nn.Module, weight_decay: float, multipliers: Mapping[str, float]) -> list[dict[str, Any]]:
    """Group trainable parameters by weight decay and by learning-rate multiplier.

    `multipliers` maps a prefix of the parameter's name to its factor; the longest matching prefix wins. A factor
    of 0 freezes the parameter. Raises `UserError` for a prefix that matches nothing.
    """
    groups: dict[tuple[bool, float], dict[str, Any]] = {}
    unused = set(multipliers)
    for name, parameter in module.named_parameters():
        matching = [prefix for prefix in multipliers if name.startswith(prefix)]
        unused -= set(matching)
        factor = multipliers[max(matching, key=len)] if matching else 1.0
        parameter.requires_grad_(parameter.requires_grad and factor != 0)
        if not parameter.requires_grad:
            continue
        decay = decays(name, parameter)
        group = groups.setdefault(
            (decay, factor),
            {
                "params": [],
                "weight_decay": weight_decay if decay else 0.0,
                "multiplier": factor,
                "decays": decay,
            },
        )
        group["params"].append(parameter)
    if unused:
        raise UserError(f"multipliers name no parameter: {', '.join(sorted(unused))}; see module.named_parameters()")
    return list(groups.values())


def make_optimizer(
    module: nn.Module,
    name: str,
    learning_rate: float,
    weight_decay: float = 0.01,
    multipliers: Mapping[str, float] | None = None,
) -> torch.optim.Optimizer:
    """The optimiser `name` over all trainable parameters of `module`.

    Every group has a "multiplier" that the loop applies to the step's learning rate (see `parameter_groups`). Raises
    `UserError` for an unknown name.
    """
    groups = parameter_groups(module, weight_decay, multipliers or {})
    if name == "adamw":
        # BERT's epsilon; the fused kernel updates all tensors in one call.
        return torch.optim.AdamW(groups, lr=learning_rate, eps=1e-6, fused=True)
    if name not in OPTIMIZERS:
        raise UserError(f"optimizer={name!r} is not one of {', '.join(OPTIMIZERS)}")
    from pytorch_optimizer import Lamb

    # Both leave out the library's own step-size correction, which it applies outside the trust ratio.
    common: dict[str, Any] = {"lr": learning_rate, "weight_decouple": False, "adam_debias": True}
    if name == "lamb-common":
        return Lamb(groups, pre_norm=True, max_grad_norm=1.0, **common)
    for group in groups:
        group["adam"] = not group["decays"]  # the library's name for a trust ratio of 1
    optimizer = Lamb(groups, max_grad_norm=0.0, **common)
    optimizer.clamp = float("inf")
    return optimizer
