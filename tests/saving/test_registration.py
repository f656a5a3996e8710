"""Classes and functions registered by a name, as in Keras."""

from __future__ import annotations

import pytest

import corten
from corten.saving import get_registered_name, get_registered_object, register_keras_serializable


def test_a_registered_class_is_found_by_its_name_and_by_no_other() -> None:
    @register_keras_serializable("mine", name="Doubled")
    class Double(corten.layers.Layer):
        pass

    @corten.utils.register_keras_serializable()
    def half(x: float) -> float:
        return x / 2

    assert get_registered_name(Double) == "mine>Doubled" and get_registered_object("mine>Doubled") is Double
    assert get_registered_name(half) == "Custom>half" and get_registered_object("Custom>half") is half
    assert get_registered_name(corten.layers.Dense) == "Dense"
    assert get_registered_object("Double") is None
    assert get_registered_object("Double", custom_objects={"Double": Double}) is Double
    assert Double(name="a").name == "a"
    with pytest.raises(ValueError, match="Bare has no get_config"):

        @register_keras_serializable()
        class Bare:
            pass
