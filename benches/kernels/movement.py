"""Data that only moves: transposes, concatenations, slices, gathers, padding; and dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops, random

__all__ = ["CASES"]


def _copied(view: Callable[[Array], Array]) -> Callable[..., Any]:
    """NumPy's views, made into arrays of their own."""

    def baseline(x: Array) -> Callable[..., Array]:
        seen = view(x)

        def run(out: Array | None = None) -> Array:
            if out is None:
                out = np.empty(seen.shape, seen.dtype)
            np.copyto(out, seen)
            return out

        return run

    return baseline


def _concatenate(axis: int) -> Callable[..., Any]:
    return lambda *parts: lambda out=None: np.concatenate(parts, axis=axis, out=out)


def _take(x: Array, indices: Array) -> Callable[..., Array]:
    # "clip" copies straight into out; the default mode goes through a buffer.
    return lambda out=None: np.take(x, indices, axis=0, out=out, mode="clip")


def _pad(width: tuple[tuple[int, int], ...]) -> Callable[..., Any]:
    def baseline(x: Array) -> Callable[..., Array]:
        shape = tuple(size + low + high for size, (low, high) in zip(x.shape, width, strict=True))
        inside = tuple(slice(low, low + size) for size, (low, _) in zip(x.shape, width, strict=True))

        def run(out: Array | None = None) -> Array:
            if out is None:
                out = np.zeros(shape, np.float32)
            else:
                out.fill(0)
            out[inside] = x
            return out

        return run

    return baseline


def _one_hot(classes: int) -> Callable[..., Any]:
    def baseline(labels: Array) -> Callable[..., Array]:
        rows = np.arange(len(labels))

        def run(out: Array | None = None) -> Array:
            if out is None:
                out = np.zeros((len(labels), classes), np.float32)
            else:
                out.fill(0)
            out[rows, labels] = 1
            return out

        return run

    return baseline


def _dropout(rate: float) -> Callable[..., Any]:
    def baseline(x: Array, state: Array) -> Callable[..., Array]:
        random, draws, kept = np.random.default_rng(0), np.empty_like(x), np.empty(x.shape, bool)

        def run(out: Array | None = None) -> Array:
            random.random(dtype=np.float32, out=draws)
            np.greater_equal(draws, np.float32(rate), out=kept)
            y = np.multiply(x, np.float32(1 / (1 - rate)), out=out)
            y *= kept
            return y

        return run

    return baseline


def _repeated(factor: int) -> Callable[..., Any]:
    def baseline(x: Array) -> Callable[..., Array]:
        n, height, width, channels = x.shape
        shape = (n, height, factor, width, factor, channels)
        cells = np.broadcast_to(x[:, :, None, :, None], shape)

        def run(out: Array | None = None) -> Array:
            y = np.empty((n, height * factor, width * factor, channels), np.float32) if out is None else out
            np.copyto(y.reshape(shape), cells)
            return y

        return run

    return baseline


def _repeated_gradient(factor: int) -> Callable[..., Any]:
    def baseline(x: Array, dy: Array) -> Callable[..., Array]:
        n, height, width, channels = x.shape
        cells = dy.reshape(n, height, factor, width, factor, channels)
        parts = [cells[:, :, i, :, j] for i in range(factor) for j in range(factor)]

        def run(out: Array | None = None) -> Array:
            y = np.add(parts[0], parts[1], out=out)
            for part in parts[2:]:
                y += part
            return y

        return run

    return baseline


def _split(x: Array) -> Callable[..., Array]:
    left, right = np.split(x, 2, axis=-1)
    rest = np.empty(right.shape, np.float32)

    def run(out: Array | None = None) -> Array:
        if out is None:
            # Two new arrays, as on Corten's side.
            return [left.copy(), right.copy()][0]
        np.copyto(rest, right)
        np.copyto(out, left)
        return out

    return run


def _cast(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        if out is None:
            return x.astype(np.float32)
        np.copyto(out, x)
        return out

    return run


def _random(law: str) -> Callable[..., Any]:
    def baseline(x: Array) -> Callable[..., Array]:
        random = np.random.default_rng(0)
        draw = random.standard_normal if law == "normal" else random.random

        def run(out: Array | None = None) -> Array:
            y = draw(x.shape, np.float32, out=out)
            y += x
            return y

        return run

    return baseline


def _cases() -> Iterator[Case]:
    for shape, axes in (
        ((1024, 1024), (1, 0)),
        ((128, 10), (1, 0)),
        ((64, 32, 32, 64), (0, 3, 1, 2)),
        ((64, 64, 32, 32), (0, 2, 3, 1)),
        ((32, 64, 8, 32), (0, 2, 1, 3)),
    ):
        yield Case(
            "transpose",
            f"{'x'.join(map(str, shape))} by {axes}",
            lambda shape=shape: (normal(*shape),),
            lambda x, axes=axes: ops.transpose(x, axes),
            _copied(lambda x, axes=axes: x.transpose(axes)),
        )
    for shape, count, axis in (((128, 512), 2, -1), ((1024, 1024), 2, 0), ((32, 16, 16, 32), 3, -1)):
        yield Case(
            "concatenate",
            f"{count} of {'x'.join(map(str, shape))} along {axis}",
            lambda shape=shape, count=count: tuple(normal(*shape, seed=i) for i in range(count)),
            lambda *parts, axis=axis: ops.concatenate(list(parts), axis=axis),
            _concatenate(axis),
        )
    for shape, key, text in (
        ((128, 28, 28, 32), (slice(None), slice(1, -1), slice(1, -1)), "[:, 1:-1, 1:-1]"),
        ((1024, 1024), (slice(None), slice(0, 256)), "[:, :256]"),
        ((1024, 1024), (slice(None, None, 2),), "[::2]"),
        ((128, 32, 32, 3), (slice(None), slice(None), slice(None, None, -1)), "[:, :, ::-1]"),
    ):
        yield Case(
            "slice",
            f"{'x'.join(map(str, shape))} {text}",
            lambda shape=shape: (normal(*shape),),
            lambda x, key=key: ops.getitem(x, key),
            _copied(lambda x, key=key: x[key]),
        )
    for rows, width, count in ((10000, 64, 2048), (60000, 784, 128), (1000, 10, 32)):
        yield Case(
            "gather",
            f"{count} of {rows}x{width}",
            lambda r=rows, w=width, c=count: (
                normal(r, w),
                np.random.default_rng(3).integers(0, r, c).astype(np.int32),
            ),
            lambda x, indices: ops.take(x, indices, axis=0),
            _take,
        )
    for shape, width in (
        ((128, 28, 28, 1), ((0, 0), (2, 2), (2, 2), (0, 0))),
        ((32, 32, 32, 64), ((0, 0), (1, 1), (1, 1), (0, 0))),
    ):
        yield Case(
            "pad",
            f"{'x'.join(map(str, shape))} by {width[1][0]}",
            lambda shape=shape: (normal(*shape),),
            lambda x, width=width: ops.pad(x, width),
            _pad(width),
        )
    for shape in ((128, 512), (1024, 1024)):
        size = "x".join(map(str, shape))
        yield Case("split", size, lambda s=shape: (normal(*s),), lambda x: ops.split(x, 2, axis=-1)[0], _split)
        labels = lambda s=shape: (np.random.default_rng(3).integers(0, 100, s).astype(np.int32),)  # noqa: E731
        yield Case("cast", size, labels, lambda x: ops.cast(x, "float32"), _cast)
        for name, law in (("normal", random.normal), ("uniform", random.uniform)):
            # Added to numbers, so that the mean, which is compared, is not 0.
            ours = lambda x, law=law: x + law(x.shape, seed=3)  # noqa: E731
            three = lambda s=shape: (np.full(s, 3, np.float32),)  # noqa: E731
            yield Case(f"random {name} and add", size, three, ours, _random(name), on_arrays=False, tolerance=None)
    for rows, classes in ((128, 10), (4096, 1000)):
        yield Case(
            "one_hot",
            f"{rows} to {classes}",
            lambda r=rows, c=classes: (np.random.default_rng(3).integers(0, c, r).astype(np.int32),),
            lambda labels, c=classes: ops.one_hot(labels, c),
            _one_hot(classes),
        )
    yield Case(
        "broadcast_to",
        "1x1024 to 1024x1024",
        lambda: (normal(1, 1024),),
        lambda x: ops.broadcast_to(x, (1024, 1024)),
        _copied(lambda x: np.broadcast_to(x, (1024, 1024))),
    )
    for shape in ((128, 14, 14, 16), (32, 32, 32, 64)):
        for wrt, numpy in ((None, _repeated(2)), (0, _repeated_gradient(2))):
            yield Case(
                "upsample2d" if wrt is None else "upsample2d gradient",
                "x".join(map(str, shape)),
                lambda shape=shape: (normal(*shape),),
                lambda x: ops.upsample2d(x, 2),
                numpy,
                wrt=wrt,
            )
    for shape in ((32, 128), (128, 1600), (128, 26, 26, 32)):
        yield Case(
            "dropout",
            "x".join(map(str, shape)),
            lambda shape=shape: (normal(*shape) + np.float32(2), np.array([1, 0], np.int32)),
            lambda x, state: ops.dropout(x, 0.5, state),
            _dropout(0.5),
            tolerance=None if shape[0] > 32 else 9.0,
        )


CASES = list(_cases())
