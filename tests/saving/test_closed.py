"""Files and configurations that mean harm: a clean exception, soon, in little memory; nothing of theirs is run."""

from __future__ import annotations

import base64
import copy
import io
import json
import marshal
import os
import random
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from contracts.subprocesses import output
from corten import Input, Model, Sequential
from corten import layers as L
from corten.errors import CorruptFileError, UnsafeFileError
from corten.models import load_model, model_from_json
from corten.saving import deserialize_keras_object
from corten.saving.safetensors import save_file

h5py = pytest.importorskip("h5py")

CLEAN = (ValueError, TypeError, OSError, MemoryError)


def described(name: str, config: Any = None, module: str = "keras.layers", **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": None, **more}


def sequential(*layers: Any, **more: Any) -> dict[str, Any]:
    start = described("InputLayer", {"batch_shape": [None, 4], "dtype": "float32", "name": "start"})
    return described("Sequential", {"name": "s", "trainable": True, "layers": [start, *layers]}, "keras", **more)


def dense(**config: Any) -> dict[str, Any]:
    return described("Dense", {"units": 2, "name": "d", **config})


def function(name: Any, module: str = "builtins") -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def tensor(name: str, call: Any = 0, output: Any = 0) -> dict[str, Any]:
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def functional(nodes: Any, ends: Any = None, **more: Any) -> dict[str, Any]:
    """A functional model of an input and a dense layer ``d`` that is called so."""
    start = described("InputLayer", {"batch_shape": [None, 4], "dtype": "float32", "name": "start"})
    layers = [{**start, "name": "start", "inbound_nodes": []}, {**dense(), "name": "d", "inbound_nodes": nodes}]
    config = {"name": "f", "trainable": True, "layers": layers, "input_layers": [["start", 0, 0]]}
    config |= {"output_layers": [["d", 0, 0]] if ends is None else ends, **more}
    return described("Functional", config, "keras.src.models.functional")


def constant(array: Any) -> dict[str, Any]:
    return described("Constant", {"value": {"class_name": "__numpy__", "config": array}}, "keras.initializers")


def called(*args: Any, **kwargs: Any) -> list[Any]:
    return [{"args": list(args), "kwargs": kwargs}]


#: What would write a file, in Python's own form of code.
CODE = base64.b64encode(marshal.dumps(compile("open('/tmp/corten-was-here', 'w')", "x", "exec"))).decode()
LAMBDA = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}
LOOP: list[Any] = []
LOOP.append(LOOP)

CONFIGS: dict[str, tuple[Any, str]] = {
    "an unknown class": (sequential(described("Nothing")), "unknown class 'Nothing'"),
    "a class of a module": (sequential(described("Popen", {"args": "id"}, "subprocess")), "unknown class 'Popen'"),
    "a function of a module": (sequential(dense(activation=function("system", "os"))), "unknown function 'system'"),
    "eval": (sequential(dense(activation=function("eval"))), "unknown function 'eval'"),
    "eval by its name": (sequential(dense(activation="eval")), "eval"),
    "no layer of Keras": (
        sequential(described("get_file", {"origin": "http://localhost"}, "keras.src.utils.file_utils")),
        "unknown class 'get_file'",
    ),
    "a registered name": (sequential({**dense(), "module": "x", "registered_name": "builtins>exec"}), "unknown class"),
    "a loss of a module": (
        sequential(dense(), compile_config={"loss": function("system", "os"), "optimizer": "sgd"}),
        "unknown function 'system'",
    ),
    "an optimizer of a module": (
        sequential(dense(), compile_config={"optimizer": described("Popen", {"args": "id"}, "subprocess")}),
        "unknown class 'Popen'",
    ),
    "a lambda": (sequential(dense(activation=LAMBDA)), "never run"),
    "a Lambda layer": (sequential(described("Lambda", {"function": LAMBDA, "name": "l"})), "Lambda|never run"),
    "a Lambda layer of Keras 2": (
        sequential(described("Lambda", {"function": [CODE, None, None], "function_type": "lambda"})),
        "Lambda",
    ),
    "a Lambda layer of a module": (
        sequential(described("Lambda", {"function": function("system", "os")})),
        "Lambda|'system'",
    ),
    "a layer that loads files": (sequential(described("TFSMLayer", {"filepath": "/tmp"})), "unknown class 'TFSMLayer'"),
    "a layer that holds a pickle": (
        sequential(described("TorchModuleWrapper", {"module": CODE}, "keras.src.utils.torch_utils")),
        "unknown class",
    ),
    "a vocabulary that is a path": (
        sequential(described("TextVectorization", {"vocabulary": "/etc/passwd"})),
        "files are not read",
    ),
    "a vocabulary that is an address": (
        sequential(described("StringLookup", {"vocabulary": "http://localhost/x"})),
        "unknown class 'StringLookup'",
    ),
    "a name with a way out": (sequential(dense(name="../../x")), "name must be"),
    "a name of a folder": (sequential(dense(name="/etc/passwd")), "name must be"),
    "a name that is too long": (sequential(dense(name="a" * 200)), "name must be"),
    "a name that is a number": (sequential(dense(name=5)), "name"),
    "a policy": (
        sequential(dense(dtype={"module": "keras", "class_name": "DTypePolicy", "config": {}})),
        "expected name",
    ),
    "a policy of os": (sequential(dense(dtype={"module": "os", "class_name": "DTypePolicy", "config": {}})), "of os"),
    "two of one name": (sequential(dense(), dense()), "unique"),
    "text for units": (sequential(dense(units="2")), "units"),
    "a list for units": (sequential(dense(units=[2])), "units"),
    "a layer inside units": (sequential(dense(units=dense())), "units"),
    "no units": (sequential(described("Dense")), "units"),
    "arguments that there are not": (sequential(dense(shell="id")), "shell"),
    "no config": (sequential({"module": "keras.layers", "class_name": "Dense"}), "layers|got dict"),
    "layers that are none": (sequential(5, None, "x"), "layers"),
    "layers that are text": (described("Sequential", {"layers": "abc"}, "keras"), "list of at most"),
    "too many layers": (sequential(*[{}] * 100_001), "at most 10000"),
    "too many layers of a graph": (functional([], layers=[{}] * 100_001), "at most 10000"),
    "too many calls": (functional(called(5) * 100_001), "at most 100000"),
    "a circle": (functional(called(tensor("d"))), "wait for one another"),
    "a circle of calls": (functional(called(tensor("d", 1)) + called(tensor("d", 0))), "wait for one another"),
    "no such layer": (functional(called(tensor("nowhere"))), "no such layer"),
    "no such call": (functional(called(tensor("start", 7))), "wait for one another"),
    "a call before the first": (functional(called(tensor("start", -1))), "wait for one another"),
    "no such output": (functional(called(tensor("start", 0, 5))), "has 1 outputs, not output 5"),
    "half a call": (functional(called(tensor("start", 0.5))), r"expected \[layer, call, output\]"),
    "a call of numbers alone": (functional(called([[1.0, 2.0, 3.0, 4.0]])), "a call of no tensor"),
    "calls that are text": (functional("abc"), "inbound_nodes"),
    "ends that are text": (functional(called(tensor("start")), "d"), "ends of the model"),
    "ends that are not there": (functional(called(tensor("start")), [["d", 3, 0]]), "there is none"),
    "no ends": (functional(called(tensor("start")), []), "symbolic|outputs"),
    "no layers": (functional([], layers=None), "layers: expected a list"),
    "a model in text": ("os.system", "description of a model|plain"),
    "a model in a list": ([1, 2], "description of a model"),
    "half an array": (sequential(dense(kernel_initializer=constant({}))), "__numpy__: expected dtype, value"),
    "an array of objects": (
        sequential(dense(kernel_initializer=constant({"value": [1], "dtype": "O"}))),
        "expected numbers",
    ),
    "built of a number": (sequential({**dense(), "build_config": 5}), "build_config|dict"),
    "compiled by text": (sequential(dense(), compile_config="sgd"), "compile_config"),
}


def in_json(config: Any, _: Path) -> None:
    model_from_json(json.dumps(config))


def in_python(config: Any, _: Path) -> None:
    if not isinstance(deserialize_keras_object(config), Model):
        raise ValueError("expected the description of a model")


def in_safetensors(config: Any, folder: Path) -> None:
    save_file({}, folder / "m.safetensors", {"corten.config": json.dumps(config)})
    load_model(folder / "m.safetensors")


def archive(folder: Path, config: str | bytes, weights: bytes | None = None) -> Path:
    stream = io.BytesIO()
    h5py.File(stream, "w").close()
    with zipfile.ZipFile(folder / "m.keras", "w") as file:
        file.writestr("metadata.json", '{"keras_version": "3.15.0"}')
        file.writestr("config.json", config)
        file.writestr("model.weights.h5", stream.getvalue() if weights is None else weights)
    return folder / "m.keras"


def in_keras(config: Any, folder: Path) -> None:
    load_model(archive(folder, json.dumps(config)))


def in_hdf5(config: Any, folder: Path) -> None:
    with h5py.File(folder / "m.h5", "w") as file:
        file.attrs["keras_version"] = "3.15.0"
        if isinstance(config, dict) and "compile_config" in config:
            config = dict(config)
            file.attrs["training_config"] = json.dumps(config.pop("compile_config"))
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights")
    load_model(folder / "m.h5")


DOORS = [in_json, in_python, in_safetensors, in_keras, in_hdf5]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_means_harm(tmp_path: Path, name: str, door: Callable[..., None]) -> None:
    config, said = CONFIGS[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        door(config, tmp_path)
    # Keras 2 and 3 in HDF5 go through a translation, which has words of its own.
    if door is not in_hdf5:
        assert re.search(said, str(caught.value)), str(caught.value)
    assert not Path("/tmp/corten-was-here").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000 + "]" * 100_000, "JSON"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "JSON"),
        ("[" * 101 + "]" * 101, "100 levels"),
        ('{"class_name": "Dense", "class_name": "Lambda"}', "more than once"),
        ('{"units": NaN}', "NaN"),
        ('{"units": ' + "9" * 5000 + "}", "JSON"),
        ("", "JSON"),
        ("nonsense", "JSON"),
        ("\x00", "JSON"),
    ],
)
def test_text_that_is_no_configuration(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CorruptFileError, match=said):
        model_from_json(text)
    with pytest.raises(CorruptFileError, match=said):
        load_model(archive(tmp_path, text))
    save_file({}, tmp_path / "m.safetensors", {"corten.config": text})
    with pytest.raises(CorruptFileError, match=said):
        load_model(tmp_path / "m.safetensors")


def test_a_configuration_without_end_in_python() -> None:
    with pytest.raises(ValueError, match="no object is described so"):
        deserialize_keras_object(LOOP)
    with pytest.raises(ValueError, match="no object is described so"):
        deserialize_keras_object(sequential(LOOP))


def test_a_registered_name_finds_what_is_registered_alone() -> None:
    """And what its own code raises stays what it is."""

    class Broken(L.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        deserialize_keras_object(described("Broken", {}, "x"), custom_objects={"Broken": Broken})
    with pytest.raises(ValueError, match="unknown class 'Broken'"):
        deserialize_keras_object(described("Broken", {}, "x"))


# --- memory ----------------------------------------------------------------------------------------------------------

LIMITED = """
import json, resource, sys
from saving.test_closed import BOMBS, in_json, in_keras
import corten, pathlib, tempfile
corten.models.model_from_json(json.dumps(BOMBS.pop("none")))
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
for name, config in BOMBS.items():
    for door in (in_json, in_keras):
        try:
            door(config, pathlib.Path(tempfile.mkdtemp()))
        except (ValueError, TypeError, MemoryError) as error:
            pass
        else:
            print(name, "no exception")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 < 1500)
"""

HUGE = 2**62
PAIRS = described("Reshape", {"target_shape": [2, 2]})
BOMBS: dict[str, Any] = {
    "none": sequential(dense()),
    **{f"units {units}": sequential(dense(units=units)) for units in (HUGE, 2**63, 10**30, 2**40, 2**31, -HUGE)},
    "a table": sequential(described("Embedding", {"input_dim": HUGE, "output_dim": HUGE, "name": "e"})),
    "a table of terabytes": sequential(described("Embedding", {"input_dim": 2**40, "output_dim": 4, "name": "e"})),
    "filters": sequential(PAIRS, described("Conv1D", {"filters": HUGE, "kernel_size": 1})),
    "a window": sequential(PAIRS, described("Conv1D", {"filters": 1, "kernel_size": HUGE})),
    "a state": sequential(PAIRS, described("LSTM", {"units": 2**40})),
    "heads": sequential(described("Reshape", {"target_shape": [HUGE, HUGE]})),
    "copies": sequential(described("RepeatVector", {"n": HUGE}), described("Flatten"), dense()),
    "a shape": described(
        "Sequential", {"layers": [described("InputLayer", {"batch_shape": [None, HUGE]}), dense()]}, "keras"
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="limits memory as POSIX does")
def test_sizes_beyond_measure_take_no_memory() -> None:
    assert output(LIMITED, 100).split() == ["True"]


# --- archives --------------------------------------------------------------------------------------------------------


def small() -> Any:
    return Sequential([Input((4,)), L.Dense(2)])


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def rewritten(folder: Path, change: Callable[[zipfile.ZipFile, dict[str, bytes]], None]) -> Path:
    small().save(folder / "good.keras")
    with zipfile.ZipFile(folder / "bad.keras", "w") as file:
        change(file, members(folder / "good.keras"))
    return folder / "bad.keras"


def test_archives_with_members_that_mean_harm(tmp_path: Path) -> None:
    def refuse(error: type[Exception], said: str, change: Callable[[zipfile.ZipFile, dict[str, bytes]], None]) -> None:
        with pytest.raises(error, match=said):
            load_model(rewritten(tmp_path, change))

    def with_member(name: str, content: bytes = b"x", **attributes: int) -> Callable[..., None]:
        def change(file: zipfile.ZipFile, kept: dict[str, bytes]) -> None:
            for member, data in kept.items():
                file.writestr(member, data)
            info = zipfile.ZipInfo(name)
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            file.writestr(info, content)

        return change

    for name in ("/etc/cron.d/x", "../../x", "a/../../x", "..\\x", "\\x", "C:x"):
        refuse(UnsafeFileError, "outside the archive", with_member(name))
    refuse(
        UnsafeFileError, "is a link", with_member("link", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16)
    )
    with pytest.warns(UserWarning, match="Duplicate"):
        refuse(UnsafeFileError, "two members", with_member("config.json", b"{}"))
    for missing in ("config.json", "model.weights.h5"):

        def without(file: zipfile.ZipFile, kept: dict[str, bytes], missing: str = missing) -> None:
            for member, data in kept.items():
                if member != missing:
                    file.writestr(member, data)

        refuse(CorruptFileError, f"expected a member {missing}", without)

    def compressed(method: int) -> Callable[..., None]:
        def change(file: zipfile.ZipFile, kept: dict[str, bytes]) -> None:
            for member, data in kept.items():
                file.writestr(member, data, method)

        return change

    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        refuse(CorruptFileError, "unknown method", compressed(method))
    assert load_model(rewritten(tmp_path, compressed(zipfile.ZIP_DEFLATED))).count_params() == 10

    def bomb(file: zipfile.ZipFile, kept: dict[str, bytes]) -> None:
        compressed(zipfile.ZIP_STORED)(file, kept)
        file.writestr("more", bytes(80 << 20), zipfile.ZIP_DEFLATED)

    refuse(UnsafeFileError, "grows from", bomb)


def test_archives_that_lie_of_sizes(tmp_path: Path) -> None:
    small().save(tmp_path / "good.keras")
    good = (tmp_path / "good.keras").read_bytes()
    bad = tmp_path / "bad.keras"
    directory = good.index(b"PK\x01\x02")
    weights = load_model(tmp_path / "good.keras").get_weights()
    for offset, width in ((20, 4), (24, 4), (42, 4), (8, 2), (10, 2), (28, 2), (30, 2)):
        for value in (0xFFFFFFFF, 0x7FFFFFFF, 1, 0x55):
            lying, place = bytearray(good), directory + offset
            lying[place : place + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
            bad.write_bytes(lying)
            try:
                got = load_model(bad).get_weights()
            except (CorruptFileError, UnsafeFileError):
                continue
            assert all(np.array_equal(a, b) for a, b in zip(got, weights, strict=True))
    encrypted = bytearray(good)
    encrypted[directory + 8] |= 1
    bad.write_bytes(encrypted)
    with pytest.raises(CorruptFileError, match="encrypted"):
        load_model(bad)


@pytest.mark.parametrize("end", [".keras", ".h5", ".safetensors"])
def test_what_is_no_file(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"m{end}"
    doors: list[Callable[[Any], Any]] = [load_model, small().load_weights]
    for door in doors:
        with pytest.raises(FileNotFoundError):
            door(path)
        with pytest.raises(CorruptFileError):
            door(tmp_path)
        with pytest.raises(CorruptFileError, match="regular"):
            door("/dev/zero")
    path.write_bytes(b"")
    for door in doors:
        with pytest.raises(CorruptFileError):
            door(path)
    path.unlink()
    os.mkfifo(path)
    for door in doors:
        with pytest.raises(CorruptFileError, match="regular"):
            door(path)


# --- HDF5 ------------------------------------------------------------------------------------------------------------


def hostile_links(root: Any, folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    other = folder / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.zeros((4, 2), "f4")
    (folder / "secret").write_bytes(bytes(32))

    def virtual() -> None:
        layout = h5py.VirtualLayout((4, 2), "f4")
        layout[:] = h5py.VirtualSource(str(other), "x", (4, 2))
        root.create_virtual_dataset("0", layout)

    yield "external", lambda: root.__setitem__("0", h5py.ExternalLink(str(other), "/x"))
    yield "soft", lambda: root.__setitem__("0", h5py.SoftLink("/"))
    yield "virtual", virtual
    yield "storage", lambda: root.create_dataset("0", (4, 2), "f4", external=[(str(folder / "secret"), 0, 32)])
    yield "shape", lambda: root.create_dataset("0", (10**12, 2), "f4", chunks=(1024, 2), compression="gzip")
    yield "shape without chunks", lambda: root.create_dataset("0", (10**12, 2), "f4")
    yield "text", lambda: root.create_dataset("0", data=np.array(["a"] * 8, object).reshape(4, 2))


@pytest.mark.parametrize("number", range(7))
def test_hdf5_that_reaches_outside_or_beyond_measure(tmp_path: Path, number: int) -> None:
    model = small()
    model.save(tmp_path / "good.keras")
    model.save(tmp_path / "good.h5")
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        (place,) = [name for name in file["layers"] if len(file[f"layers/{name}/vars"])]
        group = file[f"layers/{place}/vars"]
        del group["0"]
        list(hostile_links(group, tmp_path))[number][1]()
    kept = members(tmp_path / "good.keras")
    bad = archive(tmp_path, kept["config.json"], (tmp_path / "w.weights.h5").read_bytes())
    for action in (lambda: model.load_weights(tmp_path / "w.weights.h5"), lambda: load_model(bad)):
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            action()
    if number == 6:  # of what nobody asks for it does not matter what it is
        return
    with h5py.File(tmp_path / "good.h5", "r+") as file:
        group = file["model_weights"]
        list(hostile_links(group, tmp_path))[number][1]()
    with pytest.raises((CorruptFileError, UnsafeFileError)):
        load_model(tmp_path / "good.h5")


def test_a_heap_of_texts_that_goes_nowhere(tmp_path: Path) -> None:
    """libhdf5 would go round for ever."""
    small().save(tmp_path / "m.h5")
    damaged = bytearray((tmp_path / "m.h5").read_bytes())
    heap = damaged.index(b"GCOL")
    position, sizes = heap + 16, []
    while position < heap + int.from_bytes(damaged[heap + 8 : heap + 16], "little"):
        index, size = int.from_bytes(damaged[position : position + 2], "little"), damaged[position + 8 : position + 16]
        length = int.from_bytes(size, "little")
        sizes.append(position + 8)
        position += length if index == 0 else 16 + (length + 7) // 8 * 8
    for value in (0, 2**64 - 1, 2**63, 1 << 20):
        worse = bytearray(damaged)
        worse[sizes[-1] : sizes[-1] + 8] = value.to_bytes(8, "little")
        (tmp_path / "bad.h5").write_bytes(worse)
        with pytest.raises(CorruptFileError, match="heap of texts"):
            load_model(tmp_path / "bad.h5")
    # As what another program's texts are put into would have it.
    (tmp_path / "bad.h5").write_bytes(bytes(damaged).replace(b"GCOL", b"LOCG", 1))
    with pytest.raises(CorruptFileError):
        load_model(tmp_path / "bad.h5")


# --- at random -------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [
    *(None, True, 0, -1, 3, 2**31, HUGE, 2**63, 10**30, 0.5, -1.5, 1e308, float("inf"), "", "x", "../../x", "relu"),
    *([], {}, [None], [[]], [1, 2, 3], ["a"], {"a": 1}, {"class_name": "Dense"}, {"class_name": "Dense", "config": {}}),
    *(
        {"class_name": name, "config": {}}
        for name in ("__numpy__", "__slice__", "__bytes__", "DTypePolicy", "__live__")
    ),
    *(LAMBDA, dense(), tensor("x"), function("relu"), function(5)),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def altered(config: Any, generator: random.Random) -> Any:
    """The configuration with something of another kind, or nothing, in one to three places."""
    config = copy.deepcopy(config)
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        found = list(places(config))
        if not found:
            break
        *path, last = generator.choice(found)
        parent = config
        for key in path:
            parent = parent[key]
        if generator.random() < 0.2:
            del parent[last]
        else:
            parent[last] = copy.deepcopy(generator.choice(VALUES))
    return config


def some_models() -> list[Any]:
    images = Sequential(
        [
            Input((8, 8, 3)),
            L.Conv2D(4, 3, activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.Dropout(0.3),
            L.Flatten(),
            L.Dense(3, kernel_regularizer="l2", activation="softmax"),
        ]
    )
    images.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    tokens = Input((5,), dtype="int32")
    y = L.Bidirectional(L.LSTM(3, return_sequences=True))(L.Embedding(9, 4, mask_zero=True)(tokens))
    z = L.TimeDistributed(L.Dense(2))(L.LayerNormalization()(L.Add()([y, L.MultiHeadAttention(2, 2)(y, y)])))
    texts = Model(tokens, [L.GlobalAveragePooling1D()(corten.ops.relu(z) * 2.0 + 1), L.GRU(2)(z)])
    rate = corten.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    texts.compile(corten.optimizers.SGD(rate, momentum=0.9), ["mse", "mae"])
    start = Input((4,))
    cells = L.RNN([L.LSTMCell(2), L.GRUCell(2)])(L.Reshape((2, 2))(start))
    inner = Sequential([Input((4,)), L.Dense(4)], name="inner")
    return [images, texts, Model(start, L.Concatenate()([inner(start), cells]))]


FUZZ = """
import faulthandler, json, random, resource, sys, warnings
from corten.saving.made import made
from saving.test_closed import CLEAN, altered, some_models
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (6 << 30,) * 2)
generator, bases = random.Random({seed}), [json.loads(model.to_json()) for model in some_models()]
for turn in range({turns}):
    faulthandler.dump_traceback_later(30, exit=True)
    config = altered(generator.choice(bases), generator)
    try:
        made(config, None, True, "file")
    except CLEAN:
        pass
    except BaseException as error:
        print(repr(error), json.dumps(config))
"""

DAMAGE = """
import faulthandler, pathlib, random, resource, sys, tempfile, warnings
import numpy as np
from corten.models import load_model
from saving.test_closed import CLEAN, damaged, some_models
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (6 << 30,) * 2)
generator, folder = random.Random({seed}), pathlib.Path(tempfile.mkdtemp())
model = some_models()[0]
for name in ("m.keras", "m.h5", "m.safetensors"):
    model.save(folder / name)
for name in ("w.weights.h5", "w.safetensors"):
    model.save_weights(folder / name)
for path in sorted(folder.iterdir()):
    good = path.read_bytes()
    bad = path.with_name("bad" + path.suffix)
    for turn in range({turns}):
        faulthandler.dump_traceback_later(60, exit=True)
        bad.write_bytes(damaged(good, generator))
        for door in (load_model,) if path.name[0] == "m" else (model.load_weights,):
            try:
                door(bad)
            except CLEAN:
                pass
            except BaseException as error:
                print(path.name, turn, repr(error))
"""


def damaged(good: bytes, generator: random.Random) -> bytes:
    """The bytes cut off, with bits flipped, numbers replaced, some left out or some copied elsewhere."""
    data, kind, place = bytearray(good), generator.random(), generator.randrange(len(good))
    if kind < 0.15:
        del data[place:]
    elif kind < 0.6:
        for _ in range(generator.choice((1, 1, 1, 2, 4))):
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    elif kind < 0.8:
        width = generator.choice((1, 2, 4, 8))
        data[place : place + width] = generator.choice((b"\xff" * width, bytes(width), generator.randbytes(width)))
    elif kind < 0.9:
        del data[place : place + generator.choice((1, 2, 8, 100))]
    else:
        source, width = generator.randrange(len(data)), generator.choice((4, 16, 200))
        data[place : place + width] = data[source : source + width]
    return bytes(data)


@pytest.mark.skipif(os.name != "posix", reason="limits memory as POSIX does")
def test_altered_configurations_raise_clean_errors() -> None:
    assert output(FUZZ.format(seed=0, turns=400), 100) == ""


@pytest.mark.skipif(os.name != "posix", reason="limits memory as POSIX does")
def test_damaged_files_raise_clean_errors() -> None:
    assert output(DAMAGE.format(seed=0, turns=60), 100) == ""


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("program", [FUZZ, DAMAGE], ids=["configurations", "files"])
def test_many_more(program: str, seed: int) -> None:
    assert output(program.format(seed=seed, turns=1500), 550) == ""


def test_truncated_anywhere(tmp_path: Path) -> None:
    model = small()
    model.compile("adam", "mse")
    for end in (".keras", ".h5", ".safetensors"):
        path, cut = tmp_path / f"m{end}", tmp_path / f"cut{end}"
        model.save(path)
        good = path.read_bytes()
        for length in sorted({*range(0, len(good), max(1, len(good) // 60)), len(good) - 1}):
            cut.write_bytes(good[:length])
            with pytest.raises(CorruptFileError):
                load_model(cut)


def test_a_bit_that_changed_in_the_numbers_of_an_archive_is_told(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model = corten.Sequential([corten.Input((40,)), corten.layers.Dense(50)])
    path = tmp_path / "model.keras"
    model.save(path)
    kernel = model.get_weights()[0].tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(kernel) + len(kernel) // 2] ^= 1
    path.write_bytes(content)
    for read in (corten.models.load_model, model.load_weights):
        with pytest.raises(CorruptFileError, match="checksum"):
            read(path)
