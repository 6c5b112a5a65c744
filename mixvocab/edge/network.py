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
        self._graph = onnx.GraphProto(name="bert")
        self._constants: set[str] = set()

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
        if name not in self._constants:
            self._constants.add(name)
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
        versions = {"": OPSET, CONTRIB: 1}
        used = sorted({"", *(node.domain for node in self._graph.node)})
        opsets = [helper.make_opsetid(domain, versions[domain]) for domain in used]
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
    """Weights in 8 bits, one byte a parameter; sums and products in floats ("W8A32").

    Tables have a scale a row (a piece), matrices a scale a column (an output).
    """

    def matrix(self, net: Network, name: str, weight: np.ndarray, axis: int) -> str:
        """The weights, put together again: constants all, so that a runtime computes them once, when it loads them."""
        integers, scale = quantise(weight, axis)
        floats = net.node("Cast", net.constant(f"{name}.weight", integers), to=TensorProto.FLOAT)
        return net.node("Mul", floats, net.constant(f"{name}.scale", scale))


class Integers(Rounded):
    """Weights in 8 bits, and the layers' matrix products in integers ("W8A8").

    `DynamicQuantizeMatMul` rounds its input to 8 bits with the range that it finds there, multiplies, and returns
    floats. A last bit of a float, which processors round differently, may tip the rounding of an input, which moves a
    logit by some hundredths: two machines may differ where a model is as undecided as that.
    """

    def dense(self, net: Network, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """One operator: rounding, product and bias."""
        integers, scale = quantise(weight, axis=0)
        parts = {"weight": integers, "scale": scale[0], "bias": bias}
        matrix, scales, added = (net.constant(f"{name}.{part}", value) for part, value in parts.items())
        return net.node("DynamicQuantizeMatMul", x, matrix, scales, "", added, domain=CONTRIB)


def quantise(weight: np.ndarray, axis: int | tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """int8 of the same shape and float32 scales (1 along `axis`), with weight ≈ integers * scale to half a scale.

    The largest magnitude along `axis` becomes 127.
    """
    scale = np.abs(weight).max(axis=axis, keepdims=True).astype(np.float32) / 127
    scale[scale == 0] = 1  # zeros stay zeros
    return np.rint(weight / scale).astype(np.int8), scale
