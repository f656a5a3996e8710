"""Ctrl-C at every point where Python looks at signals: nothing is left half done, and what was begun can be done again."""

from __future__ import annotations

import pytest

from contracts.subprocesses import output

PRELUDE = """
import dis, random, sys
import numpy as np
import corten
from corten import layers as L
from corten.layers.context import context

from corten.graph import current_graph, tracing

CALLS = {code for name, code in dis.opmap.items() if name.startswith("CALL") or name == "JUMP_BACKWARD"}

class Interrupt:
    '''Raises KeyboardInterrupt at the n-th look: as a function of ours begins, and after each call of a native one.'''

    def __init__(self, at):
        self.at, self.looks, self.latest, self.called = at, 0, {}, set()
    def look(self):
        self.looks += 1
        if self.looks == self.at: raise KeyboardInterrupt
    def __call__(self, frame, event, _):
        if event == "call":
            if "corten" not in frame.f_code.co_filename: return None
            self.called.add(frame.f_back)
            frame.f_trace_opcodes = True
            self.latest[frame] = None
            self.look()
        elif event == "opcode":
            before, self.latest[frame] = self.latest.get(frame), frame.f_lasti
            if before is not None and frame.f_code.co_code[before] in CALLS:
                if frame in self.called: self.called.discard(frame)
                else: self.look()
        return self
    def run(self, action):
        sys.settrace(self)
        try: action()
        except KeyboardInterrupt: pass
        finally: sys.settrace(None)

def everywhere(make, most=150):
    '''make() gives an action and what must hold after it, interrupted or not.'''
    counter = Interrupt(0)
    action, check = make()
    counter.run(action); check()
    for at in sorted(random.Random(0).sample(range(1, counter.looks + 1), min(most, counter.looks))):
        action, check = make()
        Interrupt(at).run(action)
        assert current_graph() is None, f"look {at} of {counter.looks}: a graph is still entered"
        assert (context.names, context.training, context.calling) == ((), None, None), (at, vars(context))
        assert not tracing._is_owned(), at
        check()

x = np.random.default_rng(0).normal(size=(8, 4)).astype("f4")
"""

BUILT = """
def make():
    layer = LAYER
    data = x.reshape(2, 4, 4)
    def check():
        layer(data)
        assert len(layer.weights) == COUNT, [w.path for w in layer.weights]
        assert all(w.path.startswith(layer.name) for w in layer.weights), [w.path for w in layer.weights]
    return lambda: layer(data), check
everywhere(make)
"""

WEIGHTS = """
import tempfile
file = tempfile.mkdtemp() + "/w.safetensors"
model = corten.Sequential([L.Dense(3, input_shape=(4,)), L.BatchNormalization(), L.Dense(2)])
one = [np.full(w.shape, 1, "f4") for w in model.weights]
two = [np.full(w.shape, 2, "f4") for w in model.weights]
model.set_weights(two); model.save_weights(file)
def make():
    model.set_weights(one)
    def check():
        got = [w.max() for w in model.get_weights()]
        assert got in ([1] * len(one), [2] * len(one)), got
    return ACTION, check
everywhere(make)
"""

TRAINED = """
def make():
    model = corten.Sequential([L.Dense(3, activity_regularizer="l2", input_shape=(4,)), L.Dropout(0.5), L.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=EAGER)
    y = x[:, :2]
    def check():
        model.fit(x, y, verbose=0)
        assert model.predict(x, verbose=0).shape == (8, 2) and len(model.optimizer.variables) == 10
    return lambda: model.fit(x, y, batch_size=4, verbose=0), check
everywhere(make, 60)
"""

CLAIMED = """
def make():
    model = corten.Sequential([L.Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse")
    object.__setattr__(model, "_on_batch", lambda *_: None)
    def check():
        del model._on_batch
        model.train_on_batch(x, x[:, :2])
    return lambda: model.train_on_batch(x), check
everywhere(make)
"""

STEP = """
def make():
    w, optimizer = corten.Variable(np.zeros(4, "f4")), corten.optimizers.Adam(0.1)
    @corten.function
    def step(v):
        loss = corten.ops.mean((v - w) ** 2)
        optimizer.minimize(loss, [w])
        return loss
    def check():
        step(x); step(x[:3])
        assert len(optimizer.variables) == 4
    return lambda: step(x), check
everywhere(make, 600)
"""


@pytest.mark.parametrize(
    "program",
    [
        BUILT.replace("LAYER", "L.LSTM(3)").replace("COUNT", "3"),
        BUILT.replace("LAYER", "L.Bidirectional(L.GRU(2))").replace("COUNT", "6"),
        WEIGHTS.replace("ACTION", "lambda: model.set_weights(two)"),
        WEIGHTS.replace("ACTION", "lambda: model.load_weights(file)"),
        TRAINED.replace("EAGER", "False"),
        TRAINED.replace("EAGER", "True"),
        CLAIMED,
        STEP,
    ],
    ids=["lstm", "bidirectional", "set_weights", "load_weights", "fit", "fit-eagerly", "train_on_batch", "function"],
)
def test_ctrl_c_anywhere_leaves_nothing_half_done(program: str) -> None:
    output(PRELUDE + program, timeout=120)
