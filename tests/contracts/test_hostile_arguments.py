"""Whatever a public function or constructor is given, what comes out is an exception of the documented kinds."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from contracts import hostile

pytestmark = pytest.mark.alone

#: Of the attacks that hostile.py knows; all of them take half a minute.
share = pytest.mark.parametrize("share", [0.15, pytest.param(1.0, marks=pytest.mark.thorough)])


@functools.cache
def made(share: float) -> tuple[dict[str, int], list[list[Any]]]:
    return hostile.all_made(share)


@share
@pytest.mark.parametrize("room", hostile.ROOMS)
def test_hostile_arguments_give_the_documented_errors(room: str, share: float) -> None:
    counts, faults = made(share)
    assert sum(count for target, count in counts.items() if target.rpartition(".")[0] == room) > 0
    found = [fault for fault in faults if fault[0].rpartition(".")[0] == room]
    assert not found, "\n".join(" | ".join(fault) for fault in found)


def test_most_targets_are_attacked_from_a_call_that_goes_well() -> None:
    """What no example calls is attacked without any argument, which tests little."""
    examples = {target: hostile.example(target) for target in hostile.targets()}
    without = [target for target, base in examples.items() if base.make is None]
    assert len(without) < len(examples) / 4, without
