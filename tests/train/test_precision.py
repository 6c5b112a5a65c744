"""Which precision a run takes, what it changes in a model for that time, and that it changes nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

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
    seconds = precision.probe(module, batch())
    assert all(0 < seconds[name] < math.inf for name in ("fp32", "bf16"))
    assert torch.equal(generator, torch.random.get_rng_state())
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in module.named_parameters())


@pytest.mark.parametrize(
    ("asked", "width", "instructions", "bf16", "expected", "probes"),
    [
        ("auto", 96, True, 0.5, "bf16", 1),
        ("auto", 96, True, 0.95, "fp32", 1),
        ("auto", 96, False, 0.5, "fp32", 0),
        ("auto", 48, True, 0.5, "fp32", 0),  # too small to gain
        ("bf16", 48, False, 2.0, "bf16", 0),
        ("fp32", 96, True, 0.5, "fp32", 0),
    ],
)
def test_auto_takes_what_the_probe_finds_clearly_faster_and_asks_it_once(
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    width: int,
    instructions: bool,
    bf16: float,
    expected: str,
    probes: int,
) -> None:
    timed: list[nn.Module] = []

    def probe(module: nn.Module, batch: object) -> dict[str, float]:
        timed.append(module)
        return {"fp32": 1.0, "bf16": bf16}

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(precision, "_chosen", {})
    monkeypatch.setattr(precision, "probe", probe)
    module = new_student(BertShape(6, width, 500), generator=torch.Generator().manual_seed(0))
    assert [precision.choose(asked, module, lambda _: batch()) for _ in range(2)] == [expected] * 2
    assert len(timed) == probes


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
