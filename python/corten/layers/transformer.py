"""Building blocks of transformers: embeddings with positions, and the block. Both are Corten's own."""

from __future__ import annotations

from typing import Any

from corten import activations, initializers, ops
from corten.activations import ActivationLike
from corten.errors import ShapeError
from corten.graph import Shape, Tensor, TensorLike
from corten.initializers import InitializerLike
from corten.layers.arguments import count, expect_rank, number, seed_of
from corten.layers.dense import Dense
from corten.layers.dropout import Dropout
from corten.layers.embedding import Embedding
from corten.layers.layer import Layer
from corten.layers.layer_normalization import LayerNormalization
from corten.layers.multi_head_attention import MultiHeadAttention

__all__ = ["PositionalEmbedding", "TransformerBlock"]


class PositionalEmbedding(Layer):
    """The sum of two learned vectors: of the token, and of its position in the sequence.

    Keras has no such layer.

    Args:
        sequence_length: the maximum number of positions.
        input_dim: the number of tokens, which run from 0 to ``input_dim - 1``.
        output_dim: the size of a vector.
        mask_zero: whether token 0 is padding: later layers skip such steps.
        embeddings_initializer: of the vectors (input_dim, output_dim) and (sequence_length, output_dim).

    Input integers (batch, T), output (batch, T, output_dim).

    Raises:
        ValueError: a size below 1.
        IndexError: a token outside its range, or a sequence longer than ``sequence_length``.

    >>> import numpy as np, corten
    >>> layer = corten.layers.PositionalEmbedding(sequence_length=4, input_dim=10, output_dim=6)
    >>> layer(np.array([[1, 1, 1]])).shape
    (1, 3, 6)
    """

    def __init__(
        self,
        sequence_length: int,
        input_dim: int,
        output_dim: int,
        mask_zero: bool = False,
        embeddings_initializer: InitializerLike = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sequence_length = count(sequence_length, "PositionalEmbedding: sequence_length")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.tokens = Embedding(input_dim, output_dim, self.embeddings_initializer, mask_zero=mask_zero, name="tokens")
        self.mask_zero = self.supports_masking = self.tokens.mask_zero
        self.autocast = False

    def build(self, input_shape: Shape) -> None:
        expect_rank(input_shape, 2, f'PositionalEmbedding "{self.name}"')
        self.tokens._build_once(input_shape)
        self.positions = self.add_weight(
            (self.sequence_length, self.tokens.output_dim), self.embeddings_initializer, name="positions"
        )

    def call(self, inputs: Tensor) -> Any:
        # Taken, not sliced: while a functional model is made, a length that is open stands for any.
        return self.tokens(inputs) + ops.take(self.positions, ops.arange(inputs.shape[1], dtype="int32"), axis=0)

    def compute_mask(self, inputs: TensorLike, mask: TensorLike | None = None) -> Any:
        """1 where the token is not 0, if ``mask_zero``."""
        return self.tokens.compute_mask(inputs, mask)


class TransformerBlock(Layer):
    """A transformer's block: self-attention, then two dense layers at each step, each added to its input.

    ``y = norm(x + attention(x)); z = norm(y + dense(activation(dense(y))))`` (Vaswani et al. 2017, section 3.1), or,
    with ``normalize_first``, ``y = x + attention(norm(x))`` and so on (Xiong et al. 2020). Keras has no such layer.

    Steps that the input's mask leaves out are not attended to. ``return_attention_scores`` in a call gives the weights
    (batch, heads, T, T) as well.

    Args:
        num_heads: the number of attention heads; without ``key_dim`` it divides the number of features.
        intermediate_dim: the units of the first dense layer.
        key_dim: the size of a head; features / num_heads by default.
        dropout: the fraction dropped in training, of the attention weights and of each branch's output.
        activation: of the first dense layer.
        causal: whether a step attends only to itself and those before.
        normalize_first: whether to normalise before attention and dense layers instead of after the sums.
        epsilon: of the normalisations.
        kernel_initializer: of all kernels.
        bias_initializer: of all biases.
        seed: of the dropout, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Input and output (batch, T, features).

    Raises:
        ValueError: a size below 1, or a rate outside [0, 1).
        ShapeError: not three axes, or features that the heads do not divide.

    >>> import numpy as np, corten
    >>> block = corten.layers.TransformerBlock(num_heads=2, intermediate_dim=16)
    >>> y, weights = block(np.ones((3, 5, 8), np.float32), return_attention_scores=True)
    >>> y.shape, weights.shape
    ((3, 5, 8), (3, 2, 5, 5))
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        key_dim: int | None = None,
        dropout: float = 0.0,
        activation: ActivationLike = "relu",
        causal: bool = False,
        normalize_first: bool = False,
        epsilon: float = 1e-5,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = count(num_heads, "TransformerBlock: num_heads")
        self.intermediate_dim = count(intermediate_dim, "TransformerBlock: intermediate_dim")
        self.key_dim = None if key_dim is None else count(key_dim, "TransformerBlock: key_dim")
        self.dropout = number(dropout, "TransformerBlock: dropout", 0.0, 1.0)
        self.activation = activations.get(activation)
        self.causal = bool(causal)
        self.normalize_first = bool(normalize_first)
        self.epsilon = number(epsilon, "TransformerBlock: epsilon", 0.0)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        where = f'TransformerBlock "{self.name}"'
        expect_rank(input_shape, 3, where)
        features = input_shape[-1]
        if features is None or (self.key_dim is None and features % self.num_heads):
            raise ShapeError(
                f"{where}: expected a known number of features that num_heads={self.num_heads} divides, "
                f"got shape {input_shape}"
            )
        begun = {"kernel_initializer": self.kernel_initializer, "bias_initializer": self.bias_initializer}
        key_dim = self.key_dim or features // self.num_heads
        # Where the seed is given each dropout has one of its own.
        seeds = [None] * 3 if self.seed is None else [self.seed, self.seed + 1, self.seed + 2]
        self.attention = MultiHeadAttention(
            self.num_heads, key_dim, dropout=self.dropout, seed=seeds[0], name="attention", **begun
        )
        self.attention_dropout = Dropout(self.dropout, seed=seeds[1], name="attention_dropout")
        self.attention_norm = LayerNormalization(epsilon=self.epsilon, name="attention_norm")
        self.intermediate = Dense(self.intermediate_dim, self.activation, name="intermediate", **begun)
        self.outer = Dense(features, name="outer", **begun)
        self.outer_dropout = Dropout(self.dropout, seed=seeds[2], name="outer_dropout")
        self.outer_norm = LayerNormalization(epsilon=self.epsilon, name="outer_norm")
        self.attention._build_once({"query_shape": input_shape, "value_shape": input_shape})
        self.attention_norm._build_once(input_shape)
        self.intermediate._build_once(input_shape)
        self.outer._build_once((*input_shape[:-1], self.intermediate_dim))
        self.outer_norm._build_once(input_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None, return_attention_scores: bool = False) -> Any:
        x = self.attention_norm(inputs) if self.normalize_first else inputs
        attended = self.attention(
            x,
            x,
            query_mask=mask,
            value_mask=mask,
            use_causal_mask=self.causal,
            return_attention_scores=return_attention_scores,
        )
        attended, scores = attended if return_attention_scores else (attended, None)
        y = inputs + self.attention_dropout(attended)
        x = self.outer_norm(y) if self.normalize_first else self.attention_norm(y)
        added = self.outer_dropout(self.outer(self.intermediate(x)))
        z = y + added if self.normalize_first else self.outer_norm(x + added)
        return (z, scores) if return_attention_scores else z
