"""Every layer, as the table of contracts has them, alone in a model: exported it gives what Corten gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corten
from contracts.test_every_layer import INDICES, LAYERS, call, inputs, made
from corten import layers
from export.running import OPSETS, Exported, with_random_weights

IDS = [f"{name}({','.join(options)})" for name, options, _ in LAYERS]
each = pytest.mark.parametrize(("name", "options", "shapes"), LAYERS, ids=IDS)

#: Layers that are built for known sizes, by their axes.
KNOWN = (
    "BatchNormalization(axis",
    "LayerNormalization(axis",
    "GroupNormalization(groups,axis",
    "RMSNormalization(axis",
)
#: Lines with so many sizes behind the batch left open.
OPEN = [
    (*line, count)
    for count in (1, 2)
    for line, id in zip(LAYERS, IDS, strict=True)
    if min(map(len, line[2])) > count and not id.startswith((*KNOWN, "Dot(axes,normalize"))
]
#: Those of them that are refused, and why: what interpolates does so by a matrix made for one size, the part in the
#: middle begins where that size says, and steps that are nodes of the graph are as many as there are.
REFUSED = {
    ("UpSampling2D", "bilinear", 1): "a constant of shape",
    ("UpSampling2D", "bilinear", 2): "a constant of shape",
    ("UpSampling2D", "bicubic", 2): "a constant of shape",
    ("UpSampling2D", "lanczos3", 1): "a constant of shape",
    ("UpSampling2D", "lanczos3", 2): "a constant of shape",
    ("UpSampling2D", "lanczos5", 1): "a constant of shape",
    ("UpSampling2D", "lanczos5", 2): "a constant of shape",
    ("LSTM", "hard_sigmoid", 1): "op 'split' of layer 'lstm.*': the model does something else for other sizes",
    ("GRU", "elu", 1): "op 'split' of layer 'gru.*': the model does something else for other sizes",
    **{
        (name, "", count): "does not follow from the open sizes"
        for name in ("CenterCrop", "RandomCrop")
        for count in (1, 2)
    },
    **{("Resizing", "", count): "a constant of shape" for count in (1, 2)},
    **{("Resizing", "nearest", count): "does not follow from the open sizes" for count in (1, 2)},
    ("RNN", "", 1): "op 'split' of layer 'rnn.*': the model does something else for other sizes",
}


def model_of(name: str, options: dict[str, Any], shapes: list[Any]) -> corten.Model:
    dtype = "int32" if name in INDICES else "float32"
    given = [corten.Input(shape, dtype=dtype) for shape in shapes]
    layer = made(layers, name, options)
    model = corten.Model(given if len(given) > 1 else given[0], call(layer, given if len(given) > 1 else given[0]))
    return with_random_weights(model)


def listed(x: Any) -> list[Any]:
    return x if isinstance(x, list) else [x]


@each
@pytest.mark.parametrize("opset", OPSETS)
def test_exports_with_an_open_batch(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]], opset: int, tmp_path: Path
) -> None:
    exported = Exported(model_of(name, options, shapes), tmp_path, opset_version=opset)
    for batch in (1, 3, 7):
        exported.expect_same(*listed(inputs(name, shapes, batch)))


@pytest.mark.parametrize(("name", "options", "shapes", "count"), OPEN)
def test_exports_with_open_inner_sizes(
    name: str, options: dict[str, Any], shapes: list[tuple[int, ...]], count: int, tmp_path: Path
) -> None:
    """The first or the first two sizes behind the batch are open; lengths differ from run to run."""
    model = model_of(name, options, [(None,) * count + shape[count:] for shape in shapes])
    way = options.get("interpolation", options.get("recurrent_activation", options.get("activation", "")))
    refused = None if name == "RNN" and "return_sequences" in options else REFUSED.get((name, way, count))
    if refused is not None:
        with pytest.raises(ValueError, match=refused):
            Exported(model, tmp_path)
        return
    exported = Exported(model, tmp_path)
    for longer in (0, 1, 3)[: 2 if name == "PositionalEmbedding" else 3]:
        sizes = [
            tuple(n + longer if axis < count and n != 1 else n for axis, n in enumerate(shape)) for shape in shapes
        ]
        exported.expect_same(*listed(inputs(name, sizes, 2)))
