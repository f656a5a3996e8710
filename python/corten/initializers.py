"""What weights hold before training: ``initializer(shape, dtype)`` gives a NumPy array.

Random ones with an int for ``seed`` give the same numbers at every call, with a :class:`corten.random.SeedGenerator`
others at each; without one they draw a new seed each time from :mod:`corten.random`, so a model built after
``corten.utils.set_random_seed`` always begins the same.

>>> import numpy as np
>>> from corten import initializers
>>> initializers.get("zeros")((2,))
array([0., 0.], dtype=float32)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from corten.arguments import extents, number, one_of, real, whole, wholes
from corten.configured import Configured
from corten.graph import numeric
from corten.lookup import find
from corten.ops.axes import each_axis
from corten.random import SeedGenerator, SeedLike, draw_seed
from corten.serialization import publish, serialized

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]

Array = NDArray[Any]

#: A seed, or the configuration of a generator.
Seed: TypeAlias = SeedLike | dict[str, Any]

#: The standard deviation of a standard normal distribution cut off at -2 and 2.
_CUT_STDDEV = 0.87962566103423978


class Initializer(Configured):
    """The base of initializers: ``__call__(shape, dtype)`` gives an array."""

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__()")


# --- constant --------------------------------------------------------------------------------------------------------


class Constant(Initializer):
    """One number, or an array that is broadcast to the shape.

    >>> from corten.initializers import Constant
    >>> Constant(3)((2,))
    array([3., 3.], dtype=float32)
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = real(value, "Constant: value") if np.ndim(value) == 0 else numeric(value, "Constant: value")

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        return np.full(extents(shape, "Constant: shape"), self.value, dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        """The value as a number, or as lists of numbers."""
        return {"value": self.value.tolist() if isinstance(self.value, np.ndarray) else self.value}


class Zeros(Initializer):
    """Zeros.

    >>> from corten.initializers import Zeros
    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        return np.zeros(extents(shape, "Zeros: shape"), dtype or "float32")


class Ones(Initializer):
    """Ones.

    >>> from corten.initializers import Ones
    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        return np.ones(extents(shape, "Ones: shape"), dtype or "float32")


class Identity(Initializer):
    """The identity matrix times ``gain``; ``ValueError`` for a shape without exactly two axes.

    >>> from corten.initializers import Identity
    >>> Identity(2)((2, 2))
    array([[2., 0.],
           [0., 2.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number(gain, "Identity: gain")

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        sizes = extents(shape, "Identity: shape")
        if len(sizes) != 2:
            raise ValueError(f"Identity: expected a shape with two axes, got {tuple(sizes)}")
        rows, columns = sizes
        return np.asarray(self.gain * np.eye(rows, columns), dtype or "float32")


# --- random ----------------------------------------------------------------------------------------------------------


class _Random(Initializer):
    """Draws from a generator that depends on the seed only."""

    seed: int | SeedGenerator | None

    def _seeded(self, seed: Seed) -> None:
        if isinstance(seed, dict):
            seed = find(seed, {"SeedGenerator": SeedGenerator}, f"{type(self).__name__}: seed")
        if seed is not None and not isinstance(seed, SeedGenerator):
            seed = whole(seed, f"{type(self).__name__}: seed", 0)
        self.seed = seed

    def _sizes(self, shape: Sequence[int]) -> list[int]:
        return extents(shape, f"{type(self).__name__}: shape")

    def _generator(self) -> np.random.Generator:
        if isinstance(self.seed, SeedGenerator):
            return np.random.Generator(np.random.PCG64(self.seed.draw()))
        return np.random.Generator(np.random.PCG64(draw_seed() if self.seed is None else self.seed))

    def _normal(self, shape: Sequence[int], mean: float, stddev: float, dtype: str | None) -> Array:
        drawn = self._generator().standard_normal(self._sizes(shape), np.float32)
        return np.asarray(drawn * np.float32(stddev) + np.float32(mean), dtype or "float32")

    def _truncated(self, shape: Sequence[int], mean: float, stddev: float, dtype: str | None) -> Array:
        generator = self._generator()
        drawn = generator.standard_normal(self._sizes(shape), np.float32)
        while (outside := np.abs(drawn) > 2).any():
            drawn[outside] = generator.standard_normal(int(outside.sum()), np.float32)
        return np.asarray(drawn * np.float32(stddev) + np.float32(mean), dtype or "float32")

    def _uniform(self, shape: Sequence[int], low: float, high: float, dtype: str | None) -> Array:
        drawn = self._generator().random(self._sizes(shape), np.float32)
        return np.asarray(drawn * np.float32(high - low) + np.float32(low), dtype or "float32")


class RandomNormal(_Random):
    """Normally distributed.

    >>> from corten.initializers import RandomNormal
    >>> RandomNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = number(mean, "RandomNormal: mean")
        self.stddev = number(stddev, "RandomNormal: stddev", 0)
        self._seeded(seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        return self._normal(shape, self.mean, self.stddev, dtype)


class TruncatedNormal(_Random):
    """Normally distributed; values more than two standard deviations from the mean are drawn again.

    >>> from corten.initializers import TruncatedNormal
    >>> bool(abs(TruncatedNormal(stddev=1.0, seed=1)((1000,))).max() <= 2)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = number(mean, "TruncatedNormal: mean")
        self.stddev = number(stddev, "TruncatedNormal: stddev", 0)
        self._seeded(seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        return self._truncated(shape, self.mean, self.stddev, dtype)


class RandomUniform(_Random):
    """Uniformly distributed in [minval, maxval).

    >>> from corten.initializers import RandomUniform
    >>> bool(abs(RandomUniform(seed=1)((1000,))).max() <= 0.05)
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        self.minval = number(minval, "RandomUniform: minval")
        self.maxval = number(maxval, "RandomUniform: maxval")
        self._seeded(seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        return self._uniform(shape, self.minval, self.maxval, dtype)


class Orthogonal(_Random):
    """A random matrix with orthonormal rows or columns, whichever are fewer, times ``gain`` (Saxe et al. 2014).

    Leading axes are taken together as the rows. ``ValueError`` for fewer than two axes.

    >>> import numpy as np
    >>> from corten.initializers import Orthogonal
    >>> w = Orthogonal(seed=1)((2, 3))
    >>> bool(np.allclose(w @ w.T, np.eye(2), atol=1e-6))
    True
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        self.gain = number(gain, "Orthogonal: gain")
        self._seeded(seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        sizes = self._sizes(shape)
        if len(sizes) < 2:
            raise ValueError(f"Orthogonal: expected a shape with at least two axes, got {tuple(sizes)}")
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        drawn = self._generator().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(drawn)
        # Without this the distribution would depend on how the factorisation chooses signs.
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return np.asarray(self.gain * (q.T if rows < columns else q).reshape(sizes), dtype or "float32")


# --- scaled by the number of inputs and outputs ----------------------------------------------------------------------


def fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """How many inputs and outputs a weight of this shape connects: kernels have theirs on the last two axes."""
    shape = extents(shape, "initializer: shape")
    if input_axes is not None and output_axes is not None:
        inputs = each_axis(input_axes, len(shape), "initializer: input_axes")
        outputs = each_axis(output_axes, len(shape), "initializer: output_axes")
        return math.prod(shape[a] for a in inputs), math.prod(shape[a] for a in outputs)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


class VarianceScaling(_Random):
    """Random with variance ``scale / n``: the size of signals survives a layer.

    Args:
        scale: above 0.
        mode: n is the number of inputs (``"fan_in"``), of outputs (``"fan_out"``), or their mean (``"fan_avg"``).
        distribution: ``"truncated_normal"``, ``"untruncated_normal"`` or ``"uniform"``.
        seed: an int; None; or a :class:`corten.random.SeedGenerator`, which gives other numbers at each call.
        input_axes: the axes of the inputs, where the shape is no kernel's (..., in, out).
        output_axes: those of the outputs.

    >>> from corten.initializers import VarianceScaling
    >>> w = VarianceScaling(2.0, seed=1)((200, 100))
    >>> bool(abs(w.std() - 0.1) < 0.002)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
        distribution: Literal["truncated_normal", "untruncated_normal", "normal", "uniform"] = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        what = type(self).__name__
        self.scale = number(scale, f"{what}: scale", 0)
        if not self.scale:
            raise ValueError(f"{what}: scale: expected a number > 0, got {scale}")
        self.mode = one_of(mode, ("fan_in", "fan_out", "fan_avg"), f"{what}: mode")
        distribution = "truncated_normal" if distribution == "normal" else distribution
        known = ("truncated_normal", "untruncated_normal", "uniform")
        self.distribution = one_of(distribution, known, f"{what}: distribution")
        self.input_axes, self.output_axes = (
            None if axes is None else wholes(axes, f"{what}: {name}_axes")
            for name, axes in (("input", input_axes), ("output", output_axes))
        )
        self._seeded(seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return self._uniform(shape, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return self._normal(shape, 0.0, math.sqrt(variance), dtype)
        return self._truncated(shape, 0.0, math.sqrt(variance) / _CUT_STDDEV, dtype)


class GlorotUniform(VarianceScaling):
    """Uniform in ±sqrt(6 / (in + out)) (Glorot and Bengio 2010, eq. 16): what kernels begin with by default.

    >>> from corten.initializers import GlorotUniform
    >>> bool(abs(GlorotUniform(seed=1)((4, 2))).max() <= 1)
    True
    """

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (in + out) (Glorot and Bengio 2010).

    >>> from corten.initializers import GlorotNormal
    >>> GlorotNormal(seed=1)((4, 2)).shape
    (4, 2)
    """

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """Truncated normal with variance 1 / in (LeCun et al. 1998, section 4.6).

    >>> from corten.initializers import LecunNormal
    >>> LecunNormal(seed=1)((4, 2)).shape
    (4, 2)
    """

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """Uniform in ±sqrt(3 / in) (LeCun et al. 1998, section 4.6).

    >>> from corten.initializers import LecunUniform
    >>> bool(abs(LecunUniform(seed=1)((3, 2))).max() <= 1)
    True
    """

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """Truncated normal with variance 2 / in, for layers with ReLU (He et al. 2015, eq. 10).

    >>> from corten.initializers import HeNormal
    >>> HeNormal(seed=1)((4, 2)).shape
    (4, 2)
    """

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """Uniform in ±sqrt(6 / in), for layers with ReLU (He et al. 2015).

    >>> from corten.initializers import HeUniform
    >>> bool(abs(HeUniform(seed=1)((6, 2))).max() <= 1)
    True
    """

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


constant, zeros, ones, identity = Constant, Zeros, Ones, Identity
random_normal, truncated_normal, random_uniform, orthogonal = RandomNormal, TruncatedNormal, RandomUniform, Orthogonal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal

_KNOWN: dict[str, Callable[..., Any]] = {
    name: value
    for name, value in globals().items()
    if isinstance(value, type)
    and issubclass(value, Initializer)
    and not name.startswith("_")
    and value is not Initializer
}
_KNOWN.update(normal=RandomNormal, uniform=RandomUniform, zero=Zeros, one=Ones)
_KNOWN.update(IdentityInitializer=Identity, OrthogonalInitializer=Orthogonal)


class _FromArray:
    """An array that a weight begins with."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __call__(self, shape: Sequence[int], dtype: str | None = "float32") -> Array:
        if tuple(shape) != self.array.shape:
            raise ValueError(f"initializer: expected an array of shape {tuple(shape)}, got {self.array.shape}")
        return np.asarray(self.array, dtype or "float32")


#: What stands for an initializer: a name, an object or class, a function of (shape, dtype), a configuration, an
#: array; or None.
InitializerLike: TypeAlias = str | Callable[..., Any] | dict[str, Any] | Array | None


def get(identifier: InitializerLike) -> Any:
    """The initializer that a name, a configuration, a class, a callable or an array stands for; ``None`` stays None.

    Raises:
        ValueError: an unknown name.
        TypeError: none of these.

    >>> from corten import initializers
    >>> initializers.get("he_normal").scale
    2.0
    """
    if identifier is None:
        return None
    return _FromArray(identifier) if isinstance(identifier, np.ndarray) else find(identifier, _KNOWN, "initializer")


def serialize(initializer: object) -> dict[str, Any]:
    """The configuration :func:`get` understands."""
    return serialized(initializer, "initializer")


def deserialize(config: InitializerLike) -> Any:
    """The initializer of a configuration."""
    return get(config)


publish("initializers", {kind.__name__: kind for kind in _KNOWN.values()})
# What files of earlier Keras 3 call them.
publish("initializers", {"OrthogonalInitializer": Orthogonal, "IdentityInitializer": Identity})
