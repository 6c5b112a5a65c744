"""BERT-of-Theseus: what is computed when which modules work, what learns, how the rate rises, who is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification

from mixvocab.common.errors import UserError
from mixvocab.distill import theseus as module_under_test
from mixvocab.distill.theseus import Theseus, replacing_rate
from mixvocab.tasks.glue import GlueTask
from mixvocab.train.loop import Recipe, train
from mixvocab.train.losses import mean_loss


@pytest.fixture
def tasks(tiny_teacher: Path) -> tuple[GlueTask, GlueTask]:
    """A student of two layers and a teacher of four, all weights different and far from small."""
    made = []
    for layers in (2, 4):
        config = BertConfig.from_pretrained(tiny_teacher, num_hidden_layers=layers, num_labels=3)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        config.problem_type = "single_label_classification"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(layers)
            model = BertForSequenceClassification(config)
            for weight in model.parameters():
                weight.data.add_(torch.randn_like(weight), alpha=0.1)
        made.append(GlueTask(model, tiny_teacher, "MNLI", 16))
    return made[0], made[1]


def batch() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(5)
    attention = torch.ones(4, 7, dtype=torch.bool)
    attention[1, 4:] = False
    ids, types = torch.randint(5, 90, (4, 7), generator=draw), torch.randint(0, 2, (4, 7), generator=draw)
    return {"ids": ids, "types": types, "attention": attention, "labels": torch.tensor([0, 2, 1, 1])}


def drawn() -> SimpleNamespace:
    """The batch as the loop wants it."""
    return SimpleNamespace(
        **{name: tensor.numpy() for name, tensor in batch().items()}, done=np.array(0.4, dtype=np.float32)
    )


def reference(models: tuple[Any, Any], replaced: list[bool], data: dict[str, Tensor]) -> Tensor:
    """-log p, row by row without padding: embeddings, then one layer of the first model or two of the second."""
    first, second = models
    total = torch.zeros((), dtype=torch.float64)
    for ids, types, real, label in zip(data["ids"], data["types"], data["attention"], data["labels"], strict=True):
        hidden = second.bert.embeddings(input_ids=ids[real][None], token_type_ids=types[real][None])
        for i in range(2):
            if replaced[i]:
                hidden = first.bert.encoder.layer[i](hidden)
            else:
                hidden = second.bert.encoder.layer[2 * i + 1](second.bert.encoder.layer[2 * i](hidden))
        logits = second.classifier(torch.tanh(second.bert.pooler.dense(hidden[:, 0])))[0]
        total -= logits.double().log_softmax(0)[label]
    return total


@pytest.mark.parametrize("replaced", [[False, False], [True, False], [False, True], [True, True]])
def test_the_loss_and_its_gradient_are_those_of_the_modules_that_work(
    tasks: tuple[GlueTask, GlueTask], replaced: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = (task.double() for task in tasks)
    module, data = Theseus(student, teacher).train(), batch()
    draws = torch.tensor([0.1 if each else 0.9 for each in replaced])
    monkeypatch.setattr(torch, "rand", lambda count: draws)
    monkeypatch.setattr(module_under_test, "replacing_rate", lambda done, constant: 0.5)
    loss = module(done=torch.tensor(0.2), **data)["task"].total
    loss.backward()
    found = {name: weight.grad for name, weight in student.model.named_parameters()}
    assert all(weight.grad is None for weight in teacher.model.parameters())
    student.model.zero_grad()
    expected = reference((student.model, teacher.model), replaced, data)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    for i in range(2):
        layer = f"encoder.layer.{i}."
        names = [name for name in found if layer in name]
        if replaced[i]:
            own = torch.autograd.grad(
                expected, [dict(student.model.named_parameters())[n] for n in names], retain_graph=True
            )
            for name, gradient in zip(names, own, strict=True):
                torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7)
        else:
            assert all(found[name] is None for name in names)
    assert all(gradient is None for name, gradient in found.items() if ".encoder.layer." not in name)
    assert len(student.model.bert.encoder.layer) == 2


@pytest.mark.parametrize(("rate", "model"), [(0.0, 1), (1.0, 0)])
def test_at_rate_0_it_is_the_predecessor_and_at_rate_1_the_successor(
    tasks: tuple[GlueTask, GlueTask], rate: float, model: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, data = Theseus(*tasks).train(), batch()
    monkeypatch.setattr(module_under_test, "replacing_rate", lambda done, constant: rate)
    for _ in range(5):
        assert torch.equal(module(done=torch.tensor(0.0), **data)["task"].total, tasks[model](**data)["task"].total)


def test_the_rate_rises_to_1_by_the_middle_of_the_run() -> None:
    assert [replacing_rate(done) for done in (0.0, 0.25, 0.5, 0.9)] == pytest.approx([0.3, 0.65, 1.0, 1.0])
    assert [replacing_rate(done, constant=True) for done in (0.0, 0.49, 0.5, 0.9)] == [0.5, 0.5, 1.0, 1.0]


def test_the_successor_begins_as_the_predecessor_and_its_layers_alone_learn(tasks: tuple[GlueTask, GlueTask]) -> None:
    student, teacher = tasks
    module = Theseus(student, teacher)
    taught = teacher.model.state_dict()
    begun = {name: weight.clone() for name, weight in student.model.state_dict().items()}
    assert all(torch.equal(weight, taught[name]) for name, weight in begun.items())
    recipe = Recipe(steps=8, batch_size=4, learning_rate=1e-3, weight_decay=0.0)
    train(module, lambda turn: drawn(), recipe, seed=1)
    changed = {name for name, weight in student.model.state_dict().items() if not torch.equal(weight, begun[name])}
    assert {name.partition(".layer.")[0] for name in changed} == {"bert.encoder"}
    assert {name.split(".layer.")[1][0] for name in changed} == {"0", "1"}
    assert all(torch.equal(weight, taught[name]) for name, weight in teacher.model.state_dict().items())


def test_the_step_decides_what_is_drawn(tasks: tuple[GlueTask, GlueTask]) -> None:
    module, data = Theseus(*tasks).train(), batch()

    def loss_of(seed: int) -> float:
        torch.manual_seed(seed)
        return mean_loss(module(done=torch.tensor(0.1), **data)).item()

    losses = [loss_of(seed) for seed in range(30)]
    assert len(set(losses)) == 4  # of two modules
    assert losses == [loss_of(seed) for seed in range(30)]


def test_it_runs_in_bf16_beside_padding(tasks: tuple[GlueTask, GlueTask]) -> None:
    module = Theseus(*tasks)
    recipe = Recipe(steps=6, batch_size=4, learning_rate=1e-3, precision="bf16")
    assert train(module, lambda turn: drawn(), recipe, seed=1).precision == "bf16"


def test_a_student_that_cannot_replace_the_teachers_layers_is_refused(tasks: tuple[GlueTask, GlueTask]) -> None:
    student, teacher = tasks
    del teacher.model.bert.encoder.layer[3]
    teacher.model.config.num_hidden_layers = 3
    with pytest.raises(
        UserError, match=r"theseus: student of 2 layers and 32 units, teacher of 3 and 32: .* even number"
    ):
        Theseus(student, teacher)
    teacher.model.config.num_hidden_layers, student.model.config.intermediate_size = 4, 128
    with pytest.raises(UserError, match="equally many like it"):
        Theseus(student, teacher)
