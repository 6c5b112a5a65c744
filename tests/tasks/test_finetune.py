"""The recipe: chosen on development data alone, resumed exactly, and clear about what is not finite."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import TuningSettings
from mixvocab.tasks import finetune as module_under_test
from mixvocab.tasks.encoding import Encoded
from mixvocab.tasks.finetune import Batches, TaskModel, Tuned, collate, finetune
from mixvocab.tasks.scores import Roles
from mixvocab.train.loop import Recipe, Turn
from mixvocab.train.losses import Losses, Part


class Mean(TaskModel):
    """Learns the mean of what it reads; dropout makes its draws matter."""

    choose_by = "f1"

    def __init__(self, f1: Callable[[float], float]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))
        self.f1 = f1

    def encode(self, row):
        return Encoded(row, np.zeros_like(row), np.zeros(0))

    def targets(self, row, text):
        return {}

    def forward(self, ids: Tensor, attention: Tensor | None = None) -> Losses:
        value = nn.functional.dropout(self.value, 0.3, self.training)
        return {"square": Part((ids.float() - value).square().sum(), torch.tensor(ids.numel()))}

    def answers(self, rows, texts, **tensors):
        return [self.value.item()] * len(rows)

    def scores(self, rows, predictions):
        return {"f1": self.f1(predictions[0])} if len(rows) == len(ROLES.choose) else {"value": predictions[0]}

    def save(self, out):
        out.mkdir(parents=True)
        save_file(self.state_dict(), out / "model.safetensors")


ROWS = [np.array([i % 7, i % 3]) for i in range(50)]
ROLES = Roles(ROWS, ROWS[:10], {"test": ROWS[:5]}, 50, "")
TUNING = TuningSettings(epochs=4, batch_size=8, learning_rate=0.1, evaluations=7, weight_decay=0.0)


def run(f1: Callable[[float], float], folder: Path, **settings: float) -> Tuned:
    return finetune(Mean(f1), ROLES, TUNING.model_copy(update=settings), folder, seed=2)


def test_the_weights_of_the_best_evaluation_are_kept_the_earliest_of_equals(tmp_path: Path) -> None:
    seen: list[float] = []

    def f1(value: float) -> float:
        seen.append(value)
        return [0.1, 0.5, 0.9, 0.2, 0.9, 0.3, 0.1, 0.0][len(seen) - 1]

    tuned = run(f1, tmp_path)
    assert len(tuned.curve) == 8
    assert tuned.best == tuned.curve[2]
    assert tuned.reported == {"test": {"value": seen[2]}}
    assert load_file(tmp_path / "model" / "model.safetensors")["value"].item() == seen[2] != seen[4]
    assert [point["step"] for point in tuned.curve] == [0, 4, 8, 12, 16, 20, 24, 28]
    assert tuned.curve[-1]["epoch"] == pytest.approx(28 * 8 / 50, abs=0.01)


@pytest.mark.parametrize(("epochs", "steps"), [(3, 21), (0.5, 4), (0.001, 1)])
def test_epochs_make_steps(tmp_path: Path, epochs: float, steps: int) -> None:
    assert run(float, tmp_path, epochs=epochs).result.steps == steps


class Killed(BaseException):
    pass


@dataclass(frozen=True)
class SavingOften(Recipe):
    checkpoint_minutes: float = 0.0


def test_a_killed_run_goes_on_to_the_same_scores_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closeness(value: float) -> float:
        return 1 / (1 + abs(value - 0.5))

    whole = run(closeness, tmp_path / "whole")
    monkeypatch.setattr(module_under_test, "Recipe", SavingOften)
    calls = []
    draw = module_under_test.Batches.__call__

    def dies(batches: module_under_test.Batches, turn: Turn) -> object:
        calls.append(turn.index)
        if len(calls) > 18:
            raise Killed
        return draw(batches, turn)

    monkeypatch.setattr(module_under_test.Batches, "__call__", dies)
    with pytest.raises(Killed):
        run(closeness, tmp_path / "killed")
    monkeypatch.setattr(module_under_test.Batches, "__call__", draw)
    assert (tmp_path / "killed" / "run" / "best.safetensors").exists()
    resumed = run(closeness, tmp_path / "killed")
    models = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "killed")]
    assert models[0].read_bytes() == models[1].read_bytes()
    assert (resumed.curve, resumed.best) == (whole.curve, whole.best)


def test_what_cannot_work_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="f1 is nan at step 0"):
        run(lambda value: math.nan, tmp_path / "metric")
    with pytest.raises(UserError, match="loss became"):
        run(lambda value: 0.5, tmp_path / "loss", learning_rate=1e30)
    with pytest.raises(UserError, match=r"piece_dropout=0\.1 is for BERTs of intents and slots alone"):
        run(lambda value: 0.5, tmp_path / "pieces", piece_dropout=0.1)


LENGTHS = np.random.default_rng(0).integers(1, 60, 1000)


def batches(count: int, seed: int = 3) -> Batches:
    examples = [{"ids": np.zeros(n, dtype=np.int64), "name": np.array(i)} for i, n in enumerate(LENGTHS[:count])]
    return Batches(examples, seed)


def names(drawn: Batches, indices: range) -> list[list[int]]:
    return [drawn(Turn(i, 16, np.random.default_rng(i))).name.tolist() for i in indices]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1000])
def test_an_epoch_holds_every_example_once(count: int) -> None:
    drawn, per_epoch = batches(count), -(-count // 16)
    for epoch in range(2):
        epoch_names = names(drawn, range(epoch * per_epoch, (epoch + 1) * per_epoch))
        assert sorted(name for batch in epoch_names for name in batch) == list(range(count))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first, second = names(batches(200), range(13)), names(batches(200), range(13, 26))
    assert first != second
    assert first != names(batches(200, seed=4), range(13))
    drawn = batches(200)
    assert (names(drawn, range(13)), names(drawn, range(13, 26))) == (first, second)


def test_batches_hold_similar_lengths() -> None:
    drawn = names(batches(1000), range(63))
    assert np.mean([np.ptp(LENGTHS[batch]) for batch in drawn]) < 6  # unsorted ones spread over more than 50
    order = [LENGTHS[batch[0]] for batch in drawn]
    assert order != sorted(order), "short batches must not all come first"


def test_padding() -> None:
    rows = [np.array([1, 2, 3]), np.array([4])]
    batch = collate([{"ids": row, "tags": row, "intent": np.array(7)} for row in rows])
    np.testing.assert_array_equal(batch.ids, [[1, 2, 3], [4, 0, 0]])
    np.testing.assert_array_equal(batch.tags, [[1, 2, 3], [4, -100, -100]])
    np.testing.assert_array_equal(batch.attention, [[True, True, True], [True, False, False]])
    assert batch.intent.tolist() == [7, 7]
    beside = collate([{"ids": row, "other": np.ones(4 - len(row))} for row in rows])
    assert beside.other.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert beside.attention.tolist() == batch.attention.tolist()
