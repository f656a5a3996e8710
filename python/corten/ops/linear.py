"""Products of matrices and of values of more axes, and lengths of vectors."""

from __future__ import annotations

import math as scalars
from collections.abc import Sequence
from typing import Any

from corten.arguments import real, shown, whole
from corten.errors import ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops import math, reduction
from corten.ops.axes import Axes, each_axis
from corten.ops.dtypes import floats
from corten.ops.shapes import reshape, squeeze, transpose

__all__ = ["dot", "einsum", "matmul", "norm", "outer", "tensordot"]


@symbolic
def matmul(x1: TensorLike, x2: TensorLike, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The product of matrices, or of stacks of them: ``y[..., i, j] = sum_k x1[..., i, k] x2[..., k, j]``.

    Args:
        x1: (..., m, k), or (..., k, m) where ``transpose_a``.
        x2: (..., k, n), or (..., n, k) where ``transpose_b``. Leading axes equal those of ``x1``, or one
            operand has none.

    Returns:
        (..., m, n).

    Raises:
        ShapeError: inner sizes or leading axes differ.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.matmul(np.float32([[1, 2], [3, 4]]), np.float32([[1, 0], [0, 2]]))
    array([[1., 4.],
           [3., 8.]], dtype=float32)
    """
    return push("matmul", [floats(x1), floats(x2)], transpose_a=bool(transpose_a), transpose_b=bool(transpose_b))[0]


@symbolic
def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence[Any] = 2) -> Any:
    """Products summed over axes of both: the other axes of ``x1``, then those of ``x2`` are left.

    Args:
        x1: any shape.
        x2: any shape.
        axes: so many last axes of ``x1`` with as many first ones of ``x2``; or two axes, or two lists of as many.

    Raises:
        ShapeError: two axes that are summed over differ in size.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), axes=[[1, 2], [1, 0]]).shape
    (2, 5)
    """
    x1, x2 = floats(x1), floats(x2)
    ranks = len(x1.shape), len(x2.shape)
    if isinstance(axes, (list, tuple)):
        pair: Sequence[Any] = axes
    else:
        number = whole(axes, "tensordot: axes", 0, min(ranks))
        pair = [range(ranks[0] - number, ranks[0]), range(number)]
    if len(pair) != 2:
        raise ValueError(f"tensordot: axes: expected an int or axes of both, got {axes!r}")
    first, second = (each_axis(of, rank, "tensordot") for of, rank in zip(pair, ranks))
    if len(first) != len(second):
        raise ValueError(f"tensordot: axes: expected as many of x1 as of x2, got {axes!r}")
    if [x1.shape[a] for a in first] != [x2.shape[a] for a in second]:
        raise ShapeError(f"tensordot: shapes {tuple(x1.shape)} and {tuple(x2.shape)} do not fit along axes {axes!r}")
    outer1 = [a for a in range(ranks[0]) if a not in first]
    outer2 = [a for a in range(ranks[1]) if a not in second]
    sizes = [x1.shape[a] for a in outer1], [x2.shape[a] for a in outer2]
    inner = scalars.prod(x1.shape[a] for a in first)
    rows = reshape(transpose(x1, [*outer1, *first]), [scalars.prod(sizes[0]), inner])
    columns = reshape(transpose(x2, [*second, *outer2]), [inner, scalars.prod(sizes[1])])
    return reshape(matmul(rows, columns), [*sizes[0], *sizes[1]])


@symbolic
def dot(x1: TensorLike, x2: TensorLike) -> Any:
    """The product over the last axis of ``x1`` and the last but one (or only) axis of ``x2``; a number scales.

    >>> from corten import ops
    >>> float(ops.dot([1, 2, 3], [4, 5, 6]))
    32.0
    """
    x1, x2 = floats(x1), floats(x2)
    if not x1.shape or not x2.shape:
        return math.multiply(x1, x2)
    return tensordot(x1, x2, axes=[[-1], [max(-2, -len(x2.shape))]])


@symbolic
def outer(x1: TensorLike, x2: TensorLike) -> Any:
    """Every element of ``x1`` times every element of ``x2``: (size of x1, size of x2).

    >>> from corten import ops
    >>> ops.outer([1, 2], [3, 4, 5])
    array([[ 3.,  4.,  5.],
           [ 6.,  8., 10.]], dtype=float32)
    """
    return math.multiply(reshape(floats(x1), [-1, 1]), reshape(floats(x2), [1, -1]))


@symbolic
def einsum(subscripts: str, *operands: TensorLike) -> Any:
    """Products summed as the letters say: a letter stands for an axis; those not behind ``->`` are summed over.

    Args:
        subscripts: ``"bij,bjk->bik"``; ``...`` stands for axes without letters, as many in each operand that has them.
            Without ``->`` the result has the letters that appear once, in alphabetical order.
        operands: a value for each part between commas. More than two are multiplied from the left.

    Raises:
        ValueError: a letter twice in one operand, or in the result alone; another number of parts than of operands.
        ShapeError: one letter stands for two sizes.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.einsum("bij,bjk->bik", np.ones((2, 3, 4)), np.ones((2, 4, 5))).shape
    (2, 3, 5)
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: subscripts: expected a text such as 'ij,jk->ik', got {shown(subscripts)}")
    if not operands:
        raise ValueError(f"einsum {subscripts!r}: expected operands, got none")
    values = [floats(value, "einsum") for value in operands]
    letters, result = _letters(subscripts, [len(value.shape) for value in values])
    sizes: dict[str, int] = {}
    for names, value in zip(letters, values, strict=True):
        for name, size in zip(names, value.shape, strict=True):
            if sizes.setdefault(name, size) != size:
                raise ShapeError(f"einsum {subscripts!r}: axis {name!r} has sizes {sizes[name]} and {size}")
    names, value = letters[0], values[0]
    for index in range(1, len(values)):
        later = {*result, *(name for others in letters[index + 1 :] for name in others)}
        names, value = _contract(names, value, letters[index], values[index], later)
    names, value = _summed(names, value, set(result))
    return transpose(value, [names.index(name) for name in result])


def _letters(subscripts: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """The names of each operand's axes, and those of the result."""
    text, arrow, after = subscripts.replace(" ", "").partition("->")
    parts = text.split(",")
    if len(parts) != len(ranks):
        raise ValueError(f"einsum {subscripts!r}: expected {len(parts)} operands, got {len(ranks)}")
    letters = []
    unnamed: list[str] = []
    for part, rank in zip(parts, ranks, strict=True):
        before, dots, behind = part.partition("...")
        unlabelled = rank - len(before) - len(behind)
        if unlabelled < 0 or (unlabelled and not dots):
            raise ValueError(f"einsum {subscripts!r}: {part!r} does not name the axes of a value with {rank}")
        # Unnamed axes are aligned at the last; digits are no letters and so nobody's names.
        own = [str(place) for place in reversed(range(unlabelled))]
        unnamed = max(unnamed, own, key=len)
        names = [*before, *own, *behind]
        if len(set(names)) != len(names):
            raise ValueError(f"einsum {subscripts!r}: repeated letter in {part!r}; use ops.diagonal")
        letters.append(names)
    if arrow:
        before, dots, behind = after.partition("...")
        result = [*before, *(unnamed if dots else []), *behind]
    else:
        every = [name for names in letters for name in names if name.isalpha()]
        result = [*unnamed, *sorted(name for name in set(every) if every.count(name) == 1)]
    strange = [name for name in result if result.count(name) > 1 or not any(name in names for names in letters)]
    if strange or not all(name.isalnum() for names in letters for name in names):
        raise ValueError(f"einsum {subscripts!r}: expected letters, each of the result's once and in some operand")
    return letters, result


def _summed(names: list[str], value: Any, keep: set[str]) -> tuple[list[str], Any]:
    """``value`` summed over the axes that are not to be kept."""
    gone = [axis for axis, name in enumerate(names) if name not in keep]
    return [name for name in names if name in keep], reduction.sum(value, gone) if gone else value


def _contract(names1: list[str], x1: Any, names2: list[str], x2: Any, later: set[str]) -> tuple[list[str], Any]:
    """Two operands as one, by one product of stacks of matrices: (both, rows, inner) by (both, inner, columns)."""
    names1, x1 = _summed(names1, x1, later | set(names2))
    names2, x2 = _summed(names2, x2, later | set(names1))
    both = [name for name in names1 if name in names2 and name in later]
    inner = [name for name in names1 if name in names2 and name not in later]
    rows = [name for name in names1 if name not in names2]
    columns = [name for name in names2 if name not in names1]
    sizes = dict(zip([*names1, *names2], [*x1.shape, *x2.shape]))

    def arranged(value: Any, own: list[str], *groups: list[str]) -> Any:
        order = [own.index(name) for group in groups for name in group]
        return reshape(transpose(value, order), [scalars.prod(sizes[name] for name in group) for group in groups])

    product = matmul(arranged(x1, names1, both, rows, inner), arranged(x2, names2, both, inner, columns))
    names = [*both, *rows, *columns]
    return names, reshape(product, [sizes[name] for name in names])


@symbolic
def norm(x: TensorLike, ord: int | float | str | None = None, axis: Axes = None, keepdims: bool = False) -> Any:
    """The length of vectors, or the size of matrices. No square overflows: the length of ``[3e30, 4e30]`` is ``5e30``.

    The gradient of the Euclidean length (and of ``"fro"``) at 0 is 0.

    Args:
        x: any shape.
        ord: of vectors any number (2 by default: the root of the sum of squares; ``inf``: the largest; 0: how many are
            not zero); of matrices ``"fro"`` (the default), 1, -1, ``inf``, ``-inf``.
        axis: one axis: of vectors; two: of matrices; None: all of ``x`` as one vector, or with ``ord`` all its axes.
        keepdims: the axes stay, with size 1.

    Raises:
        ValueError: another ``ord``, or another number of axes.

    >>> from corten import ops
    >>> ops.norm([[3, 4], [6, 8]], axis=1)
    array([ 5., 10.], dtype=float32)
    """
    x = floats(x)
    rank = len(x.shape)
    # Of matrices the order says which axis is summed over.
    axes = list(range(rank)) if axis is None else each_axis(axis, rank, "norm")
    if ord is None or (isinstance(ord, str) and ord == "fro" and len(axes) == 2):
        return reduction.euclidean(x, axes, keepdims)
    size = math.abs(x)
    if len(axes) == 1 and ord is not None and not isinstance(ord, str):
        ord = real(ord, "norm: ord")
        if scalars.isinf(ord):
            return (reduction.max if ord > 0 else reduction.min)(size, axes, keepdims)
        if ord == 0:
            return reduction.sum(math.not_equal(x, 0), axes, keepdims)
        if ord == 1:
            return reduction.sum(size, axes, keepdims)
        if ord == 2:
            return reduction.euclidean(x, axes, keepdims)
        # Scaled, for a power may overflow where the norm does not.
        scale = math.stop_gradient(reduction.max(size, axes, keepdims=True))
        scale = math.where(math.logical_and(math.greater(scale, 0.0), math.isfinite(scale)), scale, 1.0)
        total = reduction.sum(math.power(math.divide(size, scale), ord), axes, keepdims=True)
        length = math.multiply(math.power(total, 1 / ord), scale)
        return length if keepdims else squeeze(length, axes)
    if len(axes) == 2 and isinstance(ord, (int, float)) and ord in (1, -1, scalars.inf, -scalars.inf):
        down, across = axes
        summed, compared = (down, across) if abs(ord) == 1 else (across, down)
        sums = reduction.sum(size, summed, keepdims=True)
        size = (reduction.max if ord > 0 else reduction.min)(sums, compared, keepdims=True)
        return size if keepdims else reduction.sum(size, axes)
    raise ValueError(
        f"norm: ord: got {ord!r} for {len(axes)} axes; expected a number of vectors, or of matrices "
        "'fro', 1, -1, inf or -inf"
    )
