"""Random states: one seed for everything, and a counter for each user of it.

Every random number comes from a counter-based generator keyed by (seed, step), so a state is two integers that can be
stored and restored. The seed is 0 until :func:`corten.utils.set_random_seed` says otherwise: training is deterministic
by default.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.tensor import Variable, push

__all__ = ["SeedGenerator", "draw_seed", "get_state", "set_seed", "set_state"]

_state = {"seed": 0, "drawn": 0}


def set_seed(seed: int) -> None:
    """Sets the seed that all later seeds are drawn from.

    >>> import corten
    >>> corten.random.set_seed(1); first = corten.random.draw_seed()
    >>> corten.random.set_seed(1); first == corten.random.draw_seed()
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed: expected an int, got {type(seed).__name__}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected 0 <= seed < 2**63, got {seed}")
    _state.update(seed=int(seed), drawn=0)


def get_state() -> dict[str, int]:
    """The seed and how many seeds were drawn from it."""
    return dict(_state)


def set_state(state: dict[str, int]) -> None:
    """Restores what :func:`get_state` gave."""
    _state.update(seed=int(state["seed"]), drawn=int(state["drawn"]))


def draw_seed() -> int:
    """A new seed of 31 bits, a function of the global seed and of how many were drawn before."""
    _state["drawn"] += 1
    sequence = np.random.SeedSequence([_state["seed"], _state["drawn"]])
    return int(sequence.generate_state(1)[0]) & 0x7FFFFFFF


class SeedGenerator:
    """The random state of one layer: an int32 variable (seed, step).

    ``next()`` gives the state for one use and counts the step on, inside a graph when the run ends.

    >>> import corten
    >>> generator = corten.random.SeedGenerator(seed=5)
    >>> [generator.next().tolist() for _ in range(2)]
    [[5, 0], [5, 1]]
    """

    def __init__(self, seed: int | None = None, name: str = "seed_generator") -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise TypeError(f"seed: expected an int or None, got {type(seed).__name__}")
        #: None where the seed was drawn.
        self.seed = seed
        number = draw_seed() if seed is None else int(seed) & 0x7FFFFFFF
        self.state = Variable(np.array([number, 0], np.int32), dtype="int32", trainable=False, name=name)

    @property
    def variables(self) -> list[Variable]:
        return [self.state]

    def next(self) -> Any:
        """The state for this use; the next use gets another."""
        state = self.state.value
        self.state.assign(push("increment", [state], by=1)[0])
        return state
