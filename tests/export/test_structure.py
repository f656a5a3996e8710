"""What the nodes, names and numbers of an exported model are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from export.running import Exported, normal, whole, with_random_weights


def built(*stack: Any) -> corten.Sequential:
    return with_random_weights(corten.Sequential(list(stack)))


@pytest.mark.parametrize(
    ("transposed", "stack"),
    [
        # The image comes with its channels last; behind global pooling there is nothing to move back.
        (1, [layers.GlobalAveragePooling2D(), layers.Dense(3)]),
        # What is flattened, or returned, has them last.
        (2, [layers.Flatten(), layers.Dense(3)]),
        (2, []),
    ],
    ids=["pooled", "flattened", "images"],
)
def test_a_convolutional_network_moves_its_channels_at_the_ends_alone(
    transposed: int, stack: list[Any], tmp_path: Path
) -> None:
    inside = [
        layers.ZeroPadding2D(1),
        layers.Conv2D(4, 3, strides=2, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Activation("gelu"),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Cropping2D(1),
        layers.ZeroPadding2D((1, 2)),
        layers.SeparableConv2D(5, 3, padding="same", activation="hard_silu"),
        layers.UpSampling2D(2),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        layers.LeakyReLU(),
        layers.AveragePooling2D(2),
    ]
    model = built(corten.Input((18, 18, 3)), *[type(one).from_config(one.get_config()) for one in [*inside, *stack]])
    exported = Exported(model, tmp_path)
    exported.expect_same(normal(2, 18, 18, 3))
    assert exported.kinds["Transpose"] == transposed
    assert not exported.kinds.keys() & {"Reshape", "Unsqueeze", "Squeeze", "Expand"} - {"Reshape"}
    assert exported.kinds["Reshape"] == (stack[:1] != [] and isinstance(stack[0], layers.Flatten))
    assert exported.kinds["Resize"] == 1 and exported.kinds["BatchNormalization"] == 1


def test_convolutions_of_sequences_have_one_spatial_axis(tmp_path: Path) -> None:
    stack = [layers.Conv1D(4, 3, padding="causal"), layers.MaxPooling1D(2), layers.DepthwiseConv1D(3)]
    exported = Exported(built(corten.Input((None, 3)), *stack, layers.GlobalAveragePooling1D()), tmp_path)
    assert exported.kinds == {"Transpose": 1, "Conv": 2, "MaxPool": 1, "ReduceMean": 1}
    assert [one["kernel_shape"] for one in exported.attributes("Conv")] == [[3], [3]]
    assert exported.attributes("Conv")[0]["pads"] == [2, 0]


def test_kernels_are_laid_out_for_onnx(tmp_path: Path) -> None:
    model = built(corten.Input((9, 9, 4)), layers.Conv2D(6, (2, 3), groups=2, name="conv"), layers.DepthwiseConv2D(3))
    exported = Exported(model, tmp_path)
    assert exported.initializers["conv/kernel"].shape == (6, 2, 2, 3)
    np.testing.assert_array_equal(exported.initializers["conv/kernel"], model.get_weights()[0].transpose(3, 2, 0, 1))
    assert [one["group"] for one in exported.attributes("Conv")] == [2, 6]


def test_padding_that_an_open_size_decides_is_left_to_onnx(tmp_path: Path) -> None:
    model = built(corten.Input((None, None, 1)), layers.Conv2D(2, 4, strides=3, padding="same"))
    exported = Exported(model, tmp_path)
    assert exported.attributes("Conv")[0]["auto_pad"] == b"SAME_UPPER"
    for height, width in ((9, 10), (11, 12)):
        exported.expect_same(normal(2, height, width, 1))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_a_recurrent_layer_is_one_node(kind: str, tmp_path: Path) -> None:
    layer = getattr(layers, kind)(4, name="memory")
    exported = Exported(built(corten.Input((None, 3)), layer), tmp_path)
    (node,) = [node for node in exported.proto.graph.node if node.op_type == kind.removeprefix("Simple")]
    assert exported.kinds == {"Transpose": 1, node.op_type: 1, "Squeeze": 1}
    assert node.name.startswith("memory/") and "memory/" in node.input[1]
    # Zeros to begin with, all steps: nothing is said of them.
    assert len(node.input) == 4


def test_layers_of_both_directions_share_what_a_mask_says(tmp_path: Path) -> None:
    stack = [layers.Embedding(9, 4, mask_zero=True), layers.Bidirectional(layers.LSTM(3, return_sequences=True))]
    exported = Exported(built(corten.Input((None,), dtype="int32"), *stack), tmp_path)
    assert [one["direction"] for one in exported.attributes("LSTM")] == [b"forward", b"reverse"]
    assert exported.kinds["TopK"] == exported.kinds["ReduceSum"] == exported.kinds["CumSum"] == 1
    # Backwards twice is forwards.
    assert exported.kinds["Slice"] == 0


def test_without_a_mask_nothing_is_turned_around_twice(tmp_path: Path) -> None:
    stack = [layers.Bidirectional(layers.GRU(3, return_sequences=True)), layers.Bidirectional(layers.GRU(3))]
    exported = Exported(built(corten.Input((None, 4)), *stack), tmp_path)
    assert exported.kinds["Slice"] == 0 and exported.kinds["Transpose"] == 1


def test_batch_normalisation_keeps_its_weights_or_is_folded(tmp_path: Path) -> None:
    stack = [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="norm"), layers.Flatten()]
    model = built(corten.Input((6, 6, 2)), *stack, layers.Dense(3), layers.BatchNormalization(scale=False))
    plain = Exported(model, tmp_path)
    assert plain.kinds["BatchNormalization"] == 2
    for name, weight in zip(("gamma", "beta", "moving_mean", "moving_variance"), model.get_weights()[2:6], strict=True):
        np.testing.assert_array_equal(plain.initializers[f"norm/{name}"], weight)
    assert plain.attributes("BatchNormalization")[0]["epsilon"] == np.float32(0.001)
    folded = Exported(model, tmp_path, fold_batch_norm=True)
    assert folded.kinds == {"Transpose": 2, "Conv": 1, "Reshape": 1, "Gemm": 1}
    for one in (plain, folded):
        one.expect_same(normal(3, 6, 6, 2))


def test_a_result_that_others_read_is_not_folded(tmp_path: Path) -> None:
    x = corten.Input((5,))
    y = layers.Dense(4)(x)
    model = with_random_weights(corten.Model(x, layers.Add()([y, layers.BatchNormalization()(y)])))
    exported = Exported(model, tmp_path, fold_batch_norm=True)
    assert exported.kinds["BatchNormalization"] == 1
    exported.expect_same(normal(3, 5))


def test_nodes_that_newer_operators_have(tmp_path: Path) -> None:
    stack = [layers.LayerNormalization(), layers.Dense(4, activation="gelu")]
    kinds = [Exported(built(corten.Input((5,)), *stack), tmp_path, opset_version=v).kinds for v in (13, 17, 20)]
    assert [k["LayerNormalization"] for k in kinds] == [0, 1, 1]
    assert [k["Gelu"] for k in kinds] == [0, 0, 1] and [k["Erf"] for k in kinds] == [1, 1, 0]


@pytest.mark.parametrize(("opset", "ir"), [(13, 7), (17, 8), (19, 9), (21, 10)])
def test_says_what_it_is(opset: int, ir: int, tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((3,), name="x"), layers.Dense(2, name="y")], name="small")
    proto = Exported(model, tmp_path, opset_version=opset).proto
    assert (proto.producer_name, proto.producer_version) == ("corten", corten.__version__)
    assert (proto.opset_import[0].version, proto.ir_version, proto.graph.name) == (opset, ir, "small")


def test_inputs_and_outputs_have_the_models_names_types_and_sizes(tmp_path: Path) -> None:
    image = corten.Input((None, None, 3), name="image")
    tokens = corten.Input((None,), dtype="int32", name="tokens")
    x = layers.Concatenate()([layers.GlobalMaxPooling2D()(image), layers.GRU(2)(layers.Embedding(5, 4)(tokens))])
    model = corten.Model([image, tokens], [layers.Dense(2, name="a")(x), layers.Conv2D(2, 1, name="b")(image)])
    session = Exported(model, tmp_path).session
    found = [(value.name, value.type, value.shape) for value in [*session.get_inputs(), *session.get_outputs()]]
    assert found == [
        ("image", "tensor(float)", ["batch", "image_height", "image_width", 3]),
        ("tokens", "tensor(int32)", ["batch", "tokens_time"]),
        ("a", "tensor(float)", ["batch", 2]),
        ("b", "tensor(float)", ["batch", "image_height", "image_width", 2]),
    ]


def test_nodes_are_named_by_their_layers_and_initializers_by_their_variables(tmp_path: Path) -> None:
    model = built(corten.Input((4,)), layers.Dense(3, activation="tanh", name="one"), layers.Dense(2, name="two"))
    exported = Exported(model, tmp_path)
    assert [node.name for node in exported.proto.graph.node] == ["one/Gemm", "one/Tanh", "two/Gemm"]
    assert list(exported.initializers) == [weight.path for weight in model.weights]


def test_a_layer_that_is_used_twice_has_its_weights_once(tmp_path: Path) -> None:
    a, b = corten.Input((8, 8, 2)), corten.Input((8, 8, 2))
    conv = layers.Conv2D(3, 3, name="shared")
    model = with_random_weights(corten.Model([a, b], layers.Subtract()([conv(a), conv(b)])))
    exported = Exported(model, tmp_path)
    assert exported.kinds["Conv"] == 2 and sorted(exported.initializers) == ["shared/bias", "shared/kernel"]
    exported.expect_same(normal(2, 8, 8, 2), normal(2, 8, 8, 2, seed=1))


def test_sizes_that_must_be_equal_have_one_name(tmp_path: Path) -> None:
    query, key, value = (corten.Input((None, 4), name=name) for name in ("query", "key", "value"))
    model = corten.Model([query, key, value], layers.Attention()([query, value, key]))
    exported = Exported(model, tmp_path)
    assert [one.shape[1] for one in exported.session.get_inputs()] == ["query_time", "key_time", "key_time"]
    exported.expect_same(normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 4, seed=1))


def test_an_output_may_be_an_input_a_constant_or_another_output(tmp_path: Path) -> None:
    class Odd(corten.Model):
        def call(self, x: Any) -> Any:
            y = x * 2.0
            return [x, y, y, corten.ops.ones((2, 3))]

    exported = Exported(Odd(), tmp_path, input_signature=[corten.Input((3,), name="x")])
    x = normal(2, 3)
    for found, wanted in zip(exported.run(x), [x, x * 2, x * 2, np.ones((2, 3))], strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_format_is_told_by_the_suffix_and_the_place_is_printed(tmp_path: Path, capsys: Any) -> None:
    model = built(corten.Input((3,)), layers.Dense(2))
    model.export(str(tmp_path / "model.onnx"))
    model.export(tmp_path / "model", format="onnx", verbose=True)
    assert (tmp_path / "model").read_bytes() == (tmp_path / "model.onnx").read_bytes()
    assert str(tmp_path / "model") in capsys.readouterr().out


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    model = built(corten.Input((None,), dtype="int32"), layers.Embedding(5, 4, mask_zero=True), layers.LSTM(3))
    model.predict(whole(5, 2, 3), verbose=0)
    files = []
    for _ in range(2):
        Exported(model, tmp_path)
        files.append((tmp_path / "model.onnx").read_bytes())
    assert files[0] == files[1]
