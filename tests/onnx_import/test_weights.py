"""Which constants of a file are weights, whose they are, and how they lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import corten
from onnx_import.models import Builder, images

pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def model_of(build: Callable[[Builder, str], str], *shape: int) -> tuple[corten.onnx.OnnxModel, Builder, bytes]:
    """A model of one input; its outputs equal those of onnxruntime."""
    builder = Builder(17)
    data = builder.build(build(builder, builder.input("x", ["batch", *shape], images(*shape))), shapes=[[None, None]])
    model = corten.onnx.load(data)
    feeds = builder.arrays(3)
    (expected,) = runtime.InferenceSession(data).run(None, feeds)
    np.testing.assert_allclose(model.predict(feeds, verbose=0), expected, rtol=1e-5, atol=1e-6)
    return model, builder, data


def names(model: corten.onnx.OnnxModel) -> list[str]:
    return [weight.name for weight in model.trainable_weights]


def test_numbers_that_stand_for_themselves_are_no_weights() -> None:
    def build(b: Builder, x: str) -> str:
        x = b.op("Mul", x, b.initializer(np.float32(0.5), "factor"))
        x = b.op("Add", x, b.initializer(np.float32([1e-5]), "epsilon"))
        x = b.op("Add", x, b.initializer(np.float32([0, -1e9, 0, 0]), "mask"))
        x = b.op("Mul", x, b.initializer(np.float32([0, 1, 1, 0]), "choice"))
        x = b.op("Pow", x, b.initializer(np.float32([1, 2, 3, 2]), "exponents"))
        return str(b.op("Mul", x, b.initializer(np.float32([1, 2, 3, 4]), "scale")))

    model, _, _ = model_of(build, 4)
    assert names(model) == ["scale"]


def test_a_bias_of_one_number_behind_a_product_is_a_weight() -> None:
    def build(b: Builder, x: str) -> str:
        x = b.op("MatMul", x, b.weight(4, 1, name="kernel"))
        return str(b.op("Add", x, b.initializer(np.float32([0.25]), "bias")))

    model, _, _ = model_of(build, 4)
    assert names(model) == ["kernel", "bias"]


def test_weights_keep_being_so_when_they_are_moved() -> None:
    def build(b: Builder, x: str) -> str:
        halves = [b.unsqueeze(b.weight(8, 2, name=f"half{n}"), [0]) for n in range(2)]
        kernel = b.op("Concat", *halves, axis=2)
        kernel = b.op("Transpose", b.squeeze(kernel, [0]), perm=[1, 0])
        return str(b.op("MatMul", x, b.op("Slice", kernel, *(b.constant(np.array([n])) for n in (0, 6, 1)))))

    model, builder, _ = model_of(build, 4)
    assert names(model) == ["half0", "half1"] and len(model.layers) == 1
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(builder.arrays(4), np.ones((4, 6)), verbose=0)
    changed = [(old != new).any(axis=1).tolist() for old, new in zip(before, model.get_weights(), strict=True)]
    assert changed == [[True] * 6 + [False] * 2] * 2


def test_constants_of_nodes_are_weights_as_initializers_are() -> None:
    def build(b: Builder, x: str) -> str:
        return str(b.op("Gemm", x, b.constant(np.ones((3, 4), np.float32)), transB=1))

    model, _, _ = model_of(build, 4)
    assert [w.shape for w in model.weights] == [(4, 3)]


def test_what_is_computed_of_constants_is_none() -> None:
    def build(b: Builder, x: str) -> str:
        return str(b.op("MatMul", x, b.op("Exp", b.weight(4, 4, name="logarithms"))))

    model, _, _ = model_of(build, 4)
    assert names(model) == []


def test_kernels_lie_as_the_engine_reads_them_wherever_all_want_them_so() -> None:
    def build(b: Builder, x: str) -> str:
        x = b.op("Conv", x, b.weight(4, 2, 3, 3, name="conv"))
        x = b.op("ConvTranspose", x, b.weight(4, 3, 2, 2, name="up"))
        x = b.op("Conv", x, b.weight(3, 3, 1, 1, name="shared"))
        x = b.op("Add", x, b.op("ReduceMean", b.op("Reshape", "shared", b.constant(np.array([9])))))
        return str(b.op("Gemm", b.op("Flatten", x), b.weight(5, 75, name="dense"), transB=1))

    model, _, _ = model_of(build, 2, 6, 6)
    shapes = {weight.name: weight.shape for weight in model.weights}
    assert shapes == {"conv": (3, 3, 2, 4), "up": (2, 2, 3, 4), "shared": (1, 1, 3, 3), "dense": (75, 5)}


def test_a_shared_weight_is_one_variable_and_trained_while_any_of_its_layers_is() -> None:
    def build(b: Builder, x: str) -> str:
        kernel = b.weight(4, 4, name="kernel")
        return str(b.op("MatMul", b.op("Tanh", b.op("MatMul", x, kernel)), kernel))

    model, builder, _ = model_of(build, 4)
    first, second = model.layers
    assert len(model.weights) == 1 and first.weights[0] is second.weights[0]
    assert model.count_params() == 16
    model.compile("sgd", "mse")
    for frozen, changes in (([first], True), ([first, second], False)):
        for layer in frozen:
            layer.trainable = False
        before = model.get_weights()[0]
        model.fit(builder.arrays(4), np.ones((4, 4)), verbose=0)
        assert (before != model.get_weights()[0]).any() == changes


def test_layers_are_named_by_their_modules_or_nodes_once_each() -> None:
    def build(b: Builder, x: str) -> str:
        x = b.op("MatMul", x, b.weight(4, 4, name="encoder.0.weight"))
        x = b.op("MatMul", x, b.weight(4, 4, name="onnx::MatMul_12"))
        x = b.op("MatMul", x, b.weight(4, 4, name="encoder/0.weight"))
        return str(b.op("MatMul", x, "encoder.0.weight"))

    model, _, _ = model_of(build, 4)
    assert [layer.name for layer in model.layers] == ["encoder.0", "matmul_2", "encoder_0", "encoder.0_1"]
    assert model.get_layer("matmul_2").node_name == "/matmul_2"
