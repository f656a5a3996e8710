"""Training: ``compile``, ``fit``, ``evaluate``, ``predict``. Steps are traced once per shape and run natively."""

from __future__ import annotations

import contextlib
import functools
import inspect
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from corten import metrics, ops, optimizers
from corten.arguments import count
from corten.callbacks import CallbackList, History
from corten.callbacks.callback_list import CallbacksLike
from corten.errors import warn
from corten.graph import Graph, StandIn, SymbolicTensor, Variable, flatten, tracing
from corten.keywords import suggesting
from corten.layers.undo import undone_on_error
from corten.optimizers import OptimizerLike
from corten.random import draw_seed
from corten.serialization import deserialize_keras_object, serialize_keras_object
from corten.training.compiled import CompiledLoss, CompiledMetrics, LossesLike, LossWeights, MetricsLike
from corten.training.feed import (
    ArrayFeed,
    Arrays,
    Chunk,
    ClassWeight,
    Data,
    IterableFeed,
    feed_of,
    split_validation,
    unpack_x_y_sample_weight,
)
from corten.training.loop import run_pass
from corten.training.runner import Rows, Runner
from corten.training.state import TrainingState

__all__ = ["Trainer"]


class Trainer:
    """What a model needs to be trained, evaluated and used. Mixed into :class:`corten.Model`."""

    name: str
    built: bool
    trainable_variables: list[Variable]
    variables: list[Variable]
    losses: list[Any]
    _contents: Callable[[], Any]
    _expect_started: Callable[[], None]
    _unbuilt: Callable[[], list[Any]]

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs, where the model has them."""
        return []

    @property
    def output_names(self) -> list[str]:
        """The layer behind each output, where it is known."""
        return []

    def _start_trainer(self) -> None:
        object.__setattr__(self, "_training", TrainingState(self._metric_variables))
        self.compiled = False
        self.run_eagerly = False
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.steps_per_execution = 1

    _training: TrainingState

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer passed to ``compile``, or created by it."""
        return self._training.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: optimizers.Optimizer | None) -> None:
        self._training.optimizer = optimizer

    @property
    def history(self) -> History | None:
        """The ``History`` returned by the latest ``fit``."""
        return self._training.history

    @history.setter
    def history(self, history: History | None) -> None:
        self._training.history = history

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)  # type: ignore[misc]

    # --- compile -------------------------------------------------------------------------------------------------

    @suggesting
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossesLike | None = None,
        loss_weights: LossWeights | None = None,
        metrics: MetricsLike | None = None,
        weighted_metrics: MetricsLike | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | Literal["auto"] = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training.

        Args:
            optimizer: a name or an ``Optimizer``; None for a model that is only evaluated.
            loss: a name, a ``Loss`` or a function (y_true, y_pred); a list or dict where there are several outputs.
            loss_weights: factors of the losses, in the same form.
            metrics: names, ``Metric`` objects or functions; nested where there are several outputs.
            weighted_metrics: metrics that use the sample weights.
            run_eagerly: run op by op, so that values can be inspected; the same bits, but slower.
            steps_per_execution: the number of batches per native call. Callbacks with batch hooks are called once per
                such group: at the beginning of its first batch and at the end of its last. Applies to arrays only.
            jit_compile, auto_scale_loss: accepted for Keras's sake; steps always run natively.
        """
        self._expect_started()
        compiled_optimizer = optimizers.get(optimizer)
        compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights)
        compiled_metrics = CompiledMetrics(metrics, weighted_metrics, lambda: self.output_names, compiled_loss)
        training = self._training
        training.optimizer, training.loss, training.metrics = compiled_optimizer, compiled_loss, compiled_metrics
        self.run_eagerly = bool(run_eagerly)
        self.steps_per_execution = count(steps_per_execution, "compile: steps_per_execution")
        self.stop_training = False
        self.compiled = True
        training.steps.clear()
        training.usage.clear()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "compile" in cls.__dict__:
            cls.compile = _remembering(cls.__dict__["compile"])  # type: ignore[method-assign]

    def get_compile_config(self) -> dict[str, Any] | None:
        """What :meth:`compile` was called with, as plain values, the optimizer as it is now; None before."""
        arguments = self._training.arguments
        if arguments is None:
            return None
        if "optimizer" in arguments:
            arguments = {**arguments, "optimizer": self.optimizer}
        return {name: serialize_keras_object(value) for name, value in arguments.items()}

    def _steps_as_usual(self) -> bool:
        """Whether a step trains all trainable variables by :attr:`optimizer`."""
        return type(self).train_step is Trainer.train_step

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model as :meth:`get_compile_config` says."""
        settings = deserialize_keras_object(config)
        if not isinstance(settings, dict):
            raise TypeError(f"{self.name!r}: compile_config: expected a dict of arguments, got {settings!r}")
        self.compile(*settings.pop("args", ()), **settings)

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics as one, and metrics set as attributes, also of layers inside."""
        training = self._training
        tracked: list[Any] = [training.loss_tracker] if training.loss is not None or self.compiled else []
        if training.loss is not None:
            tracked += training.loss.metrics
        if training.metrics is not None and any(training.metrics.spec):
            tracked.append(training.metrics)
        # What a model inside this one tracks of its own training is its own business; its attributes count.
        holders: list[Any] = [self]
        met = {id(self)}
        for holder in holders:
            contents = holder._contents()
            tracked += [item for item in contents.others if isinstance(item, metrics.Metric) and item not in tracked]
            for layer in contents.layers:
                if id(layer) not in met:
                    met.add(id(layer))
                    holders.append(layer)
        return tracked

    @property
    def metrics_names(self) -> list[str]:
        """The names of all metrics; of compiled ones as soon as they have seen data."""
        return [part.name for metric in self.metrics for part in getattr(metric, "metrics", [metric])]

    def reset_metrics(self) -> None:
        """Resets all metrics."""
        for metric in self.metrics:
            metric.reset_state()

    def _reset(self, stand_in: StandIn | None) -> None:
        """Resets all metrics, or the stand-ins for their variables."""
        if stand_in is None:
            self.reset_metrics()
            return
        with tracing, Graph(eager=True, stand_in=stand_in) as graph:
            self.reset_metrics()
            graph.finish()

    # --- one step: these may be overridden -----------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimise: the compiled loss plus added losses and weight regularizers."""
        # An added loss with a number for each sample counts as their sum, as in Keras.
        parts = [ops.sum(loss) if np.ndim(loss) else loss for loss in self.losses]
        if self._training.loss is not None:
            if y is None:
                raise ValueError(f"{self.name!r}: a loss was compiled, but the data have no targets y")
            parts.insert(0, self._training.loss(y, y_pred, sample_weight, self.output_names))
        if not parts and not training:
            return ops.constant(0.0)
        if not parts:
            raise ValueError(f"{self.name!r}: no loss to minimise; pass one to compile() or call add_loss")
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _track_loss(self, loss: Any, x: Any) -> None:
        parts = [] if self._training.loss is None else self._training.loss.take_parts()
        self._training.loss_tracker.track(loss, int(flatten(x)[0].shape[0]), parts)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Updates the compiled metrics and returns all results."""
        if self._training.metrics is not None and y is not None:
            self._training.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    def train_step(self, data: Any) -> dict[str, Any]:
        """One training step on one batch; returns what is logged. Override it for a custom step."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        self._track_loss(loss, x)
        if self.optimizer is None:
            raise ValueError(f"{self.name!r} has no optimizer; pass one to compile()")
        self.optimizer.minimize(loss, self.trainable_variables)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One evaluation step on one batch; returns what is logged."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        training = {"training": False} if _takes_training(type(self).compute_loss) else {}
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **training)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    # --- compiling and running steps -----------------------------------------------------------------------------

    def _call_step(self, mode: str, data: Any) -> Any:
        outputs = {"train": self.train_step, "test": self.test_step, "predict": self.predict_step}[mode](data)
        if mode != "predict":
            if not isinstance(outputs, dict):
                raise TypeError(f"{mode}_step must return a dict of values to log, got {type(outputs).__name__}")
            # A metric may come to several numbers.
            outputs = {
                name: value
                for key, result in outputs.items()
                for name, value in (result if isinstance(result, dict) else {key: result}).items()
            }
            for name, value in outputs.items():
                # A metric may have a number for each class, the loss is one.
                if value is None or np.ndim(value) > (name != "loss"):
                    got = "None" if value is None else f"shape {np.shape(value)}"
                    raise ValueError(f"{mode}_step must return scalars to log, {name!r} is {got}")
            return dict(sorted(outputs.items()))
        return outputs

    def _runner(self, mode: str, stand_in: StandIn | None = None, rows: Rows | None = None) -> Runner:
        """What runs the step of that mode."""

        def key() -> Any:
            # Predicting does not depend on what is trained.
            state = () if mode == "predict" else (*(v.core.id for v in self.trainable_variables), id(self.optimizer))
            return mode, stand_in is None, state

        return Runner(
            functools.partial(self._call_step, mode),
            self._training.steps,
            key,
            self.run_eagerly,
            self.steps_per_execution,
            functools.partial(self._undone_on_error, mode),
            stand_in,
            rows,
        )

    def _undone_on_error(self, mode: str) -> contextlib.AbstractContextManager[None]:
        """Where a step is refused, what it built (weights, slots, metrics) for these data is forgotten."""
        objects: list[Any] = list(self._unbuilt())
        if mode != "predict":
            training = self._training
            compiled = [] if training.metrics is None else flatten(list(training.metrics.spec))
            objects += [part for part in (training.loss, training.metrics, training.optimizer) if part is not None]
            objects += [metric for metric in compiled if isinstance(metric, metrics.Metric)]
        return undone_on_error(*objects)

    def _declared(self) -> list[str]:
        """The dtypes of the model's inputs, as far as they are known."""
        return [symbol.dtype for symbol in self.inputs]

    def _metric_variables(self) -> list[Variable]:
        return [variable for metric in self.metrics for variable in metric.whole_state]

    # --- fit -----------------------------------------------------------------------------------------------------

    @suggesting
    def fit(
        self,
        x: Data | None = None,
        y: Arrays | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | Literal["auto"] = "auto",
        callbacks: CallbacksLike | None = None,
        validation_split: float = 0.0,
        validation_data: Data | None = None,
        shuffle: bool = True,
        class_weight: ClassWeight | None = None,
        sample_weight: Arrays | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Trains the model for epochs ``initial_epoch`` to ``epochs - 1``; returns the ``History``.

        Args:
            x: arrays with a row for each sample (nested where there are several inputs), or an iterable of batches
                x, (x, y) or (x, y, sample_weight).
            y: targets, in the form of the outputs; those of outputs without a loss may be left out.
            batch_size: 32 unless given, or what ``steps_per_epoch`` steps need to go once through the arrays. The last
                batch of an epoch may be smaller.
            verbose: 0 silent; 1 a progress bar in a terminal or notebook, elsewhere one line an epoch; 2 one line.
            callbacks: a list of ``Callback``.
            validation_split: this fraction of the rows, the last ones before shuffling, is held out for validation.
            validation_data: (x, y), (x, y, sample_weight) or an iterable of batches; overrides ``validation_split``.
            shuffle: whether each epoch has a new order, which depends on the seed.
            class_weight: class -> weight of its samples in the loss; ``"balanced"``: n / (classes * count), of arrays.
            sample_weight: a weight for each sample.
            steps_per_epoch, validation_steps: the number of batches. An epoch continues where the last one ended and
                ends with the data, with a warning if they have fewer batches; the next epoch then starts over, unless
                the data are a generator. Validation always takes the first batches. Only a generator cannot start
                over: it continues, and once it is exhausted, a warning is issued and later epochs are not validated.
            validation_freq: validate every so many epochs, or after the epochs listed (counted from 1).

        Raises:
            ShapeError, TypeError, ValueError, IndexError: data do not fit; the model is as it was before the batch.
            KeyboardInterrupt: Ctrl-C; the model keeps the state after the last complete batch.
            RuntimeError: the model is not compiled, or another thread is training it.
        """
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before fit; call compile(optimizer, loss)")
        epochs, initial_epoch = _count(epochs, "epochs"), _count(initial_epoch, "initial_epoch")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(_fraction(validation_split), x, y, sample_weight)
        _expect_steps(steps_per_epoch, "steps_per_epoch")
        _expect_steps(validation_steps, "validation_steps")
        _due(validation_freq, 0)

        def run() -> History:
            seed = draw_seed() if shuffle else 0
            feed = feed_of(
                x, y, sample_weight, batch_size, steps_per_epoch, shuffle, seed, class_weight, self._declared
            )
            _expect_rows(feed, "fit")
            validation = None
            if validation_data is not None:
                parts = unpack_x_y_sample_weight(
                    tuple(validation_data) if isinstance(validation_data, list) else validation_data
                )
                size = validation_batch_size or batch_size
                validation = feed_of(*parts, size, validation_steps, declared=self._declared)
                _expect_rows(validation, "validation")
            return self._fit_epochs(feed, validation, range(initial_epoch, epochs), verbose, callbacks, validation_freq)

        return self._training.usage.train(self.name, run)

    def _fit_epochs(
        self,
        feed: ArrayFeed | IterableFeed,
        validation: ArrayFeed | IterableFeed | None,
        epochs: range,
        verbose: Any,
        callbacks: Any,
        validation_freq: int | Sequence[int],
    ) -> History:
        watchers = self._callbacks(
            callbacks,
            verbose,
            history=True,
            epochs=epochs.stop,
            steps=feed.limit or feed.steps,
            do_validation=validation is not None,
            validation_freq=validation_freq if validation is not None else 1,
        )
        self.stop_training = False
        watchers.on_train_begin()
        logs: dict[str, float] = {}
        try:
            for epoch in epochs:
                self.reset_metrics()
                watchers.on_epoch_begin(epoch)
                trained = self._train_epoch(feed, epoch, watchers)
                if trained is None and epoch > epochs.start:
                    warn(
                        f"fit: the data were exhausted after epoch {epoch}; training stops. A generator must yield "
                        "batches for all epochs; or pass an object with len() and indexing"
                    )
                    break
                if trained is None:
                    raise ValueError("fit: the data yielded no batches; a generator can be consumed only once")
                logs = trained
                if validation is not None and _due(validation_freq, epoch):
                    results = self._evaluate(validation, watchers)
                    if results is None:
                        warn(
                            f"fit: the validation data were exhausted before epoch {epoch + 1}; later epochs are not "
                            "validated. A generator yields its batches once: pass arrays, an object with len() and "
                            "indexing, or an iterable that starts over"
                        )
                        validation = None
                    logs = {**logs, **{f"val_{name}": value for name, value in (results or {}).items()}}
                watchers.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            if self.optimizer is not None:
                self.optimizer.finalize_variable_values(self.trainable_variables)
        finally:
            watchers.on_train_end(logs)
        if self.history is None:
            raise RuntimeError("fit: no History callback was called")
        return self.history

    def _train_epoch(
        self, feed: ArrayFeed | IterableFeed, epoch: int, watchers: CallbackList
    ) -> dict[str, float] | None:
        """The logs of the last step; None where the data have no batch left."""
        warned = False

        def logs_of(seen: int, outputs: dict[str, Any]) -> dict[str, float]:
            nonlocal warned
            logs = _logged(outputs)
            if not warned and not np.isfinite(logs.get("loss", 0.0)):
                warned = True
                warn(
                    f"fit of {self.name!r}: the loss is {logs['loss']} since epoch {epoch + 1}, batch {seen}; "
                    "look at the data, lower the learning rate or clip gradients"
                )
            return logs

        runner, stopped = self._runner("train"), lambda: self.stop_training
        seen, logs = run_pass(feed.epoch(epoch), runner, "train", watchers, stopped, logs_of)
        if seen == 0:
            return None
        if feed.limit is not None and seen < feed.limit and not feed.lasting and not self.stop_training:
            consequence = "the next epoch starts over" if feed.restarts else "training stops"
            warn(f"fit: the data ended after {seen} of {feed.limit} steps; {consequence}")
            self.stop_training = not feed.restarts
        return logs

    def _callbacks(
        self, callbacks: Any, verbose: Any, history: bool = False, epochs: int = 1, **params: Any
    ) -> CallbackList:
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"verbose: expected 'auto', 0, 1 or 2, got {verbose!r}")
        level = 1 if verbose == "auto" else int(verbose)
        return CallbackList(
            callbacks, add_history=history, add_progbar=level != 0, model=self, verbose=level, epochs=epochs, **params
        )

    # --- evaluate ------------------------------------------------------------------------------------------------

    @suggesting
    def evaluate(
        self,
        x: Data | None = None,
        y: Arrays | None = None,
        batch_size: int | None = None,
        verbose: int | Literal["auto"] = "auto",
        sample_weight: Arrays | None = None,
        steps: int | None = None,
        callbacks: CallbacksLike | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data: a float, a list of floats in the order of ``metrics_names``, or a dict."""
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before evaluate; call compile(optimizer, loss)")
        _expect_steps(steps, "steps")
        feed = feed_of(x, y, sample_weight, batch_size, steps, declared=self._declared)
        _expect_rows(feed, "evaluate")
        watchers = self._callbacks(callbacks, verbose, steps=steps or feed.steps)
        logs = self._training.usage.evaluate(lambda stand_in: self._evaluate(feed, watchers, stand_in))
        if logs is None:
            raise ValueError("evaluate: the data yielded no batches")
        if return_dict:
            return logs
        return self._in_order(logs)

    def _in_order(self, logs: dict[str, float]) -> Any:
        """The numbers in the order of ``metrics_names``, others behind; one number alone is no list."""
        names = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in [*names, *(name for name in logs if name not in names)]]
        return values[0] if len(values) == 1 else values

    def _evaluate(
        self, feed: ArrayFeed | IterableFeed, watchers: CallbackList, stand_in: StandIn | None = None
    ) -> dict[str, float] | None:
        """The logs of the last step; None where the data have no batch left."""
        self._reset(stand_in)
        self.stop_evaluating = False
        watchers.on_test_begin()
        runner, stopped = self._runner("test", stand_in), lambda: self.stop_evaluating
        seen, logs = run_pass(feed.epoch(0), runner, "test", watchers, stopped, lambda _, outputs: _logged(outputs))
        watchers.on_test_end(logs)
        if seen == 0:
            return None
        if feed.limit is not None and seen < feed.limit:
            warn(f"evaluate: the data ended after {seen} of {feed.limit} steps; the results are of these")
        return logs

    # --- predict -------------------------------------------------------------------------------------------------

    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | Literal["auto"] = "auto",
        steps: int | None = None,
        callbacks: CallbacksLike | None = None,
    ) -> Any:
        """The outputs for all rows of ``x``, as NumPy arrays in the structure of the outputs.

        Without rows the outputs have none either. Several threads may call it at once.
        """
        _expect_steps(steps, "steps")
        feed = feed_of(x, None, None, batch_size, steps, declared=self._declared)
        quiet = verbose == 0 and callbacks is None
        watchers = None if quiet else self._callbacks(callbacks, verbose, steps=steps or feed.steps)
        if self.stop_predicting:  # asked first, for to set an attribute of a model takes a microsecond
            self.stop_predicting = False
        if watchers is not None:
            watchers.on_predict_begin()
        expected = feed.rows if isinstance(feed, ArrayFeed) and steps is None else None
        chunks = [feed.whole()] if isinstance(feed, ArrayFeed) and not feed.rows else feed.epoch(0)
        outputs = self._predict(chunks, Rows(expected, self.name), watchers)
        if watchers is not None:
            watchers.on_predict_end()
        return outputs

    def _predict(self, chunks: Iterable[Chunk], rows: Rows, watchers: CallbackList | None = None) -> Any:
        """The outputs for all batches of ``chunks``."""
        told = watchers is not None and watchers.wants_predict_batches
        logs_of = (lambda _, outputs: {"outputs": outputs}) if told else None
        runner = self._runner("predict", rows=rows)
        run_pass(chunks, runner, "predict", watchers, lambda: self.stop_predicting, logs_of)
        return rows.result()

    # --- single batches ------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Arrays,
        y: Arrays | None = None,
        sample_weight: Arrays | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch; returns its loss and metrics as ``evaluate`` does."""
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before train_on_batch; call compile(optimizer, loss)")
        return self._training.usage.train(
            self.name, lambda: self._on_batch("train", x, y, sample_weight, class_weight, return_dict)
        )

    def test_on_batch(
        self, x: Arrays, y: Arrays | None = None, sample_weight: Arrays | None = None, return_dict: bool = False
    ) -> Any:
        """One evaluation step on one batch; returns its loss and metrics as ``evaluate`` does."""
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before test_on_batch; call compile(optimizer, loss)")
        return self._training.usage.evaluate(
            lambda stand_in: self._on_batch("test", x, y, sample_weight, None, return_dict, stand_in)
        )

    def predict_on_batch(self, x: Arrays) -> Any:
        """The outputs for one batch."""
        feed = ArrayFeed(x, batch_size=1, declared=self._declared)
        return self._predict([feed.whole()], Rows(feed.rows, self.name))

    def _on_batch(
        self,
        mode: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        return_dict: bool,
        stand_in: StandIn | None = None,
    ) -> Any:
        feed = ArrayFeed(x, y, sample_weight, 1, class_weight=class_weight, declared=self._declared)
        _expect_rows(feed, f"{mode}_on_batch")
        self._reset(stand_in)
        runner = self._runner(mode, stand_in)
        next(runner.run(feed.whole()))
        logs = _logged(runner.outputs)
        return logs if return_dict else self._in_order(logs)


def _remembering(compile: Callable[..., None]) -> Callable[..., None]:
    """A ``compile`` whose arguments are kept, for files: those of the outermost call."""
    signature = inspect.signature(compile)

    @functools.wraps(compile)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        compile(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        arguments: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                arguments.update(value)
            else:
                arguments[name] = value
        self._training.arguments = arguments

    return wrapper


Trainer.compile = _remembering(Trainer.compile)  # type: ignore[method-assign]


@functools.cache
def _takes_training(compute_loss: Callable[..., Any]) -> bool:
    """Whether a ``compute_loss`` has the argument ``training``, which Keras's did not always have."""
    parameters = inspect.signature(compute_loss).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _logged(outputs: dict[str, Any]) -> dict[str, Any]:
    """What a step returned to be logged: each a number, or an array of several."""
    arrays = {name: np.asarray(value) for name, value in outputs.items()}
    return {name: array.copy() if array.ndim else float(array) for name, array in arrays.items()}


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"{name}: expected an int >= 0, got {value!r}")
    return int(value)


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0.0 < float(value) < 1.0:
        raise ValueError(f"validation_split: expected 0 <= fraction < 1, got {value!r}")
    return float(value)


def _expect_steps(steps: Any, name: str) -> None:
    if steps is not None and _count(steps, name) == 0:
        raise ValueError(f"{name}: expected an int >= 1 or None, got 0")


def _expect_rows(feed: ArrayFeed | IterableFeed, what: str) -> None:
    if isinstance(feed, ArrayFeed) and feed.rows == 0:
        raise ValueError(f"{what}: expected at least one row, got none (shapes {[c.shape for c in feed.columns]})")


def _due(frequency: Any, epoch: int) -> bool:
    if isinstance(frequency, (int, np.integer)):
        if frequency < 1:
            raise ValueError(f"validation_freq: expected an int >= 1 or a list of epochs, got {frequency}")
        return (epoch + 1) % frequency == 0
    if isinstance(frequency, str) or not hasattr(frequency, "__contains__"):
        raise ValueError(f"validation_freq: expected an int >= 1 or a list of epochs, got {frequency!r}")
    return bool(epoch + 1 in frequency)
