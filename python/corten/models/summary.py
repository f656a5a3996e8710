"""``model.summary()``: a table of layers, output shapes and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from corten.layers.layer import Layer
from corten.tensor import SymbolicTensor, flatten

if TYPE_CHECKING:
    from corten.models.model import Model

__all__ = ["print_summary"]


def print_summary(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints the table to ``print_fn``, once with the whole text."""
    calls = {id(call.function): call for call in getattr(model, "_calls", None) or _chain_calls(model)}
    connected = type(model).__name__ == "Functional"
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Connected to"] if connected else []
    header += ["Trainable"] if show_trainable else []
    rows = [
        _row(layer, depth, calls, connected, show_trainable)
        for depth, layer in _walk(_within(model.layers, layer_range), expand_nested, 0)
    ]
    width = line_length or (108 if connected else 88)
    shares = list(positions) if positions else _shares(len(header))
    edges = [round(share * width) if share <= 1 else int(share) for share in shares]
    widths = [edge - before - 3 for edge, before in zip(edges, [0, *edges], strict=False)]
    widths = [max(w, 6) for w in widths]

    def line(cells: Sequence[str]) -> str:
        return "│ " + " │ ".join(_fit(cell, w) for cell, w in zip(cells, widths, strict=True)) + " │"

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (w + 2) for w in widths) + right

    lines = [f'Model: "{model.name}"', rule("┌", "┬", "┐"), line(header), rule("├", "┼", "┤")]
    lines += [line(row) for row in rows]
    lines.append(rule("└", "┴", "┘"))
    trained = sum(weight.size for weight in model.trainable_weights)
    frozen = sum(weight.size for weight in model.weights) - trained
    slots = 0 if model.optimizer is None else sum(variable.size for variable in model.optimizer.variables)
    lines.append(f" Total params: {_count(trained + frozen)}")
    lines.append(f" Trainable params: {_count(trained)}")
    lines.append(f" Non-trainable params: {_count(frozen)}")
    if slots:
        lines.append(f" Optimizer params: {_count(slots)}")
    (print_fn or print)("\n".join(lines))


def _chain_calls(model: Model) -> list[Any]:
    whole = getattr(model, "_functional", None)
    return [] if whole is None else list(whole._calls)


def _within(layers: Sequence[Layer], names: Sequence[str] | None) -> Sequence[Layer]:
    if names is None:
        return layers
    known = [layer.name for layer in layers]
    if len(names) != 2 or any(name not in known for name in names):
        raise ValueError(
            f"layer_range: expected the names of a first and a last layer among {known}, got {list(names)}"
        )
    return layers[known.index(names[0]) : known.index(names[1]) + 1]


def _walk(layers: Sequence[Layer], nested: bool, depth: int) -> list[tuple[int, Layer]]:
    found: list[tuple[int, Layer]] = []
    for layer in layers:
        found.append((depth, layer))
        if nested:
            found += _walk(getattr(layer, "layers", []), nested, depth + 1)
    return found


def _row(layer: Layer, depth: int, calls: dict[int, Any], connected: bool, show_trainable: bool) -> list[str]:
    call = calls.get(id(layer))
    promised = getattr(layer, "batch_shape", None)
    if call is not None:
        shapes = [tensor.shape for tensor in flatten(call.outputs)]
        shape = str(shapes[0] if len(shapes) == 1 else shapes)
    elif promised is not None:
        shape = str(promised)
    else:
        shape = "?"
    row = ["  " * depth + f"{layer.name} ({type(layer).__name__})", shape]
    row.append(f"{sum(weight.size for weight in layer.weights):,}" if layer.built else "0 (unbuilt)")
    if connected:
        sources = [] if call is None else [leaf for leaf in flatten([call.args]) if isinstance(leaf, SymbolicTensor)]
        row.append(", ".join(_source(tensor) for tensor in sources) or "-")
    if show_trainable:
        row.append("Y" if layer.trainable_weights else ("-" if not layer.weights else "N"))
    return row


def _source(tensor: SymbolicTensor) -> str:
    if tensor.call is None:
        return str(tensor.name)
    function = tensor.call.function
    return function.name if isinstance(function, Layer) else getattr(function, "__name__", "op")


def _shares(columns: int) -> list[float]:
    return {3: [0.45, 0.80, 1.0], 4: [0.32, 0.58, 0.74, 1.0], 5: [0.30, 0.54, 0.68, 0.90, 1.0]}[columns]


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _count(params: int) -> str:
    size = float(params * 4)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{params:,} ({size:.2f} {unit})"
        size /= 1024
    return f"{params:,}"
