"""Types for annotations: what arguments of Corten's functions may be.

>>> from corten.typing import ActivationLike
>>> def block(units: int, activation: ActivationLike = "relu") -> list[object]: ...
"""

from corten.activations import ActivationLike
from corten.callbacks.callback_list import CallbacksLike
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor, TensorLike
from corten.initializers import InitializerLike
from corten.layers.arguments import DataFormat, Padding, Sizes
from corten.losses import LossLike
from corten.metrics import MetricLike
from corten.optimizers import OptimizerLike
from corten.optimizers.optimizer import LearningRateLike
from corten.random import SeedLike
from corten.regularizers import RegularizerLike
from corten.training.feed import Data

__all__ = [
    "ActivationLike",
    "CallbacksLike",
    "ConstraintLike",
    "Data",
    "DataFormat",
    "InitializerLike",
    "LearningRateLike",
    "LossLike",
    "MetricLike",
    "OptimizerLike",
    "Padding",
    "RegularizerLike",
    "SeedLike",
    "Shape",
    "Sizes",
    "Tensor",
    "TensorLike",
]
