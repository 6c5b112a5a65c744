"""One of several processes that Accelerate's launcher started: which one this is, and work of its own to do.

A sweep hands whole cells to its processes, so that inside a cell training is as in a single process. The launcher's
variables would make Accelerate train one model over all of them; they are read and then removed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

LAUNCHER_PREFIXES = ("TORCHELASTIC_", "OMPI_", "PMI_", "MV2_COMM_WORLD_", "GROUP_", "ROLE_")
LAUNCHER_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Worker:
    """Process `rank` of `count`; alone it is 0 of 1."""

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that prints the table."""
        return self.rank == 0

    def __str__(self) -> str:
        return f", process {self.rank + 1} of {self.count}" if self.count > 1 else ""


def take_part() -> Worker:
    """Which of the launcher's processes this is. Removes the launcher's variables and leaves one GPU visible.

    Call it before anything asks Accelerate or CUDA for a device; a second call finds a single process.
    """
    worker = Worker(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    if "LOCAL_RANK" in os.environ:
        _see_one_gpu(int(os.environ["LOCAL_RANK"]))
    for name in list(os.environ):
        if name in LAUNCHER_NAMES or name.startswith(LAUNCHER_PREFIXES):
            del os.environ[name]
    return worker


def _see_one_gpu(local_rank: int) -> None:
    """Let CUDA see the GPU of this process alone; with fewer GPUs than processes they take turns."""
    if named := os.environ.get("CUDA_VISIBLE_DEVICES"):
        known = named.split(",")
    else:
        import torch

        known = [str(i) for i in range(torch.cuda.device_count())]  # counts without starting CUDA
    if known:
        os.environ["CUDA_VISIBLE_DEVICES"] = known[local_rank % len(known)]
