import numpy as np
import onnx
import pytest

from mixvocab.edge import graph
from mixvocab.edge.bundle import FLOATS, GRAPHS, INTEGERS, deployed_bytes
from mixvocab.edge.export import load


@pytest.mark.parametrize("numbers", GRAPHS)
@pytest.mark.parametrize("kind", ["joint", "classification", "masked"])
def test_parts_add_up_to_the_files(exported, kind, numbers):
    folder = exported(kind, task="MNLI").folder
    parts = graph.bytes_by_part(folder / GRAPHS[numbers])
    assert sum(parts.values()) == sum(deployed_bytes(folder, numbers).values())
    assert all(size > 0 for size in parts.values())


def test_parts_are_what_the_model_has(exported):
    done = exported("joint")
    parts = graph.bytes_by_part(done.folder / FLOATS)
    model, bundle = load(done.model)
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    assert parts["embeddings of pieces"] == 4 * sizes["bert.embeddings.word_embeddings.weight"]
    assert parts["layers"] == 4 * sum(size for name, size in sizes.items() if "encoder.layer" in name)
    assert parts["other embeddings"] == 4 * (bundle.window * 32 + 2 * 32)  # positions, with type 0 added; LayerNorm
    assert parts[graph.HEADS] == 4 * sum(
        size for name, size in sizes.items() if name.startswith(("intent", "slots", "bert.pooler"))
    )


def test_operators_are_counted(exported):
    file = exported("joint").folder / INTEGERS
    found = graph.operators(file)
    assert found["Attention"] == 2
    assert found["MatMul"] == 0
    nodes = onnx.load(file).graph.node
    assert found.total() == len(nodes)
    assert np.all([node.name == "" for node in nodes])  # names would be a tenth of a small file
