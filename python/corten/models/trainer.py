"""Training: ``compile``, ``fit``, ``evaluate``, ``predict``. StepCache are traced once per shape and run natively."""

from __future__ import annotations

import contextlib
import functools
import inspect
import numbers
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from corten import metrics, ops, optimizers
from corten.arguments import count
from corten.callbacks import CallbackList, History
from corten.errors import ShapeError
from corten.graph import (
    Array,
    Graph,
    StandIn,
    Step,
    StepCache,
    SymbolicTensor,
    Variable,
    assign,
    column_dtype,
    flatten,
    map_nested,
    run_eagerly,
    tracing,
    values,
)
from corten.keywords import suggesting
from corten.layers.layer import undone_on_error
from corten.models.compiled import CompiledLoss, CompiledMetrics, LossTracker
from corten.models.data import (
    Batches,
    Chunk,
    Stream,
    batches_of,
    split_validation,
    unpack_x_y_sample_weight,
)
from corten.random import draw_seed

__all__ = ["Trainer"]

Result = TypeVar("Result")

#: Seconds of native work between two looks at Python: at signals, and at the progress bar.
PAUSE = 0.1


class _Usage:
    """Who is training and who is evaluating a model: what their threads must not do to one another's counts."""

    #: (process, token) of the training that goes on; set on the object while it does.
    training: tuple[int, object]

    def __init__(self) -> None:
        #: How many evaluations of this thread are open, one called from a callback of another.
        self.depth = 0
        #: Stand-ins for the metrics' variables, by the variables' ids: what is evaluated during training counts here.
        self.apart: dict[int, Variable] = {}
        self._lock = (os.getpid(), threading.RLock())

    def evaluation(self) -> Any:
        """The lock of who evaluates. What a thread of the parent held is not held in a forked child."""
        with tracing:
            if self._lock[0] != os.getpid():
                self._lock, self.depth = (os.getpid(), threading.RLock()), 0
        return self._lock[1]

    def in_training(self) -> bool:
        """Whether this process trains the model now."""
        return bool(vars(self).get("training", (0,))[0] == os.getpid())


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
        object.__setattr__(self, "_steps", StepCache())
        object.__setattr__(self, "_usage", _Usage())
        object.__setattr__(self, "_compiled_loss", None)
        object.__setattr__(self, "_compiled_metrics", None)
        object.__setattr__(self, "_loss_tracker", LossTracker())
        object.__setattr__(self, "optimizer", None)
        self.compiled = False
        self.run_eagerly = False
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.steps_per_execution = 1
        object.__setattr__(self, "history", None)

    _steps: StepCache
    _usage: _Usage
    _compiled_loss: CompiledLoss | None
    _compiled_metrics: CompiledMetrics | None
    _loss_tracker: LossTracker
    optimizer: optimizers.Optimizer | None
    history: History | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)  # type: ignore[misc]

    # --- compile -------------------------------------------------------------------------------------------------

    @suggesting
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how the model is trained.

        Args:
            optimizer: a name or an ``Optimizer``; None for a model that is evaluated only.
            loss: a name, a ``Loss`` or a function (y_true, y_pred); a list or dict where there are several outputs.
            loss_weights: factors of the losses, in the same form.
            metrics: names, ``Metric`` objects or functions; nested where there are several outputs.
            weighted_metrics: metrics that are given the sample weights.
            run_eagerly: run op by op, so that values can be looked at; the same bits, more slowly.
            steps_per_execution: callbacks that hear of every batch hear of every so many instead, by the first as they
                begin and by the last as they end; arrays alone are taken so.
            jit_compile, auto_scale_loss: accepted for Keras's sake; steps always run natively.
        """
        self._expect_started()
        made = optimizers.get(optimizer)
        compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights)
        compiled_metrics = CompiledMetrics(metrics, weighted_metrics, lambda: self.output_names, compiled_loss)
        object.__setattr__(self, "optimizer", made)
        object.__setattr__(self, "_compiled_loss", compiled_loss)
        object.__setattr__(self, "_compiled_metrics", compiled_metrics)
        self.run_eagerly = bool(run_eagerly)
        self.steps_per_execution = count(steps_per_execution, "compile: steps_per_execution")
        self.stop_training = False
        self.compiled = True
        self._steps.clear()
        self._usage.apart.clear()

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics as one, and metrics set as attributes, also of layers inside."""
        found: list[Any] = [self._loss_tracker] if self._compiled_loss is not None or self.compiled else []
        if self._compiled_loss is not None:
            found += self._compiled_loss.metrics
        if self._compiled_metrics is not None and any(self._compiled_metrics.given):
            found.append(self._compiled_metrics)
        # What a model inside this one tracks of its own training is its own business; its attributes count.
        holders: list[Any] = [self]
        met = {id(self)}
        for holder in holders:
            contents = holder._contents()
            found += [item for item in contents.others if isinstance(item, metrics.Metric) and item not in found]
            for layer in contents.layers:
                if id(layer) not in met:
                    met.add(id(layer))
                    holders.append(layer)
        return found

    @property
    def metrics_names(self) -> list[str]:
        """The names of all metrics; of compiled ones as soon as they have seen data."""
        return [one.name for metric in self.metrics for one in getattr(metric, "metrics", [metric])]

    def reset_metrics(self) -> None:
        """Empties all metrics."""
        for metric in self.metrics:
            metric.reset_state()

    def _reset(self, stand_in: StandIn | None) -> None:
        """Empties all metrics, or the stand-ins for their variables."""
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
        """The scalar that training minimises: the compiled loss, added losses and weight regularizers."""
        # An added loss with a number for each sample counts as their sum, as in Keras.
        parts = [ops.sum(loss) if np.ndim(loss) else loss for loss in self.losses]
        if self._compiled_loss is not None:
            if y is None:
                raise ValueError(f"{self.name!r}: a loss was compiled, but the data have no targets y")
            parts.insert(0, self._compiled_loss(y, y_pred, sample_weight, self.output_names))
        if not parts and not training:
            return ops.constant(0.0)
        if not parts:
            raise ValueError(f"{self.name!r}: there is no loss; give compile() one, or call add_loss")
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _track_loss(self, loss: Any, x: Any) -> None:
        parts = [] if self._compiled_loss is None else self._compiled_loss.take_parts()
        self._loss_tracker.track(loss, int(flatten(x)[0].shape[0]), parts)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Updates the compiled metrics and returns all results."""
        if self._compiled_metrics is not None and y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    def train_step(self, data: Any) -> dict[str, Any]:
        """One training step on one batch; returns what is logged. Override it for a step of your own."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        self._track_loss(loss, x)
        if self.optimizer is None:
            raise ValueError(f"{self.name!r} has no optimizer to be trained with; compile it with one")
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
                raise TypeError(f"{mode}_step must return a dict of what to log, got {type(outputs).__name__}")
            # A metric may come to several numbers.
            outputs = {
                name: value
                for key, given in outputs.items()
                for name, value in (given if isinstance(given, dict) else {key: given}).items()
            }
            for name, value in outputs.items():
                # A metric may have a number for each class, the loss is one.
                if value is None or np.ndim(value) > (name != "loss"):
                    got = "None" if value is None else f"shape {np.shape(value)}"
                    raise ValueError(f"{mode}_step must return scalars to log, {name!r} is {got}")
            return dict(sorted(outputs.items()))
        return outputs

    def _kinds(self, chunk: Chunk) -> list[str]:
        """The dtype of each column in the graph: that of the model's input where one is declared."""
        kinds = [column_dtype(column) for column in chunk.columns]
        x, _, _ = unpack_x_y_sample_weight(chunk.structure)
        leaves = flatten(x)
        if len(leaves) == len(self.inputs) and not isinstance(x, dict):
            for index, symbol in zip(leaves, self.inputs, strict=True):
                if symbol.dtype == "float32" or (symbol.dtype == "int32" and kinds[index] == "uint8"):
                    kinds[index] = symbol.dtype
        return kinds

    def _step(self, mode: str, chunk: Chunk, stand_in: StandIn | None = None) -> Step:
        kinds = self._kinds(chunk)
        shapes = [(chunk.batch, *column.shape[1:]) for column in chunk.columns]

        def key() -> Any:
            # Predicting does not depend on what is trained.
            state = None if mode == "predict" else (*(v.core.id for v in self.trainable_variables), id(self.optimizer))
            return mode, stand_in is None, str(chunk.structure), tuple(zip(shapes, kinds, strict=True)), state

        step = self._steps.get(key())
        if step is None:
            with tracing, self._undone_on_error(mode):
                function = functools.partial(self._call_step, mode)
                step = self._steps.trace(key, function, chunk.structure, shapes, kinds, stand_in)
                step.checks = [] if self._compiled_loss is None else self._compiled_loss.take_checks()
                try:
                    step.check(chunk.columns)
                except Exception:
                    # Data of these shapes are to be looked at again, whoever brings them.
                    self._steps.drop(step)
                    raise
        elif chunk.fresh:
            step.check(chunk.columns)
        return step

    def _undone_on_error(self, mode: str) -> contextlib.AbstractContextManager[None]:
        """Where a step is refused, what it built (weights, slots, metrics) for these data is forgotten."""
        objects: list[Any] = list(self._unbuilt())
        if mode != "predict":
            compiled_metrics = self._compiled_metrics
            given = [] if compiled_metrics is None else flatten(list(compiled_metrics.given))
            objects += [one for one in (self._compiled_loss, compiled_metrics, self.optimizer) if one is not None]
            objects += [one for one in given if isinstance(one, metrics.Metric)]
        return undone_on_error(*objects)

    def _run_eagerly(self, mode: str, chunk: Chunk, index: int, stand_in: StandIn | None = None) -> Any:
        rows = slice(chunk.start + index * chunk.batch, chunk.start + (index + 1) * chunk.batch)
        batch = [column[rows] if chunk.rows is None else column[chunk.rows[rows]] for column in chunk.columns]
        with tracing, self._undone_on_error(mode):
            function = functools.partial(self._call_step, mode)
            return run_eagerly(function, chunk.structure, batch, self._kinds(chunk), stand_in)

    def _stretch(self, steps: int, budget: float) -> tuple[int, float]:
        """How many steps, and for how long, run in one native call; no budget: as many as callbacks hear of at once."""
        if budget > 0.0:
            return steps, budget
        return self.steps_per_execution, 0.0 if self.steps_per_execution == 1 else float("inf")

    def _run_logged(
        self, mode: str, chunk: Chunk, budget: float, stand_in: StandIn | None = None
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Runs all steps of a chunk; now and then gives how many are done and the latest logs."""
        if self.run_eagerly:
            for index in range(chunk.steps):
                logs = self._run_eagerly(mode, chunk, index, stand_in)
                if budget > 0.0 or (index + 1) % self.steps_per_execution == 0 or index + 1 == chunk.steps:
                    yield index + 1, {name: _logged(value) for name, value in logs.items()}
            return
        most, budget = self._stretch(chunk.steps, budget)
        step = self._step(mode, chunk, stand_in)
        targets = [np.zeros((chunk.steps, *shape), dtype) for shape, dtype in step.specs]
        done = 0
        while done < chunk.steps:
            start = chunk.start + done * chunk.batch
            views = [target[done:] for target in targets]
            steps = min(most, chunk.steps - done)
            done += step.program.run(chunk.columns, chunk.rows, start, chunk.batch, steps, views, step.watch, budget)
            yield done, {name: _logged(target[done - 1]) for name, target in step.fill(targets).items()}

    # --- fit -----------------------------------------------------------------------------------------------------

    @suggesting
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
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
            validation_split: the last fraction of the rows, taken before shuffling, is held out.
            validation_data: (x, y), (x, y, sample_weight) or an iterable of batches; goes before ``validation_split``.
            shuffle: a new order each epoch, drawn in Rust from the seed.
            class_weight: class -> factor of its samples' losses.
            sample_weight: a factor for each sample.
            steps_per_epoch, validation_steps: batches to take. An epoch goes on where the last one ended, and ends at
                the end of the data, with a warning where it never has as many; the next begins anew, unless the data
                are a generator. Validation always takes the first; only of a generator, which cannot begin anew, it
                takes the next, and once it is used up, a warning says so and later epochs are not validated.
            validation_freq: validate every so many epochs, or after the epochs listed (counted from 1).

        Raises:
            ShapeError, TypeError, ValueError, IndexError: data do not fit; the model is as it was before the batch.
            KeyboardInterrupt: Ctrl-C; the model keeps the last whole batch.
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
            data = batches_of(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, seed, class_weight)
            _expect_rows(data, "fit")
            validation = None
            if validation_data is not None:
                parts = unpack_x_y_sample_weight(
                    tuple(validation_data) if isinstance(validation_data, list) else validation_data
                )
                size = validation_batch_size or batch_size
                validation = batches_of(*parts, size, validation_steps)
                _expect_rows(validation, "validation")
            return self._fit_epochs(
                data, validation, epochs, initial_epoch, verbose, callbacks, validation_freq, steps_per_epoch
            )

        return self._alone(run)

    def _fit_epochs(
        self,
        data: Batches | Stream,
        validation: Batches | Stream | None,
        epochs: int,
        initial_epoch: int,
        verbose: Any,
        callbacks: Any,
        validation_freq: int | Sequence[int],
        steps_per_epoch: int | None,
    ) -> History:
        steps = steps_per_epoch or data.steps
        every = validation_freq if validation is not None else 1
        watchers = self._callbacks(
            callbacks,
            verbose,
            history=True,
            epochs=epochs,
            steps=steps,
            do_validation=validation is not None,
            validation_freq=every,
        )
        self.stop_training = False
        watchers.on_train_begin()
        logs: dict[str, float] = {}
        try:
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                watchers.on_epoch_begin(epoch)
                made = self._train_epoch(data, epoch, watchers, steps_per_epoch)
                if made is None and epoch > initial_epoch:
                    warnings.warn(
                        f"fit: the data were used up after epoch {epoch}; training stops. A generator must go on for "
                        "all epochs, or be given as an object with len() and indexing",
                        RuntimeWarning,
                        stacklevel=3,
                    )
                    break
                if made is None:
                    raise ValueError("fit: the data gave no batch; a plain generator can be used up only once")
                logs = made
                if validation is not None and _due(validation_freq, epoch):
                    results = self._evaluate(validation, watchers)
                    if results is None:
                        warnings.warn(
                            f"fit: the validation data have no batch left for epoch {epoch + 1}; from now on nothing "
                            "is validated. A generator gives its batches once: pass arrays, an object with len() and "
                            "indexing, or one that begins anew whenever it is iterated over",
                            RuntimeWarning,
                            stacklevel=3,
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
        self, data: Batches | Stream, epoch: int, watchers: CallbackList, limit: int | None
    ) -> dict[str, float] | None:
        """The logs of the last step; None where the data have no batch left."""
        logs: dict[str, float] = {}
        seen = 0
        each = watchers.wants_train_batches
        warned = False
        for chunk in data.epoch(epoch):
            first = seen
            if each:
                watchers.on_train_batch_begin(seen)
            # Where training was stopped before the epoch, one batch is run still, as in Keras.
            for done, logs in self._run_logged("train", chunk, 0.0 if each or self.stop_training else PAUSE):
                seen = first + done
                if not warned and not np.isfinite(logs.get("loss", 0.0)):
                    warned = True
                    warnings.warn(
                        f"fit of {self.name!r}: the loss is {logs['loss']} since epoch {epoch + 1}, batch {seen}; "
                        "look at the data, lower the learning rate or clip gradients",
                        RuntimeWarning,
                        stacklevel=4,
                    )
                if each:
                    watchers.on_train_batch_end(seen - 1, logs)
                else:
                    watchers.on_progress(seen, logs)
                # A batch that was announced is run, whatever was said as it began.
                if self.stop_training:
                    break
                if each and done < chunk.steps:
                    watchers.on_train_batch_begin(seen)
            if self.stop_training:
                break
        if seen == 0:
            return None
        if limit is not None and seen < limit and not data.lasting and not self.stop_training:
            rest = "the next epoch begins anew" if data.restarts else "training stops"
            warnings.warn(f"fit: the data ended after {seen} of {limit} steps; {rest}", RuntimeWarning, stacklevel=4)
            self.stop_training = not data.restarts
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
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data: a float, a list of floats in the order of ``metrics_names``, or a dict."""
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before evaluate; call compile(optimizer, loss)")
        _expect_steps(steps, "steps")
        data = batches_of(x, y, sample_weight, batch_size, steps)
        _expect_rows(data, "evaluate")
        watchers = self._callbacks(callbacks, verbose, steps=steps or data.steps)
        logs = self._evaluating(lambda stand_in: self._evaluate(data, watchers, stand_in))
        if logs is None:
            raise ValueError("evaluate: the data gave no batch")
        if return_dict:
            return logs
        return self._in_order(logs)

    def _in_order(self, logs: dict[str, float]) -> Any:
        """The numbers in the order of ``metrics_names``, others behind; one number alone is no list."""
        names = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in [*names, *(name for name in logs if name not in names)]]
        return values[0] if len(values) == 1 else values

    def _evaluate(
        self, data: Batches | Stream, watchers: CallbackList, stand_in: StandIn | None = None
    ) -> dict[str, float] | None:
        """The logs of the last step; None where the data have no batch left."""
        self._reset(stand_in)
        if self.stop_evaluating:
            self.stop_evaluating = False
        watchers.on_test_begin()
        logs: dict[str, float] = {}
        seen = 0
        each = watchers.wants_test_batches
        for chunk in data.epoch(0):
            first = seen
            if each:
                watchers.on_test_batch_begin(seen)
            for done, logs in self._run_logged("test", chunk, 0.0 if each else PAUSE, stand_in):
                seen = first + done
                if each:
                    watchers.on_test_batch_end(seen - 1, logs)
                else:
                    watchers.on_progress(seen, logs)
                if self.stop_evaluating:
                    break
                if each and done < chunk.steps:
                    watchers.on_test_batch_begin(seen)
            if self.stop_evaluating:
                break
        watchers.on_test_end(logs)
        if seen == 0:
            return None
        if data.limit is not None and seen < data.limit:
            warnings.warn(
                f"evaluate: the data ended after {seen} of {data.limit} steps; the results are of these",
                RuntimeWarning,
                stacklevel=4,
            )
        return logs

    # --- predict -------------------------------------------------------------------------------------------------

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all rows of ``x``, as NumPy arrays in the structure of the outputs.

        No rows give outputs of no rows. Several threads may predict at once.
        """
        _expect_steps(steps, "steps")
        data = batches_of(x, None, None, batch_size, steps)
        quiet = verbose == 0 and callbacks is None
        watchers = None if quiet else self._callbacks(callbacks, verbose, steps=steps or data.steps)
        if self.stop_predicting:  # asked first, for to set an attribute of a model takes a microsecond
            self.stop_predicting = False
        if watchers is not None:
            watchers.on_predict_begin()
        parts: list[Any] = []
        if isinstance(data, Batches):
            empty = Chunk(data.columns, data.structure, None, 0, 0, 1)
            parts.append(self._predict(list(data.epoch(0)) if data.rows else [empty], watchers, 0))
        else:
            for seen, chunk in enumerate(data.epoch(0)):
                parts.append(self._predict([chunk], watchers, seen))
                if self.stop_predicting:
                    break
        if not parts:
            raise ValueError("predict: the data gave no batch")
        if watchers is not None:
            watchers.on_predict_end()
        return _joined(parts)

    def _predict(self, chunks: list[Chunk], watchers: CallbackList | None, seen: int) -> Any:
        """The outputs for all rows of ``chunks``, of which ``seen`` batches came before."""
        each = watchers is not None and watchers.wants_predict_batches
        if self.run_eagerly:
            parts: list[Any] = []
            batches = [(chunk, index) for chunk in chunks for index in range(chunk.steps)]
            for chunk, index in batches:
                told = (index + 1) % self.steps_per_execution == 0 or index + 1 == chunk.steps
                if each and watchers is not None and index % self.steps_per_execution == 0:
                    watchers.on_predict_batch_begin(seen + len(parts))
                parts.append(self._run_eagerly("predict", chunk, index))
                if watchers is not None and told:
                    _tell_predicted(watchers, each, seen + len(parts) - 1, parts[-1])
                if self.stop_predicting:
                    break
            return _joined(parts)
        steps = [self._step("predict", chunk) for chunk in chunks]
        views = targets = self._outputs_of(chunks, steps)
        for chunk, step in zip(chunks, steps, strict=True):
            rows = [shape[0] for shape, _ in step.specs]
            done = 0
            while done < chunk.steps:
                if each and watchers is not None:
                    watchers.on_predict_batch_begin(seen + done)
                most, budget = self._stretch(chunk.steps, 0.0 if each else PAUSE)
                start, most = chunk.start + done * chunk.batch, min(most, chunk.steps - done)
                ran = step.program.run(chunk.columns, chunk.rows, start, chunk.batch, most, views, None, budget)
                done += ran
                if watchers is not None:
                    latest = [view[:count] for view, count in zip(views, rows, strict=True)]
                    _tell_predicted(watchers, each, seen + done - 1, step.fill(latest))
                if done == chunk.steps and chunk is chunks[-1]:
                    break
                views = [view[ran * count :] for view, count in zip(views, rows, strict=True)]
                if self.stop_predicting:
                    whole = zip(targets, views, strict=True)
                    return steps[0].fill([target[: len(target) - len(rest)] for target, rest in whole])
            seen += chunk.steps
        return steps[0].fill(targets)

    def _outputs_of(self, chunks: list[Chunk], steps: list[Step]) -> list[Array]:
        """An array for each output, with the rows of all chunks: a smaller last batch is no part to be joined."""
        targets = []
        for specs in zip(*(step.specs for step in steps), strict=True):
            if not all(shape for shape, _ in specs):
                raise ValueError(
                    f"predict: {self.name!r} returns a scalar for a batch; outputs need a row for each sample"
                )
            (_, *sizes), dtype = specs[0]
            if len(specs) > 1:
                _expect_same_rows([tuple(shape[1:]) for shape, _ in specs])
            rows = sum(chunk.steps * shape[0] for chunk, (shape, _) in zip(chunks, specs, strict=True))
            targets.append(np.zeros((rows, *sizes), dtype))
        return targets

    # --- single batches ------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch; returns its loss and metrics as ``evaluate`` does."""
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before train_on_batch; call compile(optimizer, loss)")
        return self._alone(lambda: self._on_batch("train", x, y, sample_weight, class_weight, return_dict))

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """One evaluation step on one batch; returns its loss and metrics as ``evaluate`` does."""
        if not self.compiled:
            raise RuntimeError(f"{self.name!r} must be compiled before test_on_batch; call compile(optimizer, loss)")
        return self._evaluating(
            lambda stand_in: self._on_batch("test", x, y, sample_weight, None, return_dict, stand_in)
        )

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch."""
        data = Batches(x, batch_size=1)
        chunk = Chunk(data.columns, data.structure, None, 0, data.rows, 1)
        return self._predict([chunk], None, 0)

    def _alone(self, action: Callable[[], Result]) -> Result:
        """What ``action`` gives, unless the model is being trained."""
        usage, mine = self._usage, (os.getpid(), object())
        try:
            now = vars(usage).setdefault("training", mine)
            if now[0] != mine[0]:
                # What another thread of the parent was doing does not go on in a forked child.
                usage.training = mine
            elif now is not mine:
                raise RuntimeError(
                    f"{self.name!r} is already being trained, by another thread or an enclosing call in this one"
                )
            with usage.evaluation():
                pass  # Evaluations that count with the metrics themselves have ended; later ones keep apart.
            return action()
        finally:
            # No call, for at a call Ctrl-C may end the function, and the model would count as trained for ever.
            if "training" in usage.__dict__ and usage.training is mine:
                del usage.training

    def _evaluating(self, action: Callable[[StandIn | None], Result]) -> Result:
        """What ``action`` gives, one thread at a time.

        While the model is trained, by this thread or another, it is given stand-ins for the metrics' variables. Called
        from a callback of another evaluation, it leaves what that has counted as it was.
        """
        usage = self._usage
        with usage.evaluation():
            stand_in = self._stand_in if usage.in_training() else None
            counted: list[Variable] = []
            if usage.depth:
                counted = list(usage.apart.values()) if stand_in else self._metric_variables()
            before = values(counted)
            usage.depth += 1
            try:
                return action(stand_in)
            finally:
                usage.depth -= 1
                assign(counted, before)

    def _metric_variables(self) -> list[Variable]:
        return [variable for metric in self.metrics for variable in metric.whole_state]

    def _stand_in(self, variable: Variable) -> Variable:
        """What a step that is evaluated during training uses in the place of ``variable``."""
        apart, id = self._usage.apart, variable.core.id
        if id not in apart and any(variable is one for one in self._metric_variables()):
            apart[id] = Variable(np.zeros(variable.shape, variable.dtype), None, variable.dtype, False, variable.name)
        return apart.get(id, variable)

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
        data = Batches(x, y, sample_weight, 1, class_weight=class_weight)
        _expect_rows(data, f"{mode}_on_batch")
        chunk = Chunk(data.columns, data.structure, None, 0, data.rows, 1)
        self._reset(stand_in)
        _, logs = next(self._run_logged(mode, chunk, 0.0, stand_in))
        return logs if return_dict else self._in_order(logs)


def _expect_same_rows(shapes: Sequence[tuple[int, ...]]) -> None:
    """One array is made of the outputs of all batches: the shape of a row must be the same."""
    other = next((index for index, shape in enumerate(shapes) if shape != shapes[0]), None)
    if other is not None:
        raise ShapeError(
            f"predict: the outputs of batch 0 have rows of shape {shapes[0]}, those of batch {other} have "
            f"{shapes[other]}; pad the inputs to one length, or call predict_on_batch for each batch"
        )


def _joined(parts: list[Any]) -> Any:
    """The outputs of several batches as one, in the structure that each has."""
    if len(parts) == 1:
        return parts[0]
    groups = list(zip(*(flatten(part) for part in parts), strict=True))
    for group in groups:
        _expect_same_rows([array.shape[1:] for array in group])
    leaves = iter([np.concatenate(group) for group in groups])
    return map_nested(lambda leaf: None if leaf is None else next(leaves), parts[0])


@functools.cache
def _takes_training(compute_loss: Callable[..., Any]) -> bool:
    """Whether a ``compute_loss`` has the argument ``training``, which Keras's did not always have."""
    parameters = inspect.signature(compute_loss).parameters.values()
    return any(one.name == "training" or one.kind is one.VAR_KEYWORD for one in parameters)


def _tell_predicted(watchers: CallbackList, each: bool, batch: int, outputs: Any) -> None:
    """Tells of a batch that was predicted: with its outputs who wants each, else how far it is."""
    if each:
        watchers.on_predict_batch_end(batch, {"outputs": outputs})
    else:
        watchers.on_progress(batch + 1, {})


def _logged(value: Any) -> Any:
    """A number, or an array of several."""
    array = np.asarray(value)
    return array.copy() if array.ndim else float(array)


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


def _expect_rows(data: Batches | Stream, what: str) -> None:
    if isinstance(data, Batches) and data.rows == 0:
        raise ValueError(f"{what}: expected at least one row, got none (shapes {[c.shape for c in data.columns]})")


def _due(frequency: Any, epoch: int) -> bool:
    if isinstance(frequency, (int, np.integer)):
        if frequency < 1:
            raise ValueError(f"validation_freq: expected an int >= 1 or a list of epochs, got {frequency}")
        return (epoch + 1) % frequency == 0
    if isinstance(frequency, str) or not hasattr(frequency, "__contains__"):
        raise ValueError(f"validation_freq: expected an int >= 1 or a list of epochs, got {frequency!r}")
    return bool(epoch + 1 in frequency)
