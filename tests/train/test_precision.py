"""Which precision a run takes, what it changes in a model for that time, and that it changes nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mixvocab.common.errors import UserError
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import new_student
from mixvocab.text.mixing import Batch
from mixvocab.train import loop, precision
from mixvocab.train.loop import Recipe, TrainResult, Turn, to_tensors, train

PIECES = 60
RECIPE = Recipe(steps=80, batch_size=16, learning_rate=3e-3, evaluations=4)


def student(dropout: float = 0.0) -> StudentMLM:
    return StudentMLM(
        new_student(BertShape(2, 48, PIECES), generator=torch.Generator().manual_seed(3), dropout=dropout)
    )


def rows(count: int, rng: np.random.Generator) -> Batch:
    """Rows that count upwards from one of four pieces, every fourth piece masked: a model can learn them."""
    truth = rng.integers(4, 8, size=(count, 1)) + np.arange(12)
    masked = np.arange(12) % 4 == rng.integers(4, size=(count, 1))
    labels = np.where(masked, truth, -100)
    attention = np.arange(12) < rng.integers(8, 13, size=(count, 1))
    return Batch(np.where(masked, 3, truth), np.ones_like(masked), labels, attention)


def run(recipe: Recipe, **more) -> tuple[StudentMLM, TrainResult]:  # type: ignore[no-untyped-def]
    module = student()
    heldout = [rows(32, np.random.default_rng(9))]
    return module, train(module, lambda turn: rows(turn.rows, turn.rng), recipe, seed=1, heldout=heldout, **more)


def batch() -> dict[str, torch.Tensor]:
    return to_tensors(rows(8, np.random.default_rng(0)), "cpu")


def test_bf16_follows_the_curve_of_fp32() -> None:
    (_, exact), (module, mixed) = run(replace(RECIPE, precision="fp32")), run(replace(RECIPE, precision="bf16"))
    assert (exact.precision, mixed.precision) == ("fp32", "bf16")
    assert exact.curve[-1]["loss"] < 0.7 * exact.curve[0]["loss"]  # there is something to follow
    for one, other in zip(exact.curve, mixed.curve, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=0.02)
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_bf16_lends_attention_of_plain_products_and_takes_it_back() -> None:
    module = student()
    embeddings = module.model.bert.embeddings
    with precision.running(module, "bf16", "cpu"), precision.autocast("cpu", "bf16"):
        assert module.model.config._attn_implementation == "eager"
        assert embeddings(batch()["ids"]).dtype == torch.bfloat16
    assert module.model.config._attn_implementation == "sdpa"
    assert embeddings(batch()["ids"]).dtype == torch.float32
    for name, device in (("fp32", "cpu"), ("bf16", "cuda")):
        with precision.running(module, name, device):
            assert module.model.config._attn_implementation == "sdpa"


def test_the_probe_leaves_no_trace() -> None:
    module = student(dropout=0.3).train()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    generator = torch.random.get_rng_state()
    seconds = precision.probe(module, batch(), budget=0.01)
    assert set(seconds) == {"fp32", "bf16"}
    assert all(0 < value < math.inf for value in seconds.values())
    assert torch.equal(generator, torch.random.get_rng_state())
    for name, p in module.named_parameters():
        assert torch.equal(p, before[name])
        assert p.grad is None


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with bf16 instructions and no graphics card, on which nothing was measured yet."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(precision, "_chosen", {})


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize(("bf16", "expected"), [(0.5, "bf16"), (0.95, "fp32"), (2.0, "fp32")])
def test_auto_takes_what_the_probe_finds_clearly_faster_and_asks_it_once(
    monkeypatch: pytest.MonkeyPatch, bf16: float, expected: str
) -> None:
    asked: list[nn.Module] = []

    def probe(module: nn.Module, batch: object) -> dict[str, float]:
        asked.append(module)
        return {"fp32": 1.0, "bf16": bf16}

    monkeypatch.setattr(precision, "probe", probe)
    monkeypatch.setattr(precision, "SHORT", 0.0)  # this one is worth it
    assert [precision.choose("auto", student(), batch) for _ in range(2)] == [expected] * 2
    assert len(asked) == 1


@pytest.mark.usefixtures("able")
def test_what_is_named_or_cannot_be_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "probe", None)
    assert precision.choose("bf16", student(), batch) == "bf16"
    assert precision.choose("fp32", student(), batch) == "fp32"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert precision.choose("auto", student(), batch) == "fp32"
    with pytest.raises(UserError, match="precision='fp8'"):
        precision.choose("fp8", student(), batch)


def test_a_resumed_run_keeps_the_precision_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPE, checkpoint_minutes=0.0)
    monkeypatch.setattr(loop, "choose", lambda *_: "bf16")
    whole, unbroken = run(recipe)
    module = student()

    class Killed(Exception):
        pass

    def fails_midway(turn: Turn) -> Batch:
        if turn.index > 50:
            raise Killed
        return rows(turn.rows, turn.rng)

    with pytest.raises(Killed):
        train(module, fails_midway, recipe, seed=1, folder=tmp_path)
    assert module.model.config._attn_implementation == "sdpa"  # given back by a run that ended badly, too
    monkeypatch.setattr(loop, "choose", lambda *_: "fp32")
    resumed, result = run(recipe, folder=tmp_path)
    assert result.precision == unbroken.precision == "bf16"
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
