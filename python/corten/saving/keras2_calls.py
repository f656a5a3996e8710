"""Calls of layers in a functional model: Keras 2's ``[[name, node, tensor, kwargs]]`` in Keras 3's form.

In Keras 2 arguments beside the first are written into each tensor of the first, and tensors among them look like lists;
in Keras 3 a call has args and kwargs, and a tensor is an object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import CorruptFileError
from .keras2_origin import layer_name, plain

__all__ = ["keras_tensor", "operation", "references", "translate_call"]

Config = dict[str, Any]

_CONSTANT = "_CONSTANT_VALUE"
#: Whose further inputs are the states to begin with.
RECURRENT = {"RNN", "SimpleRNN", "GRU", "LSTM", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}

# Arguments of calls that may be None, which is as if they were not there.
_OPTIONAL = {"constants", "initial_state", "mask", "training"}

# TensorFlow's functions, and what Keras 3 has for them: module, class, its own names of the arguments. Those of the
# class go to its configuration, `y` to the call.
_NUMPY, _NN, _CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"
_REDUCTION = {"axis": "axis", "keepdims": "keepdims"}
_OPERATIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "__operators__.add": (_NUMPY, "Add", {}),
    "__operators__.sub": (_NUMPY, "Subtract", {}),
    "cast": (_CORE, "Cast", {"dtype": "dtype"}),
    "clip_by_value": (_NUMPY, "Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "concat": (_NUMPY, "Concatenate", {"axis": "axis"}),
    "expand_dims": (_NUMPY, "ExpandDims", {"axis": "axis"}),
    "math.abs": (_NUMPY, "Absolute", {}),
    "math.add": (_NUMPY, "Add", {}),
    "math.divide": (_NUMPY, "TrueDivide", {}),
    "math.exp": (_NUMPY, "Exp", {}),
    "math.log": (_NUMPY, "Log", {}),
    "math.maximum": (_NUMPY, "Maximum", {}),
    "math.minimum": (_NUMPY, "Minimum", {}),
    "math.multiply": (_NUMPY, "Multiply", {}),
    "math.negative": (_NUMPY, "Negative", {}),
    "math.pow": (_NUMPY, "Power", {}),
    "math.reduce_max": (_NUMPY, "Max", _REDUCTION),
    "math.reduce_mean": (_NUMPY, "Mean", _REDUCTION),
    "math.reduce_min": (_NUMPY, "Min", _REDUCTION),
    "math.reduce_sum": (_NUMPY, "Sum", _REDUCTION),
    "math.sigmoid": (_NN, "Sigmoid", {}),
    "math.sqrt": (_NUMPY, "Sqrt", {}),
    "math.square": (_NUMPY, "Square", {}),
    "math.subtract": (_NUMPY, "Subtract", {}),
    "math.tanh": (_NUMPY, "Tanh", {}),
    "math.truediv": (_NUMPY, "TrueDivide", {}),
    "nn.relu": (_NN, "Relu", {}),
    "nn.relu6": (_NN, "Relu6", {}),
    "nn.sigmoid": (_NN, "Sigmoid", {}),
    "nn.softmax": (_NN, "Softmax", {"axis": "axis"}),
    "nn.tanh": (_NUMPY, "Tanh", {}),
    "reshape": (_NUMPY, "Reshape", {"shape": "newshape"}),
    "squeeze": (_NUMPY, "Squeeze", {"axis": "axis"}),
    "tanh": (_NUMPY, "Tanh", {}),
    "transpose": (_NUMPY, "Transpose", {"perm": "axes"}),
}
_REQUIRED = {
    "cast": ("dtype",),
    "clip_by_value": ("clip_value_min", "clip_value_max"),
    "concat": ("axis",),
    "expand_dims": ("axis",),
    "reshape": ("shape",),
    "transpose": ("perm",),
}


def keras_tensor(name: str, node: int, tensor: int) -> Config:
    """A tensor of a call. Keras 2 writes no shapes; readers look up the tensor by its history."""
    history = [layer_name(name), node, tensor]
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": history}}


def references(data: Any) -> Iterator[tuple[str, int]]:
    """Layer and node of every tensor in the data of a call, or in ``output_layers``."""
    if _is_tensor(data):
        if data[0] != _CONSTANT:
            yield data[0], data[1]
        if len(data) == 4:
            yield from references(data[3])
    elif isinstance(data, dict):
        for item in data.values():
            yield from references(item)
    elif isinstance(data, list):
        for item in data:
            yield from references(item)


def translate_call(data: Any, entry: Config, first_nodes: dict[str, int], where: str) -> Config:
    """One inbound node of the layer ``entry`` as ``{"args", "kwargs"}``.

    ``first_nodes`` has the number of the first call of each layer: 1 for a model in Keras 2, 0 otherwise.
    """
    kwargs: Config = {}

    def tensor(item: list[Any]) -> Any:
        name, node, index = item[:3]
        if len(item) == 4 and item[3]:
            if not isinstance(item[3], dict):
                raise CorruptFileError(f"{where}: expected arguments of a call, got {str(item[3])[:80]!r}")
            kwargs.update(argument(item[3]))
        if name == _CONSTANT:
            if entry["class_name"] not in ("TFOpLambda", "SlicingOpLambda"):
                raise ValueError(f"{where}: called on a constant, which Keras 3 does not keep")
            return plain(index)
        if name not in first_nodes:
            raise CorruptFileError(f"{where}: called on the output of {name!r}, which is no layer of the model")
        return keras_tensor(name, node - first_nodes[name], index)

    def argument(item: Any) -> Any:
        if _is_tensor(item) and len(item) == 3 and item[0] in first_nodes:
            return tensor(item)
        if isinstance(item, dict):
            return {key: argument(value) for key, value in item.items()}
        return [argument(value) for value in item] if isinstance(item, list) else plain(item)

    def inputs(item: Any) -> Any:
        if _is_tensor(item):
            return tensor(item)
        if isinstance(item, dict):
            return {key: inputs(value) for key, value in item.items()}
        if isinstance(item, list):
            return [inputs(value) for value in item]
        raise CorruptFileError(f"{where}: expected tensors that it is called on, got {str(item)[:80]!r}")

    first = inputs(data)
    if isinstance(first, list) and len(first) == 1:
        first = first[0]
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key not in _OPTIONAL}
    if entry["class_name"].removeprefix("CuDNN") in RECURRENT and isinstance(first, list):
        if kwargs.get("initial_state") is not None:
            raise CorruptFileError(f"{where}: two initial states")
        kwargs["initial_state"], first = first[1:], first[0]
    return {"args": [first], "kwargs": kwargs}


def operation(entry: Config, calls: list[Config], where: str) -> Config:
    """TensorFlow's function that tf-keras made a layer of, as Keras 3's operation; its calls are changed in place.

    Raises ``ValueError`` for functions and arguments that there is no equal for.
    """
    config = entry["config"]
    function = str(config.get("function", config.get("node_def"))).removeprefix("compat.v1.")
    if entry["class_name"] == "SlicingOpLambda" and function == "__operators__.getitem":
        for call in calls:
            spec = _only(call, {"slice_spec"}, where).get("slice_spec")
            call["args"].append([_index(item, where) for item in (spec if isinstance(spec, list) else [spec])])
        return _serialized(_NUMPY, "GetItem", config, {})
    if entry["class_name"] != "TFOpLambda" or function not in _OPERATIONS:
        raise ValueError(f"{where}: TensorFlow's {function[:80]!r} has no equal in Keras 3")
    module, name, arguments = _OPERATIONS[function]
    options: list[Config] = []
    for call in calls:
        given = _only(call, {"y", *arguments}, where)
        if missing := [key for key in _REQUIRED.get(function, ()) if given.get(key) is None]:
            raise CorruptFileError(f"{where}: {function} is called without {missing[0]}")
        if "y" in given:
            call["args"].append(given.pop("y"))
        options.append({arguments[key]: value for key, value in given.items()})
    if any(option != options[0] for option in options):
        raise ValueError(f"{where}: {function} is called with different arguments; Keras 3 keeps one set")
    chosen = options[0] if options else {}
    if any("__keras_tensor__" in str(value) for value in chosen.values()):
        raise ValueError(f"{where}: {function} with a tensor among its arguments has no equal in Keras 3")
    return _serialized(module, name, config, chosen)


def _only(call: Config, known: set[str], where: str) -> Config:
    kwargs = {
        key: value for key, value in call["kwargs"].items() if key != "name" and (key, value) != ("conjugate", False)
    }
    call["kwargs"] = {}
    if unknown := sorted(kwargs.keys() - known):
        raise ValueError(f"{where}: the argument {unknown[0]} has no equal in Keras 3")
    return kwargs


def _serialized(module: str, name: str, config: Config, options: Config) -> Config:
    own = {"name": layer_name(config.get("name")), **options}
    return {"module": module, "class_name": name, "config": own, "registered_name": name}


def _index(item: Any, where: str) -> Any:
    if isinstance(item, int) and not isinstance(item, bool):
        return item
    parts = item if isinstance(item, dict) else {}
    if parts.keys() == {"start", "stop", "step"} and all(isinstance(part, int | None) for part in parts.values()):
        return {"class_name": "__slice__", "config": parts}
    raise ValueError(f"{where}: an index {str(item)[:80]!r} has no equal in Keras 3")


def _is_tensor(data: Any) -> bool:
    return (
        isinstance(data, list)
        and len(data) in (3, 4)
        and isinstance(data[0], str)
        and type(data[1]) is int
        and (type(data[2]) is int or data[0] == _CONSTANT)
    )
