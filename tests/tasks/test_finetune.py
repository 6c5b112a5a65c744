"""The recipe: chosen on development data alone, resumed exactly, and clear about what is not finite."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import TuningSettings
from mixvocab.tasks import finetune as module_under_test
from mixvocab.tasks.batching import Batches, pad, real
from mixvocab.tasks.finetune import Tuned, finetune, recipe_for
from mixvocab.train.loop import Turn
from mixvocab.train.losses import Losses, Part


@dataclass
class Row:
    ids: np.ndarray


@dataclass
class Batch:
    ids: np.ndarray
    attention: np.ndarray


class Mean(nn.Module):
    """Learns the mean of what it reads; dropout makes its draws matter."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def forward(self, ids: Tensor, attention: Tensor | None = None) -> Losses:
        value = nn.functional.dropout(self.value, 0.3, self.training)
        return {"square": Part((ids.float() - value).square().sum(), torch.tensor(ids.numel()))}


def collate(rows: list[Row]) -> Batch:
    ids = [row.ids for row in rows]
    return Batch(pad(ids, 0), real(ids))


ROWS = [Row(np.array([i % 7, i % 3])) for i in range(50)]
TUNING = TuningSettings(epochs=4, batch_size=8, learning_rate=0.1, evaluations=7, weight_decay=0.0)


def run(scores, module: nn.Module | None = None, batches=None, **more) -> tuple[nn.Module, Tuned]:  # type: ignore[no-untyped-def]
    module = module or Mean()
    given = iter(scores) if not callable(scores) else None
    score = scores if given is None else lambda: {"f1": next(given)}
    return module, finetune(
        module,
        batches or Batches(ROWS, collate, 1),
        [collate(ROWS[:10])],
        (lambda: score(module)) if given is None else score,
        lambda: {"test": {"value": module.value.item()}},
        TUNING,
        choose_by="f1",
        seed=2,
        **more,
    )


def test_the_weights_of_the_best_evaluation_are_kept_the_earliest_of_equals() -> None:
    seen: list[float] = []

    def score(module: Mean) -> dict[str, float]:
        seen.append(module.value.item())
        return {"f1": [0.1, 0.5, 0.9, 0.2, 0.9, 0.3, 0.1, 0.0][len(seen) - 1]}

    module, tuned = run(score)
    assert len(tuned.curve) == 8
    assert module.value.item() == seen[2] != seen[4]
    assert tuned.best == tuned.curve[2]
    assert tuned.reported == {"test": {"value": seen[2]}}
    assert [entry["step"] for entry in tuned.curve] == [0, 4, 8, 12, 16, 20, 24, 28]
    assert tuned.curve[-1]["epoch"] == pytest.approx(28 * 8 / 50, abs=0.01)


def test_epochs_make_steps() -> None:
    assert recipe_for(TuningSettings(epochs=3), 3668).steps == 3 * 58
    assert recipe_for(TuningSettings(epochs=0.5), 3668).steps == 29
    assert recipe_for(TuningSettings(epochs=0.001), 10).steps == 1


class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_to_the_same_scores_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closeness(module: Mean) -> dict[str, float]:
        return {"f1": 1 / (1 + abs(module.value.item() - 0.5))}

    whole, unbroken = run(closeness)
    always = lambda *given: replace(recipe_for(*given), checkpoint_minutes=0.0)  # noqa: E731
    monkeypatch.setattr(module_under_test, "recipe_for", always)
    calls = []

    def dies(turn: Turn) -> Batch:
        calls.append(turn.index)
        if len(calls) > 18:
            raise Killed
        return Batches(ROWS, collate, 1)(turn)

    dies.examples = ROWS  # type: ignore[attr-defined]
    with pytest.raises(Killed):
        run(closeness, batches=dies, folder=tmp_path)
    assert (tmp_path / "best.safetensors").exists()
    resumed, tuned = run(closeness, folder=tmp_path)
    assert torch.equal(whole.value, resumed.value)
    assert tuned.curve == unbroken.curve
    assert tuned.best == unbroken.best


def test_a_metric_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(UserError, match="f1 is nan at step 0"):
        run([math.nan] * 9)


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    module = Mean()
    module.value.data.fill_(math.inf)
    with pytest.raises(UserError, match="loss became"):
        run([0.5] * 9, module)
