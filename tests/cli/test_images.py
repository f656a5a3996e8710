"""``corten predict`` of images in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from cli.running import Run
from corten.cli.images import read_images
from corten.cli.signature import Declared

image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, 6, 3)).astype("uint8")


def saved(array: np.ndarray, path: Path, **options: Any) -> Path:
    image.fromarray(array).save(path, **options)
    return path


def means(text: str) -> list[list[float]]:
    return [[float(cell) for cell in line.split(",")] for line in text.splitlines()[1:]]


def test_images_are_rows(run: Run, of_images: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    paths = [saved(pixels, tmp_path / "a.png"), saved(pixels[::-1], tmp_path / "b.BMP")]
    ended = run("predict", of_images, *paths)
    assert ended.code == 0, ended.err
    expected = [[pixels.mean(), pixels[0, 0].mean()], [pixels.mean(), pixels[-1, 0].mean()]]
    np.testing.assert_allclose(means(ended.out), expected, rtol=1e-5)
    ended = run("predict", of_images, *paths, "--scale", 255)
    np.testing.assert_allclose(means(ended.out), np.array(expected) / 255, rtol=1e-5)


def test_other_sizes_are_resized_on_request_only(run: Run, of_images: Path, tmp_path: Path) -> None:
    path = saved(np.full((20, 30, 3), 7, "uint8"), tmp_path / "a.png")
    ended = run("predict", of_images, path)
    assert ended.code == 1
    assert ended.err == (
        f"corten: error: {path}: expected an image of 6 x 8 (width x height), got 30 x 20; --resize brings it to that "
        "size\n"
    )
    ended = run("predict", of_images, path, "--resize")
    np.testing.assert_allclose(means(ended.out), [[7, 7]], rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "result"),
    [
        ((None, 8, 6, 3), (8, 6, 3)),
        ((None, None, None, 3), (8, 6, 3)),
        ((None, 8, 6, None), (8, 6, 3)),
        ((None, 8, 6, 4), (8, 6, 4)),
        ((None, 8, 6, 1), (8, 6, 1)),
        ((None, 8, 6), (8, 6)),
        ((None, 3, 8, 6), (3, 8, 6)),
        ((None, 1, "height", "width"), (1, 8, 6)),
    ],
)
def test_the_layout_is_that_of_the_input(
    shape: tuple[Any, ...], result: tuple[int, ...], pixels: np.ndarray, tmp_path: Path
) -> None:
    path = saved(pixels, tmp_path / "a.png")
    array = read_images([path], Declared("x", shape, "float32"), resize=False)
    assert array.shape == (1, *result) and array.dtype == np.uint8
    if shape[1] == 3:
        np.testing.assert_array_equal(array[0].transpose(1, 2, 0), pixels)
    elif result == (8, 6, 3):
        np.testing.assert_array_equal(array[0], pixels)
    if result in ((8, 6), (8, 6, 1)):
        np.testing.assert_allclose(array.reshape(8, 6), pixels @ [0.299, 0.587, 0.114], atol=1)


def test_transparency_that_is_seen_is_refused(run: Run, of_images: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    opaque = np.dstack([pixels, np.full((8, 6), 255, "uint8")])
    ended = run("predict", of_images, saved(opaque, tmp_path / "a.png"))
    np.testing.assert_allclose(means(ended.out)[0][0], pixels.mean(), rtol=1e-5)
    opaque[3, 3, 3] = 128
    ended = run("predict", of_images, saved(opaque, tmp_path / "b.png"))
    assert ended.code == 1 and "has transparent pixels" in ended.err


def test_what_is_no_plain_image_is_refused(run: Run, of_images: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    deep = saved(np.zeros((8, 6), "uint16"), tmp_path / "deep.png")
    frames = tmp_path / "frames.gif"
    image.fromarray(pixels[..., 0]).save(frames, save_all=True, append_images=[image.fromarray(pixels[..., 1])])
    (tmp_path / "text.png").write_text("no image")
    cut = tmp_path / "cut.png"
    cut.write_bytes(saved(pixels, tmp_path / "whole.png").read_bytes()[:-60])
    for path, said in (
        (deep, "8 bits a channel"),
        (frames, "got 2 frames"),
        (tmp_path / "text.png", "cannot identify image file"),
        (cut, "truncated"),
        (tmp_path / "none.png", "No such file"),
    ):
        ended = run("predict", of_images, path)
        assert (ended.code, ended.out) == (1, "") and str(path) in ended.err and said in ended.err


def test_a_camera_turned(run: Run, of_images: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    exif = image.Exif()
    exif[0x0112] = 3  # upside down
    ended = run("predict", of_images, saved(pixels, tmp_path / "a.png", exif=exif))
    np.testing.assert_allclose(means(ended.out)[0][1], pixels[-1, -1].mean(), rtol=1e-5)


def test_a_model_that_takes_no_images(run: Run, trained: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    ended = run("predict", trained, saved(pixels, tmp_path / "a.png"))
    assert ended.code == 1 and "an image, but the model takes 'x' (None, 4) float32" in ended.err


def test_images_of_open_sizes_must_be_alike(run: Run, pixels: np.ndarray, tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((None, None, 3)), corten.layers.GlobalAveragePooling2D()])
    model.save(tmp_path / "m.safetensors")
    paths = [saved(pixels, tmp_path / "a.png"), saved(pixels[:, :5], tmp_path / "b.png")]
    assert run("predict", tmp_path / "m.safetensors", paths[0]).code == 0
    ended = run("predict", tmp_path / "m.safetensors", *paths)
    assert ended.code == 1 and "expected an image of 8 x 6 x 3, as" in ended.err and "got 8 x 5 x 3" in ended.err
