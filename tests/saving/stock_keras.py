"""Run in a process of its own: loads files of Keras 2 into stock Keras 3 by what `corten.saving` translates and reads.

Reads a JSON list of jobs from the standard input, and prints a JSON list of how far the outputs or weights are off.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "numpy")

import h5py
import keras
import numpy as np

from corten.saving.hdf5_closed import open_hdf5, read_text_attribute
from corten.saving.hdf5_legacy import layer_paths, read_archive, read_weights
from corten.saving.hdf5_optimizer import order_optimizer, read_optimizer
from corten.saving.keras2 import translate, translate_training


@keras.saving.register_keras_serializable("corten", "keras2_hard_sigmoid")
def hard_sigmoid(x: Any) -> Any:
    return keras.ops.clip(0.2 * x + 0.5, 0, 1)


CUSTOM = {"keras2_hard_sigmoid": hard_sigmoid, "corten>keras2_hard_sigmoid": hard_sigmoid}


def build(config: dict[str, Any], version: str) -> Any:
    # Through JSON, as what is translated must have nothing else in it.
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(translate(config, version))), CUSTOM)


def layer_at(model: Any, path: str) -> Any:
    for name in path.split("/"):
        model = (model.layer if isinstance(model, keras.layers.TimeDistributed) else model).get_layer(name)
    return model


def trainable(model: Any, above: str = "") -> Iterator[tuple[str, list[tuple[int, ...]]]]:
    for layer in model.layers:
        inner = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
        if isinstance(inner, keras.Model):
            yield from trainable(inner, f"{above}{layer.name}/")
        elif layer.trainable_variables:
            yield above + layer.name, [tuple(variable.shape) for variable in layer.trainable_variables]


def assign(variables: list[Any], arrays: list[Any], what: str) -> None:
    expected, got = [tuple(v.shape) for v in variables], [array.shape for array in arrays]
    assert expected == got, f"{what}: expected {expected}, got {got}"
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def load_hdf5(source: Any) -> tuple[Any, Any, Any, str]:
    """The model, its training configuration, its optimizer's state, and why that is None."""
    with open_hdf5(source) as root:
        config = json.loads(read_text_attribute(root, "model_config") or "")
        version = read_text_attribute(root, "keras_version") or "1"
        model = build(config, version)
        weights = read_weights(root.groups["model_weights"], config)
        for path, arrays in weights:
            layer = layer_at(model, path)
            assign(layer.trainable_weights + layer.non_trainable_weights, arrays, path)
        if (training := read_text_attribute(root, "training_config")) is None:
            return model, None, None, "not compiled"
        compiled = translate_training(json.loads(training), version)
        order = [path for path, _ in weights]
        state, why = read_optimizer(root, compiled["optimizer"], list(trainable(model)), order)
        return model, compiled, state, why


def load_archive(path: str, folder: Path) -> tuple[Any, Any, Any, str]:
    with zipfile.ZipFile(path) as archive:
        config, stored = json.loads(archive.read("config.json")), archive.read("model.weights.h5")
        version = json.loads(archive.read("metadata.json"))["keras_version"]
    translated = translate(config, version)
    compiled = translated.pop("compile_config", None)
    model = keras.saving.deserialize_keras_object(json.loads(json.dumps(translated)), CUSTOM)
    with open_hdf5(stored, path) as root:
        arrays = read_archive(root)
    # Stock Keras reads them: that the paths are Keras 3's is what is tested.
    weights = folder / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        for name, array in arrays.items():
            if not name.startswith(("optimizer/", "metrics/")):
                file[name] = array
    model.load_weights(weights)
    if compiled is None:
        return model, None, None, "not compiled"
    state = [arrays[f"optimizer/vars/{i}"] for i in range(sum(name.startswith("optimizer/vars/") for name in arrays))]
    ordered, why = order_optimizer(state, compiled["optimizer"], list(trainable(model)), list(layer_paths(translated)))
    return model, compiled, ordered, why


def difference(got: Any, expected: Any) -> float:
    got, expected = keras.tree.flatten(got), keras.tree.flatten(expected)
    assert [np.shape(a) for a in got] == [np.shape(b) for b in expected], "other shapes"
    return max(float(np.max(np.abs(np.asarray(a) - b), initial=0)) for a, b in zip(got, expected, strict=True))


def predict(model: Any, inputs: list[Any]) -> Any:
    if isinstance(getattr(model, "_inputs_struct", None), dict):
        return model(dict(zip(sorted(model.input), inputs, strict=True)), training=False)
    return model(inputs if len(inputs) > 1 else inputs[0], training=False)


def run(job: dict[str, Any], folder: Path) -> Any:
    path = job["path"]
    model, compiled, state, why = load_archive(path, folder) if path.endswith(".keras") else load_hdf5(path)
    kind = job["kind"]
    if kind == "predict":
        data = np.load(job["expected"])
        inputs, outputs = ([data[name] for name in sorted(data) if name[0] == letter] for letter in "xy")
        return difference(predict(model, inputs), outputs)
    if kind == "keras":  # as Keras 3 itself reads the file
        rng = np.random.default_rng(0)
        x = rng.normal(size=job["shape"]).astype("float32")
        return difference(model(x, training=False), keras.models.load_model(path, compile=False)(x, training=False))
    model.compile_from_config(compiled)
    if state is None:
        return why
    if kind == "state":
        return [list(array.shape) for array in state] == [list(v.shape) for v in model.optimizer.variables]
    assign(model.optimizer.variables, state, "optimizer")
    data = np.load(job["expected"])
    for _ in range(2):
        model.train_on_batch(data["x"], data["y"])
    return difference(model.get_weights(), [data[f"w{i}"] for i in range(len(model.get_weights()))])


def result_of(job: dict[str, Any], folder: Path) -> Any:
    try:
        return run(job, folder)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[-600:]}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = [result_of(job, Path(folder)) for job in json.load(sys.stdin)]
    sys.stdout.write("\n" + json.dumps(results))


if __name__ == "__main__":
    sys.stdout, out = io.StringIO(), sys.stdout
    main()
    out.write(sys.stdout.getvalue().rpartition("\n")[2])
