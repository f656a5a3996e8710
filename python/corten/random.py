"""Random states: one seed for everything, and a counter for each user of it.

Every random number comes from a counter-based generator keyed by (seed, step), so a state is two integers that can be
stored and restored. The seed is 0 until :func:`corten.utils.set_random_seed` says otherwise: training is deterministic
by default. Steps that draw without naming a seed share one state, which belongs to no model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, SupportsIndex, TypeAlias

import numpy as np

from corten import _core, ops
from corten.arguments import INT64, extents, number, whole
from corten.errors import ShapeError
from corten.graph import TensorLike, Variable, current_graph, push, tracing
from corten.serialization import publish

__all__ = [
    "SeedGenerator",
    "beta",
    "categorical",
    "draw_seed",
    "dropout",
    "gamma",
    "get_state",
    "normal",
    "randint",
    "seeds_as_before",
    "seeds_from",
    "set_seed",
    "set_state",
    "uniform",
]

_state = {"seed": 0, "drawn": 0}
#: What seeds are drawn from in a block of :func:`seeds_from`.
_inner: ContextVar[dict[str, int] | None] = ContextVar("seeds", default=None)
#: The state that steps draw from where they name no seed, once one has.
_shared: list[SeedGenerator] = []


def set_seed(seed: int) -> None:
    """Sets the seed that all later seeds are drawn from.

    >>> import corten
    >>> corten.random.set_seed(1); first = corten.random.draw_seed()
    >>> corten.random.set_seed(1); first == corten.random.draw_seed()
    True
    """
    set_state({"seed": whole(seed, "seed", 0, 2**63 - 1), "drawn": 0})


def get_state() -> dict[str, int]:
    """The seed, how many seeds were drawn from it, and how often steps drew without a seed."""
    return {**_state, "shared": int(_shared[0].state.numpy()[1]) if _shared else 0}


def set_state(state: dict[str, int]) -> None:
    """Restores what :func:`get_state` gave."""
    if not isinstance(state, dict) or not {"seed", "drawn"} <= state.keys():
        raise ValueError(f"set_state: expected what get_state() gives, a dict with 'seed' and 'drawn', got {state!r}")
    seed, drawn, count = (
        whole(state.get(name, 0), f"set_state: {name}", 0, 2**63 - 1) for name in ("seed", "drawn", "shared")
    )
    _state.update(seed=seed, drawn=drawn)
    if _shared or count:
        _shared_generator().state.assign(np.array([_seed_number(0, seed), count], np.int32))


@contextlib.contextmanager
def seeds_as_before() -> Iterator[None]:
    """After the block, the seeds that were drawn in it are drawn again."""
    source = _inner.get() or _state
    drawn = source["drawn"]
    try:
        yield
    finally:
        source["drawn"] = drawn


@contextlib.contextmanager
def seeds_from(seed: int) -> Iterator[None]:
    """In the block, seeds are drawn from ``seed``, for this thread alone; after it, as if there had been no block.

    So a model is built and trained the same wherever it is, and nothing else changes for that.

    >>> import corten
    >>> with corten.random.seeds_from(5):
    ...     first = corten.random.draw_seed()
    >>> with corten.random.seeds_from(5):
    ...     print(first == corten.random.draw_seed())
    True
    """
    token = _inner.set({"seed": whole(seed, "seeds_from: seed", 0, 2**63 - 1), "drawn": 0})
    try:
        yield
    finally:
        _inner.reset(token)


def draw_seed() -> int:
    """A new seed of 31 bits, a function of the global seed and of how many were drawn before."""
    with tracing:
        source = _inner.get() or _state
        source["drawn"] += 1
        return _seed_number(source["drawn"], source["seed"])


def _seed_number(index: int, seed: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0]) & 0x7FFFFFFF


def _shared_generator() -> SeedGenerator:
    if not _shared:
        _shared.append(SeedGenerator(_seed_number(0, _state["seed"]), name="shared_seed_generator"))
    return _shared[0]


class SeedGenerator:
    """The random state of one layer: an int32 variable (seed, step).

    ``next()`` gives the state for one use and counts the step on, inside a graph when the run ends.

    >>> import corten
    >>> generator = corten.random.SeedGenerator(seed=5)
    >>> [generator.next().tolist() for _ in range(2)]
    [[5, 0], [5, 1]]
    """

    def __init__(self, seed: int | None = None, name: str = "seed_generator") -> None:
        #: None where the seed was drawn.
        self.seed = None if seed is None else whole(seed, "SeedGenerator: seed")
        first = draw_seed() if self.seed is None else self.seed & 0x7FFFFFFF
        self.state = Variable(np.array([first, 0], np.int32), dtype="int32", trainable=False, name=name)

    @property
    def variables(self) -> list[Variable]:
        return [self.state]

    def draw(self) -> list[int]:
        """(seed, step) for one use outside of any step, which is counted on at once, also where a step is traced."""
        seed, step = self.state.numpy().tolist()
        _core.assign([self.state.core], [np.array([seed, (step + 1) & 0x7FFFFFFF], np.int32)])
        return [seed, step]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make another one."""
        return {"seed": self.seed, "name": self.state.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A new one from what :meth:`get_config` gave."""
        return cls(**config)

    def next(self) -> Any:
        """The state for this use; the next use gets another."""
        with tracing:
            state = self.state.value
            self.state.assign(push("increment", [state], by=1)[0])
        return state


#: What stands for the state that a function draws from: a generator, an int, or None for the shared one.
SeedLike: TypeAlias = SeedGenerator | SupportsIndex | None


def normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, seed: SeedLike = None
) -> Any:
    """Normally distributed numbers.

    Args:
        shape: ints.
        mean: of the distribution.
        stddev: its standard deviation, at least 0.
        dtype: float32 (or None).
        seed: a :class:`SeedGenerator`, which gives other numbers at each use; an int, which always gives the same ones;
            or None: drawn from the seed of :func:`corten.utils.set_random_seed`, others at each use. Steps share one
            state for that, so what one model draws depends on what others drew; a generator of one's own does not.

    Raises:
        ValueError: a negative ``stddev``.

    >>> import corten
    >>> corten.random.normal((2,), seed=1).shape
    (2,)
    """
    mean, stddev = number(mean, "normal: mean"), number(stddev, "normal: stddev", 0)
    return _draw("random_normal", shape, dtype, seed, mean=mean, stddev=stddev)


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: str | None = None, seed: SeedLike = None
) -> Any:
    """Numbers in ``[minval, maxval)``, each as likely as the other.

    Args:
        shape: ints.
        minval: the lower bound, included.
        maxval: the upper bound, excluded.
        dtype: float32 (or None).
        seed: as in :func:`normal`.

    Raises:
        ValueError: ``maxval`` is not above ``minval``.

    >>> import corten
    >>> x = corten.random.uniform((1000,), 2, 3, seed=1)
    >>> bool((x >= 2).all() and (x < 3).all())
    True
    """
    low, high = number(minval, "uniform: minval"), number(maxval, "uniform: maxval")
    if not low < high:
        raise ValueError(f"uniform: expected minval < maxval, got {minval!r} and {maxval!r}")
    return _draw("random_uniform", shape, dtype, seed, minval=low, maxval=high)


def _draw(op: str, shape: Sequence[int], dtype: str | None, seed: SeedLike, **options: float) -> Any:
    if dtype is not None and dtype != "float32":
        raise ValueError(f"{op}: dtype: expected 'float32', got {dtype!r}")
    return push(op, [_state_for(seed)], shape=extents(shape, f"{op}: shape"), **options)[0]


def _state_for(seed: SeedLike) -> Any:
    """The state to draw from: that of a generator, of a step, of an int, or a new one."""
    if seed is None and current_graph() is not None:
        seed = _shared_generator()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return np.array([draw_seed() if seed is None else whole(seed, "seed") & 0x7FFFFFFF, 0], np.int32)


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: str = "int32", seed: SeedLike = None) -> Any:
    """Whole numbers from ``minval`` to ``maxval - 1``, each as likely as the other.

    Args:
        shape: ints.
        minval: the lower bound, included.
        maxval: the upper bound, excluded; at most 2^24 above ``minval``.
        dtype: of the result.
        seed: as in :func:`normal`.

    Raises:
        ValueError: ``maxval`` is not above ``minval``, or too far.

    >>> import corten
    >>> x = corten.random.randint((1000,), 2, 5, seed=1)
    >>> sorted(set(x.tolist()))
    [2, 3, 4]
    """
    low, high = whole(minval, "randint: minval", *INT64), whole(maxval, "randint: maxval", *INT64)
    if not 0 < high - low <= 1 << 24:
        raise ValueError(f"randint: expected minval < maxval <= minval + 2**24, got {minval!r} and {maxval!r}")
    # Of a product that was rounded up to maxval the floor would be that.
    steps = ops.minimum(ops.floor(ops.multiply(uniform(shape, seed=seed), high - low)), high - low - 1)
    return ops.cast(ops.add(steps, low), dtype)


def categorical(logits: TensorLike, num_samples: int, dtype: str = "int32", seed: SeedLike = None) -> Any:
    """Classes drawn from distributions, by Gumbel's law: the largest of ``logits - log(-log(u))`` is drawn.

    Args:
        logits: (batch, classes): logarithms of probabilities, or these plus any number for each row.
        num_samples: how many to draw from each row.
        dtype: of the result.
        seed: as in :func:`normal`.

    Returns:
        (batch, num_samples).

    >>> import numpy as np, corten
    >>> corten.random.categorical(np.float32([[-np.inf, 0, -np.inf]]), 3, seed=1)
    array([[1, 1, 1]], dtype=int32)
    """
    if len(ops.shape(logits)) != 2:
        raise ShapeError(f"categorical: logits: expected (batch, classes), got shape {ops.shape(logits)}")
    rows, classes = ops.shape(logits)
    num_samples = whole(num_samples, "categorical: num_samples", 0)
    u = uniform((rows, num_samples, classes), seed=seed)
    scores = ops.subtract(ops.expand_dims(logits, 1), ops.log(ops.negative(ops.log(u))))
    return ops.cast(ops.argmax(scores, axis=-1), dtype)


def gamma(shape: Sequence[int], alpha: TensorLike, dtype: str | None = None, seed: SeedLike = None) -> Any:
    """Numbers of the gamma distribution of scale 1, by Marsaglia and Tsang's method (2000).

    Args:
        shape: ints.
        alpha: the distribution's shape parameter, above 0: a number, or an array that is broadcast to ``shape``.
        dtype: float32 (or None).
        seed: as in :func:`normal`.

    Raises:
        ValueError: a number ``alpha`` that is not above 0.

    >>> import corten
    >>> x = corten.random.gamma((10000,), 3.0, seed=1)
    >>> float(x.mean().round(1)), float(x.var().round(1))
    (3.0, 3.0)
    """
    return ops.exp(_log_gamma(shape, alpha, dtype, seed, "gamma: alpha"))


def beta(
    shape: Sequence[int], alpha: TensorLike, beta: TensorLike, dtype: str | None = None, seed: SeedLike = None
) -> Any:
    """Numbers of the beta distribution: ``x / (x + y)`` with x and y of gamma distributions.

    Args:
        shape: ints.
        alpha: the first shape parameter, above 0: a number, or an array that is broadcast to ``shape``.
        beta: the second, likewise.
        dtype: float32 (or None).
        seed: as in :func:`normal`.

    Raises:
        ValueError: a number ``alpha`` or ``beta`` that is not above 0.

    >>> import corten
    >>> x = corten.random.beta((10000,), 0.5, 1.5, seed=1)
    >>> float(x.mean().round(2))
    0.25
    """
    first, state = _log_gamma(shape, alpha, dtype, seed, "beta: alpha"), seed
    if seed is not None and not isinstance(seed, SeedGenerator):
        state = int(np.random.SeedSequence([whole(seed, "seed") & 0x7FFFFFFF, 1]).generate_state(1)[0])
    return ops.sigmoid(ops.subtract(first, _log_gamma(shape, beta, dtype, state, "beta: beta")))


#: Candidates for a number of a gamma distribution. Each is taken with a probability above 0.95.
_CANDIDATES = 12


def _log_gamma(shape: Sequence[int], alpha: TensorLike, dtype: str | None, seed: SeedLike, where: str) -> Any:
    """The logarithms of what :func:`gamma` gives: for small ``alpha`` that itself is mostly too small for a float."""
    if not hasattr(alpha, "shape"):
        alpha = number(alpha, where)
        if alpha <= 0:
            raise ValueError(f"{where}: expected a number above 0, got {alpha!r}")
    sizes = extents(shape, where)
    a: Any = ops.broadcast_to(ops.cast(alpha, "float32"), sizes)
    d = a + (1 - 1 / 3)
    step = ops.rsqrt(9.0 * d)
    # One draw has all: the candidates' normal numbers by Box and Muller, what decides on them, and one more.
    u = uniform((3 * _CANDIDATES + 1, *sizes), dtype=dtype, seed=seed)
    radius = ops.sqrt(-2.0 * ops.log1p(-u[:_CANDIDATES]))
    x = radius * ops.cos(2 * np.pi * u[_CANDIDATES : 2 * _CANDIDATES])
    cube = (1.0 + step * x) ** 3
    positive = ops.greater(cube, 0.0)
    log_cube = ops.log(ops.where(positive, cube, 1.0))
    taken = ops.less(ops.log1p(-u[2 * _CANDIDATES : -1]), 0.5 * x * x + d - d * cube + d * log_cube)
    found = ops.logical_and(positive, taken)
    result = ops.log(d)
    for i in range(_CANDIDATES):
        result = ops.where(found[i], ops.log(d) + log_cube[i], result)
    # That was of the distribution for alpha + 1.
    return result + ops.log1p(-u[-1]) / a


def dropout(
    inputs: TensorLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: SeedLike = None
) -> Any:
    """Zeroes each element with probability ``rate`` and divides the others by ``1 - rate``.

    Args:
        inputs: any shape.
        rate: from 0 to below 1.
        noise_shape: as in ``corten.ops.dropout``.
        seed: as in :func:`normal`.

    >>> import numpy as np, corten
    >>> sorted(set(corten.random.dropout(np.ones(100, np.float32), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    return ops.dropout(inputs, rate, state=_state_for(seed), noise_shape=noise_shape)


publish("random", {"SeedGenerator": SeedGenerator})
