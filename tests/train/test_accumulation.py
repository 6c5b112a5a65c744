"""A step in several micro-batches, or on several processes, has the gradient of one big batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import PartialState
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.train import loop
from mixvocab.train.loop import Recipe, Turn, train
from mixvocab.train.losses import Losses, Part
from mixvocab.train.memory import cut

ROWS = 12
RECIPE = Recipe(steps=1, batch_size=ROWS, learning_rate=1.0, warmup=0.0, clip=0.0, precision="fp32")


@dataclass
class Batch:
    x: np.ndarray  # (B, T, 4)
    labels: np.ndarray  # (B, T), -100 where nothing is masked
    attention: np.ndarray


def whole_batch() -> Batch:
    """Rows with 0 to 8 masked positions, the most of them in the last rows."""
    rng = np.random.default_rng(0)
    masked = np.arange(8) < (np.arange(ROWS) * 8 // (ROWS - 1))[:, None]
    labels = np.where(masked, rng.integers(2, size=masked.shape), -100)
    return Batch(rng.standard_normal((ROWS, 8, 4), dtype=np.float32), labels, np.ones_like(masked))


class TwoLosses(nn.Module):
    """Two scored losses over positions of their own and an aid over both; one weight is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.ones(4))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor, labels: Tensor) -> Losses:
        losses: Losses = {}
        places = {"teacher": labels == 0, "student": labels == 1, "labels": labels >= 0}
        for name, where in places.items():
            error = (x[where] @ (self.first * self.second + self.first) - x[where].sum(dim=-1)) ** 2
            aid = name == "labels"
            losses[name] = Part(error.sum(), where.sum(), weight=0.3 if aid else 1.0, scored=not aid)
        return losses


def sgd(module: nn.Module, name: str, learning_rate: float, *_: object) -> torch.optim.Optimizer:
    """A step of minus the gradient, which shows its size as Adam's would not."""
    return torch.optim.SGD([{"params": list(module.parameters()), "multiplier": 1.0}], lr=learning_rate)


def curve() -> list[float]:
    """The held-out loss of a run of twenty steps, each on another order of the rows."""
    whole = whole_batch()

    def draw(turn: Turn) -> Batch:
        step, place = divmod(turn.index * turn.rows, ROWS)
        order = np.random.default_rng(step).permutation(ROWS)[place : place + turn.rows]
        return Batch(**{name: array[order] for name, array in vars(whole).items()})

    recipe = replace(RECIPE, steps=20, learning_rate=0.01, evaluations=10)
    return [point["loss"] for point in train(TwoLosses(), draw, recipe, seed=0, heldout=[whole]).curve]


def gradient(recipe: Recipe) -> dict[str, Tensor]:
    """The gradient that the loop takes its one step by."""
    batch, module = whole_batch(), TwoLosses()
    before = {name: weight.detach().clone() for name, weight in module.named_parameters()}

    def draw(turn: Turn) -> Batch:
        rows = slice(turn.index * turn.rows, (turn.index + 1) * turn.rows)
        return Batch(**{name: array[rows] for name, array in vars(batch).items()})

    train(module, draw, recipe, seed=0)
    return {name: before[name] - weight.detach() for name, weight in module.named_parameters()}


@pytest.fixture(autouse=True)
def plain_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "make_optimizer", sgd)


@pytest.mark.parametrize("parts", [2, 3, 6])
def test_micro_batches_add_up_to_the_one_big_batch(parts: int) -> None:
    torch.testing.assert_close(gradient(replace(RECIPE, accumulate=parts)), gradient(RECIPE), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_where_memory_runs_out_the_gradient_stays(
    accumulate: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = gradient(RECIPE)
    plain = TwoLosses.forward

    def of_two_rows(self: TwoLosses, x: Tensor, labels: Tensor) -> Losses:
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return plain(self, x, labels)

    monkeypatch.setattr(TwoLosses, "forward", of_two_rows)
    found = gradient(replace(RECIPE, accumulate=accumulate))
    torch.testing.assert_close(found, usual, rtol=1e-6, atol=1e-6)
    assert "out of memory; from now on each micro-batch in 2 parts" in capsys.readouterr().err


def test_a_row_that_does_not_fit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: TwoLosses, x: Tensor, labels: Tensor) -> Losses:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 64 GB")

    monkeypatch.setattr(TwoLosses, "forward", never)
    with pytest.raises(UserError, match="the memory does not hold one row: lower"):
        gradient(RECIPE)


def test_a_batch_with_values_of_no_row_is_not_cut() -> None:
    rows = {"ids": torch.zeros(4, 3), "states": torch.zeros(9, 2)}
    assert cut(rows, 1) == [rows]
    assert [len(part["ids"]) for part in cut({"ids": torch.zeros(5, 3), "step": torch.tensor(7)}, 2)] == [3, 2]
    with pytest.raises(UserError, match="raise accumulate or lower batch_size"):
        cut(rows, 2)


ACCUMULATED = (1, 2)  # micro-batches of each of two processes


@pytest.fixture(scope="module")
def of_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the gradients that two processes found, RANK-MICROBATCHES.safetensors."""
    folder = tmp_path_factory.mktemp("gradients")
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env=os.environ | world | {"RANK": str(rank), "LOCAL_RANK": str(rank), "CUDA_VISIBLE_DEVICES": ""},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=600) for process in running] == [0, 0]
    return folder


@pytest.mark.parametrize("accumulate", ACCUMULATED)
def test_processes_add_up_to_the_one_big_batch(accumulate: int, of_processes: Path) -> None:
    for rank in range(2):
        found = load_file(of_processes / f"{rank}-{accumulate}.safetensors")
        torch.testing.assert_close(found, gradient(RECIPE), rtol=1e-6, atol=1e-6)


def test_two_processes_have_the_loss_curve_of_one(of_processes: Path) -> None:
    alone = curve()
    assert alone[-1] < 0.9 * alone[0]
    for rank in range(2):
        np.testing.assert_allclose(json.loads((of_processes / f"{rank}.json").read_text()), alone, rtol=1e-4)


if __name__ == "__main__":
    loop.make_optimizer = sgd
    state, folder = PartialState(cpu=True), Path(sys.argv[1])
    assert state.num_processes == 2
    (folder / f"{state.process_index}.json").write_text(json.dumps(curve()))
    for parts in ACCUMULATED:
        save_file(gradient(replace(RECIPE, accumulate=parts)), folder / f"{state.process_index}-{parts}.safetensors")
