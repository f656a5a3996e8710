"""Models that were read from ONNX files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten import ops
from corten.errors import ShapeError
from corten.graph import Array, SymbolicTensor
from corten.models.function import Function
from corten.models.model import Model, fits
from corten.onnx.file import external_data, read
from corten.onnx.graph import Declared, Node, parse, steering
from corten.onnx.graph import Graph as OnnxGraph
from corten.onnx.inputs import Numbers, constant_of, first_size, sizes_of, symbol_of
from corten.onnx.interpreter import apply, expect_supported, run
from corten.onnx.layer_names import LayerNames
from corten.onnx.node_layer import NodeLayer
from corten.onnx.operator import Call
from corten.onnx.skeleton import bones, filled, flesh_out, strip
from corten.onnx.trial import TRIALS, Sizes, Trial, trial
from corten.onnx.unsupported import UnknownValueError, UnsupportedOperatorError
from corten.onnx.values import Data, Value, as_data, transposed
from corten.onnx.weights import Weights, find_weights
from corten.saving.atomic import atomic_write
from corten.serialization import publish
from corten.training.feed import Data as Columns

__all__ = ["OnnxModel", "load"]


def load(
    source: str | os.PathLike[str] | bytes,
    trainable_from: str | None = None,
    *,
    known: Mapping[str, ArrayLike] | None = None,
    outputs: Sequence[str] | None = None,
    batch_axis: Mapping[str, int] | None = None,
    external: bool = True,
    name: str | None = None,
) -> OnnxModel:
    """The model in an ONNX file: it predicts, is trained further, looked at and exported as any other.

    Args:
        source: a path, or the bytes of a file.
        trainable_from: a node or layer; training changes nothing before it, in the order of the file.
        known: inputs that always have the same value, by name: a sampling rate, a state to begin with.
        outputs: the names of the outputs wanted; all of them unless given. Outputs of nodes will do too, such as what
            comes before a head that is to be replaced. What they do not need is left out.
        batch_axis: for inputs and outputs by name, the axis along which samples lie where it is not the first: the
            model takes and gives them with that axis first.
        external: whether weights may be in files beside the model, in its own folder.
        name: of the model.

    Raises:
        CorruptFileError: the file is damaged, or no ONNX file.
        UnsupportedOperatorError: it has operators, attributes or types that Corten does not run; each is named.
        UnsafeFileError: weights are in files outside the model's own folder.
        ImportError: the package onnx is missing.
        ValueError: there is no such node, input or output.

    >>> import numpy as np, onnx, corten
    >>> from onnx import helper, numpy_helper
    >>> weight = numpy_helper.from_array(np.float32([[1, 2, 3]]), "dense.weight")
    >>> graph = helper.make_graph(
    ...     [helper.make_node("Gemm", ["x", "dense.weight"], ["y"], transB=1)], "doubled",
    ...     [helper.make_tensor_value_info("x", 1, ["batch", 3])], [helper.make_tensor_value_info("y", 1, None)],
    ...     [weight])
    >>> model = corten.onnx.load(helper.make_model(graph).SerializeToString())
    >>> model.predict(np.float32([[1, 1, 1], [1, 0, 0]]), verbose=0)
    array([[6.],
           [1.]], dtype=float32)
    >>> [layer.name for layer in model.layers]
    ['dense']
    """
    proto, folder = read(source)
    parsed = parse(proto, external_data(folder, external))
    model = OnnxModel(*parsed, known=known, outputs=outputs, batch_axis=batch_axis, name=name)
    if trainable_from is not None:
        model.freeze_before(trainable_from)
    return model


class OnnxModel(Model):
    """The model that :func:`load` gives: the nodes of the file that have weights are its layers.

    Inputs are one array, a list in the order of the file, or a dict by name; outputs one array or a list. A step is
    traced for each shape, as with every model: what a file computes from shapes is computed then, once.

    Args:
        graph: of the file.
        proto: the ``ModelProto`` that it is of; its weights are taken out of it.
        known, outputs, batch_axis, name: as in :func:`load`.
    """

    def __init__(
        self,
        graph: OnnxGraph,
        proto: Any,
        *,
        known: Mapping[str, ArrayLike] | None = None,
        outputs: Sequence[str] | None = None,
        batch_axis: Mapping[str, int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        arrays = {key: np.asarray(value) for key, value in (known or {}).items()}
        batch_axis = dict(batch_axis or {})
        config = {
            "known": {key: array.tolist() for key, array in arrays.items()},
            "outputs": None if outputs is None else list(outputs),
            "batch_axis": dict(batch_axis),
        }
        object.__setattr__(self, "_config", config)
        names = [declared.name for declared in graph.inputs]
        _expect_names("known", arrays, names)
        _expect_names("batch_axis", batch_axis, [*names, *(declared.name for declared in graph.outputs)])
        if outputs is not None:
            graph = graph.pruned(list(outputs))
        expect_supported(graph)
        for declared in graph.inputs:
            if declared.name in arrays:
                graph.constants[declared.name] = constant_of(arrays[declared.name], declared)
        graph.inputs = [declared for declared in graph.inputs if declared.name not in arrays]
        if not graph.inputs:
            raise ValueError("an ONNX model without inputs has nothing to predict from")
        weights = find_weights(graph)
        named = LayerNames(list(weights.nodes))
        layers = {node: NodeLayer(node, own, named(node, own[0].name)) for node, own in weights.nodes.items()}
        for (owner, constant), weight in weights.constants.items():
            if constant in owner.constants:
                owner.constants[constant] = weight.array
        strip(graph, set(weights.constants))
        self._config["model"] = bones(proto)
        _forget_messages(graph)
        ordered = {node: place for place, node in enumerate(graph.every_node())}
        self.nodes = [layers[node] for node in sorted(layers, key=ordered.__getitem__)]
        object.__setattr__(self, "_graph", graph)
        object.__setattr__(self, "_weights_of", weights)
        object.__setattr__(self, "_layer_of", layers)
        object.__setattr__(self, "_places", ordered)
        object.__setattr__(self, "_batch_axis", batch_axis)
        object.__setattr__(self, "_inputs_", [symbol_of(declared, batch_axis) for declared in graph.inputs])
        object.__setattr__(self, "_whole", Function(self._predicted))
        object.__setattr__(self, "_numbers", steering(graph))
        self.built = True
        self._look_at_shapes()

    _graph: OnnxGraph
    _weights_of: Weights
    _layer_of: dict[Node, NodeLayer]
    _places: dict[Node, int]
    _batch_axis: dict[str, int]
    _inputs_: list[SymbolicTensor]
    _whole: Function
    #: Whether outputs have as many rows as inputs, where a trace showed it.
    _outputs_by_rows = True
    #: The inputs whose numbers must be known when a step is traced.
    _numbers: set[str]

    # --- what it is made of --------------------------------------------------------------------------------------

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return list(self._inputs_)

    @property
    def input(self) -> Any:
        return self._inputs_[0] if len(self._inputs_) == 1 else list(self._inputs_)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, in the order of the file."""
        return [declared.name for declared in self._graph.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of the file."""
        return [declared.name for declared in self._graph.outputs]

    @property
    def by_rows(self) -> bool:
        """Whether the first axis of all inputs and outputs is the batch, as far as the file tells.

        ``predict`` takes such a model through its data in batches, others at once. Those are others too in which what
        is done depends on the numbers of an input: a rate that chooses a branch, a shape.
        """
        if self._numbers or not self._outputs_by_rows:
            return False
        firsts = {first_size(declared, self._batch_axis) for declared in self._graph.inputs} - {None}
        if len(firsts) > 1 or "" in firsts:
            return False
        first = next(iter(firsts), None)
        for declared in self._graph.outputs:
            size = first_size(declared, self._batch_axis)
            if size == "" or (isinstance(size, int) and size != first):
                return False
        # Where a later axis is called the batch, the first one is not.
        later = [
            size for d in self._graph.inputs for size in sizes_of(d, self._batch_axis)[1:] if isinstance(size, str)
        ]
        return not any("batch" in size.lower() or size == first for size in later)

    def freeze_before(self, name: str) -> None:
        """Makes the layers before a node or layer untrainable, in the order of the file, and all others trainable.

        Raises:
            ValueError: there is no such node or layer.
        """
        places = [place for node, place in self._places.items() if name in (node.name, *node.outputs)]
        places += [self._places[node] for node, layer in self._layer_of.items() if layer.name == name]
        if not places:
            raise ValueError(
                f"trainable_from: no node or layer {name!r}; the layers are {[layer.name for layer in self.nodes]}"
            )
        for node, layer in self._layer_of.items():
            layer.trainable = self._places[node] >= min(places)

    def get_config(self) -> dict[str, Any]:
        """What makes the model again, without its weights."""
        untrainable = [layer.name for layer in self.nodes if not layer.trainable]
        return {"name": self.name, "trainable": self.trainable, **self._config, "untrainable": untrainable}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> OnnxModel:
        """A model of the graph that :meth:`get_config` gave, whose weights are zeros."""
        config = dict(config)
        trainable, untrainable = config.pop("trainable", True), config.pop("untrainable", [])
        model = cls(*parse(*flesh_out(config.pop("model"))), **config)
        model.trainable = trainable
        for layer in model.nodes:
            layer.trainable = trainable and layer.name not in untrainable
        return model

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Writes the model as an ONNX file: the graph that it was read from, with the weights that it has now.

        Axes that ``batch_axis`` moves lie where they lay in the file. With a signature, or other options, what the
        model computes is traced, as of other models.
        """
        kind = format or os.fspath(filepath).rpartition(".")[2]
        if input_signature is not None or kwargs or kind != "onnx":
            super().export(filepath, format, verbose, input_signature, **kwargs)
            return
        data = filled(self._config["model"], self._graph, self._weights_of).SerializeToString()
        with atomic_write(filepath) as file:
            file.write(data)
        if verbose:
            print(f"Saved the model as ONNX at {os.fspath(filepath)!r}")

    # --- running -------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        values = {
            declared.name: self._entered(declared, symbol, tensor)
            for declared, symbol, tensor in zip(self._graph.inputs, self._inputs_, self._matched(inputs))
        }
        outputs = self._interpreted(values, training)
        tensors = [self._left(declared, value) for declared, value in zip(self._graph.outputs, outputs)]
        return tensors[0] if len(tensors) == 1 else tensors

    def _matched(self, inputs: Any) -> list[Any]:
        """The tensors given, in the order of the file."""
        names = self.input_names
        if isinstance(inputs, Mapping):
            if set(inputs) != set(names):
                raise ValueError(f"{self.name!r}: expected inputs named {names}, got {sorted(map(str, inputs))}")
            return [inputs[name] for name in names]
        tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(tensors) != len(names):
            raise ValueError(f"{self.name!r}: expected {len(names)} inputs, {names}, got {len(tensors)}")
        return tensors

    def _entered(self, declared: Declared, symbol: SymbolicTensor, tensor: Any) -> Value:
        """An input as the graph takes it."""
        if isinstance(tensor, Numbers):
            return constant_of(tensor.array, declared)
        sizes = tuple(tensor.shape)
        if declared.shape is not None and not fits(sizes, symbol.shape):
            raise ShapeError(f"{self.name!r}: input {declared.name!r} expects shape {symbol.shape}, got {sizes}")
        dtype = declared.dtype
        assert dtype is not None
        if dtype.kind == "b":
            tensor = ops.not_equal(tensor, 0.0)
        elif tensor.dtype != symbol.dtype:
            tensor = ops.cast(tensor, symbol.dtype)
        data = Data(tensor, dtype, source=declared.name)
        axis = self._batch_axis.get(declared.name, 0)
        if axis:
            order = list(range(1, len(sizes)))
            order.insert(axis, 0)
            return transposed(data, order)
        return data

    def _left(self, declared: Declared, value: Value) -> Any:
        """An output as the model gives it."""
        axis = self._batch_axis.get(declared.name, 0)
        if axis:
            value = transposed(value, [axis, *(a for a in range(len(value.shape)) if a != axis)])
        data = as_data(value, f"output {declared.name!r}")
        return ops.cast(data.plain, "uint8") if data.dtype.kind == "b" else data.plain

    def _interpreted(self, values: Mapping[str, Value], training: bool | None) -> list[Value]:
        read: dict[Any, Data] = {}

        def constant(graph: OnnxGraph, name: str, value: Value) -> Value:
            weight = self._weights_of.constants.get((graph, name))
            if weight is None:
                return value
            if weight not in read:
                assert weight.variable is not None
                read[weight] = Data(weight.variable.value, weight.array.dtype, weight.order)
            return read[weight]

        def apply_node(
            node: Node, inputs: list[Value | None], branch: Callable[[OnnxGraph], list[Value]]
        ) -> Sequence[Value | None]:
            layer = self._layer_of.get(node)
            if layer is None:
                return apply(node, inputs, Call(node, bool(training), run=branch))
            results: list[Value | None] = []
            given = layer(inputs, results, branch, training=training)
            tensors = iter(given if isinstance(given, list) else [given])
            return [value.like(next(tensors)) if isinstance(value, Data) else value for value in results]

        return run(self._graph, values, apply_node, constant)

    def _predicted(self, inputs: Any) -> Any:
        return self(inputs, training=False)

    def predict(
        self,
        x: Columns,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for ``x``: batch by batch where the first axis of all inputs and outputs is the batch.

        Otherwise (a state lies in another order, an input is one number for all) the whole of ``x`` is one batch. A
        batch is of the size that the file demands, where it does.
        """
        if isinstance(x, Mapping):
            x = dict(zip(self.input_names, self._matched(x)))
        if self.by_rows:
            fixed = self._inputs_[0].shape[0] if self._inputs_[0].shape else None
            return super().predict(x, batch_size or fixed, verbose, steps, callbacks)
        if batch_size is not None or steps is not None or callbacks is not None:
            raise ValueError(
                f"predict: {self.name!r} does not have the batch first in all inputs and outputs, so that there are no "
                "batches to choose; batch_axis of corten.onnx.load says where it is"
            )
        return self._at_once([np.asarray(array) for array in self._matched(x)])

    def _at_once(self, arrays: list[Array]) -> Any:
        """The outputs for inputs as a whole; those whose numbers are asked for are known to the trace."""
        names = self.input_names
        inputs = [Numbers(a) if name in self._numbers else a for name, a in zip(names, arrays)]
        try:
            return self._whole(inputs)
        except UnknownValueError as error:
            if not self._asked(error):
                raise
        return self._at_once(arrays)

    def _asked(self, error: UnknownValueError) -> bool:
        """Whether there are inputs that may have the numbers an operator needs: they are known from now on."""
        integers = {d.name for d in self._graph.inputs if d.dtype is not None and d.dtype.kind in "iub"}
        more = {error.source} if error.source is not None else integers
        if more <= self._numbers:
            return False
        object.__setattr__(self, "_numbers", self._numbers | more)
        return True

    def _look_at_shapes(self) -> None:
        """Traces the model on inputs of sizes that may be, to learn the shapes in it and what it does not support."""
        if any(declared.shape is None for declared in self._graph.inputs):
            return
        refused: list[UnsupportedOperatorError] = []
        for pair in TRIALS:
            if self._numbers:
                return  # There are none yet.
            try:
                trials = self._tried(pair)
            except UnsupportedOperatorError as error:
                refused.append(error)
                continue
            if trials is not None:
                self._learn(*trials)
                return
        if len(refused) == len(TRIALS):
            raise refused[0]

    def _tried(self, pair: tuple[Sizes, Sizes]) -> tuple[Trial, Trial] | None:
        """What two traces on different sizes show; None where these will not do: data will show what does."""
        (batch, size), (other, another) = pair
        first = self._trial(batch, size)
        second = None if first is None else self._trial(other, another) or self._trial(other, size)
        return None if first is None or second is None else (first, second)

    def _trial(self, batch: int, other: int) -> Trial | None:
        shapes = [sizes_of(declared, self._batch_axis) for declared in self._graph.inputs]
        try:
            return trial(self, shapes, [symbol.dtype for symbol in self._inputs_], batch, other)
        except UnknownValueError as error:
            if not self._asked(error):
                raise
        except UnsupportedOperatorError:
            raise
        except (ValueError, IndexError):
            pass
        return None

    def _learn(self, first: Trial, second: Trial) -> None:
        """Takes over the shapes that two traces agree upon."""
        object.__setattr__(self, "_outputs_by_rows", first.by_rows and second.by_rows)
        for layer, shape in first.shapes.items():
            twin = second.shapes.get(layer)
            if twin is not None and len(twin) == len(shape):
                layer.output_shape = tuple(a if a == b else None for a, b in zip(shape, twin))
        # A branch that is not taken may use the weights of one that is.
        reached = {id(weight) for layer in first.shapes for weight in layer.variables}
        self.nodes = [
            layer
            for layer in self.nodes
            if layer in first.shapes or any(id(weight) not in reached for weight in layer.variables)
        ]


def _forget_messages(graph: OnnxGraph) -> None:
    graph.proto = None
    for node in graph.nodes:
        for inner in node.graphs:
            _forget_messages(inner)


def _expect_names(what: str, given: Iterable[str], expected: list[str]) -> None:
    for name in given:
        if name not in expected:
            raise ValueError(f"{what}: no {name!r}; expected names among {expected}")


publish("models", {"OnnxModel": OnnxModel}, own=("OnnxModel",))
