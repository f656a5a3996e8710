"""The data sets that are read from the folder CORTEN_DATA: small files of the same form, wrong ones, absent ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corten import datasets
from corten.errors import CorruptFileError

FILES = {
    "text/sms_spam.tsv": "".join(
        f"{'spam' if i % 3 == 0 else 'ham'}\tmessage {i % 20}\u2028, \u00e9\n" for i in range(60)
    ),
    "text/english_chinese.tsv": "".join(f"Sentence {i % 40}.\t\u53e5{i}\u3002\tby somebody\n" for i in range(50)),
    "text/shakespeare.txt": "To be, or not to be?\n" * 10,
    "ratings/movies.csv": 'movieId,title,genres\n7,"Good, the Bad, The",Western\n3,Heat,Crime\n',
    "ratings/ratings.csv": "userId,movieId,rating,timestamp\n" + "9,3,4.5,0\n5,7,0.5,0\n" * 10,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path))
    return tmp_path


def test_sms_spam_keeps_copies_together(folder: Path) -> None:
    (x, y), (x_test, y_test) = datasets.sms_spam.load_data()
    assert len(x) == len(y) == 48 and len(x_test) == len(y_test) == 12 and not set(x) & set(x_test)
    assert y.dtype == np.uint8 and y.sum() + y_test.sum() == 20 and all(m.endswith("\u2028, \u00e9") for m in x)


def test_english_chinese_keeps_translations_together(folder: Path) -> None:
    (x, y), (x_test, y_test) = datasets.english_chinese.load_data()
    assert len(x) == len(y) and len(x_test) == len(y_test) and len(x) + len(x_test) == 50
    assert not set(x) & set(x_test) and len(set(x_test)) == 4 and sorted({*y, *y_test})[0] == "\u53e50\u3002"


def test_shakespeare_holds_the_last_tenth_out(folder: Path) -> None:
    train, test = datasets.shakespeare.load_data()
    assert train + test == FILES["text/shakespeare.txt"] and len(test) == 21


def test_ratings(folder: Path) -> None:
    (x, stars), (x_test, stars_test) = datasets.ratings.load_data()
    assert x.shape == (18, 2) and x_test.shape == (2, 2) and x.dtype == np.int32 and stars.dtype == np.float32
    everything = {(*pair, star) for pair, star in zip([*x.tolist(), *x_test.tolist()], [*stars, *stars_test])}
    assert everything == {(0, 1, 4.5), (1, 0, 0.5)} and datasets.ratings.load_titles() == ["Good, the Bad, The", "Heat"]


@pytest.mark.parametrize(
    ("name", "file", "content", "complaint"),
    [
        ("sms_spam", "text/sms_spam.tsv", b"ham\thi\neggs\tspam\n", "sms_spam.tsv: line 2"),
        ("sms_spam", "text/sms_spam.tsv", b"", "empty"),
        ("english_chinese", "text/english_chinese.tsv", b"Hi.\n", "line 1"),
        ("shakespeare", "text/shakespeare.txt", b"To be\xff", "not UTF-8 at byte 5"),
        ("ratings", "ratings/ratings.csv", b"u,m,r\n1,8,3.0\n", "line 2.*known film"),
        ("ratings", "ratings/ratings.csv", b"u,m,r\n1,7,nan\n", "line 2.*stars"),
        ("ratings", "ratings/movies.csv", b"m,t\n7\n", "movies.csv: line 2"),
        ("spoken_digits", "speech/spoken_digits.npz", b"PK", "not a readable npz"),
        ("cifar10", "cifar10/cifar10_12k.npz", b"", "not a readable npz"),
    ],
)
def test_wrong_files_are_refused_by_name(folder: Path, name: str, file: str, content: bytes, complaint: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(content)
    with pytest.raises(CorruptFileError, match=complaint):
        getattr(datasets, name).load_data()


@pytest.mark.parametrize("name", ["cifar10", "english_chinese", "ratings", "shakespeare", "sms_spam", "spoken_digits"])
def test_an_absent_file_is_told_where_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("CORTEN_DATA", raising=False)
    with pytest.raises(OSError, match="CORTEN_DATA is not set.*https://"):
        getattr(datasets, name).load_data()
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path))
    with pytest.raises(OSError, match="https://.*CORTEN_DATA"):
        getattr(datasets, name).load_data()


SIZES = {
    "cifar10": (10000, 2000),
    "english_chinese": (18363, 2040),
    "ratings": (90753, 10083),
    "sms_spam": (4468, 1106),
    "spoken_digits": (2700, 300),
}


@pytest.mark.parametrize("name", SIZES)
def test_the_files_themselves(shared_data: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CORTEN_DATA", str(shared_data))
    try:
        train, test = getattr(datasets, name).load_data()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert tuple(len(column) for column in (*train, *test)) == tuple(n for n in SIZES[name] for _ in range(2))
