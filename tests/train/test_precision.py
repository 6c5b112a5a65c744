"""Which precision a run takes, what it changes in a model for that time, and that it changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

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


@pytest.mark.parametrize(
    ("asked", "width", "instructions", "expected"),
    [
        ("auto", 96, True, "bf16"),
        ("auto", 96, False, "fp32"),
        ("auto", 48, True, "fp32"),  # too small to gain
        ("bf16", 48, False, "bf16"),
        ("fp32", 96, True, "fp32"),
    ],
)
def test_auto_follows_the_processor_and_the_size(
    monkeypatch: pytest.MonkeyPatch, asked: str, width: int, instructions: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    module = new_student(BertShape(6, width, 500), generator=torch.Generator().manual_seed(0))
    assert precision.choose(asked, module) == expected


def test_an_unknown_precision_is_an_error() -> None:
    with pytest.raises(UserError, match="precision='fp8'"):
        precision.choose("fp8", student())


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
