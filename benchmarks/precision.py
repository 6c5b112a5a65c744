"""bf16 beside fp32 on a processor, in one run on one machine: what "auto" gains, and what it chooses.

    python benchmarks/precision.py [--data-dir DIR] [--megabytes 8] [--rounds 12]

A step is what the training loop does: forward and backward pass, clipping, the fused AdamW; of the teacher, which word
states and token distillation only read, the forward pass is measured alone as well. fp32 has PyTorch's fused
attention. bf16 is measured as the loop runs it (`mixvocab.train.precision`) and, to tell what attention has to do with
it, as plain autocast with the fused attention. About 5 minutes on 2 cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import compare, options, texts, timed, write
from torch import Tensor, nn

from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM
from mixvocab.models.init import copied_vectors, pca_init, teacher_pieces
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import new_student
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.train import precision
from mixvocab.train.loop import to_tensors
from mixvocab.train.losses import mean_loss
from mixvocab.train.optim import make_optimizer

SIDES = ("fp32", "bf16", "bf16, fused attention")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")


class Side:
    """One model in one precision, with its optimiser."""

    def __init__(self, name: str, module: nn.Module, batch: Mapping[str, Tensor]) -> None:
        self.name, self.module, self.batch = name, module.train(), batch
        self.optimizer = make_optimizer(module, "adamw", 1e-4, 0.01, {})

    def step(self) -> int:
        """A training step."""
        with self._running():
            with precision.autocast("cpu", self.name[:4]):
                loss = mean_loss(self.module(**self.batch))
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return self.batch["ids"].numel()

    @torch.no_grad()
    def forward(self) -> int:
        """The mixed teacher's states."""
        with self._running(), precision.autocast("cpu", self.name[:4]):
            embedded, _ = self.module.embed(self.batch["ids"], self.batch["student"])  # type: ignore[operator]
            self.module.encoder(inputs_embeds=embedded)  # type: ignore[operator]
        return self.batch["ids"].numel()

    def _running(self) -> AbstractContextManager[None]:
        return nullcontext() if "fused" in self.name else precision.running(self.module, self.name, "cpu")


def measure(title: str, make: Callable[[], nn.Module], mixer: Mixer, rows: int, rounds: int) -> dict[str, Any]:
    """What "auto" chooses for a module, and the speeds of its steps."""
    batch = to_tensors(mixer.batch(rows, np.random.default_rng(0)), "cpu")
    chosen = precision.choose("auto", make(), lambda most: {name: part[:most] for name, part in batch.items()})
    sides = {name: timed(Side(name, make(), batch).step) for name in SIDES}
    return {"chosen": chosen, "steps": compare(f"{title}: auto is {chosen}", sides, rounds)}


def instructions() -> list[str]:
    """Of those that matter to products of matrices, the ones that this processor has."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text(encoding="utf-8").split() if cpuinfo.is_file() else []
    return [name for name in INSTRUCTIONS if name in flags]


def main() -> None:
    chosen = options(__doc__, megabytes=8.0, rounds=12)
    with texts(chosen) as text:

        def teacher() -> MixedTeacher:
            model = load_teacher(text.folder)
            pieces = teacher_pieces(text.student, text.teacher)
            init = pca_init(copied_vectors(model.get_input_embeddings().weight, pieces), 96)
            return MixedTeacher(model, init)

        def student(width: int) -> StudentMLM:
            shape = BertShape(6, width, len(text.student))
            return StudentMLM(new_student(shape, generator=torch.Generator().manual_seed(0)))

        ours = text.store.table(text.student)
        mixed = Mixer(text.store, ours, text.store.table(text.teacher), MixingSettings(length=64))
        alone = Mixer(text.store, ours, None, MixingSettings())
        batch = to_tensors(mixed.batch(24, np.random.default_rng(0)), "cpu")
        forward = {name: timed(Side(name, teacher(), batch).forward) for name in SIDES}
        results: dict[str, Any] = {"teacher, forward": compare("the teacher's forward pass", forward, chosen.rounds)}
        results["stage I"] = measure("stage I", teacher, mixed, 24, chosen.rounds)
        for width in (96, 192, 256):
            title = f"stage II, L-6 H-{width}"
            results[title] = measure(title, partial(student, width), alone, 32, chosen.rounds)
        write(__file__, **text.record, results=results, instructions=instructions())


if __name__ == "__main__":
    main()
