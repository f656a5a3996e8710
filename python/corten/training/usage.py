"""Who trains and who evaluates a model: what their threads must not do to one another's counts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from corten.graph import StandIn, Variable, assign, tracing, values

__all__ = ["Usage"]

Result = TypeVar("Result")


class Usage:
    """What goes on with a model now.

    Args:
        counted: gives the variables that an evaluation counts with, those of the metrics.
    """

    #: (process, token) of the training that goes on; set on the object while it does.
    training: tuple[int, object]

    def __init__(self, counted: Callable[[], Sequence[Variable]]) -> None:
        self._counted = counted
        #: How many evaluations of this thread are open, one called from a callback of another.
        self._depth = 0
        #: Stand-ins for the metrics' variables, by the variables' ids: what is evaluated during training counts here.
        self._apart: dict[int, Variable] = {}
        self._lock = (os.getpid(), threading.RLock())

    def clear(self) -> None:
        """Forgets the metrics, for others take their place."""
        self._apart.clear()

    def train(self, name: str, action: Callable[[], Result]) -> Result:
        """What ``action`` gives, unless the model is being trained."""
        mine = (os.getpid(), object())
        try:
            now = vars(self).setdefault("training", mine)
            if now[0] != mine[0]:
                # What another thread of the parent was doing does not go on in a forked child.
                self.training = mine
            elif now is not mine:
                raise RuntimeError(
                    f"{name!r} is already being trained, by another thread or an enclosing call in this one"
                )
            with self._evaluation():
                pass  # Evaluations that count with the metrics themselves have ended; later ones keep apart.
            return action()
        finally:
            # No call, for at a call Ctrl-C may end the function, and the model would count as trained for ever.
            if "training" in self.__dict__ and self.training is mine:
                del self.training

    def evaluate(self, action: Callable[[StandIn | None], Result]) -> Result:
        """What ``action`` gives, one thread at a time.

        While the model is trained, by this thread or another, it is given stand-ins for the metrics' variables. Called
        from a callback of another evaluation, it leaves what that has counted as it was.
        """
        with self._evaluation():
            stand_in = self._stand_in if self._in_training() else None
            counted: list[Variable] = []
            if self._depth:
                counted = list(self._apart.values()) if stand_in else list(self._counted())
            before = values(counted)
            self._depth += 1
            try:
                return action(stand_in)
            finally:
                self._depth -= 1
                assign(counted, before)

    def _evaluation(self) -> Any:
        """The lock of who evaluates. What a thread of the parent held is not held in a forked child."""
        with tracing:
            if self._lock[0] != os.getpid():
                self._lock, self._depth = (os.getpid(), threading.RLock()), 0
        return self._lock[1]

    def _in_training(self) -> bool:
        """Whether this process trains the model now."""
        return bool(vars(self).get("training", (0,))[0] == os.getpid())

    def _stand_in(self, variable: Variable) -> Variable:
        """What a step that is evaluated during training uses in the place of ``variable``."""
        apart, id = self._apart, variable.core.id
        if id not in apart and any(variable is counted for counted in self._counted()):
            apart[id] = Variable(np.zeros(variable.shape, variable.dtype), None, variable.dtype, False, variable.name)
        return apart.get(id, variable)
