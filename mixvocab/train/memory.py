"""Batches that the memory does not hold: their gradient from parts of them.

It is the same, since sums add up over parts, but for losses that weigh a sum by what their batch holds (DistilBERT's
cosine, TinyBERT's layers): these take the parts' own weights, as with `accumulate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import Tensor

from mixvocab.common.errors import UserError

T = TypeVar("T")


def cut(batch: dict[str, Tensor], pieces: int) -> list[dict[str, Tensor]]:
    """The batch's rows in `pieces` parts (fewer, if it has fewer rows): the sums of equation 1 add up over them.

    Raises UserError for a batch with values that belong to no row, such as states of words.
    """
    if pieces == 1:
        return [batch]
    by_row = {name: tensor for name, tensor in batch.items() if tensor.ndim}  # the others are the whole batch's
    if len({len(tensor) for tensor in by_row.values()}) > 1:
        raise UserError("out of memory, and this method's batches cannot be cut: raise accumulate or lower batch_size")
    parts = [tensor.tensor_split(min(pieces, len(tensor))) for tensor in by_row.values()]
    return [batch | dict(zip(by_row, part, strict=True)) for part in zip(*parts, strict=True)]


def unless_memory_runs_out(act: Callable[[], T]) -> T | None:
    """What `act` returns; None, with the memory of the attempt given back, if it did not fit."""
    try:
        return act()
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
    clear_device_cache(garbage_collection=True)  # after the error is gone, which holds what the attempt had computed
    return None
