"""A teacher that learns to predict its own pieces: what each phase moves, what is kept of it, what it is scored on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixvocab.common.store import Store
from mixvocab.distill.mixed_vocab import HELDOUT_SEED
from mixvocab.distill.scores import FrequencyGuess
from mixvocab.distill.teacher_head import teacher_head
from mixvocab.evaluate.word_scores import whole_word_batches, word_scores
from mixvocab.models.pretrained import load_teacher
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import load_profile


@pytest.fixture
def headless(tiny_teacher: Path, tmp_path: Path) -> Path:
    """The tiny teacher as sentence encoders are published: without its head."""
    folder = tmp_path / "headless"
    load_teacher(tiny_teacher).base_model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).write_bytes((tiny_teacher / name).read_bytes())
    return folder


@pytest.fixture
def plan(headless: Path, tiny_corpus: Path, tiny_settings: dict[str, Any]) -> Plan:
    settings = tiny_settings | {"teacher.source": str(headless), "teacher.head_steps": 30, "teacher.whole_steps": 0}
    return Plan(load_profile("smoke", **settings), tiny_corpus)


def test_the_head_alone_learns_and_the_encoder_stays_to_the_last_bit(plan: Plan, headless: Path, cache: Path) -> None:
    step = teacher_head(plan)
    teacher, before = Store(cache).get(step), load_teacher(headless)
    after = teacher.model()
    same = {name for name, value in before.named_parameters() if torch.equal(value, after.get_parameter(name))}
    learned = {name for name, _ in before.named_parameters()} - same
    assert all(name.startswith("cls.predictions.") for name in learned)
    assert len(learned) == 5  # weights and biases of the dense layer and of the LayerNorm, and the bias of each piece
    assert teacher.after["masked"] < teacher.before["masked"]
    assert after.get_output_embeddings().weight is after.get_input_embeddings().weight
    assert teacher.spent.flops == teacher.shape.masked_lm_flops(teacher.spent.tokens_read, 16, head_alone=True)


def test_then_everything_learns_from_where_the_head_is(plan: Plan, cache: Path) -> None:
    store, both = Store(cache), teacher_head(plan.with_settings(teacher={"whole_steps": 2}))
    head, whole = store.get(teacher_head(plan)), store.get(both)
    first, second = (teacher.model() for teacher in (head, whole))
    moved = {n for n, p in first.named_parameters() if not torch.equal(p, second.get_parameter(n))}
    assert {"bert.embeddings.word_embeddings.weight", "cls.predictions.transform.dense.weight"} <= moved
    gap = (first.get_input_embeddings().weight - second.get_input_embeddings().weight).detach()
    assert float(gap.abs().max()) < 1e-3  # two steps at a tenth of the head's rate
    assert (whole.spent.steps, head.spent.steps) == (32, 30)
    assert whole.before == head.before


def test_it_is_scored_as_students_are(plan: Plan, headless: Path, cache: Path) -> None:
    """A student of the teacher's vocabulary is asked for the same words, and its guess is the same."""
    store, step = Store(cache), teacher_head(plan.with_settings(teacher={"head_steps": 0}))
    teacher, own = store.get(step), plan.with_settings(vocabulary={"kind": "teacher"}).vocabulary()
    words = store.get(plan.rows())
    hidden = whole_word_batches(words, plan.rows().student_table(own, store), rng=np.random.default_rng(HELDOUT_SEED))
    nats, count = word_scores(load_teacher(headless), hidden).sum(axis=0)
    assert teacher.word == pytest.approx(nats / count)
    assert teacher.guess == store.get(FrequencyGuess(own, plan.rows(), plan.student_mixing, step.heldout_batches))
    assert teacher.before == teacher.after
    assert teacher.spent.flops == 0


def test_one_teacher_serves_every_seed_and_any_students_vocabulary(plan: Plan) -> None:
    larger = plan.with_settings(vocabulary={"size": 310})
    assert teacher_head(larger).identity == teacher_head(plan).identity
