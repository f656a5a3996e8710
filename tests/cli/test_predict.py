"""``corten predict``: arrays and tables in, arrays and tables out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import corten
from cli.running import Run
from corten.cli.tables import read_csv
from corten.layers import Dense, Embedding, Flatten


@pytest.fixture
def x(tmp_path: Path) -> np.ndarray:
    array = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
    np.save(tmp_path / "x.npy", array)
    return array


def expected(model: Path, *arrays: np.ndarray) -> np.ndarray:
    data = arrays[0] if len(arrays) == 1 else list(arrays)
    return corten.models.load_model(model).predict(data, verbose=0)


def table(text: str) -> np.ndarray:
    return np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, ndmin=2, dtype="float32")


def test_npy_to_npy_and_to_csv(run: Run, trained: Path, tmp_path: Path, x: np.ndarray) -> None:
    y = expected(trained, x)
    assert run("predict", trained, tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--batch-size", 2).code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), y)
    ended = run("predict", trained, tmp_path / "x.npy")
    assert ended.code == 0 and ended.out.startswith("b[0],b[1]\n")
    np.testing.assert_array_equal(table(ended.out), y)  # every float32 is printed so that it can be read again
    assert run("predict", trained, tmp_path / "x.npy", "-o", tmp_path / "y.csv").code == 0
    assert (tmp_path / "y.csv").read_text() == ended.out


def test_an_existing_file_is_not_replaced_unasked(run: Run, trained: Path, tmp_path: Path, x: np.ndarray) -> None:
    ended = run("predict", trained, tmp_path / "x.npy", "-o", tmp_path / "x.npy")
    assert ended.code == 1 and "--overwrite replaces it" in ended.err
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), x)
    assert run("predict", trained, tmp_path / "x.npy", "-o", tmp_path / "x.npy", "--overwrite").code == 0
    assert np.load(tmp_path / "x.npy").shape == (5, 2)


def test_several_inputs_and_outputs(run: Run, branched: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    a, b = random.random((3, 2), "float32"), random.random((3, 3), "float32")
    p, q = expected(branched, a, b)
    np.savez(tmp_path / "named.npz", b=b, other=np.zeros(1), a=a)
    np.savez(tmp_path / "ordered.npz", a, b)
    for name in ("named.npz", "ordered.npz"):
        out = tmp_path / f"of_{name}"
        assert run("predict", branched, tmp_path / name, "-o", out).code == 0
        with np.load(out) as arrays:
            assert arrays.files == ["p", "q"]
            np.testing.assert_array_equal(arrays["p"], p)
            np.testing.assert_array_equal(arrays["q"], q)
    ended = run("predict", branched, tmp_path / "named.npz")
    assert ended.out.startswith("p,q[0],q[1]\n")
    np.testing.assert_array_equal(table(ended.out), np.hstack([p, q]))
    ended = run("predict", branched, tmp_path / "named.npz", "-o", tmp_path / "y.npy")
    assert ended.code == 1 and "expected one output, got 2: p, q" in ended.err
    ended = run("predict", branched, tmp_path / "named.npz", "--arrays", "a,c")
    assert ended.code == 1 and "expected names among b, other, a, got 'c'" in ended.err


def test_arrays_of_an_npz_are_chosen(run: Run, trained: Path, tmp_path: Path, x: np.ndarray) -> None:
    np.savez(tmp_path / "d.npz", x_train=x[:1], x_test=x, y_test=np.zeros(5))
    ended = run("predict", trained, tmp_path / "d.npz")
    assert ended.code == 1
    assert "expected arrays for 'x' (None, 4) float32, got 3: x_train, x_test, y_test; --arrays says which" in ended.err
    ended = run("predict", trained, tmp_path / "d.npz", "--arrays", "x_test")
    np.testing.assert_array_equal(table(ended.out), expected(trained, x))


def test_a_wrong_shape_says_expected_and_got(run: Run, trained: Path, branched: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((5, 3)))
    ended = run("predict", trained, tmp_path / "x.npy")
    assert ended.code == 1 and ended.out == ""
    assert f"{tmp_path / 'x.npy'}: " in ended.err and "'x' expects shape (None, 4), got (5, 3)" in ended.err
    ended = run("predict", branched, tmp_path / "x.npy")
    assert ended.code == 1 and "has 2 inputs, 'a' (None, 2) float32, 'b' (None, 3) float32" in ended.err


def test_damaged_arrays(run: Run, trained: Path, tmp_path: Path, x: np.ndarray) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "text.npy", np.array(["a"]))
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-8])
    (tmp_path / "broken.npy").write_bytes(whole.replace(b"(5, 4)", b"(5, 4["))
    vast = whole.replace(b"(5, 4), }" + b" " * 15, b"(999999999999999, 4), }" + b" ")
    assert len(vast) == len(whole)
    (tmp_path / "vast.npy").write_bytes(vast)
    (tmp_path / "no.npy").write_bytes(b"1,2,3,4\n")
    (tmp_path / "no.npz").write_bytes(b"PK\x03\x04")
    for name in ("objects.npy", "text.npy", "cut.npy", "broken.npy", "vast.npy", "no.npy", "no.npz"):
        ended = run("predict", trained, tmp_path / name)
        assert (ended.code, ended.out) == (1, ""), name
        assert ended.err.startswith(f"corten: error: {tmp_path / name}: ") and ended.err.count("\n") == 1


def test_files_and_options_that_do_not_go_together(run: Run, trained: Path, tmp_path: Path, x: np.ndarray) -> None:
    path = tmp_path / "x.npy"
    for words in (
        [path, path],
        [path, "--resize"],
        [path, "--arrays", "x"],
        [path, "--header"],
        [path, "--scale", "0"],
        [path, "--batch-size", "none"],
        [path, "-o", tmp_path / "y.txt"],
    ):
        ended = run("predict", trained, *words)
        assert ended.code == 2 and "corten: error: " in ended.err
    ended = run("predict", trained, tmp_path)
    assert ended.code == 1 and "a directory; name the files in it" in ended.err
    ended = run("predict", trained, trained)
    assert ended.code == 1 and "expected .npy, .npz, .csv or an image" in ended.err


def test_scale(run: Run, trained: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 4)).astype("uint8")
    np.save(tmp_path / "x.npy", x)
    ended = run("predict", trained, tmp_path / "x.npy", "--scale", 255)
    np.testing.assert_array_equal(table(ended.out), expected(trained, x.astype("float32") / np.float32(255)))


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "p,q,r,s\n", '\ufeff"p, first",q,r,s\r\n'])
def test_csv_with_and_without_header(run: Run, trained: Path, tmp_path: Path, header: str) -> None:
    (tmp_path / "x.csv").write_text(f"{header}1,2,3,4\n\n5.5, -6,7e0,8\n", encoding="utf-8")
    ended = run("predict", trained, tmp_path / "x.csv")
    x = np.float32([[1, 2, 3, 4], [5.5, -6, 7, 8]])
    np.testing.assert_array_equal(table(ended.out), expected(trained, x))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,c,d\n1,2,3,4\n1,2,x3,4\n", "row 3, column 3: expected a number, got 'x3'"),
        ("1,2,3,4\n1,,3,4\n", "row 2, column 2: an empty cell"),
        ("1,2,3,4\n1,2,3\n", "row 2: expected 4 cells, as in the rows before, got 3"),
        ("1,b,3,4\n", "row 1, column 2: expected a number, as others of the row are, got 'b'; --header says"),
        ("1_0,2,3,4\n", "row 1, column 1: expected a number, as others of the row are, got '1_0'"),
        ("a,b,c,d\n", "expected rows of numbers, got none"),
        ("", "expected rows of numbers, got none"),
        ('1,2,3,"4\n', "row 1: unexpected end of data"),
        ("1,2,3\n", "'x' expects shape (None, 4), got (1, 3)"),
    ],
)
def test_csv_that_is_wrong(run: Run, trained: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    ended = run("predict", trained, tmp_path / "x.csv")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"corten: error: {tmp_path / 'x.csv'}: ") and said in ended.err


def test_the_header_may_be_said(run: Run, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1,2,three,4\n1,2,3,4\n")
    ended = run("predict", trained, tmp_path / "x.csv", "--header")
    assert ended.code == 0 and len(ended.out.splitlines()) == 2
    (tmp_path / "x.csv").write_text("a,b,c,d\n1,2,3,4\n")
    ended = run("predict", trained, tmp_path / "x.csv", "--no-header")
    assert ended.code == 1 and "row 1, column 1: expected a number, got 'a'" in ended.err


def test_whole_numbers_stay_whole(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("0,1,2\n3,0,1\n")
    assert read_csv(tmp_path / "ids.csv").dtype == np.int64
    (tmp_path / "vast.csv").write_text(f"{2**60},1\n")
    assert read_csv(tmp_path / "vast.csv").dtype == np.float64
    model = corten.Sequential([corten.Input((3,), dtype="int32"), Embedding(4, 2), Flatten(), Dense(1)])
    model.save(tmp_path / "m.safetensors")
    ended = run("predict", tmp_path / "m.safetensors", tmp_path / "ids.csv")
    np.testing.assert_array_equal(
        table(ended.out), expected(tmp_path / "m.safetensors", np.int32([[0, 1, 2], [3, 0, 1]]))
    )
    (tmp_path / "ids.csv").write_text("0,1,9\n")
    ended = run("predict", tmp_path / "m.safetensors", tmp_path / "ids.csv")
    assert ended.code == 1 and "ids.csv" in ended.err and "9" in ended.err


def test_rows_take_the_shape_of_the_input(run: Run, of_images: Path, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "x.csv", np.arange(288).reshape(2, 144), fmt="%d", delimiter=",")
    ended = run("predict", of_images, tmp_path / "x.csv")
    np.testing.assert_allclose(table(ended.out), [[71.5, 1], [215.5, 145]], rtol=1e-6)


def test_outputs_of_more_axes_are_flattened(run: Run, tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((2, 3)), Dense(2, name="d")])
    model.save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", np.ones((4, 2, 3)))
    ended = run("predict", tmp_path / "m.safetensors", tmp_path / "x.npy")
    assert ended.out.startswith("d[0][0],d[0][1],d[1][0],d[1][1]\n") and table(ended.out).shape == (4, 4)


def test_a_model_of_keras_2(run: Run, real_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model, data = (real_models / "keras2" / f"k2_res.{end}" for end in ("keras", "npz"))
    ended = run("predict", model, data, "--arrays", "x", "-o", tmp_path / "y.npz")
    assert ended.code == 0, ended.err
    with np.load(data) as arrays, np.load(tmp_path / "y.npz") as results:
        assert results.files == ["kind", "size"]
        np.testing.assert_allclose(results["kind"], arrays["y0"], atol=1e-5)
        np.testing.assert_allclose(results["size"], arrays["y1"], atol=1e-5)


@pytest.mark.usefixtures("onnx_reader")
def test_an_onnx_file(run: Run, real_models: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    x = np.random.default_rng(0).integers(0, 257, (2, 2048)).astype("int32")
    np.save(tmp_path / "x.npy", x)
    path = real_models / "magika.onnx"
    ended = run("predict", path, tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert ended.code == 0, ended.err
    (y,) = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"bytes": x})
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), y, atol=1e-5)
