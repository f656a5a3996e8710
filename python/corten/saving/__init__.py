"""Weights on the disk: written so that a crash leaves the old file or the new, read as if they were hostile."""

from corten.saving.registration import get_registered_name, get_registered_object, register_keras_serializable

__all__ = ["get_registered_name", "get_registered_object", "register_keras_serializable"]
