import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from mixvocab.common.errors import UserError
from mixvocab.edge import export as module
from mixvocab.edge.export import export, load
from mixvocab.edge.graph import quantise
from mixvocab.edge.runtime import FLOATS, GRAPHS, INTEGERS, ROUNDED, deployed_bytes, open_session
from mixvocab.tasks.encoding import Bundle

KINDS = ["joint", "classification", "regression", "masked"]


def feed(batch, length, pair, seed=0, vocabulary=40):
    rng = np.random.default_rng(seed)
    values = {
        "input_ids": rng.integers(0, vocabulary, (batch, length)),
        "attention_mask": np.ones((batch, length), int),
    }
    return values | ({"token_type_ids": rng.integers(0, 2, (batch, length))} if pair else {})


def in_torch(folder, values):
    model, _ = load(folder)
    with torch.no_grad():
        output = model(**{name: torch.from_numpy(value) for name, value in values.items()})
    return [one.numpy() for one in (output if isinstance(output, tuple) else [output.logits])]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("batch", "length"), [(1, 3), (1, 24), (4, 11)])
def test_fp32_logits_are_torch_logits_at_any_batch_and_length(exported, make_folder, kind, batch, length):
    done = exported(kind, task="MNLI")
    values = feed(batch, length, done.bundle.pair)
    found = open_session(done.folder / FLOATS).run(None, values)
    expected = in_torch(done.model, values)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert max(np.abs(one).max() for one in expected) > 0.1  # or the comparison above would say nothing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mobile", ["as published", "as ours", "tiny"])
def test_mobileberts_logits_are_torchs(exported, kind, mobile):
    done = exported(kind, task="MNLI", mobile=mobile)
    for batch, length in ((1, 3), (1, 24), (4, 11)):
        values = feed(batch, length, done.bundle.pair)
        values["attention_mask"][-1, length - 1 :] = 0
        kept = values["attention_mask"].astype(bool)
        outputs = zip(
            open_session(done.folder / FLOATS).run(None, values),
            open_session(done.folder / INTEGERS).run(None, values),
            in_torch(done.model, values),
            strict=True,
        )
        for ours, integers, theirs in outputs:
            assert ours.shape == theirs.shape
            kept = kept if ours.ndim == 3 else slice(None)
            np.testing.assert_allclose(ours[kept], theirs[kept], atol=1e-4)
            assert 1e-4 < np.abs(integers[kept] - theirs[kept]).max() < np.abs(theirs).max()
    assert done.gaps["fp32"] <= 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_w8_logits_are_torch_logits_of_rounded_weights(exported, make_folder, kind):
    done = exported(kind, task="MNLI")
    model, _ = load(done.model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("position_embeddings.weight") and not done.bundle.pair:
                weight += model.bert.embeddings.token_type_embeddings.weight[
                    0
                ]  # the only type is part of every position
            if name.endswith("token_type_embeddings.weight") and not done.bundle.pair:
                weight.zero_()
            elif weight.ndim == 2:
                weight.copy_(torch.from_numpy(np.multiply(*quantise(weight.numpy(), axis=1))))
        values = feed(4, 11, done.bundle.pair)
        output = model(**{name: torch.from_numpy(value) for name, value in values.items()})
    expected = output if isinstance(output, tuple) else [output.logits]
    for ours, theirs in zip(open_session(done.folder / ROUNDED).run(None, values), expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
    assert done.gaps["w8"] > 1e-3


@pytest.mark.parametrize("name", [FLOATS, ROUNDED])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_no_logit(exported, kind, name):
    done = exported(kind, task="MNLI")
    session = open_session(done.folder / name)
    alone = feed(1, 7, done.bundle.pair)
    padded = {name: np.pad(value, ((0, 0), (0, 9))) for name, value in alone.items()}
    for short, long in zip(session.run(None, alone), session.run(None, padded), strict=True):
        long = long[:, :7] if long.ndim == 3 else long
        np.testing.assert_allclose(short, long, atol=1e-5)


@pytest.mark.parametrize("name", [ROUNDED, INTEGERS])
@pytest.mark.parametrize("kind", ["joint", "classification", "masked"])
def test_8_bits_choose_as_fp32_wherever_the_choice_is_clear(exported, kind, name):
    done = exported(kind, task="MNLI")
    values = feed(64, 12, done.bundle.pair)
    floats, integers = (open_session(done.folder / one).run(None, values) for one in (FLOATS, name))
    for exact, rounded in zip(floats, integers, strict=True):
        ordered = np.sort(exact, axis=-1)
        clear = ordered[..., -1] - ordered[..., -2] > 0.5
        assert clear.mean() > 0.3
        assert (exact.argmax(-1) == rounded.argmax(-1))[clear].mean() > 0.98
        assert 0 < np.abs(exact - rounded).max() < np.abs(exact).max()


@pytest.mark.parametrize("numbers", ["w8", "int8"])
@pytest.mark.parametrize("kind", KINDS)
def test_8_bits_keep_a_byte_a_parameter(exported, kind, numbers):
    done = exported(kind, task="MNLI", hidden=64, layers=4)
    file = done.folder / GRAPHS[numbers]
    graph = onnx.load(file).graph
    matrices = {one.name: one for one in graph.initializer if len(one.dims) > 1 and not one.name.endswith(".scale")}
    assert matrices
    assert all(one.data_type == onnx.TensorProto.INT8 for one in matrices.values())
    model, _ = load(done.model)
    parameters = sum(p.numel() for p in model.parameters())
    unused = (40 - done.bundle.window) * 64  # positions beyond the window, which a masked model keeps
    assert file.stat().st_size < 1.25 * (parameters - max(0, unused)) + 20_000
    assert sum(deployed_bytes(done.folder, numbers).values()) < (done.folder / FLOATS).stat().st_size / 2


def test_tied_embeddings_are_stored_once(exported):
    pieces = load(exported("masked").model)[0].config.vocab_size
    for name in GRAPHS.values():
        graph = onnx.load(exported("masked").folder / name).graph
        assert sum(sorted(one.dims) == [32, pieces] for one in graph.initializer) == 1


def test_only_pair_tasks_read_token_types(exported):
    for kind, task, expected in (("classification", "MNLI", True), ("classification", "SST-2", False)):
        done = exported(kind, task=task)
        names = [one.name for one in open_session(done.folder / FLOATS).get_inputs()]
        assert ("token_type_ids" in names) == expected == done.bundle.pair
    assert not exported("joint").bundle.pair


def test_same_model_same_bytes(exported, tmp_path):
    first = exported("joint")
    export(first.model, tmp_path / "again")
    for file in first.folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_the_window_is_no_longer_than_the_models_positions(make_folder, tmp_path, copy_of):
    folder = copy_of(make_folder("joint"))
    (folder / "task.json").write_text(json.dumps({"task": "snips", "kind": "joint", "window": 64}))
    export(folder, tmp_path / "out")
    assert Bundle.load(tmp_path / "out").window == 40


def test_a_gap_is_an_error_that_names_it_and_can_be_mended(make_folder, tmp_path, monkeypatch):
    right = module.weights_of

    def wrong(model):
        weights = right(model)
        return weights | {"slots.bias": weights["slots.bias"] + 2e-4}

    folder, out = make_folder("joint"), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(module, "weights_of", wrong)
        with pytest.raises(UserError, match=r"differs from PyTorch's by 2.0e-04"):
            export(folder, out)
    with pytest.raises(UserError, match=r"task\.json is missing"):  # what is half done does not look whole
        Bundle.load(out)
    export(folder, out)
    assert Bundle.load(out).task == "snips"
    assert not (out / ".work").exists()


def test_weights_that_are_not_finite_are_an_error(make_folder, tmp_path, copy_of):
    folder = copy_of(make_folder("joint"))
    weights = load_file(folder / "model.safetensors")
    weights["slots.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="differs from PyTorch's by nan"):
        export(folder, tmp_path / "out")


def test_bad_folders_are_one_line(make_folder, tmp_path, copy_of):
    folder = copy_of(make_folder("joint"))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(UserError, match="the folder is not empty"):
        export(folder, tmp_path / "taken")
    with pytest.raises(UserError, match="no model in it"):
        export(tmp_path / "taken", tmp_path / "out")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    with pytest.raises(UserError, match="relu; only BERT with gelu and MobileBERT"):
        export(folder, tmp_path / "out")
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "slot_labels"}))
    with pytest.raises(UserError, match="names no intents and slots"):
        export(folder, tmp_path / "out")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "task.json").unlink()
    with pytest.raises(UserError, match=r"task.json is missing or damaged"):
        export(folder, tmp_path / "out")
    shutil.copy(make_folder("joint") / "task.json", folder)
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="does not load"):
        export(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
