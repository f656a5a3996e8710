"""Models as textbooks have them, built and compiled in either room: ``corten`` or ``keras``.

Each function of a room gives a compiled model; :data:`CASES` has the data to train it on.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

rng = np.random.default_rng(0)
ROWS = 8


def numbers(*shape: int) -> Any:
    return rng.standard_normal((ROWS, *shape)).astype(np.float32)


def labels(classes: int, *shape: int) -> Any:
    return rng.integers(0, classes, (ROWS, *shape)).astype(np.int32)


@functools.cache
def own(room: Any) -> Any:
    """What a program registers: the same code in both rooms, under the same names."""
    registered = room.saving.register_keras_serializable("ways")
    ops, layers = room.ops, room.layers

    @registered
    class Scale(layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, start: float = 1.0, activation: Any = None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.start = start
            self.activation = room.activations.get(activation)

        def build(self, input_shape: Any) -> None:
            constant = room.initializers.Constant(self.start)
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer=constant, name="factor")

        def call(self, inputs: Any) -> Any:
            return self.activation(inputs * self.factor)

        def get_config(self) -> dict[str, Any]:
            activation = room.activations.serialize(self.activation)
            return {**super().get_config(), "start": self.start, "activation": activation}

    @registered
    class Gated(layers.Layer):  # type: ignore[misc, name-defined]
        """Has layers inside, one of them given, as a dict of arguments by ``**super().get_config()``."""

        def __init__(self, units: int, inner: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units, self.inner = units, inner
            self.gates = [layers.Dense(units, activation="sigmoid"), layers.Dense(units)]

        def build(self, input_shape: Any) -> None:
            for layer in (self.inner, *self.gates):
                if not layer.built:
                    layer.build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.gates[0](inputs) * self.gates[1](inputs) + self.inner(inputs)

        def get_config(self) -> dict[str, Any]:
            inner = room.saving.serialize_keras_object(self.inner)
            return dict(units=self.units, inner=inner, **super().get_config())

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            config["inner"] = room.saving.deserialize_keras_object(config["inner"])
            return cls(**config)

    @registered
    class Classifier(room.Model):  # type: ignore[misc, name-defined]
        def __init__(self, hidden: int, classes: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.hidden, self.classes = hidden, classes
            self.first = layers.Dense(hidden, activation="relu")
            self.blocks = [layers.Dense(hidden, activation="tanh"), layers.Dense(hidden)]
            self.normalization = layers.LayerNormalization()
            self._last = layers.Dense(classes, activation="softmax")

        @property
        def head(self) -> Any:
            return self._last

        def call(self, inputs: Any, training: Any = None) -> Any:
            x = self.first(inputs)
            for block in self.blocks:
                x = x + block(x)
            return self._last(self.normalization(x))

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "hidden": self.hidden, "classes": self.classes}

    @registered
    class Regressor(room.Model):  # type: ignore[misc, name-defined]
        """Functional, with a constructor of its own."""

        def __init__(self, units: int = 4, **kwargs: Any) -> None:
            inputs = room.Input((5,))
            hidden = layers.Dense(units, activation="relu")(inputs)
            super().__init__(inputs=inputs, outputs=layers.Dense(1)(hidden), **kwargs)
            self.units = units

        def get_config(self) -> dict[str, Any]:
            return {"units": self.units, "name": self.name}

    @registered
    def quartic(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(ops.square(y_true - y_pred)), axis=-1)

    @registered
    class Scaled(room.losses.Loss):  # type: ignore[misc, name-defined]
        def __init__(self, factor: float = 1.0, name: str = "scaled", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.factor = factor

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor}

    @registered
    def halved(x: Any) -> Any:
        return 0.5 * x

    names = ("Scale", "Gated", "Classifier", "Regressor", "quartic", "Scaled", "halved")
    return types.SimpleNamespace(**{name: thing for name, thing in locals().items() if name in names})


def textbook(room: Any) -> Any:
    layers = room.layers
    model = room.Sequential(
        [
            room.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, (3, 3), padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _block(room: Any, x: Any, filters: int) -> Any:
    layers = room.layers
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    y = layers.LeakyReLU(negative_slope=0.1)(layers.GroupNormalization(2)(y))
    return layers.Add()([layers.Conv2D(filters, 1, padding="same")(x), layers.Conv2D(filters, 3, padding="same")(y)])


def two_outputs(room: Any) -> Any:
    layers = room.layers
    inputs = room.Input((8, 8, 2), name="image")
    x = layers.GlobalAveragePooling2D()(_block(room, _block(room, inputs, 4), 6))
    outputs = {
        "kind": layers.Dense(3, activation="softmax", name="kind")(x),
        "size": layers.Dense(1, name="size")(x),
    }
    model = room.Model(inputs, outputs, name="residual")
    model.compile(
        room.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        {"kind": "sparse_categorical_crossentropy", "size": room.losses.Huber()},
        loss_weights={"kind": 1.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": [room.metrics.RootMeanSquaredError(name="error")]},
    )
    return model


def listed_outputs(room: Any) -> Any:
    inputs = room.Input((8, 8, 2))
    x = room.layers.GlobalMaxPooling2D()(_block(room, inputs, 4))
    model = room.Model(inputs, [room.layers.Dense(2)(x), room.layers.Dense(3, activation="softmax")(x)])
    losses = ["mse", room.losses.CategoricalCrossentropy(label_smoothing=0.1)]
    model.compile("rmsprop", losses, loss_weights=[0.5, 1.0], metrics=[["mae"], ["categorical_accuracy"]])
    return model


def shared(room: Any) -> Any:
    layers = room.layers
    left, right = room.Input((6,), name="left"), room.Input((6,), name="right")
    encoder = layers.Dense(4, activation="tanh", name="encoder")
    norm = layers.BatchNormalization(name="norm")
    pair = [norm(encoder(left)), norm(encoder(right))]
    x = layers.Concatenate()([layers.Subtract()(pair), layers.Dot(1, normalize=True)(pair)])
    model = room.Model([left, right], layers.Dense(1, activation="sigmoid")(encoder_again(layers, encoder, x, left)))
    model.compile(room.optimizers.Nadam(0.01), room.losses.BinaryCrossentropy(), metrics=[room.metrics.AUC()])
    return model


def encoder_again(layers: Any, encoder: Any, x: Any, left: Any) -> Any:
    return layers.Concatenate()([x, encoder(layers.Rescaling(0.5, offset=0.1)(left))])


def nested(room: Any) -> Any:
    layers = room.layers
    inner = room.Sequential([room.Input((5,)), layers.Dense(4, activation="relu"), layers.Dense(4)], name="inner")
    middle_in = room.Input((5,))
    middle = room.Model(middle_in, layers.Add()([inner(middle_in), layers.Dense(4)(middle_in)]), name="middle")
    inputs = room.Input((5,))
    outputs = layers.Dense(2)(layers.Multiply()([middle(inputs), middle(layers.Dense(5)(inputs))]))
    model = room.Model(inputs, outputs, name="outer")
    model.compile(room.optimizers.AdamW(0.01, weight_decay=0.01), "mse")
    return model


def autoencoder(room: Any) -> Any:
    layers = room.layers
    image = room.Input((8, 8, 1))
    code = layers.Flatten()(layers.Conv2D(3, 3, strides=2, padding="same", activation="relu")(image))
    encoder = room.Model(image, layers.Dense(4)(code), name="encoder")
    decoder = room.Sequential(
        [
            room.Input((4,)),
            layers.Dense(48),
            layers.Reshape((4, 4, 3)),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )
    inputs = room.Input((8, 8, 1))
    model = room.Model(inputs, decoder(encoder(inputs)))
    model.compile("adam", "binary_crossentropy", metrics=["mae"])
    return model


def reader(room: Any) -> Any:
    layers = room.layers
    model = room.Sequential(
        [
            room.Input((7,), dtype="int32"),
            layers.Embedding(10, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(3), merge_mode="sum"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    metrics = [room.metrics.Precision(name="precision"), room.metrics.Recall(thresholds=0.4, name="recall")]
    model.compile(room.optimizers.RMSprop(0.01, centered=True), "binary_crossentropy", metrics=metrics)
    return model


def recurrent(room: Any) -> Any:
    layers = room.layers
    inputs = room.Input((5, 3))
    x = layers.GRU(4, return_sequences=True)(inputs)
    x = layers.TimeDistributed(layers.Dense(3, activation="elu"))(x)
    x = layers.RNN(layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3, reset_after=False)]))(x)
    model = room.Model(inputs, layers.Dense(2)(x))
    model.compile(room.optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0), "log_cosh")
    return model


def transformer(room: Any) -> Any:
    layers, ops = room.layers, room.ops
    inputs = room.Input((6, 8))
    attended = layers.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True)
    x = layers.LayerNormalization()(inputs + attended)
    x = x + layers.Dense(8)(ops.gelu(layers.Dense(12)(x)))
    heads = ops.transpose(ops.reshape(x, (-1, 6, 2, 4)), (0, 2, 1, 3))
    scores = ops.softmax(ops.einsum("bhid,bhjd->bhij", heads, heads) * 0.5, axis=-1)
    x = ops.concatenate([x, ops.reshape(ops.transpose(ops.matmul(scores, heads), (0, 2, 1, 3)), (-1, 6, 8))], axis=-1)
    first, last = x[:, 0], x[:, -1, ::2]
    pooled = ops.mean(x, axis=1) - ops.maximum(ops.max(x, axis=1), 0.0)
    outputs = layers.Dense(3)(ops.concatenate([first, last, pooled], axis=1))
    model = room.Model(inputs, outputs)
    schedule = room.optimizers.schedules.CosineDecay(0.0, 20, warmup_target=0.01, warmup_steps=4)
    loss = room.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(room.optimizers.Adam(schedule), loss, metrics=["sparse_categorical_accuracy"])
    return model


def separable(room: Any) -> Any:
    layers = room.layers
    model = room.Sequential(
        [
            room.Input((9, 9, 3)),
            layers.ZeroPadding2D(1),
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6"),
            layers.SeparableConv2D(5, 3, strides=2, depthwise_regularizer="l2"),
            layers.AveragePooling2D(2),
            layers.Permute((3, 1, 2)),
            layers.Flatten(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )
    model.compile(room.optimizers.Adamax(0.01), "categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


def custom(room: Any) -> Any:
    layers, mine = room.layers, own(room)
    inputs = room.Input((5,))
    x = mine.Gated(4, layers.Dense(4, name="given"))(mine.Scale(1.5, activation=mine.halved)(inputs))
    model = room.Model(inputs, layers.Dense(1, activation=mine.halved)(x))
    model.compile(room.optimizers.Adagrad(0.05), mine.quartic, metrics=[mine.quartic, "mae"])
    return model


def subclassed(room: Any) -> Any:
    model = own(room).Classifier(6, name="classifier")
    model(np.zeros((1, 5), np.float32))
    model.compile(room.optimizers.Lion(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def own_constructor(room: Any) -> Any:
    model = own(room).Regressor(3)
    model.compile(room.optimizers.Adadelta(1.0), own(room).Scaled(2.0))
    return model


def dict_inputs(room: Any) -> Any:
    layers = room.layers
    inputs = {"words": room.Input((4,), dtype="int32", name="words"), "size": room.Input((2,), name="size")}
    words = layers.GlobalAveragePooling1D()(layers.Embedding(9, 3)(inputs["words"]))
    x = layers.Concatenate()([words, layers.UnitNormalization()(inputs["size"])])
    model = room.Model(inputs, {"score": layers.Dense(1)(x)})
    model.compile(room.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), {"score": "mse"})
    return model


def penalties(room: Any) -> Any:
    layers = room.layers
    model = room.Sequential(
        [
            room.Input((5,)),
            layers.Dense(
                4,
                activation="softplus",
                activity_regularizer=room.regularizers.L2(0.01),
                kernel_regularizer=room.regularizers.L1L2(0.01, 0.02),
                kernel_constraint=room.constraints.MaxNorm(1.0),
            ),
            layers.ActivityRegularization(l1=0.01),
            layers.PReLU(alpha_initializer="ones", alpha_regularizer="l1"),
            layers.Dense(2, bias_constraint="non_neg", kernel_initializer=room.initializers.Orthogonal(0.5)),
        ]
    )
    model.compile(room.optimizers.SGD(0.1, gradient_accumulation_steps=2, momentum=0.5), "mean_absolute_error")
    return model


def frozen(room: Any) -> Any:
    layers = room.layers
    base = room.Sequential(
        [room.Input((6,)), layers.Dense(5), layers.BatchNormalization(), layers.Dense(4)], name="base"
    )
    base.trainable = False
    inputs = room.Input((6,))
    x = layers.Dense(4, name="still", trainable=False)(base(inputs))
    model = room.Model(inputs, layers.Dense(2)(layers.Activation("gelu")(x)))
    model.compile("adam", "mse")
    return model


IMAGES = numbers(12, 12, 1)
WORDS = labels(10, 7)
#: How a model is built, and x and y.
CASES: dict[Callable[[Any], Any], tuple[Any, Any]] = {
    textbook: (IMAGES, labels(3)),
    two_outputs: (numbers(8, 8, 2), {"kind": labels(3), "size": numbers(1)}),
    listed_outputs: (numbers(8, 8, 2), [numbers(2), np.eye(3, dtype=np.float32)[labels(3)]]),
    shared: ([numbers(6), numbers(6)], labels(2, 1)),
    nested: (numbers(5), numbers(2)),
    autoencoder: (IMAGES[:, :8, :8] % 1, IMAGES[:, :8, :8] % 1),
    reader: (WORDS, labels(2, 1)),
    recurrent: (numbers(5, 3), numbers(2)),
    transformer: (numbers(6, 8), labels(3)),
    separable: (numbers(9, 9, 3), np.eye(3, dtype=np.float32)[labels(3)]),
    custom: (numbers(5), numbers(1)),
    subclassed: (numbers(5), labels(3)),
    own_constructor: (numbers(5), numbers(1)),
    dict_inputs: ({"words": labels(9, 4), "size": numbers(2)}, {"score": numbers(1)}),
    penalties: (numbers(5), numbers(2)),
    frozen: (numbers(6), numbers(2)),
}


def train(model: Any, case: Callable[[Any], Any], steps: int) -> list[float]:
    """The losses of so many steps on the whole data."""
    x, y = CASES[case]
    history = model.fit(x, y, batch_size=ROWS, epochs=steps, shuffle=False, verbose=0)
    return [float(loss) for loss in history.history["loss"]]


def predict(model: Any, case: Callable[[Any], Any]) -> Any:
    """The predictions, arrays in lists and dicts."""
    return model.predict(CASES[case][0], verbose=0)


def step(model: Any) -> None:
    """A step with gradients that are all 0.1: where there is nothing to differentiate with."""
    weights = model.trainable_variables
    model.optimizer.apply([np.full(weight.shape, 0.1, np.float32) for weight in weights], weights)


def write(model: Any, folder: Any, name: str) -> list[Any]:
    """Writes a model in the three forms that both know; returns the files."""
    paths = [folder / f"{name}{end}" for end in (".keras", ".weights.h5", ".h5")]
    model.save(paths[0])
    model.save_weights(paths[1])
    model.save(paths[2])
    return paths


def optimizer_state(model: Any) -> list[Any]:
    """What the optimizer remembers."""
    return [np.asarray(variable.numpy()) for variable in model.optimizer.variables]


# --- in Keras's process ----------------------------------------------------------------------------------------------


def loaded_by_keras(path: Any) -> Any:
    import keras

    own(keras)
    model = keras.saving.load_model(path)
    # Op by op: what is compiled for one model serves the next.
    model.run_eagerly = True
    return model


def keras_reads(paths: list[Any], case: Callable[[Any], Any]) -> list[tuple[Any, list[Any]]]:
    """What models in several files predict, and their optimizers' states; weights alone go into the case's model."""
    import keras

    found = []
    for path in paths:
        if str(path).endswith(".weights.h5"):
            model = case(keras)
            model.load_weights(path)
            found.append((predict(model, case), []))
        else:
            model = loaded_by_keras(path)
            found.append((predict(model, case), optimizer_state(model)))
    return found


def keras_writes(folder: Any, case: Callable[[Any], Any]) -> tuple[Any, list[Any], str]:
    """Writes a model whose optimizer has taken two steps in three forms; returns predictions, state, and its JSON."""
    import keras

    model = case(keras)
    step(model)
    step(model)
    write(model, folder, "theirs")
    return predict(model, case), optimizer_state(model), model.to_json()


def keras_goes_on(path: Any, case: Callable[[Any], Any], steps: int) -> list[float]:
    """The losses of further steps."""
    return train(loaded_by_keras(path), case, steps)


def keras_trains_writes_and_goes_on(path: Any, case: Callable[[Any], Any], steps: int) -> list[float]:
    """Trains, writes the model, and goes on: returns the losses after."""
    import keras

    model = case(keras)
    model.run_eagerly = True
    train(model, case, steps)
    model.save(path)
    return train(model, case, steps)


def keras_from_json(text: str) -> list[tuple[int, ...]]:
    """The shapes of the weights of the model that Keras makes of a description."""
    import keras

    own(keras)
    return [weight.shape for weight in keras.models.model_from_json(text).weights]
