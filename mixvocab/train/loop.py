"""The one training loop: every method in `mixvocab.distill` and every fine-tuning run goes through `train`.

A method hands over a module whose `forward(**batch)` returns `Losses` and a function that draws the batch of a
step. Everything else is here: devices and processes, precision, schedule, held-out evaluation, checkpoints, resume,
log, progress.

Resume is exact because nothing that is drawn has a history: the generator of step s is made from (seed, s).
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast, broadcast_object_list
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.progress import progress
from mixvocab.train.accumulation import SharedGradient
from mixvocab.train.checkpoint import Checkpoints
from mixvocab.train.losses import Losses, average, mean_loss
from mixvocab.train.optim import make_optimizer
from mixvocab.train.precision import autocast, choose, running

STOP = threading.Event()
"""Set it to let training runs that have a folder write a checkpoint at the next log point and raise `Stopped`."""


class Stopped(BaseException):
    """A run was asked to stop and has kept what it had; like KeyboardInterrupt, no handler of errors catches it."""


@dataclass(frozen=True)
class Recipe:
    """How to train: all numbers of one run. `paper` in profiles.yaml holds the paper's (section 4.3)."""

    steps: int
    batch_size: int  # sequences a step, over all processes and accumulation steps
    learning_rate: float
    optimizer: str = "adamw"  # adamw | lamb (Google's variant) | lamb-common
    warmup: float = 0.1  # share of the steps with rising learning rate; linear decay to 0 after it
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient; 0: no clipping
    accumulate: int = 1  # micro-batches a step
    precision: str = "auto"  # auto | fp32 | bf16 (mixed); auto: whichever `mixvocab.train.precision` finds faster here
    multipliers: Mapping[str, float] = field(default_factory=dict)  # name prefix -> factor on the learning rate
    evaluations: int = 10  # held-out evaluations, the last one at the end (and one more before the first step)
    checkpoint_minutes: float = 5.0  # a killed run loses at most about this much

    def rate(self, step: int) -> float:
        """The learning rate of step `step` (counted from 0): linear warm-up, then linear decay to zero."""
        warm = max(1, round(self.warmup * self.steps))
        share = (step + 1) / warm if step < warm else (self.steps - step) / max(1, self.steps - warm)
        return self.learning_rate * share

    def evaluation_steps(self) -> set[int]:
        """The steps after which to evaluate: `evaluations` of them, evenly spread; all if there are fewer."""
        return {self.steps * number // self.evaluations for number in range(1, self.evaluations + 1)} - {0}


@dataclass
class TrainResult:
    """What a run leaves besides the trained module: its curves and its cost."""

    curve: list[dict[str, float]]  # held-out losses: step, loss, and one entry a loss name
    train_curve: list[dict[str, float]]  # training losses, averaged between log points
    steps: int
    tokens: int  # real tokens read in training
    seconds: float  # wall clock of the training steps, without evaluation
    precision: str = ""  # fp32 | bf16, as it ran; empty where nothing was trained, and in older curves


@dataclass(frozen=True)
class Turn:
    """One micro-batch that is to be drawn: its place in the run, its size, and its own source of randomness."""

    index: int  # counted over steps, micro-batches and processes; for what goes through its data in epochs
    rows: int
    rng: np.random.Generator


def step_generator(seed: int, step: int, micro: int = 0, process: int = 0) -> np.random.Generator:
    """The generator that draws everything of one micro-batch; no run state enters it."""
    return np.random.default_rng([seed, step, micro, process])


def to_tensors(batch: Any, device: torch.device | str) -> dict[str, Tensor]:
    """The fields of a batch (a dataclass of arrays) as tensors, without the attention mask if all is real."""
    tensors = {name: torch.from_numpy(array) for name, array in vars(batch).items()}
    if bool(tensors["attention"].all()):
        del tensors["attention"]  # attention without a mask takes the faster kernels
    return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}


@torch.no_grad()
def evaluate(module: nn.Module, batches: Sequence[Any], device: torch.device | str = "cpu") -> dict[str, float]:
    """Mean loss over `batches`, in nats a masked position: "loss" over all, and each loss under its name."""
    was_training = module.training
    module.eval()
    losses = [module(**to_tensors(batch, device)) for batch in batches]
    module.train(was_training)
    return average(losses)


def train(
    module: nn.Module,
    draw: Callable[[Turn], Any],
    recipe: Recipe,
    *,
    seed: int,
    heldout: Sequence[Any] = (),
    folder: Path | None = None,
    label: str = "training",
    on_evaluate: Callable[[int], None] | None = None,
) -> TrainResult:
    """Train `module` in place and return its curves.

    Args:
        module: `module(**tensors)` returns `Losses` for one batch.
        draw: draws the batch of a turn, from the turn's generator or by its index: a dataclass of arrays named as
            `forward` names its arguments, among them `attention` (B, T) bool.
        recipe: all numbers of the run.
        seed: with the same seed, data, machine and precision, the same weights.
        heldout: batches to evaluate on; drawn once by the caller, so every method sees the same ones.
        folder: where log and checkpoints go; a run killed there goes on from its last checkpoint.
        label: what the progress line calls the run.
        on_evaluate: called with the step after each held-out evaluation, for figures that follow training.

    Raises:
        UserError: for settings that cannot work and for a loss that is not finite (naming the step).
    """
    processes = PartialState(cpu=not torch.cuda.is_available())
    device = processes.device
    parts = recipe.accumulate * processes.num_processes
    rows = recipe.batch_size // parts
    if rows * parts != recipe.batch_size or rows == 0:
        raise UserError(
            f"batch_size={recipe.batch_size} does not divide into accumulate={recipe.accumulate} x "
            f"{processes.num_processes} process(es): change one of them"
        )
    optimizer = make_optimizer(module, recipe.optimizer, recipe.learning_rate, recipe.weight_decay, recipe.multipliers)
    broadcast(dict(module.to(device).state_dict()))  # all processes begin with the first one's weights
    checkpoints = Checkpoints(folder, asdict(recipe) | {"seed": seed}) if folder else None
    state = _State(**(checkpoints.restore(module, optimizer) or {})) if checkpoints else _State()
    evaluation_steps = recipe.evaluation_steps()
    log_every = max(1, min(recipe.steps // max(1, recipe.evaluations) // 4, 100))
    batches = _prefetch(draw, rows, recipe, seed, (processes.process_index, processes.num_processes), state.step)
    module.train()
    if state.step < recipe.steps and not state.precision:  # a run that goes on keeps what it began with
        first = next(batches)
        batches = chain([first], batches)
        precision = choose(recipe.precision, module, lambda: to_tensors(first, device))
        state.precision = broadcast_object_list([precision])[0]

    def assess() -> None:
        with autocast(device.type, state.precision):
            scores = evaluate(module, heldout, device)
        state.curve.append({"step": state.step, "tokens": state.tokens, "seconds": state.seconds, **scores})
        if on_evaluate:
            on_evaluate(state.step)

    def update(step: int) -> None:
        torch.manual_seed(int(step_generator(seed, step, 0, processes.process_index).integers(2**31)))  # dropout
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step) * group["multiplier"]
        shared = SharedGradient(module)
        for _ in range(recipe.accumulate):
            batch = next(batches)
            with autocast(device.type, state.precision):
                losses = module(**to_tensors(batch, device))
                if parts == 1:
                    mean_loss(losses).backward()
                else:
                    shared.add(losses)
            state.recent.append({name: p._replace(total=p.total.detach()) for name, p in losses.items()})
            state.tokens += int(batch.attention.sum()) * processes.num_processes
        if parts > 1:
            shared.apply()
        if recipe.clip:
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    with running(module, state.precision, device.type):
        if heldout and state.step == 0:
            assess()
        saved = time.monotonic()
        with progress(label, recipe.steps, done=state.step) as bar, torch.random.fork_rng():
            for step in range(state.step, recipe.steps):
                started = time.perf_counter()
                update(step)
                state.seconds += time.perf_counter() - started
                state.step = step + 1
                finished = state.step == recipe.steps
                logging = state.step % log_every == 0 or finished
                if logging:
                    state.flush(recipe)
                if heldout and state.step in evaluation_steps:
                    assess()
                bar.advance(note=state.note())
                # Only at log points: a half-filled average would make a resumed curve differ from an unbroken one.
                if logging and checkpoints and processes.is_main_process:
                    checkpoints.log(state.train_curve[-1] | {"heldout": state.curve[-1:]})
                    stopping = STOP.is_set() and not finished
                    if stopping or time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
                        checkpoints.save(module, optimizer, state.as_dict())
                        saved = time.monotonic()
                    if stopping:
                        raise Stopped
    if checkpoints and processes.is_main_process:
        checkpoints.clear()  # the caller keeps the trained module; half-way states have done their work
    module.eval()
    return TrainResult(state.curve, state.train_curve, state.step, state.tokens, state.seconds, state.precision)


@dataclass
class _State:
    """What a run knows of itself between steps; all of it goes into a checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    precision: str = ""
    curve: list[dict[str, float]] = field(default_factory=list)
    train_curve: list[dict[str, float]] = field(default_factory=list)
    recent: list[Losses] = field(default_factory=list, repr=False)

    def flush(self, recipe: Recipe) -> None:
        """Average the losses since the last call into one entry of the training curve."""
        entry = {"step": self.step} | average(self.recent)
        self.recent.clear()
        self.train_curve.append(entry)
        if not math.isfinite(entry["loss"]):
            raise UserError(
                f"the loss became {entry['loss']} by step {self.step}: lower learning_rate={recipe.learning_rate} "
                f"or raise warmup={recipe.warmup}"
            )

    def note(self) -> str:
        """The latest losses, for the progress line."""
        parts = [f"loss {self.train_curve[-1]['loss']:.3f}"] if self.train_curve else []
        parts += [f"held-out {self.curve[-1]['loss']:.3f}"] if self.curve else []
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """All but the losses since the last flush, which are none when a checkpoint is written."""
        return {name: value for name, value in vars(self).items() if name != "recent"}


def _prefetch(
    draw: Callable[[Turn], Any],
    rows: int,
    recipe: Recipe,
    seed: int,
    process: tuple[int, int],
    first_step: int,
) -> Iterator[Any]:
    """Micro-batches of process i of n in order, the next one being drawn while the current one trains."""
    i, n = process
    order = ((s, m) for s in range(first_step, recipe.steps) for m in range(recipe.accumulate))
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for step, micro in order:
            turn = Turn((step * recipe.accumulate + micro) * n + i, rows, step_generator(seed, step, micro, i))
            upcoming = pool.submit(draw, turn)
            if pending is not None:
                yield pending.result()
            pending = upcoming
        if pending is not None:
            yield pending.result()


def write_curve(path: Path, result: TrainResult) -> None:
    """The run's curves and cost as JSON."""
    write_json(path, asdict(result))


def read_curve(path: Path) -> TrainResult:
    """The result that `write_curve` wrote."""
    return TrainResult(**json.loads(path.read_text()))
