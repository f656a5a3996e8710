"""Same seed, same bits: on any number of threads, op by op or compiled. And nearly the same numbers on every ISA."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import corten
from contracts.subprocesses import finish, output, start
from corten import _core

pytestmark = pytest.mark.alone

# Trains four models and prints a hash of all they hold, predict and log; or stores the numbers.
PROGRAM = """
import hashlib, json, sys
import numpy as np
import corten
from corten import Input, Model, Sequential, layers as L, losses, optimizers

EAGER, FILE = OPTIONS

def cnn():
    model = Sequential([
        L.Conv2D(24, 3, activation="relu", input_shape=(20, 19, 3)), L.MaxPooling2D(2), L.Dropout(0.25),
        L.Conv2D(17, 3, padding="same", strides=2), L.ReLU(), L.AveragePooling2D(2, padding="same"), L.Flatten(),
        L.Dense(50, activation="tanh", kernel_regularizer="l2"), L.Dropout(0.5), L.Dense(7, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=EAGER)
    r = np.random.default_rng(0)
    return model, r.integers(0, 256, (75, 20, 19, 3), dtype=np.uint8), r.integers(0, 7, 75)

def mlp():
    model = Sequential([L.Rescaling(0.5), L.Dense(300, activation="gelu"), L.Dense(200, activation="sigmoid"), L.Dense(3)])
    model.compile(optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0), "mse", metrics=["mae"], run_eagerly=EAGER)
    r = np.random.default_rng(1)
    return model, r.normal(size=(150, 333)), r.normal(size=(150, 3)) * [1, 1e-30, 1e-42]

def several():
    images, numbers, again = Input((12, 12, 2), name="images"), Input((40,), name="numbers"), Input((40,), name="again")
    shared = L.Dense(33, activation="elu")
    a, b = shared(numbers), shared(again)
    c = L.GlobalAveragePooling2D()(L.Conv2D(33, 3, groups=1, dilation_rate=2, activation="relu")(images))
    merged = L.Concatenate()([L.Add()([a, b]), L.Multiply()([a, c])])
    outputs = [L.Dense(4, name="kind")(L.Dropout(0.1)(merged)), L.Dense(1, activation="sigmoid", name="sign")(merged)]
    model = Model([images, numbers, again], outputs)
    model.compile("rmsprop", [losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), "binary_crossentropy"],
                  loss_weights=[1.0, 0.3], run_eagerly=EAGER)
    r = np.random.default_rng(2)
    x = [r.normal(size=(90, 12, 12, 2)), r.normal(size=(90, 40)), r.normal(size=(90, 40))]
    return model, x, [np.eye(4)[r.integers(0, 4, 90)], r.integers(0, 2, (90, 1))]

def recurrent():
    model = Sequential([
        L.Input((11,), dtype="int32"), L.Embedding(50, 24, mask_zero=True),
        L.Bidirectional(L.LSTM(33, return_sequences=True, dropout=0.2, recurrent_dropout=0.1)),
        L.GRU(40, return_sequences=True, go_backwards=True), L.SimpleRNN(17), L.Dense(5, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=EAGER)
    r = np.random.default_rng(3)
    return model, r.integers(0, 50, (90, 11)), r.integers(0, 5, 90)

found, numbers = {}, {}
for make in (cnn, mlp, several, recurrent):
    corten.utils.set_random_seed(11)
    model, x, y = make()
    history = model.fit(x, y, batch_size=32, epochs=2, validation_split=0.2, verbose=0).history
    predicted = model.predict(x, batch_size=40, verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    held = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    found[make.__name__] = {
        "weights": hashlib.sha256(b"".join(a.tobytes() for a in held)).hexdigest(),
        "predictions": hashlib.sha256(b"".join(a.tobytes() for a in predicted)).hexdigest(),
        "history": {name: [v.hex() for v in values] for name, values in sorted(history.items())},
    }
    for i, a in enumerate([*model.get_weights(), *predicted]): numbers[f"{make.__name__}_{i:02}"] = a
if FILE: np.savez(FILE, **numbers)
print(json.dumps([corten._core.isa(), corten._core.threads(), found]))
"""


def program(eager: bool = False, file: Path | None = None) -> str:
    return PROGRAM.replace("OPTIONS", repr((eager, file and str(file))))


@functools.cache
def trained(threads: int, eager: bool = False) -> dict[str, object]:
    isa, used, found = json.loads(output(program(eager), timeout=60, CORTEN_NUM_THREADS=str(threads)))
    assert (isa, used) == (_core.isa(), threads)
    return dict(found)


ALL = pytest.mark.thorough


@pytest.mark.parametrize(
    ("threads", "eager"),
    [
        (3, False),
        (1, True),
        (3, True),
        pytest.param(2, False, marks=ALL),
        pytest.param(5, False, marks=ALL),
        pytest.param(2, True, marks=ALL),
        pytest.param(5, True, marks=ALL),
    ],
)
def test_the_same_bits(threads: int, eager: bool) -> None:
    assert trained(threads, eager) == trained(1)


def test_the_same_bits_again_with_all_processors_busy() -> None:
    others = [start(program(), CORTEN_NUM_THREADS=str(threads)) for threads in (2, 3, 5)]
    for other in others:
        code, out, err = finish(other, timeout=90)
        assert code == 0, err
        assert json.loads(out)[2] == trained(1)


def test_another_seed_gives_other_bits() -> None:
    changed = program().replace("set_random_seed(11)", "set_random_seed(12)")
    other = json.loads(output(changed, timeout=60))[2]
    assert all(other[name]["weights"] != trained(1)[name]["weights"] for name in other)  # type: ignore[index]


def test_every_instruction_set_gives_nearly_the_same_numbers(tmp_path: Path) -> None:
    found = {}
    for isa in _core.isas():
        file = tmp_path / f"{isa}.npz"
        used = json.loads(output(program(file=file), timeout=90, CORTEN_ISA=isa))[0]
        assert used == isa
        found[isa] = dict(np.load(file))
    want = found["scalar"]
    for isa, got in found.items():
        for name, array in want.items():
            # A few steps of Adam enlarge the last bits: by the size of the steps, not of the weights.
            np.testing.assert_allclose(got[name], array, rtol=1e-3, atol=2e-4, err_msg=f"{isa}: {name}")


def test_the_number_of_threads_can_change_between_runs() -> None:
    x = np.random.default_rng(0).normal(size=(400, 300)).astype("f4")
    want = corten.ops.matmul(x.T, x).tobytes()
    before = _core.threads()
    try:
        for threads in (1, 5, 2, 3, 1):
            corten.config.set_num_threads(threads)
            assert corten.ops.matmul(x.T, x).tobytes() == want
    finally:
        corten.config.set_num_threads(before)


def test_changing_the_number_of_threads_does_not_gather_threads() -> None:
    done = output(
        """
        import os
        import numpy as np
        import corten
        x = np.ones((500, 500), "f4")
        for i in range(200):
            corten.config.set_num_threads(2 + i % 2)
            corten.ops.matmul(x, x)
        print(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0)
        """,
        OPENBLAS_NUM_THREADS="1",
    )
    assert int(done) <= 1 + 2 + 3


def test_eager_steps_leave_no_garbage_behind() -> None:
    done = output(
        """
        import gc
        import numpy as np
        import corten
        from corten import layers as L
        model = corten.Sequential([L.Dense(50, activity_regularizer="l2", input_shape=(40,)), L.Dropout(0.5), L.Dense(3)])
        model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
        x, y = np.ones((8, 40), "f4"), np.ones((8, 3), "f4")
        def steps():
            model(x); model(x, training=True); model.train_on_batch(x, y); model.evaluate(x, y, verbose=0); model.predict(x, verbose=0)
            corten.losses.MeanSquaredError()(x, x); corten.metrics.MeanSquaredError().update_state(x, x)
        steps(); steps()
        gc.collect(); gc.disable(); gc.set_debug(gc.DEBUG_SAVEALL)
        steps()
        gc.collect()
        print(sum(type(item).__name__ in ("Graph", "Tensor") for item in gc.garbage))
        """
    )
    assert int(done) == 0


def test_denormal_numbers_cost_nothing_and_leak_nothing() -> None:
    done = output(
        """
        import time
        import numpy as np
        import corten
        from corten import layers as L

        model = corten.Sequential([L.Dense(256, input_shape=(256,)), L.Dense(256), L.Dense(256)])
        model.compile("sgd", "mse")
        r = np.random.default_rng(0)
        x = r.normal(size=(512, 256)).astype("f4")
        weights = model.get_weights()

        def best(scale):
            model.set_weights([w * np.float32(scale) for w in weights])
            times = []
            for _ in range(9):
                began = time.process_time()
                model.predict(x * np.float32(scale), batch_size=256, verbose=0)
                times.append(time.process_time() - began)
            return min(times)

        best(1.0)
        plain, tiny = best(1.0), best(1e-20)
        assert tiny < 2 * plain, (tiny, plain)
        # The caller's own arithmetic keeps its denormals.
        assert np.float32(1e-38) * np.float32(0.01) > 0
        corten.ops.matmul(x, x.T)
        assert (np.full(4, 1e-38, "f4") * np.float32(0.01) > 0).all()
        """
    )
    assert done == ""
