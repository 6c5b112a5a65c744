"""BERT as an ONNX graph, written from its weights.

An exporter that follows PyTorch writes every change of shape and the mask's arithmetic down, and a runtime then has to
recognise what could be one step. Here a layer is written with the operators that a runtime has anyway: one product for
query, key and value, `Attention`, `LayerNormalization`, `Gelu`. All are standard ONNX.
`com.microsoft.SkipLayerNormalization`, which joins the addition before it, is left out on purpose: in ONNX Runtime
1.31 it takes three to six times as long as `Add` and `LayerNormalization` one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto
from transformers import PreTrainedConfig

from mixvocab.edge.bundle import Bundle
from mixvocab.edge.network import Floats, Network


def bert(
    config: PreTrainedConfig, bundle: Bundle, weights: Mapping[str, np.ndarray], numbers: Floats
) -> onnx.ModelProto:
    """The model of a configuration with the weights of a PyTorch state dict, named as transformers names them.

    Kind, window (positions are kept up to there; longer inputs are an error) and whether there are pairs come from
    `bundle`. Inputs `input_ids`, `attention_mask` and for pairs `token_type_ids`, all (B, T) int64. Outputs are
    logits: joint `intent` (B, I) and `slots` (B, T, S); masked `logits` (B, T, V); else `logits` (B, C).
    """
    return _Bert(config, bundle, weights, numbers).build()


class _Bert:
    def __init__(
        self, config: PreTrainedConfig, bundle: Bundle, weights: Mapping[str, np.ndarray], numbers: Floats
    ) -> None:
        self.config, self.bundle, self.weights, self.numbers = config, bundle, weights, numbers
        self.net = Network()

    def build(self) -> onnx.ModelProto:
        net, layers = self.net, self.config.num_hidden_layers
        ids = net.input("input_ids", ("B", "T"))
        real = net.input("attention_mask", ("B", "T"))
        length = net.node("Shape", ids, start=1, end=2)
        x = self._embeddings(ids, length)
        one_row = net.node("Unsqueeze", net.node("Cast", real, to=TensorProto.BOOL), net.integers(1, 2))
        # ONNX Runtime's Attention does not stretch a mask over queries by itself: once for all layers.
        size = net.node("Concat", net.integers(1, 1), length, net.integers(1), axis=0)
        every_row = net.node("Expand", one_row, size)  # (B, 1, T, T)
        first_alone = self.bundle.kind in ("classification", "regression")
        for i in range(layers):
            if first_alone and i == layers - 1:
                x = self._layer(f"bert.encoder.layer.{i}", x, one_row, self._first(x))
            else:
                x = self._layer(f"bert.encoder.layer.{i}", x, every_row, x)
        self._heads(x)
        return net.model()

    def _embeddings(self, ids: str, length: str) -> str:
        """(B, T, H): the sum of a piece's, its position's and its type's rows, normalised."""
        net, prefix = self.net, "bert.embeddings"
        positions = self.weights[f"{prefix}.position_embeddings.weight"][: self.bundle.window]
        types = self.weights[f"{prefix}.token_type_embeddings.weight"]
        pieces = self.numbers.rows(net, *self._table(f"{prefix}.word_embeddings"), "Gather", ids)
        if self.bundle.pair:
            chosen = net.input("token_type_ids", ("B", "T"))
            pieces = net.node("Add", pieces, self.numbers.rows(net, "types", types, "Gather", chosen))
        else:
            positions = positions + types[0]
        places = self.numbers.rows(net, "positions", positions, "Slice", net.integers(0), length)
        return self._normalised(pieces, places, f"{prefix}.LayerNorm")

    def _layer(self, name: str, x: str, mask: str, query: str) -> str:
        """One layer's output for the tokens of `query` (B, Q, H), which look at all tokens of `x` (B, T, H)."""
        net, heads, attention = self.net, self.config.num_attention_heads, f"{name}.attention"
        maps = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
        if query == x:
            qkv = net.nodes("Split", self._dense(x, *maps), outputs=3, axis=-1, num_outputs=3)
        else:
            key_value = net.nodes("Split", self._dense(x, *maps[1:]), outputs=2, axis=-1, num_outputs=2)
            qkv = [self._dense(query, maps[0]), *key_value]
        mixed = net.node("Attention", *qkv, mask, q_num_heads=heads, kv_num_heads=heads)
        x = self._normalised(self._dense(mixed, f"{attention}.output.dense"), query, f"{attention}.output.LayerNorm")
        wide = net.node("Gelu", self._dense(x, f"{name}.intermediate.dense"))
        return self._normalised(self._dense(wide, f"{name}.output.dense"), x, f"{name}.output.LayerNorm")

    def _heads(self, x: str) -> None:
        kind = self.bundle.kind
        if kind == "masked":
            wide = self.net.node("Gelu", self._dense(x, "cls.predictions.transform.dense"))
            hidden = self._normalised(wide, "", "cls.predictions.transform.LayerNorm")
            table = self._table("bert.embeddings.word_embeddings")
            logits = self.numbers.score(self.net, hidden, *table, self.weights["cls.predictions.bias"])
            self.net.output(logits, "logits", ("B", "T", len(table[1])))
            return
        first = self.net.node("Squeeze", x if kind != "joint" else self._first(x), self.net.integers(1))  # (B, H)
        pooled = self.net.node("Tanh", self._dense(first, "bert.pooler.dense"))
        if kind == "joint":
            self._output("intent", pooled, "intent", ("B",))
            self._output("slots", x, "slots", ("B", "T"))
        else:
            self._output("classifier", pooled, "logits", ("B",))

    def _output(self, head: str, x: str, name: str, shape: tuple[str, ...]) -> None:
        self.net.output(self._dense(x, head), name, (*shape, len(self.weights[f"{head}.bias"])))

    def _first(self, x: str) -> str:
        """(B, 1, H): the first token, [CLS]."""
        net = self.net
        return net.node("Slice", x, net.integers(0), net.integers(1), net.integers(1))

    def _dense(self, x: str, *names: str) -> str:
        """One product for the maps of these names, side by side."""
        weight = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T  # PyTorch keeps (out, in)
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        return self.numbers.dense(
            self.net, x, "+".join([names[0], *(n.rsplit(".")[-1] for n in names[1:])]), weight, bias
        )

    def _normalised(self, x: str, skip: str, name: str) -> str:
        """LayerNorm(x + skip); `skip` may be ""."""
        total = self.net.node("Add", x, skip) if skip else x
        scale, bias = (
            self.net.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return self.net.node("LayerNormalization", total, scale, bias, axis=-1, epsilon=self.config.layer_norm_eps)

    def _table(self, name: str) -> tuple[str, np.ndarray]:
        return name, self.weights[f"{name}.weight"]
