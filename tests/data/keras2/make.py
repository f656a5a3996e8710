"""The archives beside this: models of tf-keras 2.21, each as .h5, as .keras, and as .npz with inputs and outputs.

    python -m venv /tmp/tfk && /tmp/tfk/bin/pip install tensorflow-cpu tf-keras && /tmp/tfk/bin/python make.py

`optimizers.zip` has a model after three steps with each optimizer (`opt_l_`: the optimizers before TensorFlow 2.11),
and in the .npz the data and the weights after two more.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

try:
    import tensorflow as tf
    import tf_keras as keras
except ImportError:  # read by who looks for examples in docstrings, not run
    tf = keras = None
else:
    L = keras.layers

HERE = Path(__file__).parent


def seq(*layers):
    return keras.Sequential(list(layers))


def models():
    yield (
        "conv_all",
        seq(
            L.Input((9, 8, 3)),
            L.Conv2D(4, 3, padding="same", dilation_rate=2, activation="hard_sigmoid"),
            L.LeakyReLU(),
            L.SeparableConv2D(6, 3, depth_multiplier=2, activation="elu"),
            L.ZeroPadding2D(((1, 2), (0, 1))),
            L.Cropping2D(1),
            L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
            L.PReLU(shared_axes=[1, 2]),
            L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="gelu"),
            L.UpSampling2D(2, interpolation="bilinear"),
            L.AveragePooling2D(2, padding="same"),
            L.ELU(0.5),
            L.ThresholdedReLU(0.1),
            L.Softmax(),
            L.GlobalAveragePooling2D(),
            L.Dense(
                3,
                activation="swish",
                kernel_regularizer=keras.regularizers.l1_l2(0.1, 0.2),
                kernel_constraint=keras.constraints.MaxNorm(3),
            ),
        ),
    )
    yield (
        "conv1d",
        seq(
            L.Input((12, 5)),
            L.Conv1D(4, 3, padding="causal", activation="relu"),
            L.MaxPooling1D(2),
            L.SeparableConv1D(6, 3, activation="mish"),
            L.UpSampling1D(2),
            L.Conv1DTranspose(3, 3),
            L.ZeroPadding1D(1),
            L.Cropping1D(1),
            L.SpatialDropout1D(0.2),
            L.GaussianNoise(0.1),
            L.AveragePooling1D(2),
            L.LayerNormalization(),
            L.Flatten(),
            L.Dense(7),
            L.RepeatVector(3),
            L.Permute((2, 1)),
            L.Reshape((-1,)),
            L.AlphaDropout(0.1),
            L.Dense(2, activation="softmax"),
        ),
    )
    yield (
        "rnn",
        seq(
            L.Input((6, 4)),
            L.Bidirectional(L.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid")),
            L.GRU(4, return_sequences=True, reset_after=False),
            L.SimpleRNN(3, return_sequences=True, go_backwards=True),
            L.RNN([L.LSTMCell(3, recurrent_activation="hard_sigmoid"), L.GRUCell(2)], return_sequences=True),
            L.TimeDistributed(L.Dense(3, activation="hard_sigmoid")),
            L.GRU(3),
            L.BatchNormalization(),
            L.Dense(2),
        ),
    )
    yield (
        "convlstm",
        seq(
            L.Input((4, 6, 6, 2)),
            L.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
            L.TimeDistributed(L.Conv2D(2, 3)),
            L.TimeDistributed(L.Flatten()),
            L.LSTM(2),
        ),
    )
    embedding = seq(
        L.Embedding(20, 5, input_length=7, mask_zero=True),
        L.LSTM(3, return_sequences=True),
        L.Bidirectional(L.GRU(2), merge_mode="sum"),
        L.Dense(1, activation="sigmoid"),
    )
    embedding.build((None, 7))
    yield "emb", embedding

    a, b = L.Input((4,), name="a"), L.Input((4,), name="b/in")
    shared = L.Dense(5, name="block/dense")
    x, y = shared(a), shared(b)
    merges = [L.Add(), L.Multiply(), L.Subtract(), L.Average(), L.Maximum(), L.Minimum(), L.Dot(1, normalize=True)]
    z = L.Concatenate()([merge([x, y]) for merge in merges])
    start = L.Input((31,))
    inner = keras.Model(start, [L.Dense(3)(start), L.BatchNormalization()(start)], name="inner")
    p, q = inner(z)
    built = seq(L.Input((3,)), L.Dense(2), L.BatchNormalization(), L.Dense(4))
    deferred = seq(L.Dense(3, activation="tanh"), L.Dense(2))
    p2, q2 = inner(q)
    noisy = L.GaussianDropout(0.1)(L.Dropout(0.1)(q2))
    yield "func", keras.Model([a, b], [built(p), deferred(p2), noisy, p2])
    yield "dict", keras.Model({"a": a, "b": b}, {"u": L.Dense(2)(x), "v": y})

    source, target = L.Input((5, 3)), L.Input((4, 2))
    _, h, c = L.LSTM(4, return_state=True)(source)
    decoded = L.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    attended = L.AdditiveAttention()([decoded, L.Attention()([decoded, decoded])])
    many = L.MultiHeadAttention(2, 3)(attended, decoded, use_causal_mask=True)
    last, state = L.GRU(3, return_state=True)(many)
    both = L.Bidirectional(L.GRU(3, return_sequences=True))(target, initial_state=[state, state])
    yield "attn", keras.Model([source, target], [last, both])

    x, y = L.Input((4,)), L.Input((4,))
    w = 2.0 - x * y / 3.0 + 1.0
    w = tf.nn.relu(w) + tf.reduce_mean(w, axis=1, keepdims=True)
    w = tf.concat([tf.clip_by_value(w, 0.0, 6.0), x], axis=-1)
    w = tf.transpose(tf.reshape(w, (-1, 4, 2)), (0, 2, 1))[:, 1:, :3]
    w = tf.squeeze(tf.expand_dims(w, 1), 1)
    w = (tf.math.sigmoid(w) * tf.nn.softmax(w) - tf.exp(w)) ** 2.0
    w = L.UnitNormalization()(L.LayerNormalization(epsilon=1e-5)(L.Flatten()(w)))
    yield "ops", keras.Model([x, y], L.ActivityRegularization(0.1)(L.Activation("hard_sigmoid")(w)))

    yield (
        "norm",
        seq(
            L.Input((6, 5, 4)),
            L.GroupNormalization(2),
            L.Rescaling(0.5, 1.0),
            L.Conv2D(4, 3, groups=2),
            L.BatchNormalization(scale=False, momentum=0.5),
            L.GlobalMaxPooling2D(),
            L.Identity(),
            L.EinsumDense("ab,bc->ac", 3, bias_axes="c"),
            L.Dense(2, activation=L.LeakyReLU(0.1)),
        ),
    )
    image = seq(L.Input((6, 6, 1)), L.Conv2D(2, 3), L.BatchNormalization(), L.Flatten())
    yield "timemodel", seq(L.Input((3, 6, 6, 1)), L.TimeDistributed(image), L.LSTM(2, unit_forget_bias=False))
    half, whole = (
        seq(L.Input((3,)), L.Dense(3), L.BatchNormalization(), L.Dense(2)),
        seq(L.Input((2,)), L.Dense(3), L.BatchNormalization()),
    )
    half.layers[0].trainable = False
    whole.trainable = False
    yield "frozen", seq(L.Input((3,)), half, whole, L.Dense(1))


def save_models(folder, rng):
    for name, model in models():
        for weight in model.weights:
            positive = "variance" in weight.name
            weight.assign(rng.uniform(0.5, 2, weight.shape) if positive else rng.normal(size=weight.shape) * 0.5)
        shapes = [(3, *tensor.shape[1:]) for tensor in model.inputs]
        inputs = [rng.integers(0, 20, s) if name == "emb" else rng.normal(size=s).astype("f4") for s in shapes]
        feed = dict(zip(sorted(model.input), inputs)) if isinstance(model.input, dict) else inputs
        outputs = tf.nest.flatten(model(feed if len(inputs) > 1 else inputs[0], training=False))
        arrays = {f"x{i}": x for i, x in enumerate(inputs)} | {f"y{i}": y.numpy() for i, y in enumerate(outputs)}
        save(folder, name, model, arrays)
        pack(folder, name, [name])


def save_optimizers(folder, rng):
    new, old = keras.optimizers, keras.optimizers.legacy
    decaying = new.schedules.ExponentialDecay(0.1, 5, 0.5)
    optimizers = {
        "opt_sgdm": new.SGD(0.1, momentum=0.9),
        "opt_rms": new.RMSprop(0.01, momentum=0.5, centered=True),
        "opt_adam": new.Adam(0.01, amsgrad=True),
        "opt_adadelta": new.Adadelta(0.5),
        "opt_sched": new.Adam(decaying),
        "opt_l_sgd": old.SGD(0.05, decay=0.1),
        "opt_l_rms": old.RMSprop(0.05, momentum=0.5, centered=True),
        "opt_l_adam": old.Adam(0.05, amsgrad=True),
        "opt_l_adam0": old.Adam(0.05),
        "opt_l_adamax": old.Adamax(0.05),
    }
    for name, optimizer in optimizers.items():
        model = seq(L.Input((3,)), L.Dense(4, activation="tanh"), L.BatchNormalization(), L.Dense(1))
        x = rng.normal(size=(8, 3)).astype("f4")
        y = x.sum(1, keepdims=True) ** 2
        model.compile(optimizer, "mse", metrics=["mae"])
        for _ in range(3):
            model.train_on_batch(x, y)
        save(folder, name, model, {})
        for _ in range(2):
            model.train_on_batch(x, y)
        weights = {f"w{i}": weight for i, weight in enumerate(model.get_weights())}
        np.savez(folder / f"{name}.npz", x=x, y=y, **weights)
    pack(folder, "optimizers", list(optimizers))


def save(folder, name, model, arrays):
    model.save(folder / f"{name}.h5")
    model.save(folder / f"{name}.keras")
    np.savez(folder / f"{name}.npz", **arrays)


def pack(folder, archive, names):
    with zipfile.ZipFile(HERE / f"{archive}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name in names:
            for ending in ("h5", "keras", "npz"):
                file.write(folder / f"{name}.{ending}", f"{name}.{ending}")


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    with tempfile.TemporaryDirectory() as made:
        save_models(Path(made), np.random.default_rng(0))
        save_optimizers(Path(made), np.random.default_rng(1))
    sys.stdout.write("done\n")
