"""Which precision a run trains in: bf16 where it is measured to be faster on this machine, else fp32.

On a processor bf16 runs under autocast, with two changes for the time of the run that `running` makes:

* attention by plain products and a softmax instead of PyTorch's fused kernel, whose backward pass gains nothing from
  bf16 on a processor;
* what the embeddings hand to the encoder is cast once. Autocast leaves sums of fp32 and bf16 in fp32, so that
  without it every layer casts its input again for each of its products.

Weights, their gradients, the optimiser and every loss stay in fp32.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.train.losses import mean_loss

SMALL = 500_000  # parameters: a model of fewer gains too little from bf16 to be worth its rounding
PROBE_SECONDS = 0.5
PROBE_WORK = 20_000_000  # parameters times rows: a narrow model shows its gain on many rows only
GAIN = 1.2  # bf16 has to be so many times as fast as fp32 to be chosen

_chosen: dict[tuple[Any, ...], str] = {}  # runs of one process with models of the same sizes are all treated alike


def choose(asked: str, module: nn.Module, draw: Callable[[int], Mapping[str, Tensor]]) -> str:
    """The precision of a run, "fp32" or "bf16", for `asked`, which may be "auto".

    "auto" is bf16 on graphics cards that have it. On processors that have it, a probe decides, which times the module
    on a batch of at most so many rows from `draw`. Raises UserError for a precision that is neither.
    """
    if asked in ("fp32", "bf16"):
        return asked
    if asked != "auto":
        raise UserError(f"precision={asked!r} is unknown: choose auto, fp32 or bf16")
    if torch.cuda.is_available():
        return half()
    shapes = tuple(tuple(parameter.shape) for parameter in module.parameters() if parameter.requires_grad)
    parameters = sum(map(math.prod, shapes))
    if parameters < SMALL or half() == "fp32":
        return "fp32"
    key = type(module), shapes, torch.get_num_threads()
    if key not in _chosen:
        rows = max(4, PROBE_WORK // parameters)
        seconds = probe(module, draw(rows))
        _chosen[key] = "bf16" if seconds["fp32"] > GAIN * seconds["bf16"] else "fp32"
    return _chosen[key]


def half() -> str:
    """The precision of forward passes alone, "bf16" or "fp32": they gain from bf16 wherever the machine has it."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"  # processors with AMX have these as well


def probe(module: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, float]:
    """Seconds of a forward and backward pass in each precision, the shortest of several in turns.

    They are the processor's, since other work on the machine moves the wall clock more than the precision does.
    Weights, gradients and generators are left as they were.
    """
    weights = [parameter for parameter in module.parameters() if parameter.requires_grad]
    turns: dict[str, list[float]] = {"fp32": [], "bf16": []}
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        while len(turns["fp32"]) < 2 or time.perf_counter() - began < PROBE_SECONDS:
            for name, seconds in turns.items():
                started = time.process_time()
                with running(module, name, "cpu"), autocast("cpu", name):
                    # Not `backward`: that would leave gradients behind, and wake the hooks of other processes.
                    torch.autograd.grad(mean_loss(module(**batch)), weights, allow_unused=True)
                seconds.append(time.process_time() - started)
    return {name: min(seconds) for name, seconds in turns.items()}


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
