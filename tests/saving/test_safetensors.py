from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corten.errors import CorruptFileError
from corten.saving.safetensors import load_file, load_metadata, read_header, save_file

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "bool"]


def raw_file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "conv2d/kernel": generator.normal(size=(3, 3, 1, 4)).astype("f4"),
        "conv2d/bias": np.zeros(4, "f4"),
        "step": np.array(7),
        "mask": np.array([True, False, True]),
        "nothing": np.empty((0, 5), "f2"),
        "größe": np.arange(3, dtype="u1"),
    }


def assert_same(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        assert got[name].shape == array.shape
        assert got[name].dtype == array.dtype.newbyteorder("=")
        assert got[name].flags.writeable and got[name].flags.c_contiguous and got[name].flags.aligned
        assert got[name].tobytes() == np.ascontiguousarray(array).astype(got[name].dtype).tobytes()


def test_what_is_saved_is_loaded(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path, {"epoch": "3", "note": "größer\n"})
    assert_same(load_file(path), tensors)
    assert load_metadata(path) == {"epoch": "3", "note": "größer\n"}
    assert_same(load_file(path, {name: (array.shape, array.dtype) for name, array in tensors.items()}), tensors)
    save_file({}, path)
    assert load_file(path) == {} and load_metadata(path) == {}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=11),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=4)),
        max_size=6,
    )
)
def test_every_dtype_and_shape(tmp_path_factory: pytest.TempPathFactory, described: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("any") / "a.safetensors"
    wanted = {
        name: np.arange(math.prod(shape)).astype(dtype).reshape(shape) for name, (dtype, shape) in described.items()
    }
    save_file(wanted, path)
    assert_same(load_file(path), wanted)


def test_any_memory_layout_is_stored_in_c_order(tmp_path: Path) -> None:
    base = np.arange(24, dtype="f4").reshape(4, 6)
    packed = np.zeros(3, [("skew", "u1"), ("value", "f4")])
    packed["value"] = [1, 2, 3]
    odd = {
        "fortran": np.asfortranarray(base),
        "reversed": base[::-1, ::-1],
        "strided": base[::2, 1::3],
        "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
        "big-endian": base.astype(">f4"),
        "misaligned": packed["value"],
    }
    save_file(odd, tmp_path / "odd")
    assert_same(load_file(tmp_path / "odd"), odd)


def test_the_safetensors_package_reads_ours_and_we_its(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    theirs = pytest.importorskip("safetensors.numpy")
    save_file(tensors, tmp_path / "ours", {"by": "corten"})
    assert_same(theirs.load_file(tmp_path / "ours"), tensors)
    with pytest.importorskip("safetensors").safe_open(tmp_path / "ours", "numpy") as file:
        assert file.metadata() == {"by": "corten"}
    theirs.save_file(tensors, tmp_path / "theirs", {"by": "safetensors"})
    assert_same(load_file(tmp_path / "theirs"), tensors)
    assert load_metadata(tmp_path / "theirs") == {"by": "safetensors"}


def test_the_order_given_is_kept(tmp_path: Path) -> None:
    wanted = {"z": np.zeros((2, 3), "u1"), "dense_10": np.zeros(3, "f4"), "dense_2": np.zeros((), "f8")}
    save_file(wanted, tmp_path / "f", {"k": "v"})
    header = read_header(tmp_path / "f")
    assert list(header.items()) == [(name, (array.shape, array.dtype)) for name, array in wanted.items()]
    assert list(load_file(tmp_path / "f", header)) == list(wanted)


def test_arrays_begin_at_multiples_of_their_items(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, "u1"), "b": np.zeros(3, "f8"), "c": np.zeros(3, "f4")}, tmp_path / "f")
    raw = (tmp_path / "f").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    for name, size in {"a": 1, "b": 8, "c": 4}.items():
        assert json.loads(raw[8 : 8 + length])[name]["data_offsets"][0] % size == 0


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    path = tmp_path / "bf16"
    path.write_bytes(raw_file({"x": entry("BF16", [3], [0, 6])}, struct.pack("<3H", 0x3F80, 0xC000, 0x7F80)))
    got = load_file(path, {"x": ((3,), "float32")})["x"]
    assert got.dtype == np.float32
    assert got.tolist() == [1.0, -2.0, math.inf]


def test_truncated_at_every_byte(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    save_file(tensors, tmp_path / "whole", {"epoch": "3"})
    whole = (tmp_path / "whole").read_bytes()
    path = tmp_path / "cut-off"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptFileError, match="cut-off"):
            load_file(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CorruptFileError, match="bytes of data"):
        load_file(path)


def test_no_flipped_bit_of_the_header_does_harm(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    # Either the file is refused, or (a letter of a name, two types of one size) it is another well-formed file; when
    # the caller says what is expected, everything but the data and the metadata's text is covered.
    save_file(tensors, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    expected = {name: (array.shape, array.dtype) for name, array in tensors.items()}
    header_end = 8 + int.from_bytes(whole[:8], "little")
    path = tmp_path / "flipped"
    accepted = 0
    for position in range(header_end):
        for bit in range(8):
            altered = bytearray(whole)
            altered[position] ^= 1 << bit
            path.write_bytes(altered)
            with suppress(CorruptFileError):
                load_file(path)
            if altered[position : position + 1].isspace():
                continue
            try:
                got = load_file(path, expected)
            except CorruptFileError:
                continue
            accepted += 1
            assert {name: (array.shape, array.dtype) for name, array in got.items()} == expected
    assert accepted == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "at least 8 bytes"),
        (raw_file(b"{}", length=2**63), "declared length is 9223372036854775808"),
        (raw_file(b"{}", length=100), "declared length is 100"),
        (raw_file(b"[]"), "expected a JSON object"),
        (raw_file(b" {}"), "expected a JSON object"),
        (raw_file(b""), "expected a JSON object"),
        (raw_file(b"{"), "not valid JSON"),
        (raw_file(b'{"a": NaN}'), "not valid JSON"),
        (raw_file(b'{"\xff": 1}'), "not valid JSON"),
        (raw_file(b'{"a":' * 100_000), "not valid JSON"),
        (raw_file(b'{"a":' + b"[" * 100_000), "not valid JSON"),
        (raw_file(b'{"a":' + b"9" * 10_000 + b"}"), "not valid JSON"),
        (raw_file(b'{"a": {}, "a": {}}'), "'a' appears more than once"),
        (raw_file(b'{"__metadata__": {"k": "1", "k": "2"}}'), "'k' appears more than once"),
        (raw_file({"__metadata__": {"k": 1}}), "object of strings"),
        (raw_file({"__metadata__": []}), "object of strings"),
        (raw_file({"a": 1}), "'a': expected the fields"),
        (raw_file({"a": entry() | {"more": 1}}, bytes(8)), "expected the fields"),
        (raw_file({"a": entry("F8_E4M3", [8])}, bytes(8)), "expected a dtype of"),
        (raw_file({"a": entry(["F32"])}, bytes(8)), "expected a dtype of"),
        (raw_file({"a": entry(shape=[-2])}, bytes(8)), "expected a shape"),
        (raw_file({"a": entry(shape=[2.0])}, bytes(8)), "expected a shape"),
        (raw_file({"a": entry(shape=[True, 2])}, bytes(8)), "expected a shape"),
        (raw_file({"a": entry(shape="2")}, bytes(8)), "expected a shape"),
        (raw_file({"a": entry(shape=[1] * 33 + [2])}, bytes(8)), "at most 32 sizes"),
        (raw_file({"a": entry(shape=[3])}, bytes(8)), "expected 12 bytes for F32"),
        (raw_file({"a": entry(shape=[2**62, 2])}, bytes(8)), "expected 36893488147419103232 bytes"),
        (raw_file({"a": entry(shape=[2**63, 2**63])}, bytes(8)), "bytes for F32"),
        (raw_file({"a": entry(shape=[0, 2**63], offsets=[0, 0])}), "no array can have the shape"),
        (raw_file({"a": entry(offsets=[8, 0])}, bytes(8)), "expected data_offsets"),
        (raw_file({"a": entry(offsets=[0])}, bytes(8)), "expected data_offsets"),
        (raw_file({"a": entry(offsets=[-8, 0])}, bytes(8)), "expected data_offsets"),
        (raw_file({"a": entry(offsets=[4, 12])}, bytes(12)), "expected to begin at byte 0"),
        (raw_file({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), "'b': expected to begin at byte 8"),
        (raw_file({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)), "'b': expected to begin at byte 8"),
        (raw_file({"a": entry(), "b": entry()}, bytes(16)), "expected to begin at byte 8"),
        (raw_file({"a": entry()}, bytes(7)), "expected 8 bytes of data, got 7"),
        (raw_file({"a": entry()}, bytes(9)), "expected 8 bytes of data, got 9"),
        (raw_file({"": entry()}, bytes(8)), "name is empty"),
        (raw_file({"a\nb": entry()}, bytes(8)), "unprintable"),
        (raw_file({"a" * 513: entry()}, bytes(8)), "513 characters"),
        (raw_file(b'{"\\ud800": {}}'), "unprintable"),
        (raw_file({"a": entry("BOOL", [8])}, b"\0\1\0\1\0\1\0\2"), "bytes 0 and 1 for BOOL, got 2"),
    ],
)
def test_malformed_files_are_refused_by_name(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=f"hostile.*{complaint}"):
        load_file(path)


@pytest.mark.parametrize(
    ("expected", "complaint"),
    [
        ({"a": ((3,), "f4")}, r"'a': expected float32 \(3,\), got float32 \(2,\)"),
        ({"a": ((2,), "f8")}, r"'a': expected float64 \(2,\), got float32"),
        ({"a": ((2,), "f4"), "b": ((1,), "f4")}, r"'b': expected float32 \(1,\), got no such tensor"),
        ({}, "'a': expected no such tensor"),
    ],
)
def test_what_is_expected_must_be_declared(tmp_path: Path, expected: Any, complaint: str) -> None:
    save_file({"a": np.zeros(2, "f4")}, tmp_path / "other")
    with pytest.raises(CorruptFileError, match=complaint):
        load_file(tmp_path / "other", expected)


def test_a_sparse_giant_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    size = 1 << 40
    path = tmp_path / "giant"
    path.write_bytes(raw_file({"a": entry(shape=[size // 4], offsets=[0, size])}))
    try:
        os.truncate(path, path.stat().st_size + size)
    except OSError:
        pytest.skip("the file system has no sparse file of 1 TiB")
    with pytest.raises(CorruptFileError, match="expected float32"):
        load_file(path, {"a": ((2,), "f4")})


def test_only_regular_files(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="not a regular file"):
        load_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        save_file({}, tmp_path)
    with pytest.raises(FileNotFoundError):
        save_file({}, tmp_path / "absent" / "file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorruptFileError, match="not a regular file"):
        load_file(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        save_file({}, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("tensors", "metadata", "error"),
    [
        ({"a": np.zeros(2, complex)}, None, TypeError),
        ({"a": np.array(["text"])}, None, TypeError),
        ({"a": np.array([None])}, None, TypeError),
        ({1: np.zeros(2)}, None, TypeError),
        ({"a": np.zeros(2)}, {"epoch": 3}, TypeError),
        ({"": np.zeros(2)}, None, ValueError),
        ({"a\0": np.zeros(2)}, None, ValueError),
        ({"__metadata__": np.zeros(2)}, None, ValueError),
        ({"a" * 600: np.zeros(2)}, None, ValueError),
    ],
)
def test_what_cannot_be_stored(tmp_path: Path, tensors: Any, metadata: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="save_file"):
        save_file(tensors, tmp_path / "f", metadata)
    assert list(tmp_path.iterdir()) == []


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("call", ["open", "fdopen", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Interrupted()])
def test_a_failure_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    path = tmp_path / "weights"
    save_file({"a": np.zeros(2)}, path)

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        if call == "replace":
            patch.setattr(Path, call, fail)
        with pytest.raises(type(error)):
            save_file({"a": np.ones(2)}, path)
    assert load_file(path)["a"].tolist() == [0, 0]
    if call != "fdopen" or isinstance(error, OSError):
        assert [file.name for file in tmp_path.iterdir()] == ["weights"]


def test_synced_before_renamed_and_the_folder_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (calls.append("replace"), replace(self, to))[1])
    save_file({"a": np.zeros(2)}, tmp_path / "f")
    assert calls == (["fsync", "replace", "fsync"] if os.name == "posix" else ["fsync", "replace"])


KILLED = """
import os, pathlib, sys
import numpy as np
from corten.saving.safetensors import save_file
path, moment = sys.argv[1:]
def die(*args, **kwargs):
    os._exit(9)
if moment == "replace":
    pathlib.Path.replace = die
elif moment == "fsync":
    os.fsync = die
elif moment == "folder":
    fsync, calls = os.fsync, []
    os.fsync = lambda fd: die() if calls else (calls.append(1), fsync(fd))
else:
    class Dying(np.ndarray):
        pass
    ascontiguousarray, calls = np.ascontiguousarray, []
    np.ascontiguousarray = lambda *args: die() if len(calls) == 3 else (calls.append(1), ascontiguousarray(*args))[1]
save_file({f"layer_{i}": np.full(10_000, 1.0) for i in range(6)}, path)
"""


@pytest.mark.skipif(os.name != "posix", reason="the folder is synced on POSIX only")
@pytest.mark.parametrize("moment", ["data", "fsync", "replace", "folder"])
def test_killed_while_saving(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "weights"
    save_file({f"layer_{i}": np.full(10_000, 0.0) for i in range(6)}, path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), moment], check=False, timeout=60)
    assert done.returncode == 9
    values = {float(array[0]) for array in load_file(path).values()}
    assert values == ({1.0} if moment == "folder" else {0.0})
    save_file({"a": np.zeros(2)}, path)  # what the dead left behind is in nobody's way
    assert list(load_file(path)) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")
def test_any_name_that_the_file_system_takes(tmp_path: Path) -> None:
    """Names are counted in bytes there, and the temporary file's must fit too."""
    path = tmp_path / ("重" * 80 + ".safetensors")
    save_file({"a": np.arange(3)}, path)
    assert [found.name for found in tmp_path.iterdir()] == [path.name] and load_file(path)["a"].tolist() == [0, 1, 2]


def test_permissions_are_kept_and_links_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save_file({"a": np.zeros(2)}, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    assert list(load_file(tmp_path / "real")) == ["a"]
    umask = os.umask(0o027)
    try:
        save_file({"a": np.zeros(2)}, tmp_path / "new")
    finally:
        os.umask(umask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_masked_arrays_are_not_saved_as_if_nothing_were_masked(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"'w'.*masked"):
        save_file({"w": np.ma.masked_array([1.0, 2.0], mask=[True, False])}, tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())
