"""The layers of Keras 1, Keras 2 and tf-keras in Keras 3's words: class names, arguments and defaults that changed.

What Keras 3 has no argument for is dropped only where it changes no number, or has the value that changes none;
everything else is handed on, so that the layer's constructor refuses what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import CorruptFileError, UnsafeFileError
from .keras2_origin import Origin, layer_name, plain

__all__ = ["translate_layer"]

Config = dict[str, Any]

_CLASSES = {
    "Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout", "Attention", "Average",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Bidirectional",
    "CategoryEncoding", "CenterCrop", "Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose",
    "Conv3D", "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Cropping1D", "Cropping2D", "Cropping3D",
    "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Dot", "Dropout", "ELU", "EinsumDense", "Embedding", "Flatten",
    "GRU", "GRUCell", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization",
    "Identity", "InputLayer", "LSTM", "LSTMCell", "LayerNormalization", "LeakyReLU", "Masking", "MaxPooling1D",
    "MaxPooling2D", "MaxPooling3D", "Maximum", "Minimum", "MultiHeadAttention", "Multiply", "Normalization", "PReLU",
    "Permute", "RNN", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation",
    "RandomTranslation", "RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv1D",
    "SeparableConv2D", "SimpleRNN", "SimpleRNNCell", "Softmax", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D", "SpectralNormalization", "StackedRNNCells", "Subtract", "TimeDistributed",
    "UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D",
}  # fmt: skip

_RENAMED = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "SeparableConvolution2D": "SeparableConv2D",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    "TimeDistributedDense": "Dense",
}  # fmt: skip

# Dropped where the value is one of these; any other is refused. What is listed with `...` changes no number.
_DROPPED: dict[str, tuple[Any, ...]] = {
    "adjustment": (None,),
    "autocast": (True, None),
    "causal": (False,),
    "consume_less": (...,),
    "dynamic": (False,),
    "fused": (...,),
    "implementation": (...,),
    "num_constants": (None, 0),
    "renorm": (False,),
    "renorm_clipping": (...,),
    "renorm_momentum": (...,),
    "reverse_state_order": (False,),
    "robust_masking": (False,),
    "softmax_robust_masking": (False,),
    "synchronized": (...,),
    "time_major": (False,),
    "type_spec": (None,),
    "virtual_batch_size": (None,),
    "input_spec": (None,),
    "weights": (None,),
}  # fmt: skip
# Of Keras's base classes, where Keras 3's layer of that name does without.
_DROPPED_BY_CLASS = {
    "DepthwiseConv1D": ("filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "DepthwiseConv2D": ("filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv1D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "Embedding": ("input_length", "sparse"),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
}  # fmt: skip

_KERAS1_ARGUMENTS = {
    "U_regularizer": "recurrent_regularizer",
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "atrous_rate": "dilation_rate",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "bias": "use_bias",
    "border_mode": "padding",
    "dropout_U": "recurrent_dropout",
    "dropout_W": "dropout",
    "filter_length": "kernel_size",
    "init": "kernel_initializer",
    "inner_activation": "recurrent_activation",
    "inner_init": "recurrent_initializer",
    "length": "size",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}  # fmt: skip
_KERAS1_BY_CLASS: dict[str, dict[str, str]] = {
    "Embedding": {
        "W_constraint": "embeddings_constraint",
        "W_regularizer": "embeddings_regularizer",
        "init": "embeddings_initializer",
        "output_dim": "output_dim",
    },
    "PReLU": {"init": "alpha_initializer"},
}
_KERAS1_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}


def translate_layer(entry: Config, origin: Origin) -> Config:
    """A layer ``{"class_name", "config", ...}`` in Keras 3's serialized form.

    Raises:
        UnsafeFileError: a layer that is code: Lambda.
        ValueError: a class that is not known, or an argument that Keras 3 has no equal for; the message names both.
    """
    name = entry["class_name"]
    config = entry.get("config")
    if not isinstance(config, dict):
        raise CorruptFileError(f"layer {name}: expected a configuration, got {str(config)[:80]!r}")
    where = f"layer {config.get('name', entry.get('name', '?'))!r} ({name})"
    if name == "Lambda":
        raise UnsafeFileError(f"{where}: a Lambda layer is code, and is not run")
    custom = origin.is_custom(entry)
    known = name in _CLASSES or name in _RENAMED or name == "Merge" or origin.version >= (3,)
    if not custom and not known:
        raise ValueError(f"{where}: there is no such layer in Keras 3")
    config = dict(config)
    if "name" in config:
        config["name"] = layer_name(config["name"])
    config.pop("batch_input_shape", None) if name != "InputLayer" else None
    if not custom:
        name, config = _in_keras3_words(name, config, origin, where)
    for key in ("layer", "backward_layer", "cell"):
        if isinstance(config.get(key), dict):
            config[key] = origin.nested(config[key], origin)
    if isinstance(config.get("cells"), list):
        config["cells"] = [origin.nested(cell, origin) for cell in config["cells"]]
    done = ("layer", "backward_layer", "cell", "cells")
    config = {
        key: value if key in done else origin.value(key, value, where)
        for key, value in config.items()
        if not (key == "backward_layer" and value is None)
    }
    for key in ("dtype", "activity_regularizer"):
        if config.get(key, 0) is None:
            del config[key]
    translated = {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None}
    if custom:
        translated |= {"module": entry.get("module"), "registered_name": entry.get("registered_name") or name}
    if "shared_object_id" in entry:
        translated["shared_object_id"] = entry["shared_object_id"]
    return translated


def _in_keras3_words(name: str, config: Config, origin: Origin, where: str) -> tuple[str, Config]:
    if origin.version < (2,):
        name, config = _keras1(name, config, where)
    name, original = _RENAMED.get(name, name), name
    for key in _DROPPED_BY_CLASS.get(name, ()):
        config.pop(key, None)
    for key, harmless in _DROPPED.items():
        if key in config:
            value = config.pop(key)
            if ... not in harmless and value not in harmless:
                raise ValueError(f"{where}: {key}={value!r} has no equal in Keras 3")
    if change := _CHANGES.get(original) or _CHANGES.get(name):
        change(config, origin, where)
    return name, config


def _keras1(name: str, config: Config, where: str) -> tuple[str, Config]:
    """Keras 1's arguments by Keras 2's names."""
    own = _KERAS1_BY_CLASS.get(name, {})
    if name == "Merge":
        return _merge(config, where)
    if name != "Embedding":
        config.pop("input_dim", None)
        config.pop("input_length", None)
    elif config.pop("dropout", 0) not in (0, None):
        raise ValueError(f"{where}: dropout of whole rows has no equal in Keras 3")
    sizes = [
        config.pop(key) for key in ("nb_row", "nb_col", "kernel_dim1", "kernel_dim2", "kernel_dim3") if key in config
    ]
    if sizes:
        config["kernel_size"] = sizes
    ordering = config.pop("dim_ordering", "tf")
    if ordering not in ("tf", "th"):
        raise ValueError(f"{where}: dim_ordering {ordering!r}: expected tf or th")
    if ordering == "th":
        config["data_format"] = "channels_first"
    if name == "LSTM" or name == "ConvLSTM2D":
        config["unit_forget_bias"] = config.pop("forget_bias_init", "one") == "one"
    if name == "Deconvolution2D":
        config.pop("output_shape", None)
        if plain(config.get("subsample", [1, 1])) != [1, 1]:
            raise ValueError(f"{where}: an output_shape of one's own with strides has no equal in Keras 3")
    if name == "BatchNormalization" and (mode := config.pop("mode", 0)) != 0:
        raise ValueError(f"{where}: mode={mode} has no equal in Keras 3; expected 0")
    names = _KERAS1_ARGUMENTS | own
    return name, {
        names.get(key, key): value for key, value in config.items() if key != "input_dtype" or name == "InputLayer"
    }


def _merge(config: Config, where: str) -> tuple[str, Config]:
    """Keras 1's Merge is one layer with modes; from Keras 2 on there is a layer for each."""
    mode = config.get("mode")
    base: Config = {key: config[key] for key in ("name", "trainable") if key in config}
    if config.get("mode_type", "raw") != "raw":
        raise UnsafeFileError(f"{where}: a Merge layer with a function is code, and is not run")
    if "layers" in config:
        raise ValueError(f"{where}: branches within a Merge layer are not supported")
    if mode == "concat":
        return "Concatenate", base | {"axis": config.get("concat_axis", -1)}
    if mode == "dot":
        return "Dot", base | {"axes": config.get("dot_axes", -1)}
    if mode not in _KERAS1_MERGES:
        raise ValueError(f"{where}: mode={mode!r} has no equal in Keras 3")
    return _KERAS1_MERGES[mode], base


def _input_layer(config: Config, origin: Origin, where: str) -> None:
    for key in ("sparse", "ragged"):
        if config.pop(key, False):
            raise ValueError(f"{where}: {key} tensors are not supported")
    if not config.get("optional", True):
        del config["optional"]
    if "input_dtype" in config:
        config["dtype"] = config.pop("input_dtype")
    if "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    config.pop("trainable", None)


def _single_axis(config: Config, origin: Origin, where: str) -> None:
    axis = plain(config.get("axis", -1))
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    config["axis"] = axis


def _batch_normalization(config: Config, origin: Origin, where: str) -> None:
    _single_axis(config, origin, where)
    if not isinstance(config["axis"], int):
        raise ValueError(f"{where}: axis={config['axis']!r}: expected one axis")


def _gated(config: Config, origin: Origin, where: str) -> None:
    # Its default was hard_sigmoid in some versions; every Keras writes it.
    if "recurrent_activation" not in config:
        raise CorruptFileError(f"{where}: expected recurrent_activation, whose default differs between versions")


def _gru(config: Config, origin: Origin, where: str) -> None:
    _gated(config, origin, where)
    if origin.version < (3,):
        config.setdefault("reset_after", False)


def _cudnn_lstm(config: Config, origin: Origin, where: str) -> None:
    config |= {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}


def _cudnn_gru(config: Config, origin: Origin, where: str) -> None:
    _cudnn_lstm(config, origin, where)
    config["reset_after"] = True


def _leaky_relu(config: Config, origin: Origin, where: str) -> None:
    if "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if "negative_slope" in config:
        config["negative_slope"] = float(plain(config["negative_slope"]))


def _thresholded_relu(config: Config, origin: Origin, where: str) -> None:
    config["threshold"] = float(plain(config.pop("theta", 1.0)))


def _spatial_dropout(config: Config, origin: Origin, where: str) -> None:
    config.pop("trainable", None)  # it has no weights, and Keras 3 takes no such argument
    if config.pop("noise_shape", None) is not None:
        raise ValueError(f"{where}: noise_shape has no equal in Keras 3")


def _one_group(config: Config, origin: Origin, where: str) -> None:
    if (groups := config.pop("groups", 1)) != 1:
        raise ValueError(f"{where}: groups={groups} has no equal in Keras 3")


def _up_sampling2d(config: Config, origin: Origin, where: str) -> None:
    # Before TensorFlow 2 a pixel's centre was its corner: other numbers, by up to half a pixel.
    if config.get("interpolation", "nearest") != "nearest" and not origin.tensorflow:
        raise ValueError(
            f"{where}: interpolation={config['interpolation']!r} gave other numbers in Keras {origin.text}"
        )


def _zero_padding(config: Config, origin: Origin, where: str) -> None:
    padding = plain(config.get("padding"))
    if isinstance(padding, dict):  # Keras 1
        sides = ("top_pad", "bottom_pad", "left_pad", "right_pad")
        if padding.keys() <= {"left_pad", "right_pad"}:
            padding = [padding.get("left_pad", 0), padding.get("right_pad", 0)]
        elif padding.keys() <= set(sides):
            top, bottom, left, right = (padding.get(side, 0) for side in sides)
            padding = [[top, bottom], [left, right]]
    elif isinstance(padding, list) and len(padding) == 4:  # Keras 1: top, bottom, left, right
        padding = [padding[:2], padding[2:]]
    config["padding"] = padding


_CHANGES: dict[str, Callable[[Config, Origin, str], None]] = {
    "BatchNormalization": _batch_normalization,
    "ConvLSTM1D": _gated,
    "ConvLSTM2D": _gated,
    "ConvLSTM3D": _gated,
    "Conv1DTranspose": _one_group,
    "Conv2DTranspose": _one_group,
    "Conv3DTranspose": _one_group,
    "DepthwiseConv1D": _one_group,
    "DepthwiseConv2D": _one_group,
    "SeparableConv1D": _one_group,
    "SeparableConv2D": _one_group,
    "CuDNNGRU": _cudnn_gru,
    "CuDNNLSTM": _cudnn_lstm,
    "GRU": _gru,
    "GRUCell": _gru,
    "InputLayer": _input_layer,
    "LSTM": _gated,
    "LSTMCell": _gated,
    "LayerNormalization": _single_axis,
    "LeakyReLU": _leaky_relu,
    "SpatialDropout1D": _spatial_dropout,
    "SpatialDropout2D": _spatial_dropout,
    "SpatialDropout3D": _spatial_dropout,
    "ThresholdedReLU": _thresholded_relu,
    "UpSampling2D": _up_sampling2d,
    "ZeroPadding1D": _zero_padding,
    "ZeroPadding2D": _zero_padding,
}  # fmt: skip
