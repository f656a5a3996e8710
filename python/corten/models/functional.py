"""Functional models: a graph of layer and op calls between symbolic inputs and outputs."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from corten.errors import ArgumentTypeError
from corten.graph import Call, SymbolicTensor, Tensor, flatten, map_nested
from corten.layers.input_layer import InputLayer
from corten.layers.layer import Layer
from corten.models import functional_config
from corten.models.model import Model

__all__ = ["Functional", "Symbols", "constructed_by_tensors"]


#: Symbolic tensors: one, or several in lists, tuples and dicts.
Symbols: TypeAlias = "SymbolicTensor | Sequence[Symbols] | Mapping[str, Symbols]"


class Functional(Model):
    """``Model(inputs, outputs)``: everything between two sets of symbolic tensors.

    Args:
        inputs: a symbolic tensor or nested lists, tuples, dicts of them.
        outputs: likewise; each must follow from the inputs.

    Raises:
        ValueError: an output depends on a symbolic input that is not among ``inputs``.
    """

    def __init__(
        self, inputs: Symbols, outputs: Symbols, name: str | None = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        for tensor in flatten([inputs, outputs]):
            if not isinstance(tensor, SymbolicTensor):
                raise ArgumentTypeError(
                    f"Model: expected symbolic tensors (from Input and layers), got {type(tensor).__name__}"
                )
        if not flatten(outputs) or len(flatten(outputs)) != len(_by_key(outputs)):
            raise ValueError(f"Model: outputs: expected symbolic tensors, got {outputs!r}")
        # The structures are not attributes to search for layers.
        object.__setattr__(self, "_inputs", inputs)
        object.__setattr__(self, "_outputs", outputs)
        nodes = _in_keras_order(_order(flatten(inputs), _by_key(outputs)), flatten(inputs))
        #: Inputs and calls, those farthest from the outputs first.
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "_calls", [node for node in nodes if isinstance(node, Call)])
        layers: dict[int, Layer] = {}
        for node in nodes:
            if isinstance(node, SymbolicTensor):
                layers[id(node)] = _input_layer(node)
            elif isinstance(node.function, Layer):
                layers[id(node.function)] = node.function
        self._layers = list(layers.values())
        for name, count in Counter(layer.name for layer in self._layers).items():
            if count > 1:
                raise ValueError(f"Model: layer names must be unique, {name!r} is used {count} times")
        self.built = True

    nodes: list[Call | SymbolicTensor]
    _inputs: Any
    _outputs: Any
    _calls: list[Call]

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers)

    def _saved_parts(self) -> Iterator[tuple[str, Any]]:
        yield "layers", self.layers
        yield from super()._saved_parts()

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return flatten(self._inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return flatten(self._outputs)

    @property
    def input(self) -> Any:
        return self._inputs

    @property
    def output(self) -> Any:
        return self._outputs

    @property
    def output_names(self) -> list[str]:
        """The layer (or op) behind each output."""
        return [_name_of(tensor) for tensor in self.outputs]

    def get_config(self) -> dict[str, Any]:
        """The layers and how they are connected; of a subclass with a constructor of its own, its arguments."""
        if not constructed_by_tensors(type(self)):
            return super().get_config()
        return {"name": self.name, "trainable": self.trainable, **functional_config.describe(self)}

    @classmethod
    def _from_config(cls, config: dict[str, Any]) -> Any:
        if not constructed_by_tensors(cls):
            return super()._from_config(config)
        options = {name: config[name] for name in ("name", "trainable") if config.get(name) is not None}
        return cls(*functional_config.restore(config), **options)

    def get_build_config(self) -> dict[str, Any] | None:
        """None: layers are built as they are connected."""
        return None

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        tensors = self._match(_with_masks(inputs, mask, self.name))
        values: dict[int, Any] = {}
        for symbol, tensor in zip(self.inputs, tensors, strict=True):
            values[id(symbol)] = tensor
            if isinstance(symbol.mask, SymbolicTensor) and tensor.mask is not None:
                values[id(symbol.mask)] = tensor.mask

        def known(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf

        for call in self._calls:
            outputs = call.function(*map_nested(known, call.args), **map_nested(known, call.kwargs))
            for symbol, tensor in zip(flatten(call.outputs), flatten(outputs), strict=True):
                values[id(symbol)] = tensor
                if isinstance(symbol.mask, SymbolicTensor):
                    values[id(symbol.mask)] = tensor.mask
        return map_nested(known, self._outputs)

    def _match(self, inputs: Any) -> list[Any]:
        """The given tensors in the order of the model's inputs; dicts are matched by name.

        Raises:
            ValueError: an input is missing, or a list was given for a dict.
        """
        if isinstance(inputs, dict):
            known = self._inputs if isinstance(self._inputs, dict) else {symbol.name for symbol in self.inputs}
            unused = sorted(str(key) for key in inputs if key not in known)
            if unused:
                warnings.warn(f"{self.name!r}: ignoring unknown inputs {', '.join(unused)}", stacklevel=2)
        if isinstance(inputs, dict) and not isinstance(self._inputs, dict):
            missing = [symbol.name for symbol in self.inputs if symbol.name not in inputs]
            if missing:
                raise ValueError(f"{self.name!r}: no input named {missing[0]!r}, got {sorted(inputs)}")
            tensors = [inputs[symbol.name] for symbol in self.inputs]
        elif isinstance(inputs, dict):
            missing = [key for key in self._inputs if key not in inputs]
            if missing:
                raise ValueError(f"{self.name!r}: no input named {missing[0]!r}, got {sorted(inputs)}")
            tensors = flatten({key: inputs[key] for key in self._inputs})
        elif isinstance(self._inputs, dict) and len(self.inputs) > 1:
            raise ValueError(
                f"{self.name!r}: expected a dict of inputs with keys {list(self._inputs)}, got a "
                f"{type(inputs).__name__}: cannot tell which item belongs to which input"
            )
        else:
            tensors = flatten(inputs)
        if len(tensors) != len(self.inputs):
            raise ValueError(f"{self.name!r}: expected {len(self.inputs)} inputs, got {len(tensors)}")
        return [self._fit(symbol, tensor) for symbol, tensor in zip(self.inputs, tensors, strict=True)]


Model.functional_class = Functional


def _with_masks(inputs: Any, masks: Any, where: str) -> Any:
    """The inputs of a model with the masks given for them, nested alike; None where there is none."""
    if masks is None:
        return inputs
    if isinstance(inputs, (list, tuple, dict)):
        keys = list(inputs) if isinstance(inputs, dict) else range(len(inputs))
        if isinstance(inputs, dict) != isinstance(masks, dict) or len(masks) != len(inputs):
            raise ValueError(f"{where!r}: mask: expected one per input, nested like the inputs, got {masks!r}")
        masked = [_with_masks(inputs[key], masks[key], where) for key in keys]
        return dict(zip(keys, masked)) if isinstance(inputs, dict) else masked
    if not isinstance(inputs, Tensor) or inputs.mask is masks:
        return inputs
    tensor = Tensor(inputs.graph, inputs.id)  # the caller's own stays as it is
    tensor.mask = inputs.graph.tensor(masks)
    return tensor


def _by_key(value: Any) -> list[SymbolicTensor]:
    """The tensors in nested lists and dicts; those of a dict in the order of its keys."""
    if isinstance(value, dict):
        return [tensor for key in sorted(value) for tensor in _by_key(value[key])]
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _by_key(item)]
    return [value]


def _arguments(call: Call) -> list[SymbolicTensor]:
    return [leaf for leaf in flatten([call.args, call.kwargs]) if isinstance(leaf, SymbolicTensor)]


def _order(inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]) -> tuple[list[Call], dict[int, int]]:
    """The calls between inputs and outputs, each after those it needs; and when each function or input was met."""
    inputs_by_id = {id(tensor) for tensor in inputs}
    order: list[Call] = []
    done: set[int] = set()
    met: dict[int, int] = {}
    stack: list[tuple[SymbolicTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, ready = stack.pop()
        call = tensor.call
        if id(tensor) in inputs_by_id:
            met.setdefault(id(tensor), len(met))
            continue
        if call is None:
            raise ValueError(f"Model: the outputs depend on {tensor!r}, which is not among the inputs")
        if id(call) in done:
            continue
        if ready:
            done.add(id(call))
            order.append(call)
            continue
        met.setdefault(_operation(call), len(met))
        stack.append((tensor, True))
        stack.extend((argument, False) for argument in reversed(_arguments(call)))
    return order, met


def _operation(node: Call | SymbolicTensor) -> int:
    """What counts as one in the order of a model: a layer however often it is applied, each op, each input."""
    return id(node.function) if isinstance(node, Call) and isinstance(node.function, Layer) else id(node)


def _in_keras_order(
    ordered: tuple[list[Call], dict[int, int]], inputs: list[SymbolicTensor]
) -> list[Call | SymbolicTensor]:
    """Calls and inputs, those farthest from the outputs first: the order of Keras's layers and weights."""
    order, met = ordered
    inputs_by_id = {id(tensor) for tensor in inputs}
    # Of each call and input, and of the layers, however often applied.
    depths: dict[int, int] = {}
    deepest: dict[int, int] = {}
    nodes: list[Call | SymbolicTensor] = [*inputs, *order]
    for node in reversed(nodes):
        depth = deepest[_operation(node)] = max(depths.get(id(node), 0), deepest.get(_operation(node), 0))
        depths[id(node)] = depth
        for argument in _arguments(node) if isinstance(node, Call) else ():
            parent: Any = argument if id(argument) in inputs_by_id or argument.call is None else argument.call
            depths[id(parent)] = max(depths.get(id(parent), 0), depth + 1)
    return sorted(nodes, key=lambda node: (-depths[id(node)], met.get(_operation(node), -1)))


def constructed_by_tensors(kind: type) -> bool:
    """Whether a class is made from inputs and outputs, as ``Model`` is."""
    return kind.__init__ in (Functional.__init__, Model.__init__)  # type: ignore[misc]


def _input_layer(symbol: SymbolicTensor) -> InputLayer:
    return InputLayer(input_tensor=symbol, name=symbol.name)


def _name_of(tensor: SymbolicTensor) -> str:
    if tensor.call is None:
        return tensor.name or "input"
    function = tensor.call.function
    return function.name if isinstance(function, Layer) else getattr(function, "__name__", "output")
