"""Which format a file has, and the model in it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from corten.cli.failure import blaming
from corten.errors import CorruptFileError
from corten.saving.model_files import kind_of, load_model
from corten.saving.safetensors import open_regular

__all__ = ["format_of", "load", "onnx_part"]


def format_of(path: Path) -> str:
    """``"keras"``, ``"hdf5"``, ``"safetensors"`` or ``"onnx"``, by what the file begins with; ONNX also by its name.

    Raises:
        CorruptFileError: none of them, or not a regular file.
    """
    try:
        kind = kind_of(path)
    except CorruptFileError:
        if path.is_file() and _is_onnx(path):
            return "onnx"
        raise
    # An ONNX file has no signature: some of its bytes may be what another format begins with.
    return "onnx" if kind == "safetensors" and path.suffix.lower() == ".onnx" else kind


def _is_onnx(path: Path) -> bool:
    with open_regular(path) as file:
        # The first field of a protobuf message of that kind: ir_version, a small number.
        begin = file.read(2)
    return path.suffix.lower() == ".onnx" or (begin[:1] == b"\x08" and 0 < begin[-1] < 128)


def load(path: Path, compile: bool = True) -> Any:
    """The model in a file of any format.

    Args:
        path: of the file.
        compile: whether compile settings and the optimizer's state are taken over.

    Raises:
        FileError: it holds none, or one that cannot be loaded.
    """
    with blaming(path):
        if format_of(path) == "onnx":
            return onnx_part("").load(path)
        return load_model(path, compile=compile)


def onnx_part(name: str) -> Any:
    """``corten.onnx``, or a module of it: imported where a file is ONNX."""
    return import_module(f"corten.onnx{name}")
