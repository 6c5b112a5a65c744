"""The loop: schedule, determinism, resume."""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.train.loop import Recipe, TrainResult, Turn, evaluate, read_curve, train, write_curve
from mixvocab.train.losses import Losses, Part
from mixvocab.train.stopping import STOP, stopping

TRUTH = np.arange(1.0, 5.0, dtype=np.float32)


@dataclass
class Rows:
    x: np.ndarray
    attention: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.attention = np.ones(self.x.shape, dtype=bool)


class Regression(nn.Module):
    """Least squares with a noisy input layer, so that dropout's draws matter to the result."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))
        self.noise = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Losses:
        error = (self.noise(x) @ self.weight - x @ torch.from_numpy(TRUTH)) ** 2
        return {"square": Part(error.sum(), torch.tensor(len(x)))}


def draw(rows: int, rng: np.random.Generator) -> Rows:
    return Rows(rng.standard_normal((rows, 4), dtype=np.float32))


def by_turn(turn: Turn) -> Rows:
    return draw(turn.rows, turn.rng)


RECIPE = Recipe(steps=60, batch_size=8, learning_rate=0.2, weight_decay=0.0, evaluations=3)
HELDOUT = [draw(16, np.random.default_rng(9)), draw(4, np.random.default_rng(10))]


def run(recipe: Recipe = RECIPE, seed: int = 1, dropout: float = 0.0, **more) -> tuple[Tensor, TrainResult]:  # type: ignore[no-untyped-def]
    module = Regression(dropout)
    result = train(module, more.pop("draw", by_turn), recipe, seed=seed, heldout=HELDOUT, **more)
    return module.weight.detach(), result


def test_schedule_rises_for_a_tenth_and_falls_to_zero() -> None:
    recipe = Recipe(100, 1, 2.0)
    rates = [recipe.rate(step) for step in range(100)]
    assert rates[9] == 2.0 == max(rates)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(2.0 / 90)


def test_it_learns_and_reports_what_it_saw() -> None:
    weight, result = run()
    assert result.curve[0]["loss"] > 20 > 1 > result.curve[-1]["loss"]
    assert [point["step"] for point in result.curve] == [0, 20, 40, 60]
    assert result.tokens == 60 * 8 * 4
    assert np.allclose(weight, TRUTH, atol=0.3)


def test_same_seed_same_bytes_whatever_the_global_generators() -> None:
    first, _ = run(dropout=0.3)
    np.random.seed(7)  # noqa: NPY002 - disturbing the global generator is the point
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    again, _ = run(dropout=0.3)
    other, _ = run(dropout=0.3, seed=2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_evaluation_weighs_batches_by_their_positions() -> None:
    module = Regression()
    scores = evaluate(module, HELDOUT)
    whole = np.concatenate([batch.x for batch in HELDOUT])
    assert scores["loss"] == pytest.approx(float(((whole @ TRUTH) ** 2).mean()), rel=1e-5)


class Killed(Exception):
    pass


def run_until_killed(recipe: Recipe, folder: Path) -> None:
    """A run that dies when it draws its 36th batch."""

    def fails(turn: Turn) -> Rows:
        if turn.index == 35:
            raise Killed
        return by_turn(turn)

    with pytest.raises(Killed):
        run(recipe, draw=fails, folder=folder)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C ends a program, as where a person sits; a run in the background ignores it."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, optimizer: str) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, checkpoint_minutes=0.0)
    whole, unbroken = run(recipe, dropout=0.2)

    drawn: list[int] = []

    def fails_midway(turn: Turn) -> Rows:
        drawn.append(turn.index)
        if len(drawn) > 35:
            raise Killed
        return by_turn(turn)

    with pytest.raises(Killed):
        run(recipe, dropout=0.2, draw=fails_midway, folder=tmp_path)
    assert list(tmp_path.glob("checkpoint-*"))
    turns: list[int] = []

    def counting(turn: Turn) -> Rows:
        turns.append(turn.index)
        return by_turn(turn)

    resumed, result = run(recipe, dropout=0.2, draw=counting, folder=tmp_path)
    assert 0 < turns[0] <= 35
    assert turns == list(range(turns[0], 60))
    assert torch.equal(whole, resumed)
    drop_seconds = [{k: v for k, v in point.items() if k != "seconds"} for point in result.curve]
    assert drop_seconds == [{k: v for k, v in point.items() if k != "seconds"} for point in unbroken.curve]
    assert result.train_curve == unbroken.train_curve
    assert not list(tmp_path.glob("checkpoint-*"))


@pytest.mark.parametrize("file", ["state.json", "tensors.safetensors"])
def test_after_a_bad_sector_the_checkpoint_before_it_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    recipe = replace(RECIPE, checkpoint_minutes=0.0)

    run_until_killed(recipe, tmp_path)
    older, newest = sorted(tmp_path.glob("checkpoint-*"))
    content = (newest / file).read_bytes()
    damaged = content.replace(b'"step": ', b'"step": 1', 1) if file == "state.json" else content[:-1] + b"?"
    (newest / file).write_bytes(damaged)
    assert torch.equal(run(recipe, folder=tmp_path)[0], run(recipe)[0])
    assert f"{newest.name} is damaged" in capsys.readouterr().err
    assert not older.exists()


def test_checkpoints_of_other_settings_do_not_push_out_ones_own(tmp_path: Path) -> None:
    recipe = replace(RECIPE, checkpoint_minutes=0.0)
    for number in (800, 900):
        (tmp_path / f"checkpoint-{number}").mkdir()

    run_until_killed(recipe, tmp_path)
    names = {folder.name for folder in tmp_path.glob("checkpoint-*")}
    assert len(names) == 4
    assert torch.equal(run(recipe, folder=tmp_path)[0], run(recipe)[0])
    assert not list(tmp_path.glob("checkpoint-*"))


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("times", [1, 2])
def test_a_stop_is_heard_once_whenever_it_comes(tmp_path: Path, times: int) -> None:
    def pressed(step: int) -> None:
        if step == RECIPE.steps:  # after the last step; twice: at once
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(folder=tmp_path, on_evaluate=pressed)
    assert not STOP.is_set()
    assert torch.equal(run(folder=tmp_path / "next")[0], run()[0])


def test_who_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping():
            os.kill(os.getpid(), signal.SIGINT)
            assert not STOP.is_set()
    finally:
        signal.signal(signal.SIGINT, usual)


def test_a_foreign_folder_is_left_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "checkpoint-30").mkdir()
    (tmp_path / "checkpoint-30" / "state.json").write_text("[]")
    weight, _ = run(folder=tmp_path)
    assert torch.equal(weight, run()[0])
    assert "checkpoint-30 is damaged" in capsys.readouterr().err


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_is_done_and_a_second_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    undisturbed = run(dropout=0.2)[0]
    usual = signal.getsignal(signal.SIGINT)

    def pressed(turn: Turn) -> Rows:
        if turn.index == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return by_turn(turn)

    with pytest.raises(KeyboardInterrupt):
        run(dropout=0.2, draw=pressed, folder=tmp_path)
    assert len(list(tmp_path.glob("checkpoint-*"))) == 1
    assert not STOP.is_set()
    assert signal.getsignal(signal.SIGINT) is usual
    assert "the same run goes on from here" in capsys.readouterr().err
    assert torch.equal(run(dropout=0.2, folder=tmp_path)[0], undisturbed)


@pytest.mark.parametrize(
    ("steps", "evaluations", "expected"),
    [
        (15, 8, [1, 3, 5, 7, 9, 11, 13, 15]),
        (5000, 20, range(250, 5001, 250)),
        (2100, 14, range(150, 2101, 150)),
        (3, 5, [1, 2, 3]),
        (7, 1, [7]),
        (0, 3, []),
    ],
)
def test_evaluations_are_as_many_as_asked_for_and_end_with_the_run(
    steps: int, evaluations: int, expected: Iterable[int]
) -> None:
    assert sorted(Recipe(steps, 1, 1.0, evaluations=evaluations).evaluation_steps()) == list(expected)


def test_a_run_is_evaluated_then_and_before_it_begins() -> None:
    seen: list[int] = []
    _, result = run(replace(RECIPE, steps=15, evaluations=8), on_evaluate=seen.append)
    assert seen == [point["step"] for point in result.curve] == [0, 1, 3, 5, 7, 9, 11, 13, 15]


def test_batch_must_divide() -> None:
    with pytest.raises(UserError, match="batch_size=8 does not divide into accumulate=3"):
        run(replace(RECIPE, accumulate=3))


def test_a_loss_that_is_not_finite_names_the_step() -> None:
    def poisoned(turn: Turn) -> Rows:
        return Rows(np.full((turn.rows, 4), np.nan, dtype=np.float32))

    with pytest.raises(UserError, match="loss became nan by step"):
        run(draw=poisoned)


def test_curves_survive_the_disk(tmp_path: Path) -> None:
    _, result = run()
    assert result.precision in {"fp32", "bf16"}
    write_curve(tmp_path / "curve.json", result)
    assert read_curve(tmp_path / "curve.json") == result


@pytest.mark.parametrize(("setting", "value"), [("optimizer", "sgd"), ("precision", "fp8")])
def test_a_name_that_is_unknown_is_one_line_and_trains_nothing(setting: str, value: str) -> None:
    recipe = replace(RECIPE, **{setting: value})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"{setting}='{value}' is unknown: choose"):
        run(recipe)
