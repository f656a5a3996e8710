"""A model that is run once: by Corten, or an ONNX file by onnxruntime."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from corten.cli.failure import FileError, UsageError, blaming, show
from corten.cli.formats import format_of, load
from corten.cli.onnx_contents import read_onnx
from corten.cli.signature import Declared, arranged, inputs_of, named_outputs
from corten.graph import Array

__all__ = ["Run", "filled_inputs", "run_model", "run_onnxruntime"]


@dataclass
class Run:
    """What went in and came out, and how long it took."""

    path: Path
    by: str
    inputs: dict[str, Array]
    outputs: dict[str, Array]
    seconds: dict[str, float]
    parameters: int | None = None

    @property
    def finite(self) -> bool:
        """Whether all outputs are numbers, none NaN or infinite."""
        return all(np.isfinite(array).all() for array in self.outputs.values())

    def show(self) -> None:
        """Prints it."""
        parameters = "" if self.parameters is None else f" {self.parameters:,} parameters,"
        times = ", ".join(f"{what} {seconds:.3f} s" for what, seconds in self.seconds.items())
        show(f"{self.path} ({self.by}):{parameters} {times}")
        for name, array in self.inputs.items():
            show(f"  input {name}: {array.shape} {array.dtype}")
        for name, array in self.outputs.items():
            show(f"  output {name}: {array.shape} {array.dtype}{_range(array)}")

    def inputs_for(self, path: Path, inputs: list[Declared]) -> list[Array]:
        """The arrays that went in, for another file's inputs: by name where the names are the same, else in order."""
        return _matched(self.inputs, [item.name for item in inputs], path)


def _range(array: Array) -> str:
    if not array.size:
        return ", empty"
    finite = array[np.isfinite(array)]
    span = f", from {finite.min():.6g} to {finite.max():.6g}" if finite.size else ""
    return span + (f", {array.size - finite.size:,} of {array.size:,} NOT FINITE" if finite.size < array.size else "")


def _matched(arrays: Mapping[str, Array], names: list[str], path: Path) -> list[Array]:
    if len(names) != len(arrays):
        raise FileError(f"{path}: expected {len(arrays)} inputs, {', '.join(arrays)}, got {', '.join(names)}")
    return [arrays[name] for name in names] if set(names) == set(arrays) else list(arrays.values())


def filled_inputs(inputs: list[Declared], arguments: argparse.Namespace) -> list[Array]:
    """Numbers that are the same each time, and open sizes, as the command line says.

    Raises:
        UsageError: ``--set`` names no input, or no number.
    """
    values = dict(_setting(text, inputs) for text in arguments.set)
    generator = np.random.default_rng(0)
    batch = {item.shape[0] for item in inputs if item.shape} - {None}

    def chosen(size: int | str | None, axis: int) -> int:
        if isinstance(size, int):
            return size
        return int(arguments.batch if not axis or size in batch else arguments.size)

    arrays = []
    for item in inputs:
        shape = tuple(chosen(size, axis) for axis, size in enumerate(item.shape))
        dtype = np.dtype(item.dtype)
        if item.name in values:
            arrays.append(np.full(shape, values[item.name], dtype))
        elif dtype.kind == "f" and arguments.integers is None:
            arrays.append(generator.standard_normal(shape, np.float32))
        else:
            arrays.append(generator.integers(0, arguments.integers or 2, shape).astype(dtype))
    return arrays


def _setting(text: str, inputs: list[Declared]) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    if name not in [item.name for item in inputs]:
        raise UsageError(f"--set {text}: expected one of the inputs {', '.join(item.name for item in inputs)}")
    try:
        return name, float(number)
    except ValueError:
        raise UsageError(f"--set {text}: expected a number, got {number!r}") from None


def run_model(path: Path, give: Callable[[list[Declared]], list[Array]]) -> Run:
    """Loads a model and runs it twice: the first time it is compiled for the shapes.

    Args:
        path: of the file.
        give: gets the inputs, returns an array for each.

    Raises:
        FileError: it cannot be loaded, does not say what it takes, or cannot be run.
    """
    started = time.perf_counter()
    model = load(path, compile=False)
    seconds = {"loaded in": time.perf_counter() - started}
    inputs = _with_names(path, inputs_of(model))
    if not inputs:
        raise FileError(f"{path}: {model.name!r} does not say what inputs it takes")
    arrays = give(inputs)
    named = dict(zip([item.name for item in inputs], arrays, strict=True))
    outputs: dict[str, Array] = {}
    for what in ("first run", "second run"):
        started = time.perf_counter()
        outputs = _predicted(path, model, inputs, arrays)
        seconds[what] = time.perf_counter() - started
    return Run(path, "corten", named, outputs, seconds, sum(weight.size for weight in model.weights))


def _with_names(path: Path, inputs: list[Declared]) -> list[Declared]:
    """The inputs with the names of open sizes, which ONNX files have: sizes of one name are equal."""
    with blaming(path):
        if format_of(path) != "onnx":
            return inputs
    shapes = {item["name"]: item["shape"] for item in read_onnx(path)["inputs"]}
    return [replace(item, shape=tuple(shapes.get(item.name) or item.shape)) for item in inputs]


def _predicted(path: Path, model: Any, inputs: list[Declared], arrays: list[Array]) -> dict[str, Array]:
    try:
        with blaming(path):
            return named_outputs(model, model.predict(arranged(model, arrays), verbose=0))
    except FileError as error:
        if any(not isinstance(size, int) for item in inputs for size in item.shape[1:]):
            raise FileError(f"{error} (open sizes were filled in; --size chooses others)") from error
        raise


def run_onnxruntime(path: Path, first: Run) -> Run:
    """Runs an ONNX file by onnxruntime on what went into another run.

    Raises:
        FileError: onnxruntime is not installed, or refuses the file or the inputs.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise FileError(f"{path}: --runtime needs the package onnxruntime: pip install onnxruntime") from error
    started = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it has to say, it says by exceptions
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        seconds = {"loaded in": time.perf_counter() - started}
        declared = session.get_inputs()
        arrays = _matched(first.inputs, [item.name for item in declared], path)
        fed = {item.name: array.astype(_dtype(item.type)) for item, array in zip(declared, arrays, strict=True)}
        outputs: list[Any] = []
        for what in ("first run", "second run"):
            started = time.perf_counter()
            outputs = session.run(None, fed)
            seconds[what] = time.perf_counter() - started
    except FileError:
        raise
    except Exception as error:  # onnxruntime has an exception for each of its codes, with no base of their own
        raise FileError(f"{path}: onnxruntime: {' '.join(str(error).split())}") from error
    named = dict(zip([item.name for item in session.get_outputs()], outputs, strict=True))
    return Run(path, "onnxruntime", fed, named, seconds)


def _dtype(name: str) -> str:
    """NumPy's name of a type such as ``tensor(float)``."""
    inner = name.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(inner, inner)
