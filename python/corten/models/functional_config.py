"""The configuration of a functional model, as Keras has it: its layers, the calls between them, its ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from corten.graph import SymbolicTensor, flatten, map_nested
from corten.layers.input_layer import InputLayer
from corten.layers.layer import Layer
from corten.models.model import Model
from corten.models.operations import is_operation, operation, operation_entry, positional
from corten.serialization import deserialize_keras_object, serialize_keras_object

__all__ = ["MOST_LAYERS", "describe", "restore"]

#: Of a description that is read: more of them no network has, and each costs memory and time.
MOST_LAYERS = 10_000
_MOST_CALLS = 100_000

_TENSOR = "__keras_tensor__"


def describe(model: Any) -> dict[str, Any]:
    """``layers``, ``input_layers`` and ``output_layers`` of a functional model.

    Raises:
        ValueError: a function is applied that is neither a layer nor one of ``corten.ops``.
    """
    entries: dict[int, dict[str, Any]] = {}
    histories: dict[int, list[Any]] = {}
    names: set[str] = {layer.name for layer in model.layers}
    inputs = iter(layer for layer in model.layers if isinstance(layer, InputLayer))
    for symbol in model.inputs:
        layer = next(layer for layer in model.layers if isinstance(layer, InputLayer) and layer.output is symbol)
        histories[id(symbol)] = [layer.name, 0, 0]
    for node in model.nodes:
        if isinstance(node, SymbolicTensor):
            layer = next(inputs)
            entries[id(node)] = _entry(serialize_keras_object(layer), layer.name)
            continue
        args, kwargs = node.args, node.kwargs
        if isinstance(node.function, Layer):
            key, name = id(node.function), node.function.name
            if key not in entries:
                entries[key] = _entry(serialize_keras_object(node.function), name)
        else:
            description, base, args, kwargs = operation_entry(node.function, args, kwargs)
            key, name = id(node), _unused(base, names)
            description["config"] = {**serialize_keras_object(description["config"]), "name": name}
            entries[key] = _entry(description, name)
        nodes = entries[key]["inbound_nodes"]
        nodes.append(_node(args, kwargs, histories, name))
        for position, symbol in enumerate(flatten(node.outputs)):
            histories[id(symbol)] = [name, len(nodes) - 1, position]

    def end(symbol: SymbolicTensor) -> list[Any]:
        name, index, position = histories[id(symbol)]
        return [name, index + (0 if symbol.call is None else _own_nodes(symbol.call.function)), position]

    return {
        "layers": list(entries.values()),
        "input_layers": map_nested(end, model.input),
        "output_layers": map_nested(end, model.output),
    }


def _entry(description: dict[str, Any], name: str) -> dict[str, Any]:
    return {**description, "name": name, "inbound_nodes": []}


def _unused(base: str, names: set[str]) -> str:
    name, count = base, 0
    while name in names:
        count += 1
        name = f"{base}_{count}"
    names.add(name)
    return name


def _own_nodes(function: Any) -> int:
    """Where ends refer to a functional model inside, Keras counts its making as its first call; calls do not so."""
    return int(isinstance(function, Model.functional_class))


def _node(args: Any, kwargs: dict[str, Any], histories: dict[int, list[Any]], name: str) -> dict[str, Any]:
    def leaf(value: Any) -> Any:
        if not isinstance(value, SymbolicTensor):
            return value
        if id(value) not in histories:
            raise ValueError(f"{name!r} is applied to the mask of a tensor, which a configuration cannot express")
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": histories[id(value)]}
        return {"class_name": _TENSOR, "config": config}

    node = {
        "args": serialize_keras_object(map_nested(leaf, list(args))),
        "kwargs": serialize_keras_object(map_nested(leaf, kwargs)),
    }
    if kwargs.get("training") is False:
        # Keras writes its own default so, and overrides it; what was asked for is said beside it.
        node["training"] = False
    return node


# --- from a configuration --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reference:
    """The place of a tensor: the entry, which of its calls, which of the outputs."""

    name: str
    call: int
    output: int


class _Node:
    """One call to be made, once what it refers to is there."""

    def __init__(self, name: str, index: int, data: dict[str, Any]) -> None:
        if not isinstance(data, dict) or not isinstance(data.get("args"), list):
            raise ValueError(f"{name!r}: inbound_nodes: expected args and kwargs, got {str(data)[:80]}")
        self.name, self.index = name, index
        self.needs: list[_Reference] = []
        self.args = tuple(self._argument(value) for value in data["args"])
        self.kwargs = {key: self._argument(value) for key, value in dict(data.get("kwargs") or {}).items()}
        if not self.needs:  # an op on numbers alone would run now
            raise ValueError(f"{name!r}: inbound_nodes: a call of no tensor")
        if self.kwargs.get("training") is None or self.kwargs["training"] is False:
            self.kwargs.pop("training", None)
        if data.get("training") is False:
            self.kwargs["training"] = False
        self.kwargs = {key: value for key, value in self.kwargs.items() if value is not None or key != "mask"}

    def _argument(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("class_name") == _TENSOR:
            config = value.get("config")
            reference = _reference(config.get("keras_history") if isinstance(config, dict) else config)
            self.needs.append(reference)
            return reference
        if "class_name" in value and "config" in value:
            return deserialize_keras_object(value)
        return {key: self._argument(item) for key, item in value.items()}


def _reference(history: Any) -> _Reference:
    name, call, output = history[:3] if isinstance(history, (list, tuple)) and len(history) >= 3 else (None,) * 3
    if not (isinstance(name, str) and (call is None or type(call) is int) and type(output) is int):
        raise ValueError(f"expected [layer, call, output], got {str(history)[:80]}")
    return _Reference(name, call or 0, output)


def restore(config: dict[str, Any]) -> tuple[Any, Any]:
    """The symbolic inputs and outputs that a configuration describes, made by calling its layers anew.

    Raises:
        ValueError: a call refers to what is not there, or calls wait for one another in a circle.
    """
    functions: dict[str, Callable[..., Any]] = {}
    options: dict[str, dict[str, Any]] = {}
    outputs: dict[str, list[list[Any]]] = {}
    waiting: deque[_Node] = deque()
    for entry in _entries(config):
        name = entry["name"]
        if name in functions:
            raise ValueError(f"two layers are named {name!r}")
        functions[name], options[name] = _function(entry)
        outputs[name] = []
        if isinstance(functions[name], InputLayer):
            outputs[name].append([functions[name].output])  # type: ignore[attr-defined]
            continue
        if len(waiting) + len(entry["inbound_nodes"]) > _MOST_CALLS:
            raise ValueError(f"expected at most {_MOST_CALLS} calls of layers")
        waiting.extend(_Node(name, index, data) for index, data in enumerate(entry["inbound_nodes"]))

    def tensor(reference: _Reference, own_nodes: int = 0) -> Any:
        calls = outputs.get(reference.name)
        if calls is None:
            raise ValueError(f"a call refers to {reference.name!r}, and there is no such layer")
        index = reference.call - own_nodes
        if not 0 <= index < len(calls):
            return None
        if not 0 <= reference.output < len(calls[index]):
            raise ValueError(f"{reference.name!r} has {len(calls[index])} outputs, not output {reference.output}")
        return calls[index][reference.output]

    def value(leaf: Any) -> Any:
        return tensor(leaf) if isinstance(leaf, _Reference) else leaf

    for node in _in_order(waiting, tensor, outputs):
        args, kwargs = map_nested(value, node.args), {**options[node.name], **map_nested(value, node.kwargs)}
        result = functions[node.name](*positional(functions[node.name], args, kwargs), **kwargs)
        outputs[node.name].append(flatten(result))

    def end(history: Any) -> Any:
        if isinstance(history, dict):
            return {key: end(item) for key, item in history.items()}
        if not isinstance(history, (list, tuple)):
            raise ValueError(f"expected the ends of the model as [layer, call, output], got {str(history)[:80]}")
        if history and isinstance(history[0], str):
            symbol = tensor(_reference(history), _own_nodes(functions.get(history[0])))
            if symbol is None:
                raise ValueError(f"an end of the model refers to call {history[1]} of {history[0]!r}; there is none")
            return symbol
        items = [end(item) for item in history]
        return tuple(items) if isinstance(history, tuple) else items

    return end(config.get("input_layers")), end(config.get("output_layers"))


def _entries(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The descriptions of the layers, each with its name."""
    layers = config.get("layers")
    if not isinstance(layers, list):
        raise ValueError(f"layers: expected a list, got {str(layers)[:80]}")
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"layers: expected at most {MOST_LAYERS}, got {len(layers)}")
    for entry in layers:
        if not isinstance(entry, dict) or "class_name" not in entry or not isinstance(entry.get("config"), dict):
            raise ValueError(f"layers: expected the description of a layer, got {str(entry)[:80]}")
        name = entry.get("name") or entry["config"].get("name")
        if not isinstance(name, str):
            raise ValueError(f"layers: expected the name of a layer, got {str(name)[:80]}")
        nodes = entry.get("inbound_nodes") or []
        if not isinstance(nodes, list):
            raise ValueError(f"{name!r}: inbound_nodes: expected a list, got {str(nodes)[:80]}")
        yield {**entry, "name": name, "inbound_nodes": nodes}


def _function(entry: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The layer of an entry, or the op and the arguments that its configuration has."""
    if is_operation(entry):
        function, config = operation(entry)
        return function, deserialize_keras_object(config)
    layer = deserialize_keras_object(entry)
    if not isinstance(layer, Layer):
        raise ValueError(f"{entry.get('class_name')!r}: expected a layer, got {type(layer).__name__}")
    return layer, {}


def _in_order(
    waiting: deque[_Node], tensor: Callable[[_Reference], Any], made: dict[str, list[list[Any]]]
) -> Iterator[_Node]:
    """The nodes, each when what it needs is there; those of one layer in their order."""
    # By the call (of which layer, which of its calls) that a node waits for.
    blocked: dict[tuple[str, int], list[_Node]] = {}
    while waiting:
        node = waiting.popleft()
        lacking = next(((need.name, need.call) for need in node.needs if tensor(need) is None), None)
        if lacking is None and len(made[node.name]) != node.index:
            lacking = node.name, node.index - 1
        if lacking is not None:
            blocked.setdefault(lacking, []).append(node)
            continue
        yield node
        waiting.extend(blocked.pop((node.name, node.index), ()))
    if blocked:
        names = ", ".join(repr(nodes[0].name) for nodes in list(blocked.values())[:5])
        raise ValueError(f"the calls of {names} wait for one another, or for calls that are not there")
