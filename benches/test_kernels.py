"""Every kernel against a good NumPy baseline, in the same process, taking turns (see ``contest``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import isfunction
from typing import Any

import numpy as np
import pytest
from contest import BLOCK, Array, Case, Repeat, Timer, repeated, rest
from kernels import CASES
from native import Native, gradient_of, weighted_gradient_of

from corten import _core

Clock = Callable[[], float]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with np.errstate(all="ignore"):
        yield


def compete(benchmark: Any, case: Case, contest: str, corten: Timer, numpy: Timer, rounds: int) -> None:
    """Times both sides in turns and notes medians and the factor between them."""
    # Untimed, it shows that the benches run.
    timed = not benchmark.disabled
    numpy.calibrate(BLOCK if timed else 0.0)
    pause(case, timed)
    corten.calibrate(BLOCK if timed else 0.0)

    def rival() -> None:
        numpy.block()
        pause(case, timed)

    benchmark.group = f"{contest} / {case.kernel}"
    benchmark.pedantic(corten.block, setup=rival, rounds=rounds, iterations=1, warmup_rounds=1)
    benchmark.extra_info.update(
        contest=contest,
        kernel=case.kernel,
        size=case.size,
        corten_us=round(corten.median * 1e6, 2),
        numpy_us=round(numpy.median * 1e6, 2),
        factor=round(numpy.median / corten.median, 3),
        factor_of_best=round(min(numpy.seconds) / min(corten.seconds), 3),
    )


def pause(case: Case, timed: bool) -> None:
    if case.blas and timed:
        rest()


def expect_equal(case: Case, ours: Any, theirs: Any) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    if case.tolerance is None:
        assert abs(ours.mean() - theirs.mean()) < 0.02 * abs(theirs).mean()
        return
    scale = float(np.abs(theirs).max())
    assert float(np.abs(ours - theirs).max()) <= case.tolerance * scale


@pytest.mark.parametrize("case", [c for c in CASES if c.on_arrays and c.wrt is None], ids=lambda case: case.name)
def test_arrays(benchmark: Any, rounds: int, clock: Clock, case: Case) -> None:
    arrays = case.arrays()
    baseline = case.numpy(*arrays)
    expect_equal(case, case.corten(*arrays), baseline())
    # One Python function to a call, as on NumPy's side.
    call = partial(case.corten, *arrays) if isfunction(case.corten) else lambda: case.corten(*arrays)
    ours = Timer(repeated(call), clock)
    compete(benchmark, case, "arrays", ours, Timer(repeated(baseline), clock), rounds)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_program(benchmark: Any, rounds: int, clock: Clock, case: Case) -> None:
    arrays = case.arrays()
    if case.wrt is None:
        theirs = check_forward(case, arrays)
        native = Native(case.corten, arrays)
    else:
        theirs = check_gradient(case, arrays)
        native = Native(gradient_of(case.corten, case.wrt), arrays)
    benchmark.extra_info["steps"] = native.program.steps
    compete(benchmark, case, "program", Timer(native.repeat, clock), Timer(theirs, clock), rounds)


def test_every_op_is_timed() -> None:
    """A new op needs a case; what only renames, reshapes, counts a step or adds to a metric's sums costs nothing."""
    reached: set[str] = set()
    first = {case.kernel: case for case in reversed(CASES)}
    for case in first.values():
        function = case.corten if case.wrt is None else gradient_of(case.corten, case.wrt)
        reached |= set(Native(function, case.arrays(), whole=True).program.steps)
    free = {"identity", "stop_gradient", "reshape", "increment", "divide_count", "accumulate"}
    assert set(_core.ops()) - reached - free == set()


def check_forward(case: Case, arrays: tuple[Array, ...]) -> Repeat:
    ours = Native(case.corten, arrays, whole=True)
    baseline = case.numpy(*(array.copy() for array in arrays))
    result = baseline()
    if case.in_place:
        ours.repeat(1)
        expect_equal(case, ours.variables[0].numpy(), result)
        return repeated(baseline)
    expect_equal(case, ours()[0], result)
    out = np.array(result)
    return repeated(lambda: baseline(out=out))


def check_gradient(case: Case, arrays: tuple[Array, ...]) -> Repeat:
    assert case.wrt is not None
    shape = Native(case.corten, arrays, whole=True).program.outputs[0][0]
    dy = np.random.default_rng(9).standard_normal(shape).astype(np.float32)
    baseline = case.numpy(*arrays, dy)
    result = baseline()
    expect_equal(case, Native(weighted_gradient_of(case.corten, case.wrt), [*arrays, dy], whole=True)()[0], result)
    out = np.array(result)
    return repeated(lambda: baseline(out=out))
