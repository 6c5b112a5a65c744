"""Joint tasks: labels, losses by hand, and predictions that do not depend on how they are batched."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mixvocab.errors import UserError
from mixvocab.models.joint import new_joint
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks import snips
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.finetune import Tuning
from mixvocab.tasks.folder import read_task
from mixvocab.tasks.joint import JointTask, collate
from mixvocab.tasks.joint_training import fine_tune, load_joint, training_rows
from mixvocab.tasks.scores import joint_scores
from mixvocab.train import to_tensors


@pytest.fixture(scope="module")
def parts(tiny_teacher: Path, command_data: SnipsData) -> tuple[JointTask, Encoder, snips.JointLabels]:
    labels = snips.JointLabels.of(command_data.splits["train"])
    # Wide random heads, so that predictions differ from row to row.
    model = new_joint(tiny_teacher, labels.intents, labels.slots, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for head in (model.intent, model.slots):
            head.weight.normal_(std=2.0, generator=torch.Generator().manual_seed(2))
    return JointTask(model).eval(), Encoder.load(tiny_teacher, 24), labels


def test_labels_are_those_of_training_in_a_fixed_order(command_data: SnipsData) -> None:
    labels = snips.JointLabels.of(command_data.splits["train"])
    assert labels.intents == ("GoHome", "ReadBook")
    assert labels.slots == ("O", "B-book", "B-place", "I-place")


def test_the_loss_is_the_joint_log_likelihood(parts, command_data: SnipsData) -> None:  # type: ignore[no-untyped-def]
    task, encoder, labels = parts
    rows = command_data.splits["train"][:5]
    made = snips.examples(rows, encoder, labels)
    with torch.no_grad():
        losses = task(**to_tensors(collate(made), "cpu"))
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
    together = snips.predict(task, rows, encoder, labels)
    assert len({p.slots for p in together}) > 5
    assert together == [snips.predict(task, [row], encoder, labels)[0] for row in rows]
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = snips.predict(task, [rows[i] for i in order], encoder, labels)
    assert [together[i] for i in order] == shuffled


def test_unseen_labels_are_told_and_count_as_errors(parts, command_data: SnipsData) -> None:  # type: ignore[no-untyped-def]
    task, encoder, labels = parts
    odd = SnipsRow(("the", "cat"), ("B-animal", "O"), "Purr")
    data = SnipsData(command_data.source, command_data.splits | {"test": [command_data.splits["test"][0], odd]})
    assert snips.unseen_labels(data) == [
        "test/label, line 2: 'Purr' never occurs in train; it counts as an error",
        "test/seq.out, line 2: 'B-animal' never occurs in train; it counts as an error",
    ]
    example = snips.examples([odd], encoder, labels)[0]
    assert example.intent == -100
    assert example.tags.tolist() == [-100, 0]
    scores = joint_scores([odd], snips.predict(task, [odd], encoder, labels))
    assert scores["intent_accuracy"] == scores["slot_recall"] == 0.0


def test_words_beyond_the_window_are_errors(parts) -> None:  # type: ignore[no-untyped-def]
    task, _, labels = parts
    encoder = Encoder(parts[1].tokenizer, 6)
    row = SnipsRow(("cat",) * 10, ("O",) * 10, "GoHome")
    found = snips.predict(task, [row], encoder, labels)[0]
    assert len(found.slots) == 10
    assert found.slots[4:] == ("O",) * 6
    assert not found.complete


def test_fine_tuning_learns_saves_and_loads(tiny_teacher: Path, command_data: SnipsData, tmp_path: Path) -> None:
    tuning = Tuning(epochs=12, batch_size=16, learning_rate=3e-3, dropout=0.0, window=16, evaluations=4)
    run = fine_tune(tiny_teacher, command_data, tuning, tmp_path / "one", seed=5)
    assert run.test["frame_accuracy"] > 0.9
    assert run.dev == run.tuned.best
    task, encoder, labels = load_joint(tmp_path / "one")
    test = command_data.splits["test"]
    assert joint_scores(test, snips.predict(task, test, encoder, labels)) == run.test
    assert read_task(tmp_path / "one")["scores"] == run.test
    again = fine_tune(tiny_teacher, command_data, tuning, tmp_path / "two", seed=5)
    assert again.tuned.scores == run.tuned.scores
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_new_heads_leave_torchs_generator_alone(tiny_teacher: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    one = new_joint(tiny_teacher, ["a"], ["O"], generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.rand(3), expected)
    two = new_joint(tiny_teacher, ["a"], ["O"], generator=torch.Generator().manual_seed(1))
    assert torch.equal(one.slots.weight, two.slots.weight)


def test_a_subset_is_the_same_for_everyone(command_data: SnipsData) -> None:
    rows = training_rows(command_data, 30)
    assert rows == training_rows(command_data, 30)
    assert len(rows) == 30
    assert rows != command_data.splits["train"][:30]
    assert training_rows(command_data, 1000) == command_data.splits["train"]


def test_task_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no task\.json"):
        read_task(tmp_path)
    (tmp_path / "task.json").write_text('{"kind": "joint"}')
    with pytest.raises(UserError, match="damaged"):
        read_task(tmp_path)
    (tmp_path / "task.json").write_text('{"kind": "regression", "window": 8}')
    with pytest.raises(UserError, match="'regression'; joint is needed"):
        read_task(tmp_path, kind="joint")


def test_piece_dropout_hides_pieces_in_training_alone(parts) -> None:  # type: ignore[no-untyped-def]
    model, encoder = parts[0].model, parts[1]
    task = JointTask(model, encoder, 0.3)
    seen: list[torch.Tensor] = []
    hook = model.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    ids = torch.from_numpy(np.stack([encoder.words(["cat"] * 20).ids] * 50))
    batch = {"ids": ids, "intent": torch.zeros(50, dtype=torch.long), "tags": torch.zeros_like(ids)}
    torch.manual_seed(0)
    task.train()(**batch)
    task.eval()(**batch)
    hook.remove()
    changed = seen[0] != ids
    assert (seen[0][changed] == encoder.unk).all()
    assert not changed[:, [0, -1]].any()
    assert 0.25 < changed[:, 1:-1].float().mean() < 0.35
    assert torch.equal(seen[1], ids)
    with pytest.raises(ValueError, match="encoder"):
        JointTask(model, piece_dropout=0.1)
