"""Intents and slots, and Joint BERT: losses by hand, predictions whatever the batch, one line for no model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.tasks.finetune import collate, finetune
from mixvocab.tasks.joint import JointTask, load_joint_bert, new_joint_bert, unseen_labels
from mixvocab.tasks.scores import snips_roles
from mixvocab.train.loop import to_tensors

TUNING = TuningSettings(epochs=12, batch_size=16, learning_rate=3e-3, dropout=0.0, window=24, evaluations=4)


def new(folder: Path, data: SnipsData, seed: int = 1, **changes: float) -> JointTask:
    return new_joint_bert(folder, data, snips_roles(data), TUNING.model_copy(update=changes), seed)


@pytest.fixture(scope="module")
def model(tiny_teacher: Path, command_data: SnipsData) -> JointTask:
    """With wide random heads, so that predictions differ from row to row."""
    task = new(tiny_teacher, command_data).eval()
    with torch.no_grad():
        for head in (task.model.intent, task.model.slots):
            head.weight.normal_(std=2.0, generator=torch.Generator().manual_seed(2))
    return task


def test_labels_are_those_of_training_in_a_fixed_order(model: JointTask) -> None:
    assert tuple(model.intents) == ("GoHome", "ReadBook")
    assert tuple(model.slots) == ("O", "B-book", "B-place", "I-place")


def test_the_loss_is_the_joint_log_likelihood(model: JointTask, command_data: SnipsData) -> None:
    rows = command_data.splits["train"][:5]
    with torch.no_grad():
        losses = model(**to_tensors(collate(model.examples(rows)), "cpu"))
        intent = slots = 0.0
        for row in rows:
            text = model.encode(row)
            intents, tags = model.model(torch.from_numpy(text.ids)[None])
            intent -= float(intents[0].log_softmax(-1)[model.intents[row.intent]])
            for place, tag in zip(text.first, row.slots, strict=True):
                slots -= float(tags[0, place].log_softmax(-1)[model.slots[tag]])
    assert float(losses["intent"].total) == pytest.approx(intent, rel=1e-4)
    assert float(losses["slots"].total) == pytest.approx(slots, rel=1e-4)
    assert int(losses["intent"].positions) == 5
    assert int(losses["slots"].positions) == sum(len(row.words) for row in rows)


def test_batching_padding_and_order_change_no_prediction(model: JointTask, command_data: SnipsData) -> None:
    rows = [*command_data.splits["valid"], SnipsRow(("cat",) * 9, ("O",) * 9, "GoHome")]
    together = model.predict(rows)
    assert len({p.slots for p in together}) > 5
    assert together == [model.predict([row])[0] for row in rows]
    order = np.random.default_rng(0).permutation(len(rows))
    assert model.predict([rows[i] for i in order]) == [together[i] for i in order]


def test_unseen_labels_are_told_and_count_as_errors(model: JointTask, command_data: SnipsData) -> None:
    odd = SnipsRow(("the", "cat"), ("B-animal", "O"), "Purr")
    data = SnipsData(command_data.source, command_data.splits | {"test": [odd]})
    assert unseen_labels(data) == ["B-animal", "Purr"]
    (example,) = model.examples([odd])
    assert example["intent"] == -100
    assert example["tags"][:3].tolist() == [-100, -100, 0]
    scores = model.scores([odd], model.predict([odd]))
    assert scores["intent_accuracy"] == scores["slot_recall"] == 0.0


def test_words_beyond_the_window_are_errors(tiny_teacher: Path, model: JointTask) -> None:
    short = JointTask(model.model, tiny_teacher, 6)
    (prediction,) = short.predict([SnipsRow(("cat",) * 10, ("O",) * 10, "GoHome")])
    assert len(prediction.slots) == 10
    assert prediction.slots[4:] == ("O",) * 6
    assert not prediction.complete


def test_the_encoder_is_the_pretrained_one_and_heads_come_from_the_seed(
    tiny_teacher: Path, command_data: SnipsData
) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = new(tiny_teacher, command_data).model
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.slots.weight, new(tiny_teacher, command_data).model.slots.weight)
    table = load_file(tiny_teacher / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(first.bert.embeddings.word_embeddings.weight, table)
    intents, slots = first(torch.ones(4, 7, dtype=torch.long))
    assert (intents.shape, slots.shape) == ((4, 2), (4, 7, 4))


def test_fine_tuning_learns_saves_and_loads(
    tiny_teacher: Path, command_data: SnipsData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = snips_roles(command_data)
    tuned = finetune(new(tiny_teacher, command_data), roles, TUNING, tmp_path / "one", seed=5)
    scores, test = tuned.reported["test"], command_data.splits["test"]
    assert scores["frame_accuracy"] > 0.9
    capsys.readouterr()
    loaded = load_joint_bert(tmp_path / "one" / "model")
    assert "MISSING" not in "".join(capsys.readouterr())
    assert (next(iter(loaded.slots)), loaded.encoder.length) == ("O", 24)
    assert loaded.scores(test, loaded.predict(test)) == scores
    again = finetune(new(tiny_teacher, command_data), roles, TUNING, tmp_path / "two", seed=5)
    assert again.curve == tuned.curve
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "one/model" / name).read_bytes() == (tmp_path / "two/model" / name).read_bytes()


def test_piece_dropout_hides_pieces_in_training_alone(tiny_teacher: Path, command_data: SnipsData) -> None:
    task = new(tiny_teacher, command_data, piece_dropout=0.3)
    seen: list[torch.Tensor] = []
    task.model.bert.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    ids = torch.from_numpy(np.stack([task.encoder.words(["cat"] * 20).ids] * 50))
    batch = {"ids": ids, "intent": torch.zeros(50, dtype=torch.long), "tags": torch.zeros_like(ids)}
    torch.manual_seed(0)
    task.train()(**batch)
    task.eval()(**batch)
    changed = seen[0] != ids
    assert (seen[0][changed] == task.encoder.unk).all()
    assert not changed[:, [0, -1]].any()
    assert 0.25 < changed[:, 1:-1].float().mean() < 0.35
    assert torch.equal(seen[1], ids)


def test_what_is_no_model(tiny_teacher: Path, command_data: SnipsData, model: JointTask, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model in it"):
        new(tmp_path, command_data)
    with pytest.raises(UserError, match=r"task\.json is missing or damaged"):
        load_joint_bert(tiny_teacher)
    model.save(tmp_path)
    weights, table = load_file(tmp_path / "model.safetensors"), "bert.embeddings.word_embeddings.weight"
    kept = {name: weight for name, weight in weights.items() if name != "slots.bias"}
    for damaged, load, message in (
        (kept, load_joint_bert, r"lacks weights \(slots\.bias\): .*fine-tuned"),
        ({"slots.bias": weights["slots.bias"]}, lambda f: new(f, command_data), "lacks weights .*pretrained"),
        (weights | {table: torch.zeros(7, 32)}, lambda f: new(f, command_data), r"lacks weights .*\(bert\.embeddings"),
    ):
        save_file(damaged, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(UserError, match=message):
            load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="does not load"):
        load_joint_bert(tmp_path)
