"""Which precision a run trains in, and what makes bf16 fast on a processor.

There bf16 runs under autocast, with two changes for the time of the run that `running` makes:

* attention by plain products and a softmax instead of PyTorch's fused kernel, whose backward pass gains nothing from
  bf16 on a processor;
* what the embeddings hand to the encoder is cast once. Autocast leaves sums of fp32 and bf16 in fp32, so that
  without it every layer casts its input again for each of its products.

Weights, their gradients, the optimiser and every loss stay in fp32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError

SMALL = 500_000  # parameters: a model of fewer gains too little from bf16 to be worth its rounding


def choose(asked: str, module: nn.Module) -> str:
    """The precision of a run, "fp32" or "bf16", for `asked`, which may be "auto".

    "auto" is bf16 where graphics card or processor have instructions for it: on a processor with AVX512-BF16 a step of
    every student and teacher of the book is then 1.4 to 1.9 times as fast (`benchmarks/precision.py`). Raises
    `UserError` for an unknown name.
    """
    if asked in ("fp32", "bf16"):
        return asked
    if asked != "auto":
        raise UserError(f"precision={asked!r} is not one of auto, fp32, bf16")
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    small = sum(parameter.numel() for parameter in module.parameters()) < SMALL
    # Processors with AMX have these instructions as well.
    return "fp32" if small or not torch.cpu._is_avx512_bf16_supported() else "bf16"


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """What forward passes run in, on a device of this type ("cpu", "cuda")."""
    return torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def running(module: nn.Module, precision: str, device: str) -> Iterator[None]:
    """Lend the module what makes bf16 fast on processors; does nothing in fp32 and on other devices."""
    lends = precision == "bf16" and device == "cpu"
    models = [part for part in module.modules() if lends and isinstance(part, PreTrainedModel)]
    attention = [model.config._attn_implementation for model in models]
    embeddings = [getattr(model, "embeddings", None) for model in models]
    hooks = [layer.register_forward_hook(_cast) for layer in embeddings if isinstance(layer, nn.Module)]
    try:
        for model in models:
            model.set_attn_implementation("eager")
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for model, name in zip(models, attention, strict=True):
            model.set_attn_implementation(name)


def _cast(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else output
