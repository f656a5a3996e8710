"""Losses, metrics, optimizers and their like are described as Keras describes them, and optimizers keep their state."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from saving import object_cases
from saving.object_cases import OBJECTS, OPTIMIZERS, described, deserialized, place, steps, trained

each_object = pytest.mark.parametrize(
    "index", range(len(OBJECTS)), ids=[f"{name}({','.join(arguments)})" for _, name, arguments in OBJECTS]
)
each_optimizer = pytest.mark.parametrize(
    "index", range(len(OPTIMIZERS)), ids=[f"{name}({','.join(arguments)})" for name, arguments in OPTIMIZERS]
)
Ask = Callable[..., Any]


def agree(one: dict[str, Any], other: dict[str, Any], named: Collection[str]) -> None:
    """Asserts the same class at the same place, and equal arguments of these names."""
    for key in ("module", "class_name", "registered_name"):
        assert one[key] == other[key]
    one, other = one["config"], other["config"]
    # A float32 by name or by default; thresholds that are given are counted otherwise in Keras.
    common = set(named) - {"dtype", "num_thresholds" if one.get("thresholds") else "dtype"}
    arguments = [{key: listed(config[key]) for key in common} for config in (one, other)]
    for config in arguments:
        if isinstance(config.get("name"), str):
            config["name"] = re.sub(r"_\d+$", "", config["name"])  # both number names by what was made before
    assert arguments[0] == arguments[1]


def listed(value: Any) -> Any:
    """An array as a list."""
    return value["config"]["value"] if isinstance(value, dict) and value["class_name"] == "__numpy__" else value


@each_object
def test_is_described_in_both_ways(index: int, keras: Ask) -> None:
    where, name, arguments = OBJECTS[index]
    ours = described(corten, getattr(place(corten, where), name)(**arguments))
    assert described(corten, deserialized(corten, ours)) == ours
    theirs, through_keras = keras(object_cases.keras_describes, index, ours)
    # Some arguments Keras leaves out of its descriptions, and so loses.
    agree(through_keras, theirs, theirs["config"])
    agree(described(corten, deserialized(corten, theirs)), ours, theirs["config"])
    assert set(theirs["config"]) - set(ours["config"]) <= {"dtype"}
    assert set(arguments) <= set(ours["config"])


def test_every_class_has_a_line() -> None:
    bases = {"Loss", "LossFunctionWrapper", "Metric", "MeanMetricWrapper", "LearningRateSchedule"}
    bases |= {"Initializer", "Regularizer", "Constraint", "Optimizer"}
    listed = {name for _, name, _ in OBJECTS} | {name for name, _ in OPTIMIZERS}
    rooms = ["losses", "metrics", "optimizers", "optimizers.schedules", "initializers", "regularizers", "constraints"]
    known = {
        thing.__name__
        for where in rooms
        for name, thing in vars(place(corten, where)).items()
        if isinstance(thing, type) and hasattr(thing, "get_config") and name in place(corten, where).__all__
    }
    assert known - bases - listed == set()


@each_optimizer
@pytest.mark.parametrize("scheduled", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_an_optimizer_goes_to_keras_and_back(index: int, scheduled: bool, tmp_path: Path, keras: Ask) -> None:
    if scheduled and "gradient_accumulation_steps" in OPTIMIZERS[index][1]:
        pytest.skip("Keras's schedules count every batch, ours every update")
    model = trained(corten, index, scheduled)
    model.save(tmp_path / "ours.keras")
    wanted = steps(model, 2, 3)
    for one, other in zip(keras(object_cases.keras_goes_on, tmp_path / "ours.keras"), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    wanted = keras(object_cases.keras_writes, index, scheduled, tmp_path / "theirs.keras")
    found = steps(corten.models.load_model(tmp_path / "theirs.keras"), 2, 3)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@each_optimizer
def test_an_optimizer_goes_on_with_the_same_bits(index: int, tmp_path: Path) -> None:
    model = trained(corten, index)
    model.save(tmp_path / "model.safetensors")
    others = {
        "deepcopy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
        "safetensors": corten.models.load_model(tmp_path / "model.safetensors"),
    }
    wanted = [array.tobytes() for array in steps(model, 2, 3)]
    found = {way: [array.tobytes() for array in steps(other, 2, 3)] for way, other in others.items()}
    assert [way for way, bits in found.items() if bits != wanted] == []
