"""Descriptions: what a class of one's own adds to them, what is found by a name and what is not."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.saving import deserialize_keras_object, register_keras_serializable, serialize_keras_object


class Holder:
    """What cannot be described."""


@register_keras_serializable("descriptions")
class Named(layers.Dense):
    """Tells a name in place of an object, as a dict of what Corten's class tells."""

    def __init__(self, units: int, holder: Any, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.holder = holder

    def get_config(self) -> dict[str, Any]:
        return dict(holder="held", **super().get_config())


@register_keras_serializable("descriptions")
class Halved(corten.losses.Loss):
    def __init__(self, factor: float, name: str = "halved", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.factor * corten.ops.mean(corten.ops.square(y_true - y_pred), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return dict(factor=self.factor, **super().get_config())


@register_keras_serializable("descriptions")
class Given(layers.Layer):
    """Makes a layer of what it is given, a layer or its description."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = deserialize_keras_object(inner)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


@register_keras_serializable("descriptions")
class Small(corten.Model):
    """Functional, made by a constructor of its own."""

    def __init__(self, units: int = 2, name: str | None = None) -> None:
        inputs = corten.Input((3,))
        super().__init__(inputs, layers.Dense(units)(inputs), name=name)
        self.units = units

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "name": self.name}


@register_keras_serializable("descriptions")
def tripled(x: Any) -> Any:
    return 3.0 * x


def again(value: Any) -> Any:
    return deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(value))))


def test_a_class_of_ones_own_gets_what_cortens_class_tells() -> None:
    layer = again(Named(3, Holder(), activation="relu", name="one"))
    assert (type(layer), layer.holder, layer.units, layer.name) == (Named, "held", 3, "one")
    assert layer.activation is corten.activations.relu
    loss = again(Halved(0.5, reduction="sum"))
    assert (type(loss), loss.factor, loss.reduction, loss.name) == (Halved, 0.5, "sum", "halved")


def test_a_layer_within_is_given_as_it_is_or_described() -> None:
    layer = Given(layers.Dense(2, name="inner"))
    assert type(again(layer).inner) is layers.Dense and again(layer).inner.name == "inner"
    described = Given(serialize_keras_object(layers.Dense(2, name="inner")))
    assert described.inner.name == "inner" and again(described).inner.units == 2


def test_an_activation_is_described_by_its_name_or_where_it_is_registered() -> None:
    assert corten.activations.serialize(corten.activations.gelu) == "gelu"
    described = corten.activations.serialize(tripled)
    assert described["config"] == "descriptions>tripled"
    assert corten.activations.get(described) is tripled
    assert layers.Dense.from_config({"units": 1, "activation": described}).activation is tripled
    assert again(layers.Dense(2, activation=layers.ReLU(name="inner"))).activation.name == "inner"


def test_a_functional_model_of_a_class_of_its_own() -> None:
    model = Small(4, name="small")
    assert serialize_keras_object(model)["registered_name"] == "descriptions>Small"
    for other in (again(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert isinstance(other, Small) and other.output_shape == (None, 4) and other.name == "small"
    assert isinstance(corten.models.clone_model(model), Small)


def test_build_by_keyword_is_described_as_by_position() -> None:
    one, other = layers.Dense(2), layers.Dense(2)
    one.build((None, 3))
    other.build(input_shape=(None, 3))
    assert one.get_build_config() == other.get_build_config() == {"input_shape": (None, 3)}
    assert again(other).kernel.shape == (3, 2)


def test_outputs_keep_their_nesting() -> None:
    inputs = corten.Input((3,))
    for nested in (lambda a, b: (a, b), lambda a, b: [a, b], lambda a, b: {"a": a, "b": (b, [a])}):
        model = corten.Model(inputs, nested(layers.Dense(1)(inputs), layers.Dense(2)(inputs)))
        other = corten.Model.from_config(model.get_config())
        assert str(other.output_shape) == str(model.output_shape)
        assert str(copy.deepcopy(model).output_shape) == str(model.output_shape)


def test_custom_objects_of_from_config() -> None:
    class Local(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + 1.0

    inputs = corten.Input((3,))
    for model in (corten.Model(inputs, Local()(inputs)), corten.Sequential([corten.Input((3,)), Local()])):
        config = model.get_config()
        with pytest.raises(ValueError, match="unknown class 'Local'"):
            type(model).from_config(config)
        other = type(model).from_config(config, custom_objects={"Local": Local})
        np.testing.assert_array_equal(other(np.zeros((1, 3), np.float32)), np.ones((1, 3)))


def test_functions_as_keras_wrote_them_until_3_6() -> None:
    for name, wanted in (("tripled", tripled), ("kl_divergence", corten.losses.kl_divergence)):
        old = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
        assert deserialize_keras_object(old) is wanted


@pytest.mark.parametrize("name", ["subprocess.Popen", "mine>Dense", "builtins.eval"])
def test_a_name_that_is_not_registered_is_not_passed_over(name: str) -> None:
    for described in (
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": name},
        {"module": "builtins", "class_name": "function", "config": "kl_divergence", "registered_name": name},
    ):
        with pytest.raises(ValueError, match=name.rpartition(".")[2]):
            deserialize_keras_object(described)
    empty = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": ""}
    assert deserialize_keras_object(empty).units == 1


def test_nothing_outside_is_found_by_a_name() -> None:
    for module, name in (("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("corten.config", "eval")):
        for what in ({"class_name": name, "config": {}}, {"class_name": "function", "config": name}):
            with pytest.raises(ValueError, match="unknown"):
                deserialize_keras_object({"module": module, "registered_name": None, **what})


def test_a_class_of_ones_own_may_be_called_as_keras_calls_a_policy() -> None:
    @corten.saving.register_keras_serializable("test_descriptions")
    class Policy(corten.layers.Layer):
        def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    model = corten.Sequential([corten.Input((3,)), Policy(3.0)])
    (layer,) = corten.models.model_from_json(model.to_json()).layers
    assert type(layer) is Policy and layer.factor == 3.0
    keras_policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "float32"},
        "registered_name": None,
    }
    assert corten.saving.deserialize_keras_object(keras_policy) == "float32"
