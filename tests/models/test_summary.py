"""The table of a model: layers, ops between them, what is shared and what is nested."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from corten import Input, Model, Sequential, layers, ops


def table(model: Model, **options: Any) -> dict[str, list[str]]:
    """The cells of each line behind the first, by the first."""
    shown: list[str] = []
    model.summary(print_fn=shown.append, **options)
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown[0].splitlines() if line[0] == "│"]
    return {row[0]: row[1:] for row in rows[1:]}


def test_ops_shared_layers_and_nested_models() -> None:
    tower = Sequential([layers.Dense(5, name="wide", input_shape=(6,)), layers.Dense(3, name="narrow")], name="tower")
    a, b = Input((6,), name="a"), Input((6,), name="b")
    first, second = tower(a), tower(b)
    model = Model([a, b], layers.Dense(1, name="top")(ops.exp(first * 2.0) - second * 3.0))
    assert table(model) == {
        "a (InputLayer)": ["(None, 6)", "0", "-"],
        "b (InputLayer)": ["(None, 6)", "0", "-"],
        "tower (Sequential)": ["(None, 3)", "53", "a, b"],
        "multiply": ["(None, 3)", "0", "tower"],
        "exp": ["(None, 3)", "0", "multiply"],
        "multiply_1": ["(None, 3)", "0", "tower"],
        "subtract": ["(None, 3)", "0", "exp, multiply_1"],
        "top (Dense)": ["(None, 1)", "4", "subtract"],
    }
    nested = table(model, expand_nested=True, show_trainable=True, layer_range=["tower", "exp"])
    assert list(nested) == ["tower (Sequential)", "wide (Dense)", "narrow (Dense)", "multiply", "exp"]
    assert nested["narrow (Dense)"] == ["(None, 3)", "18", "-", "Y"]


def test_what_is_not_known_yet() -> None:
    model = Sequential([Sequential([layers.Dense(2)], name="inner"), layers.Dense(1, name="outer")])
    assert table(model) == {"inner (Sequential)": ["?", "0 (unbuilt)"], "outer (Dense)": ["?", "0 (unbuilt)"]}
    model(np.ones((4, 3)))
    assert table(model)["inner (Sequential)"] == ["(None, 2)", "8"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_output_without_the_signs_of_a_table_gets_plain_ones(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    model = Sequential([layers.Dense(2, input_shape=(3,), name="a" * 80)])
    with io.TextIOWrapper(io.BytesIO(), encoding=encoding) as out:
        monkeypatch.setattr("sys.stdout", out)
        model.summary()
        out.flush()
        shown = out.buffer.getvalue().decode("ascii").splitlines()
    assert set(shown[1]) == {"+", "-"} and shown[2].startswith("| Layer (type)") and "aaa~ | (None, 2)" in shown[4]


@pytest.mark.parametrize(("optimizer", "slots"), [("adam", 34), ("sgd", 2)])
def test_what_the_optimizer_holds_counts_once_training_has_begun(optimizer: str, slots: int) -> None:
    def counts() -> dict[str, str]:
        shown: list[str] = []
        model.summary(print_fn=shown.append)
        lines = [line.split(":") for line in "\n".join(shown).splitlines() if "params:" in line]
        return {name.strip(): count.split()[0] for name, count in lines}

    model = Sequential([layers.Dense(4, input_shape=(3,))])
    model.compile(optimizer, "mse")
    assert counts() == {"Total params": "16", "Trainable params": "16", "Non-trainable params": "0"}
    model.fit(np.ones((4, 3)), np.ones((4, 4)), verbose=0)
    after = counts()
    assert after["Total params"] == str(16 + slots) and after["Optimizer params"] == str(slots)
