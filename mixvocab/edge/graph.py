"""BERT as an ONNX graph, written from its weights as floats or in 8 bits; and what such a file holds.

A layer is written with the operators that a runtime has anyway: one product for query, key and value, `Attention`,
`LayerNormalization`, `Gelu`; an exporter that follows PyTorch writes every change of shape down. Left out on purpose is
`com.microsoft.SkipLayerNormalization`: in ONNX Runtime 1.31 it takes three to six times as long as its two parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from transformers import PreTrainedConfig

from mixvocab.tasks.encoding import TASK, TOKENIZER, Bundle

OPSET = 23  # the first with `Attention`; `Gelu` came with 20, `LayerNormalization` with 17
CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
IR_VERSION = 11  # of opset 23

EMBEDDINGS, WORDS = "bert.embeddings", "bert.embeddings.word_embeddings"
# What a constant is part of, by how its name begins: the first that fits.
PARTS = {
    "bert.embeddings.word": "embeddings of pieces",
    "bert.embeddings": "other embeddings",
    "bert.encoder": "layers",
    "int_": "the graph itself",  # `Network.integers`
    "": "pooler and heads",
}


@dataclass
class Network:
    """A graph under construction: nodes and constants; every method returns the name of what it adds."""

    _graph: onnx.GraphProto = field(default_factory=lambda: onnx.GraphProto(name="bert"), init=False)

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One operator with one output; an input "" is left out."""
        name = str(len(self._graph.node))
        self._graph.node.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def split(self, x: str, parts: int) -> list[str]:
        """`x` cut into equal parts along its last dimension."""
        names = [f"{len(self._graph.node)}.{part}" for part in range(parts)]
        self._graph.node.append(helper.make_node("Split", [x], names, axis=-1, num_outputs=parts))
        return names

    def constant(self, name: str, value: np.ndarray) -> str:
        """A constant under its name; naming it a second time adds nothing."""
        if all(constant.name != name for constant in self._graph.initializer):
            self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        """A constant (N,) int64."""
        return self.constant("_".join(["int", *map(str, values)]), np.array(values, dtype=np.int64))

    def input(self, name: str, shape: Sequence[str]) -> str:
        """An int64 input of the model; `shape` names its dynamic dimensions."""
        self._graph.input.append(helper.make_tensor_value_info(name, TensorProto.INT64, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[str | int]) -> None:
        """Make `value` a float32 output of the model."""
        self._graph.node.append(helper.make_node("Identity", [value], [name]))
        self._graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def model(self) -> onnx.ModelProto:
        """The finished model, checked."""
        domains = sorted({"", *(node.domain for node in self._graph.node)})
        opsets = [helper.make_opsetid(domain, {"": OPSET, CONTRIB: 1}[domain]) for domain in domains]
        model = helper.make_model(self._graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mixvocab")
        onnx.checker.check_model(model)
        return model


class Floats:
    """Weights as they were trained; the ways to hold them in 8 bits derive from this one."""

    def matrix(self, net: Network, name: str, weight: np.ndarray, axis: int) -> str:
        """The weights as floats; `axis`: along which they would share a scale."""
        return net.constant(f"{name}.weight", weight)

    def dense(self, net: Network, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """x @ weight + bias: (..., K) @ (K, N) + (N,). ONNX Runtime fuses the addition with a GELU that may follow."""
        product = net.node("MatMul", x, self.matrix(net, name, weight, axis=0))
        return net.node("Add", product, net.constant(f"{name}.bias", bias))


class Rounded(Floats):
    """Weights in 8 bits, sums and products in floats ("W8A32"); a scale a row of tables, a column of matrices."""

    def matrix(self, net: Network, name: str, weight: np.ndarray, axis: int) -> str:
        # Constants all, so that a runtime puts the weights together once, when it loads them.
        integers, scale = quantise(weight, axis)
        floats = net.node("Cast", net.constant(f"{name}.weight", integers), to=TensorProto.FLOAT)
        return net.node("Mul", floats, net.constant(f"{name}.scale", scale))


class Integers(Rounded):
    """Weights in 8 bits, and the layers' matrix products in integers ("W8A8").

    `DynamicQuantizeMatMul` rounds its input to 8 bits with the range that it finds there, multiplies, and returns
    floats. Where a float's last bit tips that rounding, a logit moves by some hundredths: machines may differ.
    """

    def dense(self, net: Network, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        integers, scale = quantise(weight, axis=0)
        parts = {"weight": integers, "scale": scale[0], "bias": bias}
        matrix, scales, added = (net.constant(f"{name}.{part}", value) for part, value in parts.items())
        return net.node("DynamicQuantizeMatMul", x, matrix, scales, "", added, domain=CONTRIB)


def quantise(weight: np.ndarray, axis: int | tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """int8 of the same shape and float32 scales (1 along `axis`); the largest magnitude along `axis` becomes 127."""
    scale = np.abs(weight).max(axis=axis, keepdims=True).astype(np.float32) / 127
    scale[scale == 0] = 1  # zeros stay zeros
    return np.rint(weight / scale).astype(np.int8), scale


@dataclass
class BertGraph(Network):
    """The model of a configuration with the weights of a PyTorch state dict, named as transformers names them.

    Kind, window (positions are kept up to there; longer inputs are an error) and whether there are pairs come from
    `bundle`. Inputs `input_ids`, `attention_mask` and for pairs `token_type_ids`, all (B, T) int64. Outputs are
    logits: joint `intent` (B, I) and `slots` (B, T, S); masked `logits` (B, T, V); else `logits` (B, C).
    """

    config: PreTrainedConfig
    bundle: Bundle
    weights: Mapping[str, np.ndarray]
    numbers: Floats

    def build(self) -> onnx.ModelProto:
        """The graph; to be called once."""
        ids = self.input("input_ids", ("B", "T"))
        real = self.input("attention_mask", ("B", "T"))
        length = self.node("Shape", ids, start=1, end=2)
        x = self._embeddings(ids, length)
        one_row = self.node("Unsqueeze", self.node("Cast", real, to=TensorProto.BOOL), self.integers(1, 2))
        # ONNX Runtime's Attention does not stretch a mask over queries by itself: once for all layers.
        size = self.node("Concat", self.integers(1, 1), length, self.integers(1), axis=0)
        mask = self.node("Expand", one_row, size)  # (B, 1, T, T)
        for i in range(self.config.num_hidden_layers):
            x = self._layer(f"bert.encoder.layer.{i}", x, mask)
        self._heads(x)
        return self.model()

    def _embeddings(self, ids: str, length: str) -> str:
        positions = self.weights[f"{EMBEDDINGS}.position_embeddings.weight"][: self.bundle.window]
        types = self.weights[f"{EMBEDDINGS}.token_type_embeddings.weight"]
        x = self._words(ids, length)
        if self.bundle.pair:
            chosen = self.input("token_type_ids", ("B", "T"))
            x = self.node("Add", x, self.node("Gather", self._table(f"{EMBEDDINGS}.types", types), chosen))
        else:
            positions = positions + types[0]
        places = self.node("Slice", self._table(f"{EMBEDDINGS}.positions", positions), self.integers(0), length)
        return self._normalised(self.node("Add", x, places), f"{EMBEDDINGS}.LayerNorm")

    def _words(self, ids: str, length: str) -> str:
        return self.node("Gather", self._table(WORDS, self.weights[f"{WORDS}.weight"]), ids)

    def _layer(self, name: str, x: str, mask: str) -> str:
        heads, attention = self.config.num_attention_heads, f"{name}.attention"
        maps = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
        qkv = self.split(self._dense(x, *maps), 3)
        mixed = self.node("Attention", *qkv, mask, q_num_heads=heads, kv_num_heads=heads)
        x = self.node("Add", self._dense(mixed, f"{attention}.output.dense"), x)
        x = self._normalised(x, f"{attention}.output.LayerNorm")
        return self._normalised(self._fed(name, x), f"{name}.output.LayerNorm")

    def _fed(self, name: str, x: str) -> str:
        wide = self._activated(self._dense(x, f"{name}.intermediate.dense"))
        return self.node("Add", self._dense(wide, f"{name}.output.dense"), x)

    def _heads(self, x: str) -> None:
        prefix = "cls.predictions"
        if self.bundle.kind == "masked":
            wide = self._activated(self._dense(x, f"{prefix}.transform.dense"))
            hidden = self._normalised(wide, f"{prefix}.transform.LayerNorm")
            bias = self.weights[f"{prefix}.bias"]
            logits = self.node("Add", self._scores(hidden), self.constant(f"{prefix}.bias", bias))
            self.output(logits, "logits", ("B", "T", len(bias)))
            return
        first = self.node("Slice", x, self.integers(0), self.integers(1), self.integers(1))  # (B, 1, H): [CLS]
        pooled = self._pooled(self.node("Squeeze", first, self.integers(1)))
        if self.bundle.kind == "joint":
            self.output(self._dense(pooled, "intent"), "intent", ("B", len(self.bundle.labels)))
            self.output(self._dense(x, "slots"), "slots", ("B", "T", len(self.bundle.slots)))
        else:
            self.output(self._dense(pooled, "classifier"), "logits", ("B", len(self.bundle.labels) or 1))

    def _scores(self, hidden: str) -> str:
        table = self._table(WORDS, self.weights[f"{WORDS}.weight"])
        return self.node("MatMul", hidden, self.node("Transpose", table, perm=[1, 0]))

    def _pooled(self, first: str) -> str:
        return self.node("Tanh", self._dense(first, "bert.pooler.dense"))

    def _activated(self, x: str) -> str:
        return self.node({"gelu": "Gelu", "relu": "Relu"}[self.config.hidden_act], x)

    def _table(self, name: str, rows: np.ndarray) -> str:
        return self.numbers.matrix(self, name, rows, axis=1)

    def _dense(self, x: str, *names: str) -> str:
        """One product for the maps of these names, side by side."""
        weight = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T  # PyTorch keeps (out, in)
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        joined = "+".join([names[0], *(name.rpartition(".")[2] for name in names[1:])])
        return self.numbers.dense(self, x, joined, weight, bias)

    def _normalised(self, x: str, name: str, epsilon: float | None = None) -> str:
        parts = [self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.node("LayerNormalization", x, *parts, axis=-1, epsilon=epsilon or self.config.layer_norm_eps)


def bytes_by_part(model: Path) -> dict[str, int]:
    """Bytes of an exported model with the tokenizer and task.json beside it; the sum is what a device stores."""
    sizes = dict.fromkeys(PARTS.values(), 0)
    for tensor in onnx.load(model).graph.initializer:
        part = next(part for start, part in PARTS.items() if tensor.name.startswith(start))
        sizes[part] += len(tensor.raw_data)
    sizes[PARTS["int_"]] += model.stat().st_size - sum(sizes.values())
    beside = {"vocabulary": TOKENIZER, "labels": TASK}
    return sizes | {part: (model.parent / name).stat().st_size for part, name in beside.items()}
