"""What a file says without a model being made of it: versions, the classes of a configuration, tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corten.cli.failure import FAULTS, FileError, blaming, one_line
from corten.saving.closed_json import read_json
from corten.saving.hdf5_closed import Group, open_hdf5, read_text_attribute, shape_and_dtype
from corten.saving.keras2 import translate
from corten.saving.keras_archive import CONFIG, METADATA, WEIGHTS, open_archive
from corten.saving.safetensors import load_metadata, read_header, stored_types
from corten.saving.weights_h5 import is_legacy
from corten.serialization import deserialize_keras_object, get_custom_objects

__all__ = ["Contents", "Described", "Stored", "read_contents"]


@dataclass
class Stored:
    """An array in a file; without shape where it holds no plain numbers, and then ``dtype`` says what it is."""

    name: str
    shape: tuple[int, ...] | None
    dtype: str


@dataclass
class Described:
    """A layer in a configuration, and why Corten cannot make it; empty where it can."""

    name: str
    kind: str
    problem: str


@dataclass
class Contents:
    """What a file holds."""

    format: str
    #: What it says of itself: versions, dates.
    metadata: dict[str, str] = field(default_factory=dict)
    #: The configuration of a model, None where there is none.
    config: Any = None
    #: Of the Keras that wrote a configuration that is not Keras 3's.
    old: str | None = None
    tensors: list[Stored] = field(default_factory=list)
    #: What of the file cannot be read.
    problems: list[str] = field(default_factory=list)

    def layers(self) -> list[Described]:
        """The layers of the configuration; those of a model within it behind its name and a slash."""
        custom = {*get_custom_objects(), *(getattr(thing, "__name__", "") for thing in get_custom_objects().values())}
        return [
            Described(name, str(entry.get("class_name")), self._problem(entry, custom))
            for name, entry in _layers(self.config, "", 0)
        ]

    def _problem(self, entry: dict[str, Any], custom: Collection[str]) -> str:
        own = {key: entry.get(key) for key in ("module", "class_name", "config", "registered_name")}
        try:
            if self.old is not None:
                if own["class_name"] in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
                    return ""  # these depend on the calls around them
                alone = {"class_name": "Sequential", "config": {"name": "alone", "layers": [_without_calls(entry)]}}
                own = translate(alone, self.old, custom)["config"]["layers"][-1]
            deserialize_keras_object(own)
        except FAULTS as error:
            return one_line(error)
        return ""

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """What cannot be read becomes one of the problems."""
        try:
            with blaming(path):
                yield
        except FileError as error:
            self.problems.append(str(error))


def read_contents(path: Path, kind: str) -> Contents:
    """What is in a file of that format: see ``format_of``.

    Raises:
        FileError: it cannot be opened, or nothing in it can be read.
    """
    with blaming(path):
        return {"keras": _of_archive, "hdf5": _of_hdf5, "safetensors": _of_safetensors}[kind](path)


def _of_archive(path: Path) -> Contents:
    contents = Contents("Keras archive")
    with open_archive(path) as archive:
        with contents.reading(path):
            contents.config = archive.json(CONFIG)
            metadata = archive.json(METADATA) if METADATA in archive else None
            if isinstance(metadata, dict):
                contents.metadata = {key: str(value) for key, value in metadata.items()}
        version = contents.metadata.get("keras_version", "")
        contents.old = version if version.startswith("2.") else None
        with contents.reading(path), archive.stream(WEIGHTS) as stream, open_hdf5(stream, str(path)) as root:
            contents.tensors = list(_tensors(root))
    return contents


def _of_hdf5(path: Path) -> Contents:
    contents = Contents("HDF5")
    with path.open("rb") as file, open_hdf5(file, str(path)) as root:
        contents.tensors = list(_tensors(root))
        with contents.reading(path):
            text = read_text_attribute(root, "model_config")
            for group in (root, root.groups.get("model_weights")):
                for key in ("keras_version", "backend") if group is not None else ():
                    if (value := read_text_attribute(group, key)) is not None:  # type: ignore[arg-type]
                        contents.metadata.setdefault(key, value)
            if text is not None:
                contents.format = "HDF5, a whole model"
                contents.old = contents.metadata.get("keras_version", "1")
                contents.config = read_json(text, f"{path}: model_config")
            else:
                contents.format = "HDF5, weights by the names of layers" if is_legacy(root) else "HDF5, weights"
    return contents


def _tensors(root: Group) -> Iterator[Stored]:
    for name, group, last in root.walk():
        stored = group.datasets[last].dtype
        try:
            shape, dtype = shape_and_dtype(group, last)
        except FAULTS:
            yield Stored(name, None, str(stored))
        else:
            bfloat16 = dtype == "float32" and stored.itemsize == 2
            yield Stored(name, shape, "bfloat16" if bfloat16 else str(dtype))


def _of_safetensors(path: Path) -> Contents:
    metadata, types = load_metadata(path), stored_types(path)
    contents = Contents("safetensors, a whole model" if "corten.config" in metadata else "safetensors, weights")
    contents.tensors = [
        Stored(name, shape, "bfloat16" if types[name] == "BF16" else str(dtype))
        for name, (shape, dtype) in read_header(path).items()
    ]
    with contents.reading(path):
        if "corten.config" in metadata:
            contents.config = read_json(metadata.pop("corten.config"), f"{path}: corten.config")
        contents.metadata = metadata
    return contents


_DEEPEST = 50


def _layers(config: Any, prefix: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The descriptions of layers in that of a model: the only thing that this asks of it is to be one."""
    inner = config.get("config") if isinstance(config, dict) else None
    listed = inner if isinstance(inner, list) else inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(listed, list) or depth > _DEEPEST:
        # A class of its own, whose layers its constructor makes.
        if isinstance(config, dict) and not prefix:
            yield _name(config), config
        return
    for entry in listed:
        if not isinstance(entry, dict):
            continue
        path = prefix + _name(entry)
        within = entry.get("config")
        if isinstance(within, list) or (isinstance(within, dict) and isinstance(within.get("layers"), list)):
            yield from _layers(entry, f"{path}/", depth + 1)
        else:
            yield path, entry


def _name(entry: dict[str, Any]) -> str:
    config = entry.get("config")
    return str(entry.get("name") or (config.get("name") if isinstance(config, dict) else None) or "?")


def _without_calls(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "inbound_nodes"}
