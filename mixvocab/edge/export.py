"""A fine-tuned folder becomes one that a device can use: ONNX in 32 and 8 bits, checked against PyTorch."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import AutoModelForMaskedLM, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.files import claim, publish
from mixvocab.edge.graph import BertGraph, Floats, Integers, Rounded
from mixvocab.edge.mobile_graph import MobileBertGraph
from mixvocab.edge.runtime import GRAPHS, Kind, open_session
from mixvocab.models.pretrained import load_pretrained, read_config
from mixvocab.sources.glue import LAYOUTS
from mixvocab.tasks.encoding import TASK, TOKENIZER, Bundle, Encoder
from mixvocab.tasks.glue import load_classifier
from mixvocab.tasks.joint import load_joint_bert

NUMBERS: dict[Kind, Floats] = {"fp32": Floats(), "w8": Rounded(), "int8": Integers()}
TOLERANCE = 1e-4  # largest difference of a logit between PyTorch and 32-bit ONNX; in 8 bits the task's scores decide
GRAPH: dict[str, type[BertGraph]] = {"bert": BertGraph, "mobilebert": MobileBertGraph}  # by `model_type`
ACTIVATIONS = {"bert": ("gelu",), "mobilebert": ("gelu", "relu")}
SINGLE_TEXTS = {layout.folder for layout in LAYOUTS if len(layout.columns) == 1}  # tasks whose rows are no pairs


def export(folder: Path, out: Path) -> dict[Kind, float]:
    """Export the model in `folder` to the new folder `out`; returns the largest difference of a logit from PyTorch's.

    `out` gets a graph for each kind of numbers, `tokenizer.json`, and `task.json`. Raises UserError if `folder` is no
    BERT or MobileBERT that was fine-tuned here or pretrained as a masked language model, if `out` has something in it,
    or if a logit in 32 bits differs by more than `TOLERANCE`.
    """
    model, bundle = load(folder)
    Encoder.load(folder, bundle.window)  # fails on a tokenizer that predicting could not use
    work = claim(out, {"export": str(folder.resolve())}) / "device"
    work.mkdir(exist_ok=True)
    weights, gaps, digests = weights_of(model), {}, {}
    for kind, numbers in NUMBERS.items():
        built = GRAPH[model.config.model_type](model.config, bundle, weights, numbers).build()
        graph = built.SerializeToString(deterministic=True)
        gaps[kind] = _gap_to_torch(model, graph, bundle)
        if not gaps[kind] <= (TOLERANCE if kind == "fp32" else math.inf):  # weights that are no numbers fail as well
            raise UserError(f"{GRAPHS[kind]}: a logit differs from PyTorch's by {gaps[kind]:.1e}; train again")
        digests[GRAPHS[kind]] = hashlib.sha256(graph).hexdigest()
        (work / GRAPHS[kind]).write_bytes(graph)
    tokenizer = json.loads((folder / TOKENIZER).read_text(encoding="utf-8"))
    for name, value in ((TOKENIZER, tokenizer), (TASK, vars(bundle) | {"sha256": digests})):
        (work / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), "utf-8")
    publish(work, out)
    return gaps


def load(folder: Path) -> tuple[PreTrainedModel, Bundle]:
    """The PyTorch model of a folder, ready to predict, and its task.json. Raises UserError as `export` does."""
    config = read_config(folder)
    family, activation = config.get("model_type", "bert"), config.get("hidden_act", "gelu")
    if activation not in ACTIVATIONS.get(family, ()) or not config.get("use_bottleneck", True):
        raise UserError(f"{folder}: {family} with {activation}; only BERT with gelu and MobileBERT are exported")
    if any(name.endswith("ForMaskedLM") for name in config.get("architectures") or []):
        model, _ = load_pretrained(AutoModelForMaskedLM, folder, new_head=False)
        window, pair = model.config.max_position_embeddings, model.config.type_vocab_size > 1
        return model, Bundle("masked-lm", "masked", window, pair)
    bundle = Bundle.load(folder)
    positions = config.get("max_position_embeddings", 512)
    bundle = replace(bundle, window=min(bundle.window, positions))
    if bundle.kind == "joint":
        joint = load_joint_bert(folder)
        return joint.model, replace(bundle, labels=[*joint.intents], slots=[*joint.slots])
    classifier = load_classifier(folder)
    labels = [] if classifier.regression else classifier.labels
    return classifier.model, replace(bundle, pair=bundle.task not in SINGLE_TEXTS, labels=labels)


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    """The state dict as float32 arrays."""
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}


def _gap_to_torch(model: PreTrainedModel, graph: bytes, bundle: Bundle) -> float:
    """Largest difference of a logit at real positions, over random texts of several lengths, padded to the window."""
    rng = np.random.default_rng(0)
    lengths = np.array([4, 17, bundle.window // 2, bundle.window])
    real = np.arange(bundle.window) < lengths[:, None]
    feed = {"input_ids": rng.integers(0, model.config.vocab_size, real.shape), "attention_mask": real.astype(np.int64)}
    if bundle.pair:
        feed["token_type_ids"] = rng.integers(0, 2, real.shape)
    with torch.no_grad():
        output = model(**{name: torch.from_numpy(value) for name, value in feed.items()})
    expected = output if isinstance(output, tuple) else output.to_tuple()
    outputs = zip(open_session(graph).run(None, feed), expected, strict=True)
    gaps = []
    for ours, theirs in outputs:
        gap = np.abs(ours - theirs.numpy())
        if gap.ndim == 3:  # a logit for every position
            gap = gap[real]
        gaps.append(gap.max())
    return float(np.max(gaps))
