"""Weights in the HDF5 layouts of Keras 1, Keras 2, tf-keras, and Keras 3's legacy one, as Keras 3 has them.

A layer's weights are listed in the attribute ``weight_names`` of its group, a model's layers in ``layer_names``; a
model within a model has the weights of all of its layers, first those that are trained. What older versions laid out
in another way (kernels by gate, cuDNN's matrices, Theano's flipped kernels) is laid out anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .hdf5_closed import Group, read_dataset, read_text_attribute, read_text_list
from .keras2_origin import layer_name

__all__ = ["layer_paths", "read_archive", "read_weights"]

Arrays = list[NDArray[Any]]
Config = dict[str, Any]

_MODELS = {"Model", "Functional", "Sequential"}
_WITH_KERNELS = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"}
_KERAS1_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
# Keras 1 has a kernel, a recurrent kernel and a bias for each gate, in another order.
_GATES = {"ConvLSTM2D": (0, 2, 1, 3), "GRU": (0, 1, 2), "LSTM": (0, 2, 1, 3)}
_KERNEL_AND_BIAS = {
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "Dense", "DepthwiseConv1D",
    "DepthwiseConv2D", "TimeDistributedDense",
}  # fmt: skip
_KERNELS_AND_BIAS = {
    "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "GRUCell", "LSTM", "LSTMCell", "SeparableConv1D",
    "SeparableConv2D", "SimpleRNN", "SimpleRNNCell",
}  # fmt: skip
_SCALE_AND_CENTER = {
    "BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "GroupNormalization", "LayerNormalization",
    "SyncBatchNormalization",
}  # fmt: skip
_WITHOUT_WEIGHTS = re.compile(
    r"(Global|Average|Max|Spatial|Gaussian|Alpha|Zero|Up|TFOp|SlicingOp)|(Activation|Add|Average|Concatenate|"
    r"Cropping.D|Dot|Dropout|ELU|Flatten|Identity|InputLayer|LeakyReLU|Masking|Maximum|Merge|Minimum|Multiply|Permute|"
    r"ReLU|RepeatVector|Rescaling|Reshape|Resizing|Softmax|Subtract|ThresholdedReLU|ActivityRegularization|"
    r"UnitNormalization)$"
)


def read_weights(group: Group, config: Config | None = None) -> list[tuple[str, Arrays]]:
    """The layers that have weights, in the order of the file, and their weights: first the trained ones.

    ``group`` is ``model_weights`` of a whole-model file, or the root of a file of weights. ``config`` is the file's
    ``model_config`` as it is, not translated: which layer a weight belongs to is known only by it. Slashes in names
    become underscores, as in ``translate``. A layer of a model within the model, or within its TimeDistributed, is
    named by a path: ``inner/dense``. Without ``config``, all weights of the model within are under its name.

    Raises:
        CorruptFileError: what is listed is not there, or not of the shape that it must have.
        ValueError: weights that cannot be laid out as Keras 3 has them, by name.
    """
    names = read_text_list(group, "layer_names")
    if names is None:
        raise CorruptFileError(f"{group.where()}: expected the attribute layer_names")
    version = read_text_attribute(group, "keras_version") or "1"
    layout = _Layout(version.startswith("1"), read_text_attribute(group, "backend") == "theano", group.file)
    entries = dict(_entries(config))
    weights: list[tuple[str, Arrays]] = []
    for name in names:
        arrays = _arrays(group, name)
        if name in entries and arrays:
            weights += layout.layers_of(entries[name], arrays, layer_name(name))
        elif arrays and (layout.keras1 or layout.theano):
            raise ValueError(f"{group.file}: layer {name!r}: weights of Keras {version} need the layer's configuration")
        elif arrays:
            weights.append((layer_name(name), arrays))
    if "top_level_model_weights" in group.groups and _arrays(group, "top_level_model_weights"):
        raise ValueError(f"{group.file}: weights of the model itself, of no layer, are not supported")
    return weights


def _entries(config: Config | None) -> Iterator[tuple[str, Config]]:
    """The layers of a model by name."""
    inner = (config or {}).get("config")
    layers = inner if isinstance(inner, list) else (inner or {}).get("layers", [])
    for entry in layers:
        own = entry.get("config")
        name = entry.get("name") or (own.get("name") if isinstance(own, dict) else None)
        if isinstance(name, str):
            yield name, entry


def _arrays(group: Group, name: str) -> Arrays:
    layer = group.find(name)
    if layer is None:
        raise CorruptFileError(f"{group.where(name)}: expected a group of weights, got none")
    return [read_dataset(layer, weight) for weight in read_text_list(layer, "weight_names") or []]


class _Layout:
    """How a file lays weights out, and how many weights each layer has."""

    def __init__(self, keras1: bool, theano: bool, file: str) -> None:
        self.keras1, self.theano, self.file = keras1, theano, file

    def layers_of(self, entry: Config, arrays: Arrays, path: str) -> list[tuple[str, Arrays]]:
        """The layer and its weights as Keras 3 has them; of a model, its layers."""
        entry = _inner_model(entry)
        if entry.get("class_name") not in _MODELS:
            return [(path, self._converted(entry, arrays))]
        counts = [(name, layer, self._counts(layer)) for name, layer in _entries(entry)]
        trained = sum(count for _, _, (count, _) in counts)
        if (expected := sum(sum(count) for _, _, count in counts)) != len(arrays):
            raise CorruptFileError(f"{self.file}: model {path!r}: expected {expected} weights, got {len(arrays)}")
        first, then = iter(arrays[:trained]), iter(arrays[trained:])
        layers = []
        for name, layer, (trainable, others) in counts:
            own = [next(first) for _ in range(trainable)] + [next(then) for _ in range(others)]
            if own:
                layers += self.layers_of(layer, own, f"{path}/{layer_name(name)}")
        return layers

    def _converted(self, entry: Config, arrays: Arrays) -> Arrays:
        name, config = self._described(entry)
        if name == "Bidirectional":
            half = len(arrays) // 2
            return [
                array for part in (arrays[:half], arrays[half:]) for array in self._converted(config["layer"], part)
            ]
        if name == "TimeDistributed":
            return self._converted(config["layer"], arrays)
        where = f"{self.file}: layer {config.get('name')!r} ({name})"
        if self.keras1:
            arrays = _of_keras1(name, config, arrays, where)
        if self.theano and ("Separable" in name or "Depthwise" in name):
            raise ValueError(f"{where}: kernels of Theano cannot be laid out for this layer")
        if self.theano and name in _WITH_KERNELS:
            count = 2 if name == "ConvLSTM2D" else 1
            arrays = [_flipped(array) for array in arrays[:count]] + arrays[count:]
        plain_name = name.removeprefix("CuDNN")
        return _from_cudnn(plain_name, arrays, where) if plain_name in ("LSTM", "GRU") else arrays

    def _counts(self, entry: Config) -> tuple[int, int]:
        """How many weights of a layer are trained, and how many are not."""
        if entry.get("class_name") in _MODELS:
            inside = [self._counts(layer) for _, layer in _entries(entry)]
            return sum(trained for trained, _ in inside), sum(others for _, others in inside)
        name, config = self._described(entry)
        if name in ("Bidirectional", "TimeDistributed"):
            times = 2 if name == "Bidirectional" else 1
            trained, others = (times * count for count in self._counts(config["layer"]))
        else:
            trained, others = self._own_count(name, config), 2 if "BatchNormalization" in name else 0
        return (trained, others) if config.get("trainable", True) else (0, trained + others)

    def _own_count(self, name: str, config: Config) -> int:
        bias = int(bool(config.get("use_bias", config.get("bias", True))))
        if self.keras1 and name in _GATES and config.get("consume_less") != "gpu":
            return 3 * len(_GATES[name])
        if name in ("CuDNNLSTM", "CuDNNGRU"):
            return 3
        if name in ("Embedding", "PReLU"):
            return 1
        if name in _KERNEL_AND_BIAS:
            return 1 + bias
        if name in _KERNELS_AND_BIAS:
            return 2 + bias
        if name in _SCALE_AND_CENTER:
            return int(bool(config.get("scale", True))) + int(bool(config.get("center", True)))
        if name == "MultiHeadAttention":
            return 4 * (1 + bias)
        if name == "EinsumDense":
            return 1 + (config.get("bias_axes") is not None)
        if name in ("Attention", "AdditiveAttention"):
            scale = config.get("use_scale", name == "AdditiveAttention")
            return int(bool(scale)) + (config.get("score_mode") == "concat")
        if name in ("RNN", "StackedRNNCells"):
            cells = [config["cell"]] if "cell" in config else config["cells"]
            return sum(self._own_count(*self._described(cell)) for cell in cells)
        if _WITHOUT_WEIGHTS.match(name):
            return 0
        raise ValueError(
            f"{self.file}: layer {config.get('name')!r} ({name}): its weights within a model are not told apart"
        )

    def _described(self, entry: Config) -> tuple[str, Config]:
        name, config = str(entry.get("class_name")), entry.get("config")
        if not isinstance(config, dict):
            raise CorruptFileError(f"{self.file}: layer {name}: expected a configuration")
        return _KERAS1_CLASSES.get(name, name), config


def _inner_model(entry: Config) -> Config:
    """The model within a TimeDistributed; else the layer itself."""
    config = entry.get("config")
    inner = config.get("layer") if isinstance(config, dict) and entry.get("class_name") == "TimeDistributed" else None
    return inner if isinstance(inner, dict) and inner.get("class_name") in _MODELS else entry


def _of_keras1(name: str, config: Config, arrays: Arrays, where: str) -> Arrays:
    """Kernels with an axis more, and gates apart."""
    if name == "Conv1D":
        kernel = arrays[0]
        if kernel.ndim != 4:
            raise CorruptFileError(f"{where}: expected a kernel of 4 axes, got shape {kernel.shape}")
        length, filters = config.get("filter_length"), config.get("nb_filter")
        if kernel.shape[:2] != (length, 1) or kernel.shape[3] != filters:  # before Keras 1.1
            if kernel.shape[0] != filters or kernel.shape[2:] != (length, 1):
                raise CorruptFileError(f"{where}: expected a kernel of {filters} filters, got shape {kernel.shape}")
            kernel = np.transpose(kernel, (2, 3, 1, 0))
        return [np.ascontiguousarray(kernel[:, 0]), *arrays[1:]]
    if name == "Conv2DTranspose":
        return [np.ascontiguousarray(np.transpose(arrays[0], (0, 1, 3, 2))), *arrays[1:]]
    order = _GATES.get(name, ())
    if len(arrays) != 3 * len(order) or not order:
        return arrays
    try:
        return [np.concatenate([arrays[3 * gate + part] for gate in order], axis=-1) for part in range(3)]
    except ValueError as error:
        raise CorruptFileError(f"{where}: gates of different shapes") from error


def _flipped(kernel: NDArray[Any]) -> NDArray[Any]:
    """Theano's convolution goes through the kernel backwards."""
    return np.ascontiguousarray(np.flip(kernel, tuple(range(kernel.ndim - 2))))


def _from_cudnn(name: str, arrays: Arrays, where: str) -> Arrays:
    """cuDNN has each gate's matrices transposed, and two biases; other layers' weights stay as they are."""
    gates = 4 if name == "LSTM" else 3
    if len(arrays) != 3:
        return arrays
    kernel, recurrent, bias = arrays
    if kernel.ndim != 2 or recurrent.ndim != 2 or bias.ndim not in (1, 2):
        raise CorruptFileError(f"{where}: expected matrices, got shapes {[array.shape for array in arrays]}")
    units = recurrent.shape[0]
    if bias.shape != (2 * gates * units,):
        return arrays
    if recurrent.shape != (units, gates * units) or kernel.shape[1] != gates * units:
        raise CorruptFileError(f"{where}: expected {gates} gates, got shapes {[array.shape for array in arrays]}")
    kernel = np.hstack([part.T.reshape(part.shape, order="F") for part in np.hsplit(kernel, gates)])
    recurrent = np.hstack([part.T for part in np.hsplit(recurrent, gates)])
    bias = bias.reshape(2, -1)
    return [kernel, recurrent, bias.sum(axis=0, dtype=bias.dtype) if name == "LSTM" else bias]


# Of attention in tf-keras: attributes that are private there.
_RENAMED_ATTRIBUTES = {f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")}
_NOT_IN_KERAS3 = re.compile(r"(cu_dnn|sync_batch_normalization)")


def read_archive(root: Group) -> dict[str, NDArray[Any]]:
    """The arrays of ``model.weights.h5`` in an archive of tf-keras, by Keras 3's paths: ``layers/dense/vars/0``.

    Those of the optimizer are ``optimizer/vars/0``, ... as tf-keras orders them. tf-keras 2.13 has its layers in
    ``_layer_checkpoint_dependencies`` and leaves gaps in their numbers; on Windows names have backslashes.

    Raises:
        CorruptFileError: two arrays have the same path, or one is damaged.
        ValueError: layers that Keras 3 has under another name.
    """
    found = [(path.replace("\\", "/").split("/"), holder, name) for path, holder, name in root.walk()]
    # Every layer has a group, if empty; numbers are counted over all of them.
    folders = {tuple(parts) for parts in _folders(root)}
    renumbered = _renumbered(folders)
    arrays: dict[str, NDArray[Any]] = {}
    for parts, holder, name in found:
        renamed = [renumbered.get(tuple(parts[: depth + 1]), part) for depth, part in enumerate(parts)]
        if odd := next((part for part in renamed if _NOT_IN_KERAS3.match(part)), None):
            raise ValueError(f"{root.where('/'.join(parts))}: {odd} has another name in Keras 3, and is not supported")
        path = "/".join(_RENAMED_ATTRIBUTES.get(part, part) for part in renamed)
        if path in arrays:
            raise CorruptFileError(f"{root.where(path)}: two arrays of the same path")
        arrays[path] = read_dataset(holder, name)
    return arrays


def layer_paths(model: Config) -> dict[str, str]:
    """Where an archive has the weights of each layer, by its name, or its path as in ``read_weights``.

    ``model`` is the translated configuration: Keras counts the layers of one class in its order.

    Example:
        >>> dense = {"class_name": "Dense", "config": {}}
        >>> layers = [dense | {"name": "a"}, dense | {"name": "b"}]
        >>> layer_paths({"class_name": "Sequential", "config": {"layers": layers}})
        {'a': 'layers/dense', 'b': 'layers/dense_1'}
    """
    paths: dict[str, str] = {}

    def visit(entry: Config, name: str, folder: str) -> None:
        inner = _inner_model(entry)
        if inner.get("class_name") not in _MODELS:
            paths[name] = folder
            return
        numbers: dict[str, int] = {}
        below = f"{folder}/layer/layers" if inner is not entry else f"{folder}/layers"
        for own, layer in _entries(inner):
            kind = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", layer["class_name"])).lower()
            number = numbers[kind] = numbers.get(kind, -1) + 1
            visit(layer, f"{name}/{own}".lstrip("/"), f"{below}/{kind}_{number}" if number else f"{below}/{kind}")

    visit(model, "", "")
    return {name: folder.lstrip("/") for name, folder in paths.items()}


def _folders(group: Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in group.groups.items():
        parts = (*above, *name.replace("\\", "/").split("/"))
        for depth in range(len(above) + 1, len(parts) + 1):
            yield parts[:depth]
        yield from _folders(inner, parts)


def _renumbered(folders: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """The names in ``layers`` of what tf-keras 2.13 has in ``_layer_checkpoint_dependencies``, without the gaps."""
    renamed: dict[tuple[str, ...], str] = {}
    numbered: dict[tuple[tuple[str, ...], str], list[tuple[int, tuple[str, ...]]]] = {}
    for folder in folders:
        if folder[-1] == "_layer_checkpoint_dependencies":
            renamed[folder] = "layers"
        elif folder[-2:-1] == ("_layer_checkpoint_dependencies",):
            base, _, number = folder[-1].rpartition("_")
            kind, place = (base, int(number)) if base and number.isdecimal() else (folder[-1], 0)
            numbered.setdefault((folder[:-1], kind), []).append((place, folder))
    for (_, kind), places in numbered.items():
        for index, (_, folder) in enumerate(sorted(places)):
            renamed[folder] = f"{kind}_{index}" if index else kind
    return renamed
