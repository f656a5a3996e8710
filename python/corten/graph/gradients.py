"""Gradients of tensors, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten.graph.graph import Tensor, current_graph
from corten.graph.operand import Operand, TensorLike
from corten.graph.symbolic import symbolic

__all__ = ["gradients"]


def gradients(loss: TensorLike, wrt: Operand | Sequence[Operand]) -> Any:
    """d ``loss`` / d w for each w of ``wrt``: variables, inputs or inner activations, one or a list.

    A loss that is not a scalar counts as the sum of its elements. Works wherever tensors flow: in ``train_step``, in a
    ``corten.function``, in a layer's ``call``, and on the symbolic tensors of a functional model. The gradient is zero
    where the loss does not depend on w. Nothing is computed for what is not asked for. The gradients are ordinary
    tensors: they can be used, and differentiated, further.

    >>> import numpy as np, corten
    >>> x = corten.Input((3,))
    >>> slope = corten.Model(x, corten.gradients(x * x, x))
    >>> slope.predict(np.float32([[1, 2, 3]]), verbose=0)
    array([[2., 4., 6.]], dtype=float32)
    """
    return _gradients(loss, wrt)


@symbolic
def _gradients(loss: Any, wrt: Any) -> Any:
    graph = current_graph()
    if graph is None:
        raise ValueError(
            "gradients: nothing to differentiate outside a step; use it in train_step, in a "
            "corten.function, in a layer's call, or on the symbolic tensors of a functional model"
        )
    single = not isinstance(wrt, (list, tuple))
    values = [graph.tensor(value) for value in ([wrt] if single else wrt)]
    gradient_ids = graph.core.gradients(graph.tensor(loss).id, [value.id for value in values])
    results = [
        graph.constant(np.zeros(value.shape, np.float32)) if id is None else Tensor(graph, id)
        for value, id in zip(values, gradient_ids, strict=True)
    ]
    return results[0] if single else results
