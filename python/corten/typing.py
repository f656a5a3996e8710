"""Types for annotations: what arguments of Corten's functions may be.

>>> from corten.typing import ActivationLike
>>> def block(units: int, activation: ActivationLike = "relu") -> list[object]: ...
"""

from corten.activations import ActivationLike
from corten.callbacks.callback_list import CallbacksLike
from corten.constraints import ConstraintLike
from corten.graph import TensorLike
from corten.initializers import InitializerLike
from corten.losses import LossLike
from corten.metrics import MetricLike
from corten.optimizers import OptimizerLike
from corten.optimizers.optimizer import LearningRateLike
from corten.regularizers import RegularizerLike
from corten.training.feed import Data

__all__ = [
    "ActivationLike",
    "CallbacksLike",
    "ConstraintLike",
    "Data",
    "InitializerLike",
    "LearningRateLike",
    "LossLike",
    "MetricLike",
    "OptimizerLike",
    "RegularizerLike",
    "TensorLike",
]
