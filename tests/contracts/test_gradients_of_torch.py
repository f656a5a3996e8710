"""Gradients of recurrent and attention layers are PyTorch's, on random shapes, with and without masks.

PyTorch is no requirement of the tests. ``TORCH_PYTHON`` names an interpreter that has it and NumPy (``make test
PEERS=/path/to/its/python``); without it these tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops
from corten.graph import Graph

TORCH = os.environ.get("TORCH_PYTHON", "")
pytestmark = pytest.mark.skipif(not TORCH, reason="needs PyTorch as the oracle: TORCH_PYTHON=/path/to/its/python")

KINDS = ("SimpleRNN", "LSTM", "GRU", "GRU_reset_before", "Attention", "AdditiveAttention")
KINDS += ("MultiHeadAttention", "GroupQueryAttention")
CASES = [f"{kind}-{seed}" for kind in KINDS for seed in range(6)]

# Reads what the layers were given, and writes the outputs and the gradients of sum(output * dy), in float64.
PROGRAM = """
import sys
import numpy as np
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

def columns(kernel, order, units):
    # PyTorch keeps weights transposed, and the gates in an order of its own.
    return torch.cat([kernel[..., k * units : (k + 1) * units] for k in order], dim=-1).transpose(0, -1)

def cell(kind, kernel, recurrent, bias):
    units = recurrent.shape[0]
    if kind == "GRU_reset_before":  # PyTorch has none
        def step(x, h):
            z, r, g = (x @ kernel + bias).split(units, -1)
            kz, kr, kg = recurrent.split(units, -1)
            z, r = torch.sigmoid(z + h @ kz), torch.sigmoid(r + h @ kr)
            return z * h + (1 - z) * torch.tanh(g + (r * h) @ kg)
        return step
    made, order = {"SimpleRNN": (nn.RNNCell, [0]), "LSTM": (nn.LSTMCell, [0, 1, 2, 3]), "GRU": (nn.GRUCell, [1, 0, 2])}[kind]
    one = made(kernel.shape[0], units, dtype=torch.float64)
    biases = bias if kind == "GRU" else [bias, torch.zeros_like(bias)]
    given = {"weight_ih": columns(kernel, order, units), "weight_hh": columns(recurrent, order, units),
             "bias_ih": columns(biases[0], order, units), "bias_hh": columns(biases[1], order, units)}
    return lambda x, state: torch.func.functional_call(one, given, (x, state))

def recurrent(kind, x, *weights, mask=None):
    one = cell(kind, *weights)
    h = x.new_zeros(len(x), weights[1].shape[0])
    state, outputs = (h, h) if kind == "LSTM" else h, []
    for t in range(x.shape[1]):
        new = one(x[:, t], state)
        counts = torch.ones(len(x), 1, dtype=bool) if mask is None else mask[:, t : t + 1]
        if kind == "LSTM":
            state = tuple(torch.where(counts, a, b) for a, b in zip(new, state))
        else:
            state = torch.where(counts, new, state)
        outputs.append(state[0] if kind == "LSTM" else state)
    return torch.stack(outputs, 1)

def attention(kind, q, v, *weights, mask=None, causal=False):
    may = torch.ones(q.shape[0], 1, q.shape[1], v.shape[1], dtype=bool)
    may = may if mask is None else may & mask[:, None, None]
    may = may.tril() if causal else may
    if kind == "Attention":
        return scaled_dot_product_attention(q[:, None], v[:, None], v[:, None], may, scale=1.0)[:, 0]
    if kind == "AdditiveAttention":
        scores = (torch.tanh(q[:, :, None] + v[:, None]) * weights[0]).sum(-1)
        return scores.masked_fill(~may[:, 0], -torch.inf).softmax(-1) @ v
    (kq, bq, kk, bk, kv, bv, ko, bo), heads = weights, "btf,fnh->bnth"
    q, k, v = (torch.einsum(heads, x, w) + b[:, None] for x, w, b in ((q, kq, bq), (v, kk, bk), (v, kv, bv)))
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    return torch.einsum("bnth,nhf->btf", scaled_dot_product_attention(q, k, v, may), ko) + bo

given, found = np.load(sys.argv[1]), {}
for name in sorted({key.split("/")[0] for key in given}):
    count = sum(key.startswith(name + "/x") for key in given)
    xs = [torch.from_numpy(given[f"{name}/x{k}"]).double().requires_grad_() for k in range(count)]
    options = {"mask": torch.from_numpy(given[name + "/mask"])} if name + "/mask" in given else {}
    kind = name.split("-")[0]
    if "Attention" in kind:
        y = attention(kind, *xs, **options, causal=bool(given[name + "/causal"]))
    else:
        y = recurrent(kind, *xs, **options)
    (y * torch.from_numpy(given[name + "/dy"])).sum().backward()
    found |= {f"{name}/y": y.detach().numpy(), **{f"{name}/x{k}": x.grad.numpy() for k, x in enumerate(xs)}}
np.savez(sys.argv[2], **found)
"""


def normal(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def made(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a case gives to PyTorch, and what Corten finds for it."""
    kind, seed = name.split("-")
    rng = np.random.default_rng(CASES.index(name))
    batch, time, others, features, units = (int(n) for n in rng.integers(1, [6, 8, 8, 7, 19]))
    options: dict[str, Any] = {}
    heads: tuple[int, ...] = ()
    if int(seed) % 2:
        options["mask"] = rng.random((batch, others if "Attention" in kind else time)) < 0.6
    given = dict(options)
    if "Attention" in kind:
        given["causal"] = options["use_causal_mask"] = int(seed) % 3 == 0
        for mask in [options["mask"]] if "mask" in options else []:
            mask[:, 0] = True  # of a step that may attend to nothing PyTorch says NaN
        x = [normal(rng, batch, time, features), normal(rng, batch, others, features)]
        heads = {"MultiHeadAttention": (2, units), "GroupQueryAttention": (units, 4, 2)}.get(kind, ())
        layer = getattr(layers, kind)(*heads)
    else:
        x = [normal(rng, batch, time, features)]
        chosen = {"reset_after": kind == "GRU"} if kind[0] == "G" else {}
        layer = getattr(layers, kind.removesuffix("_reset_before"))(units, return_sequences=True, **chosen)

    def called(x: list[Any]) -> Any:
        if heads:
            rest = {k: v for k, v in options.items() if k != "mask"}
            return layer(*x, **rest, value_mask=options.get("mask"))
        if "Attention" in kind:
            return layer(x, **options | {"mask": [None, options.get("mask")]})
        return layer(x[0], **options)

    y = called(x)
    layer.set_weights([normal(rng, *w.shape) / 2 for w in layer.get_weights()])
    given |= {f"x{k}": array for k, array in enumerate([*x, *layer.get_weights()])}
    given["dy"] = normal(rng, *y.shape)
    with Graph(eager=True) as graph:
        tensors = [graph.constant(array) for array in x]
        y = called(tensors)
        grads = corten.gradients(ops.sum(y * given["dy"]), [*tensors, *layer.trainable_variables])
        found = {"y": y.numpy(), **{f"x{k}": g.numpy() for k, g in enumerate(grads)}}
    return given, found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Any]:
    folder: Path = tmp_path_factory.mktemp("torch")
    given, found = {}, {}
    for name in CASES:
        ours = made(name)
        given |= {f"{name}/{key}": value for key, value in ours[0].items()}
        found |= {f"{name}/{key}": value for key, value in ours[1].items()}
    np.savez(folder / "given.npz", **given)
    command = [TORCH, "-c", PROGRAM, str(folder / "given.npz"), str(folder / "found.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return found, np.load(folder / "found.npz")


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_torch(name: str, both: Any) -> None:
    ours, theirs = both
    keys = [key for key in ours if key.startswith(f"{name}/")]
    assert len(keys) >= 3 and set(keys) == {key for key in theirs if key.startswith(f"{name}/")}
    for key in keys:
        wanted = theirs[key]
        assert ours[key].shape == wanted.shape
        scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
        np.testing.assert_allclose(ours[key], wanted, rtol=2e-5, atol=1e-5 * scale, err_msg=key)
