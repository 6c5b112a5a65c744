import numpy as np
import onnx
import pytest
from onnx import TensorProto

from mixvocab.edge import graph
from mixvocab.edge.export import load
from mixvocab.edge.graph import Integers, Network, quantise
from mixvocab.edge.runtime import FLOATS, GRAPHS, INTEGERS, deployed_bytes, open_session
from mixvocab.models.parameters import BertShape


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
    assert parts["pooler and heads"] == 4 * sum(
        size for name, size in sizes.items() if name.startswith(("intent", "slots", "bert.pooler"))
    )


@pytest.mark.parametrize(("numbers", "bits"), [("fp32", 32), ("w8", 8), ("int8", 8)])
def test_weights_take_what_the_formula_says(exported, numbers, bits):
    done = exported("joint")
    model, bundle = load(done.model)
    config = model.config
    shape = BertShape(config.num_hidden_layers, config.hidden_size, config.vocab_size)
    stored = shape.stored_bytes(bits, window=bundle.window, outputs=len(bundle.labels) + len(bundle.slots))
    parts = graph.bytes_by_part(done.folder / GRAPHS[numbers])
    assert stored == {part: parts[part] for part in stored}


def test_layers_are_written_with_few_operators(exported):
    file = exported("joint").folder / INTEGERS
    nodes = onnx.load(file).graph.node
    found = [node.op_type for node in nodes]
    assert found.count("Attention") == 2
    assert "MatMul" not in found
    assert np.all([node.name == "" for node in nodes])  # names would be a tenth of a small file


def test_quantise_is_within_half_a_scale_and_keeps_zeros():
    weight = np.random.default_rng(0).normal(0, 3, (50, 7)).astype(np.float32)
    weight[:, 2] = 0
    for axis, shape in ((0, (1, 7)), (1, (50, 1))):
        whole, scale = quantise(weight, axis)
        assert whole.dtype == np.int8
        assert scale.shape == shape
        assert np.abs(whole).max() == 127
        assert (np.abs(weight - whole * scale) <= scale * 0.5001).all()
    assert not whole[:, 2].any()


def test_sums_of_the_largest_products_are_exact():
    """Two products of 255 and 127 do not fit into 16 bits, in which some processors would add them."""
    net = Network()
    x = net.node("Cast", net.input("x", ("B", "K")), to=TensorProto.FLOAT)
    weight = np.stack([np.full(96, 1), np.full(96, -1), np.resize([1, -1], 96)], axis=1).astype(np.float32)
    net.output(Integers().dense(net, x, "layer", weight, np.zeros(3, np.float32)), "y", ("B", 3))
    session = open_session(net.model().SerializeToString())
    (y,) = session.run(None, {"x": np.ones((2, 96), np.int64)})
    np.testing.assert_allclose(y, [[96, -96, 0]] * 2, atol=1e-3)
