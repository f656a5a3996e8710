"""The kernels that are timed, family by family."""

from kernels import (
    activations,
    arithmetic,
    attention,
    convolution,
    depthwise,
    losses,
    movement,
    normalization,
    optimizers,
    pooling,
    products,
    recurrent,
    reductions,
    warping,
)

__all__ = ["CASES"]

CASES = [
    *products.CASES,
    *convolution.CASES,
    *depthwise.CASES,
    *attention.CASES,
    *pooling.CASES,
    *normalization.CASES,
    *recurrent.CASES,
    *activations.CASES,
    *losses.CASES,
    *arithmetic.CASES,
    *reductions.CASES,
    *movement.CASES,
    *warping.CASES,
    *optimizers.CASES,
]
