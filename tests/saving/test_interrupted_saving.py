"""Whatever ends a save, the file of before is whole, or the new one is; and nothing is left lying about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contracts.subprocesses import finish, output, start

pytest.importorskip("h5py")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and limited as POSIX does")

#: Saving, in every format, and what a file holds: 0.0 or 1.0.
BEGIN = """
import os, pathlib, resource, signal, sys, tempfile
import numpy as np
import corten
from corten import Input, Sequential, layers as L
from corten.models import load_model

folder = pathlib.Path(tempfile.mkdtemp())
model = Sequential([Input((3,)), L.Dense(4), L.Dense(2)])
model.compile("adam", "mse")

def fill(value):
    model.set_weights([np.full_like(array, value) for array in model.get_weights()])

def saver(name):
    path = folder / name
    return (lambda: model.save_weights(path)) if name[0] == "w" else (lambda: model.save(path))

def held(name):
    if name[0] == "w":
        other = Sequential([Input((3,)), L.Dense(4), L.Dense(2)])
        other.load_weights(folder / name)
    else:
        other = load_model(folder / name)
    values = {float(x) for array in other.get_weights() for x in array.ravel()}
    assert len(values) == 1, values
    return values.pop()

NAMES = ("m.keras", "m.h5", "m.safetensors", "w.weights.h5", "w.safetensors")
"""

KILLED = (
    BEGIN
    + """
def counted(action, last):
    # Dies at a call, of a function of Python or of C, such as one that enters the kernel.
    left = [last]
    def on_call(frame, event, argument):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(on_call)
    try:
        action()
    finally:
        sys.setprofile(None)
    return last - left[0]

for name in NAMES:
    fill(0.0)
    save = saver(name)
    save()
    total = counted(save, 10**9)
    fill(1.0)
    before, found = (folder / name).read_bytes(), set()
    # Most of the calls make the description; those at the end write, and the last ones give the file its name.
    often, late = range(1, total, max(1, total // TURNS)), range(max(1, total - 12 * TURNS), total, 12)
    for last in sorted({*often, *late, *range(total - 40, total + 3, 2)}):
        for entry in os.listdir(folder):
            if entry not in NAMES:  # to remove it would be more calls
                (folder / entry).unlink()
        (folder / name).write_bytes(before)
        child = os.fork()
        if child == 0:
            try:
                counted(save, last)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        found.add(held(name))
    for last in range(total // 2, total, total // 12):
        child = os.fork()
        if child == 0:
            try:
                counted(save, last)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    save()
    assert held(name) == 1.0 and found == {0.0, 1.0}, (name, found)
    left = [entry for entry in os.listdir(folder) if entry not in NAMES]
    assert not left, left
print("whole")
"""
)

FULL = (
    BEGIN
    + """
def limited(action, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        action()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

for name in NAMES:
    fill(0.0)
    save = saver(name)
    save()
    size = (folder / name).stat().st_size
    fill(1.0)
    for limit in [0, 1, 100, *range(500, size, max(500, size // 16)), size - 1]:
        try:
            limited(save, limit)
        except OSError as error:
            assert error.errno == 27, error
        else:
            raise AssertionError((name, limit))
        assert held(name) == 0.0
        assert all(entry in NAMES for entry in os.listdir(folder)), os.listdir(folder)
    save()
    assert held(name) == 1.0
print("whole")
"""
)

WRITERS = (
    BEGIN
    + """
for name in NAMES:
    fill(0.0)
    save = saver(name)
    save()
    children = []
    for value in (2.0, 3.0):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                fill(value)
                for _ in range(8):
                    save()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    found = {held(name) for _ in range(8)}
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    found.add(held(name))
    assert found <= {0.0, 2.0, 3.0} and held(name) in (2.0, 3.0), found
    assert all(entry in NAMES for entry in os.listdir(folder)), os.listdir(folder)
print("whole")
"""
)


def test_killed_at_some_call() -> None:
    assert output(KILLED.replace("TURNS", "12"), 100).split() == ["whole"]


@pytest.mark.thorough
def test_killed_at_many_calls() -> None:
    assert output(KILLED.replace("TURNS", "400"), 590).split() == ["whole"]


def test_on_a_full_disk() -> None:
    assert output(FULL, 100).split() == ["whole"]


def test_several_writers_and_a_reader() -> None:
    assert output(WRITERS, 100).split() == ["whole"]


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    program = (
        BEGIN
        + """
for name in NAMES:
    for place in ("/proc", "/dev/full", folder / "nowhere", "/proc/self/fd"):
        folder = pathlib.Path(place)
        try:
            saver(name)()
        except OSError:
            continue
        print(name, place)
"""
    )
    code, out, err = finish(start(program), 60)
    assert code == 0 and not out, out + err[-2000:]
