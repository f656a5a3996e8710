"""Models: stacks, graphs and subclasses of layers that can be trained."""

from corten.layers.input_layer import Input
from corten.models.autoencoder import Autoencoder
from corten.models.cloning import clone_model
from corten.models.functional import Functional
from corten.models.gan import GAN
from corten.models.model import Model
from corten.models.recommender import Recommender
from corten.models.sequential import Sequential
from corten.models.vae import VAE

__all__ = ["GAN", "VAE", "Autoencoder", "Functional", "Input", "Model", "Recommender", "Sequential", "clone_model"]
