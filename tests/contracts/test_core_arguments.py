"""The native module by itself: what it is given may lie about its length, and kills nobody."""

from __future__ import annotations

import json

from contracts.subprocesses import output

#: Each in a process with little memory, where reserving what ``len()`` says would end it.
PROGRAM = """
import json, resource
import numpy as np
from corten import _core
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

class Long:
    "Few items, and a length that nothing has."
    def __len__(self): return 2**62
    def __getitem__(self, index):
        if index > 2: raise IndexError
        return 1

class Endless:
    def __iter__(self): return self
    def __next__(self): return 1

class LongList(list):
    def __len__(self): return 2**62

x = np.ones(3, np.float32)
graph = _core.Graph(False)
value = graph.constant(x)
variable = _core.Variable(x)
program = graph.compile([], [value])
said = {}
for liar in (Long(), Endless(), LongList([0]), np.broadcast_to(np.int64(0), (1 << 40,)), range(1 << 40), "text", None, 5):
    for name, call in {
        "run arrays": lambda: _core.run("exp", liar, {}),
        "run attribute": lambda: _core.run("transpose", [x], {"axes": liar}),
        "assign variables": lambda: _core.assign(liar, [x]),
        "assign values": lambda: _core.assign([variable], liar),
        "input": lambda: graph.input(liar, "float32"),
        "push": lambda: graph.push("exp", liar, {}),
        "gradients": lambda: graph.gradients(value, liar),
        "call": lambda: graph.call(liar),
        "compile inputs": lambda: graph.compile(liar, [value]),
        "compile outputs": lambda: graph.compile([], liar),
        "program arrays": lambda: program.run(liar, None, 0, 1, 1, [x.copy()], None, 1.0),
        "program outputs": lambda: program.run([], None, 0, 1, 1, liar, None, 1.0),
        "program rows": lambda: program.run([], liar, 0, 1, 1, [x.copy()], None, 1.0),
        "program steps": lambda: program.run([], None, 2**63, 2**63, 2**63, [x.copy()], None, 1.0),
        "threads": lambda: _core.set_threads(2**40),
    }.items():
        try: call()
        except Exception as error: said.setdefault(name, set()).add(type(error).__name__)
print(json.dumps({name: sorted(kinds) for name, kinds in said.items()}))
"""


def test_a_length_that_lies_is_an_error() -> None:
    said = json.loads(output(PROGRAM, timeout=60))
    for name, kinds in said.items():
        assert set(kinds) <= {"TypeError", "ValueError", "ShapeError", "InternalError", "OverflowError"}, (name, kinds)
    assert {name for name, kinds in said.items() if "TypeError" in kinds} >= {
        "run arrays", "run attribute", "assign variables", "assign values", "input", "push", "gradients", "call",
        "compile inputs", "compile outputs", "program arrays", "program outputs",
    }  # fmt: skip
    assert said["threads"] == ["ValueError"]


def test_assigning_needs_a_value_for_each_variable() -> None:
    program = """
    import numpy as np
    from corten import _core
    one, other = _core.Variable(np.zeros(2, np.float32)), _core.Variable(np.zeros(2, np.float32))
    try: _core.assign([one, other], [np.ones(2, np.float32)])
    except ValueError as error: print(error)
    print(one.value(), other.value())
    """
    said, kept = output(program).splitlines()
    assert said == "assign: expected a value for each of 2 variables, got 1" and kept == "[0. 0.] [0. 0.]"
