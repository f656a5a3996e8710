"""A model of one layer of contracts/test_every_layer.py, in either room; and what Keras does with its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from contracts.test_every_layer import INDICES, LAYERS, call, inputs, made

# What a Lambda or the like would be has no configuration; layers that take text have no line in the table.
Case = tuple[str, dict[str, Any], list[tuple[int, ...]]]


def model_of(room: Any, case: Case) -> Any:
    """A functional model of the layer, with weights that tell rows and columns apart."""
    name, options, shapes = case
    dtype = "int32" if name in INDICES else "float32"
    symbols = [room.Input(shape, dtype=dtype, name=f"input_{i}") for i, shape in enumerate(shapes)]
    layer = made(room.layers, name, options)
    model = room.Model(symbols, call(layer, symbols if len(symbols) > 1 else symbols[0]), name="model")
    rng = np.random.default_rng(2)
    model.set_weights([rng.uniform(0.1, 1, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def layout(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of all arrays in an HDF5 file, by place."""
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def note(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[place] = item.shape

    with h5py.File(path) as file:
        file.visititems(note)
    return found


def case_of(index: int) -> tuple[Case, Any]:
    """A line of the table, and what the layer is fed."""
    name, options, shapes = LAYERS[index]
    if name == "GroupQueryAttention":
        # Keras applies it to symbolic tensors of one size only.
        shapes = [(steps, 6) for steps, _ in shapes]
    return (name, options, shapes), inputs(name, shapes)


# --- in Keras's process ----------------------------------------------------------------------------------------------


def keras_has(index: int) -> bool:
    import keras

    return hasattr(keras.layers, LAYERS[index][0])


def keras_predicts(index: int, path: Path) -> Any:
    """What the model in a file makes of the layer's inputs."""
    import keras

    return np.asarray(keras.saving.load_model(path).predict(case_of(index)[1], verbose=0))


def keras_writes(index: int, path: Path) -> Any:
    """Writes ``path`` and the weights beside it; returns the predictions."""
    import keras

    case, x = case_of(index)
    model = model_of(keras, case)
    model.save(path)
    model.save_weights(path.with_suffix(".weights.h5"))
    return np.asarray(model.predict(x, verbose=0))
