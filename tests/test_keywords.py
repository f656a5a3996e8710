"""Constructors answer an unexpected keyword argument with the one that is probably meant."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest

from corten import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers
from corten.configured import Configured
from corten.keywords import RENAMED
from corten.layers import Dense, Layer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.SGD(lr=0.1), "SGD: unexpected keyword argument 'lr'; use 'learning_rate'"),
        (lambda: optimizers.Adam(beta1=0.9), "Adam: unexpected keyword argument 'beta1'; did you mean 'beta_1'?"),
        (lambda: optimizers.schedules.CosineDecay(0.1, steps=3), "CosineDecay: unexpected keyword argument 'steps'"),
        (lambda: Dense(output_dim=3), "Dense: unexpected keyword argument 'output_dim'; use 'units'"),
        (lambda: Dense(3, init="zeros"), "Dense: unexpected keyword argument 'init'; use 'kernel_initializer'"),
        (lambda: Dense(3, W_regularizer="l2"), "use 'kernel_regularizer'"),
        (lambda: Dense(3, trainible=False), "did you mean 'trainable'?"),
        (lambda: layers.Embedding(3, 2, init="zeros"), "use 'embeddings_initializer'"),
        (lambda: layers.Conv2D(2, 3, border_mode="same"), "use 'padding'"),
        (lambda: layers.Conv2D(nb_filter=2, kernel_size=3), "use 'filters'"),
        (lambda: layers.MaxPooling1D(pool_length=2), "use 'pool_size'"),
        (lambda: layers.Dropout(p=0.5), "Dropout: unexpected keyword argument 'p'; use 'rate'"),
        (lambda: layers.LSTM(3, inner_activation="tanh"), "use 'recurrent_activation'"),
        (lambda: layers.BatchNormalization(mode=1), "unexpected keyword argument 'mode'$"),
        (lambda: losses.Huber(dleta=1.0), "Huber: unexpected keyword argument 'dleta'; did you mean 'delta'?"),
        (lambda: metrics.AUC(num_threshold=3), "AUC: unexpected keyword argument .*; did you mean 'num_thresholds'?"),
        (lambda: initializers.HeNormal(sed=1), "did you mean 'seed'?"),
        (lambda: regularizers.L2(l1=1), "L2: unexpected keyword argument 'l1'"),
        (lambda: constraints.MaxNorm(max=1), "MaxNorm: unexpected keyword argument 'max'"),
    ],
)
def test_the_name_that_is_meant(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_a_name_is_suggested_only_where_it_is_one_of_the_callee() -> None:
    with pytest.raises(TypeError, match="^Flatten: unexpected keyword argument 'init'$"):
        layers.Flatten(init="zeros")
    # Of a missing argument under another name Python says it best.
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'units'"):
        Dense()  # type: ignore[call-arg]


def test_a_class_of_ones_own_may_take_any_keyword() -> None:
    class Own(Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            self.init = kwargs.pop("init", None)
            self.output_dim = kwargs.pop("output_dim", None)
            super().__init__(**kwargs)
            self.units = units

    own = Own(3, init="mine", output_dim=7, name="own")
    assert (own.init, own.output_dim, own.name) == ("mine", 7, "own")
    with pytest.raises(TypeError, match="Own: unexpected keyword argument 'unitss'; did you mean 'units'?"):
        Own(3, unitss=3)

    class Free(Configured):
        def __init__(self, **kwargs: Any) -> None:
            self.lr = kwargs["lr"]

    assert Free(lr=1).lr == 1


def test_older_names_stand_for_names_that_there_are() -> None:
    known: set[str] = set()
    for room in (callbacks, layers, optimizers):
        for name in room.__all__:
            if inspect.isclass(thing := getattr(room, name)):
                known.update(inspect.signature(thing.__init__).parameters)
    from corten import Model
    from corten.models.functional import Functional

    for function in (Model.fit, Model.evaluate, Functional.__init__):
        known.update(inspect.signature(function).parameters)
    assert {new for names in RENAMED.values() for new in names} <= known
    assert copy.copy(initializers.HeNormal(seed=1)).get_config() == initializers.HeNormal(seed=1).get_config()
