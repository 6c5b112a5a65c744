"""The joint model: heads on any BERT, and one clear line for what is none."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mixvocab.errors import UserError
from mixvocab.models.joint import load_saved, new_joint


def made(folder: Path, seed: int = 1):  # type: ignore[no-untyped-def]
    return new_joint(folder, ["a", "b"], ["O", "B-x", "I-x"], generator=torch.Generator().manual_seed(seed))


def test_shapes_and_the_pretrained_encoder(tiny_teacher: Path) -> None:
    model = made(tiny_teacher).eval()
    intents, slots = model(torch.ones(4, 7, dtype=torch.long))
    assert intents.shape == (4, 2)
    assert slots.shape == (4, 7, 3)
    table = load_file(tiny_teacher / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, table)


def test_save_and_load(tiny_teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = made(tiny_teacher).eval()
    model.save_pretrained(tmp_path)
    again = load_saved(tmp_path)
    assert (again.config.intent_labels, again.config.slot_labels) == (["a", "b"], ["O", "B-x", "I-x"])
    ids = torch.arange(5, 12)[None]
    for one, two in zip(model(ids), again(ids), strict=True):
        torch.testing.assert_close(one, two)
    assert "MISSING" not in "".join(capsys.readouterr())


def test_what_is_no_model(tiny_teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        made(tmp_path)
    with pytest.raises(UserError, match="names no intents and slots"):
        load_saved(tiny_teacher)
    made(tiny_teacher).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file({n: w for n, w in weights.items() if n != "slots.bias"}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"no weights for slots\.bias"):
        load_saved(tmp_path)
    save_file({"slots.bias": weights["slots.bias"]}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lacks weights of its layers .*no pretrained BERT"):
        made(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="does not load as a BERT"):
        load_saved(tmp_path)
