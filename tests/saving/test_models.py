"""Whole models go to files and back between Corten and stock Keras, and training goes on from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten.graph import flatten
from saving import architectures
from saving.architectures import CASES, optimizer_state, own, predict, train, write
from saving.keras_process import keras_process

STEPS = 2
each = pytest.mark.parametrize("case", list(CASES), ids=lambda case: case.__name__)
#: Those that Keras trains in no time.
QUICK = {architectures.nested, architectures.custom}
some = pytest.mark.parametrize(
    "case",
    [case if case in QUICK else pytest.param(case, marks=pytest.mark.thorough) for case in CASES],
    ids=lambda case: case.__name__,
)
#: Keras 3 writes these to HDF5 and cannot read them: a subclass by its bare name, ops without their place.
NOT_IN_HDF5 = {architectures.subclassed, architectures.own_constructor, architectures.transformer}

Case = Callable[[Any], Any]
Ask = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    own(corten)


@pytest.fixture(scope="module")
def training_keras() -> Iterator[Ask]:
    with keras_process("jax") as ask:
        yield ask


def alike(found: Any, wanted: Any) -> None:
    """Asserts the same nesting and nearly equal arrays."""
    assert type(found) is type(wanted)
    if isinstance(found, dict):
        assert found.keys() == wanted.keys()
        found, wanted = ([value[key] for key in found] for value in (found, wanted))
    for one, other in zip(flatten(found), flatten(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@each
def test_keras_reads_ours(case: Case, tmp_path: Path, keras: Ask) -> None:
    model = case(corten)
    train(model, case, STEPS)
    paths = write(model, tmp_path, "ours")
    predictions = predict(model, case)
    for path in (paths[0], paths[2]):
        alike(predict(corten.models.load_model(path), case), predictions)
    if case is architectures.subclassed:
        del paths[2]
    for path, (found, state) in zip(paths, keras(architectures.keras_reads, paths, case), strict=True):
        alike(found, predictions)
        if path.suffix == ".keras":
            alike(state, optimizer_state(model))
    assert keras(architectures.keras_from_json, model.to_json()) == [weight.shape for weight in model.weights]


@each
def test_ours_read_keras(case: Case, tmp_path: Path, keras: Ask) -> None:
    wanted, state, text = keras(architectures.keras_writes, tmp_path, case)
    model = corten.models.load_model(tmp_path / "theirs.keras")
    alike(predict(model, case), wanted)
    alike(optimizer_state(model), state)
    other = case(corten)
    other.load_weights(tmp_path / "theirs.weights.h5")
    alike(predict(other, case), wanted)
    if case not in NOT_IN_HDF5:
        alike(predict(corten.models.load_model(tmp_path / "theirs.h5"), case), wanted)
    again = corten.models.model_from_json(text)
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in model.weights]


@some
def test_keras_goes_on_with_ours(case: Case, tmp_path: Path, training_keras: Ask) -> None:
    model = case(corten)
    train(model, case, STEPS)
    model.save(tmp_path / "model.keras")
    losses = training_keras(architectures.keras_goes_on, tmp_path / "model.keras", case, STEPS)
    np.testing.assert_allclose(losses, train(model, case, STEPS), rtol=1e-4, atol=1e-5)


@some
def test_ours_goes_on_with_keras(case: Case, tmp_path: Path, training_keras: Ask) -> None:
    losses = training_keras(architectures.keras_trains_writes_and_goes_on, tmp_path / "model.keras", case, STEPS)
    model = corten.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(train(model, case, STEPS), losses, rtol=1e-4, atol=1e-5)
