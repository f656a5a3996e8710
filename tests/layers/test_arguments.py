"""Layers refuse hyper-parameters and inputs that make no sense, where they are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

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
    with pytest.raises(TypeError):
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
