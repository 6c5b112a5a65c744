"""TinyBERT: each loss in plain loops, which layer follows which, whom the student is made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM, BertForMaskedLM, RobertaConfig
from two_heads import TwoHeads
from two_heads import batch as task_batch

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.layer_losses import attention_loss, even_layers, prediction_loss
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.task_transfer import over_heads
from mixvocab.distill.tinybert import LAYERS_FIRST, TinyBertLoss, TinyBertTask, tinybert
from mixvocab.edge.export import export
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import new_student
from mixvocab.pipeline import Plan
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.train.losses import mean_loss, state_loss

Planned = Callable[..., Plan]
REAL = torch.tensor([[True, True, True, True], [True, True, False, False]])  # (2, 4)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_states(own: Tensor, wanted: Tensor, real: Tensor = REAL) -> tuple[float, Tensor]:
    """(B, T, D): the sum over real tokens of the mean over units, and its gradient."""
    total, gradient = 0.0, torch.zeros_like(own)
    for b, t in torch.nonzero(real).tolist():
        for d in range(own.shape[2]):
            gap = float(own[b, t, d] - wanted[b, t, d])
            total += gap**2 / own.shape[2]
            gradient[b, t, d] = 2 * gap / own.shape[2]
    return total, gradient


def slow_attention(own: Tensor, wanted: Tensor, real: Tensor = REAL) -> tuple[float, Tensor]:
    """(B, A, T, T): the sum over pairs of real tokens of the mean over heads, and its gradient."""
    total, gradient = 0.0, torch.zeros_like(own)
    for b, query in torch.nonzero(real).tolist():
        for key in torch.nonzero(real[b])[:, 0].tolist():
            for head in range(own.shape[1]):
                gap = float(own[b, head, query, key] - wanted[b, head, query, key])
                total += gap**2 / own.shape[1]
                gradient[b, head, query, key] = 2 * gap / own.shape[1]
    return total, gradient


@pytest.mark.parametrize(
    ("fast", "slow", "shape"),
    [(state_loss, slow_states, (2, 4, 5)), (attention_loss, slow_attention, (2, 3, 4, 4))],
)
def test_a_squared_error_and_its_gradient_entry_by_entry(fast, slow, shape: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    own, wanted = random(*shape, seed=0).requires_grad_(), random(*shape, seed=1)
    total, gradient = slow(own.detach(), wanted)
    found = fast(own, wanted, REAL)
    found.backward()
    assert found.item() == pytest.approx(total, rel=1e-6)
    torch.testing.assert_close(own.grad, gradient, rtol=1e-6, atol=1e-12)
    assert fast(wanted, wanted, REAL) == 0


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_cross_entropy_and_its_gradient_class_by_class(temperature: float) -> None:
    logits, said = random(3, 5, seed=2).requires_grad_(), random(3, 5, seed=3)
    total, gradient = 0.0, torch.zeros(3, 5, dtype=torch.float64)
    for row in range(3):
        own, other = ([exp(float(x) / temperature) for x in of[row]] for of in (logits.detach(), said))
        for c in range(5):
            p, q = own[c] / sum(own), other[c] / sum(other)
            total -= q * log(p)
            gradient[row, c] = (p - q) / temperature
    found = prediction_loss(logits, said, temperature)
    found.backward()
    assert found.item() == pytest.approx(total, rel=1e-6)
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-6, atol=1e-12)


def test_a_score_follows_the_teachers_by_its_squared_error() -> None:
    scores, said = random(5, 1, seed=6), random(5, 1, seed=7)
    expected = sum(float(a - b) ** 2 for a, b in zip(scores, said, strict=True))
    assert over_heads(prediction_loss, [scores], [said]).item() == pytest.approx(expected, rel=1e-6)


def bert(layers: int, hidden: int, seed: int) -> BertForMaskedLM:
    """With larger weights than training begins with, so that layers differ."""
    made = new_student(BertShape(layers, hidden, 30, heads=2), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for matrix in (weight for weight in made.parameters() if weight.ndim > 1):
            matrix.mul_(10)
    return made


def batch(pieces: int = 30) -> dict[str, Tensor]:
    ids = torch.randint(5, pieces, (2, 4), generator=torch.Generator().manual_seed(5))
    labels = torch.full((2, 4), -100)
    labels[0, 1], labels[0, 3], labels[1, 0] = 7, 8, 9
    return {"ids": ids, "labels": labels, "attention": REAL}


def heads_scores(model: Any, number: int, hidden: Tensor) -> Tensor:
    """(B, A, T, T) from the weights, head by head."""
    layer, made = model.bert.encoder.layer[number].attention.self, []
    query, key = (hidden @ part.weight.T + part.bias for part in (layer.query, layer.key))
    size = hidden.shape[2] // 2
    for head in range(2):
        units = slice(head * size, (head + 1) * size)
        made.append(torch.einsum("bqd,bkd->bqk", query[..., units], key[..., units]) / size**0.5)
    return torch.stack(made, dim=1).detach()


def test_the_sum_of_means_over_masked_positions_tokens_and_pairs() -> None:
    """Layers 1 and 2 of the student follow 2 and 4 of the teacher; 6 tokens are real, 20 pairs of them."""
    student, teacher, data = bert(2, 8, 0), bert(4, 12, 1), batch()
    module = TinyBertLoss(student, teacher, even_layers(2, 4), seed=3).train()
    mine, theirs = (model(data["ids"], attention_mask=REAL, output_hidden_states=True) for model in (student, teacher))
    own, other = ([states.detach() for states in made.hidden_states] for made in (mine, theirs))
    matrices = [module.raising_embeddings.detach(), module.raising_states.detach()]
    expected = slow_states(own[0] @ matrices[0].T, other[0])[0] / 6
    for m, n in ((1, 2), (2, 4)):
        expected += slow_states(own[m] @ matrices[1].T, other[n])[0] / 6
        scores = heads_scores(student, m - 1, own[m - 1]), heads_scores(teacher, n - 1, other[n - 1])
        expected += slow_attention(*scores)[0] / 20
    masked = data["labels"] != -100
    expected -= float(mine.logits.detach().log_softmax(dim=-1)[masked, data["labels"][masked]].mean())
    loss = mean_loss(module(**data))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert all(weight.grad is None for weight in teacher.parameters())
    assert all(float(weight.grad.abs().sum()) > 0 for weight in module.parameters() if weight.ndim > 1)
    held_out = module.eval()(**data)
    torch.testing.assert_close(held_out["student"].total, StudentMLM(student).eval()(**data)["student"].total)
    assert held_out.keys() == {"student"}


def test_a_copied_teacher_has_nothing_to_learn_from_it(tiny_teacher: Path) -> None:
    teacher, student = load_teacher(tiny_teacher), load_teacher(tiny_teacher)
    module = TinyBertLoss(student, teacher, (1, 2)).train()  # type: ignore[arg-type]
    for matrix in (module.raising_embeddings, module.raising_states):
        torch.nn.init.eye_(matrix)
    losses = module(**batch(teacher.config.vocab_size))
    assert losses["student"].total > 0
    for name in ("embeddings", "states", "attention"):
        assert float(losses[name].total) == pytest.approx(0, abs=1e-9)


def task_model(layers: int, hidden: int, seed: int) -> TwoHeads:
    """With larger weights than training begins with, so that layers differ."""
    made = TwoHeads(layers, hidden, seed)
    with torch.no_grad():
        for matrix in (weight for weight in made.model.bert.parameters() if weight.ndim > 1):  # type: ignore[union-attr]
            matrix.mul_(10)
    return made


def test_on_a_task_layers_are_followed_first() -> None:
    """Two layers of the student follow 2 and 4 of the teacher; of means over tokens and pairs."""
    student, teacher, data = task_model(2, 8, 0), task_model(4, 12, 1), task_batch()
    module, real = TinyBertTask(student, teacher).train(), data["attention"]
    mine, theirs = (
        task.encoded(data["ids"], real, output_hidden_states=True).hidden_states for task in (student, teacher)
    )
    own, other = ([states.detach() for states in made] for made in (mine, theirs))
    tokens, pairs = int(real.sum()), int(real.sum(dim=1).square().sum())
    expected = slow_states(own[0] @ module.raising_embeddings.detach().T, other[0], real)[0] / tokens
    for m, n in enumerate((2, 4)):
        expected += slow_states(own[m + 1] @ module.raising_states.detach().T, other[n], real)[0] / tokens
        scores = heads_scores(student.model, m, own[m]), heads_scores(teacher.model, n - 1, other[n - 1])
        expected += slow_attention(*scores, real)[0] / pairs
    losses = module(**data | {"done": torch.tensor(LAYERS_FIRST - 0.01)})
    alone = student.losses(student.heads(student.encoded(data["ids"], real)), data["one"], data["many"])
    assert all(float(losses[name].total) == pytest.approx(float(part.total.detach())) for name, part in alone.items())
    assert losses.keys() == {"text", "token", "embeddings", "states", "attention"}
    loss = mean_loss(losses)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert all(weight.grad is None for weight in [*teacher.parameters(), *student.text.parameters()])
    assert all(float(matrix.grad.abs().sum()) > 0 for matrix in (module.raising_embeddings, module.raising_states))


def test_on_a_task_predictions_follow_after_the_layers_and_labels_never() -> None:
    student, teacher, data = task_model(2, 8, 0), task_model(4, 12, 1), task_batch()
    module, read = TinyBertTask(student, teacher).train(), (data["ids"], data["attention"])
    asked = data["many"] != -100
    mine, said = (
        [text.detach().double(), token[asked].detach().double()]
        for text, token in (task.heads(task.encoded(*read)) for task in (student, teacher))
    )
    expected, count = 0.0, 0
    for logits, wanted in zip(mine, said, strict=True):
        for row, other in zip(logits, wanted, strict=True):
            expected -= sum(float(q * log(p)) for p, q in zip(row.softmax(0), other.softmax(0), strict=True))
            count += 1
    losses = module(**data | {"done": torch.tensor(LAYERS_FIRST + 0.01)})
    assert losses.keys() == {"text", "token", "prediction"}
    loss = mean_loss(losses)
    assert float(loss.detach()) == pytest.approx(expected / count, rel=1e-5)
    loss.backward()
    gradient = student.token.weight.grad
    other_labels = data | {"one": torch.tensor([1, 1, 1]), "done": torch.tensor(1.0)}
    student.zero_grad()
    mean_loss(module(**other_labels)).backward()
    torch.testing.assert_close(student.token.weight.grad, gradient)
    assert module.raising_states.grad is None


def test_on_a_task_a_copied_teacher_has_nothing_to_learn_from_it() -> None:
    task, data = task_model(4, 8, 0), task_batch()
    module = TinyBertTask(task, task).train()
    task.requires_grad_(True)  # which a teacher has not
    for matrix in (module.raising_embeddings, module.raising_states):
        torch.nn.init.eye_(matrix)
    losses = module(**data)
    for name in ("embeddings", "states", "attention"):
        assert float(losses[name].total) == pytest.approx(0, abs=1e-9)
    mean_loss(module(**data | {"done": torch.tensor(1.0)})).backward()
    assert all(float(weight.grad.abs().max()) < 1e-6 for weight in task.parameters() if weight.grad is not None)


def test_on_a_task_students_without_counterparts_are_refused() -> None:
    teacher, wide = TwoHeads(4, 8, 1), TwoHeads(2, 8, 0)
    wide.model.config.num_attention_heads = 4  # type: ignore[union-attr]
    with pytest.raises(UserError, match=r"student of 4 heads, teacher of 2: .* distill --method tinybert"):
        TinyBertTask(wide, teacher)


def test_layers_are_spread_evenly_and_end_at_the_last() -> None:
    assert even_layers(4, 12) == (3, 6, 9, 12)
    assert even_layers(6, 6) == (1, 2, 3, 4, 5, 6)
    assert even_layers(4, 6) == (2, 3, 5, 6)
    assert even_layers(4, 2) == (1, 1, 2, 2)


def test_the_student_is_a_plain_bert_with_the_teachers_heads(planned: Planned, cache: Path, tmp_path: Path) -> None:
    store, step = Store(cache), tinybert(planned(**{"student.hidden": 18, "student.heads": 3}), 0)
    done = store.get(step)
    assert (done.shape.layers, done.shape.hidden, done.shape.heads) == (1, 18, 2)
    assert {"student", "embeddings", "states", "attention"} <= done.result.train_curve[-1].keys()
    ids = torch.arange(5, 15)[None]
    plain = AutoModelForMaskedLM.from_pretrained(done.folder)
    assert isinstance(plain, BertForMaskedLM)
    assert plain.config.vocab_size == done.shape.vocab_size == len(store.get(step.vocabulary))
    assert torch.equal(plain(ids).logits, done.model()(ids).logits)
    assert export(done.folder, tmp_path / "device")["fp32"] < 1e-4
    again = Store(tmp_path / "again").get(step)
    assert (again.folder / "model.safetensors").read_bytes() == (done.folder / "model.safetensors").read_bytes()


def test_a_layer_map_of_ones_own_reaches_the_loss(planned: Planned, cache: Path) -> None:
    step = tinybert(planned(), 0)
    even, first = (replace(step, layers=layers) for layers in (None, (1,)))
    assert step.identity == even.identity != first.identity
    assert [each.objective(Store(cache)).keywords["layers"] for each in (even, first)] == [(2,), (1,)]  # type: ignore[attr-defined]


def test_all_that_both_models_compute_is_paid_for(planned: Planned, cache: Path) -> None:
    store, step = Store(cache), tinybert(planned(), 0)
    done, costs = store.get(step), step.costs(store)
    tokens = done.result.tokens
    teacher = BertShape(2, 32, done.shape.vocab_size, heads=2, intermediate=64, positions=128)
    passes = done.shape.masked_lm_flops(tokens, 16) + teacher.masked_lm_flops(tokens, 16, masked=0) / 3
    scores = 6 * (2 * 16 * 16 + 16 * 16) + 2 * (2 * 32 * 32 + 16 * 32)  # of one layer each, student and teacher
    assert costs.keys() == {"stage two"}
    assert costs["stage two"].flops == pytest.approx(passes + tokens * (scores + 6 * 2 * 16 * 32))


def test_what_it_cannot_use_is_refused_before_anything_is_made(planned: Planned, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tinybert .* --method mixed or pushed-labels"):
        tinybert(replace(planned(), given=Vocabulary((*SPECIAL_PIECES, "a"), lowercase=True)), 0)
    with pytest.raises(UserError, match=r"student\.hidden=15: .* the teacher's 2 heads.*: choose e\.g\. 16"):
        Store(cache).get(tinybert(planned(**{"student.hidden": 15, "student.heads": 3}), 0))
    with pytest.raises(UserError, match=r"1 layers cannot follow \(3,\) of 2"):
        Store(cache).get(replace(tinybert(planned(), 0), layers=(3,)))
    RobertaConfig().save_pretrained(tmp_path / "other")
    step = tinybert(planned(), 0)
    roberta = replace(step.rows.teacher, find=lambda: replace(step.rows.teacher.value, folder=tmp_path / "other"))
    with pytest.raises(UserError, match="tinybert works on a BERT's layers and the teacher is a roberta"):
        replace(step, rows=replace(step.rows, teacher=roberta)).make(tmp_path, Store(cache))
    wide = new_student(BertShape(2, 8, 31, heads=2), generator=torch.Generator().manual_seed(0))
    with pytest.raises(UserError, match="student of 30 pieces, teacher of 31"):
        TinyBertLoss(bert(2, 8, 0), wide, (1, 2))
    for layers in ((1, 5), (1, 2, 3)):
        with pytest.raises(UserError, match=r"2 layers cannot follow .* of 4: name one of the teacher's"):
            TinyBertLoss(bert(2, 8, 0), bert(4, 8, 1), layers)
