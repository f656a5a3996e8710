"""The base of all layers: names, weights, building, calling, configuration."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from corten import constraints, initializers, regularizers
from corten.arguments import misused
from corten.configured import Configured
from corten.constraints import ConstraintLike
from corten.errors import ArgumentTypeError, ShapeError
from corten.graph import (
    Array,
    Call,
    Graph,
    SymbolicTensor,
    Tensor,
    TensorLike,
    Variable,
    assign,
    current_graph,
    flatten,
    has_symbolic,
    map_nested,
    record,
    tracing,
    trial,
    values,
)
from corten.initializers import InitializerLike
from corten.keywords import parameters, unexpected_argument
from corten.layers import masks
from corten.layers.contents import Contents, tracked
from corten.layers.context import context
from corten.layers.copies import described, remade
from corten.layers.naming import auto_name, is_name, snake_case
from corten.layers.signature import (
    Arguments,
    call_signature,
    dtypes_of,
    shapes_asked,
    shapes_for_build,
    shapes_from,
    shapes_of,
)
from corten.layers.undo import undone, undone_on_error
from corten.random import SeedGenerator
from corten.regularizers import RegularizerLike
from corten.serialization import plain, revived

__all__ = ["Layer"]

Self = TypeVar("Self", bound="Layer")


def _building(build: Callable[..., Any]) -> Callable[..., Any]:
    """A subclass's ``build``, whoever calls it: undone where it fails; then the layer counts as built."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        self._expect_started()
        if self._being_built:
            build(self, *args, **kwargs)  # called as super().build()
            return
        with tracing, undone_on_error(self, *self._unbuilt()):
            was_built, weights = self.built, len(self._weights)
            names = context.names
            try:
                # No call comes between what is set and what sets it back, for at a call Ctrl-C may end the function.
                context.names, self.__dict__["_being_built"] = (*names, self.name), True
                build(self, *args, **kwargs)
                shapes = kwargs if shapes_asked(build) else next(iter((*args, *kwargs.values())), None)
                object.__setattr__(self, "_built_for", (shapes, None))
            finally:
                context.names, self.__dict__["_being_built"] = names, False
            if was_built and len(self._weights) > weights:
                raise ValueError(
                    f"build: {type(self).__name__} {self.name!r} is already built; another build would replace its "
                    "weights"
                )
            self.built = True

    return wrapper


def _name_by_keyword(add_weight: Callable[..., Variable]) -> Callable[..., Variable]:
    """Says what to do where the name comes first, as in Keras 2, or other arguments by position."""

    @functools.wraps(add_weight)
    def wrapper(layer: Layer, *args: Any, **kwargs: Any) -> Variable:
        if args and isinstance(args[0], str):
            raise ArgumentTypeError(
                f"add_weight of {type(layer).__name__} {layer.name!r}: the first argument is the shape, got "
                f"{args[0]!r}; give the name as keyword argument: add_weight(shape, name={args[0]!r})"
            )
        if len(args) > 3:
            raise TypeError(
                f"add_weight of {type(layer).__name__} {layer.name!r}: only shape, initializer and dtype may be given "
                f"by position, got {len(args)} arguments"
            )
        if args and "shape" in kwargs:
            raise ArgumentTypeError(
                f"add_weight of {type(layer).__name__} {layer.name!r}: got two shapes, {args[0]!r} and "
                f"shape={kwargs['shape']!r}"
            )
        return add_weight(layer, *args, **kwargs)

    return wrapper


class Layer(Configured):
    """A function of tensors with weights.

    Subclasses create their weights in ``build(input_shape)`` and compute in ``call(inputs)``; ``call`` may take
    ``training`` and ``mask``, which reach it from the outermost call. Layers, variables and metrics set as attributes
    (also in lists and dicts) are found and become part of the layer.

    Args:
        name: unique among a model's layers; by default the class name in snake case with a number.
        trainable: whether training changes the weights.
        dtype: must be float32 (or None).
        activity_regularizer: a regularizer applied to the output.
        input_shape: the shape of one input, without the batch: what a ``Sequential`` model needs to build at once.

    >>> import numpy as np, corten
    >>> class Scale(corten.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.float32([[1, 2]]))
    array([[1., 2.]], dtype=float32)
    """

    #: Whether there is nothing to build: such a layer counts as built from the beginning, as in Keras.
    _stateless = False

    #: What Keras calls the class in the paths of files, where that is not its public name.
    _name_in_files: str | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        layer = super().__new__(cls, *args, **kwargs)
        object.__setattr__(layer, "_attributes", {})
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike = None,
        trainable: bool = True,
        dtype: str | None = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_size: int | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise unexpected_argument(type(self).__name__, next(iter(unknown)), parameters(type(self)))
        if name is not None and (not is_name(name)):
            raise ValueError(
                f"{type(self).__name__}: name must be 1 to 128 letters, digits, '_', '.' or '-', got {name!r}"
            )
        if not isinstance(trainable, (bool, np.bool_)):
            raise ArgumentTypeError(f"{type(self).__name__}: trainable: expected True or False, got {trainable!r}")
        dtype = revived(dtype)  # files of Keras have a policy
        if dtype not in (None, "float32"):
            raise ValueError(f"{type(self).__name__}: dtype must be 'float32', got {dtype!r}")
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.dtype = "float32"
        self.built = self._stateless and type(self).build is Layer.build
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is not None:
            sizes = tuple(input_shape) if hasattr(input_shape, "__iter__") else input_shape
            batch_input_shape = (batch_size, *_promised(type(self).__name__, sizes))
        #: The shape, with the batch, that was promised to the constructor.
        self.promised_shape = None if batch_input_shape is None else _promised(type(self).__name__, batch_input_shape)

    # --- what belongs to the layer -------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__") and (isinstance(value, Layer) or tracked(value)):
            self._attributes[name] = value
            object.__setattr__(self, "_cached_contents", None)
        elif self._attributes.pop(name, None) is not None:
            object.__setattr__(self, "_cached_contents", None)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._attributes.pop(name, None)
        object.__setattr__(self, "_cached_contents", None)
        object.__delattr__(self, name)

    _attributes: dict[str, Any]
    _cached_contents: Contents | None = None
    _being_built: bool = False

    def _contents(self) -> Contents:
        """What the attributes hold; looked through again only after something has changed."""
        contents = self._cached_contents
        if contents is None or not contents.valid:
            contents = Contents(Layer, self._weights, self._attributes)
            object.__setattr__(self, "_cached_contents", contents)
        return contents

    def _sublayers(self) -> Iterator[Layer]:
        """The layers set as attributes, once each, in the order in which they were set."""
        return iter(self._contents().layers)

    def _own(self) -> list[Variable]:
        """The layer's own variables: trainable ones first, as Keras stores them."""
        own = self._contents().variables
        return [v for v in own if v.trainable] + [v for v in own if not v.trainable]

    def _children(self) -> list[Layer]:
        """The layers directly inside, in their order."""
        return list(self._sublayers())

    def _saved_parts(self) -> Iterator[tuple[str, Any]]:
        """What a file keeps inside the layer's own place, by attribute: public ones first, as in Keras."""
        parts = {name: part for name, part in self._attributes.items() if name not in _INTERNAL}
        parts |= _shown(self) | self._listed_parts()
        for name in sorted(parts, key=lambda name: (name.startswith("_"), name)):
            yield name, parts[name]

    def _listed_parts(self) -> dict[str, Any]:
        """Parts that Keras finds under another name than their attribute's."""
        return {}

    def _saved_variables(self) -> list[Variable]:
        """The layer's own variables as files keep them: those that are trained first, without random states."""
        states = {id(seed.state) for seed in _seeds(self._attributes)}
        return [variable for variable in self._own() if id(variable) not in states]

    @property
    def variables(self) -> list[Variable]:
        """All variables, of this layer and of those inside it, random states included."""
        variables = {id(v): v for v in self._own()}
        for layer in self._sublayers():
            variables.update((id(v), v) for v in layer.variables)
        return list(variables.values())

    @property
    def weights(self) -> list[Variable]:
        """The float variables: what is learned or averaged, and saved."""
        return [v for v in self.variables if v.dtype == "float32"]

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes; none where the layer is frozen."""
        if not self._trainable:
            return []
        contents = self._contents()
        variables = {id(v): v for v in contents.variables if v.trainable}
        for layer in contents.layers:
            variables.update((id(v), v) for v in layer.trainable_variables)
        return list(variables.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    def get_weights(self) -> list[Array]:
        """Copies of the weights, in the order of :attr:`weights`."""
        return values(self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights: all of them or, if any does not fit (``TypeError``, ``ValueError``), none."""
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(f"set_weights of {self.name!r}: expected {len(own)} arrays, got {len(weights)}")
        assign(own, weights)

    def count_params(self) -> int:
        """The number of floats in all weights."""
        if not self.built:
            raise ValueError(
                f"count_params: {self.name!r} is not built yet; call it on data or build(input_shape) first"
            )
        return sum(weight.size for weight in self.weights)

    # --- building ------------------------------------------------------------------------------------------------

    @_name_by_keyword
    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: InitializerLike = None,
        dtype: str | None = None,
        trainable: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> Variable:
        """A new variable of this layer. The default initializer is glorot_uniform (zeros for int32).

        Raises:
            ValueError: called from ``call``, which would make further weights each time.
        """
        if context.calling is self and self.built:
            raise ValueError(
                f"add_weight of {type(self).__name__} {self.name!r}: create weights in __init__ or build; call would "
                "create new ones each time"
            )
        dtype = dtype or "float32"
        shape = tuple(int(size) for size in (shape or ()))
        if initializer is None:
            initializer = "glorot_uniform" if dtype == "float32" else "zeros"
        name = name or f"variable_{len(self._weights)}" if self._weights else name or "variable"
        variable = Variable(
            np.zeros(shape, dtype) if context.blank else initializers.get(initializer),
            shape,
            dtype,
            trainable,
            name,
            regularizers.get(regularizer),
            constraints.get(constraint),
        )
        variable.path = "/".join([*context.names, *([self.name] if self.name not in context.names[-1:] else []), name])
        self._weights = [*self._weights, variable]
        return variable

    def build(self, input_shape: Any) -> None:
        """Creates the weights; ``input_shape`` has the batch first and ``None`` where a size is unknown.

        A subclass that creates weights of its own defines it. Otherwise the layers inside are built, by tracing
        ``call`` once on inputs of ``input_shape`` (a shape, or nested lists and dicts of shapes). A build that fails
        leaves the layer as it was.

        Raises:
            ValueError: the layer is built already, and would be given a second set of weights; or no shape, where a
                layer inside needs one.
        """
        if type(self).build is not Layer.build:
            return  # called as super().build()
        self._expect_started()
        if input_shape is None and any(type(layer).build is not Layer.build for layer in self._unbuilt()):
            raise ValueError(f"build of {self.name!r}: expected an input shape such as (None, 4), got None")
        self._trace(input_shape, None)

    def _trace(self, input_shape: Any, dtypes: Any) -> None:
        """Builds the layers inside, by tracing ``call`` on inputs of these shapes and dtypes."""
        with tracing, undone_on_error(self, *self._unbuilt()):
            if input_shape is not None and self._contents().layers and type(self).call is not Layer.call:
                with Graph() as graph:
                    kinds = iter(flatten(dtypes) if dtypes is not None else ())
                    inputs = _map_shapes(
                        lambda shape: graph.input(trial(shape, 0), next(kinds, self.input_dtype)), input_shape
                    )
                    self._run(graph, (inputs,), {})
            object.__setattr__(self, "_built_for", (input_shape, dtypes))
            self.built = True

    #: The shapes (or a dict of them, by the parameters of ``build``) that the layer was built for, and the dtypes of
    #: inputs where one is not float32.
    _built_for: tuple[Any, Any] = None, None

    def get_build_config(self) -> dict[str, Any] | None:
        """What :meth:`build_from_config` builds from: the shapes of the inputs; None where nothing was built."""
        shapes, dtypes = self._built_for
        if shapes is None or not self.built:
            return None
        if type(self).build is not Layer.build and shapes_asked(type(self).build):
            return {"shapes_dict": shapes}
        return {"input_shape": shapes} if dtypes is None else {"input_shape": shapes, "input_dtype": dtypes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer from what :meth:`get_build_config` gave."""
        if not isinstance(config, dict):
            raise TypeError(f"{self.name!r}: build_config: expected a dict, got {config!r}")
        if config.get("shapes_dict"):
            self.build(**{name: shapes_from(shape) for name, shape in config["shapes_dict"].items()})
        elif config.get("input_shape") is not None:
            shapes = shapes_from(config["input_shape"])
            if type(self).build is Layer.build and "input_dtype" in config:
                self._trace(shapes, config["input_dtype"])
            else:
                self.build(shapes)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _building(cls.__dict__["build"])  # type: ignore[method-assign]

    def _build_once(self, shapes: Any, dtypes: Any = None) -> None:
        if self.built:
            return
        build = type(self).build
        with tracing:
            # Another thread may have built it meanwhile.
            if not self.built:
                if build is Layer.build:
                    object.__setattr__(self, "_built_for", (shapes, dtypes))
                    self.built = True  # layers inside are built as they are called
                elif shapes_asked(build):
                    self.build(**shapes)
                else:
                    self.build(shapes)

    # --- calling -------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the layer's output."""
        raise NotImplementedError(f"{type(self).__name__} does not define call()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._expect_started()
        if self.built or context.names:
            return self._apply(args, kwargs)
        with tracing, undone_on_error(*self._unbuilt()):
            return self._apply(args, kwargs)

    def _apply(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for symbolic tensors, tensors of a graph, or arrays."""
        symbolic = has_symbolic(args) or (bool(kwargs) and has_symbolic(kwargs))
        graph = current_graph()
        if not symbolic and graph is None:
            return self._on_arrays(args, kwargs)
        if not self.built:
            self._build_once(shapes_for_build(type(self), args, kwargs), dtypes_of(args))
        if graph is not None and not symbolic:
            return self._run(graph, args, kwargs)
        outputs = record(self, args, kwargs)
        if self._first_call is None:
            first = next((leaf.call for leaf in flatten(outputs) if leaf is not None), None)
            object.__setattr__(self, "_first_call", first)
        return outputs

    def _expect_started(self) -> None:
        if "built" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: super().__init__() was not called; call it first in the layer's __init__"
            )

    #: How the layer was first applied to symbolic tensors.
    _first_call: Call | None = None

    @property
    def input(self) -> Any:
        """The symbolic tensor that the layer was first applied to; a list where there were several."""
        call = self._symbolic_call("input")
        return _only_or_all([leaf for leaf in flatten([call.args, call.kwargs]) if isinstance(leaf, SymbolicTensor)])

    @property
    def output(self) -> Any:
        """The symbolic tensor that came of it; a list where there are several.

        >>> import corten
        >>> model = corten.Sequential([corten.layers.Dense(3, input_shape=(4,), name="code"), corten.layers.Dense(1)])
        >>> corten.Model(model.inputs, model.get_layer("code").output).output_shape
        (None, 3)
        """
        return _only_or_all([leaf for leaf in flatten(self._symbolic_call("output").outputs) if leaf is not None])

    def _symbolic_call(self, what: str) -> Call:
        if self._first_call is None:
            raise AttributeError(
                f"{self.name!r} has no {what}: it was not applied to symbolic tensors, by itself, in a functional "
                "model, or in a Sequential model whose input shape is known"
            )
        return self._first_call

    def _on_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An eager step of its own: arrays in, arrays out."""
        with Graph(eager=True) as graph:
            first = (map_nested(graph.tensor, args[0]),) if args else ()
            others = map_nested(lambda leaf: graph.tensor(leaf) if isinstance(leaf, np.ndarray) else leaf, args[1:])
            outputs = self(*first, *others, **_tensors(graph, kwargs))
            arrays = map_nested(lambda leaf: leaf.numpy() if isinstance(leaf, Tensor) else leaf, outputs)
            object.__setattr__(self, "_added", [graph.tensor(loss).numpy() for _, loss in graph.losses])
            graph.finish()
        return arrays

    def _run(self, graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What ``call`` gives for tensors of the graph, with masks, and its losses added."""
        outermost = not context.names
        if not graph.eager:
            graph.guard_on(self, *(self._inside() if outermost else ()))
        if outermost:
            self._forget_losses(graph)
        arguments = call_signature(type(self).call).bind(args, kwargs, context.training)
        outputs = self._call_within(graph, arguments)
        if arguments.mask is not None or self.supports_masking:
            self._mask_outputs(graph, arguments.inputs, arguments.mask, outputs)
        if self.activity_regularizer is not None:
            for output in flatten(outputs):
                # Per sample, as Keras: the sum over the batch divided by its size.
                self.add_loss(self.activity_regularizer(output) * (1.0 / max(1, (output.shape or (1,))[0])))
        return outputs

    def _call_within(self, graph: Graph, arguments: Arguments) -> Any:
        """Runs ``call`` where the calls inside it see this layer's name and mode."""
        scope = graph.core.scope(self.name)
        # No call comes between what is set and what sets it back, for at a call Ctrl-C may end the function.
        outer = context.names, context.training, context.calling
        context.names, context.training, context.calling = (*outer[0], self.name), arguments.training, self
        try:
            hook = graph.call_hook
            if hook is None:
                outputs = self.call(*arguments.args, **arguments.kwargs)
            else:
                outputs = hook(self, *arguments.args, **arguments.kwargs)
        except AttributeError as error:
            where, inputs = f"{type(self).__name__} {self.name!r}", arguments.inputs
            if isinstance(inputs, (list, tuple, dict)) and error.obj is inputs:
                raise ShapeError(f"{where}: expected one input, got {shapes_of(inputs)}") from error
            raise misused(error, where, *arguments.args, *arguments.kwargs.values()) from error
        finally:
            context.names, context.training, context.calling = outer
            graph.core.scope(scope)
        if outputs is None:
            raise TypeError(f"{type(self).__name__}.call of {self.name!r} returned None; missing `return`?")
        return outputs

    def _mask_outputs(self, graph: Graph, inputs: Any, mask: Any, outputs: Any) -> None:
        """Gives the outputs that have no mask yet theirs; warns where masks of the inputs end here."""
        own = type(self).compute_mask is not Layer.compute_mask
        masked = masks.present(mask)
        if not (masked or own) or masks.all_masked(outputs):
            return
        lost = masked and not self._looks_at_masks()
        if self.supports_masking:
            misfit = masks.put(graph, outputs, self.compute_mask(inputs, mask))
            if misfit is not None and own:
                raise ShapeError(
                    f"{type(self).__name__} {self.name!r}: compute_mask returned a mask of shape {misfit[0]} for an "
                    f"output of shape {misfit[1]}; expected the output's leading axes"
                )
            lost = lost and misfit is not None
        if lost:
            self._warn_of_lost_mask()

    def _looks_at_masks(self) -> bool:
        """Whether masks reach ``call``, so that they have served where the outputs have none."""
        return call_signature(type(self).call).takes_mask

    def _warn_of_lost_mask(self) -> None:
        if not self._warned_of_lost_mask:
            object.__setattr__(self, "_warned_of_lost_mask", True)
            warnings.warn(
                f"Layer {self.name!r} (of type {type(self).__name__}) was passed an input with a mask attached to it. "
                "However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask.",
                stacklevel=2,
            )

    _warned_of_lost_mask = False

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks of the outputs, in their order: by default those of the inputs.

        It is asked where ``supports_masking`` is true, which it is from the beginning for a layer that defines this.
        """
        return previous_mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for a shape (or a list of shapes) with ``None`` where a size is unknown."""
        if type(self).call is Layer.call:
            self.call()
        return self._output_shape(_map_shapes(lambda shape: SymbolicTensor(shape, self.input_dtype), input_shape))

    def _output_shape(self, *inputs: Any) -> Any:
        """The shape of the output for symbolic inputs; a layer that is not built stays so."""

        def shapes() -> Any:
            return map_nested(lambda tensor: tensor.shape, record(self, inputs, {}))

        if self.built:
            return shapes()
        with tracing, undone(*self._unbuilt()):
            return shapes()

    @property
    def input_dtype(self) -> str:
        """The dtype that the layer wants of integers fed to it: float32, or int32 for indices."""
        return "float32" if self.autocast else "int32"

    # --- losses --------------------------------------------------------------------------------------------------

    def add_loss(self, loss: TensorLike) -> None:
        """Adds a scalar, or the sum of several numbers, to what training minimises in this step.

        Raises:
            ValueError: no step is being run or traced.
        """
        graph = current_graph()
        if graph is None:
            raise ValueError(
                f"add_loss of {self.name!r}: no step is running; use it in a layer's call or in train_step"
            )
        graph.losses.append((self, loss))

    @property
    def losses(self) -> list[Any]:
        """What was added to the loss by the latest call, here and in layers inside, and the weights' regularizers.

        Tensors within a step, numbers outside.
        """
        graph = current_graph()
        if graph is None:
            added = self._added
        elif graph.losses:
            inside = {id(layer) for layer in self._inside()}
            added = [loss for layer, loss in graph.losses if id(layer) in inside]
        else:
            added = []
        return [*added, *(v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None)]

    #: The losses added while the layer was called on arrays.
    _added: Sequence[Any] = ()

    def _forget_losses(self, graph: Graph) -> None:
        """A layer called anew adds anew."""
        if graph.losses:
            inside = {id(layer) for layer in self._inside()}
            graph.losses = [entry for entry in graph.losses if id(entry[0]) not in inside]

    def _inside(self) -> list[Layer]:
        """The layer itself and those inside it."""
        inside: dict[int, Layer] = {}
        pending: list[Layer] = [self]
        while pending:
            layer = pending.pop()
            if id(layer) not in inside:
                inside[id(layer)] = layer
                pending.extend(layer._sublayers())
        return list(inside.values())

    def _unbuilt(self) -> list[Layer]:
        """Those of :meth:`_inside` that are not built: what a first call changes."""
        return [layer for layer in self._inside() if not layer.built]

    # --- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again: plain values."""
        arguments = self._told()
        changed = {name: getattr(self, name) for name, _, _ in self._changes if name in arguments}
        arguments = {**arguments, **changed}
        config = {key: plain(value) for key, value in arguments.items() if value is not None or key not in _IMPLIED}
        return {**config, "name": self.name, "trainable": self._trainable}

    @classmethod
    def from_config(cls: type[Self], config: dict[str, Any]) -> Self:
        """A new layer from what :meth:`get_config` gave."""
        known = parameters(cls)
        later = {key: value for key, value in config.items() if key in ("name", "trainable") and key not in known}
        layer = super().from_config({key: value for key, value in config.items() if key not in later})
        # A constructor without **kwargs takes neither.
        if "name" in later:
            layer.name = later["name"]
        if not later.get("trainable", True):
            layer.trainable = False
        return layer

    def __reduce__(self) -> Any:
        """For copies and pickles: the configuration and what the variables hold."""
        return remade, described(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} built={self.built}>"


#: Attributes of the base classes: what they hold is reached in another way.
_INTERNAL = {"_layers", "_weights"}


def _shown(layer: Layer) -> dict[str, Any]:
    """What properties of the program's own classes show: Keras knows a part by the public name before the private."""
    own = [vars(kind) for kind in type(layer).__mro__ if not kind.__module__.startswith(("corten.", "builtins"))]
    names = [name for members in own for name, member in members.items() if isinstance(member, property)]
    shown: dict[str, Any] = {}
    for name in names:
        # One that is not ready yet shows nothing.
        with contextlib.suppress(Exception):
            shown[name] = getattr(layer, name)
    return {name: part for name, part in shown.items() if isinstance(part, Layer) or tracked(part)}


def _seeds(attributes: dict[str, Any]) -> Iterator[SeedGenerator]:
    for value in attributes.values():
        items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
        yield from (item for item in items if isinstance(item, SeedGenerator))


_IMPLIED = {"input_shape", "batch_input_shape", "input_dim", "batch_size", "dtype", "activity_regularizer", "autocast"}


def _only_or_all(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _promised(kind: str, shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """A shape given to a constructor, its sizes checked."""
    if not isinstance(shape, (list, tuple)):
        raise ValueError(f"{kind}: a shape is a tuple such as (28, 28, 1) or (4,), got {shape!r}")
    for size in shape:
        if size is not None and (isinstance(size, bool) or not hasattr(size, "__index__") or size < 0):
            raise ValueError(f"{kind}: sizes must be ints >= 0 or None, got {size!r} in {tuple(shape)}")
    return tuple(None if size is None else int(size) for size in shape)


def _map_shapes(function: Callable[[Any], Any], shape: Any) -> Any:
    """``function`` applied to every shape (a tuple of ints and None) in nested lists and dicts."""
    if not isinstance(shape, (dict, list, tuple)):
        raise ArgumentTypeError(f"expected a shape such as (None, 4), or nested shapes, got {shape!r}")
    if isinstance(shape, dict):
        return {key: _map_shapes(function, item) for key, item in shape.items()}
    if isinstance(shape, (list, tuple)) and any(isinstance(item, (list, tuple)) for item in shape):
        return [_map_shapes(function, item) for item in shape]
    return function(tuple(shape))


def _tensors(graph: Graph, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {key: graph.tensor(v) if isinstance(v, np.ndarray) else v for key, v in kwargs.items()}
