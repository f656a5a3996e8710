"""What makes ONNX nodes of an op."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from corten.export.emitter import Emitter
from corten.export.traced import Node

__all__ = ["Rule"]

#: Emits the nodes for one op of the engine and says where its outputs are.
Rule: TypeAlias = Callable[[Emitter, Node], None]
