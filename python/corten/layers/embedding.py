"""The embedding: a learned vector for each index."""

from __future__ import annotations

from typing import Any

from corten import constraints, initializers, ops, regularizers
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor, TensorLike
from corten.initializers import InitializerLike
from corten.layers.arguments import count, only_default, outdated
from corten.layers.layer import Layer
from corten.regularizers import RegularizerLike

__all__ = ["Embedding"]


class Embedding(Layer):
    """Indices become vectors: ``y[..., :] = embeddings[x[...], :]``.

    A training step changes only the vectors whose indices are in the batch. With an optimizer that keeps state, such as
    Adam or SGD with momentum, the other vectors and their state stay as they are; in Keras they keep moving. With
    weight decay, a regularizer or a clipped gradient all vectors change. See docs/decisions/0010.

    Args:
        input_dim: the number of indices, which run from 0 to ``input_dim - 1``.
        output_dim: the size of a vector.
        embeddings_initializer: of the vectors (input_dim, output_dim).
        embeddings_regularizer: their penalty in the loss.
        embeddings_constraint: applied to them after each step.
        mask_zero: whether index 0 is padding: later layers of a model skip such steps. Called on arrays outside a model
            the layer returns a plain array: pass the mask on, ``lstm(y, mask=embedding.compute_mask(x))``.
        weights: the initial vectors, an array or a list of one.
        lora_rank: not supported, nor ``lora_alpha`` and ``quantization_config``.

    Input integers of any shape (...), output (..., output_dim).

    Raises:
        ValueError: ``input_dim`` or ``output_dim`` below 1, or weights of another shape.
        IndexError: an index outside ``0 .. input_dim - 1``.

    >>> import numpy as np, corten
    >>> layer = corten.layers.Embedding(3, 2, weights=[[0, 0], [1, 2], [3, 4]])
    >>> layer(np.array([[2, 1]]))
    array([[[3., 4.],
            [1., 2.]]], dtype=float32)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: TensorLike | None = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        outdated(self, kwargs, "input_length")
        super().__init__(**kwargs)
        for name, value in (
            ("lora_rank", lora_rank),
            ("lora_alpha", lora_alpha),
            ("quantization", quantization_config),
        ):
            only_default(value, f"Embedding: {name}")
        self.input_dim = count(input_dim, "Embedding: input_dim")
        self.output_dim = count(output_dim, "Embedding: output_dim")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.mask_zero
        self.autocast = False
        if weights is not None:
            # They are the variable's from here on; a copy of the layer gets them as its weights, not as an argument.
            self._config["weights"] = None
            self._build_once((None,))
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Tensor) -> Any:
        return ops.take(self.embeddings, inputs, axis=0)

    def compute_mask(self, inputs: TensorLike, mask: TensorLike | None = None) -> Any:
        """1 where the index is not 0, if ``mask_zero``."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None
