"""Joint BERT: heads on any BERT, the same again for the same seed, and one clear line for what is none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import SnipsData
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.folder import read_task, save_model
from mixvocab.tasks.joint import JointLabels, predict
from mixvocab.tasks.joint_bert import JointBert, JointTask, finetune_joint_bert, load_joint_bert, new_joint_bert
from mixvocab.tasks.scores import joint_scores

LABELS = JointLabels(("a", "b"), ("O", "B-x", "I-x"))


def new(folder: Path, seed: int = 1) -> JointBert:
    return new_joint_bert(folder, LABELS, generator=torch.Generator().manual_seed(seed)).eval()


def save(model: JointBert, tokenizer: Path, out: Path) -> None:
    save_model(model, tokenizer, out, task="snips", kind="joint", window=16, scores={})


def test_shapes_and_the_pretrained_encoder(tiny_teacher: Path) -> None:
    model = new(tiny_teacher)
    intents, slots = model(torch.ones(4, 7, dtype=torch.long))
    assert intents.shape == (4, 2)
    assert slots.shape == (4, 7, 3)
    table = load_file(tiny_teacher / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, table)


def test_new_heads_leave_torchs_generator_alone(tiny_teacher: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = new(tiny_teacher)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.slots.weight, new(tiny_teacher).slots.weight)


def test_save_and_load(tiny_teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = new(tiny_teacher)
    save(model, tiny_teacher, tmp_path)
    task, encoder, labels = load_joint_bert(tmp_path)
    assert (labels, encoder.length) == (LABELS, 16)
    ids = torch.arange(5, 12)[None]
    for saved, loaded in zip(model(ids), task.model(ids), strict=True):
        torch.testing.assert_close(saved, loaded)
    assert "MISSING" not in "".join(capsys.readouterr())


def test_fine_tuning_learns_saves_and_loads(tiny_teacher: Path, command_data: SnipsData, tmp_path: Path) -> None:
    tuning = TuningSettings(epochs=12, batch_size=16, learning_rate=3e-3, dropout=0.0, window=16, evaluations=4)
    tuned = finetune_joint_bert(tiny_teacher, command_data, tuning, tmp_path / "one", seed=5)
    scores = tuned.reported["test"]
    assert scores["frame_accuracy"] > 0.9
    task, encoder, labels = load_joint_bert(tmp_path / "one")
    test = command_data.splits["test"]
    assert joint_scores(test, predict(task, test, encoder, labels)) == scores
    assert read_task(tmp_path / "one")["scores"] == scores
    again = finetune_joint_bert(tiny_teacher, command_data, tuning, tmp_path / "two", seed=5)
    assert again.curve == tuned.curve
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_piece_dropout_hides_pieces_in_training_alone(tiny_teacher: Path) -> None:
    model, encoder = new(tiny_teacher), Encoder.load(tiny_teacher, 24)
    task = JointTask(model, encoder, 0.3)
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    ids = torch.from_numpy(np.stack([encoder.words(["cat"] * 20).ids] * 50))
    batch = {"ids": ids, "intent": torch.zeros(50, dtype=torch.long), "tags": torch.zeros_like(ids)}
    torch.manual_seed(0)
    task.train()(**batch)
    task.eval()(**batch)
    changed = seen[0] != ids
    assert (seen[0][changed] == encoder.unk).all()
    assert not changed[:, [0, -1]].any()
    assert 0.25 < changed[:, 1:-1].float().mean() < 0.35
    assert torch.equal(seen[1], ids)
    with pytest.raises(ValueError, match="encoder"):
        JointTask(model, piece_dropout=0.1)


def test_what_is_no_model(tiny_teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model in it"):
        new(tmp_path)
    with pytest.raises(UserError, match=r"no task\.json"):
        load_joint_bert(tiny_teacher)
    save(new(tiny_teacher), tiny_teacher, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if name != "slots.bias"}
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks slots\.bias: it is not fine-tuned"):
        load_joint_bert(tmp_path)
    save_file({"slots.bias": weights["slots.bias"]}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks weights of its layers .*not pretrained"):
        new(tmp_path)
    other = weights | {"bert.embeddings.word_embeddings.weight": torch.zeros(7, 32)}
    save_file(other, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks weights of its layers \(bert\.embeddings\.word"):
        new(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="does not load"):
        load_joint_bert(tmp_path)


def test_task_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no task\.json"):
        read_task(tmp_path)
    (tmp_path / "task.json").write_text('{"kind": "joint"}')
    with pytest.raises(UserError, match="damaged"):
        read_task(tmp_path)
    (tmp_path / "task.json").write_text('{"kind": "regression", "window": 8}')
    with pytest.raises(UserError, match="'regression'; joint is needed"):
        read_task(tmp_path, kind="joint")
