"""Weights of PyTorch, by names: what a model then computes is what PyTorch's modules compute.

The oracle is PyTorch's documented formulas in NumPy (``torch_formulas.py``); where ``TORCH_PYTHON`` names an
interpreter that has PyTorch, its modules are asked too.
"""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corten import Input, Model, Sequential, ops
from corten import layers as L
from corten.errors import CorruptFileError
from corten.saving.safetensors import load_file, save_file
from saving import torch_formulas as f
from saving.torch_formulas import Tensors, first, last

TORCH = os.environ.get("TORCH_PYTHON", "")
EPSILON = 1e-5  # PyTorch's, where Keras has 1e-3


@dataclass(frozen=True)
class Case:
    """PyTorch's modules by name, Corten's model, which is which, and what PyTorch computes."""

    modules: dict[str, str]
    model: Callable[[], Any]
    names: Any
    shape: tuple[int, ...]
    formula: Callable[[Tensors, Any], Any]
    #: The same in PyTorch, of ``m``, its modules, and ``x``, the batch as Corten has it.
    program: str
    integers: bool = False


def attention_model() -> Any:
    tokens = Input((5,), dtype="int32")
    x = L.LayerNormalization(epsilon=EPSILON, name="norm")(L.Embedding(9, 8, name="tokens")(tokens))
    y = L.Add()([x, L.MultiHeadAttention(2, 4, name="attend")(x, x)])
    return Model(tokens, L.TimeDistributed(L.Dense(8, name="head"), name="heads")(y))


def attention_formula(t: Tensors, x: Any) -> Any:
    x = f.layer_norm(t, "ln", t["emb.weight"][x])
    return f.linear(t, "out", x + f.attention(t, "attn", x, 2))


def nested_model() -> Any:
    encoder = Sequential([Input((6, 5, 3)), L.Conv2D(4, 3, name="conv"), L.Flatten(), L.Dropout(0.5)], name="encoder")
    return Sequential([Input((6, 5, 3)), encoder, L.BatchNormalization(epsilon=EPSILON), L.ReLU(), L.Dense(2)])


CASES = {
    "square kernels": Case(
        {"fc1": "nn.Linear(6, 6)", "fc2": "nn.Linear(6, 6)"},
        lambda: Sequential([Input((6,)), L.Dense(6, activation="relu"), L.Dense(6)]),
        {"dense": "fc1", "dense_1": "fc2"},
        (6,),
        lambda t, x: f.linear(t, "fc2", f.relu(f.linear(t, "fc1", x))),
        "y = m['fc2'](m['fc1'](x).relu())",
    ),
    "images": Case(
        {
            "features.0": "nn.Conv2d(4, 8, 3)",
            "features.3": "nn.Conv2d(8, 8, 3, groups=2)",
            "features.4": "nn.BatchNorm2d(8)",
            "classifier": "nn.Linear(8 * 3 * 2, 5)",
        },
        lambda: Sequential(
            [
                Input((12, 10, 4)),
                L.Conv2D(8, 3, activation="relu", name="one"),
                L.MaxPooling2D(2),
                L.Conv2D(8, 3, groups=2, padding="valid", name="two"),
                L.BatchNormalization(epsilon=EPSILON, name="norm"),
                L.Flatten(),
                L.Dense(5, name="head"),
            ]
        ),
        {"one": "features.0", "two": "features.3", "norm": "features.4", "head": "classifier"},
        (12, 10, 4),
        lambda t, x: f.linear(
            t,
            "classifier",
            f.batch_norm(
                t,
                "features.4",
                f.conv(t, "features.3", f.max_pool(f.relu(f.conv(t, "features.0", first(x)))), groups=2),
            ).reshape(len(x), -1),
        ),
        "y = x.movedim(-1, 1); y = torch.max_pool2d(m['features.0'](y).relu(), 2)\n"
        "y = m['classifier'](m['features.4'](m['features.3'](y)).flatten(1))",
    ),
    "each channel": Case(
        {
            "a": "nn.Conv2d(4, 8, 3, groups=4)",
            "b": "nn.Conv2d(8, 8, 3, groups=8, bias=False)",
            "c": "nn.Conv2d(8, 8, 1)",
        },
        lambda: Sequential([Input((7, 6, 4)), L.DepthwiseConv2D(3, depth_multiplier=2), L.SeparableConv2D(8, 3)]),
        {"depthwise_conv2d": "a", "separable_conv2d": ("b", "c")},
        (7, 6, 4),
        lambda t, x: last(f.conv(t, "c", f.conv(t, "b", f.conv(t, "a", first(x), groups=4), groups=8))),
        "y = m['c'](m['b'](m['a'](x.movedim(-1, 1)))).movedim(1, -1)",
    ),
    "vectors to images": Case(
        {"fc": "nn.Linear(5, 4 * 3 * 2)", "bn": "nn.BatchNorm1d(24)", "up": "nn.ConvTranspose2d(4, 3, 3, stride=2)"},
        lambda: Sequential(
            [
                Input((5,)),
                L.Dense(24),
                L.BatchNormalization(epsilon=EPSILON),
                L.ReLU(),
                L.Reshape((3, 2, 4)),
                L.Conv2DTranspose(3, 3, strides=2),
            ]
        ),
        {"dense": "fc", "batch_normalization": "bn", "conv2d_transpose": "up"},
        (5,),
        lambda t, x: last(
            f.conv_transpose(t, "up", f.relu(f.batch_norm(t, "bn", f.linear(t, "fc", x))).reshape(-1, 4, 3, 2), 2)
        ),
        "y = m['up'](m['bn'](m['fc'](x)).relu().reshape(-1, 4, 3, 2)).movedim(1, -1)",
    ),
    "sequences": Case(
        {
            "conv": "nn.Conv1d(3, 6, 4)",
            "up": "nn.ConvTranspose1d(6, 5, 3, stride=2)",
            "gn": "nn.GroupNorm(5, 5)",
            "act": "nn.PReLU(5)",
            "fc": "nn.Linear(5 * 11, 2)",
        },
        lambda: Sequential(
            [
                Input((8, 3)),
                L.Conv1D(6, 4),
                L.Conv1DTranspose(5, 3, strides=2),
                L.GroupNormalization(5, epsilon=EPSILON),
                L.PReLU(shared_axes=[1]),
                L.MaxPooling1D(1),
                L.Flatten(),
                L.Dense(2),
            ]
        ),
        {"conv1d": "conv", "conv1d_transpose": "up", "group_normalization": "gn", "p_re_lu": "act", "dense": "fc"},
        (8, 3),
        lambda t, x: f.linear(t, "fc", prelu(t, f.group_norm(t, "gn", up1d(t, x), 5)).reshape(len(x), -1)),
        "y = m['act'](m['gn'](m['up'](m['conv'](x.movedim(-1, 1))))); y = m['fc'](y.flatten(1))",
    ),
    "stacked in both directions": Case(
        {"rnn": "nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True)", "fc": "nn.Linear(7 * 10, 10)"},
        lambda: Sequential(
            [
                Input((7, 4)),
                L.Bidirectional(L.LSTM(5, return_sequences=True)),
                L.Bidirectional(L.LSTM(5, return_sequences=True)),
                L.Flatten(),
                L.Dense(10),
            ]
        ),
        {"bidirectional": "rnn", "bidirectional_1": "rnn.*_l1", "dense": "fc"},
        (7, 4),
        lambda t, x: f.linear(t, "fc", both(t, both(t, x, "_l0"), "_l1").reshape(len(x), -1)),
        "y = m['fc'](m['rnn'](x)[0].flatten(1))",
    ),
    "stacked": Case(
        {"gru": "nn.GRU(4, 4, num_layers=2, batch_first=True)", "rnn": "nn.RNN(4, 6, batch_first=True)"},
        lambda: Sequential(
            [
                Input((7, 4)),
                L.GRU(4, return_sequences=True),
                L.GRU(4, return_sequences=True),
                L.SimpleRNN(6),
            ]
        ),
        {"gru": "gru", "gru_1": "gru.*_l1", "simple_rnn": "rnn"},
        (7, 4),
        lambda t, x: f.recurrent(
            "RNN", t, "rnn", f.recurrent("GRU", t, "gru", f.recurrent("GRU", t, "gru", x, "_l0"), "_l1"), "_l0"
        )[:, -1],
        "y = m['rnn'](m['gru'](x)[0])[0][:, -1]",
    ),
    "cells": Case(
        {"cell": "nn.LSTMCell(4, 5)", "other": "nn.GRUCell(5, 3)"},
        lambda: Sequential([Input((6, 4)), L.LSTM(5, return_sequences=True), L.RNN(L.GRUCell(3))]),
        {"lstm": "cell.*", "rnn": "other"},
        (6, 4),
        lambda t, x: f.recurrent("GRU", t, "other", f.recurrent("LSTM", t, "cell", x))[:, -1],
        "h = c = x.new_zeros(len(x), 5); k = x.new_zeros(len(x), 3)\n"
        "for step in range(x.shape[1]):\n    h, c = m['cell'](x[:, step], (h, c)); k = m['other'](h, k)\ny = k",
    ),
    "attention": Case(
        {
            "emb": "nn.Embedding(9, 8)",
            "ln": "nn.LayerNorm(8)",
            "attn": "nn.MultiheadAttention(8, 2, batch_first=True)",
            "out": "nn.Linear(8, 8)",
        },
        attention_model,
        {"embedding": "emb", "norm": "ln", "multi_head_attention": "attn", "heads": "out"},
        (5,),
        attention_formula,
        "y = m['ln'](m['emb'](x)); y = m['out'](y + m['attn'](y, y, y)[0])",
        integers=True,
    ),
    "a model in a model": Case(
        {"conv": "nn.Conv2d(3, 4, 3)", "bn": "nn.BatchNorm1d(48)", "fc": "nn.Linear(48, 2)"},
        nested_model,
        {"encoder/conv": "conv", "batch_normalization": "bn", "dense": "fc"},
        (6, 5, 3),
        lambda t, x: f.linear(t, "fc", f.relu(f.batch_norm(t, "bn", f.conv(t, "conv", first(x)).reshape(len(x), -1)))),
        "y = m['fc'](m['bn'](m['conv'](x.movedim(-1, 1)).flatten(1)).relu())",
    ),
}

#: The shapes of the tensors of PyTorch's modules, as their ``state_dict`` has them.
SHAPES: dict[str, Callable[..., dict[str, tuple[int, ...]]]] = {
    "Linear": lambda i, o: {"weight": (o, i), "bias": (o,)},
    "Conv1d": lambda i, o, k: {"weight": (o, i, k), "bias": (o,)},
    "Conv2d": lambda i, o, k, groups=1, bias=True: (
        {"weight": (o, i // groups, k, k)} | ({"bias": (o,)} if bias else {})
    ),
    "ConvTranspose1d": lambda i, o, k, stride: {"weight": (i, o, k), "bias": (o,)},
    "ConvTranspose2d": lambda i, o, k, stride: {"weight": (i, o, k, k), "bias": (o,)},
    "BatchNorm1d": lambda n: dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (n,)),
    "BatchNorm2d": lambda n: dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (n,)),
    "GroupNorm": lambda groups, n: dict.fromkeys(("weight", "bias"), (n,)),
    "LayerNorm": lambda n: dict.fromkeys(("weight", "bias"), (n,)),
    "PReLU": lambda n: {"weight": (n,)},
    "Embedding": lambda n, d: {"weight": (n, d)},
    "MultiheadAttention": lambda d, heads, batch_first: {
        "in_proj_weight": (3 * d, d),
        "in_proj_bias": (3 * d,),
        "out_proj.weight": (d, d),
        "out_proj.bias": (d,),
    },
    "LSTMCell": lambda i, h: cell_shapes(4, i, h, ""),
    "GRUCell": lambda i, h: cell_shapes(3, i, h, ""),
    "LSTM": lambda i, h, **options: recurrent_shapes(4, i, h, **options),
    "GRU": lambda i, h, **options: recurrent_shapes(3, i, h, **options),
    "RNN": lambda i, h, **options: recurrent_shapes(1, i, h, **options),
}


def cell_shapes(gates: int, i: int, h: int, end: str) -> dict[str, tuple[int, ...]]:
    shapes = {
        "weight_ih": (gates * h, i),
        "weight_hh": (gates * h, h),
        "bias_ih": (gates * h,),
        "bias_hh": (gates * h,),
    }
    return {name + end: shape for name, shape in shapes.items()}


def recurrent_shapes(
    gates: int, i: int, h: int, num_layers: int = 1, bidirectional: bool = False, batch_first: bool = True
) -> dict[str, tuple[int, ...]]:
    ends = ("", "_reverse") if bidirectional else ("",)
    shapes = {}
    for layer in range(num_layers):
        for end in ends:
            shapes |= cell_shapes(gates, i if layer == 0 else h * len(ends), h, f"_l{layer}{end}")
    return shapes


def up1d(t: Tensors, x: Any) -> Any:
    return f.conv_transpose(t, "up", f.conv(t, "conv", first(x)), 2)


def prelu(t: Tensors, x: Any) -> Any:
    return np.where(x > 0, x, x * t["act.weight"][:, None])


def both(t: Tensors, x: Any, end: str) -> Any:
    sides = f.recurrent("LSTM", t, "rnn", x, end), f.recurrent("LSTM", t, "rnn", x, f"{end}_reverse", backward=True)
    return np.concatenate(sides, -1)


class Modules:
    """Stands for ``torch.nn`` where a case is made of shapes alone."""

    def __getattr__(self, kind: str) -> Any:
        return SHAPES[kind]


def tensors_of(case: Case, seed: int = 0) -> Tensors:
    generator = np.random.default_rng(seed)
    made: Tensors = {}
    for name, module in case.modules.items():
        for end, shape in eval(module, {"nn": Modules()}).items():
            array = generator.normal(size=shape).astype("f4") / 2
            made[f"{name}.{end}"] = np.abs(array) + 0.5 if end == "running_var" else array
        if "BatchNorm" in module:
            made[f"{name}.num_batches_tracked"] = np.array(3)
    return made


def batch_of(case: Case) -> Any:
    generator = np.random.default_rng(1)
    if case.integers:
        return generator.integers(0, 9, (3, *case.shape)).astype("i4")
    return generator.normal(size=(3, *case.shape)).astype("f4")


def quietly(action: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return action()


@pytest.mark.parametrize("name", CASES)
def test_computes_what_pytorch_computes(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    tensors, x, path = tensors_of(case), batch_of(case), tmp_path / "theirs.safetensors"
    save_file(tensors, path)
    model = case.model()
    quietly(lambda: model.load_weights(path, names=case.names))
    expected = case.formula({key: array.astype("f8") for key, array in tensors.items()}, x)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


PROGRAM = """
import sys
import numpy as np, torch
from torch import nn
path, out, modules, program = sys.argv[1:]
from safetensors.torch import load_file, save_file
torch.manual_seed(0)
m = {name: eval(made) for name, made in eval(modules).items()}
for module in m.values():
    for variable in module.state_dict().values():
        if variable.is_floating_point():
            variable.copy_(torch.rand_like(variable) + 0.1)
state = {f"{name}.{key}": v for name, module in m.items() for key, v in module.eval().state_dict().items()}
save_file(state, path)
x = torch.from_numpy(np.load(out)["x"])
with torch.no_grad():
    exec(program)
np.savez(out, y=y.numpy())
"""


@pytest.mark.skipif(not TORCH, reason="needs PyTorch as the oracle: TORCH_PYTHON=/path/to/its/python")
@pytest.mark.parametrize("name", CASES)
def test_computes_what_torch_itself_computes(tmp_path: Path, name: str) -> None:
    case, x = CASES[name], batch_of(CASES[name])
    path, out = tmp_path / "theirs.safetensors", tmp_path / "out.npz"
    np.savez(out, x=x)
    command = [TORCH, "-c", PROGRAM, str(path), str(out), repr(case.modules), case.program]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    model = case.model()
    quietly(lambda: model.load_weights(path, names=case.names))
    y = np.load(out)["y"]
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-4, atol=1e-5)
    # And the formulas are PyTorch's.
    t = {key: array.astype("f8") for key, array in load_file(path).items()}
    np.testing.assert_allclose(case.formula(t, x), y, rtol=1e-4, atol=1e-5)


def speech_detector() -> Any:
    """Silero VAD for 16 kHz: the samples before and of a window, (576,), and the LSTM's states."""
    samples, h, c = Input((576,)), Input((128,)), Input((128,))
    mirrored = ops.flip(samples[:, 511:575], axis=1)
    x = ops.expand_dims(ops.concatenate([samples, mirrored], axis=1), -1)
    x = L.Conv1D(258, 256, strides=128, use_bias=False, name="stft")(x)
    x = ops.sqrt(ops.square(x[:, :, :129]) + ops.square(x[:, :, 129:]))
    for number, (filters, stride) in enumerate(((128, 1), (64, 2), (64, 2), (128, 1)), 1):
        padded = L.ZeroPadding1D(1)(x)
        x = L.Conv1D(filters, 3, strides=stride, activation="relu", name=f"encoder{number}")(padded)
    y, h_after, c_after = L.LSTM(128, return_sequences=True, return_state=True, name="memory")(x, initial_state=[h, c])
    y = L.Conv1D(1, 1, activation="sigmoid", name="decoder")(L.ReLU()(y))
    return Model([samples, h, c], [L.GlobalAveragePooling1D()(y), h_after, c_after])


#: PyTorch's modules in the two files, which are two trainings of one network.
DETECTORS = {
    "safetensors": {
        "stft": "stft_conv",
        **{f"encoder{number}": f"conv{number}" for number in range(1, 5)},
        "memory": "lstm_cell.*",
        "decoder": "final_conv",
    },
    "onnx": {
        "stft": "model.stft.forward_basis_buffer",
        **{f"encoder{number + 1}": f"model.encoder.{number}.reparam_conv" for number in range(4)},
        "memory": "model.decoder.rnn.*",
        "decoder": "model.decoder.decoder.2",
    },
}


@pytest.mark.parametrize("source", DETECTORS)
def test_a_network_that_others_trained(tmp_path: Path, shared_data: Path, source: str) -> None:
    """Speech to a detector, window by window: the safetensors file, and the tensors of the ONNX file as PyTorch has
    them; onnxruntime runs the ONNX file's graph with the same.
    """
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    weights = shared_data / "models" / "silero_vad_16k.safetensors"
    digits = shared_data / "speech" / "spoken_digits.npz"
    if not weights.exists() or not digits.exists():
        pytest.skip("needs the speech detector's files and spoken digits in CORTEN_DATA")
    graph = onnx.load(weights.with_name("silero_vad_16k_op15.onnx"))
    stored = graph.graph.initializer
    if source == "onnx":
        weights = tmp_path / "weights.safetensors"
        save_file({tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in stored}, weights)
    else:
        for tensor, array in zip(stored, load_file(weights).values(), strict=True):
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    names: dict[str, Any] = dict(DETECTORS[source])
    if source == "onnx":
        names["stft/kernel"] = names.pop("stft")
    model = speech_detector()
    quietly(lambda: model.load_weights(weights, names=names))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    speech = next(a for a in map(np.ravel, np.load(digits).values()) if a.dtype.kind in "fi" and a.size > 20 * 512)
    speech = speech[: 20 * 512].astype("f4")
    context, states, after = np.zeros(64, "f4"), [np.zeros((1, 128), "f4")] * 2, np.zeros((2, 1, 128), "f4")
    heard = []
    for window in (speech / np.abs(speech).max()).reshape(20, 512):
        samples = np.concatenate([context, window])[None]
        context = window[-64:]
        expected, after = session.run(None, {"input": samples, "state": after, "sr": np.array(16000)})
        probability, *states = model.predict([samples, *states], verbose=0)
        np.testing.assert_allclose(probability, expected, atol=1e-5)
        np.testing.assert_allclose(np.stack(states), after, atol=1e-4)
        heard.append(float(probability[0, 0]))
    assert max(heard) > 0.5


# --- what is refused -------------------------------------------------------------------------------------------------


def mlp() -> Any:
    return Sequential([Input((6,)), L.Dense(6, name="one"), L.Dense(6, name="two")])


def theirs(**more: Any) -> Tensors:
    generator = np.random.default_rng(0)
    made = {f"fc{i}.{end}": generator.normal(size=shape) for i in (1, 2) for end, shape in LINEAR.items()}
    return {name: array.astype("f4") for name, array in made.items()} | more


LINEAR = {"weight": (6, 6), "bias": (6,)}
BOTH = {"dense": "fc1", "dense_1": "fc2"}


@pytest.mark.parametrize(
    ("names", "error", "said"),
    [
        ({"dense": "fc1"}, ValueError, "nothing is said of 'dense_1/kernel', 'dense_1/bias'"),
        ({"one": "fc1", "tow": "fc2"}, ValueError, "no layer or variable 'tow'; did you mean 'two'"),
        ({"dense": "fc1", "dense_1": "fc3"}, CorruptFileError, "no tensor 'fc3.weight' in the file; did you mean"),
        ({"dense": "fc1", "dense_1/kernel": "fc2.weight"}, ValueError, "nothing is said of 'dense_1/bias'"),
        ({**BOTH, "dense/kernel": "fc2.bias"}, CorruptFileError, r"'fc2.bias', for 'dense/kernel'.*\(6, 6\).*\(6,\)"),
        ({**BOTH, "dense/kernel": ("fc2.weight", "fc1.weight")}, CorruptFileError, "made of 1 tensors, got"),
        ({**BOTH, "dense/kernel": "count"}, CorruptFileError, "expected float16.*got int64"),
        ({**BOTH, "dense/kernel": "huge"}, CorruptFileError, "'huge': numbers beyond float32"),
        ({**BOTH, "dense": 3}, TypeError, "'dense'.*got 3"),
        ({**BOTH, "dense": ()}, TypeError, "a tuple of names"),
        ([("dense", "fc1")], TypeError, "expected a dict or a function"),
        (lambda place: 5, TypeError, "'dense/kernel'.*got 5"),
        ({}, ValueError, "nothing is said of"),
        ({3: "fc1"}, ValueError, "no layer or variable 3"),
    ],
)
def test_names_that_do_not_fit_change_nothing(tmp_path: Path, names: Any, error: type[Exception], said: str) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file(theirs(count=np.zeros((6, 6), int), huge=np.full((6, 6), 1e300)), path)
    model = mlp()
    before = [array.tobytes() for array in model.get_weights()]
    with pytest.raises(error, match=said):
        model.load_weights(path, names=names)
    assert [array.tobytes() for array in model.get_weights()] == before


def test_names_of_layers_of_variables_and_a_function(tmp_path: Path) -> None:
    path, tensors = tmp_path / "theirs.safetensors", theirs()
    save_file(tensors, path)
    expected = [tensors["fc1.weight"].T, tensors["fc1.bias"], tensors["fc2.weight"].T, tensors["fc2.bias"]]
    table = {"dense/kernel": "fc1.weight", "dense/bias": "fc1.bias"}
    table |= {"dense_1/kernel": "fc2.weight", "dense_1/bias": "fc2.bias"}
    for names in (
        BOTH,
        {"one": "fc1", "two": "fc2"},
        {"one/kernel": "fc1.weight", "one": "fc1", "two": "fc2.*"},
        table,
        table.get,
    ):
        model = mlp()
        quietly(lambda: model.load_weights(path, names=names))  # noqa: B023
        for got, wanted in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_none_leaves_a_layer_and_a_variable_as_they_are(tmp_path: Path) -> None:
    path, tensors = tmp_path / "theirs.safetensors", theirs()
    save_file(tensors, path)
    model = mlp()
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="3 tensors of the file are not used: 'fc1.bias', 'fc2.weight', 'fc2.bias'"):
        model.load_weights(path, names={"one": "fc1", "two": None, "one/bias": None})
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], tensors["fc1.weight"].T)
    for index in (1, 2, 3):
        np.testing.assert_array_equal(after[index], before[index])


def test_skip_mismatch_takes_what_fits(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file({"fc1.weight": np.ones((6, 6), "f4"), "fc1.bias": np.ones(7, "f4"), "more": np.zeros(3)}, path)
    model = mlp()
    quietly(lambda: model.load_weights(path, skip_mismatch=True, names={"dense": "fc1"}))
    assert [float(array.max()) for array in model.get_weights()][:2] == [1.0, 0.0]


def test_arrays_as_corten_has_them(tmp_path: Path) -> None:
    path, tensors = tmp_path / "theirs.safetensors", theirs()
    save_file({name.replace(".weight", "/kernel").replace(".", "/"): array for name, array in tensors.items()}, path)
    model = mlp()
    quietly(lambda: model.load_weights(path, names=BOTH, layout="keras"))
    np.testing.assert_array_equal(model.get_weights()[0], tensors["fc1.weight"])
    with pytest.raises(ValueError, match="layout: expected 'pytorch' or 'keras', got 'tf'"):
        model.load_weights(path, names=BOTH, layout="tf")


@pytest.mark.parametrize("dtype", ["f2", "f8"])
def test_other_floats_become_float32(tmp_path: Path, dtype: str) -> None:
    path, tensors = tmp_path / "theirs.safetensors", {name: a.astype(dtype) for name, a in theirs().items()}
    save_file(tensors, path)
    model = mlp()
    model.load_weights(path, names=BOTH)
    np.testing.assert_array_equal(model.get_weights()[0], tensors["fc1.weight"].T.astype("f4"))


@pytest.mark.parametrize(
    ("layer", "shape", "names", "tensors", "said"),
    [
        (L.Dense(2, use_bias=False), (3,), "m", {"m.weight": (2, 3), "m.bias": (2,)}, "'m.bias'.*no variable"),
        (L.Dense(2), (3,), "m", {"m.weight": (3, 2), "m.bias": (2,)}, "layout='keras'"),
        (L.GRU(2, reset_after=False), (4, 3), "m", {}, "reset_after=True"),
        (
            L.LSTM(2),
            (4, 3),
            "m",
            {
                "m.weight_ih_l0": (8, 3),
                "m.weight_hh_l0": (8, 2),
                "m.bias_ih_l0": (8,),
                "m.bias_hh_l0": (8,),
                "m.weight_hr_l0": (1, 2),
            },
            "'m.weight_hr_l0'.*no variable",
        ),
        (L.BatchNormalization(scale=False), (3,), "m", {f"m.{k}": (3,) for k in ("weight", "bias")}, "no variable"),
        (L.LayerNormalization(axis=[1, 2]), (4, 3), "m", {"m.weight": (4, 3), "m.bias": (4, 3)}, "normalises 2 axes"),
        (L.SeparableConv2D(4, 3), (8, 8, 2), "m", {"m.weight": (2, 1, 3, 3), "m.bias": (2,)}, "names of 2 modules"),
        (L.TransformerBlock(2, 4), (5, 8), "m", {}, "made of several layers"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, L.Layer) else "",
)
def test_modules_that_are_not_the_same(
    tmp_path: Path, layer: Any, shape: Any, names: Any, tensors: Any, said: str
) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file({name: np.ones(sizes, "f4") for name, sizes in tensors.items()}, path)
    with pytest.raises(ValueError, match=said):
        Sequential([Input(shape), layer]).load_weights(path, names={layer.name: names})


def test_flattened_images_that_were_joined_are_refused(tmp_path: Path) -> None:
    images, more = Input((4, 4, 2)), Input((3,))
    model = Model([images, more], L.Dense(2)(L.Concatenate()([L.Flatten()(images), more])))
    save_file({"m.weight": np.ones((2, 35), "f4"), "m.bias": np.ones(2, "f4")}, tmp_path / "f.safetensors")
    with pytest.raises(ValueError, match="flattened images that were joined"):
        model.load_weights(tmp_path / "f.safetensors", names={"dense": "m"})


def test_channels_that_the_model_puts_first_stay_there(tmp_path: Path) -> None:
    model = Sequential([Input((4, 3, 2)), L.Permute((3, 1, 2)), L.Flatten(), L.Dense(5)])
    weight = np.random.default_rng(0).normal(size=(5, 24)).astype("f4")
    save_file({"m.weight": weight, "m.bias": np.zeros(5, "f4")}, tmp_path / "f.safetensors")
    model.load_weights(tmp_path / "f.safetensors", names={"dense": "m"})
    np.testing.assert_array_equal(model.get_weights()[0], weight.T)


def test_flatten_inside_code_is_warned_of(tmp_path: Path) -> None:
    class Own(Model):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.head = L.Flatten(), L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.head(self.flat(x))

    model = Own()
    model(np.ones((1, 2, 2, 3), "f4"))
    save_file({"m.weight": np.ones((2, 12), "f4"), "m.bias": np.zeros(2, "f4")}, tmp_path / "f.safetensors")
    with pytest.warns(RuntimeWarning, match="order of features"):
        model.load_weights(tmp_path / "f.safetensors", names={"dense": "m"})


def test_only_safetensors_have_names(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(CorruptFileError, match="torch.save writes can hold code"):
        mlp().load_weights(path, names=BOTH)
