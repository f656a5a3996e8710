"""Augmentation against Keras's arithmetic with the same draws; its laws, labels, masks and states."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import Sequential, _core, layers, ops
from corten.graph import Graph
from corten.layers.augmentation import ImageAugmentation
from corten.layers.transforms import perspective

os.environ.setdefault("KERAS_BACKEND", "numpy")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 255, size=(40, 9, 7, 3)).astype("float32")
LABELS = np.eye(5, dtype="float32")[RNG.integers(0, 5, 40)]


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


def drawn(layer: Any, shape: tuple[int, ...]) -> Any:
    """What the layer draws for its next batch, as arrays; of a copy, so that the layer draws the same."""
    twin = copy.deepcopy(layer)
    with Graph(eager=True) as graph:
        found = twin.draw(shape)
        arrays = [one.numpy() for one in (found if isinstance(found, (list, tuple)) else [found])]
        graph.finish()
    return arrays


def parameters(layer: Any, count: int = 400, size: tuple[int, int] = (9, 7)) -> Any:
    return drawn(layer, (count, *size, 3))[0]


def between(values: Any, low: float, high: float) -> None:
    """Uniform from low to high, as far as a few hundred numbers tell."""
    margin = 1e-5 * max(1.0, abs(high), abs(low))
    assert low - margin <= values.min() and values.max() <= high + margin
    assert values.min() < low + 0.05 * (high - low) and values.max() > high - 0.05 * (high - low)
    assert abs(values.mean() - (low + high) / 2) < 0.1 * (high - low)


# --- geometry ---------------------------------------------------------------------------------------------------------

GEOMETRIC = [
    (layers.RandomTranslation, {"height_factor": 0.5, "width_factor": (0.0, 0.7)}),
    (layers.RandomRotation, {"factor": 0.5}),
    (layers.RandomZoom, {"height_factor": 0.5}),
    (layers.RandomZoom, {"height_factor": 0.5, "width_factor": (-0.9, 0.0)}),
    (layers.RandomShear, {"x_factor": 0.7, "y_factor": (0.1, 0.4)}),
]


@pytest.mark.parametrize(("kind", "options"), GEOMETRIC)
@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_geometry_is_that_of_keras(kind: Any, options: Any, fill_mode: str, interpolation: str, keras: Any) -> None:
    layer = kind(**options, fill_mode=fill_mode, interpolation=interpolation, fill_value=7.0, seed=1)
    transform = drawn(layer, X.shape)[0]
    y = layer(X)
    wanted = keras.ops.image.affine_transform(X, transform, interpolation, fill_mode, 7.0)
    # A place that is as near to two pixels may fall to either.
    far = np.abs(y - np.asarray(wanted)).max(axis=-1) > 2e-3
    assert far.mean() < (2e-3 if interpolation == "nearest" else 1e-9)


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "mirror", "wrap"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_the_op_is_that_of_keras(fill_mode: str, interpolation: str, keras: Any) -> None:
    if fill_mode == "mirror" and keras.backend.backend() != "numpy":
        pytest.skip("Keras has mirror on NumPy alone")
    x = RNG.normal(size=(4, 7, 9, 3)).astype("float32")
    scale = np.float32([0.3, 0.3, 4, 0.3, 0.3, 4, 0, 0])
    transform = np.float32([1, 0, 0, 0, 1, 0, 0, 0]) + RNG.normal(size=(4, 8)).astype("float32") * scale
    y = ops.image.affine_transform(x, transform, interpolation, fill_mode, 2.0)
    np.testing.assert_allclose(
        y, keras.ops.image.affine_transform(x, transform.copy(), interpolation, fill_mode, 2.0), atol=1e-5
    )
    single = ops.image.affine_transform(x[1], transform[1], interpolation, fill_mode, 2.0)
    assert (single == y[1]).all()
    assert (ops.image.affine_transform(x[1:2], transform[1], interpolation, fill_mode, 2.0) == y[1:2]).all()


def test_the_op_refuses() -> None:
    x, transform = np.zeros((2, 3, 3, 1), np.float32), [1, 0, 0, 0, 1, 0, 0, 0]
    with pytest.raises(ValueError, match=r"affine_transform: transform: expected \(2, 8\) or \(8,\), got \(3, 8\)"):
        ops.image.affine_transform(x, np.zeros((3, 8)))
    with pytest.raises(ValueError, match="affine_transform: expected .batch, height, width, channels"):
        ops.image.affine_transform(x[0, 0], transform)
    for options in ({"interpolation": "cubic"}, {"fill_mode": "edge"}, {"data_format": "channels_first"}):
        with pytest.raises(ValueError, match="affine_transform: "):
            ops.image.affine_transform(x, transform, **options)


def test_transforms_are_drawn_from_their_ranges() -> None:
    t = parameters(layers.RandomTranslation((-0.2, 0.4), 0.5, seed=1))
    between(-t[:, 5], -0.2 * 9, 0.4 * 9)
    between(-t[:, 2], -0.5 * 7, 0.5 * 7)
    t = parameters(layers.RandomRotation((-0.2, 0.3), seed=1))
    between(np.arctan2(t[:, 3], t[:, 0]) / (2 * np.pi), -0.2, 0.3)
    # The middle stays where it is.
    np.testing.assert_allclose(t[:, :3] @ [3, 4, 1], 3, atol=1e-5)
    np.testing.assert_allclose(t[:, 3:6] @ [3, 4, 1], 4, atol=1e-5)
    t = parameters(layers.RandomZoom((-0.5, 0.1), seed=1))
    between(t[:, 0], 0.5, 1.1)
    assert (t[:, 0] == t[:, 4]).all()
    t = parameters(layers.RandomZoom(0.3, 0.0, seed=1))
    assert (t[:, 0] == 1).all()
    between(t[:, 4], 0.7, 1.3)
    t = parameters(layers.RandomShear((0.2, 0.4), 0.3, seed=1))
    between(np.abs(t[:, 1]), 0.2, 0.4)
    assert 0.4 < (t[:, 1] > 0).mean() < 0.6
    between(t[:, 3], -0.3, 0.3)


def test_a_perspective_maps_corners_to_corners() -> None:
    layer = layers.RandomPerspective((1, 1), scale=0.8, seed=1)
    t = parameters(layer, size=(6, 9)).astype("float64")

    def shown(x: Any, y: Any) -> Any:
        k = t[:, 6] * x + t[:, 7] * y + 1
        return (t[:, 0] * x + t[:, 1] * y + t[:, 2]) / k, (t[:, 3] * x + t[:, 4] * y + t[:, 5]) / k

    ends = RNG.uniform(0.7, 1.3, size=(4, 2)) * [[0, 0], [8, 0], [0, 5], [8, 5]]
    parts = np.float32([[ends[1, 0] / 8, ends[2, 1] / 5, ends[3, 0] / 8, ends[3, 1] / 5]])
    with Graph(eager=True) as graph:
        found = perspective(graph.constant(parts), (1, 6, 9, 3)).numpy()
    starts = np.float32([[[0, 0], [8, 0], [0, 5], [8, 5]]])
    # Eight equations: what the new image shows at each corner.
    rows = []
    for (x, y), (u, v) in zip(ends, starts[0]):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    np.testing.assert_allclose(found[0], np.linalg.solve(rows, starts.ravel()), rtol=1e-4, atol=1e-6)
    # Some point of the right border is seen at 0.6 to 1.4 of it.
    right = 8 / (t[:, 0] - 8 * t[:, 6])
    between(right / 8, 0.6, 1.4)
    np.testing.assert_allclose(shown(right, 0)[0], 8, rtol=1e-3)
    # No place on the image is divided by 0.
    t = parameters(layers.RandomPerspective((1, 1), seed=1), count=2000)
    k = 1 + t[:, 6:] @ np.float32([[6, 0, 6], [0, 8, 8]])
    assert k.min() > 0.04 and (t[:, 6:] != 0).any(axis=1).mean() > 0.85
    assert np.isfinite(layers.RandomPerspective((1, 1), seed=1)(X)).all()
    assert (parameters(layers.RandomPerspective(0.0, seed=1)) == np.float32([1, 0, 0, 0, 1, 0, 0, 0])).all()
    some = (parameters(layers.RandomPerspective((0.3, 0.3), seed=1))[:, 6:] != 0).any(axis=1).mean()
    assert 0.2 < some < 0.4


IDENTITIES: list[Any] = [
    layers.RandomTranslation(0.0, 0.0),
    layers.RandomRotation(0.0),
    layers.RandomZoom(0.0),
    layers.RandomShear(),
    layers.RandomPerspective(0.0),
    layers.RandomPerspective(scale=0.0),
    layers.RandomBrightness(0.0),
    layers.RandomContrast(0.0),
    layers.RandomSaturation((0.5, 0.5)),
    layers.RandomHue(0.0),
    layers.RandomGrayscale(0.0),
    layers.RandomInvert(0.0),
    layers.RandomColorDegeneration(0.0),
    layers.RandomColorJitter(),
    layers.RandomErasing(0.0),
    layers.Solarization(0.0, (1.0, 1.0)),
    layers.RandomCrop(9, 7),
    layers.CenterCrop(9, 7),
    layers.Resizing(9, 7),
]


@pytest.mark.parametrize("layer", IDENTITIES, ids=lambda layer: type(layer).__name__)
def test_factors_of_zero_leave_images_as_they_are(layer: Any) -> None:
    exact = not type(layer).__name__.endswith(("Contrast", "Saturation", "Hue"))
    np.testing.assert_allclose(layer(X), X, rtol=0, atol=0 if exact else 1e-3)


def test_masks_follow_their_images_and_labels_stay() -> None:
    masks = RNG.integers(0, 4, (40, 9, 7, 1)).astype("int32")
    for layer in (layers.RandomFlip(seed=1), layers.RandomRotation(0.5, seed=1), layers.RandomCrop(4, 5, seed=1)):
        twin = copy.deepcopy(layer)
        batch = {"images": X, "labels": LABELS, "segmentation_masks": masks}
        y = layer(batch)
        assert list(y) == list(batch) and batch["images"] is X
        assert (y["labels"] == LABELS).all() and (y["images"] == twin(X)).all()
        found = y["segmentation_masks"]
        assert found.dtype == np.int32 and found.shape == (*y["images"].shape[:3], 1)
        assert set(found.ravel()) <= set(range(4))
        assert (layer({"images": masks, "segmentation_masks": masks}, training=False)["segmentation_masks"].shape) == (
            found.shape
        )
    seen = layers.RandomFlip(seed=2)({"images": masks, "segmentation_masks": masks})
    assert (seen["images"] == seen["segmentation_masks"]).all()
    seen = layers.RandomRotation(0.5, interpolation="nearest", seed=2)({"images": masks, "segmentation_masks": masks})
    assert (seen["images"] == seen["segmentation_masks"]).all()
    with pytest.raises(ValueError, match=r"RandomFlip .*expected images, or a dict.*got the keys \['bounding_boxes'"):
        layers.RandomFlip()({"images": X, "bounding_boxes": LABELS})
    single = {"images": X[0], "labels": LABELS[0]}
    assert layers.RandomZoom(0.5)(single)["images"].shape == (9, 7, 3)


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_crops() -> None:
    layer = layers.RandomCrop(4, 6, seed=1)
    places = set()
    for _ in range(5):
        for image, part in zip(X, layer(X), strict=True):
            fits = [(i, j) for i in range(6) for j in range(2) if (image[i : i + 4, j : j + 6] == part).all()]
            assert len(fits) == 1
            places.update(fits)
    assert places == {(i, j) for i in range(6) for j in range(2)}
    assert (layer(X, training=False) == layers.Resizing(4, 6, crop_to_aspect_ratio=True)(X)).all()
    small = layers.RandomCrop(12, 6, seed=1)
    assert (small(X) == small(X, training=False)).all() and small(X).shape == (40, 12, 6, 3)
    assert layer.compute_output_shape((None, 9, 7, 3)) == (None, 4, 6, 3)


@pytest.mark.parametrize("options", [{"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 3.0}])
@pytest.mark.parametrize("size", [(4, 9), (9, 4), (20, 8), (3, 3)])
def test_resizing_that_distorts_nothing(options: Any, size: Any, keras: Any) -> None:
    found, wanted = layers.Resizing(*size, **options)(X), keras.layers.Resizing(*size, **options)(X)
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-5, atol=1e-3)
    with pytest.raises(ValueError, match="only one of them can be True"):
        ops.image.resize(X, size, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    with pytest.raises(ValueError, match="only one of them can be True"):
        layers.Resizing(*size, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)


# --- colours ----------------------------------------------------------------------------------------------------------


def test_brightness_and_contrast() -> None:
    between(parameters(layers.RandomBrightness((-0.3, 0.1), seed=1)), -0.3, 0.1)
    between(parameters(layers.RandomBrightness(0.3, seed=1)), -0.3, 0.3)
    between(parameters(layers.RandomContrast(0.3, seed=1)), 0.7, 1.3)
    between(parameters(layers.RandomContrast((0.5, 0.1), seed=1)), 0.5, 1.1)
    bright = layers.RandomBrightness(0.3, seed=1)
    d = drawn(bright, X.shape)[0][:, None, None, None]
    np.testing.assert_allclose(bright(X), np.clip(X + 255 * d, 0, 255), atol=1e-3)
    contrast = layers.RandomContrast(0.9, value_range=(10, 200), seed=1)
    c, mean = drawn(contrast, X.shape)[0][:, None, None, None], X.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(contrast(X), np.clip((X - mean) * c + mean, 10, 200), atol=1e-3)


@pytest.mark.parametrize("value_range", [(0, 255), (0, 1)])
def test_saturation_and_hue_are_those_of_hsv(value_range: Any, keras: Any) -> None:
    x = X / 255 * value_range[1]
    x[0] = 0.5 * value_range[1]  # gray
    x[1, 0, 0] = 0
    hsv = np.array(keras.ops.image.rgb_to_hsv(x / value_range[1]))
    saturation = layers.RandomSaturation((0.2, 0.9), value_range, seed=1)
    factor = drawn(saturation, x.shape)[0][:, None, None]
    between(factor / (1 + factor), 0.2, 0.9)
    changed = np.stack([hsv[..., 0], np.clip(hsv[..., 1] * factor, 0, 1), hsv[..., 2]], -1)
    wanted = np.asarray(keras.ops.image.hsv_to_rgb(changed)) * value_range[1]
    np.testing.assert_allclose(saturation(x), wanted, atol=1e-5 * value_range[1])
    hue = layers.RandomHue((0.5, 1.0), value_range, seed=1)
    turn = drawn(hue, x.shape)[0]
    between(np.abs(turn), 0.25, 0.5)
    assert (turn > 0).any() and (turn < 0).any()
    changed = np.stack([(hsv[..., 0] + turn[:, None, None]) % 1, hsv[..., 1], hsv[..., 2]], -1)
    wanted = np.asarray(keras.ops.image.hsv_to_rgb(changed)) * value_range[1]
    np.testing.assert_allclose(hue(x), wanted, atol=1e-5 * value_range[1])
    assert (layers.RandomSaturation((-0.5, -0.2))(x) == x.max(axis=-1, keepdims=True)).all()


def test_some_images_are_gray_or_negative() -> None:
    gray = X @ np.float32([[0.2989], [0.587], [0.114]])
    for layer, other in (
        (layers.RandomGrayscale(0.3, seed=1), np.broadcast_to(gray, X.shape)),
        (layers.RandomInvert((0.3, 0.3), seed=1), 255 - X),
        (layers.RandomInvert((0.3, 0.3), (-255, 255), seed=1), -X),
    ):
        count = 0
        for _ in range(5):
            y = layer(X)
            changed = drawn_changes(y)
            np.testing.assert_allclose(y[changed], other[changed], atol=1e-3)
            count += changed.sum()
        assert 0.2 < count / 200 < 0.4
    full = layers.RandomColorDegeneration((1.0, 1.0))(X)
    np.testing.assert_allclose(full, np.broadcast_to(gray, X.shape), atol=1e-3)
    sun = layers.Solarization((0.1, 0.1), (0.5, 0.5))(X)
    brighter = np.clip(X + 25.5, 0, 255)
    np.testing.assert_allclose(sun, np.where(brighter < 127.5, brighter, 255 - brighter), atol=1e-3)
    with pytest.raises(ValueError, match="expected images with three channels"):
        layers.RandomGrayscale()(X[..., :2])


def drawn_changes(y: Any) -> Any:
    return (np.abs(y - X) > 1e-3).any(axis=(1, 2, 3))


def test_jitter_is_its_parts_one_after_the_other() -> None:
    jitter = layers.RandomColorJitter((0, 255), (0.1, 0.1), (0.0, 0.0), (0.4, 0.4), seed=1)
    y = layers.RandomSaturation((0.4, 0.4))(layers.RandomBrightness((0.1, 0.1))(X))
    np.testing.assert_allclose(jitter(X), y, atol=1e-3)
    assert len(jitter.parts) == 3 and len(jitter.variables) == 1
    assert (jitter(X) == jitter(X)).all()
    one = layers.RandomColorJitter(brightness_factor=0.5, hue_factor=0.5, seed=1)
    assert (one(X) != one(X)).any()


def test_erased_rectangles() -> None:
    layer = layers.RandomErasing((1, 1), scale=(0.1, 0.5), fill_value=-9.0, value_range=(-9, 0), seed=1)
    ones = np.zeros((300, 30, 40, 1), np.float32)
    erased = layer(ones)[..., 0] == -9
    rows, columns = erased.any(axis=2), erased.any(axis=1)
    assert (erased == (rows[:, :, None] & columns[:, None, :])).all()
    for line in (rows, columns):
        assert (np.abs(np.diff(line.astype(int), axis=1)).sum(axis=1) <= 2).all()
        part = line.mean(axis=1) ** 2
        assert part.min() > 0.07 and part.max() < 0.6 and 0.22 < part.mean() < 0.38
    sometimes = layers.RandomErasing((0.3, 0.3), fill_value=0.0, seed=1)
    assert 0.15 < (sometimes(np.ones((300, 20, 20, 1))) == 0).any(axis=(1, 2, 3)).mean() < 0.45
    noise = layers.RandomErasing((1, 1), scale=(1, 1), seed=1)(X)
    assert noise.min() == 0 and noise.max() == 255 and len(np.unique(noise)) > 500
    with pytest.raises(ValueError, match="fill_value: expected a number or one for each of 3 channels"):
        layers.RandomErasing(fill_value=[1.0, 2.0])(X)


# --- mixing -----------------------------------------------------------------------------------------------------------


def test_mixed_images_and_labels_have_the_same_weights() -> None:
    count = 200
    images = np.arange(count, dtype="float32")[:, None, None, None] * np.ones((1, 2, 2, 1), np.float32)
    labels = np.eye(count, dtype="float32")
    layer = layers.MixUp(alpha=0.4, seed=1)
    y = layer({"images": images, "labels": labels})
    np.testing.assert_allclose(y["labels"].sum(axis=1), 1, atol=1e-6)
    assert ((y["labels"] > 0).sum(axis=1) <= 2).all() and (y["labels"] >= 0).all()
    np.testing.assert_allclose(y["images"][:, 0, 0, 0], y["labels"] @ np.arange(count), rtol=1e-5, atol=1e-4)
    weight, order = drawn(layer, images.shape)
    assert sorted(order) == list(range(count)) and (order != np.arange(count)).mean() > 0.9
    # The variance of Beta(a, a).
    assert abs(weight.mean() - 0.5) < 0.1 and abs(weight.var() - 1 / (4 * (2 * 0.4 + 1))) < 0.03
    assert layer({"images": images, "labels": labels}, training=False)["labels"] is not None
    alone = layers.MixUp(0.4, seed=1)(images)
    assert (alone == layers.MixUp(0.4, seed=1)({"images": images, "labels": labels})["images"]).all()


def test_pasted_rectangles_count_in_labels_by_their_pixels() -> None:
    images = np.arange(40, dtype="float32")[:, None, None, None] * np.ones((1, 9, 7, 1), np.float32)
    layer = layers.CutMix(seed=3)
    for _ in range(3):
        y = layer({"images": images, "labels": np.eye(40)})
        np.testing.assert_allclose(y["labels"].sum(axis=1), 1, atol=1e-6)
        counts = np.stack([(y["images"] == i).mean(axis=(1, 2, 3)) for i in range(40)], axis=1)
        np.testing.assert_allclose(counts, y["labels"], atol=1e-6)
    assert 0.1 < (counts.max(axis=1) < 1).mean() < 0.95


def test_numbers_of_classes_are_not_mixed() -> None:
    for labels in (np.arange(40), np.arange(40)[:, None], np.ones(40)):
        for layer in (layers.MixUp(), layers.CutMix()):
            with pytest.raises(ValueError, match=r"labels: expected numbers that can be mixed.*ops.one_hot"):
                layer({"images": X, "labels": labels})
    assert layers.MixUp()({"images": X, "labels": np.eye(40, dtype="int32")})["labels"].dtype == np.float32
    assert layers.CutMix()({"images": X, "labels": np.ones((40, 1))})["labels"].shape == (40, 1)


def test_rand_augment_chooses_for_each_image() -> None:
    layer = layers.RandAugment(num_ops=1, factor=(0.4, 0.5), seed=1)
    batch = np.broadcast_to(X[:1], (300, *X.shape[1:]))
    y = layer(batch)
    assert y.min() >= 0 and y.max() <= 255 and np.isfinite(y).all()
    assert (y != batch).any(axis=(1, 2, 3)).mean() > 0.95
    assert len(layer.variables) == 1
    assert (layer(batch) != y).any()
    masks = np.ones((300, 9, 7, 1), np.int32)
    found = layer({"images": batch, "segmentation_masks": masks})["segmentation_masks"]
    assert (found == 1).all()
    with pytest.raises(ValueError, match="num_ops"):
        layers.RandAugment(num_ops=0)


# --- what they share --------------------------------------------------------------------------------------------------

ALL: list[Any] = [
    lambda: layers.RandomFlip(seed=3),
    lambda: layers.RandomTranslation(0.5, 0.5, seed=3),
    lambda: layers.RandomRotation(0.5, seed=3),
    lambda: layers.RandomZoom(0.5, seed=3),
    lambda: layers.RandomShear(0.5, 0.5, seed=3),
    lambda: layers.RandomPerspective(seed=3),
    lambda: layers.RandomCrop(4, 3, seed=3),
    lambda: layers.RandomBrightness(0.5, seed=3),
    lambda: layers.RandomContrast(0.5, seed=3),
    lambda: layers.RandomSaturation(0.9, seed=3),
    lambda: layers.RandomHue(0.9, seed=3),
    lambda: layers.RandomGrayscale(seed=3),
    lambda: layers.RandomInvert(seed=3),
    lambda: layers.RandomColorDegeneration(0.9, seed=3),
    lambda: layers.RandomColorJitter((0, 255), 0.5, 0.5, 0.5, 0.5, seed=3),
    lambda: layers.RandomErasing(seed=3),
    lambda: layers.Solarization(0.5, 0.5, seed=3),
    lambda: layers.RandAugment(seed=3),
    lambda: layers.MixUp(seed=3),
    lambda: layers.CutMix(seed=3),
]
each = pytest.mark.parametrize("make", ALL, ids=lambda make: type(make()).__name__)


def test_all_of_them_are_listed() -> None:
    classes = [cls for cls in vars(layers).values() if isinstance(cls, type)]
    known = {cls.__name__ for cls in classes if issubclass(cls, ImageAugmentation)}
    assert known == {type(make()).__name__ for make in ALL}


@each
def test_a_seed_says_all_draws(make: Any) -> None:
    layer, again = make(), make()
    first, second = layer(X), layer(X)
    assert (first != second).any() and first.dtype == np.float32
    assert (again(X) == first).all()
    assert (copy.deepcopy(again)(X) == second).all()
    assert (again(X) == second).all()
    assert (layer(X.astype("uint8"), training=False) == layer(np.floor(X), training=False)).all()
    model = Sequential([make()])
    assert (model(X) == first).all() and (model(X, training=True) == second).all()
    assert (model.predict(X, verbose=0) == layer(X, training=False)).all()


@each
def test_a_saved_model_goes_on_with_the_same_draws(make: Any, tmp_path: Path) -> None:
    model = Sequential([layers.Input(X.shape[1:]), make()])
    model(X, training=True)
    model.save(tmp_path / "model.safetensors")
    again = corten.models.load_model(tmp_path / "model.safetensors")
    assert (again(X, training=True) == model(X, training=True)).all()
    assert (again(X, training=True) == model(X, training=True)).all()


@each
def test_keras_reads_it_and_is_read(make: Any, keras: Any) -> None:
    layer = make()
    theirs = getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())
    again = corten.saving.deserialize_keras_object(keras.saving.serialize_keras_object(theirs))
    assert type(again) is type(layer) and again(X).shape == layer(X).shape
    # Those make another range of one number; see keras_differences.py.
    others = ("RandomContrast", "RandomColorJitter", "RandomSaturation", "RandomColorDegeneration")
    if type(layer).__name__ not in others:
        again = type(layer).from_config({**again.get_config(), "seed": 3})
        assert (again(X) == make()(X)).all()


def test_training_gives_the_same_bits_eagerly_and_on_any_number_of_threads() -> None:
    """All of them in one model, so that each draws in every step."""
    kinds = [make for make in ALL if not isinstance(make(), (layers.MixUp, layers.CutMix))]
    x = RNG.uniform(0, 255, size=(96, 16, 16, 3)).astype("uint8")

    def weights(threads: int, run_eagerly: bool) -> list[bytes]:
        corten.utils.set_random_seed(3)
        _core.set_threads(threads)
        augment = [make() for make in kinds]
        model = Sequential([*augment, layers.Flatten(), layers.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=run_eagerly)
        model.fit(x, np.arange(96) % 3, batch_size=48, epochs=1, verbose=0)
        return [w.tobytes() for w in model.get_weights()] + [v.numpy().tobytes() for v in model.variables]

    try:
        wanted = weights(1, False)
        assert all(weights(*way) == wanted for way in ((1, True), (2, False), (2, True)))
    finally:
        _core.set_threads(0)


class Mixing(Sequential):
    """Trains on images that are mixed in the step."""

    def __init__(self, mix: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mix = mix

    def train_step(self, data: Any) -> Any:
        x, y = data
        mixed = self.mix({"images": x, "labels": ops.one_hot(y, 3)})
        return super().train_step((mixed["images"], mixed["labels"]))


@pytest.mark.parametrize("kind", [layers.MixUp, layers.CutMix])
def test_mixing_in_a_training_step(kind: Any) -> None:
    x = RNG.uniform(0, 1, size=(96, 16, 16, 3)).astype("float32")

    def weights(threads: int, run_eagerly: bool) -> list[bytes]:
        corten.utils.set_random_seed(3)
        _core.set_threads(threads)
        model = Mixing(kind(seed=1), [layers.Flatten(), layers.Dense(3, activation="softmax")])
        model.compile("sgd", "categorical_crossentropy", run_eagerly=run_eagerly)
        model.fit(x, np.arange(96) % 3, batch_size=48, epochs=2, verbose=0)
        # Two draws at least in each of four steps.
        assert model.mix.seed_generator.state.numpy()[1] >= 8
        return [w.tobytes() for w in model.get_weights()]

    try:
        wanted = weights(1, False)
        assert all(weights(*way) == wanted for way in ((1, True), (2, False), (2, True)))
    finally:
        _core.set_threads(0)


def test_a_warp_keeps_no_copies_of_images() -> None:
    """What a rotation reads of an image it reads where that is: no table of places, no matrix of weights."""
    graph = Graph()
    with graph:
        x = graph.input((64, 32, 32, 3), "float32")
        y = layers.RandomZoom(0.1)(layers.RandomRotation(0.1)(x))
        program = graph.compile([x], [y])
    assert program.arena_bytes <= 2 * 64 * 32 * 32 * 3 * 4 + 100_000


def test_errors() -> None:
    wrong: list[Any] = [
        (layers.RandomRotation, (1.5,)),
        (layers.RandomRotation, ((0.1,),)),
        (layers.RandomZoom, ((-1.0, 0.0),)),
        (layers.RandomZoom, (0.1, 1.1)),
        (layers.RandomShear, (-0.1,)),
        (layers.RandomShear, ((0.1, 1.2),)),
        (layers.RandomPerspective, (1.0, 1.5)),
        (layers.RandomPerspective, (-0.5,)),
        (layers.RandomCrop, (0, 3)),
        (layers.CenterCrop, (3, 0)),
        (layers.Resizing, (3, 3, "cubic")),
        (layers.RandomBrightness, (1.5,)),
        (layers.RandomBrightness, (0.1, (0, 0))),
        (layers.RandomBrightness, (0.1, 255)),
        (layers.RandomContrast, (1.5,)),
        (layers.RandomContrast, ((0.1, 0.2, 0.3),)),
        (layers.RandomSaturation, (-0.1,)),
        (layers.RandomHue, (2.0,)),
        (layers.RandomGrayscale, (1.5,)),
        (layers.RandomInvert, (-1.0,)),
        (layers.RandomErasing, (1.0, 2.0)),
        (layers.RandomErasing, (1.0, 0.2, "noise")),
        (layers.MixUp, (0.0,)),
        (layers.CutMix, (1.5,)),
        (layers.RandAugment, ((0, 255), 2, 1.5)),
        (layers.RandAugment, ((0, 255), 2, 0.5, "cubic")),
        (layers.Solarization, (2.0,)),
    ]
    for kind, arguments in wrong:
        with pytest.raises((ValueError, TypeError), match="expected"):
            kind(*arguments)
    for make in ALL:
        with pytest.raises(ValueError, match="expected an input with"):
            make()(X[0, 0])
        with pytest.raises(ValueError, match="expected an input with"):
            make()(X[None])
