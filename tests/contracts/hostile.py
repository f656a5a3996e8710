"""Attacks on every public function and constructor: each argument in turn becomes something it must not be.

What is called well is found in the examples of the docstrings, which are run with every call recorded. The attacks are
made in processes of their own, which say what they begin, so that one that dies or hangs is known by its last words.
In the folder tests, ``python -m contracts.hostile`` makes them all; its test a part of them, always the same.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import doctest
import faulthandler
import functools
import inspect
import io
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import corten
from contracts.subprocesses import environment
from corten import ops
from corten.errors import InternalError, NonFiniteError

ROOMS: dict[str, Any] = {
    "ops": ops,
    "ops.image": ops.image,
    "activations": corten.activations,
    "callbacks": corten.callbacks,
    "config": corten.config,
    "constraints": corten.constraints,
    "explain": corten.explain,
    "initializers": corten.initializers,
    "layers": corten.layers,
    "losses": corten.losses,
    "metrics": corten.metrics,
    "optimizers": corten.optimizers,
    "optimizers.schedules": corten.optimizers.schedules,
    "random": corten.random,
    "regularizers": corten.regularizers,
    "saving": corten.saving,
    "utils": corten.utils,
    "models": corten.models,
    "corten": corten,
}
#: What an error may be: the table in ARCHITECTURE.md.
ALLOWED = (TypeError, ValueError, IndexError, MemoryError, OSError, NonFiniteError, NotImplementedError)
MEMORY = 6 << 30
SECONDS = 3.0


class Lies:
    """Says that it is longer than anything can be."""

    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, index: int) -> float:
        if index > 3:
            raise IndexError(index)
        return 0.0


class Breaks:
    """Has what others look for, and none of it works."""

    def __index__(self) -> int:
        raise ValueError("no index")

    def __float__(self) -> float:
        raise ValueError("no float")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ValueError("no array")


def itself() -> list[Any]:
    items: list[Any] = [1.0]
    items.append(items)
    return items


#: By name, each made anew for every use.
HOSTILE: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "object()": object,
    "10**400": lambda: 10**400,
    "2**63": lambda: 2**63,
    "-2**63": lambda: -(2**63),
    "2**31": lambda: 2**31,
    "-2**31": lambda: -(2**31),
    "2**40": lambda: 2**40,
    "-1": lambda: -1,
    "0": lambda: 0,
    "7": lambda: 7,
    "True": lambda: True,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "1e300": lambda: 1e300,
    "0.5": lambda: 0.5,
    "-0.5": lambda: -0.5,
    "1j": lambda: 1j,
    "''": lambda: "",
    "'foo'": lambda: "foo",
    "b'x'": lambda: b"x",
    "[]": list,
    "()": tuple,
    "{}": dict,
    "{'a': 1}": lambda: {"a": 1},
    "{'class_name': 'Nope'}": lambda: {"class_name": "Nope", "config": {}},
    "{'class_name': []}": lambda: {"class_name": [], "config": 3},
    "set()": set,
    "{1}": lambda: {1},
    "[None]": lambda: [None],
    "['a', 'b']": lambda: ["a", "b"],
    "[[1], [1, 2]]": lambda: [[1], [1, 2]],
    "[0.5, 1.5]": lambda: [0.5, 1.5],
    "[-1, 2**63]": lambda: [-1, 2**63],
    "[1, 2]": lambda: [1, 2],
    "(1, 2, 3, 4)": lambda: (1, 2, 3, 4),
    "(0, 0)": lambda: (0, 0),
    "range(3)": lambda: range(3),
    "generator": lambda: (i for i in range(3)),
    "itself": itself,
    "function": lambda: lambda *args: None,
    "int": lambda: int,
    "object": lambda: object,
    "module": lambda: corten,
    "Lies()": Lies,
    "Breaks()": Breaks,
    "Ellipsis": lambda: ...,
    "slice": lambda: slice(None, None, 0),
    "float32(1)": lambda: np.float32(1),
    "int64(3)": lambda: np.int64(3),
    "bool_": lambda: np.bool_(True),
    "0-d": lambda: np.array(2.0),
    "0-d int": lambda: np.array(2),
    "empty": lambda: np.zeros(0, np.float32),
    "no rows": lambda: np.zeros((0, 3), np.float32),
    "no columns": lambda: np.zeros((3, 0), np.float32),
    "ones(1)": lambda: np.ones(1, np.float32),
    "ones((2, 3))": lambda: np.ones((2, 3), np.float32),
    "ones((2, 3, 4, 5, 6))": lambda: np.ones((2, 3, 4, 5, 6), np.float32),
    "many axes": lambda: np.ones((1,) * 20, np.float32),
    "ints": lambda: np.arange(3),
    "large ints": lambda: np.array([2**62, -(2**62)]),
    "uint64": lambda: np.array([2**64 - 1], np.uint64),
    "float16": lambda: np.ones((2, 2), np.float16),
    "texts": lambda: np.array(["a", "b"]),
    "objects": lambda: np.array([None, object()]),
    "dates": lambda: np.array(["2020"], "datetime64[D]"),
    "complex": lambda: np.ones(2, np.complex64),
    "records": lambda: np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "nans": lambda: np.full((2, 3), np.nan, np.float32),
    "masked": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    "a tebibyte": lambda: np.broadcast_to(np.float32(0), (1, 1 << 38)),
    "Input": lambda: corten.Input((3,)),
    "Variable": lambda: corten.Variable([1.0, 2.0]),
    "layer": lambda: corten.layers.Dense(2),
}


@dataclass
class Base:
    """A call that goes well: of a function, or of a class and then perhaps of the object."""

    make: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    call: tuple[tuple[Any, ...], dict[str, Any]] | None = None


def targets() -> list[str]:
    found = []
    for room, module in ROOMS.items():
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        names = sorted({*getattr(module, "__all__", []), *own})
        found += [f"{room}.{name}" for name in names if name[0] != "_" and callable(getattr(module, name))]
    # What has several names is attacked under the first.
    seen: dict[int, str] = {}
    for target in found:
        seen.setdefault(id(look_up(target)), target)
    return list(seen.values())


def look_up(target: str) -> Any:
    room, _, name = target.rpartition(".")
    return getattr(ROOMS[room], name)


@contextlib.contextmanager
def recorded(target: str, base: Base) -> Iterator[None]:
    """Within it the first call of the target is noted."""
    value = look_up(target)
    room, _, name = target.rpartition(".")
    places: list[tuple[Any, str, Any, str]] = [(ROOMS[room], name, value, "make")]
    if isinstance(value, type):
        places = [(value, "__init__", value.__init__, "make")]
        if any("__call__" in kind.__dict__ for kind in value.__mro__):
            places.append((value, "__call__", value.__call__, "call"))

    def wrapped(function: Any, slot: str, method: bool) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            own = type(args[0]) is value if method else True
            if own and getattr(base, slot) is None:
                setattr(base, slot, (args[1:] if method else args, dict(kwargs)))
            return function(*args, **kwargs)

        return wrapper

    own = [(holder, attribute, attribute in vars(holder)) for holder, attribute, _, _ in places]
    for holder, attribute, function, slot in places:
        setattr(holder, attribute, wrapped(function, slot, isinstance(holder, type)))
    try:
        yield
    finally:
        for (holder, attribute, function, _), (_, _, had) in zip(places, own, strict=True):
            if had or not isinstance(holder, type):
                setattr(holder, attribute, function)
            else:
                delattr(holder, attribute)


def example(target: str) -> Base:
    """The first call of the target in its own examples."""
    base = Base()
    value = look_up(target)
    docs = [inspect.getdoc(value) or ""]
    module = sys.modules[value.__module__]
    scope: dict[str, Any] = {**vars(module), "np": np, "corten": corten}
    with recorded(target, base), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        for doc in docs:
            for part in doctest.DocTestParser().get_examples(doc):
                exec(compile(part.source, target, "single"), scope)
    return base


def parameters(function: Any) -> list[str]:
    """The names of a callable's parameters, those that take more apart."""
    with contextlib.suppress(ValueError, TypeError):
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [name for name, p in inspect.signature(function).parameters.items() if p.kind not in kinds]
    return []


def cases(target: str, base: Base, share: float) -> Iterator[tuple[str, str, str]]:
    """(What is called, the argument, the hostile value); of all of them so large a share, always the same."""
    value = look_up(target)
    slots = ["make"] + (["call"] if base.call is not None else [])
    for slot in slots:
        if slot == "make":
            names = parameters(value)
        else:
            names = parameters(type(value).__call__ if not isinstance(value, type) else value.__call__)[1:]
        good = getattr(base, slot) or ((), {})
        places = [str(i) for i in range(len(good[0]))] + sorted({*good[1], *names[len(good[0]) :]})
        for place, hostile in itertools.product(places or ["0"], HOSTILE):
            if zlib.crc32(f"{target} {slot} {place} {hostile}".encode()) < share * 2**32:
                yield slot, place, hostile


def attack(target: str, base: Base, slot: str, place: str, hostile: str) -> None:
    value = look_up(target)
    calls = {"make": base.make or ((), {}), "call": base.call}
    args, kwargs = calls[slot] or ((), {})
    args, kwargs, bad = list(args), dict(kwargs), HOSTILE[hostile]()
    if place.isdigit() and int(place) < len(args):
        args[int(place)] = bad
    elif place.isdigit():
        args.append(bad)
    else:
        kwargs[place] = bad
    calls[slot] = (tuple(args), kwargs)
    made = value(*calls["make"][0], **calls["make"][1])  # type: ignore[index]
    if isinstance(value, type) and calls["call"] is not None:
        made(*calls["call"][0], **calls["call"][1])


def wrong(error: BaseException) -> str | None:
    """What is wrong with an error, or None."""
    # A RuntimeError proper says that an object is not ready yet.
    if (isinstance(error, ALLOWED) or type(error) is RuntimeError) and not isinstance(error, InternalError):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    where = next((f for f in reversed(frames) if f"{os.sep}corten{os.sep}" in f.filename), frames[-1])
    return f"{type(error).__name__}: {str(error)[:160]} ({Path(where.filename).name}:{where.lineno})"


def attacks(target: str, share: float) -> Iterator[list[Any]]:
    """Attacks a target: before each what is begun, after it what is wrong with what came; at last how many there were."""
    base = example(target)
    count = 0
    for case in cases(target, base, share):
        yield [target, *case]
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            attack(target, base, *case)
        except BaseException as error:
            if (found := wrong(error)) is not None:
                yield [target, *case, found]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        count += 1
    yield [target, count]


class TooLate(BaseException):
    """Not caught by what catches exceptions."""


def worker(share: float) -> None:
    """Attacks the targets that standard input names, with little memory and time for each attack."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def late(*_: object) -> None:
        raise TooLate(f"took more than {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    out, sys.stdout = sys.stdout, io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for line in sys.stdin:
            faulthandler.dump_traceback_later(60, exit=True)
            for said in attacks(line.strip(), share):
                print(json.dumps(said), file=out, flush=True)
            faulthandler.cancel_dump_traceback_later()


def made(names: list[str], share: float) -> tuple[dict[str, int], list[list[Any]]]:
    """How many attacks each target had, and those that ended in what must not be: [target, ..., what is wrong]."""
    counts: dict[str, int] = {}
    faults: list[list[Any]] = []
    while left := [name for name in names if name not in counts]:
        done = subprocess.run(
            [sys.executable, __file__, "worker", str(share)],
            input="\n".join(left),
            check=False,
            capture_output=True,
            text=True,
            env=environment(CORTEN_NUM_THREADS="1"),
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        faults += [line for line in lines if len(line) == 5]
        counts.update((line[0], line[1]) for line in lines if len(line) == 2)
        if len(lines[-1:]) and len(lines[-1]) != 2:
            faults.append([*lines[-1][:4], f"the process ended with {done.returncode}\n{done.stderr[-2000:]}"])
            counts[lines[-1][0]] = 0
        elif done.returncode:
            raise RuntimeError(done.stderr)
    return counts, faults


def all_made(share: float, processes: int = 2) -> tuple[dict[str, int], list[list[Any]]]:
    """The same for every target, by several processes at once."""
    names = targets()
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        parts = list(pool.map(lambda i: made(names[i::processes], share), range(processes)))
    return {k: v for counts, _ in parts for k, v in counts.items()}, [fault for _, faults in parts for fault in faults]


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        worker(float(sys.argv[2]))
    else:
        counts, faults = all_made(1.0)
        print(f"{sum(counts.values())} attacks on {len(counts)} targets, {len(faults)} faults")
        for fault in faults:
            print(*fault, sep=" | ")
