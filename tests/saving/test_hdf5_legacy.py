from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from corten.errors import CorruptFileError
from corten.saving.hdf5_closed import open_hdf5
from corten.saving.hdf5_legacy import layer_paths, read_archive, read_weights
from corten.saving.hdf5_optimizer import order_optimizer, read_optimizer

h5py = pytest.importorskip("h5py", reason="needs h5py")

Arrays = list[NDArray[Any]]


def numbers(*shapes: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("f4") for shape in shapes]


def file_of(layers: dict[str, Arrays], version: str | None = "2.2.4", backend: str = "tensorflow") -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        if version is not None:
            file.attrs["keras_version"], file.attrs["backend"] = version.encode(), backend.encode()
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, arrays in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/w{index}:0".encode() for index in range(len(arrays))]
            for index, array in enumerate(arrays):
                group[f"{name}/w{index}:0"] = array
    return stream.getvalue()


def model(*entries: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    layers = [{"class_name": kind, "config": {"name": name, **config}} for kind, name, config in entries]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def read(stored: bytes, config: dict[str, Any] | None = None) -> list[tuple[str, Arrays]]:
    with open_hdf5(stored, "w.h5") as root:
        return read_weights(root, config)


def equal(got: Arrays, expected: Arrays) -> bool:
    return len(got) == len(expected) and all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


def test_layers_and_weights_in_the_order_of_the_file() -> None:
    layers = {"b/1": numbers((2, 3), (3,)), "empty": [], "a": numbers((3,))}
    got = read(file_of(layers))
    assert [name for name, _ in got] == ["b_1", "a"]
    assert equal(got[0][1], layers["b/1"]) and equal(got[1][1], layers["a"])


def test_cudnn_weights_are_those_of_the_plain_layer() -> None:
    """Each gate's matrix lies there as cuDNN has it, rows first: (units, inputs)."""
    for kind, gates in (("LSTM", 4), ("GRU", 3)):
        matrices, recurrent = numbers((gates, 2, 5))[0], numbers((gates, 2, 2))[0]
        kernel = np.hstack([matrix.ravel().reshape(5, 2) for matrix in matrices])
        bias = numbers((2 * gates * 2,))[0]
        arrays = [kernel, np.hstack(list(recurrent)), bias]
        got = read(file_of({"r": arrays}), model((f"CuDNN{kind}", "r", {"units": 2})))[0][1]
        assert np.array_equal(got[0], np.hstack([matrix.T for matrix in matrices]))
        assert np.array_equal(got[1], np.hstack([matrix.T for matrix in recurrent]))
        halves = bias.reshape(2, -1)
        assert np.array_equal(got[2], halves[0] + halves[1] if kind == "LSTM" else halves)
        wrapped = {"layer": {"class_name": f"CuDNN{kind}", "config": {"name": "r", "units": 2}}}
        both = read(file_of({"b": arrays + arrays}), model(("Bidirectional", "b", wrapped)))[0][1]
        assert equal(both, got + got)
    plain = numbers((5, 8), (2, 8), (8,))
    assert equal(read(file_of({"r": plain}), model(("LSTM", "r", {"units": 2})))[0][1], plain)


def test_keras1_has_gates_apart_and_kernels_with_an_axis_more() -> None:
    parts = numbers(*[(3, 2), (2, 2), (2,)] * 4)  # of the gates i, c, f, o
    got = read(file_of({"r": parts}, None), model(("LSTM", "r", {"output_dim": 2})))[0][1]
    for index, array in enumerate(got):
        own = [parts[3 * gate + index] for gate in (0, 2, 1, 3)]
        assert np.array_equal(array, np.concatenate(own, axis=-1))
    kernel, bias = numbers((4, 1, 3, 5), (5,))
    conv = model(("Convolution1D", "c", {"filter_length": 4, "nb_filter": 5}))
    assert equal(read(file_of({"c": [kernel, bias]}, None), conv)[0][1], [kernel[:, 0], bias])
    older = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    assert equal(read(file_of({"c": [older, bias]}, None), conv)[0][1], [kernel[:, 0], bias])
    with pytest.raises(ValueError, match="'c'"):
        read(file_of({"c": [kernel, bias]}, None))


def test_theano_goes_through_kernels_backwards() -> None:
    kernel, bias = numbers((3, 2, 4, 5), (5,))
    conv = model(("Conv2D", "c", {"filters": 5}), ("Dense", "d", {"units": 5}))
    got = read(file_of({"c": [kernel, bias], "d": numbers((4, 5))}, "2.0.8", "theano"), conv)
    assert equal(got[0][1], [kernel[::-1, ::-1], bias]) and equal(got[1][1], numbers((4, 5)))
    separable = model(("SeparableConv2D", "c", {"filters": 5}))
    with pytest.raises(ValueError, match="Theano"):
        read(file_of({"c": numbers((3, 3, 2, 1), (1, 1, 2, 5))}, "2.0.8", "theano"), separable)


def test_weights_of_a_model_within_are_those_of_its_layers() -> None:
    normalization, dense, gru = numbers((3,), (3,), (3,), (3,)), numbers((3, 2)), numbers((2, 6), (2, 6), (12,))
    inner = model(
        ("InputLayer", "i", {}),
        ("BatchNormalization", "n", {}),
        ("Dense", "d/1", {"units": 2, "use_bias": False, "trainable": False}),
        ("CuDNNGRU", "g", {"units": 2}),
    )
    flat = normalization[:2] + gru + normalization[2:] + dense
    outer = model(("Sequential", "m", inner["config"]))
    outer["config"]["layers"][0] |= {"name": "m", "config": inner["config"]}
    got = dict(read(file_of({"m": flat}), outer))
    assert list(got) == ["m/n", "m/d_1", "m/g"]
    assert equal(got["m/n"], normalization) and equal(got["m/d_1"], dense) and got["m/g"][2].shape == (2, 6)
    timed = model(("TimeDistributed", "t", {"layer": outer["config"]["layers"][0]}))
    assert list(dict(read(file_of({"t": flat}), timed))) == ["t/n", "t/d_1", "t/g"]
    with pytest.raises(CorruptFileError, match="expected 8 weights, got 7"):
        read(file_of({"m": flat[:-1]}), outer)
    inner["config"]["layers"].append({"class_name": "Mine", "config": {"name": "x"}})
    with pytest.raises(ValueError, match="Mine"):
        read(file_of({"m": flat}), outer)


def test_what_is_listed_must_be_there() -> None:
    no_group, no_dataset, no_list = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with h5py.File(no_group, "w") as file:
        file.attrs["layer_names"] = [b"a"]
    with h5py.File(no_dataset, "w") as file:
        file.attrs["layer_names"] = [b"a"]
        file.create_group("a").attrs["weight_names"] = [b"a/b"]
    with h5py.File(no_list, "w") as file:
        file["a"] = np.ones(3)
    for stream, words in (
        (no_group, "a: expected a group"),
        (no_dataset, "expected a dataset"),
        (no_list, "layer_names"),
    ):
        with pytest.raises(CorruptFileError, match=words):
            read(stream.getvalue())


@pytest.mark.parametrize("slash", ["/", "\\"])
def test_archives_of_2_13_number_their_layers_without_gaps(slash: str) -> None:
    stream = io.BytesIO()
    folder = "_layer_checkpoint_dependencies"
    with h5py.File(stream, "w") as file:
        for index, name in enumerate(
            ["dense", "dense_2", "dense_10", "sequential_2/_layer_checkpoint_dependencies/dense"]
        ):
            file[f"{folder}/{name}".replace("/", slash) + "/vars/0"] = np.full(2, index)
        file["optimizer/vars/0"] = 3
    with open_hdf5(stream) as root:
        got = read_archive(root)
    assert {name: int(array.flat[0]) for name, array in got.items()} == {
        "layers/dense/vars/0": 0,
        "layers/dense_1/vars/0": 1,
        "layers/dense_2/vars/0": 2,
        "layers/sequential/layers/dense/vars/0": 3,
        "optimizer/vars/0": 3,
    }


def test_where_an_archive_has_a_layer() -> None:
    inner = model(("InputLayer", "i", {}), ("BatchNormalization", "n", {}))
    outer = model(("Dense", "a", {}), ("TimeDistributed", "t", {"layer": inner}), ("Dense", "b", {}))
    paths = layer_paths(outer)
    assert paths == {
        "a": "layers/dense",
        "t/i": "layers/time_distributed/layer/layers/input_layer",
        "t/n": "layers/time_distributed/layer/layers/batch_normalization",
        "b": "layers/dense_1",
    }


ADAM = {"class_name": "Adam", "config": {"learning_rate": 0.5}}
LAYERS = [("a", [(2, 3), (3,)]), ("b", [(3,)])]


def optimizer_file(names: list[str], arrays: Arrays, version: str = "2.2.4") -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["keras_version"] = version
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays, strict=True):
            group[name] = array
        for layer, weights in (("a", ["z/kernel:0", "z/bias:0"]), ("b", ["a/bias:0"])):
            file.create_group(f"model_weights/{layer}").attrs["weight_names"] = [name.encode() for name in weights]
    return stream.getvalue()


def state(names: list[str], arrays: Arrays, order: list[str], version: str = "2.2.4", **config: Any) -> Any:
    optimizer = {"class_name": config.pop("kind", "Adam"), "config": {"learning_rate": 0.5, **config}}
    with open_hdf5(optimizer_file(names, arrays, version)) as root:
        return read_optimizer(root, optimizer, LAYERS, order)


def test_the_state_of_keras2_alternates_in_keras3() -> None:
    m, v = numbers((2, 3), (3,), (3,)), [2 * array for array in numbers((2, 3), (3,), (3,))]
    steps = np.asarray(7, np.int64)
    names = ["Adam/iterations:0", *[f"training/Variable_{index}:0" for index in range(6)]]
    expected = [m[0], v[0], m[1], v[1], m[2], v[2]]
    got, why = state(names, [steps, *m, *v], ["a", "b"])
    assert why == "" and got[0] == 7 and got[1] == np.float32(0.5) and equal(got[2:], expected)
    placeholders = [np.zeros(1, "f4")] * 3
    got, _ = state([*names, "x:0", "y:0", "z:0"], [steps, *m, *v, *placeholders], ["a", "b"])
    assert equal(got[2:], expected)
    # The layers of the file in another order than the model's.
    turned = [m[2], m[0], m[1], v[2], v[0], v[1]]
    got, _ = state(names, [steps, *turned], ["b", "a"])
    assert equal(got[2:], expected)
    # Until 2.0.5 by the variables' names: a/bias, z/bias, z/kernel.
    turned = [m[2], m[1], m[0], v[2], v[1], v[0]]
    got, why = state(names, [steps, *turned], ["a", "b"], "2.0.5")
    assert equal(got[2:], expected)


def test_other_optimizers_of_keras2() -> None:
    first, second = numbers((2, 3), (3,), (3,)), [2 * array for array in numbers((2, 3), (3,), (3,))]
    names = [f"Variable_{index}:0" for index in range(6)]
    got, _ = state(names[:3], first, ["a", "b"], kind="RMSprop")
    assert got[0] == 0 and equal(got[2:], first)
    got, _ = state(names, first + second, ["a", "b"], kind="Adadelta")
    assert equal(got[2:4], [first[0], second[0]])
    got, _ = state(["iterations:0", *names[:3]], [np.asarray(3), *first], ["a", "b"], kind="SGD", momentum=0.9)
    assert got[0] == 3 and equal(got[2:], first)
    got, _ = state(["iterations:0", *names[:3]], [np.asarray(3), *first], ["a", "b"], kind="SGD", momentum=0.0)
    assert len(got) == 2


def test_where_the_state_cannot_be_said() -> None:
    first = numbers((2, 3), (3,), (3,))
    names = [f"Variable_{index}:0" for index in range(3)]
    schedule = {"class_name": "InverseTimeDecay", "config": {}}
    for arrays, order, options, words in [
        (first, ["a", "b"], {"kind": "Nadam"}, "Nadam"),
        (first, ["a", "b"], {"kind": "Ftrl"}, "Ftrl"),
        (first, ["a", "b"], {"use_ema": True}, "averages"),
        (first, ["a"], {}, "'b'"),
        (first, ["a", "b"], {}, "3 arrays"),
        (first[::-1], ["a", "b"], {"kind": "RMSprop"}, "shapes"),
        (first, ["a", "b"], {"kind": "RMSprop", "learning_rate": schedule}, "iterations"),
    ]:
        got, why = state(names, arrays, order, **options)
        assert got is None and words in why
    with open_hdf5(file_of({})) as root:
        assert read_optimizer(root, ADAM, LAYERS, ["a", "b"]) == (None, "the file has no optimizer_weights")
    got, _ = order_optimizer([np.asarray(1), *[a for a in first for _ in (0, 1)]], ADAM, LAYERS, ["a", "b"])
    assert got is not None and len(got) == 8
