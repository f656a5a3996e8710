"""The model: a layer that can be trained, saved and summarised."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from corten.errors import ShapeError
from corten.graph import Array, SymbolicTensor, Tensor, has_symbolic, map_nested, values
from corten.keywords import expect_known
from corten.layers.copies import described, remade
from corten.layers.layer import Layer
from corten.models.summary import print_summary
from corten.models.trainer import Trainer
from corten.saving.state import optimizers_by_path, restore
from corten.saving.stored import InMemory
from corten.serialization import CustomObjectScope, serialize_keras_object
from corten.serialization.registry import made_of

if TYPE_CHECKING:
    from corten.saving.foreign import Names

__all__ = ["Model"]


class Model(Trainer, Layer):
    """Layers grouped into one that can be trained: ``Model(inputs, outputs)``, or a subclass with ``call``.

    >>> import corten
    >>> from corten.layers import Concatenate, Dense
    >>> a, b = corten.Input((2,)), corten.Input((3,))
    >>> model = corten.Model([a, b], Dense(1)(Concatenate()([a, b])))
    >>> model.output_shape
    (None, 1)
    """

    def __init__(self, *args: Any, name: str | None = None, trainable: bool = True, **kwargs: Any) -> None:
        if has_symbolic(args) or has_symbolic(kwargs):
            # Model(inputs, outputs) is functional; a subclass with steps of its own becomes both.
            kind: Any = type(self)
            functional: Any = Model.functional_class
            self.__class__ = _as_functional(kind)
            expect_known(functional, args, kwargs)
            functional.__init__(self, *args, name=name, trainable=trainable, **kwargs)
            return
        if args:
            raise TypeError(
                f"{type(self).__name__}: expected symbolic inputs and outputs, got {type(args[0]).__name__}; "
                "other arguments of a model are given by name"
            )
        super().__init__(name=name, trainable=trainable, **kwargs)
        # The model itself decides what to make of integers.
        self.autocast = False
        self._start_trainer()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A new model from what :meth:`get_config` gave; ``custom_objects`` are names and what they stand for."""
        with CustomObjectScope(custom_objects):
            return cls._from_config(config)

    @classmethod
    def _from_config(cls, config: dict[str, Any]) -> Any:
        if cls is Model or (cls.__init__ is Model.__init__ and "input_layers" in config):
            own: Any = cls
            kind: Any = Model.functional_class if cls is Model else _as_functional(own)
            return kind.from_config(config)
        return super().from_config(config)

    def to_json(self, **options: Any) -> str:
        """The configuration as JSON: what :func:`corten.models.model_from_json` makes the model of, without weights.

        Args:
            options: of ``json.dumps``.

        >>> import corten
        >>> model = corten.Sequential([corten.layers.Dense(2, input_shape=(3,))])
        >>> corten.models.model_from_json(model.to_json()).count_params()
        8
        """
        import json

        return json.dumps(serialize_keras_object(self), **options)

    #: What ``Model(inputs, outputs)`` makes: that class says so, for it stands on this one.
    functional_class: ClassVar[type[Model]]

    _inconsequential = Layer._inconsequential | {
        "compiled",
        "history",
        "run_eagerly",
        "steps_per_execution",
        "stop_evaluating",
        "stop_predicting",
        "stop_training",
    }

    @property
    def input_dtype(self) -> str:
        return "float32"

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside the model."""
        return list(self._sublayers())

    def _children(self) -> list[Layer]:
        return self.layers

    def _listed_parts(self) -> dict[str, Any]:
        # Where a layer's attribute comes after it in the alphabet, this is where Keras meets it first.
        return {"layers": self.layers}

    @property
    def input_shape(self) -> Any:
        """The shape of the input (or a list of shapes), ``None`` where a size is open."""
        shapes = [tensor.shape for tensor in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output (or nested shapes), ``None`` where a size is open."""
        return map_nested(lambda tensor: tensor.shape, self.output)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that index."""
        if (name is None) == (index is None):
            raise ValueError("get_layer: give either a name or an index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"get_layer: index {index}, but {self.name!r} has {len(self.layers)} layers")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"get_layer: no layer {name!r} in {self.name!r}; expected one of {[layer.name for layer in self.layers]}"
        )

    def _fit(self, symbol: SymbolicTensor, tensor: Any) -> Any:
        """A tensor as the model's input promised it: dtype and shape."""
        if isinstance(tensor, Tensor):
            if tensor.dtype != symbol.dtype:
                mask = tensor.mask
                tensor = tensor.graph.push("cast", [tensor], {"dtype": symbol.dtype})[0]
                tensor.mask = mask
            sizes = tensor.shape
            # A last axis of size 1 that one of the two lacks.
            if len(sizes) == len(symbol.shape) - 1 and symbol.shape[-1] == 1:
                tensor = tensor.graph.push("reshape", [tensor], {"shape": [*sizes, 1]})[0]
            elif len(sizes) == len(symbol.shape) + 1 and sizes[-1] == 1:
                tensor = tensor.graph.push("reshape", [tensor], {"shape": list(sizes[:-1])})[0]
            sizes = tensor.shape
            if not fits(sizes, symbol.shape):
                raise ShapeError(f"{self.name!r}: input {symbol.name!r} expects shape {symbol.shape}, got {sizes}")
        return tensor

    # --- files ---------------------------------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None) -> None:
        """Writes the whole model to one file: see :func:`corten.saving.save_model`."""
        from corten.saving.model_files import save_model

        save_model(self, filepath, overwrite, zipped)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes all weights: to HDF5, as Keras 3 does, where the name ends in ``.h5`` (the extra ``h5``), else to
        safetensors. The file is written aside, synced, then renamed; never half a file.

        Raises:
            FileExistsError: the file exists and ``overwrite`` is false.
            ValueError: the model is not built.
        """
        from corten.saving.model_files import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        names: Names | None = None,
        layout: Literal["pytorch", "keras"] = "pytorch",
    ) -> None:
        """Reads weights into the model: of :meth:`save_weights`, of whole-model files, and of Keras's ``.weights.h5``.

        The layers must be the same in the same order. Nothing is changed unless everything is there and fits
        (``CorruptFileError``); with ``skip_mismatch`` what does not fit is left as it is.

        With ``names`` the file is a safetensors file of another program, and they say which of its tensors belongs
        where. A dict's keys are places in the model: of variables (``"dense/kernel"``,
        ``"bidirectional/lstm/lstm_cell/bias"``) or of layers (``"dense"``); a layer's own name is a place too. The
        values are the names of tensors, tuples of them where several make one variable, or of PyTorch's modules where
        the key is a layer; ``None`` leaves it as it is. A function gets the place of each variable and returns such a
        value. Tensors of the file that nothing asks for are warned of.

        Args:
            filepath: the file.
            skip_mismatch: whether what is missing or does not fit is left as it is.
            names: the tensors of the model's variables.
            layout: of the tensors, where there are ``names``: ``"pytorch"``: turned by the kind of layer;
                ``"keras"``: as Corten has them.

        Raises:
            ValueError: a key of ``names`` that is no place, or a variable that nothing is said of.
            CorruptFileError: a tensor is not in the file, or has another shape.

        >>> import numpy, pathlib, tempfile, corten
        >>> from corten.saving.safetensors import save_file
        >>> model = corten.Sequential([corten.layers.Dense(2, input_shape=(3,))])
        >>> theirs = {"fc.weight": numpy.float32([[1, 2, 3], [4, 5, 6]]), "fc.bias": numpy.zeros(2, "float32")}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "pytorch.safetensors"
        ...     save_file(theirs, path)
        ...     model.load_weights(path, names={"dense": "fc"})
        >>> model.get_weights()[0].tolist()
        [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
        """
        from corten.saving.model_files import load_weights

        load_weights(self, filepath, skip_mismatch, names, layout)

    def __reduce__(self) -> Any:
        """For copies and pickles: the configuration, what the variables hold, and the optimizers' states."""
        states = {place: values(optimizer.saved_variables) for place, optimizer in optimizers_by_path(self).items()}
        return _remade, (*described(self), states)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Writes what ``model(x, training=False)`` computes for other programs: as an ONNX file.

        Args:
            filepath: the file.
            format: ``"onnx"``, or None: told by the file's suffix.
            verbose: whether to print where the model was written.
            input_signature: for each input its shape (None where a size is open) and type, as :func:`corten.Input`; by
                default those of the model. Sizes that are open may differ from run to run.
            kwargs: ``opset_version``, 17 unless given; ``fold_batch_norm``, whether batch normalisations become part of
                the convolution or dense layer before.

        Raises:
            ImportError: the package onnx is missing (``pip install corten[onnx]``).
            ValueError: another format, inputs that are not known, or an op that ONNX cannot express.

        >>> import pathlib, tempfile, corten
        >>> model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.export(pathlib.Path(folder) / "model.onnx")
        ...     [path.name for path in pathlib.Path(folder).iterdir()]
        ['model.onnx']
        """
        from corten.export import export_onnx

        kind = format or os.fspath(filepath).rpartition(".")[2]
        if kind != "onnx":
            raise ValueError(f"export: format: only 'onnx' is supported, got {format or os.fspath(filepath)!r}")
        export_onnx(self, filepath, input_signature, **kwargs)
        if verbose:
            print(f"Saved the model as ONNX at {os.fspath(filepath)!r}")

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints a table of the layers, their output shapes and parameters."""
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)


def _remade(description: Any, objects: dict[str, Any], arrays: list[Array], states: dict[str, list[Array]]) -> Any:
    """The model of what ``__reduce__`` described."""
    model = remade(description, objects, arrays)
    for place, optimizer in optimizers_by_path(model).items():
        restore(model, optimizer, InMemory(states.get(place, [])), "copy")
    return model


def fits(shape: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    """Whether a shape is one of those that an expected shape, with None for an unknown size, stands for."""
    return len(shape) == len(expected) and all(
        want is None or size in (None, want) for size, want in zip(shape, expected, strict=True)
    )


@functools.cache
def _as_functional(kind: type[Model]) -> type[Model]:
    """``kind`` as a class of functional models."""
    functional = Model.functional_class
    if kind is Model:
        return functional
    made = type(kind.__name__, (kind, functional), {"__module__": kind.__module__, "__doc__": kind.__doc__})
    return made_of(made, kind)
