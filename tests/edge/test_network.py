import numpy as np
from onnx import TensorProto

from mixvocab.edge.network import Integers, Network, quantise
from mixvocab.edge.runtime import open_session


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
