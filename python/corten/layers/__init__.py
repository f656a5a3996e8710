"""Layers: functions of tensors with weights.

>>> import numpy as np
>>> from corten.layers import Dense
>>> layer = Dense(2)
>>> layer(np.ones((1, 3), np.float32)).shape, [w.shape for w in layer.weights]
((1, 2), [(3, 2), (2,)])
"""

from corten.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from corten.layers.conv2d import Conv2D
from corten.layers.dense import Dense
from corten.layers.dropout import Dropout
from corten.layers.embedding import Embedding
from corten.layers.input_layer import Input, InputLayer
from corten.layers.layer import Layer
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
from corten.layers.pooling2d import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from corten.layers.rescaling import Rescaling
from corten.layers.reshaping import Cropping2D, Flatten, Identity, Permute, RepeatVector, Reshape, ZeroPadding2D

# Keras's other names for the same classes.
Convolution2D = Conv2D
AvgPool2D = AveragePooling2D
MaxPool2D = MaxPooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "AveragePooling2D",
    "AvgPool2D",
    "Concatenate",
    "Conv2D",
    "Convolution2D",
    "Cropping2D",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "Masking",
    "MaxPool2D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "Subtract",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
