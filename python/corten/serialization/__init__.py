"""Objects as plain values, by names that are known: what configurations and files are made of."""

from corten.serialization.objects import (
    deserialize_keras_object,
    is_serialized,
    plain,
    revived,
    serialize_keras_object,
    serialized,
)
from corten.serialization.registry import (
    CustomObjectScope,
    custom_object,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    live_objects,
    publish,
    publish_later,
    register_keras_serializable,
)

__all__ = [
    "CustomObjectScope",
    "custom_object",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_serialized",
    "live_objects",
    "plain",
    "publish",
    "publish_later",
    "register_keras_serializable",
    "revived",
    "serialize_keras_object",
    "serialized",
]
