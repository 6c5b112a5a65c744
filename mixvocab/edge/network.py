"""An ONNX graph under construction, and three ways to hold its weights and to multiply by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 23  # the first with `Attention`; `Gelu` came with 20, `LayerNormalization` with 17
CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
IR_VERSION = 11  # of opset 23


class Network:
    """Nodes and constants; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One operator with one output; an input "" is left out."""
        return self.nodes(operator, *inputs, outputs=1, domain=domain, **attributes)[0]

    def nodes(self, operator: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """One operator with several outputs."""
        number = len(self._nodes)
        names = [f"{number}.{i}" if outputs > 1 else str(number) for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names

    def constant(self, name: str, value: np.ndarray) -> str:
        """A constant under its name; naming it a second time adds nothing."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        """A constant (N,) int64."""
        return self.constant("_".join(["int", *map(str, values)]), np.array(values, dtype=np.int64))

    def input(self, name: str, shape: Sequence[str]) -> str:
        """An int64 input of the model; `shape` names its dynamic dimensions."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[str | int]) -> None:
        """Make `value` a float32 output of the model."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def model(self) -> onnx.ModelProto:
        """The finished model, checked."""
        graph = helper.make_graph(self._nodes, "bert", self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == CONTRIB for node in self._nodes):
            opsets.append(helper.make_opsetid(CONTRIB, 1))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mixvocab")
        onnx.checker.check_model(model)
        return model


class Floats:
    """Weights as they were trained; the ways to hold them in 8 bits derive from this one."""

    def rows(self, net: Network, name: str, table: np.ndarray, choose: str, *how: str) -> str:
        """Rows of a table (V, H) as float32: `choose` is the operator ("Gather", "Slice") that takes them."""
        return net.node(choose, net.constant(f"{name}.weight", table), *how)

    def dense(self, net: Network, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """x @ weight + bias: (..., K) @ (K, N) + (N,). ONNX Runtime fuses the addition with a GELU that may follow."""
        product = net.node("MatMul", x, self.matrix(net, name, weight, axis=0))
        return net.node("Add", product, net.constant(f"{name}.bias", bias))

    def score(self, net: Network, x: str, name: str, table: np.ndarray, bias: np.ndarray) -> str:
        """x @ table.T + bias against the table (V, H) that `rows` reads under the same name, so that it is kept once.

        The transposed table is computed once, when the model is loaded.
        """
        transposed = net.node("Transpose", self.matrix(net, name, table, axis=1), perm=[1, 0])
        return net.node("Add", net.node("MatMul", x, transposed), net.constant(f"{name}.bias", bias))

    def matrix(self, net: Network, name: str, weight: np.ndarray, axis: int) -> str:
        """The weights as floats; `axis`: along which they would share a scale."""
        return net.constant(f"{name}.weight", weight)


class Rounded(Floats):
    """Weights in 8 bits, one byte a parameter; sums and products in floats ("W8A32").

    Tables have a scale a row (a piece), matrices a scale a column (an output). A runtime turns matrices into floats
    once, when it loads the model, so that a query takes as long as with `Floats`, and every processor gives the same
    answers but for last bits.
    """

    def rows(self, net: Network, name: str, table: np.ndarray, choose: str, *how: str) -> str:
        """Rows of integers times their scales."""
        integers, scale = _kept(net, name, table, axis=1)
        chosen = net.node("Cast", net.node(choose, integers, *how), to=TensorProto.FLOAT)
        return net.node("Mul", chosen, net.node(choose, scale, *how))

    def matrix(self, net: Network, name: str, weight: np.ndarray, axis: int) -> str:
        """The weights, put together again: constants all, so that a runtime computes them once."""
        integers, scale = _kept(net, name, weight, axis)
        return net.node("Mul", net.node("Cast", integers, to=TensorProto.FLOAT), scale)


class Integers(Rounded):
    """Weights in 8 bits, and matrix products in integers ("W8A8").

    `DynamicQuantizeMatMul` rounds its input to 8 bits with the range that it finds there, multiplies, and returns
    floats: faster than floats on processors with instructions for it (VNNI on x86, dot products on ARM). Weights stay
    within -127..127, and `mixvocab.edge.runtime.open_session` sees to it that sums are exact on every processor. Yet a
    last bit of a float, which processors round differently, may tip the rounding of an input, which moves a logit by
    some hundredths: two machines may differ where a model is as undecided as that.
    """

    def dense(self, net: Network, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """One operator: rounding, product and bias."""
        integers, scale = quantise(weight, axis=0)
        constants = net.constant(f"{name}.weight", integers), net.constant(f"{name}.scale", scale[0])
        return self._product(net, x, *constants, net.constant(f"{name}.bias", bias))

    def score(self, net: Network, x: str, name: str, table: np.ndarray, bias: np.ndarray) -> str:
        """A row's scale is the transposed table's column's scale, so input and output share their bytes."""
        integers, scale = _kept(net, name, table, axis=1)
        scales = net.node("Reshape", scale, net.integers(-1))
        transposed = net.node("Transpose", integers, perm=[1, 0])
        return self._product(net, x, transposed, scales, net.constant(f"{name}.bias", bias))

    def _product(self, net: Network, x: str, weight: str, scale: str, bias: str) -> str:
        return net.node("DynamicQuantizeMatMul", x, weight, scale, "", bias, domain=CONTRIB)


def _kept(net: Network, name: str, weight: np.ndarray, axis: int) -> tuple[str, str]:
    """Integers and scales as constants of the graph."""
    integers, scale = quantise(weight, axis)
    return net.constant(f"{name}.weight", integers), net.constant(f"{name}.scale", scale)


def quantise(weight: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers -127..127 and scales with weight ≈ integers * scale; the largest magnitude along `axis` becomes 127.

    Returns int8 of the same shape and float32 with length 1 along `axis`. The rounding error is at most half a
    scale.
    """
    scale = np.abs(weight).max(axis=axis, keepdims=True).astype(np.float32) / 127
    scale[scale == 0] = 1  # zeros stay zeros
    return np.rint(weight / scale).astype(np.int8), scale
