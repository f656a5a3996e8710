"""What happens beside training: stopping, saving, reporting."""

from corten.callbacks.callback import Callback
from corten.callbacks.callback_list import CallbackList
from corten.callbacks.csv_logger import CSVLogger
from corten.callbacks.early_stopping import EarlyStopping
from corten.callbacks.history import History
from corten.callbacks.lambda_callback import LambdaCallback
from corten.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from corten.callbacks.model_checkpoint import ModelCheckpoint
from corten.callbacks.progress import ProgbarLogger
from corten.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
