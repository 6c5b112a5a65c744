"""What is in an ONNX file: its bytes by part of the model, its operators."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx

from mixvocab.edge.bundle import TASK, TOKENIZER

PARTS = {
    "bert.embeddings.word": "embeddings of pieces",
    "positions": "other embeddings",
    "types": "other embeddings",
    "bert.embeddings": "other embeddings",
    "bert.encoder": "layers",
}
HEADS, GRAPH, VOCABULARY, LABELS = "pooler and heads", "the graph itself", "vocabulary", "labels"
ORDER = (*dict.fromkeys(PARTS.values()), HEADS, GRAPH, VOCABULARY, LABELS)


def bytes_by_part(model: Path) -> dict[str, int]:
    """Bytes of an exported model with the tokenizer and task.json beside it; the sum is what a device stores."""
    sizes: Counter[str] = Counter(dict.fromkeys(ORDER, 0))
    for tensor in onnx.load(model).graph.initializer:
        sizes[_part(tensor.name)] += len(tensor.raw_data)
    sizes[GRAPH] = model.stat().st_size - sum(size for part, size in sizes.items() if part != GRAPH)
    sizes[VOCABULARY] = (model.parent / TOKENIZER).stat().st_size
    sizes[LABELS] = (model.parent / TASK).stat().st_size
    return {part: sizes[part] for part in ORDER}


def operators(model: Path | bytes) -> Counter[str]:
    """How often each operator occurs."""
    loaded = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
    return Counter(node.op_type for node in loaded.graph.node)


def _part(constant: str) -> str:
    if constant.startswith("int_"):  # `Network.integers`
        return GRAPH
    return next((part for start, part in PARTS.items() if constant.startswith(start)), HEADS)
