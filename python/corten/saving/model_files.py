"""Whole models in files, and their weights alone: which format, what is kept, what is compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from corten._core import __version__
from corten.arguments import shown
from corten.errors import ArgumentTypeError, CorruptFileError
from corten.graph import Variable, assign
from corten.layers.layer import Layer
from corten.saving.atomic import atomic_write
from corten.saving.closed_json import read_json, write_json
from corten.saving.hdf5_closed import open_hdf5
from corten.saving.keras_archive import CONFIG, METADATA, WEIGHTS, open_archive, write_archive
from corten.saving.made import KERAS_VERSION, made
from corten.saving.safetensors import (
    StoredTensors,
    load_file,
    load_metadata,
    load_variables,
    open_regular,
    read_header,
    save_variables,
)
from corten.saving.state import named_variables, optimizers_by_path, restore, variables_by_path
from corten.saving.weights_h5 import (
    StoredDatasets,
    assign_pairs,
    import_h5py,
    is_legacy,
    matching_variables,
    read_pairs,
    read_variables,
    write_variables,
)
from corten.serialization import serialize_keras_object

if TYPE_CHECKING:
    from corten.saving.foreign import Names

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

_CONFIG = "corten.config"
#: The place in HDF5 of what Keras does not keep.
_COUNTERS = "corten"
#: In safetensors, between the place of an optimizer and the number of its variable.
_STATE = "/vars/"


def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None
) -> None:
    """Writes a whole model to one file: its configuration, weights, compile settings and the optimizer's state.

    Args:
        model: built, of layers that can be described: Corten's own, and classes that are registered.
        filepath: its end says the format: ``.keras`` (Keras 3's; needs the extra ``h5``), ``.safetensors`` (needs
            nothing), ``.h5`` or ``.hdf5`` (Keras 2's; needs the extra ``h5``).
        overwrite: whether a file of that name is replaced.
        zipped: must not be False; a ``.keras`` file is one archive.

    Raises:
        ValueError: another end of the name, or the model is not built.
        FileExistsError: the file exists and ``overwrite`` is false.
        ImportError: the extra is not installed.
        OSError: the file cannot be written.

    >>> import numpy, tempfile, pathlib, corten
    >>> model = corten.Sequential([corten.layers.Dense(2, input_shape=(3,))])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     corten.saving.save_model(model, path)
    ...     again = corten.saving.load_model(path)
    >>> x = numpy.ones((1, 3))
    >>> bool((again.predict(x, verbose=0) == model.predict(x, verbose=0)).all())
    True
    """
    if zipped is False:
        raise ValueError("save_model: zipped: only None and True are supported; a model is one file")
    path = Path(filepath)
    _expect_writable(model, path, overwrite, "save_model")
    end = path.suffix.lower()
    if path.name.endswith(".weights.h5"):
        raise ValueError(
            f"save_model: {path.name!r} is a name for weights alone; use save_weights, or end it in .keras"
        )
    if end == ".keras":
        _save_keras(model, path)
    elif end == ".safetensors":
        variables, texts = contents(model)
        save_variables(variables, path, texts)
    elif end in (".h5", ".hdf5"):
        from corten.saving.own_h5 import save_h5

        save_h5(model, path)
    else:
        raise ValueError(
            f"save_model: {os.fspath(filepath)!r}: expected a name that ends in .keras, .safetensors, .h5 or .hdf5; "
            "for ONNX use model.export"
        )


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that a file holds, with its weights and, where it was compiled, ready to train on.

    Reads what :func:`save_model` and Keras 3 write (``.keras``), whole models in HDF5 of Keras 2 and 3, ``.keras``
    files of tf-keras, and safetensors files of Corten. The content tells the format, not the name.

    Args:
        filepath: the file.
        custom_objects: names in the file and the classes and functions that they stand for, beside those that are
            registered.
        compile: whether compile settings and the optimizer's state are taken over.
        safe_mode: must be True; no code in a file is ever run.

    Raises:
        CorruptFileError: no file of these kinds, truncated, damaged, or weights that do not fit the configuration.
        UnsafeFileError: the file asks for code, for something outside it, or for more memory than it is worth.
        ValueError: a class, function or argument that Corten does not have.
        ImportError: an HDF5 file, and the extra ``h5`` is not installed.
        OSError: the file cannot be read.
    """
    if not safe_mode:
        raise ValueError("load_model: safe_mode: only True is supported; no code in a file is ever run")
    path = Path(filepath)
    kind = kind_of(path)
    if kind == "keras":
        return _load_keras(path, custom_objects, compile)
    if kind == "safetensors":
        return _load_safetensors(path, custom_objects, compile)
    from corten.saving.legacy_h5 import load_legacy

    return load_legacy(path, custom_objects, compile)


def save_weights(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Writes all weights: to HDF5 in Keras's places where the name ends in ``.h5``, else to"""
    path = Path(filepath)
    _expect_writable(model, path, overwrite, "save_weights")
    if path.suffix.lower() in (".h5", ".hdf5"):
        import_h5py("save_weights to HDF5")
        with atomic_write(path) as file:
            write_variables(file, variables_by_path(model), {"": model.name})
        return
    save_variables(_floats(model), path)


def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    names: Names | None = None,
    layout: Literal["pytorch", "keras"] = "pytorch",
) -> None:
    """Reads weights into a model of the same layers in the same order; nothing is changed unless all are there and fit.

    With ``skip_mismatch`` what does not fit is left as it is. ``names`` and ``layout``: see
    :meth:`corten.models.Model.load_weights`.
    """
    _expect_model(model, "load_weights")
    path = Path(filepath)
    if not model.built:
        raise ValueError(f"load_weights: {model.name!r} is not built yet; call it on data first")
    kind = kind_of(path)
    if names is not None:
        from corten.saving.foreign import load_foreign

        if kind != "safetensors":
            raise CorruptFileError(
                f"{path}: names: expected a safetensors file; what torch.save writes can hold code and is not read: "
                "write safetensors.torch.save_file(model.state_dict(), path)"
            )
        load_foreign(model, path, names, layout, skip_mismatch)
    elif kind == "safetensors":
        _load_safetensors_weights(model, path, skip_mismatch)
    elif kind == "keras":
        with open_archive(path) as archive, archive.stream(WEIGHTS) as stream:
            _load_h5_weights(model, stream, str(path), skip_mismatch)
    else:
        with path.open("rb") as file:
            _load_h5_weights(model, file, str(path), skip_mismatch)


def kind_of(path: Path) -> str:
    """``"keras"``, ``"hdf5"`` or ``"safetensors"``, by what the file begins with.

    Raises:
        CorruptFileError: none of them, or not a regular file.
    """
    if path.is_dir():
        raise CorruptFileError(
            f"{path}: a directory; expected a .keras, .h5 or .safetensors file (TensorFlow saves a SavedModel anew by "
            "model.save('model.keras'))"
        )
    with open_regular(path) as file:
        begin = file.read(16) or b""
    if begin.startswith(b"PK\x03\x04"):
        return "keras"
    if begin.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if begin[8:9] == b"{" or len(begin) < 9:
        return "safetensors"
    raise CorruptFileError(
        f"{path}: expected a .keras archive, HDF5 or safetensors, got a file that begins with {begin!r}"
    )


def _expect_model(model: Any, what: str) -> None:
    """``TypeError`` for anything but a model."""
    if not (isinstance(model, Layer) and hasattr(model, "compile_from_config")):
        raise ArgumentTypeError(f"{what}: expected a model, got {shown(model)}")


def _expect_writable(model: Any, path: Path, overwrite: bool, what: str) -> None:
    _expect_model(model, what)
    if not model.built:
        raise ValueError(f"{what}: {model.name!r} is not built yet; call it on data first")
    if not overwrite and path.exists():
        raise FileExistsError(f"{what}: {os.fspath(path)!r} exists; overwrite=True replaces it")


# --- .keras ----------------------------------------------------------------------------------------------------------


def _save_keras(model: Any, path: Path) -> None:
    import datetime as dt

    import_h5py("a .keras file")
    saved = dt.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_VERSION, "date_saved": saved, "corten_version": __version__}
    texts = {
        METADATA: write_json(metadata, "metadata"),
        CONFIG: write_json(serialize_keras_object(model), model.name),
    }
    state = {place: optimizer.saved_variables for place, optimizer in optimizers_by_path(model).items()}

    def write(file: BinaryIO) -> None:
        places = {**variables_by_path(model), **state}
        write_variables(file, {**places, _COUNTERS: _counters(model, places)}, {"": model.name})

    write_archive(path, texts, write)


def _load_keras(path: Path, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    with open_archive(path) as archive:
        config = archive.json(CONFIG)
        metadata = archive.json(METADATA) if METADATA in archive else {}
        version = metadata.get("keras_version") if isinstance(metadata, dict) else None
        if isinstance(version, str) and version.startswith("2."):
            from corten.saving.legacy_h5 import load_tf_keras

            return load_tf_keras(archive, config, version, custom_objects, compile)
        model = made(config, custom_objects, compile, str(path))
        with archive.stream(WEIGHTS) as stream, open_hdf5(stream, str(path)) as root:
            places = variables_by_path(model)
            pairs = read_variables(root, places, _is_optimizer(model))
            pairs += matching_variables(root, _COUNTERS, _counters(model, places))
            read_pairs(pairs, stream)
            for place, optimizer in optimizers_by_path(model).items() if compile else ():
                restore(model, optimizer, StoredDatasets(root, place, stream), str(path))
    return model


def _counters(model: Any, places: dict[str, list[Variable]]) -> list[Variable]:
    """The variables that have no place in Keras's files: random states, that training goes on where it was."""
    listed = {id(variable) for part in places.values() for variable in part}
    return [variable for variable in model.variables if id(variable) not in listed]


def _is_optimizer(model: Any) -> Callable[[str], bool]:
    """Whether a place in a file belongs to an optimizer, or holds Corten's counters."""
    places = {"optimizer", _COUNTERS, *optimizers_by_path(model)}
    return lambda place: place in places


# --- safetensors -----------------------------------------------------------------------------------------------------


def contents(model: Any) -> tuple[dict[str, Variable], dict[str, str]]:
    """What a safetensors file keeps of a whole model: variables by name, and texts, the configuration among them."""
    variables: dict[str, Variable] = dict(named_variables(model))
    for place, optimizer in optimizers_by_path(model).items():
        variables |= {f"{place}{_STATE}{index}": v for index, v in enumerate(optimizer.saved_variables)}
    return variables, {
        _CONFIG: write_json(serialize_keras_object(model), model.name),
        "corten.version": __version__,
    }


def _floats(model: Any) -> dict[str, Variable]:
    return {name: v for name, v in named_variables(model).items() if v.dtype == "float32"}


def _load_safetensors(path: Path, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    metadata = load_metadata(path)
    if _CONFIG not in metadata:
        raise CorruptFileError(
            f"{path}: weights alone, without the configuration of a model; make the model and use load_weights"
        )
    model = made(read_json(metadata[_CONFIG], f"{path}: {_CONFIG}"), custom_objects, compile, str(path))
    variables = named_variables(model)
    state = {name for name in read_header(path) if _STATE in name and name not in variables}
    load_variables(path, variables, ignored=state)
    for place, optimizer in optimizers_by_path(model).items() if compile else ():
        names = [name for i in range(len(state)) if (name := f"{place}{_STATE}{i}") in state]
        restore(model, optimizer, StoredTensors(path, names), str(path))
    return model


def _load_safetensors_weights(model: Any, path: Path, skip_mismatch: bool) -> None:
    variables, stored = _floats(model), read_header(path)
    if skip_mismatch:
        variables = {n: v for n, v in variables.items() if n in stored and stored[n][0] == v.shape}
        arrays = StoredTensors(path, list(variables)).arrays()
    else:
        # A whole model's file has more: the optimizer's state, random states and counters.
        whole = _CONFIG in load_metadata(path)
        more = [name for name, (_, dtype) in stored.items() if whole and (_STATE in name or dtype.kind == "i")]
        expected = {name: (v.shape, np.dtype(v.dtype)) for name, v in variables.items()}
        loaded = load_file(path, expected, ignored=more)
        arrays = [loaded[name] for name in variables]
    assign(list(variables.values()), arrays)


# --- weights in HDF5 -------------------------------------------------------------------------------------------------


def _load_h5_weights(model: Any, file: Any, where: str, skip_mismatch: bool) -> None:
    with open_hdf5(file, where) as root:
        if is_legacy(root):
            from corten.saving.legacy_h5 import load_legacy_weights

            load_legacy_weights(model, root, skip_mismatch)
            return
        places = variables_by_path(model)
        if skip_mismatch:
            pairs = [pair for place, part in places.items() for pair in matching_variables(root, place, part)]
        else:
            pairs = read_variables(root, places, _is_optimizer(model))
        assign_pairs(pairs)
