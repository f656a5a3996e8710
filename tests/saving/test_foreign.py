"""Weights of PyTorch, by names: what a model then computes is what PyTorch's modules compute.

The oracle is PyTorch's documented formulas in NumPy (``torch_formulas.py``); where ``TORCH_PYTHON`` names an interpreter
that has PyTorch, its modules are asked too.
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

import corten
from corten import Input, Model, Sequential
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
        {"a": "nn.Conv2d(4, 8, 3, groups=4)", "b": "nn.Conv2d(8, 8, 3, groups=8, bias=False)", "c": "nn.Conv2d(8, 8, 1)"},
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
    shapes = {"weight_ih": (gates * h, i), "weight_hh": (gates * h, h), "bias_ih": (gates * h,), "bias_hh": (gates * h,)}
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


def fresh(case: Case) -> Any:
    corten.utils.clear_session() if hasattr(corten.utils, "clear_session") else None
    return case.model()


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
