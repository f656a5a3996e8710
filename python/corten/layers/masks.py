"""Masks: which time steps of a tensor count. A tensor carries its mask from layer to layer."""

from __future__ import annotations

from typing import Any

from corten.graph import Graph, Tensor, flatten, map_nested

__all__ = ["all_masked", "mask_of", "masks_of", "present", "put"]


def mask_of(value: Any) -> Any:
    """The mask of a tensor, or None."""
    return getattr(value, "mask", None)


def masks_of(values: Any) -> Any:
    """The masks of nested tensors, in their structure."""
    return values.mask if isinstance(values, Tensor) else map_nested(mask_of, values)


def present(masks: Any) -> bool:
    """Whether there is a mask in nested lists, tuples and dicts."""
    if isinstance(masks, (list, tuple)):
        return any(map(present, masks))
    return any(map(present, masks.values())) if isinstance(masks, dict) else masks is not None


def all_masked(outputs: Any) -> bool:
    """Whether every tensor in ``outputs`` has a mask."""
    return all(leaf.mask is not None for leaf in flatten(outputs) if isinstance(leaf, Tensor))


def put(graph: Graph, outputs: Any, masks: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Gives the tensors in ``outputs`` that have no mask theirs, in order.

    Returns:
        The shapes of the first mask that is not of the first axes of its output, and of that; None where all fit.
    """
    misfit = None
    tensors = [leaf for leaf in flatten(outputs) if isinstance(leaf, Tensor)]
    for tensor, leaf in zip(tensors, _leaves(masks)):
        if leaf is None or tensor.mask is not None:
            continue
        mask = graph.tensor(leaf)
        if len(mask.shape) <= len(tensor.shape) and mask.shape == tensor.shape[: len(mask.shape)]:
            tensor.mask = mask
        else:
            misfit = misfit or (mask.shape, tensor.shape)
    return misfit


def _leaves(value: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts; ``None`` is one."""
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, (list, tuple)) else [value]
