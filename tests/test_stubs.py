"""What the annotations say is true: of the native module, and of what functions take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import corten

pytest.importorskip("mypy")
HERE = Path(corten.__file__).parents[1]


def mypy(*arguments: str, module: str = "mypy", cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if str(HERE) not in sysconfig.get_paths().values():  # what is installed is found by itself, and only so
        environment["MYPYPATH"] = str(HERE)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600)


def test_the_stub_of_the_native_module_says_what_is_there(tmp_path: Path) -> None:
    done = mypy("corten._core", module="mypy.stubtest", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


#: Run, and accepted by mypy.
RIGHT = """
import numpy as np
import corten
from corten import callbacks, explain, losses, metrics, ops, optimizers
from corten.layers import Dense, Input
from corten.typing import Data, LossLike, TensorLike

w = corten.Variable([1.0, 2.0])
x = np.ones((4, 2), np.float32)
y = np.zeros((4, 1))
ops.add(1, np.float32(2))
ops.add(w, [[1.0], [2.0]])
ops.relu(x=[1, 2])
ops.sum(x, axis=np.int64(0))
ops.sum(x, axis=(0, -1))
ops.concatenate(x)
ops.concatenate((x, x), axis=1)
ops.stack([w, w])
ops.one_hot(np.array([1]), 3, dtype=np.float32)
ops.cast(x, np.int32)
ops.cast(x, "bfloat16")
ops.getitem(x, (..., None, slice(1), np.int64(0)))
ops.take(x, [1])
ops.where(x > 0, x, 0.0)
ops.clip(x, 0, np.float32(1))
ops.einsum("ij->i", x)
losses.mean_squared_error(y_true=[1.0, 2.0], y_pred=np.ones(2))
losses.MeanSquaredError(dtype="float32")(y, [[1], [2], [3], [4]], sample_weight=[1, 2, 1, 2])
metrics.Precision(thresholds=[0.1, 0.2])
metrics.Precision(thresholds=0.5)
metrics.recall_at_k([[3, 1, 2], [0, 1, 2]], [{1, 9}, {0}], k=2)


class Own(corten.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = Dense(1)

    def call(self, inputs: corten.graph.Tensor, training: bool = False) -> corten.graph.Tensor:
        output: corten.graph.Tensor = self.dense(inputs)
        return output

    def train_step(self, data: tuple[corten.graph.Tensor, corten.graph.Tensor]) -> dict[str, float]:
        return super().train_step(data)


class Halving(optimizers.schedules.LearningRateSchedule):
    def __call__(self, step: TensorLike) -> object:
        return ops.power(0.5, step)


def compiled(loss: LossLike, *data: Data) -> None:
    model = corten.Sequential([Input((2,)), Dense(1)])
    model.compile(loss=loss)
    for batch in data:
        model.predict(batch, verbose=0)


compiled("mse", x, [[1.0, 2.0]], (batch for batch in [x]))
compiled(losses.Huber(), x)
compiled(losses.Huber)
compiled(losses.mean_squared_error)
for rate in (np.float32(0.1), 1, Halving(), lambda: 0.5):
    optimizers.SGD(rate)
adam = optimizers.Adam()
adam.learning_rate = np.float32(0.1)
adam.apply([np.zeros(2)], [w])
model = Own()
model.compile("adam", ["mse", losses.mean_absolute_error], metrics=["mae", metrics.MeanSquaredError()])
model.fit(x, y, verbose=0, callbacks=callbacks.History(), validation_data=(x, y), sample_weight=[1.0, 2, 3, 4])
model.fit(((x, y) for _ in range(2)), verbose=0, callbacks=[callbacks.History(), [callbacks.TerminateOnNaN()]])
model.evaluate(x, [[1], [2], [3], [4]], verbose=0)
model.train_on_batch(x, y, class_weight={0: 1.0})
two = Input((2,), name="a"), Input((2,), name="b")
pair = corten.Model(list(two), {"first": Dense(1)(two[0]), "second": Dense(1)(two[1])})
both = {"first": "mse", "second": losses.Huber()}
pair.compile("sgd", both, loss_weights=[1, np.float32(2)], metrics={"first": ["mae"]})
pair.fit({"a": x, "b": x}, [y, y], verbose=0)
corten.models.clone_model(pair)
explain.saliency(model, x, target=lambda outputs: outputs[:, 0])
explain.occlusion(model, x, target=np.int64(0), window=2)
corten.utils.pad_sequences([[1], [2, 3]], value=np.int64(3), dtype=np.float32)
"""

#: Each refused by mypy.
WRONG = """
import corten
from corten import losses, metrics, ops, optimizers

ops.relu(None)
ops.add(1, object())
ops.sum([1.0], axis="first")
ops.cast([1.0], dtype=7)
ops.concatenate(5)
losses.mean_squared_error([1.0], None)
losses.MeanSquaredError(dtype=4)
metrics.Precision(thresholds="half")
optimizers.SGD("fast")
corten.Sequential().compile(loss=5)
corten.Sequential().fit([1.0], verbose="loudly")
corten.Sequential().fit([1.0], callbacks=print)
corten.Sequential().predict(5, callbacks=[7])
"""


def errors_by_line(program: str, folder: Path) -> dict[int, str]:
    (folder / "program.py").write_text(program)
    done = mypy("--strict", "--no-error-summary", "program.py", cwd=folder)
    found = re.findall(r"^program\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {int(line): message for line, message in found}


def test_the_types_accept_what_the_functions_take(tmp_path: Path) -> None:
    exec(compile(RIGHT, "RIGHT", "exec"), {"__name__": "right"})
    assert errors_by_line(RIGHT, tmp_path) == {}


def test_the_types_refuse_what_the_functions_do_not_take(tmp_path: Path) -> None:
    lines = WRONG.splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if line and "import" not in line]
    assert sorted(errors_by_line(WRONG, tmp_path)) == wrong
