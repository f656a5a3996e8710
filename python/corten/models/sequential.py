"""A stack of layers, each fed by the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from corten.arguments import shown
from corten.graph import SymbolicTensor, Tensor, flatten, tracing
from corten.layers.input_layer import Input, InputLayer
from corten.layers.layer import Layer
from corten.models.functional import Functional
from corten.models.functional_config import MOST_LAYERS
from corten.models.model import Model, fits
from corten.serialization import deserialize_keras_object, serialize_keras_object

__all__ = ["Sequential"]


class Sequential(Model):
    """A stack of layers, each fed by the one before.

    The model is built at once where the input shape is known (an ``Input`` or ``InputLayer`` first, or ``input_shape=``
    in the first layer), else when it sees data. Later data may then have other sizes, where the layers allow it.

    >>> import corten
    >>> from corten.layers import Dense
    >>> model = corten.Sequential([Dense(3, activation="relu", input_shape=(2,)), Dense(1)])
    >>> model.output_shape, model.count_params()
    ((None, 1), 13)
    """

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name, trainable=trainable)
        self._layers: list[Layer] = []
        object.__setattr__(self, "_functional", None)
        object.__setattr__(self, "_symbol", None)
        object.__setattr__(self, "_values", [])
        object.__setattr__(self, "_promised", True)
        for layer in layers or ():
            self._append(layer)
        self._maybe_build()

    _functional: Functional | None
    #: What is fed, and what each layer makes of it.
    _symbol: SymbolicTensor | None
    _values: list[Any]
    #: Whether somebody said what shape is fed; else it is what data had.
    _promised: bool

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers)

    def add(self, layer: Layer | SymbolicTensor) -> None:
        """Puts a layer on top."""
        before = self._layers
        self._append(layer)
        try:
            self._maybe_build()
        except BaseException:
            self._layers = before
            self._forget()
            self._maybe_build()
            raise

    def pop(self) -> Layer:
        """Takes the top layer off and returns it."""
        if not self._layers:
            raise ValueError(f"{self.name!r} has no layer to pop")
        layer = self._layers[-1]
        self._layers = self._layers[:-1]
        self._forget()
        self._maybe_build()
        return layer

    def _append(self, layer: Any) -> None:
        if isinstance(layer, SymbolicTensor) and layer.call is None:
            layer = InputLayer(input_tensor=layer, name=layer.name)
        if callable(layer) and not isinstance(layer, Layer):
            raise TypeError(f"Sequential: expected layers, got {layer!r}; wrap a function in a Layer subclass")
        if not isinstance(layer, Layer):
            raise TypeError(f"Sequential: expected layers, got {type(layer).__name__}")
        if any(layer.name == existing.name for existing in self._layers):
            raise ValueError(f"Sequential: layer names must be unique, {layer.name!r} exists already")
        if isinstance(layer, InputLayer):
            if self._layers or self._symbol is not None:
                raise ValueError("Sequential: an input must be the first layer, and only once")
            object.__setattr__(self, "_symbol", layer.output)
            return
        if not self._layers and self._symbol is None and layer.promised_shape is not None:
            object.__setattr__(self, "_symbol", Input(batch_shape=layer.promised_shape, dtype=layer.input_dtype))
        self._layers = [*self._layers, layer]
        self._forget()

    def _forget(self) -> None:
        object.__setattr__(self, "_functional", None)
        object.__setattr__(self, "_values", self._values[: len(self._layers)])
        self.built = False
        self._training.steps.clear()

    def _maybe_build(self) -> None:
        if self._symbol is not None and self._layers and self._functional is None:
            self._chain(self._symbol)

    def _chain(self, symbol: SymbolicTensor) -> None:
        """Applies the layers that were not applied before."""
        for layer in self._layers[len(self._values) :]:
            self._values.append(layer(self._values[-1] if self._values else symbol))
        object.__setattr__(self, "_functional", Functional(symbol, self._values[-1], name=self.name))
        self.built = True

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Creates the weights for inputs of ``input_shape`` (with the batch first)."""
        if self._functional is not None:
            (symbol,) = self._functional.inputs
            if input_shape is not None and not fits(tuple(input_shape)[1:], symbol.shape[1:]):
                raise ValueError(
                    f"build of {self.name!r}: already built for inputs of shape {symbol.shape}, "
                    f"got {tuple(input_shape)}"
                )
            return
        if not self._layers:
            raise ValueError(f"{self.name!r} has no layers")
        if input_shape is None:
            raise ValueError(f"build of {self.name!r}: expected an input shape such as (None, 4), got None")
        self._begin((None, *tuple(input_shape)[1:]), self._layers[0].input_dtype)
        object.__setattr__(self, "_promised", False)

    def _begin(self, shape: tuple[int | None, ...], dtype: str) -> None:
        """Applies all layers anew, to an input of ``shape``; if one refuses, all is as it was."""
        before, places = (self._symbol, self._values, self._functional), [layer._first_call for layer in self._layers]
        for layer, value in zip(self._layers, self._values, strict=False):
            if layer._first_call is flatten(value)[0].call:
                layer._first_call = None
        symbol = Input(batch_shape=shape, dtype=dtype)
        object.__setattr__(self, "_values", [])
        try:
            self._chain(symbol)
        except BaseException:
            for layer, place in zip(self._layers, places, strict=True):
                layer._first_call = place
            for name, value in zip(("_symbol", "_values", "_functional"), before, strict=True):
                object.__setattr__(self, name, value)
            raise
        object.__setattr__(self, "_symbol", symbol)

    def _widen(self, shape: tuple[int, ...]) -> None:
        """Where sizes differ from those of the first data, they are unknown from now on, if the layers allow it."""
        symbol = self._whole().inputs[0]
        if len(shape) == len(symbol.shape) and any(
            a not in (None, b) for a, b in zip(symbol.shape, shape, strict=True)
        ):
            wider = tuple(a if a == b else None for a, b in zip(symbol.shape, shape, strict=True))
            with suppress(ValueError):
                self._begin(wider, symbol.dtype)

    def get_config(self) -> dict[str, Any]:
        """The layers, with the input where somebody said its shape."""
        if type(self).__init__ is not Sequential.__init__:
            return super().get_config()
        layers = [serialize_keras_object(layer) for layer in self._layers]
        config = {"name": self.name, "trainable": self.trainable, "layers": layers}
        if self._symbol is not None and self._promised:
            layers.insert(0, serialize_keras_object(InputLayer(input_tensor=self._symbol, name=self._symbol.name)))
        if self._functional is not None:
            config["build_input_shape"] = list(self._functional.inputs[0].shape)
        return config

    @classmethod
    def _from_config(cls, config: dict[str, Any]) -> Any:
        if "layers" not in config or cls.__init__ is not Sequential.__init__:
            return super()._from_config(config)
        if not isinstance(config["layers"], list) or len(config["layers"]) > MOST_LAYERS:
            raise ValueError(
                f"Sequential: layers: expected a list of at most {MOST_LAYERS}, got {shown(config['layers'])}"
            )
        model = cls(
            [deserialize_keras_object(layer) for layer in config["layers"]],
            **{name: config[name] for name in ("name", "trainable") if config.get(name) is not None},
        )
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        """None: the configuration has the shape."""
        return None

    def _saved_parts(self) -> Iterator[tuple[str, Any]]:
        yield "layers", self.layers
        yield from super()._saved_parts()

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """None before the first data show the shape of the input."""
        return [] if self._functional is None else self._functional.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return self._whole().outputs

    @property
    def input(self) -> Any:
        return self._whole().input

    @property
    def output(self) -> Any:
        return self._whole().output

    @property
    def output_names(self) -> list[str]:
        return self._whole().output_names if self._functional is not None else [self._layers[-1].name]

    def _whole(self) -> Functional:
        if self._functional is None:
            raise AttributeError(
                f"{self.name!r} is not built yet; give the first layer input_shape=, or call the model on data"
            )
        return self._functional

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if self._functional is None:
            if not isinstance(inputs, Tensor):
                raise TypeError(f"{self.name!r}: expected one tensor, got {type(inputs).__name__}")
            with tracing:
                # Another thread may have built it meanwhile.
                self.build(inputs.shape)
        elif not self._promised and isinstance(inputs, Tensor):
            with tracing:
                self._widen(inputs.shape)
        return self._whole().call(inputs, mask=mask)
