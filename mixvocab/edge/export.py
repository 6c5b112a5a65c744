"""A fine-tuned folder becomes one that a device can use: ONNX in 32 and 8 bits, checked against PyTorch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertForMaskedLM, BertForSequenceClassification, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write
from mixvocab.edge.bundle import GRAPHS, TASK, TOKENIZER, Bundle, Kind
from mixvocab.edge.graph import bert
from mixvocab.edge.network import Floats, Integers, Rounded
from mixvocab.edge.runtime import open_session
from mixvocab.models.loading import load_pretrained, read_config
from mixvocab.sources.glue import LAYOUTS
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.folder import read_task
from mixvocab.tasks.joint_bert import JointBert

TOLERANCE = 1e-4  # largest difference of a logit between PyTorch and 32-bit ONNX
NONSENSE = 1e4  # the same for 8 bits, where the task's scores decide: this only catches a broken graph
_NUMBERS: dict[Kind, tuple[Floats, float]] = {
    "fp32": (Floats(), TOLERANCE),
    "w8": (Rounded(), NONSENSE),
    "int8": (Integers(), NONSENSE),
}
SINGLE_TEXTS = {layout.folder for layout in LAYOUTS if len(layout.hub_columns) == 1}  # tasks whose rows are no pairs
COPIED = ("config.json", "model.safetensors", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


@dataclass(frozen=True)
class Exported:
    """A finished export."""

    folder: Path
    bundle: Bundle
    gaps: dict[Kind, float]  # largest difference of a logit from PyTorch's; in 8 bits the task's scores decide


def export(folder: Path, out: Path) -> Exported:
    """Export the model in `folder` to the new folder `out`, which appears whole or not at all.

    `out` gets the Hugging Face files, `model.onnx`, `model.w8.onnx`, `model.int8.onnx` and a `task.json` with labels
    and window. The graphs hold positions up to the window only. A device needs one ONNX file, tokenizer.json and
    task.json.

    Raises:
        UserError: if `folder` is no BERT that was fine-tuned here or pretrained as a masked language model, if
            `out` has something in it, or if a logit differs from PyTorch's by more than 1e-4.
    """
    folder, out = Path(folder), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already: name a new folder")
    model, bundle = load(folder)
    Encoder.load(folder, bundle.window)  # fails on a tokenizer that predicting could not use
    with _whole(out) as making:
        for name in COPIED:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, making / name)
        tokenizer = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
        _write(making / TOKENIZER, json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode())
        bundle, gaps = _write_graphs(model, bundle, making)
        _write(making / TASK, bundle.text().encode())
    return Exported(out, bundle, gaps)


def load(folder: Path) -> tuple[PreTrainedModel, Bundle]:
    """The PyTorch model of a folder, ready to predict, and what there is to say about it.

    Raises UserError as `export` does.
    """
    config = read_config(folder)
    family, activation = config.get("model_type", "bert"), config.get("hidden_act", "gelu")
    if (family, activation) != ("bert", "gelu"):
        raise UserError(f"{folder}: {family} with {activation}; only BERT with gelu is exported")
    if "BertForMaskedLM" in (config.get("architectures") or []):
        model, _ = load_pretrained(BertForMaskedLM, folder, new_head=False)
        window, pair = model.config.max_position_embeddings, model.config.type_vocab_size > 1
        return model, Bundle("masked-lm", "masked", window, pair=pair)
    about = read_task(folder)
    bundle = Bundle(str(about["task"]), about["kind"], about["window"])
    if bundle.kind == "joint":
        model, _ = load_pretrained(JointBert, folder, new_head=False)
        labels, slots = tuple(model.config.intent_labels), tuple(model.config.slot_labels)
    else:
        model, _ = load_pretrained(BertForSequenceClassification, folder, new_head=False)
        names = model.config.id2label
        labels, slots = () if bundle.kind == "regression" else tuple(str(names[i]) for i in range(len(names))), ()
        bundle = replace(bundle, pair=bundle.task not in SINGLE_TEXTS)
    window = min(bundle.window, model.config.max_position_embeddings)
    return model, replace(bundle, window=window, labels=labels, slots=slots)


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    """The state dict as float32 arrays."""
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}


def gap_to_torch(model: PreTrainedModel, graph: bytes, bundle: Bundle, seed: int = 0) -> float:
    """Largest difference of a logit at real positions, over random batches of several lengths with padding."""
    rng = np.random.default_rng(seed)
    session = open_session(graph)
    largest = 0.0
    for length in sorted({4, min(17, bundle.window), min(64, bundle.window), bundle.window}):
        ids = rng.integers(0, model.config.vocab_size, (3, length))
        real = np.arange(length) < np.array([length, max(2, length // 2), 2])[:, None]
        feed = {"input_ids": ids, "attention_mask": real.astype(np.int64)}
        if bundle.pair:
            feed["token_type_ids"] = rng.integers(0, 2, ids.shape)
        with torch.no_grad():
            expected = _logits(model(**{name: torch.from_numpy(value) for name, value in feed.items()}))
        for ours, theirs in zip(session.run(None, feed), expected, strict=True):
            difference = np.abs(ours - theirs.numpy())
            difference = difference[real] if difference.ndim == 3 else difference
            # NaN compares as false: it must not slip through as a small gap.
            largest = max(largest, float(difference.max()) if np.isfinite(difference).all() else np.inf)
    return largest


def _logits(output: object) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output.logits,)  # type: ignore[attr-defined]


def _write_graphs(model: PreTrainedModel, bundle: Bundle, folder: Path) -> tuple[Bundle, dict[Kind, float]]:
    weights = weights_of(model)
    gaps: dict[Kind, float] = {}
    digests = {}
    for kind, (numbers, allowed) in _NUMBERS.items():
        file = folder / GRAPHS[kind]
        graph = bert(model.config, bundle, weights, numbers).SerializeToString(deterministic=True)
        gaps[kind] = gap_to_torch(model, graph, bundle)
        if not gaps[kind] <= allowed:
            reason = f"a logit differs from PyTorch's by {gaps[kind]:.1e}, more than {allowed:.0e} allowed"
            raise UserError(f"{file.name}: {reason}")
        digests[file.name] = hashlib.sha256(graph).hexdigest()
        _write(file, graph)
    return replace(bundle, sha256=digests), gaps


def _write(file: Path, data: bytes) -> None:
    with atomic_write(file, "wb") as stream:
        stream.write(data)


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that becomes `out` only if the block succeeds."""
    out.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        making.chmod(0o755)
        yield making
        os.rename(making, out)  # over nothing, or over an empty folder
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
