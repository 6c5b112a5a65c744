"""Which precision a run trains in: bf16 where it is measured to be faster on this machine, else fp32.

On a processor bf16 runs under autocast, with two changes for the time of the run that `running` makes:

* attention by plain products and a softmax instead of PyTorch's fused kernel, whose backward pass gains nothing from
  bf16 on a processor;
* what the embeddings hand to the encoder is cast once. Autocast leaves sums of fp32 and bf16 in fp32, so that
  without it every layer casts its input again for each of its products.

Weights, their gradients, the optimiser and every loss stay in fp32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.train.losses import mean_loss

PRECISIONS = ("fp32", "bf16")
PROBE_SECONDS = 0.5
MOST_TURNS = 8
GAIN = 1.2  # bf16 has to be so many times as fast as fp32 to be chosen
SHORT = 0.01  # seconds: a model whose pass takes less is not worth a probe

_chosen: dict[tuple[Any, ...], str] = {}  # runs of one process with models of the same sizes are all treated alike


def choose(asked: str, module: nn.Module, draw: Callable[[], Mapping[str, Tensor]]) -> str:
    """The precision of a run, "fp32" or "bf16", for `asked`, which may be "auto".

    "auto" is bf16 on graphics cards that have it. On processors that have it, a probe decides: it measures the
    module's own forward and backward pass on a batch of `draw()`. Raises `UserError` for an unknown name.
    """
    if asked in PRECISIONS:
        return asked
    if asked != "auto":
        raise UserError(f"precision={asked!r} is not one of auto, fp32, bf16")
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if not torch.cpu._is_avx512_bf16_supported():  # processors with AMX have these instructions as well
        return "fp32"
    batch = draw()
    sizes = tuple(tuple(p.shape) for p in module.parameters() if p.requires_grad)
    shapes = tuple(sorted((name, tuple(tensor.shape)) for name, tensor in batch.items()))
    key = (type(module), sizes, shapes, torch.get_num_threads())
    if key not in _chosen and _seconds(module, _first(batch, 2), "fp32") < SHORT > _seconds(module, batch, "fp32"):
        _chosen[key] = "fp32"
    if key not in _chosen:
        seconds = probe(module, batch)
        _chosen[key] = "bf16" if seconds["fp32"] > GAIN * seconds["bf16"] else "fp32"
    return _chosen[key]


def probe(module: nn.Module, batch: Mapping[str, Tensor], budget: float = PROBE_SECONDS) -> dict[str, float]:
    """Seconds of one forward and backward pass in each precision, the fastest of several in turns.

    They are seconds of the processor over all threads, since other work on the machine moves the wall clock more than
    the precision does. Where the whole batch would take long, its first rows are measured. Weights, gradients and
    generators are left as they were. `budget`: about what the turns take; finding the rows takes about as much again.
    """
    rows, whole = 2, max(len(tensor) for tensor in batch.values())
    best = dict.fromkeys(PRECISIONS, float("inf"))
    spent = 0.0
    with torch.random.fork_rng(devices=[]):
        while _seconds(module, _first(batch, rows), "fp32") < budget / 2 and rows < whole:
            rows *= 2
        _seconds(module, _first(batch, rows), "bf16")  # the first pass also prepares its kernels
        for _ in range(MOST_TURNS):
            for name in PRECISIONS:
                seconds = _seconds(module, _first(batch, rows), name)
                best[name] = min(best[name], seconds)
                spent += seconds
            if spent > budget:
                break
    return best


def _first(batch: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
    return {name: tensor[:rows] for name, tensor in batch.items()}


def _seconds(module: nn.Module, batch: Mapping[str, Tensor], precision: str) -> float:
    """What one forward and backward pass takes of the processor."""
    weights = [p for p in module.parameters() if p.requires_grad]
    with running(module, precision, "cpu"):
        started = time.process_time()
        with autocast("cpu", precision):
            loss = mean_loss(module(**batch))
        # Not `backward`: that would leave gradients behind, and wake the hooks of other processes.
        torch.autograd.grad(loss, weights, allow_unused=True)
        return time.process_time() - started


def autocast(device: str, precision: str) -> AbstractContextManager[Any]:
    """What forward passes run in, on a device of this type ("cpu", "cuda")."""
    return torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def running(module: nn.Module, precision: str, device: str) -> Iterator[None]:
    """Lend the module what makes bf16 fast on processors; does nothing in fp32 and on other devices."""
    if precision != "bf16" or device != "cpu":
        yield
        return
    models = [part for part in module.modules() if isinstance(part, PreTrainedModel)]
    before = [model.config._attn_implementation for model in models]
    inputs = [getattr(model, "embeddings", None) for model in models]
    hooks = [layer.register_forward_hook(_cast) for layer in inputs if isinstance(layer, nn.Module)]
    try:
        for model in models:
            model.set_attn_implementation("eager")
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for model, name in zip(models, before, strict=True):
            model.set_attn_implementation(name)


def _cast(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else output
