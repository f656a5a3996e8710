"""Where a class differs on purpose from Keras's class of the same name: parameter by parameter, with the reason.

``{class: {parameter: reason}}``; ``"*"`` stands for a parameter of every class. test_keras_parity.py checks that every
other parameter has Keras's name, order and default, and that no line here has become untrue.
"""

from __future__ import annotations

DIFFERENCES: dict[str, dict[str, str]] = {}

#: Functions of ``corten.ops`` that differ from the function of the same name in ``keras.ops``.
OPS_DIFFERENCES: dict[str, str] = {
    "arange": "the step is 1 by default, not None",
    "eye": "dtype is float32 by default, not None: there is no floatx to ask for",
    "full": "dtype is float32 by default, not None",
    "full_like": "dtype is float32 by default, not None",
    "identity": "gives its argument; Keras gives the identity matrix, which here is eye(n)",
    "matmul": "either operand may be taken transposed, without a copy",
    "max": "takes no initial value",
    "min": "takes no initial value",
    "one_hot": "dtype is float32 by default; sparse results are not supported",
    "ones": "dtype is float32 by default, not None",
    "ones_like": "dtype is float32 by default, not None",
    "prod": "takes no dtype: arithmetic is in float32",
    "round": "rounds to whole numbers only",
    "where": "needs both values; the positions alone have no shape that is known before the run",
    "zeros": "dtype is float32 by default, not None",
    "zeros_like": "dtype is float32 by default, not None",
}

#: Layers that hand a mask on where Keras's layer of that name loses it, with the reason.
MASK_DIFFERENCES: dict[str, str] = {
    "RMSNormalization": "works step by step, as LayerNormalization, which hands the mask on",
}
