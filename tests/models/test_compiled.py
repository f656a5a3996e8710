"""Losses and metrics of several outputs."""

from __future__ import annotations

import numpy as np

import corten
from corten import Model, layers


def test_metrics_of_several_outputs_come_by_name_as_in_keras() -> None:
    x = corten.Input((3,))
    model = Model(x, [layers.Dense(2, name="a")(x), layers.Dense(1, activation="sigmoid", name="b")(x)])
    model.compile("sgd", ["mse", "bce"], metrics={"b": "accuracy"}, weighted_metrics={"a": "mae", "b": "accuracy"})
    data = np.ones((5, 3), np.float32), [np.ones((5, 2)), np.ones((5, 1))]
    values = model.evaluate(*data, sample_weight=np.arange(5), verbose=0)
    names = ["loss", "a_loss", "b_loss", "a_mae", "b_accuracy", "b_weighted_accuracy"]
    assert model.metrics_names == names
    named = model.evaluate(*data, sample_weight=np.arange(5), verbose=0, return_dict=True)
    assert values == [named[name] for name in names]
