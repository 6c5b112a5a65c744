"""Joint tasks: labels, losses by hand, and predictions that do not depend on how they are batched."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks import joint
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.joint_bert import JointTask, new_joint_bert
from mixvocab.tasks.scores import joint_scores
from mixvocab.train.loop import to_tensors


@pytest.fixture(scope="module")
def parts(tiny_teacher: Path, command_data: SnipsData) -> tuple[JointTask, Encoder, joint.JointLabels]:
    labels = joint.JointLabels.of(command_data.splits["train"])
    # Wide random heads, so that predictions differ from row to row.
    model = new_joint_bert(tiny_teacher, labels, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for head in (model.intent, model.slots):
            head.weight.normal_(std=2.0, generator=torch.Generator().manual_seed(2))
    return JointTask(model).eval(), Encoder.load(tiny_teacher, 24), labels


def test_labels_are_those_of_training_in_a_fixed_order(command_data: SnipsData) -> None:
    labels = joint.JointLabels.of(command_data.splits["train"])
    assert labels.intents == ("GoHome", "ReadBook")
    assert labels.slots == ("O", "B-book", "B-place", "I-place")


def test_the_loss_is_the_joint_log_likelihood(parts, command_data: SnipsData) -> None:  # type: ignore[no-untyped-def]
    task, encoder, labels = parts
    rows = command_data.splits["train"][:5]
    made = joint.joint_examples(rows, encoder, labels)
    with torch.no_grad():
        losses = task(**to_tensors(joint.collate(made), "cpu"))
        intent = slots = 0.0
        for row, example in zip(rows, made, strict=True):
            one, many = task.model(torch.from_numpy(example.ids)[None])
            intent -= float(one[0].log_softmax(-1)[labels.intents.index(row.intent)])
            for place, tag in zip(example.first, row.slots, strict=True):
                slots -= float(many[0, place].log_softmax(-1)[labels.slots.index(tag)])
    assert float(losses["intent"].total) == pytest.approx(intent, rel=1e-4)
    assert float(losses["slots"].total) == pytest.approx(slots, rel=1e-4)
    assert int(losses["intent"].positions) == 5
    assert int(losses["slots"].positions) == sum(len(row.words) for row in rows)


def test_batching_padding_and_order_change_no_prediction(parts, command_data: SnipsData) -> None:  # type: ignore[no-untyped-def]
    task, encoder, labels = parts
    rows = [*command_data.splits["valid"], SnipsRow(("cat",) * 9, ("O",) * 9, "GoHome")]
    together = joint.predict(task, rows, encoder, labels)
    assert len({p.slots for p in together}) > 5
    assert together == [joint.predict(task, [row], encoder, labels)[0] for row in rows]
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = joint.predict(task, [rows[i] for i in order], encoder, labels)
    assert [together[i] for i in order] == shuffled


def test_unseen_labels_are_told_and_count_as_errors(parts, command_data: SnipsData) -> None:  # type: ignore[no-untyped-def]
    task, encoder, labels = parts
    odd = SnipsRow(("the", "cat"), ("B-animal", "O"), "Purr")
    data = SnipsData(command_data.source, command_data.splits | {"test": [command_data.splits["test"][0], odd]})
    assert joint.unseen_labels(data) == [
        "test/label, line 2: 'Purr' never occurs in train; it counts as an error",
        "test/seq.out, line 2: 'B-animal' never occurs in train; it counts as an error",
    ]
    example = joint.joint_examples([odd], encoder, labels)[0]
    assert example.intent == -100
    assert example.tags.tolist() == [-100, 0]
    scores = joint_scores([odd], joint.predict(task, [odd], encoder, labels))
    assert scores["intent_accuracy"] == scores["slot_recall"] == 0.0


def test_words_beyond_the_window_are_errors(parts) -> None:  # type: ignore[no-untyped-def]
    task, _, labels = parts
    encoder = Encoder(parts[1].tokenizer, 6)
    row = SnipsRow(("cat",) * 10, ("O",) * 10, "GoHome")
    found = joint.predict(task, [row], encoder, labels)[0]
    assert len(found.slots) == 10
    assert found.slots[4:] == ("O",) * 6
    assert not found.complete


def test_a_subset_is_the_same_for_everyone(command_data: SnipsData) -> None:
    rows = joint.training_rows(command_data, 30)
    assert rows == joint.training_rows(command_data, 30)
    assert len(rows) == 30
    assert rows != command_data.splits["train"][:30]
    assert joint.training_rows(command_data, 1000) == command_data.splits["train"]
