"""Layers refuse hyper-parameters and inputs that make no sense, where they are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.errors import ShapeError

VALUES: list[tuple[str, dict[str, Any]]] = [
    ("Dense", {"units": 0}),
    ("Dense", {"units": -3}),
    ("Dense", {"units": 3, "lora_rank": 2}),
    ("Dense", {"units": 3, "quantization_config": "int8"}),
    ("Dense", {"units": 3, "activation": "rel"}),
    ("Dense", {"units": 3, "kernel_initializer": "glorot"}),
    ("Dense", {"units": 3, "name": "a/b"}),
    ("Dense", {"units": 3, "dtype": "float16"}),
    ("Conv2D", {"filters": 0, "kernel_size": 3}),
    ("Conv2D", {"filters": 4, "kernel_size": 0}),
    ("Conv2D", {"filters": 4, "kernel_size": (3, -1)}),
    ("Conv2D", {"filters": 4, "kernel_size": (3, 3, 3)}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 0}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": 0}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 3}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "causal"}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
    ("Conv1D", {"filters": 4, "kernel_size": (3, 3)}),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "full"}),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "output_padding": 2}),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3, "padding": "causal"}),
    ("UpSampling1D", {"size": 0}),
    ("UpSampling2D", {"interpolation": "cubic"}),
    ("MaxPooling1D", {"pool_size": (2, 2)}),
    ("ZeroPadding1D", {"padding": (1, 2, 3)}),
    ("Cropping1D", {"cropping": -1}),
    ("MaxPooling2D", {"pool_size": 0}),
    ("MaxPooling2D", {"strides": (1, 0)}),
    ("AveragePooling2D", {"pool_size": 2, "padding": "full"}),
    ("GlobalMaxPooling2D", {"data_format": "channels_first"}),
    ("Reshape", {"target_shape": (-1, -1)}),
    ("Reshape", {"target_shape": (-2, 3)}),
    ("Permute", {"dims": (1, 3)}),
    ("Permute", {"dims": (0, 1)}),
    ("RepeatVector", {"n": 0}),
    ("ZeroPadding2D", {"padding": -1}),
    ("Cropping2D", {"cropping": ((1, 2), (3, -4))}),
    ("ReLU", {"max_value": -1.0}),
    ("ReLU", {"negative_slope": -1.0}),
    ("LeakyReLU", {"negative_slope": math.nan}),
    ("Dropout", {"rate": 1.0}),
    ("Dropout", {"rate": -0.5}),
    ("Dot", {"axes": (1, 2, 3)}),
]  # fmt: skip
TYPES: list[tuple[str, dict[str, Any]]] = [
    ("Dense", {}),
    ("Dense", {"units": 3.0}),
    ("Dense", {"units": True}),
    ("Dense", {"units": "3"}),
    ("Dense", {"units": 3, "unit": 4}),
    ("Conv2D", {"filters": 4, "kernel_size": 2.5}),
    ("Dropout", {"rate": "half"}),
    ("Dropout", {"rate": 0.5, "seed": 1.5}),
    ("RepeatVector", {"n": 2.0}),
    ("Concatenate", {"axis": "last"}),
]  # fmt: skip
INPUTS: list[tuple[str, dict[str, Any], Any]] = [
    ("Dense", {"units": 3}, (5,)),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (2, 5, 5)),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (2, 2, 5, 1)),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (2, 5, 5, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3}, (2, 5, 5, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3}, (2, 2, 3)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, (2, 5, 5)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3}, (2, 2, 5, 1)),
    ("UpSampling2D", {}, (2, 5, 5)),
    ("Cropping1D", {"cropping": 3}, (2, 6, 1)),
    ("GlobalAveragePooling1D", {}, (2, 6)),
    ("MaxPooling2D", {}, (2, 1, 5, 1)),
    ("MaxPooling2D", {}, (2, 5, 5)),
    ("GlobalAveragePooling2D", {}, (2, 5)),
    ("Reshape", {"target_shape": (4,)}, (2, 5)),
    ("Permute", {"dims": (2, 1)}, (2, 5)),
    ("RepeatVector", {"n": 2}, (2, 5, 3)),
    ("ZeroPadding2D", {}, (2, 5)),
    ("Cropping2D", {"cropping": 3}, (2, 6, 9, 1)),
    ("Add", {}, [(2, 3), (2, 4)]),
    ("Concatenate", {}, [(2, 3), (3, 3)]),
    ("Dot", {"axes": 1}, [(2, 3), (2, 4)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), VALUES)
def test_wrong_values(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        getattr(layers, name)(**options)


@pytest.mark.parametrize(("name", "options"), TYPES)
def test_wrong_types(name: str, options: dict[str, Any]) -> None:
    """TypeError, as Python names it, and ValueError, for which scripts written for Keras look."""
    for kind in (TypeError, ValueError) if options else (TypeError,):
        with pytest.raises(kind):
            getattr(layers, name)(**options)


@pytest.mark.parametrize(("name", "options", "shapes"), INPUTS)
def test_wrong_inputs(name: str, options: dict[str, Any], shapes: Any) -> None:
    x = [np.ones(s, np.float32) for s in shapes] if isinstance(shapes, list) else np.ones(shapes, np.float32)
    with pytest.raises(ShapeError):
        getattr(layers, name)(**options)(x)


def test_merging_layers_want_a_list() -> None:
    for layer in (layers.Add(), layers.Concatenate(), layers.Dot(1)):
        with pytest.raises(ValueError, match="list"):
            layer(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="2 inputs"):
        layers.Subtract()([np.ones((2, 3), np.float32)] * 3)


def test_an_input_of_another_width_than_the_first_is_named() -> None:
    layer = layers.Dense(3, name="head")
    layer(np.ones((2, 5), np.float32))
    with pytest.raises(ShapeError, match=r"head.*5 input features.*6"):
        layer(np.ones((2, 6), np.float32))


def test_keras_aliases_are_the_same_classes() -> None:
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.AvgPool2D is layers.AveragePooling2D
    assert layers.Convolution2D is layers.Conv2D
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    assert layers.Convolution2DTranspose is layers.Conv2DTranspose
    assert layers.GlobalAvgPool2D is layers.GlobalAveragePooling2D


def test_what_textbooks_still_write() -> None:
    with pytest.warns(FutureWarning, match=r"LeakyReLU: alpha= is outdated; write negative_slope="):
        leaky = layers.LeakyReLU(alpha=0.1)
    assert leaky.negative_slope == 0.1 and leaky.get_config()["negative_slope"] == 0.1
    with pytest.warns(FutureWarning, match=r"Embedding: input_length= is outdated; leave it out"):
        embedding = layers.Embedding(10, 3, input_length=4)
    assert "input_length" not in embedding.get_config()
    for layer in (layers.LSTM, layers.GRU, layers.SimpleRNN, layers.LSTMCell):
        with pytest.warns(FutureWarning, match=r"implementation= is outdated; leave it out"):
            assert "implementation" not in layer(3, implementation=2).get_config()
    with pytest.warns(FutureWarning, match=r"InputLayer: input_shape= is outdated; write shape="):
        assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    with pytest.warns(FutureWarning, match=r"InputLayer: batch_input_shape= is outdated; write batch_shape="):
        assert layers.InputLayer(batch_input_shape=(2, 3)).batch_shape == (2, 3)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4, "batch_shape": (2, 3)},
        {"shape": (4,)},
        {"batch_shape": (2, 4)},
        {"batch_size": 5},
        {"dtype": "int32"},
    ],
)
def test_what_is_said_of_an_input_must_agree(options: dict[str, Any]) -> None:
    if len(options) == 1:
        options = {**options, "input_tensor": corten.Input(batch_shape=(2, 3))}
    with pytest.raises(ValueError, match="Input: "):
        layers.InputLayer(**options)
    tensor = corten.Input(batch_shape=(2, 3))
    assert layers.InputLayer((3,), 2, "float64", input_tensor=tensor).output is tensor
    with pytest.raises(TypeError, match="tensor: expected a symbolic tensor, got ndarray"):
        corten.Input(tensor=np.ones((2, 3)))


@pytest.mark.parametrize(
    ("given", "kind"),
    [("float64", "float32"), ("int64", "int32"), ("bool", "uint8"), (np.float64, "float32"), (float, "float32")],
)
def test_symbolic_tensors_have_a_type_that_there_is(given: Any, kind: str) -> None:
    for tensor in (corten.KerasTensor((2, 3), given), corten.Input((3,), dtype=given)):
        assert tensor.dtype == kind
        assert layers.Flatten()(tensor).shape[1:] == (3,)
    with pytest.raises(TypeError, match="expected a float, integer or bool type"):
        corten.KerasTensor((2, 3), "string")


STATELESS = [
    layers.ReLU(), layers.Masking(), layers.Dropout(0.5), layers.SpatialDropout2D(0.5), layers.MaxPooling1D(),
    layers.GlobalMaxPooling2D(), layers.GaussianNoise(0.1), layers.Flatten(), layers.Permute((2, 1)),
    layers.ZeroPadding2D(), layers.Cropping1D(), layers.UpSampling2D(), layers.Add(), layers.RandomFlip(),
]  # fmt: skip


@pytest.mark.parametrize("layer", STATELESS, ids=lambda layer: layer.name)
def test_layers_with_nothing_to_build_are_built_from_the_beginning(layer: Any) -> None:
    assert layer.built and layer.count_params() == 0
    own = type("Own", (type(layer),), {"build": lambda self, input_shape: None})
    assert not own.from_config(layer.get_config()).built


@pytest.mark.parametrize(
    ("layer", "fits", "other"),
    [
        (layers.Masking(), (2, 3), (2,)),
        (layers.SpatialDropout1D(0.5), (2, 3, 4), (2, 3)),
        (layers.MaxPooling1D(), (2, 3, 4), (2, 3, 4, 5)),
        (layers.GlobalAveragePooling1D(), (2, 3, 4), (2, 3)),
        (layers.GlobalAveragePooling2D(), (2, 3, 4, 5), (2, 3, 4)),
        (layers.GlobalMaxPooling2D(), (2, 3, 4, 5), (2, 3, 4)),
        (layers.Permute((2, 1)), (2, 3, 4), (2, 3, 4, 5)),
        (layers.RepeatVector(2), (2, 3), (2, 3, 4)),
        (layers.ZeroPadding2D(), (2, 3, 4, 5), (2, 3, 4)),
        (layers.Cropping1D(), (2, 3, 4), (2, 3)),
        (layers.UpSampling1D(), (2, 3, 4), (2, 3)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_number_of_axes_is_checked_at_each_call(layer: Any, fits: Any, other: Any) -> None:
    layer(np.ones(fits, np.float32))
    with pytest.raises(ShapeError, match=rf'"{layer.name}": expected an input with .* axes'):
        layer(np.ones(other, np.float32))


ODD = {
    "number": np.float32(1), "int": 5, "bool": True, "text": "a", "none": None, "nothing": np.zeros((0,), np.float32),
    "numbers": [[1.0, 2.0]], "list": [], "dict": {}, "nested": {"a": np.ones((2, 3), np.float32)}, "object": object(),
    "short": [np.ones((2, 3), np.float32), []], "hole": [np.ones((2, 3), np.float32), None],
    "words": [np.ones((2, 3), np.float32), "a"], "complex": np.ones((2, 3), complex), "strings": np.array(["a"]),
}  # fmt: skip
CALLED: list[tuple[str, tuple[Any, ...]]] = [
    ("Dense", (3,)), ("Conv1D", (3, 2)), ("LSTM", (3,)), ("Embedding", (3, 2)), ("LayerNormalization", ()),
    ("RMSNormalization", ()), ("GroupNormalization", (1,)), ("UnitNormalization", ()), ("BatchNormalization", ()),
    ("Add", ()), ("Multiply", ()), ("Maximum", ()), ("Concatenate", ()), ("Dot", (1,)), ("Attention", ()),
    ("AdditiveAttention", ()), ("Flatten", ()), ("Reshape", ((3,),)), ("Permute", ((2, 1),)), ("Masking", ()),
    ("PReLU", ()), ("Softmax", ()), ("Dropout", (0.5,)), ("ActivityRegularization", (0.1,)), ("MaxPooling2D", ()),
    ("GlobalAveragePooling1D", ()), ("RandomFlip", ()), ("Rescaling", (2.0,)), ("UpSampling2D", ()), ("Cropping2D", ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), CALLED)
def test_whatever_a_layer_is_called_on_it_answers_or_says_what_is_wrong(name: str, arguments: tuple[Any, ...]) -> None:
    for what, value in ODD.items():
        layer = getattr(layers, name)(*arguments)
        try:
            layer(value)
        except (TypeError, ValueError, IndexError) as error:
            said = str(error)
        else:
            said = ""
        inside = ("object has no attribute", "object is not", "tuple index", "not enough values")
        assert not any(words in said for words in inside), (what, said)


def test_a_list_among_tensors_is_named() -> None:
    with pytest.raises(TypeError, match=r'Add "sum": expected arrays or tensors in the list, got \[\]'):
        layers.Add(name="sum")([np.ones((2, 3)), []])

    class Own(layers.Layer):
        def call(self, first: Any, second: Any) -> Any:
            return first + second.shape[0]

    with pytest.raises(TypeError, match=r"Own 'own': expected arrays or tensors, got 'a'"):
        Own(name="own")(np.ones((2, 3)), "a")


def test_trainable_is_true_or_false() -> None:
    for value in (None, 1, "no"):
        with pytest.raises(ValueError, match="Dense: trainable: expected True or False"):
            layers.Dense(2, trainable=value)


def test_weights_are_given_a_shape_once_and_a_name_by_keyword() -> None:
    layer = layers.Layer(name="own")
    with pytest.raises(ValueError, match=r"'own': .*add_weight\(shape, name='kernel'\)"):
        layer.add_weight("kernel", shape=(3, 4))
    with pytest.raises(ValueError, match="'own': got two shapes"):
        layer.add_weight((3, 4), shape=(3, 4))
    with pytest.raises(TypeError, match="'own': only shape, initializer and dtype may be given by position"):
        layer.add_weight((3, 4), "zeros", "float32", "kernel")
    assert layer.weights == []


def test_a_call_makes_no_weights() -> None:
    class Growing(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * self.add_weight((), "ones")

    for layer in (Growing(name="growing"), corten.Sequential([Growing(name="growing")])):
        with pytest.raises(ValueError, match="'growing': create weights in __init__ or build; call would"):
            layer(np.ones((2, 3)))


def test_a_build_of_several_shapes_names_arguments_of_call() -> None:
    class Two(layers.Layer):
        def call(self, first: Any, second: Any) -> Any:
            return first + second

    class Strange(Two):
        def build(self, first_shape: Any, other: Any) -> None: ...

    class Unknown(Two):
        def build(self, first_shape: Any, third_shape: Any) -> None: ...

    class Swapped(Two):
        def build(self, second_shape: Any, first_shape: Any) -> None:
            self.seen = first_shape, second_shape

    x, y = np.ones((2, 3)), np.ones((2, 1))
    with pytest.raises(ValueError, match=r"Strange\.build: .* end in '_shape', got 'other'"):
        Strange()(x, y)
    with pytest.raises(ValueError, match=r"Unknown\.build: 'third_shape'.*first_shape, second_shape"):
        Unknown()(x, y)
    layer = Swapped()
    layer(x, y)
    assert layer.seen == ((None, 3), (None, 1))
