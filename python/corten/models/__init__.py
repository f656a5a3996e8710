"""Models: stacks, graphs and subclasses of layers that can be trained."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from corten.layers.input_layer import Input
from corten.models.autoencoder import Autoencoder
from corten.models.cloning import clone_model, model_from_config, model_from_json
from corten.models.functional import Functional
from corten.models.gan import GAN
from corten.models.model import Model
from corten.models.recommender import Recommender
from corten.models.sequential import Sequential
from corten.models.vae import VAE
from corten.serialization import publish, publish_later

if TYPE_CHECKING:
    from corten.saving.model_files import load_model, save_model

__all__ = [
    "GAN",
    "VAE",
    "Autoencoder",
    "Functional",
    "Input",
    "Model",
    "Recommender",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]


publish("models", {"Model": Model, "Sequential": Sequential}, module="keras")
publish("models", {"Functional": Functional}, module="keras.src.models.functional")
publish("models", {kind.__name__: kind for kind in (GAN, VAE, Autoencoder, Recommender)}, module="corten.models")
publish_later("models", "OnnxModel", "corten.onnx.model")


def __getattr__(name: str) -> Any:
    # What reads and writes files is imported when it is first asked for.
    if name in ("load_model", "save_model"):
        return getattr(import_module("corten.saving.model_files"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
