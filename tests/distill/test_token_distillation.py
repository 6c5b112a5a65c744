"""Token distillation: its loss where it is known, who learns by it, and the way through the store to a student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixvocab.common.store import Store
from mixvocab.distill.methods import find_method
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.token_distillation import TokenDistiller, TwoReadings, relative_error, two_readings
from mixvocab.models.init import EmbeddingInit, copied_vectors, pca_init, teacher_pieces
from mixvocab.models.pretrained import load_teacher, teacher_shape
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import MixingSettings, load_profile
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import to_tensors
from mixvocab.train.losses import mean_loss

UNMASKED = MixingSettings(length=24, mask_rate=0.0)
SAME = ("student_embeddings.weight", "up_projection.weight", "up_projection.bias")


def readings(tiny: Any, student: Any) -> TwoReadings:
    mixer = Mixer(tiny.store, student, tiny.teacher, UNMASKED)
    return two_readings(mixer, tiny.store.words("train"), np.arange(0, 300, 50), np.random.default_rng(0))


@pytest.fixture
def distiller(tiny: Any) -> TokenDistiller:
    teacher = load_teacher(tiny.folder)
    pieces = teacher_pieces(tiny.vocab.tokenizer(), tiny.tokenizer)
    return TokenDistiller(teacher, pca_init(copied_vectors(teacher.get_input_embeddings().weight, pieces), 8))


def test_nothing_is_lost_where_both_vocabularies_are_one(tiny: Any) -> None:
    teacher = load_teacher(tiny.folder)
    table = teacher.get_input_embeddings().weight.detach()
    copied = EmbeddingInit(table, torch.eye(table.shape[1]), torch.zeros(table.shape[1]))
    losses = TokenDistiller(teacher, copied)(**to_tensors(readings(tiny, tiny.teacher), "cpu"))
    assert losses.keys() == {"early", "last"}
    assert all(float(part.total.detach()) < 1e-9 and int(part.positions) > 50 for part in losses.values())


def test_states_are_compared_at_the_end_of_each_word(tiny: Any, distiller: TokenDistiller) -> None:
    """Row by row and word by word, both layers, without padding."""
    batch = readings(tiny, tiny.student)
    pairs: dict[int, list[list[torch.Tensor]]] = {1: [], 2: []}  # of two layers, the first is the early one
    for text in range(len(batch.ids)):
        held = batch.words[text].max() + 1
        states = []
        for which in (0, 1):
            real = batch.attention[text, which]
            ids = torch.from_numpy(batch.ids[text, which, real])[None]
            embedded, _ = distiller.embed(ids, torch.full_like(ids, which, dtype=torch.bool))
            hidden = distiller.encoder(inputs_embeds=embedded, output_hidden_states=True).hidden_states
            ends = [int(np.flatnonzero(batch.words[text, which] == word)[-1]) for word in range(held)]
            states.append({layer: hidden[layer][0, ends].detach() for layer in pairs})
        for layer, found in pairs.items():
            found.append([one[layer] for one in states])
    losses = distiller(**to_tensors(batch, "cpu"))
    for name, layer in (("early", 1), ("last", 2)):
        wanted, read = (torch.cat(parts).double() for parts in zip(*pairs[layer], strict=True))
        expected = (read - wanted).square().sum() / (wanted - wanted.mean(dim=0)).square().sum()
        assert float(expected) > 0.01
        total, words = losses[name][:2]
        assert int(words) == len(wanted)
        assert float(total.detach() / words) == pytest.approx(float(expected), rel=1e-4)


def test_who_always_says_the_mean_explains_nothing() -> None:
    wanted = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    total, words = relative_error(wanted.mean(dim=0).expand(50, 4), wanted)[:2]
    assert float(total / words) == pytest.approx(1.0)


def test_the_students_side_alone_learns(tiny: Any, distiller: TokenDistiller) -> None:
    mean_loss(distiller(**to_tensors(readings(tiny, tiny.student), "cpu"))).backward()
    learning = {name for name, weight in distiller.named_parameters() if weight.grad is not None}
    assert learning == set(SAME)
    assert all(bool(weight.grad.any()) for name, weight in distiller.named_parameters() if name in SAME)


def test_a_student_through_the_store(
    tmp_path: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]
) -> None:
    settings = tiny_settings | {"teacher.source": str(tiny_teacher), "stage_one.steps": 30, "stage_one.batch_size": 8}
    plan, store = Plan(load_profile("smoke", **settings), tiny_corpus), Store(tmp_path / "store")
    step = find_method("token-distillation").student(plan, 0)
    assert isinstance(step, StageTwo)
    assert step.init
    student, begin = store.get(step), store.get(step.init)
    assert student.model().get_input_embeddings().weight.shape == begin.embeddings.shape == (300, 16)
    assert begin.result
    first, last = begin.result.curve[0], begin.result.curve[-1]
    assert last["loss"] == pytest.approx((last["early"] + last["last"]) / 2)
    assert last["loss"] < 0.95 * first["loss"]
    spent, teacher = step.costs(store)["stage one"], teacher_shape(tiny_teacher)
    passes = teacher.masked_lm_flops(begin.result.tokens, 16, masked=0.0) / 3  # one forward pass over all tokens
    assert spent.tokens_read == begin.result.tokens > 30 * 8 * 2 * 4
    assert spent.flops == pytest.approx(passes / 2 + passes / 2 * 2 + 3 * begin.result.tokens * 16 * teacher.hidden)
