"""Layers: functions of tensors with weights.

>>> import numpy as np
>>> from corten.layers import Dense
>>> layer = Dense(2)
>>> layer(np.ones((1, 3), np.float32)).shape, [w.shape for w in layer.weights]
((1, 2), [(3, 2), (2,)])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from corten.layers.activity_regularization import ActivityRegularization
from corten.layers.attention import AdditiveAttention, Attention
from corten.layers.batch_normalization import BatchNormalization
from corten.layers.bidirectional import Bidirectional
from corten.layers.color_augmentation import RandomBrightness, RandomContrast, RandomInvert, Solarization
from corten.layers.conv import Conv1D, Conv2D
from corten.layers.conv_transpose import Conv1DTranspose, Conv2DTranspose
from corten.layers.cropping import CenterCrop, RandomCrop, Resizing
from corten.layers.dense import Dense
from corten.layers.depthwise_conv import DepthwiseConv1D, DepthwiseConv2D
from corten.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from corten.layers.embedding import Embedding
from corten.layers.geometric_augmentation import (
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from corten.layers.group_normalization import GroupNormalization
from corten.layers.gru import GRU, GRUCell
from corten.layers.input_layer import Input, InputLayer
from corten.layers.lambda_function import Lambda
from corten.layers.layer import Layer
from corten.layers.layer_normalization import LayerNormalization, RMSNormalization
from corten.layers.lstm import LSTM, LSTMCell
from corten.layers.masking import Masking
from corten.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from corten.layers.mixing import CutMix, MixUp, RandomErasing
from corten.layers.multi_head_attention import GroupQueryAttention, MultiHeadAttention
from corten.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from corten.layers.pooling1d import AveragePooling1D, GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D
from corten.layers.pooling2d import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from corten.layers.rand_augment import RandAugment
from corten.layers.rescaling import Rescaling
from corten.layers.reshaping import (
    Cropping1D,
    Cropping2D,
    Flatten,
    Identity,
    Permute,
    RepeatVector,
    Reshape,
    ZeroPadding1D,
    ZeroPadding2D,
)
from corten.layers.rgb_augmentation import (
    RandomColorDegeneration,
    RandomColorJitter,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from corten.layers.rnn import RNN
from corten.layers.sampling import Sampling
from corten.layers.separable_conv import SeparableConv1D, SeparableConv2D
from corten.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from corten.layers.stacked_rnn_cells import StackedRNNCells
from corten.layers.text_vectorization import TextVectorization
from corten.layers.time_distributed import TimeDistributed
from corten.layers.transformer import PositionalEmbedding, TransformerBlock
from corten.layers.unit_normalization import UnitNormalization
from corten.layers.upsampling import UpSampling1D, UpSampling2D
from corten.serialization import deserialize_keras_object, publish, serialized

# Keras's other names for the same classes.
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Bidirectional",
    "CenterCrop",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "CutMix",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MixUp",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "Permute",
    "PositionalEmbedding",
    "RMSNormalization",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomRotation",
    "RandomSaturation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "Sampling",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StackedRNNCells",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "TransformerBlock",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]


def serialize(layer: Layer) -> dict[str, Any]:
    """The description of a layer, from which :func:`deserialize` makes an equal one, with weights of its own.

    >>> from corten import layers
    >>> layers.serialize(layers.Dense(3))["class_name"]
    'Dense'
    """
    return serialized(layer, "layer")


def deserialize(config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that a description means.

    Args:
        config: what :func:`serialize` gave.
        custom_objects: names and the classes and functions that they stand for, beside those that are registered.

    Raises:
        ValueError: an unknown class, or the description of something else.

    >>> from corten import layers
    >>> layers.deserialize(layers.serialize(layers.Dense(3))).units
    3
    """
    layer = deserialize_keras_object(
        config, custom_objects, module_objects={name: globals()[name] for name in __all__ if name[0].isupper()}
    )
    if not isinstance(layer, Layer):
        raise ValueError(f"deserialize: expected the description of a layer, got that of {layer!r}")
    return layer


publish(
    "layers",
    {name: globals()[name] for name in __all__ if isinstance(globals()[name], type)},
    own=("PositionalEmbedding", "Sampling", "TransformerBlock"),
)
