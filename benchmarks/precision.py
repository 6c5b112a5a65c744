"""bf16 beside fp32 on a processor, in one run on one machine: what "auto" may gain, and what its probe says.

A step is what the training loop does: forward and backward pass, clipping, the fused AdamW. fp32 has PyTorch's fused
attention. bf16 is measured as the loop runs it (`mixvocab.train.precision`) and, to tell what attention has to do with
it, as plain autocast with the fused attention.

    python benchmarks/precision.py --data-dir DATA      about 5 minutes on 2 cores

Measurements alternate between the sides; ratios are what to read. Next to the wall clock stand seconds of the
processor, which other work on the machine moves less; `busy` says how much of it there was.
"""

from __future__ import annotations

import mixvocab  # noqa: F401  # before torch, which reads the OpenMP policy that this sets

# isort: split
import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixvocab.common.files import write_json
from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import pca_start, teacher_pieces
from mixvocab.models.student import new_student
from mixvocab.models.teacher import load_teacher, load_tokenizer
from mixvocab.sources import resolve_corpus, resolve_teacher
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.mixing import Mixer
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore
from mixvocab.train import precision
from mixvocab.train.loop import to_tensors
from mixvocab.train.losses import mean_loss
from mixvocab.train.optim import make_optimizer
from mixvocab_book.store.provenance import provenance

RESULTS = Path(__file__).parent / "results" / "precision.json"
SIDES = ("fp32", "bf16", "bf16, fused attention")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")

Batch = Mapping[str, Tensor]


class Side:
    """One model in one precision, with its optimiser."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.module, self.name = module.train(), name
        self.optimizer = make_optimizer(module, "adamw", 1e-4)

    def step(self, batch: Batch) -> None:
        """A training step."""
        with self._running():
            with self._autocast():
                loss = mean_loss(self.module(**batch))
            loss.backward()
            nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def forward(self, batch: Batch) -> None:
        """The encoder alone, as a teacher that labels is asked."""
        with self._running(), self._autocast():
            self.module.encode(batch["ids"], batch["student"], batch.get("attention"))

    def _autocast(self):
        return precision.autocast("cpu", self.name[:4])

    def _running(self):
        return nullcontext() if "fused" in self.name else precision.running(self.module, self.name, "cpu")


def compare(work: Mapping[str, Callable[[Batch], None]], batches: list[Batch], rounds: int) -> dict[str, Any]:
    """Tokens a second of each side by wall clock and by seconds of the processor, measured in turns."""
    tokens = [batch["ids"].numel() for batch in batches]
    speeds: dict[str, dict[str, list[float]]] = {name: {"wall": [], "processor": []} for name in work}
    for turn in range(rounds + 1):
        for name, run in work.items():
            place = turn % len(batches)
            wall, processor = time.perf_counter(), time.process_time()
            run(batches[place])
            if turn:  # the first one of each prepares kernels and the optimiser's state
                speeds[name]["wall"].append(tokens[place] / (time.perf_counter() - wall))
                speeds[name]["processor"].append(tokens[place] / (time.process_time() - processor))
    clocks = ("wall", "processor")
    median = {
        name: {clock: round(statistics.median(values[clock])) for clock in clocks} for name, values in speeds.items()
    }
    ratios: dict[str, dict[str, Any]] = {}
    for name in SIDES[1:]:
        for clock in clocks:
            pairs = np.divide(speeds[name][clock], speeds["fp32"][clock])
            low, middle, high = np.quantile(pairs, [0.25, 0.5, 0.75]).round(2).tolist()
            ratios.setdefault(name, {})[clock] = {"median": middle, "quartiles": [low, high]}
    return {"tokens_a_second": median, "times_fp32": ratios}


def measure(make: Callable[[], nn.Module], mixer: Mixer, rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """What the probe says of a module, and the speeds of its steps; of a teacher also those of its encoder."""
    batches = [to_tensors(mixer.batch(rows, np.random.default_rng([0, i])), "cpu") for i in range(4)]
    module = make().train()
    started = time.perf_counter()
    seconds = precision.probe(module, batches[0])
    took = time.perf_counter() - started
    sides = {name: Side(name, make()) for name in SIDES}
    found: dict[str, Any] = {"batch": [rows, mixer.length]}
    found["probe"] = {"times_fp32": round(seconds["fp32"] / seconds["bf16"], 2), "seconds": round(took, 2)}
    found["probe"]["chosen"] = "bf16" if seconds["fp32"] > precision.GAIN * seconds["bf16"] else "fp32"
    if isinstance(module, MixedTeacher):
        found["forward"] = compare({n: side.forward for n, side in sides.items()}, batches, options.rounds)
    found["step"] = compare({n: side.step for n, side in sides.items()}, batches, options.rounds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default=None, help="folder with a corpus; default: MIXVOCAB_DATA or embedded")
    parser.add_argument("--teacher", default="auto", help="as for `mixvocab distill`")
    parser.add_argument("--megabytes", type=float, default=8.0, help="of text")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--widths", type=int, nargs="*", default=[96, 192, 256], help="hidden sizes of students")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = {"machine": provenance() | {"instructions": instructions()}, "threads": options.threads}
    for name, found in run(options):  # written as it grows: on a busy machine the whole takes long
        results[name] = found
        write_json(RESULTS, results | {"busy": busy()})
        print(f"{name}: {found}", flush=True)


def busy() -> str:
    """How much other work there was."""
    return f"{os.getloadavg()[1]:.0f} processes wanted {os.cpu_count()} cores over the last 5 minutes"


def run(options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """All measurements, by what was trained."""
    documents = list(resolve_corpus(data_dir=options.data_dir, megabytes=options.megabytes).documents())
    source = resolve_teacher(options.teacher, data_dir=options.data_dir)
    theirs = load_tokenizer(source.folder)
    ours = learn_vocabulary(count_words(documents), 5000).tokenizer()
    yield "teacher", source.source.as_record()

    def teacher() -> MixedTeacher:
        model = load_teacher(source.folder)
        start = pca_start(model.get_input_embeddings().weight, teacher_pieces(ours, theirs), 96)
        return MixedTeacher(model, start.embeddings, start.affine)

    def student(width: int) -> StudentMLM:
        shape = BertShape(6, width, len(ours))
        return StudentMLM(new_student(shape, generator=torch.Generator().manual_seed(0)))

    with tempfile.TemporaryDirectory() as folder:
        store = WordStore.build(documents, Path(folder) / "store", ours, teacher=theirs)
        mixed = Mixer(store, store.table(ours), store.table(theirs), length=64)
        alone = Mixer(store, store.table(ours), None, length=128)
        work: dict[str, tuple[Callable[[], nn.Module], Mixer, int]] = {"stage I": (teacher, mixed, 24)}
        work |= {f"stage II, L-6 H-{width}": (partial(student, width), alone, 32) for width in options.widths}
        for name, (make, mixer, rows) in work.items():
            yield name, measure(make, mixer, rows, options)


def instructions() -> list[str]:
    """Of those that matter to products of matrices, the ones that this processor has."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("flags")[2].partition("\n")[0].split()
    except OSError:
        return []
    return [name for name in INSTRUCTIONS if name in flags]


if __name__ == "__main__":
    main()
