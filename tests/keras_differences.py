"""Where a class differs on purpose from Keras's class of the same name: parameter by parameter, with the reason.

``{class: {parameter: reason}}``; ``"*"`` stands for a parameter of every class. test_keras_parity.py checks that every
other parameter has Keras's name, order and default, and that no line here has become untrue.
"""

from __future__ import annotations

DIFFERENCES: dict[str, dict[str, str]] = {}
