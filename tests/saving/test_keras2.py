"""Models of Keras 1, 2 and tf-keras: what is translated gives the same numbers in stock Keras 3."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from contracts.subprocesses import environment
from corten.errors import CorruptFileError, UnsafeFileError
from corten.saving.keras2 import translate, translate_training

DATA = Path(__file__).parents[1] / "data" / "keras2"
HARD_SIGMOID = {
    "module": "corten",
    "class_name": "function",
    "config": "keras2_hard_sigmoid",
    "registered_name": "corten>keras2_hard_sigmoid",
}
OPTIMIZERS = "adadelta adam l_adam l_adam0 l_adamax l_rms l_sgd rms sched sgdm".split()  # noqa: SIM905

needs_keras = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("h5py", "jax", "keras")),
    reason="needs Keras 3, jax and h5py",
)


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": list(layers)}


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


def only(entry: dict[str, Any], version: str = "2.2.4") -> dict[str, Any]:
    """The configuration of the single layer of a model, translated."""
    (translated,) = translate(sequential(entry), version)["config"]["layers"]
    return {"class_name": translated["class_name"], **translated["config"]}


def in_stock_keras(jobs: list[dict[str, Any]], backend: str = "numpy") -> list[Any]:
    program = Path(__file__).parent / "stock_keras.py"
    done = subprocess.run(
        [sys.executable, str(program)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=environment(KERAS_BACKEND=backend),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results: list[Any] = json.loads(done.stdout)
    return results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed models, unpacked."""
    place = tmp_path_factory.mktemp("keras2")
    for archive in DATA.glob("*.zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(place)
    return place


@needs_keras
@pytest.mark.thorough  # test_keras2_models.py loads the same files
def test_every_model_of_tf_keras_gives_its_outputs_in_stock_keras(folder: Path) -> None:
    names = sorted(path.stem for path in DATA.glob("*.zip") if path.stem != "optimizers")
    assert len(names) > 10
    paths = [folder / f"{name}.{ending}" for name in names for ending in ("h5", "keras")]
    jobs = [{"kind": "predict", "path": str(p), "expected": str(p.with_suffix(".npz"))} for p in paths]
    results = dict(zip((path.name for path in paths), in_stock_keras(jobs), strict=True))
    assert {name: off for name, off in results.items() if not isinstance(off, float) or off > 1e-5} == {}


@needs_keras
@pytest.mark.thorough  # test_keras2_models.py loads the same files
def test_training_goes_on_in_stock_keras_as_in_tf_keras(folder: Path) -> None:
    names = [f"opt_{name}.{ending}" for name in OPTIMIZERS for ending in ("h5", "keras")]
    # In an archive tf-keras keeps no state of its older optimizers.
    jobs = [
        {"kind": "train", "path": str(folder / name), "expected": str((folder / name).with_suffix(".npz"))}
        for name in names
        if not (name.startswith("opt_l_") and name.endswith(".keras"))
    ]
    results = {Path(job["path"]).name: off for job, off in zip(jobs, in_stock_keras(jobs, "jax"), strict=True)}
    assert {name: off for name, off in results.items() if not isinstance(off, float) or off > 1e-5} == {}


@needs_keras
@pytest.mark.thorough  # test_keras2_models.py loads the same files
def test_real_files_give_their_outputs_in_stock_keras(shared_data: Path, tmp_path: Path) -> None:
    models = shared_data / "models"
    if not (models / "keras2").is_dir():
        pytest.skip(f"needs the model files in {models}")
    jobs = []
    for path in sorted((models / "keras2").glob("*.npz")):
        jobs += [
            {"kind": "predict", "path": str(path.with_suffix(ending)), "expected": str(path)}
            for ending in (".h5", ".keras")
        ]
    with zipfile.ZipFile(models / "sleepecg_ws_gru_mesa.zip") as archive:
        archive.extract("classifier.keras", tmp_path)
    fer, sleep = str(models / "fer_emotion.h5"), str(tmp_path / "classifier.keras")
    jobs.append({"kind": "keras", "path": fer, "shape": [4, 64, 64, 1]})
    jobs.append({"kind": "keras", "path": sleep, "shape": [2, 20, 36]})
    jobs.append({"kind": "state", "path": fer})
    *numbers, state = in_stock_keras(jobs)
    assert len(numbers) == 8 and all(isinstance(off, float) and off < 1e-5 for off in numbers), numbers
    assert state is True  # of 52 variables, which Keras 2.0.5 sorted by their names


@needs_keras
def test_models_of_keras3_in_the_legacy_layout(tmp_path: Path) -> None:
    program = """
    import keras
    from keras import layers as L
    x = keras.Input((5, 3)); inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, L.BatchNormalization()(L.Dense(4, activation="hard_sigmoid")(inner_in)))
    y = inner(inner(L.GRU(4, recurrent_activation="hard_sigmoid")(x)))
    model = keras.Model(x, L.Concatenate()([y, keras.Sequential([L.Dense(2), L.LeakyReLU()])(y)]))
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(*[__import__("numpy").ones(s) for s in [(2, 5, 3), (2, 6)]])
    model.save("{path}")
    """
    path = tmp_path / "keras3.h5"
    code = "\n".join(line.strip() for line in program.format(path=path).splitlines())
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment(KERAS_BACKEND="jax"))
    jobs = [{"kind": "keras", "path": str(path), "shape": [3, 5, 3]}, {"kind": "state", "path": str(path)}]
    off, state = in_stock_keras(jobs)
    assert off == 0 and state is True


@needs_keras
def test_every_translated_layer_of_keras1_is_one_of_stock_keras() -> None:
    common = {
        "trainable": True,
        "activation": "relu",
        "init": "glorot_uniform",
        "W_regularizer": None,
        "b_constraint": None,
    }
    conv = common | {"nb_filter": 3, "border_mode": "same", "bias": True, "dim_ordering": "tf"}
    first = {"batch_input_shape": [None, 8, 8, 2], "input_dtype": "float32"}
    regularizer = {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.1}
    image = sequential(
        layer("Convolution2D", nb_row=3, nb_col=2, subsample=[1, 1], **conv, **first),
        layer("AtrousConvolution2D", nb_row=3, nb_col=3, subsample=[1, 1], atrous_rate=[2, 2], **conv),
        layer("Deconvolution2D", nb_row=3, nb_col=3, subsample=[1, 1], output_shape=[None, 8, 8, 3], **conv),
        layer("ZeroPadding2D", padding=[1, 2], dim_ordering="tf"),
        layer("MaxPooling2D", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="tf"),
        layer("BatchNormalization", mode=0, axis=-1, epsilon=1e-3, momentum=0.99, gamma_regularizer=None),
        layer("Dropout", p=0.5),
        layer("SpatialDropout2D", p=0.5, dim_ordering="tf"),
        layer("UpSampling2D", size=[2, 2], dim_ordering="tf"),
        layer("Flatten"),
        layer("GaussianNoise", sigma=0.1),
        layer("Dense", output_dim=4, input_dim=None, **common | {"W_regularizer": regularizer}),
        layer("PReLU", init="zero"),
        layer("Activation", activation="hard_sigmoid"),
    )  # fmt: skip
    recurrent = {"output_dim": 3, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh"}
    recurrent |= {
        "W_regularizer": None,
        "U_regularizer": None,
        "dropout_W": 0.1,
        "dropout_U": 0.0,
        "consume_less": "cpu",
    }
    recurrent |= {"return_sequences": True, "go_backwards": False, "stateful": False, "unroll": False}
    gated = recurrent | {"inner_activation": "hard_sigmoid"}
    text = sequential(
        layer("Embedding", input_dim=9, output_dim=4, init="uniform", input_length=6, mask_zero=False, dropout=0.0,
              W_regularizer=None, W_constraint=None, batch_input_shape=[None, 6], input_dtype="int32"),
        layer("Convolution1D", filter_length=3, subsample_length=1, input_dim=4, input_length=6,
              **{key: conv[key] for key in conv if key != "dim_ordering"}),
        layer("MaxPooling1D", pool_length=2, stride=2, border_mode="valid"),
        layer("UpSampling1D", length=2),
        layer("LSTM", forget_bias_init="one", input_dim=3, **gated),
        layer("Bidirectional", merge_mode="concat", layer=layer("GRU", **gated)),
        layer("TimeDistributed", layer=layer("Dense", output_dim=3, **common)),
        layer("SimpleRNN", **recurrent),
    )  # fmt: skip
    program = "import sys, json, keras; sys.path.insert(0, 'saving'); from stock_keras import build\n"
    program += "for c in json.load(sys.stdin): m = build(c, '1.2.2'); print(m.count_params(), m.output_shape)"
    for number, model in enumerate((image, text)):
        for position, entry in enumerate(model["config"]):
            entry["config"]["name"] = f"layer_{number}_{position}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([image, text]),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
        env=environment(KERAS_BACKEND="numpy"),
    )
    assert done.returncode == 0, done.stderr[-1500:]
    lines = done.stdout.splitlines()[-2:]
    assert [line.partition(" ")[2] for line in lines] == ["(None, 4)", "(None, 6, 3)"]


def test_hard_sigmoid_of_keras2_has_a_name_of_its_own() -> None:
    entry = layer("LSTM", units=2, activation="tanh", recurrent_activation="hard_sigmoid")
    assert only(entry, "2.2.4")["recurrent_activation"] == HARD_SIGMOID
    assert only(entry, "2.15.0")["recurrent_activation"] == HARD_SIGMOID
    assert only(entry, "3.1.0")["recurrent_activation"] == "hard_sigmoid"
    assert only(layer("Activation", activation="hard_sigmoid"))["activation"] == HARD_SIGMOID
    function = {"module": "builtins", "class_name": "function", "config": "hard_sigmoid", "registered_name": "x"}
    assert only(layer("Dense", units=2, activation=function))["activation"] == HARD_SIGMOID


def test_defaults_that_changed_are_written_out() -> None:
    gates = {"units": 2, "recurrent_activation": "sigmoid"}
    assert only(layer("GRU", **gates), "2.0.5")["reset_after"] is False
    assert only(layer("GRU", **gates, reset_after=True), "2.2.4")["reset_after"] is True
    cudnn = only(layer("CuDNNGRU", units=2))
    assert (cudnn["class_name"], cudnn["reset_after"], cudnn["recurrent_activation"]) == ("GRU", True, "sigmoid")
    assert only(layer("CuDNNLSTM", units=2))["class_name"] == "LSTM"
    with pytest.raises(ValueError, match="recurrent_activation"):
        only(layer("LSTM", units=2))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (layer("BatchNormalizationV1", axis=[3], fused=True, renorm=False),
         {"class_name": "BatchNormalization", "axis": 3}),
        (layer("LeakyReLU", alpha={"type": "ndarray", "value": 0.2}),
         {"class_name": "LeakyReLU", "negative_slope": 0.2}),
        (layer("ThresholdedReLU", theta=0.5), {"class_name": "ReLU", "threshold": 0.5}),
        (layer("SpatialDropout1D", rate=0.1, noise_shape=None), {"class_name": "SpatialDropout1D", "rate": 0.1}),
        (layer("Dropout", rate=0.1, dtype={"class_name": "Policy", "config": {"name": "float32"}}),
         {"class_name": "Dropout", "rate": 0.1, "dtype": "float32"}),
        (layer("Conv2D", filters=1, data_format="channels_first"),
         {"class_name": "Conv2D", "filters": 1, "data_format": "channels_first"}),
        (layer("Dense", units=1, kernel_initializer={"class_name": "Zeros", "config": {"dtype": "float32"}}),
         {"class_name": "Dense", "units": 1, "kernel_initializer": {
             "module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}}),
        (layer("Dense", units=1, bias_regularizer={"class_name": "L1L2", "config": {"l1": 0.0, "l2": 1}}),
         {"class_name": "Dense", "units": 1, "bias_regularizer": {
             "module": "keras.regularizers", "class_name": "L1L2", "config": {"l1": 0.0, "l2": 1.0},
             "registered_name": None}}),
        (layer("Embedding", input_dim=3, output_dim=2, input_length=4, mask_zero=True),
         {"class_name": "Embedding", "input_dim": 3, "output_dim": 2, "mask_zero": True}),
    ],
)  # fmt: skip
def test_arguments_in_keras3_words(entry: dict[str, Any], expected: dict[str, Any]) -> None:
    translated = only(entry)
    assert translated.pop("name") == entry["config"]["name"]
    assert translated == expected


@pytest.mark.parametrize(
    ("entry", "version", "error", "words"),
    [
        (layer("Lambda", function=["4wEA", None, None]), "2.2.4", UnsafeFileError, ["Lambda", "'lambda'", "code"]),
        (layer("TensorFlowOpLayer", node_def="name: 'Add'"), "2.2.4", ValueError, ["TensorFlowOpLayer"]),
        (layer("LocallyConnected2D", filters=2), "2.2.4", ValueError, ["LocallyConnected2D", "'locallyconnected2d'"]),
        (layer("Highway"), "1.2.2", ValueError, ["Highway"]),
        (layer("Mine"), "2.2.4", ValueError, ["Mine"]),
        (layer("Dense", units=1, dtype="mixed_float16"), "2.6.0", ValueError, ["mixed_float16", "'dense'"]),
        (layer("Dense", units=1, activation="mine"), "2.6.0", ValueError, ["'mine'", "'dense'"]),
        (layer("Dense", units=1, kernel_regularizer="mine"), "2.6.0", ValueError, ["'mine'", "kernel_regularizer"]),
        (layer("LSTM", units=1, recurrent_activation="tanh", time_major=True), "2.6.0", ValueError, ["time_major"]),
        (layer("InputLayer", batch_input_shape=[None, 3], sparse=True), "2.6.0", ValueError, ["sparse"]),
        (layer("InputLayer", batch_input_shape=[None, 3], ragged=True), "2.6.0", ValueError, ["ragged"]),
        (layer("BatchNormalization", axis=[1, 2]), "2.6.0", ValueError, ["axis=[1, 2]"]),
        (layer("BatchNormalization", axis=-1, renorm=True), "2.6.0", ValueError, ["renorm=True"]),
        (layer("BatchNormalization", axis=-1, mode=1), "1.2.2", ValueError, ["mode=1"]),
        (layer("UpSampling2D", size=2, interpolation="bilinear"), "2.2.4", ValueError, ["bilinear", "2.2.4"]),
        (layer("Embedding", input_dim=2, output_dim=2, dropout=0.1), "1.2.2", ValueError, ["dropout"]),
        (layer("Merge", mode="cos"), "1.2.2", ValueError, ["'cos'"]),
        (layer("Merge", mode="f", mode_type="lambda"), "1.2.2", UnsafeFileError, ["Merge"]),
        (layer("Attention", causal=True), "2.6.0", ValueError, ["causal=True"]),
        ({"class_name": "Dense", "module": "os", "config": {"name": "d"}}, "2.15.0", ValueError, ["Dense"]),
        ({"class_name": "a>Dense", "config": {"name": "d"}}, "2.6.0", ValueError, ["a>Dense"]),
        ({"class_name": "Dense", "config": 3}, "2.6.0", CorruptFileError, ["Dense"]),
        ({"class_name": ["Dense"], "config": {}}, "2.6.0", CorruptFileError, ["class_name"]),
        ({"class_name": "Dense", "config": {"name": 3}}, "2.6.0", CorruptFileError, ["name of a layer"]),
    ],
)  # fmt: skip
def test_what_has_no_equal_is_refused_by_name(
    entry: Any, version: str, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        translate(sequential(entry), version)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_merge_of_keras1_is_a_layer_for_each_mode() -> None:
    kinds = {
        mode: only(layer("Merge", mode=mode, concat_axis=1, dot_axes=2), "1.2.2") for mode in ("sum", "concat", "dot")
    }
    assert [kind["class_name"] for kind in kinds.values()] == ["Add", "Concatenate", "Dot"]
    assert kinds["concat"]["axis"] == 1 and kinds["dot"]["axes"] == 2


def test_an_input_of_a_sequential_is_a_layer() -> None:
    first = layer("Embedding", input_dim=9, output_dim=2, batch_input_shape=[None, 5])
    inputs, _ = translate(sequential(first), "2.0.5")["config"]["layers"]
    assert inputs["config"] == {"name": "embedding_input", "batch_shape": [None, 5], "dtype": "int32"}
    inner = sequential(layer("Dense", units=2, batch_input_shape=[None, 3]))
    outer = translate(sequential(inner), "2.0.5")["config"]["layers"]
    assert outer[0]["config"]["batch_shape"] == [None, 3] and outer[1]["class_name"] == "Sequential"
    shape = {"class_name": "TensorShape", "items": [None, 4]}
    named = {"name": "s", "layers": [layer("Dense", units=2)], "build_input_shape": shape}
    assert translate({"class_name": "Sequential", "config": named}, "2.6.0")["config"]["build_input_shape"] == [None, 4]


def functional() -> dict[str, Any]:
    inputs = {**layer("InputLayer", batch_input_shape=[None, 4]), "name": "in/put", "inbound_nodes": []}
    inputs["config"]["name"] = "in/put"
    inner = {"class_name": "Model", "name": "inner", "config": {
        "name": "inner", "layers": [copy.deepcopy(inputs)],
        "input_layers": [["in/put", 0, 0]], "output_layers": [["in/put", 0, 0]]}}  # fmt: skip
    inner["inbound_nodes"] = [[["in/put", 0, 0, {}]], [["inner", 1, 0, {}]]]
    lstm = {**layer("LSTM", units=2, recurrent_activation="sigmoid"), "name": "lstm"}
    lstm["inbound_nodes"] = [[["inner", 2, 0, {"mask": None}], ["in/put", 0, 0, {}], ["inner", 1, 0, {}]]]
    attention = {**layer("MultiHeadAttention"), "name": "multiheadattention"}
    attention["inbound_nodes"] = [[["lstm", 0, 0, {"value": ["inner", 1, 0], "use_causal_mask": True}]]]
    return {"class_name": "Model", "config": {
        "name": "m", "layers": [inputs, inner, lstm, attention], "input_layers": [["in/put", 0, 0]],
        "output_layers": [["inner", 2, 0], ["multiheadattention", 0, 0]]}}  # fmt: skip


def test_calls_have_args_and_kwargs_and_nodes_are_counted_as_keras3_counts() -> None:
    config = translate(functional(), "2.6.0")["config"]
    histories = json.loads(
        json.dumps([entry["inbound_nodes"] for entry in config["layers"]]),
        object_hook=lambda thing: thing["config"]["keras_history"] if "class_name" in thing else thing,
    )
    assert histories == [
        [],
        [{"args": [["in_put", 0, 0]], "kwargs": {}}, {"args": [["inner", 0, 0]], "kwargs": {}}],
        [{"args": [["inner", 1, 0]], "kwargs": {"initial_state": [["in_put", 0, 0], ["inner", 0, 0]]}}],
        [{"args": [["lstm", 0, 0]], "kwargs": {"value": ["inner", 0, 0], "use_causal_mask": True}}],
    ]
    assert config["input_layers"] == ["in_put", 0, 0]
    assert config["output_layers"] == [["inner", 2, 0], ["multiheadattention", 0, 0]]
    assert config["layers"][0]["name"] == config["layers"][0]["config"]["name"] == "in_put"


def operation(function: str, nodes: list[Any]) -> dict[str, Any]:
    model = functional()
    entry = {"class_name": "TFOpLambda", "name": "op", "config": {"name": "op", "function": function}}
    model["config"]["layers"].append({**entry, "inbound_nodes": nodes})
    return model


def test_functions_of_tensorflow_are_operations_or_refused() -> None:
    model = translate(operation("math.multiply", [["lstm", 0, 0, {"y": 3.0, "name": None}]]), "2.6.0")
    op = model["config"]["layers"][-1]
    assert (op["module"], op["class_name"], op["config"]) == ("keras.src.ops.numpy", "Multiply", {"name": "op"})
    assert op["inbound_nodes"][0]["args"][1] == 3.0
    constant = translate(operation("math.subtract", [["_CONSTANT_VALUE", -1, 2.0, {"y": ["lstm", 0, 0]}]]), "2.6.0")
    assert constant["config"]["layers"][-1]["inbound_nodes"][0]["args"][0] == 2.0
    with pytest.raises(ValueError, match=r"'linalg.inv' has no equal"):
        translate(operation("linalg.inv", [["lstm", 0, 0, {}]]), "2.6.0")
    with pytest.raises(ValueError, match="keepdim has no equal"):
        translate(operation("math.reduce_sum", [["lstm", 0, 0, {"keepdim": 1}]]), "2.6.0")
    nodes = [["lstm", 0, 0, {"axis": axis}] for axis in (0, 1)]
    with pytest.raises(ValueError, match="different arguments"):
        translate(operation("math.reduce_sum", nodes), "2.6.0")


def test_damaged_graphs_are_refused() -> None:
    unknown, twice, lacking, odd = (functional() for _ in range(4))
    unknown["config"]["layers"][2]["inbound_nodes"] = [[["nowhere", 0, 0, {}]]]
    twice["config"]["layers"][2]["name"] = "inner"
    del lacking["config"]["output_layers"]
    odd["config"]["output_layers"] = 3
    for model, words in ((unknown, "'nowhere'"), (twice, "two layers"), (lacking, "functional"), (odd, "tensors")):
        with pytest.raises(ValueError, match=words):
            translate(model, "2.6.0")
    deep: dict[str, Any] = layer("Dense", units=1)
    for _ in range(3000):
        deep = layer("TimeDistributed", layer=deep)
    with pytest.raises(CorruptFileError):
        translate(sequential(deep), "2.6.0")


def test_what_is_registered_is_handed_on() -> None:
    mine = {"class_name": "mine>Scale", "config": {"name": "s/1", "factor": 2, "kernel_initializer": "zeros"}}
    (translated,) = translate(sequential(mine), "2.6.0", {"mine>Scale"})["config"]["layers"]
    assert translated["registered_name"] == "mine>Scale" and translated["config"]["factor"] == 2
    assert translated["config"]["name"] == "s_1"
    dense = layer("Dense", units=1, activation="mine")
    assert translate(sequential(dense), "2.6.0", {"mine"})["config"]["layers"][0]["config"]["activation"] == "mine"


def optimizer(kind: str, version: str = "2.2.4", **config: Any) -> Any:
    return translate_training({"optimizer_config": {"class_name": kind, "config": config}}, version)["optimizer"]


def test_optimizers() -> None:
    adam = optimizer("Custom>Adam", "2.12.0", learning_rate=0.1, is_legacy_optimizer=False)
    assert (adam["module"], adam["class_name"], adam["config"]) == ("keras.optimizers", "Adam", {"learning_rate": 0.1})
    slower = optimizer("SGD", lr=0.1, decay=0.5, momentum=0.9)["config"]["learning_rate"]
    assert slower["class_name"] == "InverseTimeDecay"
    assert slower["config"] == {"initial_learning_rate": 0.1, "decay_steps": 1, "decay_rate": 0.5}
    assert optimizer("adam", lr=0.1, epsilon=None)["config"] == {"learning_rate": 0.1, "epsilon": 1e-7}
    # Keras on several backends took the norm over all gradients.
    assert optimizer("SGD", "2.2.4", lr=0.1, clipnorm=1.0)["config"]["global_clipnorm"] == 1.0
    assert optimizer("SGD", "2.2.4-tf", lr=0.1, clipnorm=1.0)["config"]["clipnorm"] == 1.0
    for kind, version in (("Nadam", "2.2.4"), ("TFOptimizer", "2.2.4")):
        with pytest.raises(ValueError, match=kind):
            optimizer(kind, version, lr=0.1, schedule_decay=0.004)
    with pytest.raises(ValueError, match="decay"):
        optimizer("Nadam", "2.10.0", learning_rate=0.1, decay=0.004)


def test_losses_and_metrics() -> None:
    config = {
        "loss": {"a": "mean_squared_error", "b": {"class_name": "BinaryCrossentropy", "config": {
            "reduction": "auto", "name": "b", "from_logits": True, "fn": "binary_crossentropy"}}},
        "loss_weights": {"a": 1.0, "b": 0.5},
        "metrics": [["acc", "mse"], [{"class_name": "MeanMetricWrapper", "config": {
            "name": "accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy"}}]],
        "weighted_metrics": [[{"class_name": "AUC", "config": {"name": "auc", "num_thresholds": 200}}]],
        "sample_weight_mode": None,
    }  # fmt: skip
    translated = translate_training(config, "2.3.1")
    assert translated["loss"]["a"] == "mean_squared_error"
    assert translated["loss"]["b"]["config"] == {"reduction": "sum_over_batch_size", "name": "b", "from_logits": True}
    assert translated["metrics"][0][0] == "acc"
    assert translated["metrics"][0][1]["class_name"] == "MeanSquaredError"
    assert translated["metrics"][1][0]["class_name"] == "SparseCategoricalAccuracy"
    assert translated["metrics"][1][0]["config"] == {"name": "accuracy", "dtype": "float32"}
    assert translated["weighted_metrics"][0]["class_name"] == "AUC"
    for wrong, words in (
        ({"loss": "mine"}, "'mine'"),
        ({"loss": "cosine_proximity"}, "'cosine_proximity'"),
        ({"metrics": ["mine"]}, "'mine'"),
        ({"sample_weight_mode": {"a": "temporal"}}, "temporal"),
        ({"optimizer_config": 3}, "training configuration"),
    ):
        with pytest.raises(ValueError, match=words):
            translate_training(wrong, "2.3.1")
    assert translate_training({"loss": "mine", "metrics": ["mine"]}, "2.3.1", {"mine"})["loss"] == "mine"


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(place for key, item in items for place in places(item, (*above, key)))]


def test_any_change_of_a_configuration_is_an_error_or_another_model(folder: Path) -> None:
    rng = random.Random(0)
    junk = [
        None,
        3,
        -1.5,
        "x",
        "",
        [],
        {},
        True,
        [[]],
        {"class_name": "x"},
        {"class_name": 3, "config": []},
        ["a", 0, 0],
    ]
    for name in ("func", "rnn", "ops", "opt_adam"):
        with zipfile.ZipFile(folder / f"{name}.keras") as archive:
            config = json.loads(archive.read("config.json"))
        where = [place for place in places(config) if place]
        for _ in range(500):
            changed = copy.deepcopy(config)
            *above, last = rng.choice(where)
            holder = changed
            for key in above:
                holder = holder[key]
            if rng.random() < 0.2:
                del holder[last]
            else:
                holder[last] = rng.choice(junk)
            with contextlib.suppress(ValueError):
                json.dumps(translate(changed, "2.15.0"))
