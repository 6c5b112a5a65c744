"""BERT as an ONNX graph, written from its weights; and what such a file holds.

An exporter that follows PyTorch writes every change of shape and the mask's arithmetic down, and a runtime then has to
recognise what could be one step. Here a layer is written with the operators that a runtime has anyway: one product for
query, key and value, `Attention`, `LayerNormalization`, `Gelu`. All are standard ONNX.
`com.microsoft.SkipLayerNormalization`, which joins the addition before it, is left out on purpose: in ONNX Runtime
1.31 it takes three to six times as long as `Add` and `LayerNormalization` one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto
from transformers import PreTrainedConfig

from mixvocab.edge.bundle import TASK, TOKENIZER, Bundle
from mixvocab.edge.network import Floats, Network

EMBEDDINGS, WORDS = "bert.embeddings", "bert.embeddings.word_embeddings"
HEADS, GRAPH, VOCABULARY, LABELS = "pooler and heads", "the graph itself", "vocabulary", "labels"
# By how constants' names begin; the first that fits.
PARTS = {
    "bert.embeddings.word": "embeddings of pieces",
    "positions": "other embeddings",
    "types": "other embeddings",
    "bert.embeddings": "other embeddings",
    "bert.encoder": "layers",
    "int_": GRAPH,  # `Network.integers`
    "": HEADS,
}
ORDER = (*dict.fromkeys(part for part in PARTS.values() if part != GRAPH), GRAPH, VOCABULARY, LABELS)


@dataclass
class BertGraph:
    """The model of a configuration with the weights of a PyTorch state dict, named as transformers names them.

    Kind, window (positions are kept up to there; longer inputs are an error) and whether there are pairs come from
    `bundle`. Inputs `input_ids`, `attention_mask` and for pairs `token_type_ids`, all (B, T) int64. Outputs are
    logits: joint `intent` (B, I) and `slots` (B, T, S); masked `logits` (B, T, V); else `logits` (B, C).
    """

    config: PreTrainedConfig
    bundle: Bundle
    weights: Mapping[str, np.ndarray]
    numbers: Floats
    net: Network = field(default_factory=Network)

    def build(self) -> onnx.ModelProto:
        """The graph; to be called once."""
        net = self.net
        ids = net.input("input_ids", ("B", "T"))
        real = net.input("attention_mask", ("B", "T"))
        length = net.node("Shape", ids, start=1, end=2)
        x = self._embeddings(ids, length)
        one_row = net.node("Unsqueeze", net.node("Cast", real, to=TensorProto.BOOL), net.integers(1, 2))
        # ONNX Runtime's Attention does not stretch a mask over queries by itself: once for all layers.
        size = net.node("Concat", net.integers(1, 1), length, net.integers(1), axis=0)
        mask = net.node("Expand", one_row, size)  # (B, 1, T, T)
        for i in range(self.config.num_hidden_layers):
            x = self._layer(f"bert.encoder.layer.{i}", x, mask)
        self._heads(x)
        return net.model()

    def _embeddings(self, ids: str, length: str) -> str:
        """(B, T, H): the sum of a piece's, its position's and its type's rows, normalised."""
        net = self.net
        positions = self.weights[f"{EMBEDDINGS}.position_embeddings.weight"][: self.bundle.window]
        types = self.weights[f"{EMBEDDINGS}.token_type_embeddings.weight"]
        x = net.node("Gather", self._table(WORDS, self.weights[f"{WORDS}.weight"]), ids)
        if self.bundle.pair:
            chosen = net.input("token_type_ids", ("B", "T"))
            x = net.node("Add", x, net.node("Gather", self._table("types", types), chosen))
        else:
            positions = positions + types[0]
        places = net.node("Slice", self._table("positions", positions), net.integers(0), length)
        return self._normalised(net.node("Add", x, places), f"{EMBEDDINGS}.LayerNorm")

    def _layer(self, name: str, x: str, mask: str) -> str:
        net, heads, attention = self.net, self.config.num_attention_heads, f"{name}.attention"
        maps = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
        qkv = net.split(self._dense(x, *maps), 3)
        mixed = net.node("Attention", *qkv, mask, q_num_heads=heads, kv_num_heads=heads)
        x = net.node("Add", self._dense(mixed, f"{attention}.output.dense"), x)
        x = self._normalised(x, f"{attention}.output.LayerNorm")
        wide = net.node("Gelu", self._dense(x, f"{name}.intermediate.dense"))
        x = net.node("Add", self._dense(wide, f"{name}.output.dense"), x)
        return self._normalised(x, f"{name}.output.LayerNorm")

    def _heads(self, x: str) -> None:
        net, prefix = self.net, "cls.predictions"
        if self.bundle.kind == "masked":
            wide = net.node("Gelu", self._dense(x, f"{prefix}.transform.dense"))
            hidden = self._normalised(wide, f"{prefix}.transform.LayerNorm")
            table, bias = self._table(WORDS, self.weights[f"{WORDS}.weight"]), self.weights[f"{prefix}.bias"]
            scores = net.node("MatMul", hidden, net.node("Transpose", table, perm=[1, 0]))
            logits = net.node("Add", scores, net.constant(f"{prefix}.bias", bias))
            net.output(logits, "logits", ("B", "T", len(bias)))
            return
        first = net.node("Slice", x, net.integers(0), net.integers(1), net.integers(1))  # (B, 1, H): [CLS]
        pooled = net.node("Tanh", self._dense(net.node("Squeeze", first, net.integers(1)), "bert.pooler.dense"))
        if self.bundle.kind == "joint":
            net.output(self._dense(pooled, "intent"), "intent", ("B", len(self.bundle.labels)))
            net.output(self._dense(x, "slots"), "slots", ("B", "T", len(self.bundle.slots)))
        else:
            net.output(self._dense(pooled, "classifier"), "logits", ("B", len(self.bundle.labels) or 1))

    def _table(self, name: str, rows: np.ndarray) -> str:
        return self.numbers.matrix(self.net, name, rows, axis=1)

    def _dense(self, x: str, *names: str) -> str:
        """One product for the maps of these names, side by side."""
        weight = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T  # PyTorch keeps (out, in)
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        joined = "+".join([names[0], *(name.rpartition(".")[2] for name in names[1:])])
        return self.numbers.dense(self.net, x, joined, weight, bias)

    def _normalised(self, x: str, name: str) -> str:
        parts = [self.net.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.net.node("LayerNormalization", x, *parts, axis=-1, epsilon=self.config.layer_norm_eps)


def bytes_by_part(model: Path) -> dict[str, int]:
    """Bytes of an exported model with the tokenizer and task.json beside it; the sum is what a device stores."""
    sizes = dict.fromkeys(ORDER, 0)
    for tensor in onnx.load(model).graph.initializer:
        part = next(part for start, part in PARTS.items() if tensor.name.startswith(start))
        sizes[part] += len(tensor.raw_data)
    sizes[GRAPH] += model.stat().st_size - sum(sizes.values())
    beside = {VOCABULARY: TOKENIZER, LABELS: TASK}
    return sizes | {part: (model.parent / name).stat().st_size for part, name in beside.items()}


def operators(model: Path) -> Counter[str]:
    """How often each operator occurs."""
    return Counter(node.op_type for node in onnx.load(model).graph.node)
