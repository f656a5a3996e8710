"""Every layer, one line each: what Keras computes, the same bits eager and compiled, its configuration, its shapes.

A line is ``case(class name, {constructor's arguments}, the shapes of the inputs without the batch)``. An argument that
is a layer is a function of the room that has it: ``corten.layers`` or ``keras.layers``.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import warnings
from typing import Any

import numpy as np
import pytest

import corten
from contracts.harness import kind, run, weights
from corten import _core, layers, ops
from corten.graph import Graph, Tensor, Variable, flatten
from keras_differences import MASK_DIFFERENCES

LAYERS: list[tuple[str, dict[str, Any], list[tuple[int, ...]]]] = [
    ("Dense", {"units": 7}, [(5,)]),
    ("Dense", {"units": 7, "activation": "relu"}, [(5,)]),
    ("Dense", {"units": 3, "activation": "softmax", "use_bias": False}, [(4, 5)]),
    ("Dense", {"units": 3, "bias_initializer": "ones", "kernel_initializer": "he_normal"}, [(5,)]),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, [(7, 6, 3)]),
    ("Conv2D", {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "activation": "relu"}, [(7, 6, 3)]),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "dilation_rate": 2, "groups": 2, "use_bias": False}, [(7, 8, 4)]),
    ("Conv2D", {"filters": 4, "kernel_size": 5, "activation": "tanh", "padding": "same"}, [(7, 6, 1)]),
    ("Conv1D", {"filters": 4, "kernel_size": 3}, [(7, 3)]),
    ("Conv1D", {"filters": 4, "kernel_size": (4,), "strides": 2, "padding": "same", "activation": "relu"}, [(7, 3)]),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "groups": 2, "padding": "causal"}, [(7, 4)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (2, 4), "strides": (3, 2), "padding": "same", "output_padding": (0, 0)}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (4, 3), "strides": (3, 2), "padding": "same", "output_padding": 1}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (1, 4), "strides": (3, 2), "padding": "same", "output_padding": (2, 1)}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (2, 3), "strides": (3, 2)}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": (2, 3), "strides": (3, 2), "output_padding": (2, 1)}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "use_bias": False, "activation": "tanh"}, [(4, 5, 3)]),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 2, "dilation_rate": (1, 2), "padding": "same"}, [(4, 5, 3)]),
    ("Conv1DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}, [(7, 3)]),
    ("Conv1DTranspose", {"filters": 4, "kernel_size": 4, "strides": 3, "output_padding": 2}, [(7, 3)]),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "strides": 2}, [(7, 3)]),
    ("DepthwiseConv2D", {"kernel_size": (2, 3), "padding": "same", "activation": "relu"}, [(7, 6, 3)]),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "dilation_rate": 2, "use_bias": False}, [(7, 6, 3)]),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3, "padding": "same", "activation": "elu"}, [(7, 3)]),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2, "strides": 2, "activation": "relu"}, [(7, 6, 3)]),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 2, "dilation_rate": 2, "use_bias": False}, [(7, 6, 3)]),
    ("UpSampling1D", {"size": 3}, [(4, 2)]),
    ("UpSampling2D", {"size": (2, 3)}, [(4, 5, 2)]),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, [(4, 5, 2)]),
    ("UpSampling2D", {"size": (1, 4), "interpolation": "bicubic"}, [(4, 5, 17)]),
    ("UpSampling2D", {"size": (3, 1), "interpolation": "lanczos3"}, [(4, 5, 2)]),
    ("UpSampling2D", {"interpolation": "lanczos5"}, [(4, 5, 2)]),
    ("MaxPooling1D", {}, [(7, 3)]),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(7, 3)]),
    ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(7, 3)]),
    ("GlobalMaxPooling1D", {}, [(7, 3)]),
    ("GlobalAveragePooling1D", {"keepdims": True}, [(7, 3)]),
    ("MaxPooling2D", {}, [(7, 6, 3)]),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, [(7, 6, 3)]),
    ("AveragePooling2D", {"pool_size": 2}, [(7, 6, 3)]),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": 1, "padding": "same"}, [(7, 6, 3)]),
    ("GlobalMaxPooling2D", {}, [(7, 6, 3)]),
    ("GlobalMaxPooling2D", {"keepdims": True}, [(7, 6, 3)]),
    ("GlobalAveragePooling2D", {}, [(7, 6, 3)]),
    ("GlobalAveragePooling2D", {"keepdims": True}, [(7, 6, 3)]),
    ("Flatten", {}, [(3, 4, 5)]),
    ("Reshape", {"target_shape": (2, -1)}, [(3, 4)]),
    ("Permute", {"dims": (3, 1, 2)}, [(3, 4, 5)]),
    ("RepeatVector", {"n": 3}, [(5,)]),
    ("ZeroPadding1D", {"padding": (1, 2)}, [(3, 4)]),
    ("Cropping1D", {"cropping": (1, 2)}, [(5, 6)]),
    ("ZeroPadding2D", {}, [(3, 4, 2)]),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, [(3, 4, 2)]),
    ("Cropping2D", {"cropping": ((1, 0), (1, 2))}, [(5, 6, 2)]),
    ("Identity", {}, [(5,)]),
    ("Embedding", {"input_dim": 5, "output_dim": 3}, [(4,)]),
    ("Embedding", {"input_dim": 5, "output_dim": 3, "mask_zero": True}, [(4, 2)]),
    ("Masking", {"mask_value": 0.5}, [(4, 3)]),
    ("SimpleRNN", {"units": 4}, [(5, 3)]),
    ("SimpleRNN", {"units": 4, "activation": "relu", "return_sequences": True, "go_backwards": True}, [(5, 3)]),
    ("LSTM", {"units": 4}, [(5, 3)]),
    ("LSTM", {"units": 17, "return_sequences": True, "use_bias": False}, [(5, 3)]),
    ("LSTM", {"units": 4, "recurrent_activation": "hard_sigmoid", "unit_forget_bias": False}, [(5, 3)]),
    ("GRU", {"units": 4}, [(5, 3)]),
    ("GRU", {"units": 17, "return_sequences": True, "reset_after": False}, [(5, 3)]),
    ("GRU", {"units": 4, "activation": "elu", "go_backwards": True}, [(5, 3)]),
    ("RNN", {"cell": lambda room: room.SimpleRNNCell(4, activation="sigmoid")}, [(5, 3)]),
    ("RNN", {"cell": lambda room: room.StackedRNNCells([room.LSTMCell(4), room.GRUCell(3)]), "return_sequences": True}, [(5, 3)]),
    ("Bidirectional", {"layer": lambda room: room.LSTM(4, return_sequences=True)}, [(5, 3)]),
    ("Bidirectional", {"layer": lambda room: room.GRU(4), "merge_mode": "ave"}, [(5, 3)]),
    ("TimeDistributed", {"layer": lambda room: room.Conv2D(2, 3)}, [(4, 6, 5, 3)]),
    ("Activation", {"activation": "gelu"}, [(5,)]),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, [(5,)]),
    ("ReLU", {}, [(5,)]),
    ("LeakyReLU", {}, [(5,)]),
    ("ELU", {"alpha": 0.5}, [(5,)]),
    ("PReLU", {"alpha_initializer": "ones", "shared_axes": [1]}, [(4, 5)]),
    ("Softmax", {}, [(5,)]),
    ("Softmax", {"axis": 1}, [(4, 5)]),
    ("Dropout", {"rate": 0.5}, [(5,)]),
    ("SpatialDropout1D", {"rate": 0.5}, [(4, 5)]),
    ("SpatialDropout2D", {"rate": 0.5}, [(4, 3, 5)]),
    ("SpatialDropout3D", {"rate": 0.5}, [(2, 4, 3, 5)]),
    ("GaussianNoise", {"stddev": 0.5}, [(5,)]),
    ("GaussianDropout", {"rate": 0.5}, [(5,)]),
    ("AlphaDropout", {"rate": 0.5}, [(5,)]),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, [(5,)]),
    ("BatchNormalization", {}, [(5,)]),
    ("BatchNormalization", {"axis": 1, "epsilon": 0.1, "scale": False}, [(4, 5, 3)]),
    ("BatchNormalization", {"center": False}, [(4, 5, 3)]),
    ("LayerNormalization", {}, [(4, 17)]),
    ("LayerNormalization", {"axis": [1, 2], "scale": False}, [(4, 5)]),
    ("LayerNormalization", {"axis": 1, "center": False, "epsilon": 0.1}, [(4, 5)]),
    ("GroupNormalization", {"groups": 2}, [(3, 4, 6)]),
    ("GroupNormalization", {"groups": -1, "center": False}, [(5, 6)]),
    ("GroupNormalization", {"groups": 2, "axis": 1, "scale": False}, [(4, 5)]),
    ("RMSNormalization", {}, [(4, 5)]),
    ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, [(4, 5)]),
    ("UnitNormalization", {}, [(4, 5)]),
    ("UnitNormalization", {"axis": [1, 2]}, [(4, 5)]),
    ("Sampling", {"seed": 3}, [(4,), (4,)]),
    ("Rescaling", {"scale": 0.1, "offset": -1.0}, [(5,)]),
    ("RandomFlip", {}, [(4, 5, 2)]),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": (-0.1, 0.3)}, [(4, 5, 2)]),
    ("RandomRotation", {"factor": 0.3}, [(4, 5, 2)]),
    ("RandomRotation", {"factor": (0.1, 0.2), "fill_mode": "constant", "fill_value": 2.0, "interpolation": "nearest"}, [(5, 4, 2)]),
    ("RandomZoom", {"height_factor": 0.2, "width_factor": (-0.5, 1.0), "fill_mode": "wrap"}, [(4, 5, 2)]),
    ("RandomShear", {"x_factor": 0.5, "y_factor": (0.1, 0.2), "fill_mode": "nearest"}, [(4, 5, 2)]),
    ("RandomPerspective", {"factor": (0.5, 1.0), "scale": 0.4}, [(4, 5, 2)]),
    ("RandomCrop", {"height": 3, "width": 4}, [(6, 5, 2)]),
    ("RandomCrop", {"height": 6, "width": 4}, [(4, 5, 2)]),
    ("RandomBrightness", {"factor": 0.2}, [(4, 5, 2)]),
    ("RandomContrast", {"factor": (0.2, 0.4)}, [(4, 5, 2)]),
    ("RandomSaturation", {"factor": 1.0, "value_range": (-5, 5)}, [(4, 5, 3)]),
    ("RandomHue", {"factor": 0.5, "value_range": [-5, 5]}, [(4, 5, 3)]),
    ("RandomGrayscale", {}, [(4, 5, 3)]),
    ("RandomInvert", {"factor": (0.5, 0.5)}, [(4, 5, 3)]),
    ("RandomColorDegeneration", {"factor": 0.5}, [(4, 5, 3)]),
    ("RandomColorJitter", {"value_range": (-5, 5), "brightness_factor": 0.2, "contrast_factor": 0.2, "saturation_factor": 0.6, "hue_factor": 0.3}, [(4, 5, 3)]),
    ("RandomErasing", {}, [(4, 5, 2)]),
    ("RandomErasing", {"factor": 0.5, "fill_value": [1.0, 2.0, 3.0], "scale": 0.4}, [(4, 5, 3)]),
    ("Solarization", {"threshold_factor": 0.5}, [(4, 5, 2)]),
    ("RandAugment", {"value_range": (-5, 5), "factor": 0.3}, [(4, 5, 3)]),
    ("MixUp", {}, [(4, 5, 2)]),
    ("CutMix", {"factor": (0.5, 1.0)}, [(4, 5, 2)]),
    ("CenterCrop", {"height": 3, "width": 2}, [(4, 5, 2)]),
    ("CenterCrop", {"height": 6, "width": 2}, [(4, 5, 2)]),
    ("Resizing", {"height": 6, "width": 2}, [(4, 5, 2)]),
    ("Resizing", {"height": 3, "width": 7, "interpolation": "nearest", "pad_to_aspect_ratio": True, "fill_value": 2.0}, [(4, 5, 2)]),
    ("Add", {}, [(4, 5), (4, 5), (4, 1)]),
    ("Subtract", {}, [(4, 5), (4, 5)]),
    ("Multiply", {}, [(4, 5), (5,)]),
    ("Average", {}, [(4, 5), (4, 5), (4, 5)]),
    ("Maximum", {}, [(4, 5), (4, 5)]),
    ("Minimum", {}, [(4, 5), (4, 5)]),
    ("Concatenate", {}, [(4, 5), (4, 2)]),
    ("Concatenate", {"axis": 1}, [(4, 5), (2, 5)]),
    ("Dot", {"axes": 1}, [(5,), (5,)]),
    ("Dot", {"axes": (2, 1), "normalize": True}, [(3, 5), (5, 2)]),
    ("Attention", {}, [(4, 6), (5, 6)]),
    ("Attention", {"use_scale": True, "score_mode": "concat", "dropout": 0.5}, [(4, 6), (5, 3), (5, 6)]),
    ("AdditiveAttention", {}, [(4, 6), (5, 6)]),
    ("AdditiveAttention", {"use_scale": False}, [(4, 6), (5, 3), (5, 6)]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [(4, 6), (5, 7)]),
    ("MultiHeadAttention", {"num_heads": 3, "key_dim": 3, "value_dim": 2, "output_shape": (2, 4), "use_gate": True, "sliding_window": 2}, [(4, 6), (5, 7), (5, 3)]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_bias": False, "dropout": 0.5, "attention_axes": -2}, [(3, 4, 6), (3, 5, 6)]),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 6, "num_key_value_heads": 2}, [(4, 6), (5, 7)]),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1, "use_gate": True, "dropout": 0.5}, [(4, 6), (5, 7), (5, 3)]),
    ("PositionalEmbedding", {"sequence_length": 6, "input_dim": 5, "output_dim": 3, "mask_zero": True}, [(4,)]),
    ("TransformerBlock", {"num_heads": 2, "intermediate_dim": 7, "dropout": 0.5}, [(4, 6)]),
    ("TransformerBlock", {"num_heads": 2, "intermediate_dim": 7, "key_dim": 5, "causal": True, "normalize_first": True, "activation": "gelu"}, [(4, 6)]),
]  # fmt: skip

each = pytest.mark.parametrize(
    ("name", "options", "shapes"), LAYERS, ids=[f"{name}({','.join(options)})" for name, options, _ in LAYERS]
)
BATCH = 3
#: In the inputs, where threads are compared: enough that most layers use several (see test_every_op.py).
ELEMENTS = 160_000

#: How the names of layers begin that augment, and of those that take images alone.
AUGMENTATION = ("Rand", "MixUp", "CutMix", "Solarization")
IMAGES = (*AUGMENTATION, "CenterCrop", "Resizing")
#: Layers that Keras does not have, or that do something else there.
OURS = {"Sampling", "RandomCrop"}
#: Layers that take indices, and how many there are.
INDICES = {"Embedding": 5, "PositionalEmbedding": 5}


def inputs(name: str, shapes: list[tuple[int, ...]], batch: int = BATCH) -> Any:
    rng = np.random.default_rng(1)
    if name in INDICES:
        return rng.integers(0, INDICES[name], (batch, *shapes[0])).astype(np.int32)
    arrays = [rng.standard_normal((batch, *shape)).astype(np.float32) for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


def call(layer: Any, x: Any, **options: Any) -> Any:
    """Attention with heads takes its inputs one by one, all others as one argument."""
    if type(layer).__name__.startswith(AUGMENTATION):
        # Keras's augment also where nobody says that this is training.
        options.setdefault("training", False)
    return (
        layer(*x, **options)
        if "Head" in type(layer).__name__ or "Query" in type(layer).__name__
        else layer(x, **options)
    )


def made(room: Any, name: str, options: dict[str, Any]) -> Any:
    return getattr(room, name)(**{key: value(room) if callable(value) else value for key, value in options.items()})


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    return pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


@each
def test_computes_what_keras_computes(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]], keras: Any
) -> None:
    if name in OURS:
        pytest.skip("Keras has no such layer, or another one")
    if not hasattr(keras.layers, name):
        pytest.skip("Keras has no such layer")
    x = inputs(name, shapes)
    layer, oracle = made(layers, name, options), made(keras.layers, name, options)
    call(oracle, x)
    y = call(layer, x)
    rng = np.random.default_rng(2)
    weights = [rng.standard_normal(w.shape).astype(np.float32) for w in oracle.get_weights()]
    assert [w.shape for w in layer.get_weights()] == [w.shape for w in weights]
    layer.set_weights(weights)
    oracle.set_weights(weights)
    y, wanted = call(layer, x), np.asarray(call(oracle, x))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, wanted, rtol=2e-5, atol=2e-5)
    assert [w.name for w in layer.weights] == [w.name for w in oracle.weights]


@each
def test_same_bits_eager_and_compiled(name: str, options: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    x = inputs(name, shapes)
    layer = made(layers, name, options)
    y = call(layer, x)
    graph = Graph()
    given = x if isinstance(x, list) else [x]
    with graph:
        tensors = [graph.variable(Variable(array, dtype=kind(array))) for array in given]
        out = call(layer, tensors if isinstance(x, list) else tensors[0])
    assert run(graph, [out])[0].tobytes() == y.tobytes()


def trained(name: str, options: dict[str, Any], x: Any, eager: bool) -> list[bytes]:
    """The bits of what a layer gives in training, and of the gradients by inputs and weights."""
    corten.utils.set_random_seed(5)
    layer = made(layers, name, options)
    graph = Graph(eager=eager)
    given = x if isinstance(x, list) else [x]
    variables = [Variable(array, dtype=kind(array)) for array in given]
    with graph:
        tensors = [graph.variable(v) for v in variables]
        y = call(layer, tensors if isinstance(x, list) else tensors[0], training=True)
        wrt = [*(t for t in tensors if t.dtype == "float32"), *layer.trainable_variables]
        found = [y, *flatten(corten.gradients(ops.sum(y * weights(y.shape).astype(np.float32)), wrt))]
        arrays = [t.numpy() for t in found] if eager else run(graph, found)
    return [array.tobytes() for array in arrays]


@each
@pytest.mark.parametrize("threads", [3, *(pytest.param(count, marks=pytest.mark.thorough) for count in (2, 5, 8))])
def test_trains_to_the_same_bits_on_any_number_of_threads_eager_and_compiled(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]], threads: int
) -> None:
    x = inputs(name, shapes, batch=ELEMENTS // max(math.prod(shape) for shape in shapes) | 1)
    found = {}
    try:
        for count in (1, threads):
            _core.set_threads(count)
            for eager in (False, True):
                found[count, eager] = trained(name, options, x, eager)
    finally:
        _core.set_threads(0)
    assert [way for way, bits in found.items() if bits != found[1, False]] == []


def masked(line: tuple[str, dict[str, Any], list[tuple[int, ...]]]) -> bool:
    """Whether its one input has steps that a mask of (batch, steps) may leave out, and Keras lets it."""
    name, options, shapes = line
    if len(shapes) > 1 or len(shapes[0]) < 2 or name in INDICES or name.startswith(IMAGES):
        return False
    # What walks backwards hands on the mask in the order of its outputs; Keras hands on that of its inputs.
    if options.get("go_backwards") and options.get("return_sequences"):
        return False
    return len(shapes[0]) == 2 and options.get("axis") != 1 if name in ("BatchNormalization", "Softmax") else True


MASKED = [line for line in LAYERS if masked(line)]


@pytest.mark.parametrize(
    ("name", "options", "shapes"), MASKED, ids=[f"{name}({','.join(options)})" for name, options, _ in MASKED]
)
def test_hands_a_mask_on_as_keras_does(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]], keras: Any
) -> None:
    if not hasattr(keras.layers, name):
        pytest.skip("Keras has no such layer")
    x = inputs(name, shapes)
    mask = np.random.default_rng(1).random(x.shape[:2]) < 0.6
    layer, oracle = made(layers, name, options), made(keras.layers, name, options)
    oracle(x)
    keeps = name in MASK_DIFFERENCES
    assert not (keeps and oracle.supports_masking)
    wanted = oracle.compute_mask(x, mask) if oracle.supports_masking or keeps else None
    with Graph(eager=True) as graph, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        given = graph.constant(x)
        given.mask = graph.constant(mask.astype(np.float32))
        found = flatten(call(layer, given))[0].mask
        call(layer, given)
    # Lost, it is missed aloud, and once.
    text = f"Layer {layer.name!r} (of type {name}) was passed an input with a mask attached to it."
    lost = [str(one.message).startswith(text) for one in seen]
    assert lost == ([] if oracle.supports_masking or keeps else [True])
    wanted = wanted[0] if isinstance(wanted, (list, tuple)) else wanted
    assert (found is None) == (wanted is None)
    if found is not None:
        np.testing.assert_array_equal(found.numpy(), np.asarray(wanted))


@each
def test_integers_give_what_floats_give(name: str, options: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    """Pixels, counts, flags: nothing is rounded, and nothing has to be cast by hand."""
    if name in INDICES:
        pytest.skip("takes integers alone")
    arrays = [np.random.default_rng(3).integers(0, 5, (BATCH, *shape)) for shape in shapes]
    found = []
    for dtype in ("float32", "int32", "uint8", "int64"):
        x = [array.astype(dtype) for array in arrays]
        corten.utils.set_random_seed(1)
        layer = made(layers, name, options)
        found.append([call(layer, x if len(x) > 1 else x[0], training=training) for training in (False, True)])
    for others in found[1:]:
        for other, wanted in zip(others, found[0], strict=True):
            np.testing.assert_array_equal(other, wanted)


@each
def test_makes_itself_again_from_its_configuration(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]]
) -> None:
    x = inputs(name, shapes)
    layer = made(layers, name, options)
    y = call(layer, x)
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert json.dumps(again.get_config()) == json.dumps(config)
    assert again.name == layer.name
    call(again, x)
    again.set_weights(layer.get_weights())
    assert np.asarray(call(again, x)).tobytes() == np.asarray(y).tobytes()


@each
def test_says_its_output_shape(name: str, options: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    symbolic = [(None, *shape) for shape in shapes]
    layer = made(layers, name, options)
    asked = symbolic if len(symbolic) > 1 else symbolic[0]
    separate = len(inspect.signature(layer.compute_output_shape).parameters) > 1
    said = layer.compute_output_shape(*asked) if separate else layer.compute_output_shape(asked)
    for batch in (0, 1, 4):
        assert tuple(said) == (None, *call(layer, inputs(name, shapes, batch)).shape[1:])
        assert call(layer, inputs(name, shapes, batch)).shape[0] == batch


@each
def test_gradient_by_inputs_and_weights_is_finite(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]]
) -> None:
    x = inputs(name, shapes)
    layer = made(layers, name, options)
    with Graph(eager=True) as graph:
        tensors = [graph.constant(array) for array in (x if isinstance(x, list) else [x])]
        y = call(layer, tensors if isinstance(x, list) else tensors[0], training=True)
        wrt = [*(t for t in tensors if t.dtype == "float32"), *layer.trainable_variables]
        found: list[Tensor] = corten.gradients(corten.ops.sum(y), wrt)
        assert all(np.isfinite(g.numpy()).all() for g in flatten(found))
        assert [g.shape for g in flatten(found)] == [w.shape for w in wrt]


def test_every_layer_has_a_line() -> None:
    known = {cls.__name__ for cls in vars(layers).values() if inspect.isclass(cls) and issubclass(cls, layers.Layer)}
    # Cells are applied by RNN and the layers made of them. A Lambda has no configuration; see test_lambda_function.py.
    cells = {name for name in known if hasattr(getattr(layers, name), "state_size")}
    assert known - {name for name, _, _ in LAYERS} - {"Layer", "InputLayer", "Lambda"} - cells == set()
