"""Exported models run by onnxruntime and compared with Corten's own results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corten.graph import flatten

onnx: Any = pytest.importorskip("onnx", reason="needs onnx: pip install corten[onnx]")
onnxruntime: Any = pytest.importorskip("onnxruntime", reason="needs onnxruntime to run what was exported")

OPSETS = (13, 17, 21)
#: Of the largest result.
TOLERANCE = 1e-5


class Exported:
    """A model in a file, and a session that runs it."""

    def __init__(self, model: Any, path: Path, **options: Any) -> None:
        file = path / "model.onnx"
        model.export(file, **options)
        self.model, self.proto = model, onnx.load(file)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])

    def run(self, *inputs: Any) -> list[Any]:
        names = [value.name for value in self.session.get_inputs()]
        return list(self.session.run(None, dict(zip(names, inputs, strict=True))))

    @property
    def kinds(self) -> Counter[str]:
        """How many nodes there are of each kind."""
        return Counter(node.op_type for node in self.proto.graph.node)

    @property
    def initializers(self) -> dict[str, Any]:
        return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in self.proto.graph.initializer}

    def attributes(self, kind: str) -> list[dict[str, Any]]:
        return [
            {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            for node in self.proto.graph.node
            if node.op_type == kind
        ]

    def expect_same(self, *inputs: Any) -> None:
        """Compares results with the model's own."""
        wanted = self.model.predict(list(inputs) if len(inputs) > 1 else inputs[0], verbose=0)
        expect_close(self.run(*inputs), flatten(wanted))


def expect_close(found: Sequence[Any], wanted: Sequence[Any], tolerance: float = TOLERANCE) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(wanted, found, strict=True):
        ours = np.asarray(ours)
        assert theirs.shape == ours.shape and theirs.dtype == ours.dtype
        finite = np.isfinite(ours)
        assert (np.isfinite(theirs) == finite).all()
        scale = max(1e-3, float(np.abs(ours[finite]).max(initial=0)))
        np.testing.assert_allclose(theirs[finite], ours[finite], rtol=0, atol=tolerance * scale)


def with_random_weights(model: Any, seed: int = 2) -> Any:
    """The model, its weights drawn anew: biases that are not 0, variances above 0."""
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(w.shape).astype(np.float32) * 0.5 for w in model.weights]
    named = zip(weights, model.weights, strict=True)
    model.set_weights([np.abs(x) + 0.1 if "variance" in w.path else x for x, w in named])
    return model


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def whole(high: int, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, high, shape).astype(np.int32)
