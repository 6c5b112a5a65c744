"""The one training loop: every method in `mixvocab.distill` and every fine-tuning run goes through `train`.

A method hands over a module whose `forward(**batch)` returns `Losses` and a function that draws the batch of a step.
Everything else is here: devices and processes, schedule, held-out evaluation, checkpoints, resume, progress.

Resume is exact because nothing that is drawn has a history: the generator of step s is made from (seed, s).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate.utils import broadcast
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.progress import progress, say
from mixvocab.common.store import distributed
from mixvocab.train.checkpoint import Checkpoints
from mixvocab.train.losses import Losses, Part, average, divide_gradients, mean_loss, minimised
from mixvocab.train.memory import cut, unless_memory_runs_out
from mixvocab.train.optim import make_optimizer
from mixvocab.train.precision import autocast, choose, running
from mixvocab.train.stopping import STOP, Stopped, stopping

MINUTE = 60.0  # seconds; tests of killed runs have shorter ones


@dataclass(frozen=True)
class Recipe:
    """How to train: all numbers of one run. `paper` in profiles.yaml holds the paper's (section 4.3)."""

    steps: int
    batch_size: int  # sequences a step, over all processes and accumulation steps
    learning_rate: float
    optimizer: Literal["adamw", "lamb"] = "adamw"
    warmup: float = 0.1  # share of the steps with rising learning rate; linear decay to 0 after it
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient; 0: no clipping
    accumulate: int = 1  # micro-batches a step
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: the faster one, see `mixvocab.train.precision`
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
    """What a run leaves besides the trained module: its curves and its cost. While it trains, how far it is."""

    curve: list[dict[str, float]] = field(default_factory=list)  # held-out: step, loss, and one entry a loss name
    train_curve: list[dict[str, float]] = field(default_factory=list)  # training losses, averaged since the last entry
    steps: int = 0
    tokens: int = 0  # real tokens read in training
    seconds: float = 0.0  # wall clock of the training steps, without evaluation
    precision: str = ""  # fp32 | bf16, as it ran; empty where nothing was trained, and in older curves


@dataclass(frozen=True)
class Turn:
    """One micro-batch that is to be drawn: its place in the run, its size, and its own source of randomness."""

    index: int  # counted over steps, micro-batches and processes; for what goes through its data in epochs
    rows: int
    rng: np.random.Generator


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
        seed: with the same seed, data, machine, threads and precision, the same weights.
        heldout: batches to evaluate on; drawn once by the caller, so every method sees the same ones.
        folder: where checkpoints go; a run killed there goes on from its last checkpoint.
        on_evaluate: called with the step at each evaluation, after the held-out batches if there are any.

    Where memory runs out, micro-batches are cut in two until they fit; the gradient stays that of the whole batch, but
    for losses whose weights follow from their batch. Ctrl-C lets a run of one process that has a folder write a
    checkpoint first.

    Raises `UserError` for settings that cannot work, for a loss that is not finite (naming the step), and where the
    memory does not hold a single row; `Stopped` when it was asked to stop.
    """
    processes = distributed()
    device, parts = processes.device, recipe.accumulate * processes.num_processes
    rows, left_over = divmod(recipe.batch_size, parts)
    if left_over or not rows:
        raise UserError(
            f"batch_size={recipe.batch_size} does not divide into accumulate={recipe.accumulate} x "
            f"{processes.num_processes} process(es): change one of them"
        )
    optimizer = make_optimizer(module, recipe.optimizer, recipe.learning_rate, recipe.weight_decay, recipe.multipliers)
    broadcast(dict(module.to(device).state_dict()))  # all processes begin with the first one's weights
    checkpoints = Checkpoints(folder, asdict(recipe) | {"seed": seed}) if folder else None
    restored = checkpoints.restore(module, optimizer) if checkpoints else None
    recent: list[Losses] = []  # since the last entry of the training curve
    pieces = 1  # of each micro-batch, one after the other
    if restored:
        pieces, noted = restored.pop("pieces"), restored.pop("recent")
        recent = [{name: Part.of(*numbers) for name, numbers in losses.items()} for losses in noted]
    result = TrainResult(steps=restored.pop("step"), **restored) if restored else TrainResult()

    def turn(step: int, micro: int) -> Turn:
        place = (step * recipe.accumulate + micro) * processes.num_processes + processes.process_index
        return Turn(place, rows, np.random.default_rng([seed, step, micro, processes.process_index]))

    if not result.precision:  # a run that goes on keeps what it had
        first = turn(0, 0)
        result.precision = choose(
            recipe.precision, module, lambda most: to_tensors(draw(replace(first, rows=min(most, rows))), device)
        )

    def add_up_gradients(drawn: list[Any], step: int) -> list[Losses]:
        """Those of the step's micro-batches; returns the losses."""
        torch.manual_seed(int(turn(step, 0).rng.integers(2**31)))  # dropout
        counted = torch.zeros((), dtype=torch.int64, device=device)
        seen = []
        for piece in (piece for batch in drawn for piece in cut(to_tensors(batch, device), pieces)):
            with autocast(device.type, result.precision):
                losses = module(**piece)
                if parts * pieces == 1:
                    mean_loss(losses).backward()
                else:
                    total, positions = minimised(losses)
                    total.backward()
                    counted += positions
            seen.append({name: part._replace(total=part.total.detach()) for name, part in losses.items()})
        if parts * pieces > 1:
            divide_gradients(module, counted)
        return seen

    def update(step: int) -> None:
        nonlocal pieces
        drawn = [next(batches) for _ in range(recipe.accumulate)]
        while (seen := unless_memory_runs_out(lambda: add_up_gradients(drawn, step))) is None:
            optimizer.zero_grad(set_to_none=True)
            if pieces >= rows:
                raise UserError("the memory does not hold one row: lower mixing.length or choose a smaller model")
            pieces *= 2
            say(f"{label}: out of memory; from now on each micro-batch in {pieces} parts")
        recent.extend(seen)
        result.tokens += sum(int(batch.attention.sum()) for batch in drawn) * processes.num_processes
        if recipe.clip:
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step) * group["multiplier"]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def note_training() -> float:
        entry = {"step": result.steps} | average(recent)
        recent.clear()
        result.train_curve.append(entry)
        if not math.isfinite(entry["loss"]):
            raise UserError(
                f"the loss became {entry['loss']} by step {result.steps}: lower learning_rate={recipe.learning_rate} "
                f"or raise warmup={recipe.warmup}"
            )
        return entry["loss"]

    def note_evaluation() -> None:
        if heldout:
            with autocast(device.type, result.precision):
                scores = evaluate(module, heldout, device)
            result.curve.append({"step": result.steps, "tokens": result.tokens, "seconds": result.seconds, **scores})
        if on_evaluate:
            on_evaluate(result.steps)

    steps = range(result.steps, recipe.steps)
    batches = _prefetch(draw, (turn(step, micro) for step in steps for micro in range(recipe.accumulate)))
    note_every = max(1, min(recipe.steps // max(1, recipe.evaluations) // 4, 100))
    evaluation_steps, note, saved = recipe.evaluation_steps(), "", time.monotonic()
    module.train()
    with (
        running(module, result.precision, device.type),
        progress(label, recipe.steps, done=result.steps) as bar,
        torch.random.fork_rng(),
        stopping(checkpoints is not None and processes.num_processes == 1),
    ):
        if not result.steps:
            note_evaluation()
        for step in steps:
            started = time.perf_counter()
            update(step)
            result.seconds += time.perf_counter() - started
            result.steps = step + 1
            finished = result.steps == recipe.steps
            noting = finished or result.steps % note_every == 0
            if noting:
                note = f"loss {note_training():.3f}"
            if result.steps in evaluation_steps:
                note_evaluation()
            bar.advance(note=note)
            if checkpoints and processes.is_main_process and not finished:
                if STOP.is_set() or time.monotonic() - saved > MINUTE * recipe.checkpoint_minutes:
                    state = {"step": result.steps} | asdict(result)
                    del state["steps"]
                    noted = [{name: part.reported() for name, part in losses.items()} for losses in recent]
                    checkpoints.save(module, optimizer, state | {"recent": noted, "pieces": pieces})
                    saved = time.monotonic()
                if STOP.is_set() and processes.num_processes == 1:
                    raise Stopped
    if checkpoints and processes.is_main_process:
        checkpoints.clear()  # the caller keeps the trained module; half-way states have done their work
    module.eval()
    return result


def _prefetch(draw: Callable[[Turn], Any], turns: Iterable[Turn]) -> Iterator[Any]:
    """Each turn's batch in order, the next one being drawn while the current one trains."""
    with ThreadPoolExecutor(1) as pool:
        pending: list[Future[Any]] = []
        for turn in turns:
            pending.append(pool.submit(draw, turn))
            if len(pending) == 2:
                yield pending.pop(0).result()
        yield from (last.result() for last in pending)


def write_curve(path: Path, result: TrainResult) -> None:
    """The run's curves and cost as JSON."""
    write_json(path, asdict(result))


def read_curve(path: Path) -> TrainResult:
    """The result that `write_curve` wrote."""
    return TrainResult(**json.loads(path.read_text()))
