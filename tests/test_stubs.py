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
from typing import Any

import numpy as np
import corten
from corten import activations, callbacks, constraints, explain, initializers, layers, losses, metrics, ops, optimizers
from corten import regularizers
from corten.layers import Dense, Input
from corten.typing import ActivationLike, Data, InitializerLike, LossLike, Padding, Shape, Sizes, Tensor, TensorLike

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


class Scale(layers.Layer):
    def __init__(self, initializer: InitializerLike = "ones", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initializer = initializers.get(initializer)

    def build(self, input_shape: Shape) -> None:
        size = input_shape[-1]
        assert size is not None
        self.factor = self.add_weight((size,), self.initializer, regularizer="l2", constraint=ops.abs, name="factor")

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        self.add_loss(ops.sum(self.factor))
        return inputs * self.factor if training else inputs


class Doubled(Dense):
    def call(self, inputs: Tensor) -> Any:
        return super().call(inputs) * 2.0


class Sum:  # A cell that is no layer.
    state_size = 3

    def call(self, inputs: Tensor, states: list[Tensor]) -> tuple[Any, list[Any]]:
        total = states[0] + inputs
        return total, [total]


def block(activation: ActivationLike = "relu", padding: Padding = "same", size: Sizes = 3) -> layers.Layer:
    return layers.Conv2D(4, size, padding=padding, activation=activation, kernel_initializer="he_normal")


corten.Sequential([Scale(np.array([2, 3]), input_shape=(2,)), Doubled(1, "linear", kernel_initializer="ones")])
images = corten.Sequential(
    [
        Input((8, 8, 1), dtype=np.float32),
        block(),
        block(activations.tanh, "SAME", (3, 3)),
        layers.Conv2D(4, [3, 3], np.int64(2), "SAME", kernel_regularizer=regularizers.L2(1e-4)),
        layers.DepthwiseConv2D(np.int32(3), padding="same", bias_constraint={"class_name": "NonNeg", "config": {}}),
        layers.SeparableConv2D(4, 3, padding="same", activation=lambda x: ops.maximum(x, 0)),
        layers.Conv2DTranspose(2, 1, strides=2, output_padding=None, kernel_initializer=np.ones((1, 1, 2, 4))),
        layers.BatchNormalization(gamma_initializer=initializers.Ones, beta_constraint=constraints.NonNeg),
        layers.ZeroPadding2D(((1, 0), (0, 1))),
        layers.Cropping2D((1, 1)),
        layers.UpSampling2D((2, 2), interpolation="bilinear"),
        layers.MaxPooling2D(2, strides=None),
        layers.RandomFlip("horizontal", seed=1),
        layers.RandomTranslation(0.1, (-0.1, 0.2), fill_mode="nearest"),
        layers.RandomZoom([-0.1, 0.2], None, interpolation="nearest"),
        layers.RandomErasing(0.5, (0.1, 0.2), fill_value=[0.0, 1.0], value_range=[0, 1]),
        layers.Rescaling([0.5, 1.0], offset=np.ones(2)),
        layers.Reshape((-1,)),
        Dense(3, "softmax", activity_regularizer="l1", name="out"),
    ]
)
images.predict(np.ones((2, 8, 8, 1)), verbose=0)
tokens = Input((5,), dtype=np.int32)
z = layers.Embedding(10, 4, mask_zero=True, weights=np.ones((10, 4)))(tokens)
z = layers.Bidirectional(layers.LSTM(3, "tanh", return_sequences=True, use_cudnn=False), "sum")(z)
z = layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(3)], return_sequences=True)(z)
z = layers.RNN(Sum())(layers.TimeDistributed(Dense(3))(z))
z = layers.add([z, layers.Concatenate()([z, z])[:, :3]])
corten.Model(tokens, layers.Lambda(lambda y: y * 2, output_shape=(3,))(z)).predict(np.ones((2, 5)), verbose=0)
layers.Conv1D(2, 3, padding="causal")(np.ones((1, 4, 2)))
layers.GRU(3)(np.ones((1, 4, 2)), initial_state=[np.zeros((1, 3))], training=False)
layers.Masking(0.0).compute_mask([[[0.0], [2.0]]])
generator = corten.random.SeedGenerator(1)
corten.random.normal((2, 3), seed=generator)
corten.random.uniform([2, 3], seed=np.int64(1))
initializers.GlorotUniform(seed=generator)((2, 3))
activations.softmax([[1.0, 1.0]], axis=(0, 1))
vectorize = layers.TextVectorization(split=lambda text: text.split("-"), output_mode="multi_hot")
vectorize.adapt(["a-c", "c"])
vectorize.adapt(iter([np.array(["a-b"]), np.array(["a", "b"])]), steps=1)
vectorize(np.array(["a-b", "d"]))
"""

#: Each refused by mypy.
WRONG = """
import corten
from corten import initializers, layers, losses, metrics, ops, optimizers

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
layers.Conv2D(4, 3, padding="ful")
layers.Conv2D(4, 3, padding="causal")
layers.MaxPooling2D(data_format="channels_first")
layers.Conv1D(4, 2.5)
layers.Dense(3, activation=3)
layers.Dense(3, kernel_initializer=0.1)
layers.Bidirectional(layers.GRU(2), "mean")
layers.RNN(layers.Dense(3))
corten.random.normal((2,), seed="one")
initializers.VarianceScaling(mode="fan")
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What mypy says of the two programs, by their lines."""
    folder = tmp_path_factory.mktemp("programs")
    for name, program in (("right", RIGHT), ("wrong", WRONG)):
        (folder / f"{name}.py").write_text(program)
    done = mypy("--strict", "--no-error-summary", "right.py", "wrong.py", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    messages = re.findall(r"^(right|wrong)\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    return {name: {int(line): text for of, line, text in messages if of == name} for name in ("right", "wrong")}


def test_the_types_accept_what_the_functions_take(errors: dict[str, dict[int, str]]) -> None:
    exec(compile(RIGHT, "RIGHT", "exec"), {"__name__": "right"})
    assert errors["right"] == {}


def test_the_types_refuse_what_the_functions_do_not_take(errors: dict[str, dict[int, str]]) -> None:
    wrong = [number for number, line in enumerate(WRONG.splitlines(), 1) if line and "import" not in line]
    assert sorted(errors["wrong"]) == wrong
