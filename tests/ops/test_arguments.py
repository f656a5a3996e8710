"""What ops accept (lists, any layout, any dtype, nothing at all) and how they refuse the rest."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import ops
from corten.errors import ShapeError
from corten.graph import Graph

os.environ.setdefault("KERAS_BACKEND", "numpy")

X = np.arange(24, dtype=np.float32).reshape(4, 6)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fortran": np.asfortranarray,
    "negative strides": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "a part": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "big-endian": lambda x: x.astype(">f4"),
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "int64": lambda x: x.astype(np.int64),
    "uint8": lambda x: x.astype(np.uint8),
    "a packed field": lambda x: np.rec.fromarrays([np.zeros(x.size, np.uint8), x.ravel()], names="a,b").b.reshape(
        x.shape
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_and_dtypes_give_the_numbers_of_the_contiguous_copy(layout: str) -> None:
    given = LAYOUTS[layout](X)
    np.testing.assert_array_equal(ops.add(given, 1), X + 1)
    np.testing.assert_array_equal(ops.sum(given, axis=0), X.sum(0))
    np.testing.assert_array_equal(ops.transpose(given), X.T)


def test_read_only_and_stretched_arrays_are_read() -> None:
    frozen = X.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(ops.relu(frozen), X)
    np.testing.assert_array_equal(ops.square(np.broadcast_to(np.float32(3), (2, 5))), np.full((2, 5), 9))


@pytest.mark.parametrize(
    "bad",
    [
        np.array(["a"]),
        np.array([1j]),
        np.array([None]),
        np.array(["2020"], "datetime64[Y]"),
        np.ma.masked_array([1.0], [True]),
    ],
    ids=["text", "complex", "object", "date", "masked"],
)
def test_what_is_no_number_is_a_type_error(bad: Any) -> None:
    with pytest.raises(TypeError):
        ops.exp(bad)


def test_nothing_gives_nothing() -> None:
    empty = np.zeros((0, 5), np.float32)
    assert ops.relu(empty).shape == (0, 5)
    assert ops.softmax(empty).shape == (0, 5)
    assert ops.matmul(empty, np.ones((5, 3), np.float32)).shape == (0, 3)
    assert ops.concatenate([empty, empty], axis=0).shape == (0, 5)
    np.testing.assert_array_equal(ops.sum(empty, axis=0), np.zeros(5))
    np.testing.assert_array_equal(
        ops.matmul(np.ones((2, 0), np.float32), np.ones((0, 3), np.float32)), np.zeros((2, 3))
    )
    for function in (ops.mean, ops.max, ops.min, ops.argmax):
        with pytest.raises(ValueError):
            function(empty, axis=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.add(np.ones((2, 3)), np.ones((2, 4))),
        lambda: ops.matmul(np.ones((2, 3)), np.ones((2, 4))),
        lambda: ops.dense(np.ones((2, 3), np.float32), np.ones((4, 5), np.float32)),
        lambda: ops.reshape(X, (5, -1)),
        lambda: ops.concatenate([np.ones((2, 3)), np.ones((3, 4))], axis=1),
        lambda: ops.stack([np.ones(2), np.ones(3)]),
        lambda: ops.broadcast_to(np.ones(3), (2, 4)),
        lambda: ops.split(X, 5),
        lambda: ops.squeeze(X, 0),
        lambda: ops.slice(X, (3, 0), (2, 2)),
        lambda: ops.glu(np.ones((2, 3))),
        lambda: ops.max_pool2d(np.ones((1, 2, 2, 1), np.float32), 3),
        lambda: ops.max_pool2d(np.ones((2, 2, 1), np.float32)),
        lambda: ops.conv2d(np.ones((1, 4, 4, 3), np.float32), np.ones((2, 2, 4, 1), np.float32)),
        lambda: ops.softmax_cross_entropy(np.zeros(3, int), np.zeros((2, 5), np.float32)),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_shape_errors(call: Callable[[], Any]) -> None:
    with pytest.raises(ShapeError):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.sum(X, axis=2),
        lambda: ops.sum(X, axis=(0, 0)),
        lambda: ops.softmax(X, axis=-3),
        lambda: ops.transpose(X, (0, 0)),
        lambda: ops.pad(X, ((1, 2), (3, -1))),
        lambda: ops.pad(X, 1, mode="reflect"),
        lambda: ops.one_hot([0], 0),
        lambda: ops.max_pool2d(np.ones((1, 2, 2, 1), np.float32), 0),
        lambda: ops.conv2d(np.ones((1, 4, 4, 1), np.float32), np.ones((2, 2, 1, 1), np.float32), strides=0),
        lambda: ops.conv2d(np.ones((1, 4, 4, 1), np.float32), np.ones((2, 2, 1, 1), np.float32), padding="full"),
        lambda: ops.repeat(X, -1),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense_are_value_errors(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.take(X, [4], axis=0),
        lambda: ops.take(X, [-1], axis=0),
        lambda: ops.take(X, [2**40], axis=0),
        lambda: ops.one_hot([0, 3], 3),
        lambda: ops.one_hot([-1], 3),
        lambda: ops.one_hot([0.5], 3),
        lambda: ops.one_hot([np.nan], 3),
        lambda: ops.cast([1e10], "int32"),
        lambda: ops.softmax_cross_entropy(np.array([0, 5]), np.zeros((2, 5), np.float32)),
        lambda: ops.cross_entropy(np.array([-1, 0]), np.full((2, 5), 0.2, np.float32)),
        lambda: ops.getitem(X, 4),
        lambda: ops.getitem(X, (0, 0, 0)),
    ],
)  # fmt: skip
def test_labels_and_indices_outside_are_index_errors(call: Callable[[], Any]) -> None:
    with pytest.raises(IndexError):
        call()


def test_the_error_of_a_label_names_its_place() -> None:
    with pytest.raises(IndexError, match=r"7 at position 2"):
        ops.softmax_cross_entropy(np.array([0, 1, 7]), np.zeros((3, 5), np.float32))


@pytest.mark.parametrize("function", [ops.softmax_cross_entropy, ops.cross_entropy])
def test_an_ignored_class_has_no_loss_and_no_gradient_though_it_is_one(function: Callable[..., Any]) -> None:
    scores, labels = np.float32([[0.5, 0.3, 0.2]] * 3), np.array([0, 1, 2])
    all_count, one_ignored = function(labels, scores), function(labels, scores, ignore_class=1)
    assert (all_count > 0).all()
    np.testing.assert_array_equal(one_ignored, all_count * [1, 0, 1])
    with Graph(eager=True) as graph:
        x = graph.constant(scores)
        gradient = corten.gradients(ops.sum(function(labels, x, ignore_class=1)), x).numpy()
    assert (gradient[1] == 0).all() and gradient[[0, 2]].any(axis=-1).all()


KEYS = [
    0,
    -1,
    slice(None),
    slice(1, 3),
    slice(None, None, -1),
    slice(None, None, 3),
    slice(3, 0, -2),
    slice(2, 2),
    slice(-100, 100),
    None,
    ...,
    (0, 1),
    (..., 1),
    (1, ...),
    (slice(None), None, 2),
    (None, slice(1, None), None, slice(None, -1)),
    np.int64(2),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_is_numpys(key: Any) -> None:
    np.testing.assert_array_equal(ops.getitem(X, key), X[key])
    with Graph(eager=True) as graph:
        np.testing.assert_array_equal(graph.constant(X)[key].numpy(), X[key])


def test_signs_work_on_tensors_with_numbers_and_arrays_on_either_side() -> None:
    with Graph(eager=True) as graph:
        t = graph.constant(X)
        pairs = [
            (t + 1, X + 1), (1 + t, 1 + X), (t - X, X - X), (2 - t, 2 - X), (t * 2, X * 2), (X * t, X * X),
            (t / 4, X / 4), (1 / (t + 1), 1 / (X + 1)), (t**2, X**2), (2**(t / 8), 2**(X / 8)), (-t, -X), (abs(-t), X),
            (t @ X.T, X @ X.T), (X.T @ t, X.T @ X), (t < 3, X < 3), (t <= 3, X <= 3), (t > 3, X > 3), (t >= 3, X >= 3),
        ]  # fmt: skip
        for got, wanted in pairs:
            np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-6)


def test_integers_meet_floats_as_float32() -> None:
    with Graph(eager=True) as graph:
        labels = graph.constant(np.array([1, 2]))
        assert labels.dtype == "int32"
        assert (labels * 0.5).dtype == "float32"
        np.testing.assert_array_equal((labels * 0.5).numpy(), [0.5, 1.0])
    np.testing.assert_array_equal(ops.matmul(np.array([[1, 2]]), np.float32([[0.5], [1]])), [[2.5]])
    np.testing.assert_array_equal(ops.matmul(np.uint8([[255]]), np.uint8([[255]])), [[65025]])


def test_nan_passes_through_extremes_and_does_not_spread_to_other_rows() -> None:
    x = X.copy()
    x[1, 2] = np.nan
    assert np.isnan(ops.max(x, axis=1)).tolist() == [False, True, False, False]
    assert np.isnan(ops.min(x, axis=1)).tolist() == [False, True, False, False]
    assert np.isnan(ops.softmax(x)).any(axis=1).tolist() == [False, True, False, False]
    assert np.isnan(ops.relu(x)).sum() == 1
    assert np.isnan(ops.maximum(x, 0)).sum() == 1
    pooled = ops.max_pool2d(x.reshape(1, 4, 6, 1))
    assert np.isnan(pooled).sum() == 1


@pytest.mark.parametrize("logits", [[1e38, -1e38], [-1e38, -1e38], [3e38, 3e38], [-np.inf, 0.0]])
def test_softmax_and_its_loss_survive_extreme_logits(logits: list[float]) -> None:
    x = np.float32([logits])
    assert np.isfinite(ops.softmax(x)).all()
    assert not np.isnan(ops.log_softmax(x)).any()
    assert not np.isnan(ops.softmax_cross_entropy(np.array([1]), x)).any()


def test_ops_on_symbolic_tensors_know_their_shapes() -> None:
    x = corten.Input((4, 6))
    assert ops.transpose(x, (0, 2, 1)).shape == (None, 6, 4)
    assert x[:, 1:3, None].shape == (None, 2, 1, 6)
    assert (x * 2 + 1).shape == (None, 4, 6)
    assert ops.mean(x, axis=(1, 2)).shape == (None,)
    assert ops.concatenate([x, x], axis=1).shape == (None, 8, 6)
    assert [part.shape for part in ops.split(x, 2, axis=2)] == [(None, 4, 3)] * 2
    assert ops.zeros_like(x).shape == (None, 4, 6)


def test_a_place_in_another_line_is_no_place() -> None:
    """The lines are picked from as one; what is outside its own line must not be found in the next."""
    for wrong in (-1, 6):
        with pytest.raises(IndexError, match=f"index {wrong}"):
            ops.take_along_axis(X, np.full((4, 1), wrong), axis=1)
    with pytest.raises(ShapeError, match=r"\(3, 1\)"):
        ops.take_along_axis(X, np.zeros((3, 1), np.int32), axis=1)


def test_running_sums_keep_infinities_and_nan_from_what_is_before_them() -> None:
    x = np.float32([1, np.inf, 2, np.nan, 3])
    np.testing.assert_array_equal(ops.cumsum(x), np.cumsum(x))


def test_top_k_of_equal_and_infinite_ones() -> None:
    values, places = ops.top_k([-np.inf, 2, -np.inf, 2], 4)
    np.testing.assert_array_equal(values, np.float32([2, 2, -np.inf, -np.inf]))
    assert places.tolist() == [1, 3, 0, 2]
    for wrong, error in ((0, ValueError), (5, ValueError), (True, TypeError)):
        with pytest.raises(error, match="k: expected"):
            ops.top_k(np.ones(4), wrong)


def test_products_by_letters_refuse_what_does_not_fit() -> None:
    for says, values, error in [
        ("ij,jk->ik", (X,), ValueError),
        ("ij,jk->ik", (X, X), ShapeError),
        ("ii->i", (X,), ValueError),
        ("ij->k", (X,), ValueError),
        ("i", (X,), ValueError),
    ]:
        with pytest.raises(error, match="einsum"):
            ops.einsum(says, *values)
    with pytest.raises(ShapeError, match="tensordot"):
        ops.tensordot(X, X, 1)
    with pytest.raises(ValueError, match="norm: ord"):
        ops.norm(X, "nuc", axis=(0, 1))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_patches_are_those_of_keras(padding: str) -> None:
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(3).standard_normal((2, 9, 8, 3)).astype(np.float32)
    for size, strides, dilation in [(2, None, 1), ((3, 2), 2, 1), (3, 1, 1), (2, 1, 2)]:
        wanted = keras.ops.image.extract_patches(x, size, strides, dilation, padding)
        np.testing.assert_allclose(ops.image.extract_patches(x, size, strides, dilation, padding), wanted, atol=1e-6)
    assert ops.image.extract_patches(x[0], 2).shape == (4, 4, 12)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("antialias", [False, True])
def test_images_of_other_sizes_are_those_of_keras(interpolation: str, antialias: bool) -> None:
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(3).standard_normal((2, 9, 8, 3)).astype(np.float32)
    for size in [(5, 7), (18, 16), (9, 20), (4, 3)]:
        wanted = keras.ops.image.resize(x, size, interpolation, antialias)
        np.testing.assert_allclose(ops.image.resize(x, size, interpolation, antialias), wanted, atol=2e-6)


@pytest.mark.parametrize("eager", [False, True])
def test_sizes_may_be_put_together_by_ops(eager: bool) -> None:
    """As Keras's examples of language models make their masks."""

    class Repeated(corten.layers.Layer):
        def call(self, inputs: Any) -> Any:
            batch, length = ops.shape(inputs)
            times = ops.concatenate([ops.expand_dims(batch, -1), ops.convert_to_tensor([1, 1])], 0)
            mask = ops.tile(ops.ones((1, 2, length)), times)
            return ops.reshape(mask, [ops.cast(ops.constant(batch), "int32"), 2 * length]) * 1.0

    model = corten.Sequential([Repeated()])
    model.compile(run_eagerly=eager)
    assert model.predict(X[:3], verbose=0).shape == (3, 12)
    with Graph() as graph, pytest.raises(ValueError, match="tile: repeats: sizes must be known"):
        ops.tile(graph.input((2, 3)), ops.cast(graph.input((2,)), "int32"))
    with Graph() as graph, pytest.raises(ValueError, match="variable"):
        ops.tile(graph.input((2, 3)), graph.variable(corten.Variable([2, 2], dtype="int32")))


M = np.arange(12, dtype=np.float32).reshape(3, 4)
BEYOND = (2**31, 2**40, 2**63, 2**100)


@pytest.mark.parametrize("far", [*BEYOND, *(-n for n in (2**31 - 1, *BEYOND))])
def test_diagonals_far_outside_are_empty_and_kill_nobody(far: int) -> None:
    """NumPy negates the offset in a C int."""
    assert ops.diagonal(M, far).shape == (0,)
    assert ops.diagonal(np.zeros((4, 5, 3), np.float32), far, 2, 0).shape == (5, 0)
    zeros, whole = np.zeros_like(M), M
    np.testing.assert_array_equal(ops.tril(M, far), whole if far > 0 else zeros)
    np.testing.assert_array_equal(ops.triu(M, far), zeros if far > 0 else whole)
    np.testing.assert_array_equal(ops.eye(3, 4, far), np.zeros((3, 4)))
    np.testing.assert_array_equal(ops.roll([1.0, 2.0, 3.0], far), np.roll([1, 2, 3], far % 3))
    with pytest.raises((ValueError, MemoryError)):
        ops.diag([1.0, 2.0], far)


@pytest.mark.parametrize("k", range(-5, 6))
def test_diagonals_are_those_of_numpy(k: int) -> None:
    np.testing.assert_array_equal(ops.diagonal(M, k), np.diagonal(M, k))
    np.testing.assert_array_equal(ops.diagonal(M, k, 1, 0), np.diagonal(M, k, 1, 0))
    np.testing.assert_array_equal(ops.diag(M, np.int64(k)), np.diag(M, k))
    np.testing.assert_array_equal(ops.diag([1.0, 2.0], k), np.diag([1, 2], k))
    np.testing.assert_array_equal(ops.tril(M, k), np.tril(M, k))
    np.testing.assert_array_equal(ops.triu(M, k), np.triu(M, k))
    np.testing.assert_array_equal(ops.eye(3, 4, k), np.eye(3, 4, k))


#: A call with one integer, as (what the message calls it, the call).
INTEGERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("tril: k", lambda n: ops.tril(M, n)),
    ("triu: k", lambda n: ops.triu(M, n)),
    ("diag: k", lambda n: ops.diag(M[0], n)),
    ("diagonal: offset", lambda n: ops.diagonal(M, n)),
    ("diagonal: axis", lambda n: ops.diagonal(M, 0, n)),
    ("eye: N", lambda n: ops.eye(n)),
    ("eye: M", lambda n: ops.eye(2, n)),
    ("eye: k", lambda n: ops.eye(2, 2, n)),
    ("roll: shift", lambda n: ops.roll(M, n)),
    ("roll: axis", lambda n: ops.roll(M, 1, n)),
    ("repeat: repeats", lambda n: ops.repeat(M, n)),
    ("tile: repeats", lambda n: ops.tile(M, n)),
    ("pad: pad_width", lambda n: ops.pad(M, n)),
    ("pad: pad_width", lambda n: ops.pad(M, ((1, n), (0, 0)))),
    ("split: indices_or_sections", lambda n: ops.split(M, n)),
    ("split: indices_or_sections", lambda n: ops.split(M, [0, n])),
    ("unstack: num", lambda n: ops.unstack(M, n)),
    ("one_hot: num_classes", lambda n: ops.one_hot([0], n)),
    ("one_hot: axis", lambda n: ops.one_hot([0], 3, axis=n)),
    ("top_k: k", lambda n: ops.top_k(M, n)),
    ("sum: axis", lambda n: ops.sum(M, n)),
    ("softmax: axis", lambda n: ops.softmax(M, n)),
    ("transpose: axis", lambda n: ops.transpose(M, (0, n))),
    ("moveaxis: axis", lambda n: ops.moveaxis(M, n, 0)),
    ("expand_dims: axis", lambda n: ops.expand_dims(M, n)),
    ("tensordot: axes", lambda n: ops.tensordot(M, M, n)),
    ("linspace: num", lambda n: ops.linspace(0, 1, n)),
    ("zeros: shape", lambda n: ops.zeros(n)),
    ("full: shape", lambda n: ops.full((1, n), 0)),
    ("slice: start_indices", lambda n: ops.slice(M, (0, n), (1, 1))),
    ("reshape: newshape", lambda n: ops.reshape(M, (-1, n))),
    ("broadcast_to: shape", lambda n: ops.broadcast_to(M[0], (n, 4))),
    ("conv2d: groups", lambda n: ops.conv2d(M[None, :, :, None], np.ones((1, 1, 1, 1)), groups=n)),
    ("conv2d: strides", lambda n: ops.conv2d(M[None, :, :, None], np.ones((1, 1, 1, 1)), strides=n)),
    ("max_pool2d: pool_size", lambda n: ops.max_pool2d(M[None, :, :, None], (1, n))),
    ("resize: size", lambda n: ops.image.resize(M[None, :, :, None], (n, 2))),
    ("cross_entropy: ignore_class", lambda n: ops.cross_entropy([0], [[0.5, 0.5]], ignore_class=n)),
    ("random_normal: shape", lambda n: corten.random.normal((n,), seed=1)),
    ("randint: minval", lambda n: corten.random.randint((1,), n, 9, seed=1)),
    ("seed", lambda n: corten.random.normal((1,), seed=n)),
    ("SeedGenerator: seed", corten.random.SeedGenerator),
    ("Zeros: shape", lambda n: corten.initializers.Zeros()((n, 2))),
    ("HeNormal: seed", lambda n: corten.initializers.HeNormal(n)),
    ("HeNormal: output_axes", lambda n: corten.initializers.HeNormal(1, (0,), n)((1, 2))),
    ("to_categorical: num_classes", lambda n: corten.utils.to_categorical([0], n)),
    ("pad_sequences: maxlen", lambda n: corten.utils.pad_sequences([[1]], n)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call"), INTEGERS, ids=[f"{i} {name}" for i, (name, _) in enumerate(INTEGERS)])
def test_integers_are_what_python_takes_for_an_index(name: str, call: Callable[[Any], Any]) -> None:
    class Two:
        def __index__(self) -> int:
            return 2

    # Two may be wrong here, but then in all its forms.
    assert len({outcome(call, two) for two in (2, np.int64(2), np.uint8(2), np.array(2), Two())}) == 1
    for wrong in (True, np.True_, 2.0, np.float32(2), "2", 2j, object(), float("nan")):
        with pytest.raises(TypeError, match=f"^{name}: expected an int"):
            call(wrong)
    for far in (-(2**63) - 1, 2**63, 10**30, 10**400):
        assert outcome(call, far) in ("fine", "ValueError", "MemoryError", "IndexError", "ShapeError")


def outcome(call: Callable[[Any], Any], value: Any) -> str:
    try:
        call(value)
    except Exception as error:
        return type(error).__name__ if len(str(error)) < 300 else "a long message"
    return "fine"


def test_constants_outside_their_type_are_refused() -> None:
    """NumPy wraps them round."""
    np.testing.assert_array_equal(ops.full((2,), 255, "uint8"), [255, 255])
    np.testing.assert_array_equal(ops.full((2, 2), [1, 2], "int32"), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(ops.arange(3.5, dtype="int32"), [0, 1, 2, 3])
    assert ops.full((1,), 1e300)[0] == np.inf
    for wrong in (
        lambda: ops.full((2,), 256, "uint8"),
        lambda: ops.full((2,), -1, "uint8"),
        lambda: ops.full((2,), 2**31, "int32"),
        lambda: ops.full((2,), float("nan"), "int32"),
        lambda: ops.full_like(M, float("inf"), "int32"),
        lambda: ops.arange(300, dtype="uint8"),
        lambda: ops.linspace(0, 1e10, 3, dtype="int32"),
    ):
        with pytest.raises(IndexError, match="expected numbers of"):
            wrong()
    for wrong in (
        lambda: ops.arange(float("inf")),
        lambda: ops.arange(0, 1, float("nan")),
        lambda: ops.arange(2**70),
        lambda: ops.zeros((-1,)),
        lambda: ops.exp(10**400),
    ):
        with pytest.raises(ValueError, match="expected"):
            wrong()


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.dense(M, np.ones((4, 2)), activation="foo"),
        lambda: ops.conv2d(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), activation="foo"),
        lambda: ops.conv2d_transpose(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), activation="foo"),
        lambda: ops.conv2d_transpose(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), activation="tanh"),
        lambda: ops.simple_rnn(np.ones((1, 2, 1)), [[0]], [[1]], activation="foo"),
        lambda: ops.simple_rnn_step([[1.0]], [[2.0]], [[3.0]], [[4.0]], activation="foo"),
    ],
)
def test_an_activation_that_an_op_does_not_know_is_an_error(call: Callable[[], Any]) -> None:
    """Composed ones passed over it in silence."""
    with pytest.raises(ValueError, match="activation"):
        call()


def test_softmax_over_all_axes_and_over_one_of_a_single_element() -> None:
    x = np.float32([[1, 2], [3, 4]])
    exponentials = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(ops.softmax(x, None), exponentials / exponentials.sum(), rtol=1e-6)
    np.testing.assert_allclose(ops.log_softmax(x, None), np.log(exponentials / exponentials.sum()), rtol=1e-6)
    with pytest.warns(UserWarning, match=r"axis 1 of shape \(1, 1\) has size 1.*sigmoid"):
        ops.softmax(np.float32([[1]]), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ops.attention_weights(np.float32([[1]]))
        ops.softmax(np.float32([[1]]), (0, 1))


@pytest.mark.parametrize("order", [1, 2, 3, 2.5, float("inf")])
def test_lengths_of_any_order_are_brought_to_one(order: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for axis in (0, -1):
        wanted = x / np.linalg.norm(x, order, axis, keepdims=True)
        np.testing.assert_allclose(ops.normalize(x, axis, order), wanted, rtol=1e-5)
    np.testing.assert_array_equal(ops.normalize(np.zeros((1, 3)), order=order), np.zeros((1, 3)))
    for wrong in (0, -1, 0.5, float("nan")):
        with pytest.raises(ValueError, match="order: expected a number >= 1"):
            ops.normalize(x, order=wrong)
