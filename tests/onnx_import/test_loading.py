"""Files are read as if they were hostile, and what is not supported is refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten.errors import CorruptFileError, ShapeError, UnsafeFileError
from corten.onnx import UnknownValueError, UnsupportedOperatorError
from onnx_import.models import MODELS, Builder, images

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
helper = onnx.helper


def vector(name: str, dtype: int = 1, shape: tuple[Any, ...] = ("batch", 4)) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def model_of(nodes: list[Any], constants: list[Any] = (), opset: int = 17, **more: Any) -> Any:  # type: ignore[assignment]
    graph = helper.make_graph(
        nodes, "graph", more.pop("inputs", [vector("x")]), more.pop("outputs", [vector("y")]), list(constants)
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], **more)


def load(model: Any, **options: Any) -> corten.onnx.OnnxModel:
    return corten.onnx.load(model.SerializeToString(), **options)


def tensor(array: Any, name: str = "w") -> Any:
    return onnx.numpy_helper.from_array(np.asarray(array), name)


RELU = helper.make_node("Relu", ["x"], ["y"], name="relu")
DENSE = helper.make_node("MatMul", ["x", "w"], ["y"], name="dense")


# --- damaged files ---------------------------------------------------------------------------------------------------


def test_paths_and_bytes_are_read_alike(tmp_path: Path) -> None:
    data = model_of([DENSE], [tensor(np.eye(4, dtype=np.float32))]).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    x = np.ones((2, 4), np.float32)
    for source in (data, tmp_path / "model.onnx", str(tmp_path / "model.onnx")):
        assert np.array_equal(corten.onnx.load(source).predict(x, verbose=0), x)
    with pytest.raises(FileNotFoundError):
        corten.onnx.load(tmp_path / "none.onnx")


def test_what_is_no_file_or_no_model_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"\0" * 100, b"not a model", os.urandom(1000)):
        with pytest.raises(CorruptFileError):
            corten.onnx.load(data)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(CorruptFileError, match="regular file"):
            corten.onnx.load(tmp_path / "pipe")
    with pytest.raises((CorruptFileError, OSError)):
        corten.onnx.load(tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_damaged_files_raise_and_nothing_worse(name: str) -> None:
    """A file cut off anywhere, or with bits flipped, raises ``ValueError``; or it is another model that runs or not."""
    builder, data = MODELS[name][0](13)
    random = np.random.default_rng(0)
    feeds = builder.arrays(2)
    for round in range(150):
        damaged = bytearray(data)
        if round % 2:
            del damaged[random.integers(len(data)) :]
        else:
            for place in random.integers(len(data), size=3):
                damaged[place] ^= 1 << random.integers(8)
        try:
            corten.onnx.load(bytes(damaged)).predict(feeds, verbose=0)
        except (ValueError, IndexError):
            continue
    for end in range(0, 400, 7):
        with pytest.raises(ValueError):
            corten.onnx.load(data[:end])


@pytest.mark.parametrize("name", MODELS)
def test_altered_graphs_raise_and_nothing_worse(name: str) -> None:
    """Attributes with senseless numbers, operators in the place of others, inputs exchanged or left out."""
    from corten.onnx.operators import OPERATORS

    builder, data = MODELS[name][0](13)
    random, feeds, operators = np.random.default_rng(0), builder.arrays(2), list(OPERATORS)
    numbers = [0, 1, -1, 7, -5, 2**31, -(2**31), 2**63 - 1, -(2**63)]
    for round in range(60):
        model = onnx.ModelProto.FromString(data)
        node = model.graph.node[random.integers(len(model.graph.node))]
        attributes = [attribute for attribute in node.attribute if attribute.type in (2, 7)]
        if round % 3 == 0 and attributes:
            attribute = attributes[random.integers(len(attributes))]
            attribute.i = numbers[random.integers(len(numbers))]
            attribute.ints[:1] = [attribute.i] if attribute.type == 7 else []
        elif round % 3 == 1:
            node.op_type = operators[random.integers(len(operators))]
        elif node.input:
            one, other = random.integers(len(node.input), size=2)
            node.input[one], node.input[other] = ("", node.input[one]) if one == other else (node.input[other], "")
        try:
            load(model).predict(feeds, verbose=0)
        except (ValueError, IndexError):
            continue


def _changed(change: Any) -> Any:
    model = model_of([DENSE], [tensor(np.ones((4, 4), np.float32))])
    change(model.graph)
    return model


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda g: setattr(g.initializer[0], "raw_data", b"\0" * 60), "expected 64 bytes"),
        (lambda g: g.initializer[0].dims.__setitem__(0, -4), "sizes >= 0"),
        (lambda g: g.initializer[0].dims.__setitem__(0, 2**62), "bytes"),
        (lambda g: g.initializer[0].ClearField("raw_data"), "16 elements"),
        (lambda g: g.initializer.append(g.initializer[0]), "second one named 'w'"),
        (lambda g: g.node.append(g.node[0]), "taken: 'y'"),
        (lambda g: g.node[0].input.__setitem__(1, "v"), "'v', which is nowhere"),
        (lambda g: g.node[0].input.__setitem__(0, "y"), "depends on it"),
        (lambda g: setattr(g.output[0], "name", "z"), "gives the output 'z'"),
        (lambda g: g.ClearField("output"), "output"),
        (lambda g: g.node[0].output.__setitem__(0, ""), "no output"),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_refused(change: Any, match: str) -> None:
    with pytest.raises(CorruptFileError, match=match):
        load(_changed(change))


def test_nodes_out_of_order_are_refused() -> None:
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Relu", ["x"], ["a"])]
    with pytest.raises(CorruptFileError, match="'a', which comes later"):
        load(model_of(nodes))


def test_branches_nested_too_deep_are_refused() -> None:
    def field(number: int, payload: bytes) -> bytes:
        size, prefix = len(payload), bytearray([number << 3 | 2])
        while size > 127:
            prefix.append(size & 127 | 128)
            size >>= 7
        return bytes([*prefix, size]) + payload

    graph = b""
    for _ in range(2000):
        attribute = field(1, b"then_branch") + b"\xa0\x01\x05" + field(6, graph)
        graph = field(1, field(2, b"y") + field(4, b"If") + field(5, attribute)) + field(12, field(1, b"y"))
    with pytest.raises(CorruptFileError):
        corten.onnx.load(field(7, graph))


# --- weights beside the model ----------------------------------------------------------------------------------------


def external(folder: Path, location: str, **entries: str) -> Path:
    """A model whose matrix is in another file."""
    model = model_of([DENSE], [tensor(np.eye(4, dtype=np.float32))])
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = 1
    for key, value in {"location": location, **entries}.items():
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "model"
    (inside / "deep").mkdir(parents=True)
    matrix = (2 * np.eye(4, dtype=np.float32)).tobytes()
    for path in (inside / "w.bin", inside / "deep" / "w.bin", tmp_path / "outside.bin"):
        path.write_bytes(b"\1" * 8 + matrix)
    return inside


@pytest.mark.parametrize("location", ["w.bin", "deep/w.bin"])
def test_weights_in_the_models_own_folder_are_read(folder: Path, location: str) -> None:
    path = external(folder, location, offset="8", length="64")
    x = np.ones((1, 4), np.float32)
    assert np.array_equal(corten.onnx.load(path).predict(x, verbose=0), 2 * x)
    with pytest.raises(UnsafeFileError, match="external=False"):
        corten.onnx.load(path, external=False)
    with pytest.raises(UnsafeFileError, match="the model is no file"):
        corten.onnx.load(path.read_bytes())


@pytest.mark.parametrize("location", ["../outside.bin", "deep/../../outside.bin", "/etc/hostname", "", "w.bin\0", ".."])
def test_paths_that_lead_out_of_the_folder_are_refused(folder: Path, location: str) -> None:
    with pytest.raises(UnsafeFileError, match="own folder"):
        corten.onnx.load(external(folder, location))


def test_links_are_refused(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "w.bin")
    (folder / "way").symlink_to(folder.parent)
    os.link(folder.parent / "outside.bin", folder / "hard")
    for location in ("link", "way/outside.bin", "hard"):
        with pytest.raises(UnsafeFileError, match="link|several names"):
            corten.onnx.load(external(folder, location, offset="8"))


@pytest.mark.parametrize(
    "entries",
    [{"offset": "9"}, {"offset": "-1"}, {"offset": "8", "length": "60"}, {"offset": "1e3"}, {"offset": str(2**80)}],
)
def test_parts_that_are_not_in_the_file_are_refused(folder: Path, entries: dict[str, str]) -> None:
    with pytest.raises(CorruptFileError):
        corten.onnx.load(external(folder, "w.bin", **entries))
    with pytest.raises(FileNotFoundError):
        corten.onnx.load(external(folder, "nowhere.bin"))


# --- what is not supported -------------------------------------------------------------------------------------------


def test_all_operators_that_are_not_supported_are_named() -> None:
    nodes = [
        helper.make_node(
            "Loop", ["", "c", "x"], ["a"], name="turns", body=helper.make_graph([], "b", [], [vector("x")])
        ),
        helper.make_node("StringNormalizer", ["a"], ["b"], name="text"),
        helper.make_node("Special", ["b"], ["d"], name="own", domain="my.domain"),
        helper.make_node("DeformConv", ["d", "x", "x"], ["y"], name="bent"),
    ]
    with pytest.raises(UnsupportedOperatorError) as caught:
        load(model_of(nodes, [tensor(np.array(True), "c")]))
    text = str(caught.value)
    assert text.startswith("4 operators")
    for part in ("Loop 'turns'", "StringNormalizer 'text' (it works on text)", "my.domain", "DeformConv 'bent'"):
        assert part in text


def test_operators_within_branches_are_named_too() -> None:
    branch = helper.make_graph([helper.make_node("Scan", ["x"], ["z"], name="deep")], "b", [], [vector("z")])
    other = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "b", [], [vector("r")])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=other)
    with pytest.raises(UnsupportedOperatorError, match="Scan 'deep'"):
        load(model_of([node], [tensor(np.array(True), "c")]))


@pytest.mark.parametrize(
    ("node", "match"),
    [
        (helper.make_node("Relu", ["x"], ["y"], name="r", surprise=1), "Relu 'r': the attribute 'surprise'"),
        (helper.make_node("LSTM", ["x3", "w", "r"], ["y"], name="l", clip=1.0, hidden_size=1), "LSTM 'l': clip"),
        (helper.make_node("LSTM", ["x3", "w", "r"], ["y"], name="l", activations=["Relu"] * 3), "activations"),
        (helper.make_node("LSTM", ["x3", "w", "r"], ["y"], name="l", input_forget=1), "input_forget=1"),
        (helper.make_node("Softmax", ["x"], ["y", "z"], name="s"), "output 1"),
        (helper.make_node("Relu", ["x", "x"], ["y"], name="r"), "2 inputs"),
        (helper.make_node("Upsample", ["x", "s"], ["y"], name="u"), "version 17"),
        (helper.make_node("Cast", ["x"], ["y"], name="c", to=11), "float64"),
        (helper.make_node("Cast", ["x"], ["y"], name="c", to=8), "string"),
    ],
)
def test_what_an_operator_does_not_do_is_refused_by_name(node: Any, match: str) -> None:
    unsqueeze = helper.make_node("Unsqueeze", ["x", "axes"], ["x3"])
    constants = [
        tensor(np.array([2]), "axes"),
        tensor(np.ones((1, 4, 1), np.float32)),
        tensor(np.ones((1, 4, 1), np.float32), "r"),
        tensor(np.ones(2, np.float32), "s"),
    ]
    with pytest.raises(UnsupportedOperatorError, match=match):
        load(model_of([unsqueeze, node], constants)).predict(np.ones((2, 4)), verbose=0)


@pytest.mark.parametrize(("dtype", "name"), [(11, "float64"), (10, "float16"), (8, "string"), (16, "bfloat16")])
def test_inputs_of_other_types_are_refused(dtype: int, name: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match=f"'x'.*{name}"):
        load(model_of([RELU], inputs=[vector("x", dtype)]))


@pytest.mark.parametrize("opset", [0, 29, 1000])
def test_versions_of_operators_that_are_not_known_are_refused(opset: int) -> None:
    with pytest.raises(UnsupportedOperatorError, match=f"opset\\) {opset}"):
        load(model_of([RELU], opset=opset))


def test_the_newest_version_is_that_of_the_package() -> None:
    from corten.onnx.graph import NEWEST

    if onnx.defs.onnx_opset_version() < NEWEST:
        pytest.skip("an older version of onnx is installed")
    assert onnx.defs.onnx_opset_version() == NEWEST, "see which operators changed, and raise NEWEST"


def test_integers_beyond_int32_are_refused() -> None:
    nodes = [helper.make_node("Add", ["x", "big"], ["y"])]
    model = model_of(nodes, [tensor(np.array([2**40]), "big")], inputs=[vector("x", 7)], outputs=[vector("y", 7)])
    with pytest.raises(UnsupportedOperatorError, match="below 16777216"):
        load(model)
    small = load(model_of(nodes, [tensor(np.array([5]), "big")], inputs=[vector("x", 7)], outputs=[vector("y", 7)]))
    assert small.predict(np.array([[1, 2, 3, 4]]), verbose=0).tolist() == [[6, 7, 8, 9]]
    with pytest.raises(IndexError):
        small.predict(np.array([[1, 2, 3, 2**24]]), verbose=0)


def test_inputs_whose_numbers_an_operator_needs() -> None:
    inputs = [vector("x"), vector("shape", 7, (2,))]
    node = helper.make_node("Reshape", ["x", "shape"], ["y"], name="r")
    model, x = load(model_of([node], inputs=inputs)), np.ones((3, 4), np.float32)
    assert not model.by_rows
    for shape in ([-1, 2], [2, 6], [12, 1]):
        expected = x.reshape(shape)
        assert np.array_equal(model.predict({"x": x, "shape": np.array(shape)}, verbose=0), expected)
    with pytest.raises(UnknownValueError, match="give the input 'shape' a value by known="):
        model([x, np.array([6, 2])])
    known = load(model_of([node], inputs=inputs), known={"shape": [-1, 2]})
    assert known.predict(x, verbose=0).shape == (6, 2)


def test_numbers_that_no_input_has_are_refused() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["n"], to=7), helper.make_node("Expand", ["x", "n"], ["y"], name="wide")]
    with pytest.raises(UnknownValueError, match="Expand 'wide': .*the shape must be known"):
        load(model_of(nodes, inputs=[vector("x", shape=(4,))]))


def _branches(condition: list[Any], inputs: list[Any]) -> Any:
    """A model that doubles or negates."""
    two = helper.make_node("Mul", ["x", "two"], ["a"])
    branches = {
        "then_branch": helper.make_graph([two], "then", [], [vector("a")], [tensor(np.float32(2), "two")]),
        "else_branch": helper.make_graph([helper.make_node("Neg", ["x"], ["b"])], "else", [], [vector("b")]),
    }
    return model_of([*condition, helper.make_node("If", ["c"], ["y"], name="if", **branches)], inputs=inputs)


def test_an_input_that_chooses_a_branch_is_known_to_the_trace() -> None:
    equal = [
        helper.make_node("Constant", [], ["rate"], value=tensor(np.array(16000))),
        helper.make_node("Equal", ["sr", "rate"], ["c"]),
    ]
    model, x = load(_branches(equal, [vector("x"), vector("sr", 7, ())])), np.ones((2, 4), np.float32)
    assert np.array_equal(model.predict([x, np.array(16000)], verbose=0), 2 * x)
    assert np.array_equal(model.predict([x, np.array(8000)], verbose=0), -x)
    known = load(_branches(equal, [vector("x"), vector("sr", 7, ())]), known={"sr": 8000})
    assert known.input_names == ["x"] and np.array_equal(known.predict(x, verbose=0), -x)
    with pytest.raises(ValueError, match="int64"):
        load(_branches(equal, [vector("x"), vector("sr", 7, ())]), known={"sr": 0.5})


def test_data_choose_between_branches_of_one_shape() -> None:
    positive = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Greater", ["m", "zero"], ["c"]),
    ]
    model = load(_branches(positive, [vector("x", shape=(3, 4))]))
    x = np.ones((3, 4), np.float32)
    assert np.array_equal(model.predict(x, verbose=0), 2 * x)
    assert np.array_equal(model.predict(-x, verbose=0), x)


# --- functions -------------------------------------------------------------------------------------------------------


def _with_functions(bodies: dict[str, list[Any]]) -> Any:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [helper.make_function("own", name, ["a"], ["b"], nodes, opsets) for name, nodes in bodies.items()]
    node = helper.make_node("outer", ["x"], ["y"], domain="own")
    model = model_of([node], functions=functions)
    model.opset_import.append(opsets[1])
    return model


def test_functions_of_the_file_are_inlined() -> None:
    inner = [helper.make_node("Neg", ["a"], ["c"]), helper.make_node("Exp", ["c"], ["b"])]
    outer = [helper.make_node("inner", ["a"], ["d"], domain="own"), helper.make_node("Add", ["d", "a"], ["b"])]
    x = np.float32([[0, 1, 2, 3]])
    model = load(_with_functions({"outer": outer, "inner": inner}))
    np.testing.assert_allclose(model.predict(x, verbose=0), np.exp(-x) + x, rtol=1e-6)
    again = corten.onnx.OnnxModel.from_config(model.get_config())
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_functions_that_call_themselves_or_grow_without_end_are_refused() -> None:
    with pytest.raises(CorruptFileError, match="without an end"):
        load(_with_functions({"outer": [helper.make_node("outer", ["a"], ["b"], domain="own")]}))
    bodies = {}
    for level in range(30):
        name, inner = ("outer" if level == 0 else f"f{level}"), f"f{level + 1}"
        bodies[name] = [
            helper.make_node(inner, ["a"], ["c"], domain="own"),
            helper.make_node(inner, ["c"], ["b"], domain="own"),
        ]
    bodies["f30"] = [helper.make_node("Neg", ["a"], ["b"])]
    with pytest.raises(CorruptFileError, match="100000 nodes"):
        load(_with_functions(bodies))


# --- inputs and outputs ----------------------------------------------------------------------------------------------


def test_inputs_are_checked() -> None:
    model = load(model_of([DENSE], [tensor(np.eye(4, dtype=np.float32))]))
    with pytest.raises(ShapeError, match="'x' expects shape \\(None, 4\\)"):
        model.predict(np.ones((2, 5)), verbose=0)
    with pytest.raises(ValueError, match="expected inputs named \\['x'\\]"):
        model.predict({"z": np.ones((2, 4))}, verbose=0)
    with pytest.raises(ValueError, match="expected 1 inputs"):
        model.predict([np.ones((2, 4))] * 2, verbose=0)
    for options in ({"known": {"z": 1}}, {"outputs": ["z"]}, {"batch_axis": {"z": 1}}, {"trainable_from": "z"}):
        with pytest.raises(ValueError, match="'z'"):
            load(model_of([DENSE], [tensor(np.eye(4, dtype=np.float32))]), **options)


def test_a_batch_of_a_fixed_size_is_taken_from_more_rows() -> None:
    builder = Builder(13)
    x = builder.input("x", [1, 2, 4, 4], images(2, 4, 4))
    y = builder.op("Conv", x, builder.weight(3, 2, 3, 3))
    flat = builder.op("Reshape", y, builder.constant(np.array([1, -1])))
    model = corten.onnx.load(builder.build(flat, shapes=[[1, 12]]))
    arrays = images(2, 4, 4)(5)
    rows = [model.predict(arrays[row : row + 1], verbose=0) for row in range(5)]
    assert np.array_equal(model.predict(arrays, verbose=0), np.concatenate(rows))


def test_outputs_of_several_types_and_names() -> None:
    nodes = [
        helper.make_node("ArgMax", ["x"], ["place"], axis=1, keepdims=0),
        helper.make_node("Greater", ["x", "zero"], ["positive"]),
        helper.make_node("Abs", ["x"], ["size"]),
    ]
    outputs = [vector("place", 7, ("batch",)), vector("positive", 9), vector("size")]
    model = load(model_of(nodes, [tensor(np.float32(0), "zero")], outputs=outputs))
    assert model.output_names == ["place", "positive", "size"]
    place, positive, size = model.predict(np.float32([[-1, 2, 0, -7]]), verbose=0)
    assert place.tolist() == [1] and positive.tolist() == [[0, 1, 0, 0]] and size.tolist() == [[1, 2, 0, 7]]
    assert (place.dtype, positive.dtype, size.dtype) == (np.int32, np.uint8, np.float32)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="corten\\[onnx\\]"):
        corten.onnx.load(b"")
