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
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from mixvocab.edge.bundle import GRAPHS, TASK, TOKENIZER, Bundle, Kind
from mixvocab.edge.graph import Plan, bert
from mixvocab.edge.network import Floats, Integers, Numbers, Rounded
from mixvocab.edge.runtime import open_session
from mixvocab.errors import UserError
from mixvocab.models.joint import JointBert
from mixvocab.models.loading import quietly
from mixvocab.sources.glue import LAYOUTS
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.folder import read_task

TOLERANCE = 1e-4  # largest difference of a logit between PyTorch and 32-bit ONNX
NONSENSE = 1e4  # the same for 8 bits, where the task's scores decide: this only catches a broken graph
_NUMBERS: dict[Kind, tuple[Numbers, float]] = {
    "fp32": (Floats(), TOLERANCE),
    "w8": (Rounded(), NONSENSE),
    "int8": (Integers(), NONSENSE),
}
CLASSES = {
    "joint": JointBert,
    "classification": BertForSequenceClassification,
    "regression": BertForSequenceClassification,
    "masked": BertForMaskedLM,
}
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


def load(folder: Path) -> tuple[nn.Module, Bundle]:
    """The PyTorch model of a folder, ready to predict, and what there is to say about it."""
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))  # transformers takes a missing one for empty
        config = BertConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError):
        raise UserError(f"{folder}: no model in it (config.json is missing or damaged)") from None
    if config.model_type != "bert" or config.hidden_act != "gelu":
        raise UserError(f"{folder}: {config.model_type} with {config.hidden_act}; only BERT with gelu is exported")
    if "BertForMaskedLM" in (config.architectures or []):
        bundle = Bundle("masked-lm", "masked", config.max_position_embeddings, pair=config.type_vocab_size > 1)
    else:
        about = read_task(folder)
        bundle = Bundle(str(about["task"]), about["kind"], min(about["window"], config.max_position_embeddings))
        bundle = _labelled(bundle, config, folder)
    try:
        with quietly():
            model = CLASSES[bundle.kind].from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except Exception as error:  # safetensors, transformers and torch raise their own
        raise UserError(f"{folder}: the weights cannot be loaded ({error}): save the model again") from None
    return model.eval(), bundle


def plan_of(config: BertConfig, bundle: Bundle) -> Plan:
    """The graph that belongs to a model."""
    return Plan(
        kind=bundle.kind,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        window=bundle.window,
        pair=bundle.pair,
        epsilon=config.layer_norm_eps,
    )


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    """The state dict as float32 arrays."""
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}


def gap_to_torch(model: nn.Module, graph: bytes, bundle: Bundle, seed: int = 0) -> float:
    """Largest difference of a logit at real positions, over random batches of several lengths with padding."""
    rng = np.random.default_rng(seed)
    session = open_session(graph)
    largest = 0.0
    for length in sorted({4, min(17, bundle.window), min(64, bundle.window), bundle.window}):
        ids = rng.integers(0, model.config.vocab_size, (3, length))  # type: ignore[union-attr,arg-type]
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


def _write_graphs(model: nn.Module, bundle: Bundle, folder: Path) -> tuple[Bundle, dict[Kind, float]]:
    plan, weights = plan_of(model.config, bundle), weights_of(model)  # type: ignore[arg-type]
    gaps: dict[Kind, float] = {}
    digests = {}
    for kind, (numbers, allowed) in _NUMBERS.items():
        name = GRAPHS[kind]
        data = bert(plan, weights, numbers).SerializeToString(deterministic=True)
        gap = gap_to_torch(model, data, bundle)
        if not gap <= allowed:
            raise UserError(f"{name}: a logit differs from PyTorch's by {gap:.1e}, more than {allowed:.0e} allowed")
        gaps[kind] = gap
        digests[name] = hashlib.sha256(data).hexdigest()
        _write(folder / name, data)
    return replace(bundle, sha256=digests), gaps


def _labelled(bundle: Bundle, config: BertConfig, folder: Path) -> Bundle:
    if bundle.kind == "joint":
        try:
            return replace(bundle, labels=tuple(config.intent_labels), slots=tuple(config.slot_labels))
        except AttributeError as error:
            raise UserError(f"{folder}/config.json: a joint model without label names ({error})") from None
    # transformers has turned the JSON file's keys into numbers
    names = {int(number): str(name) for number, name in (config.id2label or {}).items()}
    labels = () if bundle.kind == "regression" else tuple(names[i] for i in range(len(names)))
    single = {layout.folder for layout in LAYOUTS if len(layout.hub_columns) == 1}
    return replace(bundle, labels=labels, pair=bundle.task not in single)


def _write(file: Path, data: bytes) -> None:
    with open(file, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


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
