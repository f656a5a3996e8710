"""Names of layers, made of those in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from corten.onnx.graph import Node

__all__ = ["LayerNames"]


class LayerNames:
    """Gives layers names, each once, made of what the file calls the node or its first weight.

    Args:
        nodes: those that there are; what the paths of all begin with is left out.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._taken: set[str] = set()
        paths = [node.name.strip("/").split("/")[:-1] for node in nodes]
        same = [len(set(parts)) == 1 for parts in zip(*paths)]
        self._common = ([*same, False]).index(False) if len(paths) > 1 else 0

    def __call__(self, node: Node, weight: str) -> str:
        module, dot, last = weight.rpartition(".")
        # What PyTorch calls a weight begins with the module that has it.
        is_module = dot and re.fullmatch(r"\w*(weight|bias|gamma|beta)\w*", last)
        text = module if is_module else "/".join(node.name.strip("/").split("/")[self._common :])
        base = re.sub(r"[^A-Za-z0-9_.\-]+", "_", text).strip("_")[-100:] or node.operator
        name, count = base, 1
        while name in self._taken:
            name, count = f"{base}_{count}", count + 1
        self._taken.add(name)
        return name
