"""MobileBERT as an ONNX graph: blocks with bottlenecks (see `mixvocab.models.mobile`) between BERT's ends."""

from __future__ import annotations

from dataclasses import dataclass

from mixvocab.edge.graph import EMBEDDINGS, BertGraph

ALL = 2**31 - 1  # as the end of a slice: as far as there is
TORCH_EPSILON = 1e-5  # of a LayerNorm that transformers gives none; where the configuration asks for LayerNorm


@dataclass
class MobileBertGraph(BertGraph):
    """As `BertGraph`, of the kinds that transformers' MobileBERT has with bottlenecks and a convolution over words."""

    def __post_init__(self) -> None:
        self.weights = {name.removeprefix("mobile"): weight for name, weight in self.weights.items()}

    def _words(self, ids: str, length: str) -> str:
        """Each piece's vector between its right and its left neighbour's, zeros beyond the ends, made H wide."""
        x = super()._words(ids, length)
        padded = self.node("Pad", x, self.integers(0, 1, 0, 0, 1, 0))
        after = self.node("Slice", padded, self.integers(2), self.integers(ALL), self.integers(1))
        before = self.node("Slice", padded, self.integers(0), length, self.integers(1))
        return self._dense(self.node("Concat", after, x, before, axis=2), f"{EMBEDDINGS}.embedding_transformation")

    def _layer(self, name: str, x: str, mask: str) -> str:
        heads, attention = self.config.num_attention_heads, f"{name}.attention"
        narrow = self._narrowed(x, f"{name}.bottleneck.input")
        if self.config.use_bottleneck_attention:
            asking = valued = narrow
        else:
            shared = self.config.key_query_shared_bottleneck
            asking, valued = self._narrowed(x, f"{name}.bottleneck.attention") if shared else x, x
        query, key = self.split(self._dense(asking, f"{attention}.self.query", f"{attention}.self.key"), 2)
        value = self._dense(valued, f"{attention}.self.value")
        mixed = self.node("Attention", query, key, value, mask, q_num_heads=heads, kv_num_heads=heads)
        y = self.node("Add", self._dense(mixed, f"{attention}.output.dense"), narrow)
        y = self._normalised(y, f"{attention}.output.LayerNorm")
        for i in range(self.config.num_feedforward_networks - 1):
            y = self._normalised(self._fed(f"{name}.ffn.{i}", y), f"{name}.ffn.{i}.output.LayerNorm")
        y = self._normalised(self._fed(name, y), f"{name}.output.LayerNorm", TORCH_EPSILON)
        x = self.node("Add", self._dense(y, f"{name}.output.bottleneck.dense"), x)
        return self._normalised(x, f"{name}.output.bottleneck.LayerNorm")

    def _narrowed(self, x: str, name: str) -> str:
        return self._normalised(self._dense(x, f"{name}.dense"), f"{name}.LayerNorm")

    def _scores(self, hidden: str) -> str:
        """The first E units by the pieces' vectors, the rest by a table of their own."""
        width, name = self.config.embedding_size, "cls.predictions.dense"
        first = self.node("Slice", hidden, self.integers(0), self.integers(width), self.integers(2))
        rest = self.node("Slice", hidden, self.integers(width), self.integers(ALL), self.integers(2))
        table = self.numbers.matrix(self, name, self.weights[f"{name}.weight"], axis=0)
        return self.node("Add", super()._scores(first), self.node("MatMul", rest, table))

    def _pooled(self, first: str) -> str:
        return super()._pooled(first) if self.config.classifier_activation else first

    def _normalised(self, x: str, name: str, epsilon: float | None = None) -> str:
        if name.startswith("cls.") or self.config.normalization_type == "layer_norm":
            return super()._normalised(x, name, TORCH_EPSILON if name == f"{EMBEDDINGS}.LayerNorm" else epsilon)
        scale, shift = (self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.node("Add", self.node("Mul", x, scale), shift)
