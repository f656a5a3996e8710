"""Bad inputs: one line each. The process lives, the exception is the right one and says what was wrong, the model is
unchanged and goes on working.

A table's setting is made anew for each of its cases; the cases of a table share a process. A process that dies or hangs
is held against the case it was in, and the rest of the table runs in a new one.
"""

from __future__ import annotations

import faulthandler
import functools
import json
import subprocess
import sys
import traceback
from typing import Any

import pytest

from contracts.subprocesses import environment

#: Known in every setting and case.
PRELUDE = """
import io, os, tempfile, warnings
from pathlib import Path
import numpy as np
import corten
from corten import _core, Input, Model, Sequential, callbacks, initializers, layers as L, losses, metrics, ops, optimizers, regularizers
from corten.errors import ShapeError
from corten.saving import safetensors
f4 = np.float32
def same(a, b): assert np.asarray(a).shape == np.asarray(b).shape and np.asarray(a).tobytes() == np.asarray(b).tobytes(), (a, b)
def near(a, b): np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
def shape(a, b): assert np.asarray(a).shape == b, np.asarray(a).shape
def warned(action, text):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always"); result = action()
    assert any(text in str(w.message) for w in seen), [str(w.message) for w in seen]
    return result
"""

MLP = """
corten.utils.set_random_seed(1)
r = np.random.default_rng(0)
x, y = r.normal(size=(20, 4)).astype(f4), r.integers(0, 3, 20)
model = Sequential([L.Dense(8, activation="relu", input_shape=(4,)), L.Dense(3, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=1, verbose=0)
fit = lambda *a, **k: model.fit(*a, **{"batch_size": 8, "verbose": 0, "shuffle": False, **k})
predict = lambda a: model.predict(a, verbose=0)
"""

CNN = """
corten.utils.set_random_seed(1)
r = np.random.default_rng(0)
x, y = r.normal(size=(6, 9, 11, 3)).astype(f4), r.integers(0, 4, 6)
model = Sequential([L.Conv2D(5, 3, activation="relu", input_shape=(9, 11, 3)), L.MaxPooling2D(2), L.Flatten(), L.Dense(4)])
model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
fit = lambda *a, **k: model.fit(*a, **{"batch_size": 4, "verbose": 0, "shuffle": False, **k})
predict = lambda a: model.predict(a, verbose=0)
"""

PLAIN = """
model = Sequential([L.Dense(2, input_shape=(3,))])
a = np.arange(6, dtype=f4).reshape(2, 3)
"""

FILES = (
    MLP
    + """
folder = Path(tempfile.mkdtemp()); file = folder / "w.safetensors"
model.save_weights(file); good = file.read_bytes()
other = Sequential([L.Dense(8, input_shape=(4,)), L.Dense(2)])
def load(content):
    file.write_bytes(content); model.load_weights(file)
"""
)

#: Row and subject in hazards.md -> (setting, cases). A case: what is done, the exception, what its message says. With no
#: exception the statements must run through; of what is separated by "|" either will do; after an exception with a "+"
#: the batches before it count.
TABLES: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "1 empty arrays through a model": (MLP, [
        ("shape(predict(x[:0]), (0, 3))",),
        ("fit(x[:0], y[:0])", "ValueError", "at least one row", "(0, 4)"),
        ("model.evaluate(x[:0], y[:0], verbose=0)", "ValueError", "at least one row"),
        ("model.train_on_batch(x[:0], y[:0])", "ValueError", "at least one row"),
        ("model.test_on_batch(x[:0], y[:0])", "ValueError", "at least one row"),
        ("shape(model.predict_on_batch(x[:0]), (0, 3))",),
        ("fit(x[:, :0], y)", "ShapeError", "(None, 4)", "(8, 0)"),
        ("fit(x, y, validation_data=(x[:0], y[:0]))", "ValueError", "at least one row"),
        ("fit(x, y, validation_split=0.999)", "ValueError", "validation_split"),
        ("fit([], [])", "ValueError", ""),
        ("predict([])", "ValueError", ""),
        ("predict({})", "ValueError", ""),
    ]),
    "1 empty images": (CNN, [
        ("shape(predict(x[:0]), (0, 4))",),
        ("predict(x[:, :0])", "ShapeError", "(None, 9, 11, 3)", "(6, 0, 11, 3)"),
        ("Sequential([L.Conv2D(2, 3, input_shape=(0, 0, 1))])", "ValueError", "(0, 0, 1)|kernel"),
        ("Sequential([L.MaxPooling2D(2, input_shape=(0, 0, 1))])", "ValueError", "window|larger"),
        ("Sequential([L.GlobalAveragePooling2D(input_shape=(0, 0, 1))])", "ValueError", "nothing|mean"),
        ("shape(Sequential([L.Dense(3, input_shape=(0,))]).predict(np.zeros((2, 0)), verbose=0), (2, 3))",),
    ]),
    "1 empty arrays through ops": (PLAIN, [
        ("shape(ops.relu(a[:0]), (0, 3))",),
        ("shape(ops.softmax(a[:0]), (0, 3))",),
        ("shape(ops.add(a[:0], a[:1]), (0, 3))",),
        ("shape(ops.matmul(a[:0], a.T), (0, 2))",),
        ("same(ops.matmul(a[:, :0], a[:, :0].T), np.zeros((2, 2), f4))",),
        ("same(ops.dense(a[:, :0], np.zeros((0, 2), f4), np.ones(2, f4)), np.ones((2, 2), f4))",),
        ("same(ops.sum(a[:0], axis=0), np.zeros(3, f4))",),
        ("shape(ops.mean(a[:0], axis=1), (0,))",),
        ("ops.mean(a[:0])", "ValueError", "nothing"),
        ("ops.max(a[:0], axis=0)", "ValueError", "nothing"),
        ("ops.min(a[:, :0])", "ValueError", "nothing"),
        ("ops.argmax(a[:, :0], axis=1)", "ValueError", "empty"),
        ("shape(ops.conv2d(np.zeros((0, 5, 5, 1)), np.zeros((3, 3, 1, 2))), (0, 3, 3, 2))",),
        ("ops.conv2d(np.zeros((1, 0, 5, 1)), np.zeros((3, 3, 1, 2)))", "ValueError", "kernel"),
        ("shape(ops.max_pool2d(np.zeros((0, 4, 4, 1)), 2), (0, 2, 2, 1))",),
        ("ops.max_pool2d(np.zeros((1, 0, 4, 1)), 2)", "ValueError", "window"),
        ("shape(ops.concatenate([a[:0], a], axis=0), (2, 3))",),
        ("shape(ops.transpose(a[:0]), (3, 0))",),
        ("shape(ops.pad(a[:0], 1), (2, 5))",),
        ("shape(ops.take(a, np.zeros(0, np.int32), axis=0), (0, 3))",),
        ("ops.take(a[:0], [0], axis=0)", "IndexError", "0"),
        ("shape(ops.one_hot(np.zeros(0, np.int32), 3), (0, 3))",),
        ("ops.reshape(a[:0], (0, -1))", "ValueError", "0"),
        ("shape(ops.reshape(a[:0], (3, 0)), (3, 0))",),
    ]),
    "2 hyper-parameters of layers": (PLAIN, [
        ("L.Dense(0)", "ValueError", "units", "0"),
        ("L.Dense(-3)", "ValueError", "units", "-3"),
        ("L.Dense(2.5)", "ValueError|TypeError", "units", "2.5"),
        ("L.Dense(True)", "ValueError|TypeError", "units", "True"),
        ("L.Dense('3')", "ValueError|TypeError", "units", "3"),
        ("L.Dense(None)", "ValueError|TypeError", "units", "None"),
        ("L.Dense(3, activation='nope')", "ValueError", "nope"),
        ("L.Dense(3, kernel_initializer='nope')", "ValueError", "nope"),
        ("L.Dense(3, kernel_regularizer='nope')", "ValueError", "nope"),
        ("L.Dense(3, bias_constraint='nope')", "ValueError", "nope"),
        ("L.Dense(3, units=4)", "TypeError", "units"),
        ("L.Dense(3, nonsense=4)", "TypeError", "nonsense"),
        ("L.Dense(3, dtype='float64')", "ValueError", "float64"),
        ("L.Dense(3, name='../../x')", "ValueError", "../../x"),
        ("L.Dense(3, name='')", "ValueError", "name"),
        ("L.Dense(3, name=5)", "ValueError|TypeError", "name", "5"),
        ("L.Dense(3, input_shape=4)", "ValueError", "Dense", "(4,)", "got 4"),
        ("L.Dense(3, input_shape='ab')", "ValueError", "Dense", "ab|'a'"),
        *[(f"{layer}([a, a])", "ShapeError", layer[2:].split("(")[0], "one input", "[(None, 3), (None, 3)]") for layer in ("L.Flatten()", "L.BatchNormalization()", "L.Reshape((3,))")],
        ("l = L.LSTM(2); l(a[:, :, None]); l([a[:, :, None]] * 2)", "ShapeError", "LSTM", "one input", "[(None, 3, 1), (None, 3, 1)]"),
        ("L.Dense(3, input_shape=(-4,))", "ValueError", "-4"),
        ("L.Conv2D(0, 3)", "ValueError", "filters", "0"),
        ("L.Conv2D(-1, 3)", "ValueError", "filters", "-1"),
        ("L.Conv2D(2, 0)", "ValueError", "kernel_size", "0"),
        ("L.Conv2D(2, (3, -3))", "ValueError", "kernel_size", "-3"),
        ("L.Conv2D(2, (3, 3, 3))", "ValueError", "kernel_size"),
        ("L.Conv2D(2, 2.5)", "ValueError|TypeError", "kernel_size", "2.5"),
        ("L.Conv2D(2, 3, strides=0)", "ValueError", "strides", "0"),
        ("L.Conv2D(2, 3, strides=(1, -1))", "ValueError", "strides", "-1"),
        ("L.Conv2D(2, 3, dilation_rate=0)", "ValueError", "dilation_rate", "0"),
        ("L.Conv2D(2, 3, strides=2, dilation_rate=2)", "ValueError", "strides", "dilation_rate"),
        ("L.Conv2D(2, 3, groups=0)", "ValueError", "groups", "0"),
        ("L.Conv2D(3, 3, groups=2)", "ValueError", "groups", "3"),
        ("L.Conv2D(2, 3, padding='full')", "ValueError", "padding", "full"),
        ("L.Conv2D(2, 3, data_format='channels_first')", "ValueError", "channels_first"),
        ("L.Conv2D(4, 3, groups=2, input_shape=(5, 5, 3))(np.zeros((1, 5, 5, 3)))", "ValueError", "groups", "3"),
        ("L.MaxPooling2D(0)", "ValueError", "pool_size", "0"),
        ("L.MaxPooling2D((2, -2))", "ValueError", "pool_size", "-2"),
        ("L.MaxPooling2D(2, strides=0)", "ValueError", "strides", "0"),
        ("L.AveragePooling2D(2, padding='causal')", "ValueError", "padding", "causal"),
        ("L.Dropout(-0.1)", "ValueError", "rate", "-0.1"),
        ("L.Dropout(1.5)", "ValueError", "rate", "1.5"),
        ("L.Dropout(float('nan'))", "ValueError", "rate", "nan"),
        ("L.Dropout('a')", "ValueError|TypeError", "rate"),
        ("L.ZeroPadding2D(-1)", "ValueError", "padding", "-1"),
        ("L.ZeroPadding2D((1, 2, 3))", "ValueError", "padding"),
        ("L.Reshape((-1, -1))", "ValueError", "-1"),
        ("L.Reshape((4,))(a)", "ValueError", "(2, 3)|3", "4"),
        ("L.Softmax(axis=7)(a)", "ValueError", "axis", "7"),
        ("L.Concatenate(axis=9)([a, a])", "ValueError", "axis", "9"),
        ("L.Permute((1, 1))", "ValueError", "(1, 1)"),
        ("L.RepeatVector(-2)", "ValueError|TypeError", "-2"),
        ("L.Activation('nope')", "ValueError", "nope"),
        ("Input(shape=(-3,))", "ValueError", "-3"),
        ("Input(shape=5)", "ValueError", "5"),
        ("Input(shape=(4,), dtype='string')", "TypeError", "string"),
        ("corten.config.set_num_threads(-1)", "ValueError", "-1"),
        ("corten.utils.set_random_seed(-1)", "ValueError", "-1"),
        ("corten.utils.set_random_seed(1.5)", "TypeError", "expected an int, got 1.5"),
        ("initializers.RandomNormal(stddev=float('nan'))((2, 2))", "ValueError", "nan"),
        ("initializers.Constant('a')((2,))", "ValueError|TypeError", ""),
        ("regularizers.L2(float('nan'))", "ValueError", "nan"),
        ("regularizers.L1(-1.0)", "ValueError", "-1"),
    ]),
    "2 windows that do not fit": (PLAIN, [
        ("Sequential([L.Conv2D(2, 5, input_shape=(4, 9, 1))])", "ValueError", "kernel"),
        ("Sequential([L.Conv2D(2, 3, dilation_rate=4, input_shape=(8, 8, 1))])", "ValueError", "kernel"),
        ("Sequential([L.MaxPooling2D(5, input_shape=(4, 9, 1))])", "ValueError", "window"),
        ("shape(Sequential([L.MaxPooling2D(50, padding='same', input_shape=(4, 9, 1))]).predict(np.ones((1, 4, 9, 1)), verbose=0), (1, 1, 1, 1))",),
        ("shape(Sequential([L.Conv2D(2, 50, padding='same', input_shape=(4, 9, 1))]).predict(np.ones((1, 4, 9, 1)), verbose=0), (1, 4, 9, 2))",),
        ("shape(Sequential([L.Conv2D(2, 1, strides=50, input_shape=(4, 9, 1))]).predict(np.ones((1, 4, 9, 1)), verbose=0), (1, 1, 1, 2))",),
        ("ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)), strides=0)", "ValueError", "strides", "0"),
        ("ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)), dilation=-1)", "ValueError", "dilation", "-1"),
        ("ops.conv2d(np.ones((1, 4, 4, 1)), np.ones((0, 3, 1, 1)))", "ValueError", "kernel"),
        ("ops.max_pool2d(np.ones((1, 4, 4, 1)), 0)", "ValueError", "pool", "0"),
        ("ops.max_pool2d(np.ones((1, 4, 4, 1)), 2, strides=-1)", "ValueError", "strides", "-1"),
        ("ops.average_pool2d(np.ones((1, 4, 4, 1)), 2, padding='wrong')", "ValueError", "padding", "wrong"),
    ]),
    "2 hyper-parameters of training": (MLP, [
        ("optimizers.Adam(learning_rate=-0.1)", "ValueError", "learning_rate", "-0.1"),
        ("optimizers.Adam(learning_rate=float('nan'))", "ValueError", "learning_rate", "nan"),
        ("optimizers.Adam(learning_rate='fast')", "ValueError|TypeError", "learning_rate", "fast"),
        ("optimizers.Adam(beta_1=1.5)", "ValueError", "beta_1", "1.5"),
        ("optimizers.SGD(momentum=-1)", "ValueError", "momentum", "-1"),
        *[(f"optimizers.{call}", "TypeError", *said.split())
          for call, said in (("Adam(beta_1='0.9')", "beta_1 '0.9'"), ("SGD(clipnorm='a')", "clipnorm 'a'"), ("SGD(loss_scale_factor=[])", "loss_scale_factor []"),
                             ("RMSprop(rho=None)", "rho None"), ("Adagrad(initial_accumulator_value={})", "initial_accumulator_value {}"), ("Lion(beta_2=1j)", "beta_2 1j"))],
        ("metrics.AUC(num_thresholds=10**30)", "ValueError", "num_thresholds", "1048576"),
        ("ops.arange(0, 1, 0)", "ValueError", "arange", "step"),
        ("import copy; copy.copy(model)", "TypeError", "shallow"),
        ("optimizers.SGD(clipnorm=-1)", "ValueError", "clipnorm", "-1"),
        ("optimizers.SGD(clipnorm=1.0, clipvalue=1.0)", "ValueError", "clipnorm", "clipvalue"),
        ("optimizers.SGD(nonsense=1)", "TypeError|ValueError", "nonsense"),
        ("model.compile('nope', 'mse')", "ValueError", "nope"),
        ("model.compile('adam', 'nope')", "ValueError", "nope"),
        ("model.compile('adam', 'mse', metrics=['nope'])", "ValueError", "nope"),
        ("model.compile('adam', ['mse', 'mse']); fit(x, y)", "ShapeError", "mean_squared_error", "(8,)", "(8, 3)"),
        ("model.compile('adam', ['sparse_categorical_crossentropy'] * 2); fit(x, y)",),
        ("model.compile('adam', {'nope': 'mse'}); fit(x, y)", "ValueError", "nope"),
        ("Sequential([L.Dense(1, input_shape=(2,))]).fit(x, y)", "RuntimeError", "compile"),
        ("Sequential([L.Dense(1, input_shape=(2,))]).evaluate(x, y)", "RuntimeError", "compile"),
        ("fit(x, y, batch_size=0)", "ValueError", "batch_size", "0"),
        ("fit(x, y, batch_size=-5)", "ValueError", "batch_size", "-5"),
        ("fit(x, y, batch_size=2.5)", "ValueError", "batch_size", "2.5"),
        ("fit(x, y, batch_size=True)", "ValueError", "batch_size", "True"),
        ("fit(x, y, batch_size=10**30)",),
        ("fit(x, y, epochs=-1)", "ValueError", "epochs", "-1"),
        ("fit(x, y, epochs=1.5)", "ValueError", "epochs", "1.5"),
        ("fit(x, y, initial_epoch=-1)", "ValueError", "initial_epoch", "-1"),
        ("fit(x, y, verbose=7)", "ValueError", "verbose", "7"),
        ("fit(x, y, validation_split=1.5)", "ValueError", "validation_split", "1.5"),
        ("fit(x, y, validation_split=-0.5)", "ValueError", "validation_split", "-0.5"),
        ("fit(x, y, validation_split=float('nan'))", "ValueError", "validation_split", "nan"),
        ("fit(x, y, validation_data=(x, y), validation_freq=0)", "ValueError", "validation_freq", "0"),
        ("fit(x, y, steps_per_epoch=-1)", "ValueError", "steps_per_epoch", "-1"),
        ("fit(x, y, steps_per_epoch=0)", "ValueError", "steps_per_epoch", "0"),
        ("fit(x, y, callbacks=[object()])", "TypeError", "object"),
        ("fit(x, y, class_weight={0: 1.0, 1: float('inf'), 2: 1.0})", "ValueError", "finite"),
        *[(f"fit(x, y, class_weight={given})", "TypeError", "class_weight", "dict", kind)
          for given, kind in (("[1.0, 0.0, 2.0]", "1.0, 0.0, 2.0"), ("np.ones(3)", "array"), ("5", "got 5"), ("'even'", "even"))],
        ("fit(x, np.where(y == 2, 0.5, y), class_weight={0: 1.0, 1: 1.0})", "ValueError", "class_weight", "0.5"),
        ("fit(x, np.where(y == 2, np.nan, y), class_weight={0: 1.0, 1: 1.0})", "ValueError", "class_weight", "nan"),
        ("fit(x, y, validation_split='a')", "ValueError", "validation_split", "'a'"),
        ("fit(x, y, validation_data=(x, y), validation_freq=0.5)", "ValueError", "validation_freq", "0.5"),
        *[(f"optimizers.schedules.{call}", "TypeError", *said.split())
          for call, said in (("ExponentialDecay('a', 1, 1)", "initial_learning_rate 'a'"), ("CosineDecay(0.1, None)", "decay_steps None"),
                             ("CosineDecayRestarts(0.1, 5, t_mul=[])", "t_mul []"))],
        ("fit(x, y, class_weight={0: 1.0})", "ValueError", "class 1"),
        ("fit(x, y, class_weight={0: 1.0, 1: 1.0, 2: 1.0}, sample_weight=np.ones(20))", "ValueError", "class_weight", "sample_weight"),
        ("callbacks.EarlyStopping(patience=-1)", "ValueError", "patience", "-1"),
        ("callbacks.EarlyStopping(mode='up')", "ValueError", "mode", "up"),
        ("warned(lambda: fit(x, y, callbacks=[callbacks.EarlyStopping(monitor='val_nope')]), \"'val_nope' is not among the logs; there are accuracy, loss\")",),
        ("Sequential([model.layers[0], model.layers[0]])", "ValueError", "unique"),
        ("Sequential([lambda x: x])", "TypeError", "layers"),
        ("Model(x, x)", "TypeError", "ymbolic|Input|positional"),
    ]),
    "3 shapes of data": (MLP, [
        ("predict(np.zeros(4))", "ShapeError", "(None, 4)", "(4,)"),
        ("predict(3.0)", "ShapeError", "row"),
        ("predict(x[:, :3])", "ShapeError", "(None, 4)", "(20, 3)"),
        ("same(predict(x[:, :, None]), predict(x))",),
        ("predict(x[:, :, None, None])", "ShapeError", "(None, 4)", "(20, 4, 1, 1)"),
        ("predict([x, x])", "ValueError", "1 input", "2"),
        ("predict(None)", "ValueError|TypeError", "None"),
        ("fit(x, y[:-1])", "ValueError", "20", "19"),
        ("fit(x)", "ValueError", "targets|y"),
        ("fit(x, None)", "ValueError", "targets|y"),
        ("fit(x, np.zeros((20, 3)))", "ShapeError", "(8, 3)"),
        ("fit(x, np.zeros((20, 2, 2), int))", "ShapeError", "(8, 2, 2)"),
        ("fit(x, [y, y])", "ValueError", "1", "2"),
        ("fit(x, {'nope': y})", "ValueError", "nope|output|1"),
        ("fit(x, y, sample_weight=np.ones(19))", "ValueError", "19", "20"),
        ("fit(x, y, sample_weight=np.ones((20, 3)))", "ValueError", "(8, 3)"),
        ("fit(x, y, sample_weight=2.0)", "ValueError", "sample_weight"),
        ("fit(x, y, validation_data=(x[:, :2], y))", "ValueError+", "(None, 4)", "2"),
        ("fit(x, y, validation_data=x)", "ValueError+", "targets"),
        ("model.set_weights([])", "ValueError", "expected 4 arrays, got 0"),
        ("model.set_weights([w.T for w in model.get_weights()])", "ValueError", "(4, 8)", "(8, 4)"),
        ("model.weights[0].assign(np.zeros((2, 2)))", "ValueError", "(4, 8)", "(2, 2)"),
        ("model.compile('sgd', 'categorical_crossentropy'); fit(x, y)", "ShapeError", "(8,)|(8, 1)", "3"),
        ("model.compile('sgd', 'mse'); fit(x, np.zeros((20, 2)))", "ShapeError", "(8, 2)", "(8, 3)"),
        ("model(x[:, :3])", "ShapeError", "(None, 4)", "(20, 3)"),
        ("model.get_layer('nope')", "ValueError", "nope"),
        ("model.get_layer(index=9)", "ValueError", "9"),
    ]),
    "3 shapes of operands": (PLAIN, [
        ("ops.add(a, np.zeros((4,)))", "ShapeError", "(2, 3)", "(4,)"),
        ("ops.matmul(a, a)", "ShapeError", "(2, 3)"),
        ("ops.matmul(a, f4(1))", "ShapeError", ""),
        ("ops.dense(a, np.zeros((2, 2)))", "ShapeError", "(2, 3)", "(2, 2)"),
        ("ops.dense(a, np.zeros((3, 2)), np.zeros(3))", "ShapeError", "(3,)"),
        ("ops.conv2d(a, np.zeros((3, 3, 1, 1)))", "ShapeError", "four axes", "(2, 3)"),
        ("ops.conv2d(np.zeros((1, 5, 5, 2)), np.zeros((3, 3, 3, 1)))", "ShapeError", "3 input channels", "2"),
        ("ops.max_pool2d(a, 2)", "ShapeError", "four axes"),
        ("ops.concatenate([a, a[:, :2]], axis=0)", "ShapeError", "(2, 3)", "(2, 2)"),
        ("ops.concatenate([])", "ValueError", ""),
        ("ops.transpose(a, (0, 0))", "ValueError", "(0, 0)|[0, 0]"),
        ("ops.reshape(a, (4, 2))", "ValueError", "(2, 3)", "4, 2"),
        ("ops.broadcast_to(a, (3, 3))", "ValueError", "(2, 3)", "3, 3"),
        ("ops.where(a > 1, a, np.zeros(7))", "ShapeError", "7"),
        ("ops.sum(a, axis=2)", "ValueError", "2"),
        ("ops.sum(a, axis=(0, 0))", "ValueError", "0"),
        ("ops.softmax(a, axis=5)", "ValueError", "5"),
        ("ops.squeeze(a, axis=0)", "ValueError", "(2, 3)"),
        ("ops.pad(a, [[1, 1]] * 3)", "ValueError", ""),
        ("ops.pad(a, -1)", "ValueError", "-1"),
        ("ops.split(a, 4, axis=1)", "ValueError", ""),
        ("L.Add()([a, np.zeros((2, 5))])", "ValueError", "(2, 5)|(None, 5)"),
        ("L.Add()(a)", "ValueError", ""),
        ("L.Dense(2)(f4(1))", "ValueError", ""),
        ("L.Conv2D(2, 3)(a)", "ValueError", "(2, 3)|(None, 3)|four"),
        ("L.Flatten()(f4(1))", "ValueError", ""),
        ("model.layers[0](np.zeros((2, 9)))", "ShapeError", "(2, 9)", "(3, 2)"),
        ("i, j = Input((3,)), Input((3,)); Model(i, L.Dense(2)(j))", "ValueError", "not among the inputs"),
        ("i, j = Input((3,)), Input((4,)); Model([i, j], L.Concatenate()([i, j])).predict(a)", "ValueError", "2 inputs", "1"),
        ("i, j = Input((3,), name='i'), Input((4,), name='j'); Model([i, j], L.Concatenate()([i, j])).predict({'i': a})", "ValueError", "'j'"),
        ("corten.gradients(a, a)", "ValueError", "outside a step"),
    ]),
    "4 absurd sizes": (PLAIN, [
        ("ops.relu(np.broadcast_to(f4(1), (2**40, 2**20)))", "MemoryError|ValueError", ""),
        ("model.predict(np.broadcast_to(f4(1), (2**60, 3)), verbose=0)", "MemoryError|ValueError", ""),
        ("Sequential([L.Dense(2**62, input_shape=(4,))])", "MemoryError|ValueError", ""),
        ("Sequential([L.Dense(2**70, input_shape=(4,))])", "MemoryError|ValueError", ""),
        ("Sequential([L.Dense(3, input_shape=(2**61,))])", "MemoryError|ValueError", ""),
        ("Sequential([L.Dense(2**40, input_shape=(2**40,))])", "MemoryError|ValueError", ""),
        ("Sequential([L.Conv2D(2**40, 2**15, input_shape=(2**16, 2**16, 3))])", "MemoryError|ValueError", ""),
        ("Sequential([L.Conv2D(1, 5, dilation_rate=2**62, padding='same', input_shape=(8, 8, 1))])", "ValueError", "larger"),
        ("Sequential([L.Conv2D(1, 5, dilation_rate=2**62, input_shape=(8, 8, 1))])", "ValueError", "kernel"),
        ("Sequential([L.Conv2D(1, 5, dilation_rate=2**70, input_shape=(8, 8, 1))])", "ValueError", ""),
        ("Sequential([L.Conv2D(1, 3, strides=2**62, padding='same', input_shape=(8, 8, 1))]).predict(np.ones((1, 8, 8, 1)), verbose=0)",),
        ("Sequential([L.MaxPooling2D(2**62, padding='same', input_shape=(8, 8, 1))])", "ValueError", "larger"),
        ("Sequential([L.MaxPooling2D(2**30, padding='same', input_shape=(8, 8, 1))]).predict(np.ones((1, 8, 8, 1)), verbose=0)",),
        ("Sequential([L.MaxPooling2D(2, strides=2**62, input_shape=(8, 8, 1))]).predict(np.ones((1, 8, 8, 1)), verbose=0)",),
        ("Sequential([L.ZeroPadding2D(2**62, input_shape=(8, 8, 1))])", "MemoryError|ValueError", ""),
        ("Sequential([L.Reshape((2**62, 4), input_shape=(3,))])", "ValueError", ""),
        ("Sequential([L.Reshape((2**70,), input_shape=(3,))])", "ValueError|TypeError", ""),
        ("Sequential([L.RepeatVector(2**62, input_shape=(3,))])", "MemoryError|ValueError", ""),
        ("ops.reshape(a, (2**32, 2**32, 2**32))", "ValueError", ""),
        ("ops.broadcast_to(a, (2**40, 2**40, 2, 3))", "MemoryError|ValueError", ""),
        ("ops.broadcast_to(a, (2**40, 2, 3))", "MemoryError", ""),
        ("ops.one_hot(np.zeros(4, np.int32), 2**50)", "MemoryError|ValueError", ""),
        ("ops.tile(a, 2**62)", "MemoryError|ValueError", ""),
        ("ops.repeat(a, 2**62)", "MemoryError|ValueError", ""),
        ("ops.pad(a, 2**63 - 1)", "MemoryError|ValueError", ""),
        ("ops.take(a, [2**40], axis=0)", "IndexError", ""),
        ("ops.slice(a, (2**62, 2**62), (2**62, 2**62))", "ValueError|IndexError", ""),
        ("ops.matmul(np.ones((2**22, 1), f4), np.ones((1, 2**22), f4))", "MemoryError", ""),
        ("ops.relu(np.zeros((1,) * 9))", "ValueError", "at most 8 dimensions", "9"),
        ("ops.relu(np.zeros((1,) * 33))", "ValueError", "at most 8 dimensions", "33"),
        ("ops.relu(np.zeros((1,) * 64))", "ValueError", "at most 8 dimensions", "64"),
        ("Input((1,) * 40) + 1", "ValueError", "at most 8 dimensions"),
        ("model.predict(np.zeros((2,) + (1,) * 63), verbose=0)", "ValueError", ""),
        ("corten.Variable(np.zeros((1,) * 64, f4))", "ValueError", "at most 8 dimensions"),
        ("corten.utils.to_categorical([2**45])", "MemoryError|ValueError", ""),
        ("model.add(L.Dense(10**7)); model.add(L.Dense(10**7))", "MemoryError", ""),
        ("_core.permutation(-1, 0, 0)", "OverflowError", ""),
    ]),
    "5 labels and indices": (MLP, [
        ("y[3] = -1; fit(x, y)", "IndexError", "-1", "3"),
        ("y[3] = 3; fit(x, y)", "IndexError", "3"),
        ("y[3] = 2**40; fit(x, y)", "IndexError", "1099511627776"),
        ("y[3] = -2**63; fit(x, y)", "IndexError", "-9223372036854775808"),
        ("fit(x, np.full(20, 2**64 - 1, np.uint64))", "IndexError", "1844674407370955161"),
        ("y = y.astype(f4); y[3] = 1.5; fit(x, y)", "IndexError", "1.5", "3"),
        ("y = y.astype(f4); y[3] = np.nan; fit(x, y)", "IndexError", "NaN|nan", "3"),
        ("y = y.astype(f4); y[3] = np.inf; fit(x, y)", "IndexError", "inf", "3"),
        ("y = y.astype(f4); y[3] = 1e20; fit(x, y)", "IndexError", "3"),
        ("y[3] = 3; model.evaluate(x, y, verbose=0)", "IndexError", "3"),
        ("y[3] = -1; model.train_on_batch(x, y)", "IndexError", "-1"),
        ("y[3] = -1; model.run_eagerly = True; fit(x, y)", "IndexError", "-1"),
        ("y[3] = 99; fit(x, y, validation_split=0.2, class_weight={0: 1., 1: 1., 2: 1.})", "ValueError|IndexError", "99"),
        ("fit(x, [str(v) for v in y])", "TypeError", "numbers"),
        ("fit(x, y.astype(np.uint8))",),
        ("fit(x, y > 0)",),
        ("fit(x, y.astype('>i8'))",),
        ("fit(x, y[:, None])",),
        ("ops.take(x, [0, 20], axis=0)", "IndexError", "20"),
        ("ops.take(x, [-21], axis=0)", "IndexError", "-21"),
        ("ops.take(x, [1.5], axis=0)", "TypeError|IndexError", ""),
        ("corten.utils.to_categorical([0, -1])", "IndexError", "-1"),
        ("corten.utils.to_categorical([0, 3], 3)", "IndexError", "3"),
        ("losses.SparseCategoricalCrossentropy()(np.array([5]), x[:1, :3])", "IndexError", "5"),
        ("ops.cast(np.array([2**40]), 'float32')", "IndexError", "1099511627776"),
    ]),
    "6 nothing counts": (MLP, [
        ("h = fit(x, y, sample_weight=np.zeros(20)); assert h.history['loss'] == [0.0], h.history",),
        ("model.compile('sgd', 'sparse_categorical_crossentropy', weighted_metrics=['accuracy']); h = fit(x, y, sample_weight=np.zeros(20)); assert np.isfinite([v for vs in h.history.values() for v in vs]).all(), h.history",),
        ("model.compile('sgd', losses.SparseCategoricalCrossentropy(ignore_class=0)); h = fit(x, 0 * y); assert np.isfinite(h.history['loss']).all(), h.history",),
        ("v = losses.MeanSquaredError(reduction='mean_with_sample_weight')(x, x + 1, np.zeros(20)); assert np.isfinite(v), v",),
        ("m = metrics.Mean(); assert float(m.result()) == 0.0",),
        ("m = metrics.Accuracy(); m.update_state([1], [1], sample_weight=[0]); assert float(m.result()) == 0.0",),
    ]),
    "7 NaN and infinity in training": (MLP, [
        ("x[5, 1] = np.nan; h = warned(lambda: fit(x, y), 'loss is nan'); assert np.isnan(h.history['loss'][0])",),
        ("x[5, 1] = np.inf; warned(lambda: fit(x, y, epochs=2), 'loss is')",),
        ("x[9, 1] = np.nan; h = warned(lambda: fit(x, y, epochs=5, callbacks=[callbacks.TerminateOnNaN()]), 'loss is nan'); assert len(h.history['loss']) == 1",),
        ("del predict; x[9, 1] = np.nan; fit(x, y, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])", "RuntimeError+", "nan", "batch 1"),
        ("good = predict(x); x[5, 1] = np.nan; p = predict(x); assert np.isnan(p[5]).all(); p[5] = good[5]; same(p, good)",),
        ("warned(lambda: fit(x, y, sample_weight=np.full(20, np.nan)), 'loss is nan')",),
        ("m = Sequential([L.Dense(1, input_shape=(4,))]); m.compile('sgd', 'mse'); warned(lambda: m.fit(x, np.full(20, np.nan), verbose=0), 'loss is nan')",),
    ]),
    "7 NaN and infinity in ops": (PLAIN, [
        ("for n in (1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 100):\n"
         "    for at in range(n):\n"
         "        v = np.linspace(-2, 2, n, dtype=f4); v[at] = np.nan\n"
         "        for g in (ops.relu, ops.sigmoid, ops.tanh, ops.exp, ops.abs, ops.sqrt, ops.gelu, ops.elu, ops.leaky_relu, ops.silu, ops.softplus, ops.sign):\n"
         "            with np.errstate(all='ignore'): got = np.isnan(g(v))\n"
         "            want = np.isnan(v) | ((v < 0) & (g is ops.sqrt)); assert (got == want).all(), (g.__name__, n, at)\n"
         "        assert np.isnan(ops.max(v)) and np.isnan(ops.min(v)) and np.isnan(ops.sum(v)), (n, at)\n"
         "        assert np.isnan(ops.maximum(v, f4(1))[at]) and np.isnan(ops.maximum(f4(1), v)[at]) and np.isnan(ops.minimum(v, 1)[at])\n"
         "        assert np.isnan(ops.softmax(v)).all() and int(ops.argmax(v)) == at",),
        ("for c in (1, 3, 8, 17):\n"
         "    for at in range(4):\n"
         "        v = np.zeros((1, 2, 2, c), f4); v[0, at // 2, at % 2, c - 1] = np.nan\n"
         "        p = ops.max_pool2d(v, 2); assert np.isnan(p[0, 0, 0, c - 1]) and np.isfinite(p[..., : c - 1]).all()",),
        ("v = np.full((3, 4), -np.inf, f4); v[0] = 0; p = ops.softmax(v); near(p[0], .25); assert np.isnan(p[1:]).all()",),
        ("p = ops.softmax(f4([[1e38, -1e38, 0]])); near(p, [[1, 0, 0]])",),
        ("p = ops.log_softmax(f4([[1e38, -1e38]])); assert p[0, 0] == 0 and p[0, 1] < -1e38",),
        ("v = losses.SparseCategoricalCrossentropy(from_logits=True)([0, 1], f4([[1e30, -1e30], [-1e30, 1e30]])); assert float(v) == 0.0, v",),
        ("v = losses.SparseCategoricalCrossentropy()([0, 1], f4([[0, 1], [1, 0]])); assert 10 < float(v) < 20, v",),
        ("v = losses.BinaryCrossentropy(from_logits=True)(f4([[1], [0]]), f4([[1e30], [-1e30]])); assert float(v) == 0.0, v",),
        ("v = losses.BinaryCrossentropy()(f4([[1], [0]]), f4([[0], [1]])); assert np.isfinite(float(v)), v",),
        ("assert np.isposinf(ops.sum(f4([1, np.inf]))) and np.isnan(ops.sum(f4([-np.inf, np.inf])))",),
        ("same(ops.exp(f4([1e4, -1e4])), f4([np.inf, 0])); same(ops.sigmoid(f4([1e4, -1e4])), f4([1, 0])); same(ops.tanh(f4([1e4, -1e4])), f4([1, -1]))",),
    ]),
    "8 types of arrays": (MLP, [
        ("fit(x.astype(object), y)", "TypeError", "numbers", "object"),
        ("fit(x.astype(str), y)", "TypeError", "numbers"),
        ("fit(x.astype(complex), y)", "TypeError", "complex128"),
        ("fit(np.zeros(20, [('a', 'f4'), ('b', 'f4')]), y)", "TypeError", "numbers"),
        ("fit(np.zeros((20, 4), 'datetime64[s]'), y)", "TypeError", "datetime64"),
        ("fit(np.ma.masked_array(x, x > 0), y)", "TypeError", "masked"),
        ("fit([[1.0, 2.0], [1.0]], y)", "TypeError|ValueError", ""),
        ("fit(['a'] * 20, y)", "TypeError|ValueError", ""),
        ("fit(object(), y)", "TypeError", "object"),
        ("fit(b'abc', y)", "TypeError|ValueError", ""),
        ("fit('abc', y)", "TypeError|ValueError", ""),
        ("ops.relu('abc')", "TypeError", ""),
        ("ops.relu(None)", "TypeError", ""),
        ("ops.relu([1j])", "TypeError", "complex"),
        ("ops.add(x, np.array(['a']))", "TypeError", ""),
        ("ops.relu(np.ma.masked_array([1.0], [True]))", "TypeError", "masked"),
        ("same(predict(x.astype('f2')), predict(x.astype('f2').astype('f4')))",),
        ("same(predict(x.astype('f8')), predict(x))",),
        ("same(predict(x.astype(np.longdouble)), predict(x))",),
        ("same(predict(x > 0), predict((x > 0).astype('f4')))",),
        ("for t in ('i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8'): b = (abs(x) * 9).astype(t); same(predict(b), predict(b.astype('f4')))",),
        ("same(predict(x.tolist()), predict(x))",),
        ("same(predict(np.asmatrix(x)), predict(x))",),
        ("model.set_weights([w.astype(object) for w in model.get_weights()])", "TypeError", "object"),
        *[(f"corten.Variable(np.array({value}), dtype='int32', name='v')", "IndexError", "v: ", said)
          for value, said in (("[2**40]", "1099511627776"), ("[float('nan')]", "nan"), ("[1, 0.5]", "0.5"), ("1e30", "1e+30"), ("-2.0**31 - 1", "-2147483649"))],
        ("v = corten.Variable([1, 2], dtype='int32')\ntry: v.assign(np.array([1, 2**40]))\nexcept IndexError: pass\nsame(v.numpy(), np.int32([1, 2])); v.assign([3.0, -2.0**31]); same(v.numpy(), np.int32([3, -2**31]))",),
        ("predict([[1, 2, 3, 4], [1, 2]])", "TypeError", "x: ", "list"),
        ("fit(x[:2], [[1], [1, 2]])", "TypeError", "y: ", "list"),
        ("fit([[1, 2], [1]], [0, 1], validation_split=0.5)", "TypeError", "x: ", "list"),
        ("model.set_weights([w + 1 for w in model.get_weights()[:-1]] + [np.array(['a'] * 3)])", "TypeError", "bias", "<U1"),
        ("model.set_weights([w.astype(complex) for w in model.get_weights()])", "TypeError", "complex"),
        ("model.set_weights([w.astype('f8') for w in model.get_weights()])",),
        ("corten.Variable(np.zeros(3), dtype='float64')", "ValueError", "float64"),
        ("corten.Variable('abc')", "TypeError", ""),
        ("float(model)", "TypeError", ""),
        ("bool(Input((3,)))", "TypeError", "truth value"),
        ("list(Input((3,)))", "TypeError", "iterated"),
    ]),
    "9-11 memory layout": (CNN, [
        *[(f"b = {made}; assert (np.asarray(b) == x).all(); same(predict(b), predict(x)); same(ops.relu(b), ops.relu(x)); "
           "same(ops.add(b, b[..., :1]), ops.add(x, x[..., :1])); w = model.get_weights(); one = fit(b, y).history; "
           "v = model.get_weights(); model.set_weights(w); two = fit(x, y).history; assert one == two; [same(p, q) for p, q in zip(v, model.get_weights())]",)
          for made in (
              "x.astype('>f4')",
              "x.astype('>f8')",
              "np.asfortranarray(x)",
              "np.repeat(x, 2, axis=1)[:, ::2]",
              "np.repeat(x, 3, axis=3)[..., 1::3]",
              "x[::-1].copy()[::-1]",
              "x[:, ::-1, ::-1].copy()[:, ::-1, ::-1]",
              "np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0)",
              "np.frombuffer(b'#' + x.tobytes(), 'u1')[1:].view('f4').reshape(x.shape)",
              "np.frombuffer(b'#' + x.astype('f8').tobytes(), 'u1')[1:].view('f8').reshape(x.shape)",
          )],
        ("s = np.zeros(x.size, [('skew', 'u1'), ('v', 'f4')]); s['v'] = x.ravel(); b = s['v'].reshape(x.shape); assert not b.flags.aligned; same(predict(b), predict(x))",),
        ("b = np.broadcast_to(x[:1], x.shape); same(predict(b), predict(b.copy()))",),
        ("b = np.broadcast_to(f4(0.5), x.shape); same(predict(b), predict(b.copy()))",),
        ("b = np.lib.stride_tricks.as_strided(x, (5, 9, 11, 3), (x.strides[0] // 2 // 4 * 4, *x.strides[1:])); same(predict(b), predict(b.copy()))",),
        ("w = model.get_weights(); p = predict(x); model.set_weights([np.asfortranarray(v).astype('>f4') for v in w]); same(predict(x), p)",),
        ("l = y[::-1].astype('>i2')[::-1]; w = model.get_weights(); fit(x, l); v = model.get_weights(); model.set_weights(w); fit(x, y); [same(p, q) for p, q in zip(v, model.get_weights())]",),
    ]),
    "12-13 whose memory it is": (MLP, [
        ("x.flags.writeable = y.flags.writeable = False; fit(x, y); predict(x); ops.relu(x)",),
        ("b = np.broadcast_to(f4(1), (8, 4)); predict(b); ops.add(b, b)",),
        ("m = np.memmap(tempfile.TemporaryFile(), 'f4', 'w+', shape=(20, 4)); m[:] = x; same(predict(m), predict(x)); fit(m, y)",),
        ("before = x.copy(), y.copy(); fit(x, y, epochs=2, shuffle=True); model.evaluate(x, y, verbose=0); predict(x); same(x, before[0]); same(y, before[1])",),
        ("for g in (ops.identity, lambda v: ops.reshape(v, (4, 20)), lambda v: ops.cast(v, 'float32'), lambda v: ops.transpose(ops.transpose(v)), lambda v: ops.pad(v, 0), lambda v: ops.broadcast_to(v, (20, 4)), lambda v: ops.concatenate([v]), lambda v: ops.split(v, 1)[0], lambda v: ops.getitem(v, ...), ops.constant, lambda v: ops.transpose(v, (0, 1)), L.Flatten(), L.Dropout(0.5)): b = g(x); assert not np.shares_memory(b, x) and b.flags.writeable, g",),
        ("p = predict(x); q = p.copy(); predict(x + 1); same(p, q); p[:] = 0; same(predict(x), q)",),
        ("w = model.get_weights(); v = [p.copy() for p in w]; [p.fill(9) for p in w]; [same(p, q) for p, q in zip(v, model.get_weights())]",),
        ("w = [p.copy() for p in model.get_weights()]; model.set_weights(w); p = predict(x); [q.fill(9) for q in w]; same(predict(x), p)",),
        ("c = np.ones((4, 2), f4); v = corten.Variable(c); c[:] = 5; same(v.numpy(), np.ones((4, 2), f4))",),
        ("m = Sequential([L.Dense(4, input_shape=(4,))]); m.compile('sgd', 'mse'); m.fit(x, x, verbose=0); b = x.copy(); same(x, b); same(ops.add(x, x), x + x); same(ops.multiply(x, x), x * x)",),
        ("same(ops.matmul(x.T, x), ops.matmul(x.T.copy(), x))",),
    ]),
    "19-20, 24 files of weights": (FILES, [
        ("load(good)",),
        ("load(b'')", "CorruptFileError", "header", "0"),
        ("load(good[:5])", "CorruptFileError", "header"),
        ("load(good[:-1])", "CorruptFileError", "bytes"),
        ("load(good + b'!')", "CorruptFileError", "bytes"),
        ("load((2**63).to_bytes(8, 'little') + good[8:])", "CorruptFileError", "9223372036854775808"),
        ("load((2**64 - 1).to_bytes(8, 'little') + good[8:])", "CorruptFileError", "declared"),
        ("load(b'\\x80\\x04K\\x01.' * 9)", "CorruptFileError", ""),
        ("b = io.BytesIO(); np.save(b, np.array([object()]), allow_pickle=True); load(b.getvalue())", "CorruptFileError", ""),
        ("b = io.BytesIO(); np.savez(b, *model.get_weights()); load(b.getvalue())", "CorruptFileError", ""),
        ("load(bytes(100_000))", "CorruptFileError", ""),
        ("load(b'\\xff' * 100_000)", "CorruptFileError", ""),
        ("other.save_weights(file); model.load_weights(file)", "CorruptFileError", "dense", "(8, 3)", "(8, 2)"),
        ("safetensors.save_file({'x': np.zeros(3)}, file); model.load_weights(file)", "CorruptFileError", "no such tensor"),
        ("safetensors.save_file({k: v.astype('f8') for k, v in safetensors.load_file(file).items()}, file); model.load_weights(file)", "CorruptFileError", "float64"),
        ("model.load_weights(folder)", "CorruptFileError|OSError", "regular|directory"),
        ("os.mkfifo(folder / 'pipe'); model.load_weights(folder / 'pipe')", "CorruptFileError", "regular"),
        ("model.load_weights('/dev/zero')", "CorruptFileError", "regular"),
        ("model.load_weights(folder / 'nope')", "FileNotFoundError", "nope"),
        ("model.load_weights(3)", "TypeError|OSError|ValueError", ""),
        ("model.load_weights('a\\0b')", "ValueError|OSError", ""),
        ("k = corten.models.Model(); k.load_weights(file)", "ValueError", "built"),
        ("k = Sequential([L.Dense(3)]); k.save_weights(file)", "ValueError", "built"),
        ("model.save_weights(folder / 'no' / 'where')", "OSError", ""),
        ("model.save_weights('/proc/nope.safetensors')", "OSError", ""),
        ("model.save_weights(folder)", "OSError", ""),
        ("model.save_weights('/dev/full')", "OSError", ""),
        ("model.save_weights(file, overwrite=False)", "FileExistsError", "w.safetensors"),
        ("model.load_weights(file, skip_mismatch=True)",),
    ]),
    "25 a full disk": (FILES + """
import resource
def full(action):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    try: action()
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
""", [
        ("full(lambda: model.save_weights(file))", "OSError", "large"),
        ("try: full(lambda: model.save_weights(file))\nexcept OSError: pass\nassert file.read_bytes() == good and os.listdir(folder) == ['w.safetensors']; model.load_weights(file)",),
    ]),
    "28 code of the user's": (MLP + """
class Boom(Exception): pass
def boom(*a, **k): raise Boom("on purpose")
def batches(n):
    for i in range(n): yield x[:4], y[:4]
    raise Boom("on purpose")
class Own(Model):
    def __init__(self, step):
        super().__init__(); self.d = L.Dense(3); self.step = step
    def call(self, inputs): return self.d(inputs)
    def train_step(self, data): return self.step(self, data)
def own(step):
    m = Own(step); m.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True)); return m
""", [
        *[(f"fit(x, y, callbacks=[callbacks.LambdaCallback({hook}=boom)])", "Boom+" if hook.endswith("end") else "Boom", "on purpose")
          for hook in ("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")],
        *[(f"fit(x, y, validation_split=0.3, callbacks=[type('C', (callbacks.Callback,), dict({hook}=boom))()])", "Boom" + after, "on purpose")
          for after, hooks in {"": ("set_model", "set_params", "on_train_begin", "on_epoch_begin", "on_batch_begin", "on_train_batch_begin"),
                               "+": ("on_train_batch_end", "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end")}.items()
          for hook in hooks],
        ("class C(callbacks.Callback):\n    on_predict_begin = boom\nmodel.predict(x, verbose=0, callbacks=[C()])", "Boom", "on purpose"),
        ("class C(callbacks.Callback):\n    on_test_batch_end = boom\nmodel.evaluate(x, y, verbose=0, callbacks=[C()])", "Boom", "on purpose"),
        ("model.fit(batches(0), verbose=0)", "Boom", "on purpose"),
        ("model.predict(iter([]), verbose=0)", "ValueError", "no batch"),
        ("model.evaluate(iter([]), verbose=0)", "ValueError", "no batch"),
        ("model.fit(iter([]), verbose=0)", "ValueError", "no batch"),
        ("model.fit(iter([None]), verbose=0)", "TypeError", "None"),
        ("model.fit(iter([(x, y, x, y)]), verbose=0)", "ValueError", "4"),
        ("model.fit(iter([(x, y[:3])]), verbose=0)", "ValueError", "20", "3"),
        ("model.fit(iter([(x[:0], y[:0])]), verbose=0)", "ValueError", ""),
        ("model.fit(iter([(x, y)]), y, verbose=0)", "ValueError", "y"),
        ("model.fit(iter([(x[:5], y[:5]), (x[:3], y[:3]), (x, y)]), verbose=0)",),
        ("assert model.fit((b for b in [(x, y), (x, y)]), epochs=2, verbose=0).epoch == [0]",),
        ("model.compile('sgd', boom); fit(x, y)", "Boom", "on purpose"),
        ("model.compile('sgd', lambda t, p: None); fit(x, y)", "TypeError|ValueError", "None"),
        ("model.compile('sgd', lambda t, p: 'text'); fit(x, y)", "TypeError|ValueError", ""),
        ("model.compile('sgd', lambda t, p: t); fit(x, y)", "TypeError|ValueError", ""),
        ("model.compile('sgd', lambda t, p: ops.sum(p, axis=-1)); fit(x, y)",),
        ("model.compile('sgd', 'sparse_categorical_crossentropy', metrics=[boom]); fit(x, y)", "Boom", "on purpose"),
        ("own(boom).fit(x, y, verbose=0)", "Boom", "on purpose"),
        ("own(lambda m, d: None).fit(x, y, verbose=0)", "TypeError", "train_step", "dict"),
        ("own(lambda m, d: {'loss': m(d[0])}).fit(x, y, verbose=0)", "ValueError|TypeError", "loss"),
        ("own(lambda m, d: {'loss': None}).fit(x, y, verbose=0)", "ValueError|TypeError", "loss"),
        ("own(lambda m, d: {'loss': 'text'}).fit(x, y, verbose=0)", "ValueError|TypeError", ""),
        ("own(lambda m, d: {'loss': float(ops.sum(m(d[0])))}).fit(x, y, verbose=0)", "ValueError", "run_eagerly"),
        ("own(lambda m, d: {'loss': 1 if ops.sum(m(d[0])) > 0 else 0}).fit(x, y, verbose=0)", "TypeError", "truth value"),
        ("class B(L.Layer):\n    def call(self, v): boom()\nSequential([B(input_shape=(4,))])", "Boom", "on purpose"),
        ("class B(L.Layer):\n    def call(self, v): return None\nSequential([B(input_shape=(4,)), L.Dense(2)])", "TypeError|ValueError", ""),
        ("class B(L.Layer):\n    def call(self, v): return np.zeros(3)\nSequential([B(input_shape=(4,)), L.Dense(2)])", "TypeError|ValueError", "tensor"),
        ("class B(L.Layer):\n    def call(self, v): self.keep = v; return v\nb = B(input_shape=(4,)); m = Sequential([b, L.Dense(2)]); m.predict(x, verbose=0); ops.relu(b.keep)", "ValueError", "step"),
        ("class B(L.Layer):\n    def build(self, s): self.w = self.add_weight((s[-1],), initializer=boom)\n    def call(self, v): return v * self.w\nb = B(); b(x)", "Boom", "on purpose"),
        ("class B(L.Layer):\n    pass\nB()(x)", "NotImplementedError", "call"),
        ("L.Dense(2).add_loss(1.0)", "ValueError", "no step"),
        # A layer whose build failed is as it was, those inside it too.
        ("fail = [1]\ndef maybe(shape, dtype=None):\n    if fail and fail.pop(): boom()\n    return np.zeros(shape, 'f4')\n"
         "for l, count in ((L.Dense(2, bias_initializer=maybe), 2), (L.LSTM(2, recurrent_initializer=maybe), 3), (L.TimeDistributed(L.Dense(2, bias_initializer=maybe)), 2)):\n"
         "    fail[:] = [1]; v = x.reshape(5, 4, 4)\n"
         "    try: l(v)\n"
         "    except Boom: pass\n"
         "    assert not l.built and not l.weights, l.weights\n"
         "    l(v); assert len(l.weights) == count and len(l.get_weights()) == count, l.weights",),
        # What a failed step, or one of its own, leaves behind must not reach the next one.
        ("l = L.Dense(3, activity_regularizer='l2', input_shape=(4,)); m = Sequential([l]); m.compile('sgd', losses.SparseCategoricalCrossentropy(from_logits=True))\n"
         "l(x); m(x); m.predict(x, verbose=0); m.fit(x, y, verbose=0)",),
        ("l = L.Dense(3, activity_regularizer='l2', input_shape=(4,)); m = Sequential([l]); m.compile('sgd', losses.SparseCategoricalCrossentropy(from_logits=True))\n"
         "l(x); m(x)\n"
         "try: m.fit(x, np.zeros((20, 7, 7)), verbose=0)\n"
         "except ValueError: pass\n"
         "m.fit(x, y, verbose=0); m.evaluate(x, y, verbose=0); m.predict(x, verbose=0)",),
        ("m = Sequential([L.Dense(3, input_shape=(4,))]); m.compile('sgd', 'mse', metrics=['accuracy'])\n"
         "try: m.fit(x, np.zeros((20, 7)), verbose=0)\n"
         "except ValueError: pass\n"
         "assert m.fit(x, np.eye(3)[y], verbose=0).history.keys() == {'loss', 'accuracy'}",),
        ("m = Sequential([L.Dense(3)]); m.compile('sgd', 'mse')\n"
         "try: m.fit(x, 5 * x, verbose=0)\n"
         "except ValueError: pass\n"
         "m.fit(x, np.eye(3)[y], verbose=0); shape(m.predict(x, verbose=0), (20, 3))",),
        ("model.fit(x, y, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda e, l: model.fit(x, y, verbose=0))])", "RuntimeError+", "already being trained"),
        ("model.fit(x, y, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda e, l: (predict(x), model.evaluate(x, y, verbose=0)))])",),
    ]),
    "8 NumPy's numbers where Python's are meant": (PLAIN + """
i8, f = np.int64, np.float32
images = np.ones((2, 6, 6, 4), f4)
""", [
        *[(f"same({call}, {call.replace('i8(', 'int(')})",)
          for call in ("ops.pad(a, i8(2))", "ops.pad(a, ((i8(1), i8(0)), i8(2)))", "ops.tile(a, i8(2))", "ops.expand_dims(a, i8(1))", "ops.moveaxis(a, i8(0), i8(1))", "ops.reshape(a, i8(6))",
                       "ops.split(a, i8(3), axis=i8(1))[2]", "ops.one_hot([1], i8(3))", "ops.max_pool2d(images, i8(2), strides=i8(1))", "ops.upsample2d(images, i8(2))",
                       "ops.conv2d_transpose(images, np.ones((3, 3, 2, 4)), strides=i8(2), output_padding=i8(1))",
                       "L.Reshape(i8(3))(a)", "L.Concatenate(i8(1))([a, a])", "L.Dot(i8(1))([a, a])", "L.PReLU(shared_axes=i8(1))(a)", "L.LayerNormalization(i8(1))(a)",
                       "corten.utils.pad_sequences([[1]], maxlen=np.uint8(i8(3)))", "metrics.TopKCategoricalAccuracy(i8(1))(np.eye(3), np.eye(3))",
                       "metrics.AUC(np.uint8(i8(3)))([0, 1], [0.2, 0.7])", "metrics.Precision(top_k=i8(1), class_id=i8(1))(np.eye(3), np.eye(3))")],
        ("corten.utils.set_random_seed(i8(3)); b = corten.random.normal((2,)); corten.utils.set_random_seed(3); same(corten.random.normal((2,)), b)",),
        ("before = corten.config.num_threads(); corten.config.set_num_threads(i8(1)); assert corten.config.num_threads() == 1; corten.config.set_num_threads(before)",),
        ("optimizers.SGD(gradient_accumulation_steps=i8(2), use_ema=True, ema_overwrite_frequency=i8(2))",),
        ("model.compile('sgd', 'mse'); model.fit(a, a[:, :2], validation_data=(a, a[:, :2]), validation_freq=i8(2), epochs=i8(2), verbose=0)",),
        ("for made in (regularizers.L2(f(0.5)), regularizers.L1L2(f(0.5), i8(1)), corten.constraints.MaxNorm(f(2), i8(0))): made(a); json = __import__('json').dumps(made.get_config())",),
        ("i = Input((np.uint8(200),)); assert type(i.shape[1]) is int",),
    ]),
    "22 arguments nested without end": (PLAIN + """
loop = []; loop.append(loop)
ring = {}; ring["a"] = ring
deep = a
for _ in range(100_000): deep = [deep]
""", [
        *[(f"{call}({value})", "ValueError", "nested", "100")
          for value in ("loop", "deep") for call in ("ops.relu", "ops.concatenate", "ops.stack", "model", "L.Dense(2)", "corten.function(ops.relu)")],
        ("model(ring)", "ValueError", "nested"),
        ("ops.reshape(a, loop)", "ValueError", "nested"),
        ("ops.add(a, [loop, loop])", "ValueError", "nested"),
        ("model.predict(loop, verbose=0)", "TypeError", "x: "),
        ("model.compile('sgd', loop)", "RecursionError|ValueError"),
    ]),
    "29 more steps than data": (MLP, [
        ("h = warned(lambda: fit(x, y, steps_per_epoch=99, epochs=3), 'ended after 3 of 99 steps'); assert len(h.history['loss']) == 3",),
        ("h = warned(lambda: model.fit(iter([(x, y)] * 5), steps_per_epoch=3, epochs=9, verbose=0), 'ended after 2 of 3'); assert len(h.history['loss']) == 2",),
        ("h = fit(x, y, steps_per_epoch=2, epochs=3); assert len(h.history['loss']) == 3",),
        ("model.evaluate(iter([(x, y)] * 2), steps=5, verbose=0)",),
        ("shape(model.predict(iter([x] * 3), steps=2, verbose=0), (40, 3))",),
        ("h = model.fit(((x, y) for _ in iter(int, 1)), steps_per_epoch=3, epochs=2, validation_data=((x, y) for _ in iter(int, 1)), validation_steps=2, verbose=0); assert len(h.history['val_loss']) == 2",),
    ]),
}  # fmt: skip

CASES = [(table, number) for table, (_, cases) in TABLES.items() for number in range(len(cases))]


def snapshot(model: Any) -> list[bytes]:
    """Everything that training changes."""
    variables = list(model.variables)
    if getattr(model, "optimizer", None) is not None:
        variables += list(model.optimizer.variables)
    return [v.numpy().tobytes() for v in variables]


def attempt(setting: str, action: str, expected: str, *said: str) -> str:
    """Runs one case; returns what is wrong, or nothing."""
    space: dict[str, Any] = {}
    exec(PRELUDE + setting, space)
    model = space["model"]
    before = snapshot(model)
    try:
        exec(action, space)
    except BaseException as error:
        names = [base.__name__ for base in type(error).__mro__]
        text = f"{type(error).__name__}: {error}"
        if not expected or not set(names) & set(expected.rstrip("+").split("|")):
            return f"expected {expected or 'no exception'}, got " + "".join(traceback.format_exception(error)[-4:])
        missing = [part for part in said if not any(option in text for option in part.split("|"))]
        if missing:
            return f"the message does not say {missing}: {text}"
    else:
        if expected:
            return f"expected {expected}, got no exception"
        return ""
    unchanged = space["model"] is model and not expected.endswith("+")
    if unchanged and len(before) == len(after := snapshot(model)) and before != after:
        return "the exception left the model changed"
    if "predict" in space:
        r = space["np"].random.default_rng(9)
        sizes = (3, *model.inputs[0].shape[1:])
        if not space["np"].isfinite(model.predict(r.normal(size=sizes), verbose=0)).all():
            return "the model gives nonsense after the exception"
    return ""


def child(table: str, numbers: list[int]) -> None:
    setting, cases = TABLES[table]
    for number in numbers:
        print(json.dumps([number, None]), flush=True)
        faulthandler.dump_traceback_later(20, exit=True)
        wrong = attempt(setting, *(*cases[number], "", "")[: max(2, len(cases[number]))])
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps([number, wrong]), flush=True)


@functools.cache
def results(table: str) -> dict[int, str]:
    """What is wrong with each case of a table."""
    found: dict[int, str] = {}
    left = list(range(len(TABLES[table][1])))
    while left:
        command = [sys.executable, __file__, table, json.dumps(left)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=300)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        found.update({number: wrong for number, wrong in lines if wrong is not None})
        if "PanicException" in done.stderr:
            found[lines[-1][0]] = f"a panic came through\n{done.stderr[-3000:]}"
        after = [number for number in left if number not in found]
        if after:
            culprit = lines[-1][0] if lines else after[0]
            found[culprit] = f"the process ended with {done.returncode}\n{done.stderr[-3000:]}"
        left = [number for number in left if number not in found]
    return found


@pytest.mark.parametrize(("table", "number"), CASES, ids=[f"{table}-{number}" for table, number in CASES])
def test_hazard(table: str, number: int) -> None:
    wrong = results(table)[number]
    assert not wrong, f"{TABLES[table][1][number]}\n{wrong}"


if __name__ == "__main__":
    child(sys.argv[1], json.loads(sys.argv[2]))
