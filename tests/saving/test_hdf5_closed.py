from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.subprocesses import environment
from corten.errors import CorruptFileError, UnsafeFileError
from corten.saving.hdf5_closed import open_hdf5, read_dataset, read_text_attribute, read_text_list, shape_and_dtype

h5py = pytest.importorskip("h5py", reason="needs h5py")


def written(write: Callable[[Any], object], **options: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as file:
        write(file)
    return stream.getvalue()


def model_file() -> bytes:
    """Small, with everything that readers go through."""

    def write(file: Any) -> None:
        file.attrs["keras_version"] = "2.2.4"
        group = file.create_group("model_weights")
        group.attrs["keras_version"] = "2.2.4"
        group.attrs["layer_names"] = np.array([b"dense", b"flatten"])
        group.create_group("dense").attrs["weight_names"] = np.array([b"dense/kernel:0"])
        group["dense"].create_dataset(
            "dense/kernel:0", data=np.arange(600, dtype="f4").reshape(20, 30), compression="gzip"
        )
        group.create_group("flatten").attrs["weight_names"] = np.array([])

    return written(write)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bool", ">f4", ">i8"]
)
def test_plain_numbers_come_as_they_were(dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    stored = written(
        lambda file: [file.create_dataset("a/b", data=array), file.create_dataset("s", data=array[1, 1, 1])]
    )
    with open_hdf5(stored) as root:
        got = read_dataset(root, "a/b", (2, 3, 4))
        assert got.dtype == array.dtype.newbyteorder("=") and np.array_equal(got, array)
        got[...] = 0
        assert read_dataset(root.groups["a"], "b")[0, 0, 1] == 1
        assert read_dataset(root, "s").shape == () and shape_and_dtype(root, "s")[0] == ()


def test_every_allowed_storage(tmp_path: Path) -> None:
    array = np.arange(1000.0).reshape(10, 100)

    def write(file: Any) -> None:
        for index, options in enumerate([{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}]):
            file.create_dataset(f"d{index}", data=array, **options)
        file.create_dataset("d2", data=array, compression="lzf")
        file.create_dataset("d3", data=array, maxshape=(None, None))
        file.create_dataset("empty", data=np.zeros((0, 3)))
        file.create_dataset("unwritten", (4, 4), "f4")

    path = tmp_path / "a.h5"
    path.write_bytes(written(write, libver="latest"))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        with open_hdf5(source) as root:
            assert all(np.array_equal(read_dataset(root, f"d{index}"), array) for index in range(4))
            assert read_dataset(root, "empty").shape == (0, 3)
            assert read_dataset(root, "unwritten").tolist() == [[0] * 4] * 4


def test_a_block_of_the_users_own_may_come_first(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["a"] = np.ones(3)
    with open_hdf5(path) as root:
        assert read_dataset(root, "a").tolist() == [1, 1, 1]


def test_bfloat16_becomes_float32() -> None:
    values = np.array([1.0, -2.5, 3e38], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)

    def write(file: Any) -> None:
        for name, array in (("opaque", halves.view("V2")), ("integers", halves), ("unmarked", halves)):
            file[name] = array
            if name != "unmarked":
                file[name].attrs["dtype"] = "bfloat16"
        file["unknown"] = halves.view("V2")

    expected = (halves.astype(np.uint32) << 16).view(np.float32)
    with open_hdf5(written(write)) as root:
        for name in ("opaque", "integers"):
            assert shape_and_dtype(root, name) == ((3,), np.float32)
            assert np.array_equal(read_dataset(root, name, (3,), "float32"), expected)
        assert read_dataset(root, "unmarked").dtype == np.uint16
        with pytest.raises(CorruptFileError, match="plain numbers"):
            read_dataset(root, "unknown")


def test_texts() -> None:
    def write(file: Any) -> None:
        file.attrs["text"] = "schön"
        file.attrs["bytes"] = "schön".encode()
        file.attrs["fixed"] = np.bytes_(b"abc")
        file.attrs["list"] = np.array([b"a", "ö".encode()])
        file.attrs["strings"] = ["a", "b"]
        file.attrs["none"] = np.array([])
        file.attrs["pieces0"], file.attrs["pieces1"] = np.array([b"a", b"b"]), np.array([b"c"])
        file.attrs["number"], file.attrs["numbers"] = 3, [1, 2]
        file.attrs["latin"] = np.bytes_("ö".encode("latin-1"))
        file.attrs["null"] = h5py.Empty("f")

    with open_hdf5(written(write)) as root:
        assert [read_text_attribute(root, name) for name in ("text", "bytes", "fixed")] == ["schön", "schön", "abc"]
        assert read_text_list(root, "list") == ["a", "ö"] and read_text_list(root, "strings") == ["a", "b"]
        assert read_text_list(root, "none") == [] and read_text_list(root, "pieces") == ["a", "b", "c"]
        assert read_text_attribute(root, "absent") is None and read_text_list(root, "absent") is None
        for name in ("number", "numbers", "list", "latin", "null"):
            with pytest.raises(CorruptFileError, match=name):
                read_text_attribute(root, name)
        for name in ("number", "numbers", "text"):
            with pytest.raises(CorruptFileError, match=name):
                read_text_list(root, name)


def test_expectations_are_compared_before_memory_is_taken() -> None:
    with open_hdf5(written(lambda file: file.create_dataset("a/b", data=np.ones((2, 3)))), "w.h5") as root:
        with pytest.raises(CorruptFileError, match=r"w.h5: a/b: expected shape \(3, 2\), got \(2, 3\)"):
            read_dataset(root, "a/b", (3, 2))
        with pytest.raises(CorruptFileError, match=r"expected dtype float32, got float64"):
            read_dataset(root, "a/b", (2, 3), "float32")
        with pytest.raises(UnsafeFileError, match=r"at most 47 bytes, .* takes 48"):
            read_dataset(root, "a/b", limit_bytes=47)
        for name in ("a", "c", "a/b/c", "", "../a"):
            with pytest.raises(CorruptFileError, match="expected a dataset"):
                read_dataset(root, name)


def external_storage(file: Any) -> None:
    file.create_dataset("a", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("a", layout)


def soft_link(file: Any) -> None:
    file["a"] = np.ones(3)
    file["b/c"] = h5py.SoftLink("/a")


def external_link(file: Any) -> None:
    file["a"] = h5py.ExternalLink("/etc/other.h5", "/x")


def hard_cycle(file: Any) -> None:
    group = file.create_group("a/b")
    group["c"] = file["a"]


def two_names(file: Any) -> None:
    file["a"] = np.ones(3)
    file["b"] = file["a"]


def shape_bomb(file: Any) -> None:
    file.create_dataset("a", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")


def unwritten_bomb(file: Any) -> None:
    file.create_dataset("a", (1 << 40,), "f4")


def chunk_bomb(file: Any) -> None:
    file.create_dataset("a", (1,), "f4", chunks=(1 << 28,), maxshape=(None,))


def twice_compressed(file: Any) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((1000,))
    creation.set_deflate(9)
    creation.set_deflate(9)
    h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((1000,)), creation)


def other_filter(file: Any) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((1000,))
    creation.set_filter(305, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((1000,)), creation)


def scale_offset(file: Any) -> None:
    file.create_dataset("a", data=np.ones(10), scaleoffset=2)


UNSAFE = [
    external_storage, virtual, soft_link, external_link, hard_cycle, two_names, shape_bomb, unwritten_bomb, chunk_bomb,
    twice_compressed, other_filter, scale_offset,
]  # fmt: skip


@pytest.mark.parametrize("write", UNSAFE, ids=lambda write: write.__name__)
def test_what_no_data_file_may_ask_for_is_refused(write: Callable[[Any], None]) -> None:
    with pytest.raises(UnsafeFileError, match=r"^x.h5: [abc/]+: "), open_hdf5(written(write), "x.h5"):
        pass


def test_other_things_than_numbers_are_refused() -> None:
    def write(file: Any) -> None:
        file["text"] = "abc"
        file["compound"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
        file["complex"] = np.zeros(3, "c8")
        file["long"] = np.zeros(3, np.longdouble)
        file.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        file.create_dataset("reference", (2,), h5py.ref_dtype)
        file.create_dataset("enum", (2,), h5py.enum_dtype({"a": 1}))
        file["null"] = h5py.Empty("f4")

    with open_hdf5(written(write)) as root:
        for name in root.datasets:
            with pytest.raises(CorruptFileError, match=name):
                read_dataset(root, name)
    with (
        pytest.raises(CorruptFileError, match="named type"),
        open_hdf5(written(lambda file: file.__setitem__("t", np.dtype("f4")))),
    ):
        pass


def test_depth_and_number_of_objects_are_limited() -> None:
    with (
        pytest.raises(CorruptFileError, match="100 levels"),
        open_hdf5(written(lambda file: file.create_group("/".join("a" * 120)))),
    ):
        pass


def test_it_must_be_a_file_of_this_kind(tmp_path: Path) -> None:
    for content in (b"", b"abc", b"PK\3\4" + bytes(2000)):
        with pytest.raises(CorruptFileError, match="expected an HDF5 file"), open_hdf5(content):
            pass
    with pytest.raises(FileNotFoundError), open_hdf5(tmp_path / "absent.h5"):
        pass
    with pytest.raises(CorruptFileError, match="regular file"), open_hdf5(tmp_path):
        pass


def test_without_h5py_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install corten\[h5\]"), open_hdf5(b""):
        pass


READ_ALL = """
import faulthandler, json, os, resource, signal, sys
from corten.saving.hdf5_closed import open_hdf5, read_dataset, read_text_attribute, read_text_list
from corten.saving.hdf5_legacy import read_archive, read_weights

resource.setrlimit(resource.RLIMIT_AS, (limit := 1 << 31, limit))
data, outcomes = open(sys.argv[1], "rb").read(), {}

def read(content):
    with open_hdf5(bytes(content), "x.h5") as root:
        read_text_attribute(root, "keras_version")
        for path, group, name in root.walk():
            read_dataset(group, name)
        read_archive(root)
        read_weights(root.groups["model_weights"] if "model_weights" in root.groups else root)

def attempt(content):
    try:
        read(content)
        outcome = "read"
    except (ValueError, OSError) as error:
        outcome = type(error).__name__
        assert "x.h5" in str(error), str(error)
    outcomes[outcome] = outcomes.get(outcome, 0) + 1

def apart(content):
    # In a process of its own: a few changes make libhdf5 itself crash, or go round for ever.
    if (child := os.fork()) == 0:
        signal.alarm(3)
        faulthandler.disable()
        try:
            attempt(content)
        except BaseException:
            os._exit(9)
        os._exit(list(OUTCOMES.values()).index(next(iter(outcomes))))
    status = os.waitpid(child, 0)[1]
    outcome = "libhdf5" if os.WIFSIGNALED(status) else OUTCOMES.get(os.WEXITSTATUS(status), "other")
    counts[outcome] = counts.get(outcome, 0) + 1

OUTCOMES = dict(enumerate(["read", "CorruptFileError", "UnsafeFileError"]))
counts = {}
read(data)
for length in range(0, len(data), 7 * EVERY):
    attempt(data[:length])
assert set(outcomes) == {"CorruptFileError"}, outcomes
outcomes.clear()
for position in range(0, len(data), 13 * EVERY):
    for mask in (0x01, 0x80):
        changed = bytearray(data)
        changed[position] ^= mask
        apart(changed)
print(json.dumps(counts))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.thorough)])
def test_damage_anywhere_is_an_error_or_harmless(tmp_path: Path, every: int) -> None:
    path = tmp_path / "x.h5"
    path.write_bytes(model_file())
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", READ_ALL.replace("EVERY", str(every)), str(path)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout)
    assert set(counts) <= {"read", "CorruptFileError", "UnsafeFileError", "libhdf5"}, counts
    assert counts["CorruptFileError"] > 100 / every and counts.get("libhdf5", 0) < 0.03 * sum(counts.values()), counts
