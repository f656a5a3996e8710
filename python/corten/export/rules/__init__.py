"""What ONNX nodes an op of the engine becomes: one rule for each, and why others have none."""

from corten.export.rules import attention, elementwise, linear, normalization, recurrent, shapes
from corten.export.rules.constants import open_constant
from corten.export.rules.rule import Rule
from corten.export.traced import Node, Value

__all__ = ["REFUSED", "RULES", "needs", "open_constant"]

RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **shapes.RULES,
    **linear.RULES,
    **normalization.RULES,
    **recurrent.RULES,
    **attention.RULES,
}


def needs(node: Node) -> list[Value]:
    """The values that a node's rule looks at."""
    return recurrent.needs(node) if node.op in recurrent.RULES else node.inputs


_LOSS = "it is a loss; export the model that predicts"
_RANDOM = "it draws random numbers from a state that ONNX does not keep"
_WARP = "it samples images at places of their own, as random and affine augmentation in training does"
_STEP = "it is part of a training step"

#: Why the others cannot be exported.
REFUSED = {
    "softmax_cross_entropy": _LOSS,
    "cross_entropy": _LOSS,
    "binary_cross_entropy": _LOSS,
    "sigmoid_cross_entropy": _LOSS,
    "mean_squared_error": _LOSS,
    "mean_absolute_error": _LOSS,
    "huber": _LOSS,
    "dropout": _RANDOM,
    "random_normal": _RANDOM,
    "random_uniform": _RANDOM,
    "warp": _WARP,
    "sgd": _STEP,
    "rmsprop": _STEP,
    "adam": _STEP,
    "nadam": _STEP,
    "adamax": _STEP,
    "adagrad": _STEP,
    "adadelta": _STEP,
    "lion": _STEP,
    "increment": _STEP,
    "divide_count": _STEP,
    "accumulate": _STEP,
}
