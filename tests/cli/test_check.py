"""``corten check``: a model runs, gives numbers, and is the same in two files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import corten
from cli.running import Run
from corten.layers import Dense, Embedding, GlobalAveragePooling1D


def copy(path: Path, target: Path, change: float) -> Path:
    model = corten.models.load_model(path)
    model.set_weights([array + change for array in model.get_weights()])
    model.save(target)
    return target


def test_one_model(run: Run, trained: Path) -> None:
    ended = run("check", trained, "--batch", 7)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{trained} (corten): 23 parameters, loaded in ") and "first run " in lines[0]
    assert lines[1] == "  input x: (7, 4) float32" and lines[2].startswith("  output b: (7, 2) float32, from ")
    again = run("check", trained, "--batch", 7).out.splitlines()
    assert again[1:] == lines[1:]  # the same numbers each time


def test_the_same_model_in_another_file(run: Run, trained: Path, archive: Path) -> None:
    ended = run("check", trained, archive, "--tolerance", "1e-9")
    assert ended.code == 0 and ended.out.splitlines()[-1] == "the same"
    assert "b: largest difference 0 <= 1e-09 x " in ended.out


def test_another_model(run: Run, branched: Path, trained: Path, tmp_path: Path) -> None:
    other = copy(branched, tmp_path / "other.safetensors", 1e-3)
    ended = run("check", branched, other)
    assert ended.code == 1 and ended.out.splitlines()[-1] == "NOT the same"
    assert "q: largest difference 0.00" in ended.out and " > 0.0001 x " in ended.out
    assert run("check", branched, other, "--tolerance", 0.1).code == 0
    ended = run("check", trained, branched)
    assert ended.code == 1 and f"{branched}: expected 1 inputs, x, got a, b" in ended.err


def test_other_shapes(run: Run, trained: Path, tmp_path: Path) -> None:
    corten.Sequential([corten.Input((4,)), Dense(3)]).save(tmp_path / "wide.safetensors")
    ended = run("check", trained, tmp_path / "wide.safetensors")
    assert ended.code == 1 and re.search(r"b, dense\w*: expected shape \(1, 2\), got \(1, 3\)", ended.out)
    corten.Sequential([corten.Input((5,)), Dense(2)]).save(tmp_path / "five.safetensors")
    ended = run("check", trained, tmp_path / "five.safetensors")
    assert ended.code == 1 and "expects shape (None, 5), got (1, 4)" in ended.err


def test_what_is_not_finite(run: Run, trained: Path, tmp_path: Path) -> None:
    model = corten.models.load_model(trained)
    weights = model.get_weights()
    weights[-1][0] = np.nan
    model.set_weights(weights)
    model.save(tmp_path / "nan.safetensors")
    ended = run("check", tmp_path / "nan.safetensors", "--batch", 4)
    assert ended.code == 1 and "4 of 8 NOT FINITE" in ended.out
    ended = run("check", tmp_path / "nan.safetensors", tmp_path / "nan.safetensors")
    assert ended.code == 1 and ended.out.splitlines()[-1] == "NOT finite"
    ended = run("check", trained, tmp_path / "nan.safetensors")
    assert ended.code == 1 and "largest difference inf" in ended.out


def test_open_sizes_and_integers(run: Run, tmp_path: Path) -> None:
    inputs = corten.Input((None,), dtype="int32", name="ids")
    outputs = Dense(1)(GlobalAveragePooling1D()(Embedding(50, 4)(inputs)))
    corten.Model(inputs, outputs).save(tmp_path / "m.safetensors")
    path = tmp_path / "m.safetensors"
    assert "  input ids: (1, 1) int32\n" in run("check", path).out
    ended = run("check", path, "--batch", 3, "--size", 9, "--integers", 50)
    assert ended.code == 0 and "  input ids: (3, 9) int32\n" in ended.out
    assert run("check", path, "--set", "ids=49").code == 0
    ended = run("check", path, "--set", "ids=50")
    assert ended.code == 1 and str(path) in ended.err and "50" in ended.err
    for wrong, said in (("other=1", "expected one of the inputs ids"), ("ids=many", "expected a number, got 'many'")):
        ended = run("check", path, "--set", wrong)
        assert ended.code == 2 and said in ended.err


def test_a_size_that_will_not_do_says_what_to_try(run: Run, tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((None, 2)), corten.layers.Conv1D(3, 5)])
    model.save(tmp_path / "m.safetensors")
    ended = run("check", tmp_path / "m.safetensors")
    assert ended.code == 1 and "--size chooses others" in ended.err
    assert run("check", tmp_path / "m.safetensors", "--size", 5).code == 0


def test_a_subclass_says_what_it_was_built_for(run: Run, tmp_path: Path) -> None:
    @corten.saving.register_keras_serializable("cli_tests")
    class Own(corten.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = Dense(2)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return {"name": self.name}

    model = Own()
    model(np.ones((1, 3), "float32"))
    model.save(tmp_path / "m.safetensors")
    ended = run("check", tmp_path / "m.safetensors", "--batch", 2)
    assert ended.code == 0, ended.err
    assert "  input input: (2, 3) float32\n" in ended.out and "  output output: (2, 2) float32" in ended.out


def test_models_of_keras_2(run: Run, real_models: Path) -> None:
    pytest.importorskip("h5py")
    paths = [real_models / "keras2" / f"k2_rnn.{end}" for end in ("h5", "keras")]
    ended = run("check", *paths, "--size", 7, "--batch", 3)
    assert ended.code == 0 and "largest difference 0 " in ended.out


def test_onnxruntime_runs_only_onnx(run: Run, trained: Path) -> None:
    ended = run("check", trained, "--runtime", "onnxruntime")
    assert ended.code == 2 and "is no ONNX file" in ended.err


@pytest.mark.usefixtures("onnx_reader")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("silero_vad_16k_sequence.onnx", []),
        ("silero_vad_16k_op15.onnx", ["--set", "sr=16000", "--size", "512", "--batch", "2"]),
        ("magika.onnx", ["--integers", "257"]),
    ],
)
def test_onnx_files_by_both(run: Run, real_models: Path, name: str, options: list[str]) -> None:
    pytest.importorskip("onnxruntime")
    ended = run("check", real_models / name, "--runtime", "onnxruntime", *options)
    assert ended.code == 0, ended.out + ended.err
    assert f"{name} (onnxruntime): loaded in " in ended.out and ended.out.splitlines()[-1] == "the same"


@pytest.mark.usefixtures("onnx_reader", "onnx_writer")
def test_a_model_and_its_export(run: Run, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert run("convert", trained, tmp_path / "m.onnx").code == 0
    assert run("check", trained, tmp_path / "m.onnx").code == 0
    assert run("check", trained, tmp_path / "m.onnx", "--runtime", "onnxruntime").code == 0
    other = copy(trained, tmp_path / "other.safetensors", 0.01)
    assert run("check", other, tmp_path / "m.onnx", "--runtime", "onnxruntime").code == 1
