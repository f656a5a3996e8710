"""Values and what is made of them: arrays, tensors, variables, graphs, and the steps traced from these."""

from corten.graph.arrays import Array, as_array, column_dtype, engine_dtype, native, numeric
from corten.graph.gradients import gradients
from corten.graph.graph import Graph, StandIn, Tensor, current_graph, push
from corten.graph.locks import tracing
from corten.graph.nested import Nested, flatten, map_nested
from corten.graph.operand import Operand, TensorLike, Value
from corten.graph.symbolic import Call, Shape, SymbolicTensor, has_symbolic, record, symbolic, trial
from corten.graph.trace import Signature, Step, StepCache, run_eagerly
from corten.graph.variable import Variable, assign, clear, values

__all__ = [
    "Array",
    "Call",
    "Graph",
    "Nested",
    "Operand",
    "Shape",
    "Signature",
    "StandIn",
    "Step",
    "StepCache",
    "SymbolicTensor",
    "Tensor",
    "TensorLike",
    "Value",
    "Variable",
    "as_array",
    "assign",
    "clear",
    "column_dtype",
    "current_graph",
    "engine_dtype",
    "flatten",
    "gradients",
    "has_symbolic",
    "map_nested",
    "native",
    "numeric",
    "push",
    "record",
    "run_eagerly",
    "symbolic",
    "tracing",
    "trial",
    "values",
]
