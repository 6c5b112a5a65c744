"""MobileBERT: each objective against slow loops, what each phase moves, what is copied, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM, AutoTokenizer, MobileBertForMaskedLM, RobertaConfig, RobertaForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.methods import find_method
from mixvocab.distill.mobilebert import BlockTransfer, KnowledgeTransfer, MobileBert, attention_loss
from mixvocab.distill.scores import WordScores
from mixvocab.edge.export import export, load
from mixvocab.edge.runtime import FLOATS, open_session
from mixvocab.models.mobile import MobileShape, new_mobile
from mixvocab.models.pretrained import load_pretrained
from mixvocab.pipeline import Plan
from mixvocab.tasks.glue import CLASSIFIERS
from mixvocab.train import loop
from mixvocab.train.losses import mean_loss, state_loss
from mixvocab.train.stopping import STOP, Stopped

Planner = Callable[..., Plan]
SHAPE = MobileShape(2, 16, 30, heads=2, inner=8, embedding=4, positions=32, norm="layer_norm", activation="gelu")
WIDE = replace(SHAPE, inner=32, feed_forwards=1)
METHODS = ("mobilebert", "mobilebert-joint", "mobilebert-auxiliary")


def drawn(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL = torch.tensor([[True, True, True, True], [True, True, False, False]])  # (2, 4)


def attention(seed: int) -> Tensor:
    """(2, 3, 4, 4) distributions over the real positions."""
    return drawn(2, 3, 4, 4, seed=seed).masked_fill(~REAL[:, None, None, :], -torch.inf).softmax(dim=-1)


def slow_states(student: Tensor, teacher: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for row, place in torch.nonzero(REAL).tolist():
        gaps = [(student[row, place, unit] - teacher[row, place, unit]) ** 2 for unit in range(student.shape[2])]
        total = total + sum(gaps) / len(gaps)
    return total


def slow_attention(student: Tensor, teacher: Tensor) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for row, place in torch.nonzero(REAL).tolist():
        for head in range(student.shape[1]):
            for key in torch.nonzero(REAL[row])[:, 0].tolist():
                p, q = teacher[row, head, place, key], student[row, head, place, key]
                total = total + p * (p.log() - q.log()) / student.shape[1]
    return total


@pytest.mark.parametrize(
    ("fast", "slow", "student", "teacher"),
    [
        (state_loss, slow_states, drawn(2, 4, 5, seed=1), drawn(2, 4, 5, seed=2)),
        (attention_loss, slow_attention, attention(1), attention(2)),
    ],
)
def test_a_transfer_loss_is_the_sum_written_out(fast, slow, student: Tensor, teacher: Tensor) -> None:  # type: ignore[no-untyped-def]
    ours, theirs = (student.clone().requires_grad_() for _ in range(2))
    found, expected = fast(ours, teacher, REAL), slow(theirs, teacher)
    found.backward()
    expected.backward()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-12)
    assert float(fast(teacher.clone(), teacher, REAL)) == pytest.approx(0, abs=1e-12)


def model(seed: int, shape: MobileShape = SHAPE) -> MobileBertForMaskedLM:
    """With larger weights than training begins with: so that states and attention differ."""
    made = new_mobile(shape, seed=seed)
    with torch.no_grad():
        for matrix in (parameter for parameter in made.parameters() if parameter.ndim > 1):
            matrix.mul_(10)
    return made


def batch() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(5)
    ids = torch.randint(5, 30, (2, 4), generator=draw)
    labels = torch.full((2, 4), -100)
    labels[0, 1], labels[0, 3], labels[1, 0] = 7, 8, 9
    return {"ids": ids, "labels": labels, "attention": REAL}


@pytest.mark.parametrize("alone", [True, False])
def test_the_objective_is_the_weighted_sum_of_its_parts(alone: bool) -> None:
    """100 times the states' and once the attention's, means over positions and blocks; half truth, half teacher."""
    student, teacher, data = model(0).double(), model(1, WIDE).double(), batch()
    module = KnowledgeTransfer(student, teacher, blocks=range(2), alone=alone).train()
    losses = module(**data)
    asks = {"attention_mask": REAL, "output_hidden_states": True, "output_attentions": True}
    mine, theirs = (each(data["ids"], **asks) for each in (student, teacher))
    expected = torch.zeros((), dtype=torch.float64)
    for block in range(2):
        states = slow_states(mine.hidden_states[block + 1], theirs.hidden_states[block + 1].detach())
        heads = slow_attention(mine.attentions[block], theirs.attentions[block].detach())
        expected = expected + (100 * states + heads) / 6 / 2
    places = torch.nonzero(data["labels"] != -100).tolist()
    for row, place in [] if alone else places:
        p, q = mine.logits[row, place].log_softmax(dim=-1), theirs.logits[row, place].detach().softmax(dim=-1)
        expected = expected - (0.5 * p[data["labels"][row, place]] + 0.5 * (q * p).sum()) / len(places)
    weights = [weight for name, weight in student.named_parameters() if "encoder" in name]
    assert float(mean_loss(losses).detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    found, slow = (
        torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, weights)])
        for loss in (mean_loss(losses), expected)
    )
    torch.testing.assert_close(found, slow, rtol=1e-6, atol=1e-6 * float(slow.abs().max()))
    assert not any(parameter.grad is not None for parameter in teacher.parameters())


def test_distillation_and_its_gradient_written_out() -> None:
    module = KnowledgeTransfer(model(0), model(1), blocks=[0])
    logits, labelled, true = drawn(3, 30, seed=1).requires_grad_(), drawn(3, 30, seed=2), torch.tensor([7, 8, 9])
    mean_loss(module.followed(logits, labelled, true)).backward()
    p, q = logits.detach().softmax(dim=1), labelled.softmax(dim=1)
    hot = torch.nn.functional.one_hot(true, 30)
    torch.testing.assert_close(logits.grad, (p - 0.5 * hot - 0.5 * q) / 3, rtol=1e-6, atol=1e-12)


def test_a_copied_teacher_has_nothing_to_transfer() -> None:
    teacher = model(1)
    student = new_mobile(SHAPE, seed=0)
    student.load_state_dict(teacher.state_dict())
    module = KnowledgeTransfer(student, teacher, blocks=range(2), alone=True).train()
    losses = module(**batch())
    assert float(losses["states"].total.detach()) == 0
    assert float(losses["attention"].total.detach()) == pytest.approx(0, abs=1e-6)
    others = KnowledgeTransfer(model(0), teacher, blocks=range(2), alone=True).train()(**batch())
    assert min(float(part.total.detach()) for part in others.values()) > 0.01


def test_held_out_it_is_stage_twos_loss() -> None:
    student = model(0)
    found = KnowledgeTransfer(student, model(1), blocks=range(2), mask=4).eval()(**batch())
    assert set(found) == {"student", "masked", "kept", "replaced", "right"}


@pytest.fixture
def steps(planned: Planner) -> Callable[[str], MobileBert]:
    plan = planned(**{"student.layers": 2, "stage_two.steps": 7, "stage_two.evaluations": 1})
    return lambda name, seed=0: find_method(name).student(plan, seed)  # type: ignore[return-value]


def moved(before: MobileBertForMaskedLM, after: MobileBertForMaskedLM) -> set[str]:
    names = {n for n, p in before.named_parameters() if not torch.equal(p, after.get_parameter(n))}
    return {".".join(name.split(".")[1:4]) if ".layer." in name else name.split(".")[1] for name in names}


def test_a_phase_moves_its_block_and_those_below_it_a_little(
    steps: Callable[[str], MobileBert], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, transfer = Store(tmp_path), steps("mobilebert").transfer
    assert transfer
    assert [(list(blocks), recipe.steps) for blocks, recipe in transfer.phases()] == [([0], 1), ([1], 1)]
    monkeypatch.setattr(BlockTransfer, "phases", lambda step, whole=BlockTransfer.phases: whole(step)[:1])
    first = store.get(transfer).model()
    begin = transfer.student(store)
    assert moved(begin, first) == {"encoder.layer.0"}
    monkeypatch.undo()
    both = Store(tmp_path / "both").get(transfer).model()
    assert moved(first, both) == {"encoder.layer.0", "encoder.layer.1"}
    weight = "mobilebert.encoder.layer.{}.output.bottleneck.dense.weight"
    below, own = (
        float((both.get_parameter(weight.format(b)) - first.get_parameter(weight.format(b))).detach().abs().max())
        for b in range(2)
    )
    assert 0 < below < 0.2 * own


def test_joint_transfer_moves_all_blocks_and_nothing_else(steps: Callable[[str], MobileBert], tmp_path: Path) -> None:
    store, step = Store(tmp_path), steps("mobilebert-joint")
    assert step.transfer
    begin, after = step.transfer.student(store), store.get(step.transfer).model()
    assert moved(begin, after) == {"encoder.layer.0", "encoder.layer.1"}
    teacher = store.get(step.teacher).model()
    for part in ("mobilebert.embeddings", "cls"):
        copied, own = (each.get_submodule(part).state_dict() for each in (teacher, after))
        assert all(torch.equal(copied[name], own[name]) for name in copied)
    assert {"embeddings", "predictions", "encoder.layer.0", "encoder.layer.1"} == moved(after, store.get(step).model())


def test_transfer_and_distillation_share_the_steps_of_stage_two(steps: Callable[[str], MobileBert]) -> None:
    for name in ("mobilebert", "mobilebert-joint"):
        step = steps(name)
        assert step.transfer
        assert (step.transfer.recipe.steps, step.recipe.steps) == (2, 5)
    assert steps("mobilebert-auxiliary").recipe.steps == 7
    assert len({steps(name).identity for name in METHODS}) == 3
    assert len({step.teacher.identity for step in (steps(METHODS[0]), steps(METHODS[2]), steps(METHODS[1], 3))}) == 1


@pytest.mark.parametrize("name", METHODS)
def test_a_student_loads_with_transformers_alone_and_costs_what_it_says(
    steps: Callable[[str], MobileBert], tmp_path: Path, name: str
) -> None:
    store, step = Store(tmp_path), steps(name)
    student = store.get(step)
    plain = AutoModelForMaskedLM.from_pretrained(student.folder)
    assert isinstance(plain, MobileBertForMaskedLM)
    ids = AutoTokenizer.from_pretrained(student.folder)("the old house number 7", return_tensors="pt")["input_ids"]
    torch.testing.assert_close(plain(ids).logits, student.model()(ids).logits)
    assert np.isfinite(store.get(WordScores(step))).all()
    costs = step.costs(store)
    assert sum(cost.steps for stage, cost in costs.items() if stage != "teacher") == 7 == costs["teacher"].steps
    teacher = store.get(step.teacher).shape
    length, tokens = step.mixing.length, costs["stage two"].tokens_read
    passes = student.shape.masked_lm_flops(tokens, length) + teacher.masked_lm_flops(tokens, length) / 3
    assert costs["stage two"].flops == pytest.approx(passes)
    if step.transfer:
        first = costs["stage one"]
        own, other = (each.masked_lm_flops(first.tokens_read, length, masked=0) for each in (student.shape, teacher))
        share = 0.75 if step.transfer.progressive else 1.0  # of the blocks that gradients reach
        assert first.flops == pytest.approx(own / 3 + 2 * own / 3 * share + other / 3)


def test_same_seed_same_bytes_and_another_seed_others(steps: Callable[[str], MobileBert], tmp_path: Path) -> None:
    def weights(place: str, seed: int) -> bytes:
        return (Store(tmp_path / place).get(steps("mobilebert", seed)).folder / "model.safetensors").read_bytes()

    assert weights("a", 0) == weights("b", 0) != weights("a", 1)


def test_a_stopped_transfer_goes_on_to_the_same_bytes(
    planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(**{"student.layers": 2, "stage_two.steps": 30, "stage_two.evaluations": 1})
    step = find_method("mobilebert").student(plan, 0)
    assert isinstance(step, MobileBert)
    assert step.transfer
    whole, broken = Store(tmp_path / "whole"), Store(tmp_path / "broken")
    broken.get(step.teacher)
    trained, calls = loop.train, iter(range(10))

    def stopping(*given, **more):  # type: ignore[no-untyped-def]
        if next(calls) == 1:  # in the second phase
            STOP.set()
        return trained(*given, **more)

    try:
        with monkeypatch.context() as context:
            context.setattr("mixvocab.distill.mobilebert.train", stopping)
            with pytest.raises(Stopped):
                broken.get(step.transfer)
    finally:
        STOP.clear()
    files = [store.get(step.transfer).folder / "model.safetensors" for store in (whole, broken)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_student_becomes_a_device_of_the_same_logits(steps: Callable[[str], MobileBert], tmp_path: Path) -> None:
    student = Store(tmp_path / "store").get(steps("mobilebert-auxiliary"))
    gaps = export(student.folder, tmp_path / "device")
    ids = torch.randint(5, student.shape.vocab_size, (2, 11), generator=torch.Generator().manual_seed(1))
    real = torch.ones_like(ids)
    real[1, 7:] = 0
    feed = {"input_ids": ids.numpy(), "attention_mask": real.numpy(), "token_type_ids": np.zeros_like(ids.numpy())}
    (found,) = open_session(tmp_path / "device" / FLOATS).run(None, feed)
    with torch.no_grad():
        expected = student.model()(ids, attention_mask=real).logits
    kept = real.bool().numpy()
    np.testing.assert_allclose(found[kept], expected.numpy()[kept], atol=1e-4)
    assert gaps["fp32"] < 1e-4 < gaps["int8"]


def test_another_family_and_another_activation_are_refused(tmp_path: Path) -> None:
    other = RobertaConfig(vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    RobertaForMaskedLM(other).save_pretrained(tmp_path / "roberta")
    with pytest.raises(UserError, match="is a roberta: give a bert"):
        load_pretrained(CLASSIFIERS, tmp_path / "roberta", new_head=True)
    with pytest.raises(UserError, match="only BERT with gelu and MobileBERT are exported"):
        load(tmp_path / "roberta")
    model(0, replace(SHAPE, activation="silu")).save_pretrained(tmp_path / "silu")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="mobilebert with silu; only BERT with gelu and MobileBERT are exported"):
        load(tmp_path / "silu")


def test_too_few_steps_and_heads_that_do_not_fit_are_refused_at_once(planned: Planner) -> None:
    with pytest.raises(UserError, match=r"stage_two\.steps=3 leaves none for each of 2 layers"):
        find_method("mobilebert").student(planned(**{"student.layers": 2}), 0)
    with pytest.raises(UserError, match=r"student\.heads=3 do not divide"):
        find_method("mobilebert-joint").student(planned(**{"student.hidden": 15, "student.heads": 3}), 0)


def test_word_vectors_may_come_from_stage_one(steps: Callable[[str], MobileBert], tmp_path: Path) -> None:
    store, step, plain = Store(tmp_path), steps("mobilebert-mixed"), steps("mobilebert")
    assert step.teacher.init
    learned = store.get(step.teacher.init)
    words = step.teacher.student(store).mobilebert.embeddings.word_embeddings.weight
    assert torch.equal(words, learned.embeddings)
    assert not torch.equal(words, plain.teacher.student(store).mobilebert.embeddings.word_embeddings.weight)
    costs, teacher = step.costs(store), store.get(step.teacher).spent
    assert costs["teacher"].flops == teacher.flops + learned.spent.flops > teacher.flops
    assert costs["teacher"].tokens_read == teacher.tokens_read + learned.spent.tokens_read
