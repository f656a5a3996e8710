"""Runs a graph: operator after operator, on numbers that are known and on tensors."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from corten.errors import CorruptFileError, ShapeError, UnsafeFileError
from corten.onnx.graph import Graph, Node
from corten.onnx.operator import Call
from corten.onnx.operators import OPERATORS
from corten.onnx.unsupported import UnknownValueError, UnsupportedOperatorError
from corten.onnx.values import Value

__all__ = ["Apply", "apply", "expect_supported", "run"]

#: Applies a node: ``apply(node, inputs, run)``, where ``run`` gives the outputs of a graph within it.
Apply: TypeAlias = Callable[[Node, list["Value | None"], Callable[[Graph], list[Value]]], Sequence["Value | None"]]

_REASONS = {
    "Loop": "the number of turns may depend on data",
    "Scan": "the number of turns may depend on data",
    **dict.fromkeys(("SequenceAt", "SequenceConstruct", "SequenceInsert", "SplitToSequence"), "it works on sequences"),
    **dict.fromkeys(("Optional", "OptionalGetElement", "OptionalHasElement"), "it works on optional values"),
    **dict.fromkeys(("StringNormalizer", "TfIdfVectorizer", "StringConcat", "StringSplit"), "it works on text"),
}


def expect_supported(graph: Graph) -> None:
    """Refuses a graph with operators that Corten does not run.

    Raises:
        UnsupportedOperatorError: the message names each of them, and says why.
    """
    found = [f"{node} ({reason})" for node in graph.every_node() if (reason := _reason(node))]
    if found:
        more = f" and {len(found) - 50} more" if len(found) > 50 else ""
        raise UnsupportedOperatorError(f"{len(found)} operators are not supported: {', '.join(found[:50])}{more}")


def _reason(node: Node) -> str:
    """Why a node cannot be run; empty where it may be."""
    known = OPERATORS.get(node.operator)
    if known is None:
        domain = node.operator.rpartition(".")[0]
        return _REASONS.get(node.operator, f"of the domain {domain!r}" if domain else "there is no such operator")
    if not known.oldest <= node.version <= known.newest:
        return f"version {node.version} of the operators; expected {known.oldest} to {min(known.newest, 99)}"
    given = [place for place, name in enumerate(node.inputs) if name]
    if len(given) < known.fewest or (given and given[-1] >= known.most):
        return f"{len(node.inputs)} inputs"
    return ""


def run(
    graph: Graph,
    inputs: Mapping[str, Value],
    apply_node: Apply,
    constant: Callable[[Graph, str, Value], Value],
    outer: Mapping[str, Value] | None = None,
) -> list[Value]:
    """The outputs of a graph.

    Args:
        inputs: by name.
        apply_node: applies a node.
        constant: gives what a constant of a graph, by its name, stands for.
        outer: what the graph around it has, for one within another.
    """
    own: dict[str, Value] = {name: constant(graph, name, array) for name, array in graph.constants.items()}
    own.update(inputs)
    scope: Mapping[str, Value] = own if outer is None else ChainMap(own, outer)  # type: ignore[arg-type]

    def inner(branch: Graph) -> list[Value]:
        return run(branch, {}, apply_node, constant, scope)

    for node in graph.nodes:
        outputs = apply_node(node, [scope[name] if name else None for name in node.inputs], inner)
        for name, value in zip(node.outputs, outputs):
            if name and value is not None:
                own[name] = constant(graph, name, value) if node.operator == "Constant" else value
    missing = [declared.name for declared in graph.outputs if declared.name not in scope]
    if missing:
        raise UnsupportedOperatorError(f"the output {missing[0]!r} of an operator is not supported")
    return [scope[declared.name] for declared in graph.outputs]


def apply(node: Node, inputs: Sequence[Value | None], call: Call) -> list[Value | None]:
    """What an operator gives; its errors say which node it was."""
    try:
        result: Any = OPERATORS[node.operator].function(call, *inputs)
        call.expect_all_read()
    except (CorruptFileError, UnsafeFileError, MemoryError):
        raise
    except UnknownValueError as error:
        raise UnknownValueError(_located(node, error), error.source) from error
    except UnsupportedOperatorError as error:
        raise UnsupportedOperatorError(_located(node, error)) from error
    except ShapeError as error:
        raise ShapeError(_located(node, error)) from error
    except IndexError as error:
        raise IndexError(_located(node, error)) from error
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
        raise ValueError(_located(node, error)) from error
    outputs = list(result) if isinstance(result, tuple) else [result]
    wanted = [place for place, name in enumerate(node.outputs) if name]
    if wanted and wanted[-1] >= len(outputs):
        raise UnsupportedOperatorError(f"{node}: its output {wanted[-1]} is not supported")
    return outputs


def _located(node: Node, error: Exception) -> str:
    text = str(error)
    return text if str(node) in text else f"{node}: {text or type(error).__name__}"
