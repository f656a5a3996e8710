"""What made a model say so: which parts of an input, or of what a layer inside makes of it, a score depends on.

Each function takes a built model (sequential, functional or subclassed, also with models inside) and inputs, and gives
an :class:`Explanation`: arrays, and ``plot()`` (matplotlib, from the extra ``corten[plot]``).

The score that is explained is the model's output at ``target``: a class, one class for each input, None for the class
that the model finds likeliest, or a function from the model's outputs to a score for each input. Where the last layer
is a softmax, its probabilities are explained; a model that ends in logits gives clearer pictures.
"""

from corten.explain.attention_maps import AttentionMaps, attention_maps
from corten.explain.explanation import Explanation
from corten.explain.grad_cam import grad_cam
from corten.explain.gradients import integrated_gradients, saliency, smooth_grad
from corten.explain.occlusion import occlusion

__all__ = [
    "AttentionMaps",
    "Explanation",
    "attention_maps",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
    "saliency",
    "smooth_grad",
]
