"""Where data sets come from: folders, the cache, and downloads from a server on this machine that misbehaves."""

from __future__ import annotations

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from corten.datasets import source
from corten.datasets.source import IdxDataset, IdxFile
from corten.errors import CorruptFileError


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape) + array.tobytes()


ARRAYS = {
    "x_train": np.arange(240, dtype=np.uint8).reshape(6, 8, 5),
    "y_train": np.arange(6, dtype=np.uint8),
    "x_test": np.arange(100, 180, dtype=np.uint8).reshape(2, 8, 5),
    "y_test": np.arange(2, dtype=np.uint8),
}
RAW = {name: idx_bytes(array) for name, array in ARRAYS.items()}
TINY = IdxDataset(
    "tiny",
    {name: IdxFile(f"{name}-idx", ARRAYS[name].shape, hashlib.sha256(raw).hexdigest()) for name, raw in RAW.items()},
    mirrors=(),
)


class Mirror(ThreadingHTTPServer):
    """Serves ``files``; breaks off after ``cut`` bytes, or answers ``raw``, if told to; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{name}-idx.gz": gzip.compress(raw, mtime=0) for name, raw in RAW.items()}
        self.cut: int | None = None
        self.ranges = True
        self.raw: bytes | None = None
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.server.raw is not None:
            self.wfile.write(self.server.raw)
            return
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if wanted and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(body[start : self.server.cut])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CORTEN_DATA", raising=False)
    monkeypatch.setattr(source, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "tiny"


def check(images: source.Images) -> None:
    (x_train, y_train), (x_test, y_test) = images
    for name, got in {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}.items():
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, ARRAYS[name])


def fill(folder: Path, form: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if form == "npz":
        np.savez_compressed(folder / "tiny.npz", **ARRAYS)
    for name, raw in RAW.items():
        if form == "plain":
            (folder / f"{name}-idx").write_bytes(raw)
        elif form == "gz":
            (folder / f"{name}-idx.gz").write_bytes(gzip.compress(raw))


@pytest.mark.parametrize("form", ["plain", "gz", "npz"])
@pytest.mark.parametrize("place", ["own", "own/tiny", "cache/tiny"])
def test_found_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, place: str) -> None:
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path / "own"))
    fill(tmp_path / place, form)
    check(source.load(TINY, 1))


@pytest.mark.parametrize("form", ["plain", "gz", "npz"])
def test_an_altered_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path / "own"))
    altered = {**ARRAYS, "y_test": ARRAYS["y_test"][::-1].copy()}
    monkeypatch.setitem(RAW, "y_test", idx_bytes(altered["y_test"]))
    monkeypatch.setitem(ARRAYS, "y_test", altered["y_test"])
    fill(tmp_path / "own", form)
    with pytest.raises(CorruptFileError, match=r"(y_test-idx|tiny\.npz: array 'y_test').*SHA-256"):
        source.load(TINY, 1)


def test_nothing_anywhere_tells_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> None:
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path / "own"))
    mirror.files.clear()
    with pytest.raises(OSError, match="CORTEN_DATA") as caught:
        source.load(replace(TINY, mirrors=(mirror.url, f"{mirror.url}/other")), 1)
    for part in ("own", "no such folder", f"{mirror.url}/x_train-idx.gz", f"{mirror.url}/other/x_train-idx.gz", "404"):
        assert part in str(caught.value)


def test_download_then_cache(cache: Path, mirror: Mirror) -> None:
    dataset = replace(TINY, mirrors=("http://127.0.0.1:1/nobody-listens", mirror.url))
    check(source.load(dataset, 5))
    assert len(mirror.asked) == 4
    check(source.load(dataset, 5))
    assert len(mirror.asked) == 4, "the second time everything is in the cache"
    assert sorted(path.name for path in cache.iterdir()) == sorted(f"{name}-idx.gz" for name in RAW)


def test_a_download_that_broke_off_is_continued(cache: Path, mirror: Mirror) -> None:
    dataset = replace(TINY, mirrors=(mirror.url,))
    mirror.cut = 20
    with pytest.raises(OSError, match="ended after 20 of"):
        source.load(dataset, 5)
    assert [path.suffix for path in cache.iterdir()] == [".part"], "no name that a reader would take for whole"
    mirror.cut = None
    check(source.load(dataset, 5))
    assert ("/x_train-idx.gz", "bytes=20-") in mirror.asked


def test_a_server_without_ranges_starts_again(mirror: Mirror) -> None:
    dataset = replace(TINY, mirrors=(mirror.url,))
    mirror.cut = 20
    with pytest.raises(OSError, match="ended after"):
        source.load(dataset, 5)
    mirror.cut, mirror.ranges = None, False
    check(source.load(dataset, 5))


@pytest.mark.parametrize("length", [20, 10_000])
def test_a_part_of_another_file_is_thrown_away(cache: Path, mirror: Mirror, length: int) -> None:
    cache.mkdir(parents=True)
    tag = hashlib.sha256(f"{mirror.url}/x_train-idx.gz".encode()).hexdigest()[:8]
    (cache / f"x_train-idx.gz.{tag}.part").write_bytes(b"?" * length)
    check(source.load(replace(TINY, mirrors=(mirror.url,)), 5))


@pytest.mark.parametrize("body", [b"<html>log in to the hotel's network</html>", gzip.compress(RAW["x_test"], mtime=0)])
def test_a_server_that_sends_something_else(cache: Path, mirror: Mirror, body: bytes) -> None:
    mirror.files["/x_train-idx.gz"] = body
    with pytest.raises(OSError, match="x_train-idx"):
        source.load(replace(TINY, mirrors=(mirror.url,)), 5)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nbroken off",
    ],
    ids=["no HTTP", "endless header", "broken chunk"],
)
def test_a_server_that_does_not_speak_http_as_it_should_is_passed_over(mirror: Mirror, raw: bytes) -> None:
    with Mirror() as other:
        other.raw = raw
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(OSError, match=r"x_train-idx\.gz: not an answer of HTTP"):
                source.load(replace(TINY, mirrors=(other.url,)), 5)
            check(source.load(replace(TINY, mirrors=(other.url, mirror.url)), 5))
        finally:
            other.shutdown()
            thread.join()


def test_the_gzipped_original_is_verified_where_that_is_what_is_known(cache: Path, mirror: Mirror) -> None:
    served = mirror.files["/x_train-idx.gz"]
    known = IdxFile("x_train-idx", ARRAYS["x_train"].shape, gzip_sha256=hashlib.sha256(served).hexdigest())
    dataset = replace(TINY, mirrors=(mirror.url,), files={**TINY.files, "x_train": known})
    check(source.load(dataset, 5))
    (cache / "x_train-idx.gz").unlink()
    mirror.files["/x_train-idx.gz"] = gzip.compress(idx_bytes(ARRAYS["x_train"][::-1].copy()))
    with pytest.raises(OSError, match=r"not the original x_train-idx\.gz"):
        source.load(dataset, 5)


def test_an_endless_answer_is_refused(monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> None:
    monkeypatch.setattr(source, "_LARGEST_DOWNLOAD", 30)
    with pytest.raises(OSError, match="more than this data set can have"):
        source.load(replace(TINY, mirrors=(mirror.url,)), 5)
