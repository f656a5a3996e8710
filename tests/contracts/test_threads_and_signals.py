"""Ctrl-C, fork, threads, sub-interpreters, panics and memory limits, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib.util import find_spec

import pytest

from contracts.subprocesses import finish, output, start

pytestmark = pytest.mark.alone

PRELUDE = """
import hashlib, json, os, signal, sys, threading, time
# A shell that puts the tests into the background lets them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
import corten
from corten import layers as L, losses, optimizers
from corten.models import Sequential

def small():
    corten.utils.set_random_seed(3)
    model = Sequential([L.Dense(32, activation="relu", input_shape=(16,)), L.Dense(4)])
    return model, np.random.default_rng(0).normal(size=(4000, 16)).astype("f4")

def large():
    corten.utils.set_random_seed(3)
    model = Sequential([
        L.Conv2D(16, 3, activation="relu", input_shape=(28, 28, 1)), L.MaxPooling2D(2),
        L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(2), L.Flatten(), L.Dropout(0.2), L.Dense(4)])
    return model, np.random.default_rng(0).normal(size=(2048, 28, 28, 1)).astype("f4")

def made(kind, **options):
    model, x = {"small": small, "large": large}[kind]()
    model.compile(optimizers.Adam(), losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return model, x, np.random.default_rng(1).integers(0, 4, len(x))

def state(model):
    return b"".join(v.numpy().tobytes() for v in [*model.variables, *model.optimizer.variables])
"""

# Interrupts the action at several times, and asks: what was computed before it came back, and are the weights those of
# a whole number of batches? Lateness is processor time, of all threads, which neighbours do not lengthen.
INTERRUPTED = (
    PRELUDE
    + """
kind, mode, seed = KIND_MODE_SEED
batch = 64
model, x, y = made(kind, run_eagerly=mode == "eager")
steps = len(x) // batch
x, y = x[: steps * batch], y[: steps * batch]
model.train_on_batch(x[:batch], y[:batch]); model.predict(x[:batch], verbose=0)
variables = [*model.variables, *model.optimizer.variables]
begin = [v.numpy() for v in variables]
started = int(model.optimizer.iterations.numpy())

def restore():
    for variable, value in zip(variables, begin): variable.assign(value)

class Hook(corten.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None): pass

def forever():
    while True:
        for i in range(steps): yield x[i * batch : (i + 1) * batch], y[i * batch : (i + 1) * batch]

fit = lambda **k: model.fit(x, y, batch_size=batch, epochs=10**6, shuffle=False, verbose=0, **k)
def again(action):
    while True: action()
actions = {
    "fit": fit,
    "eager": fit,
    "hook": lambda: fit(callbacks=[Hook()]),
    "generator": lambda: model.fit(forever(), verbose=0),
    "evaluate": lambda: again(lambda: model.evaluate(x, y, batch_size=batch, verbose=0)),
    "predict": lambda: again(lambda: model.predict(x, batch_size=batch, verbose=0)),
    "whole": lambda: model.fit(x, y, batch_size=len(x), epochs=10**6, shuffle=False, verbose=0),
}
random = np.random.default_rng(int(seed))
late, done = [], []
for delay in random.uniform(0.02, 0.25, 4):
    restore()
    sent = []
    def interrupt():
        time.sleep(delay)
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        actions[mode]()
    except KeyboardInterrupt:
        late.append(time.process_time() - sent[0])
    thread.join()
    found = [v.numpy() for v in variables]
    if mode in ("evaluate", "predict"):
        for a, b in zip(found, begin): assert a.tobytes() == b.tobytes()
        continue
    count = int(model.optimizer.iterations.numpy()) - started
    done.append(count)
    restore()
    for k in range(count):
        rows = slice(None) if mode == "whole" else slice(k % steps * batch, (k % steps + 1) * batch)
        model.train_on_batch(x[rows], y[rows])
    for a, b, v in zip(found, variables, variables):
        assert a.tobytes() == b.numpy().tobytes(), (v.path, count)
assert len(late) == 4, late
history = model.fit(x[:128], y[:128], verbose=0).history
assert np.isfinite(history["loss"]).all() and np.isfinite(model.predict(x[:10], verbose=0)).all()
print(json.dumps([late, done]))
"""
)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("small", "fit"),
        ("small", "eager"),
        ("small", "hook"),
        ("small", "generator"),
        ("small", "evaluate"),
        ("small", "predict"),
        ("large", "fit"),
        ("large", "eager"),
        ("large", "whole"),
        ("large", "evaluate"),
        ("large", "predict"),
    ],
)
def test_ctrl_c_comes_back_at_once_with_the_weights_of_whole_batches(kind: str, mode: str) -> None:
    seed = int(time.time()) % 1000
    program = INTERRUPTED.replace("KIND_MODE_SEED", repr((kind, mode, seed)))
    late, _ = json.loads(output(program, timeout=60).splitlines()[-1])
    assert max(late) < 0.5, f"computed for {late} s after the signal (seed {seed})"


# A product, and a training step, of seconds each: Ctrl-C comes in the midst of an op.
LONG = (
    PRELUDE
    + """
a = np.ones((5000, 5000), np.float32)
corten.utils.set_random_seed(3)
model = Sequential([L.Conv2D(64, 3, input_shape=(28, 28, 1)), L.Conv2D(64, 3), L.GlobalAveragePooling2D(), L.Dense(2)])
model.compile("adam", "mse")
x, y = np.ones((1024, 28, 28, 1), np.float32), np.zeros((1024, 2), np.float32)
model.train_on_batch(x[:2], y[:2])
variables, late = [*model.variables, *model.optimizer.variables], []
before, begun = [v.numpy() for v in variables], int(model.optimizer.iterations)
train = lambda: model.fit(x, y, batch_size=1024, epochs=1000, verbose=0)
for delay, action in [(0.2, lambda: [corten.ops.matmul(a, a) for _ in range(99)]), (0.1, train), (0.4, train)]:
    sent = []
    def interrupt():
        time.sleep(delay)
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        action()
    except KeyboardInterrupt:
        late.append(time.process_time() - sent[0])
    thread.join()
found, steps = state(model), int(model.optimizer.iterations) - begun
for variable, value in zip(variables, before): variable.assign(value)
for _ in range(steps): model.train_on_batch(x, y)
assert state(model) == found, f"the weights are not those of {steps} whole steps"
print(json.dumps(late))
"""
)


def test_ctrl_c_in_the_midst_of_a_long_op() -> None:
    late = json.loads(output(LONG, 60))
    assert len(late) == 3 and max(late) < 0.5, f"computed for {late} s after the signal"


def test_ctrl_c_from_outside_ends_a_script_as_it_should() -> None:
    program = (
        PRELUDE
        + """
model, x, y = made("large")
class Ready(corten.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1: print("ready", flush=True)
model.fit(x[:256], y[:256], epochs=10**6, verbose=0, callbacks=[Ready()])
"""
    )
    child = start(program)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    # Python ends itself by the signal, so that the shell sees it.
    assert child.returncode == -signal.SIGINT, err
    assert "KeyboardInterrupt" in err and "panic" not in err + out


def test_ctrl_c_while_weights_are_saved_leaves_a_whole_file(tmp_path: object) -> None:
    program = (
        PRELUDE
        + f"""
path = {str(tmp_path)!r} + "/w.safetensors"
model, x, y = made("small")
model.save_weights(path)
random = np.random.default_rng(0)
hits = 0
for delay in random.uniform(0, 0.01, 60):
    try:
        signal.setitimer(signal.ITIMER_REAL, delay + 1e-4)
        while True: model.save_weights(path)
    except KeyboardInterrupt: hits += 1
    model.load_weights(path)
assert hits == 60
print(sorted(os.listdir(os.path.dirname(path))))
"""
    )
    program = program.replace("random = np", "signal.signal(signal.SIGALRM, signal.default_int_handler)\nrandom = np")
    assert output(program, timeout=60).splitlines()[-1] == "['w.safetensors']"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
class TestFork:
    def test_a_child_of_fork_predicts_and_trains(self) -> None:
        program = (
            PRELUDE
            + """
def helpers():
    # Threads of this process that help in loops, where the system tells.
    tasks = "/proc/self/task"
    names = [open(f"{tasks}/{task}/comm").read() for task in os.listdir(tasks)] if sys.platform == "linux" else []
    return sum(name.startswith("corten-") for name in names)

model, x, y = made("large")
corten.config.set_num_threads(3)
model.fit(x[:256], y[:256], verbose=0)
want = model.predict(x[:512], verbose=0).tobytes()
before = state(model)
assert helpers() == (2 if sys.platform == "linux" else 0)
children = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            assert helpers() == 0
            assert model.predict(x[:512], verbose=0).tobytes() == want
            assert helpers() == (2 if sys.platform == "linux" else 0)
            assert model.predict(x[:512], verbose=0).tobytes() == want
            model.fit(x[:256], y[:256], verbose=0)
            assert state(model) != before
            grandchild = os.fork()
            if grandchild == 0:
                model.predict(x[:512], verbose=0)
                os._exit(0)
            code = os.waitpid(grandchild, 0)[1]
        finally:
            os._exit(code)
    children.append(pid)
assert model.predict(x[:512], verbose=0).tobytes() == want
model.fit(x[:256], y[:256], verbose=0)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
"""
        )
        output(program, timeout=60)

    def test_a_child_forked_in_a_callback_evaluates(self) -> None:
        program = (
            PRELUDE
            + """
model, x, y = made("large", metrics=["accuracy"])
codes = []
class Forks(corten.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if np.isfinite(model.evaluate(x[:256], y[:256], verbose=0)).all() else 1)
        codes.append(os.waitpid(pid, 0)[1])
model.fit(x[:256], y[:256], epochs=2, verbose=0, callbacks=[Forks()])
assert codes == [0, 0]
"""
        )
        output(program, timeout=60)

    def test_multiprocessing_by_fork(self) -> None:
        program = (
            PRELUDE
            + """
import multiprocessing
model, x, y = made("large")
model.fit(x[:256], y[:256], verbose=0)
def predict(rows): return model.predict(x[rows : rows + 100], verbose=0)
want = [predict(rows).tobytes() for rows in range(0, 800, 100)]
with multiprocessing.get_context("fork").Pool(3) as pool:
    got = [part.tobytes() for part in pool.map(predict, range(0, 800, 100))]
assert got == want
"""
        )
        output(program, timeout=60)

    def test_a_fork_while_another_thread_trains(self) -> None:
        program = (
            PRELUDE
            + """
model, x, y = made("large", metrics=["accuracy"])
model.fit(x[:256], y[:256], verbose=0)
stop = threading.Event()
def busy():
    while not stop.is_set(): model.fit(x[:512], y[:512], verbose=0)
thread = threading.Thread(target=busy); thread.start()
codes = []
for i in range(8):
    time.sleep(0.01 * i)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            assert np.isfinite(model.predict(x[:256], verbose=0)).all()
            assert np.isfinite(model.fit(x[:256], y[:256], verbose=0).history["loss"]).all()
            model(x[:9])
            code = 0
        finally:
            os._exit(code)
    codes.append(os.waitpid(pid, 0)[1])
stop.set(); thread.join()
assert codes == [0] * 8, codes
"""
        )
        output(program, timeout=60)

    def test_a_fork_while_another_thread_predicts(self) -> None:
        program = (
            PRELUDE
            + """
model, x, y = made("large")
want = model.predict(x[:256], verbose=0).tobytes()
stop = threading.Event()
def busy():
    while not stop.is_set(): model.predict(x[:256], verbose=0)
thread = threading.Thread(target=busy); thread.start()
codes = []
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if model.predict(x[:256], verbose=0).tobytes() == want else 1)
    codes.append(os.waitpid(pid, 0)[1])
stop.set(); thread.join()
assert codes == [0] * 10, codes
"""
        )
        output(program, timeout=60)


@pytest.mark.parametrize(
    ("made", "count"),
    [("L.Dense(7)", 2), ("L.Bidirectional(L.GRU(2))", 6), ("Sequential([L.Dense(7), L.Dense(2)])", 4)],
)
def test_a_layer_that_threads_call_for_the_first_time_is_built_once(made: str, count: int) -> None:
    program = (
        PRELUDE
        + """
sys.setswitchinterval(1e-6)
x = np.ones((2, 4, 4), "f4")
for _ in range(30):
    layer, gate, results = MADE, threading.Barrier(5), []
    def work():
        gate.wait()
        try: results.append(layer(x).tobytes())
        except Exception as error: results.append(repr(error))
    threads = [threading.Thread(target=work) for _ in range(5)]
    [t.start() for t in threads]; [t.join() for t in threads]
    assert len(layer.weights) == COUNT and len(set(results)) == 1, (len(layer.weights), set(results))
"""
    )
    output(program.replace("MADE", made).replace("COUNT", str(count)), timeout=60)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_threads_predict_at_once_and_each_gets_its_own(kind: str) -> None:
    program = (
        PRELUDE
        + """
model, x, y = made(KIND)
parts = [x[i * 100 : i * 100 + 60 + i] for i in range(6)]
other, *_ = made(KIND)
want = [other.predict(part, verbose=0).tobytes() for part in parts]
wrong, gate = [], threading.Barrier(6)
def work(i):
    gate.wait()
    for _ in range(8):
        if model.predict(parts[i], verbose=0).tobytes() != want[i]: wrong.append(i)
        if model(parts[i]).tobytes() != want[i]: wrong.append(-i)
threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
assert not wrong, wrong
"""
    )
    output(program.replace("KIND", repr(kind)), timeout=60)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_one_of_two_threads_that_train_a_model_is_refused(kind: str) -> None:
    program = (
        PRELUDE
        + """
model, x, y = made(KIND)
alone, *_ = made(KIND)
alone.fit(x[:1024], y[:1024], epochs=4, verbose=0, shuffle=False)
errors, inside, refused = [], threading.Event(), threading.Event()
class Wait(corten.callbacks.Callback):
    # The first thread stays in fit until the second was refused.
    def on_train_begin(self, logs=None):
        inside.set()
        assert refused.wait(30)
def first():
    model.fit(x[:1024], y[:1024], epochs=4, verbose=0, shuffle=False, callbacks=[Wait()])
def second():
    assert inside.wait(30)
    try: model.fit(x[:1024], y[:1024], epochs=4, verbose=0, shuffle=False)
    except RuntimeError as error: errors.append(str(error))
    refused.set()
threads = [threading.Thread(target=work) for work in (first, second)]
[t.start() for t in threads]; [t.join() for t in threads]
assert len(errors) == 1 and "already being trained" in errors[0], errors
assert state(model) == state(alone)
"""
    )
    output(program.replace("KIND", repr(kind)), timeout=60)


def test_models_are_trained_at_once_as_they_are_alone() -> None:
    program = (
        PRELUDE
        + """
def trained(kind):
    model, x, y = ready[kind]
    model.fit(x[:1024], y[:1024], epochs=2, verbose=0, shuffle=False)
ready = {kind: made(kind) for kind in ("small", "large")}
for kind in ready: trained(kind)
want = {kind: state(ready[kind][0]) for kind in ready}
ready = {kind: made(kind) for kind in ("small", "large")}
threads = [threading.Thread(target=trained, args=(kind,)) for kind in ready]
[t.start() for t in threads]; [t.join() for t in threads]
assert {kind: state(ready[kind][0]) for kind in ready} == want
"""
    )
    output(program, timeout=60)


def test_a_thread_predicts_and_evaluates_while_another_trains() -> None:
    # Weights are taken between batches; neither waits for the other for ever.
    program = (
        PRELUDE
        + """
model, x, y = made("large", metrics=["accuracy"])
model.predict(x[:300], verbose=0)
stop, seen = threading.Event(), []
def use():
    while not stop.is_set():
        seen.append(np.isfinite(model.predict(x[:300], verbose=0)).all())
        model.evaluate(x[:300], y[:300], verbose=0)
        model.get_weights()
threads = [threading.Thread(target=use) for _ in range(2)]
[t.start() for t in threads]
model.fit(x, y, epochs=12, verbose=0)
stop.set(); [t.join() for t in threads]
assert len(seen) >= 2 and all(seen), seen
"""
    )
    output(program, timeout=60)


def test_labels_that_change_during_training_are_an_error_and_no_crash() -> None:
    program = (
        PRELUDE
        + """
model, x, y = made("small")
stop = threading.Event()
def scribble():
    while not stop.is_set():
        y[::7] = 2**31 - 1
        y[::7] = 0
thread = threading.Thread(target=scribble); thread.start()
caught = 0
for _ in range(10):
    try: model.fit(x, y, epochs=3, verbose=0)
    except IndexError: caught += 1
stop.set(); thread.join()
y[:] = 0
model.fit(x, y, verbose=0)
print(caught)
"""
    )
    output(program, timeout=60)


def test_a_sub_interpreter_gets_an_import_error() -> None:
    # The name since Python 3.13, and the one before.
    found = [name for name in ("_interpreters", "_xxsubinterpreters") if find_spec(name)]
    if not found:
        pytest.skip("this Python offers no sub-interpreters")
    module = found[0]
    program = f"""
import sys
import corten._core
import {module} as interpreters
path = corten._core.__file__
attempt = '''
import importlib.util, sys
for name in ("corten", "_core"):
    try:
        if name == "corten":
            import corten
        else:
            spec = importlib.util.spec_from_file_location("_core", PATH)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        print(name, "was imported")
    except ImportError as error:
        print(name, "ImportError", flush=True)
'''.replace("PATH", repr(path))
child = interpreters.create()
interpreters.run_string(child, attempt)
sys.stdout.flush()
import numpy as np
assert corten.ops.relu(np.float32([-1, 2])).tolist() == [0, 2]
"""
    assert output(program).split("\n")[:2] == ["corten ImportError", "_core ImportError"]


def test_a_panic_in_rust_is_an_internal_error() -> None:
    # An op without operands breaks what the engine takes for granted; corten.ops never asks for that.
    program = (
        PRELUDE
        + """
from corten import _core
from corten.errors import InternalError
for attempt in (lambda: _core.run("relu", [], {}), lambda: _core.Graph(False).push("relu", [], {}), lambda: _core.Graph(True).push("add", [], {})):
    try:
        attempt()
    except Exception as error:
        assert type(error) is InternalError and isinstance(error, RuntimeError), error
        assert "report" in str(error), error
    else:
        raise AssertionError("no exception")
model, x, y = made("large")
model.fit(x[:128], y[:128], verbose=0)
"""
    )
    output(program)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
@pytest.mark.parametrize("warm", [True, False])
def test_too_little_memory_is_a_memory_error(warm: bool) -> None:
    program = (
        PRELUDE
        + """
import resource
def limit(extra):
    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + extra, resource.RLIM_INFINITY))
# Much memory, little arithmetic: outputs are wide where inputs are narrow, and the other way about.
model = Sequential([L.Dense(3000, activation="relu", input_shape=(300,)), L.Dense(200), L.Dense(4)])
model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
x, y = np.ones((8000, 300), "f4"), np.zeros(8000, int)
wide, table = Sequential([L.Dense(3000, input_shape=(3000,))]), np.ones((700, 3000), "f4")
images = np.ones((64, 40, 40, 8), "f4")
convolution = L.Conv2D(16, 3, padding="same")
convolution.build((None, 40, 40, 8))
if WARM:
    model.fit(x[:64], y[:64], verbose=0); model.predict(x[:64], verbose=0)
    pool = model.predict(x[:4000], verbose=0, batch_size=1000)
def adam():
    other = Sequential([L.Dense(3000, input_shape=(3000,)), L.Dense(4)])
    other.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    other.fit(table[:64], y[:64], verbose=0)
actions = dict(
    weights=lambda: wide.get_weights(),
    save=lambda: wide.save_weights("/tmp/corten-limit-%d.safetensors" % os.getpid()),
    matmul=lambda: corten.ops.matmul(table.T, table),
    softmax=lambda: corten.ops.softmax(table, axis=0),
    sum=lambda: corten.ops.sum(table, axis=0),
    variable=lambda: corten.Variable(table),
    fit=lambda: model.fit(x[:4000], y[:4000], batch_size=2000, verbose=0),
    predict=lambda: model.predict(x, batch_size=8000, verbose=0),
    eager=lambda: model(x),
    convolution=lambda: convolution(images),
    shuffle=lambda: corten._core.permutation(2 * 10**8, 0, 0),
    adam=adam,
)
seen = {}
for name, action in actions.items():
    # Before the pool is there, its threads' stacks and heaps have to fit as well: the C library takes 64 MB for each.
    for megabytes in (8, 24, 64, 160) if WARM else (400,):
        print(name, megabytes, flush=True)
        limit(megabytes << 20)
        try: action(); result = "done"
        except MemoryError: result = "MemoryError"
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        seen.setdefault(name, []).append(result)
try: os.unlink("/tmp/corten-limit-%d.safetensors" % os.getpid())
except FileNotFoundError: pass
model.fit(x[:64], y[:64], verbose=0)
assert np.isfinite(model.predict(x[:64], verbose=0)).all()
assert seen["shuffle"][-1] == "MemoryError", seen
print(json.dumps(seen))
"""
    )
    out = output(program.replace("WARM", repr(warm)), timeout=120)
    seen = json.loads(out.splitlines()[-1])
    # These need more than was ever freed before; the others may find room there.
    assert not warm or {seen[name][0] for name in ("weights", "matmul", "softmax", "fit", "predict")} == {"MemoryError"}


DENORMALS = """
seen, tiny = set(), (np.float32(1e-40), np.float64(1e-310), np.full(64, 1e-40, np.float32))
def halves(): return tuple(float(np.max(number * type(number.flat[0])(0.5))) for number in tiny)
wanted = halves()
assert min(wanted) > 0
signal.signal(signal.SIGUSR1, lambda *_: seen.add(halves()))
def until_seen(action):
    seen.clear()
    began = time.perf_counter()
    while not seen and time.perf_counter() - began < 30:
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        action(); time.sleep(0.01)
    assert seen == {wanted}, seen
model, x, y = made("large")
a = np.ones((1500, 1500), np.float32)
until_seen(lambda: model.fit(x[:512], y[:512], verbose=0))
until_seen(lambda: model.predict(x, verbose=0))
until_seen(lambda: corten.ops.matmul(a, a))
assert halves() == wanted
"""


def test_a_signal_handler_that_wants_what_a_step_holds_gets_an_error_and_does_not_hang() -> None:
    """A handler that saves the weights, as schedulers ask for before they end a job."""
    program = (
        PRELUDE
        + """
model, x, y = made("large")
other = Sequential([L.Dense(2, input_shape=(3,))])
outcomes = []
def attempt(action):
    try: action(); outcomes.append("done")
    except RuntimeError as error: outcomes.append(str(error))
actions = [
    lambda: model.get_weights(), lambda: model.set_weights(weights), lambda: model.predict(x[:1], verbose=0),
    lambda: model.variables[0].numpy(), lambda: model(x[:1]), lambda: other.predict(np.ones((1, 3)), verbose=0),
]
weights = model.get_weights()
signal.signal(signal.SIGUSR1, lambda *_: [attempt(action) for action in actions])
began, held = time.perf_counter(), []
while not any(held[:5]) and time.perf_counter() - began < 30:
    outcomes.clear()
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    while not outcomes: model.fit(x, y, verbose=0)
    held = ["holds the variable" in outcome for outcome in outcomes]
# Between batches all of it is allowed; in the midst of one what is not the step's.
assert held == [True] * 5 + [False], outcomes
def raises(*_): model.get_weights()
# Again and again, for between batches the handler has its way.
signal.signal(signal.SIGALRM, raises)
signal.setitimer(signal.ITIMER_REAL, 0.3, 0.05)
try: model.fit(x, y, epochs=10**4, verbose=0)
except RuntimeError as error: assert "holds the variable" in str(error), error
finally: signal.setitimer(signal.ITIMER_REAL, 0)
model.fit(x[:64], y[:64], verbose=0)
assert np.isfinite(model.predict(x[:64], verbose=0)).all()
"""
    )
    output(program, timeout=60)


def test_a_thread_that_waits_for_a_variable_lets_others_run() -> None:
    """What a step holds is waited for without the GIL, which the step may need before it lets go."""
    program = (
        PRELUDE
        + """
from corten import ops
w = corten.Variable(np.full((700, 700), 1e-3, np.float32))
@corten.function
def step():
    x = ops.identity(w)
    for _ in range(200): x = ops.matmul(x, w)
    w.assign(x)
step()
ticks, ended = 0, False
def tick():
    global ticks
    while not ended: ticks += 1; time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
began, ran = time.perf_counter(), None
while not ran and time.perf_counter() - began < 30:
    thread = threading.Thread(target=step); thread.start(); time.sleep(0.01)
    before, asked = ticks, time.perf_counter()
    w.numpy()
    if time.perf_counter() - asked > 0.02: ran = ticks - before
    thread.join()
ended = True
assert ran, ran
"""
    )
    output(program, timeout=60)


def test_a_signal_handler_has_denormals_though_kernels_flush_them() -> None:
    output(PRELUDE + DENORMALS, timeout=60)


def test_a_signal_handler_of_the_users_is_called() -> None:
    program = (
        PRELUDE
        + """
model, x, y = made("large")
called = []
signal.signal(signal.SIGUSR1, lambda *_: called.append(1))
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
model.fit(x[:512], y[:512], epochs=1, verbose=0)
began = time.perf_counter()
while not called and time.perf_counter() - began < 30: model.fit(x[:512], y[:512], verbose=0)
assert called
def leave(*_): raise SystemExit(7)
signal.signal(signal.SIGTERM, leave)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
model.fit(x, y, epochs=10**6, verbose=0)
"""
    )
    code, _, err = finish(start(program))
    assert code == 7, err
