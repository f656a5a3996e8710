"""The perceptrons against scikit-learn's, and what they do beside."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network as reference
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import corten
from corten import optimizers
from corten.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classes(count: int = 3, rows: int = 150) -> tuple[Any, Any]:
    x, y = make_classification(rows, 8, n_informative=5, n_classes=count, random_state=count)
    return x, np.array(["zero", "one", "two", "three"])[y]


def labels() -> tuple[Any, Any]:
    return make_multilabel_classification(150, 8, n_classes=4, random_state=0)  # type: ignore[no-any-return]


def numbers(outputs: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(outputs)
    x = rng.normal(size=(150, 6))
    y = np.sin(x @ rng.normal(size=(6, outputs))) + 0.1 * rng.normal(size=(150, outputs))
    return x, y[:, 0] if outputs == 1 else y


def sample_weights(rows: int) -> Any:
    return np.random.default_rng(0).uniform(0.5, 3, rows)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"batch_size": 32, "activation": "tanh"},
    {"batch_size": 40, "activation": "logistic", "solver": "sgd", "learning_rate_init": 0.1, "alpha": 0.5},
    {"batch_size": 32, "solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05, "power_t": 0.2},
    {"batch_size": 32, "solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    {"batch_size": 32, "solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5, "shuffle": False},
    {"batch_size": 50, "activation": "identity", "hidden_layer_sizes": ()},
    {"batch_size": 32, "early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 3},
    {"batch_size": 64, "hidden_layer_sizes": [9, 7], "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
]


def near(ours: Any, theirs: Any) -> None:
    """Both took the same way, but for rounding."""
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.out_activation_ == theirs.out_activation_
    assert (ours.n_layers_, ours.n_outputs_) == (theirs.n_layers_, theirs.n_outputs_)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=2e-4)
    for place in ("coefs_", "intercepts_"):
        for own, their in zip(getattr(ours, place), getattr(theirs, place), strict=True):
            np.testing.assert_allclose(own, their, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings))
@pytest.mark.parametrize("data", ["two", "three", "labels"])
def test_a_classifier_learns_as_scikit_learns(data: str, settings: dict[str, Any]) -> None:
    x, y = labels() if data == "labels" else classes(2 if data == "two" else 3)
    if "early_stopping" in settings and data != "labels":
        y = np.unique(y, return_inverse=True)[1]  # scikit-learn 1.6 cannot score names
    settings = {"hidden_layer_sizes": (12,), "max_iter": 12, "random_state": 3, **settings}
    ours, theirs = MLPClassifier(**settings).fit(x, y), reference.MLPClassifier(**settings).fit(x, y)
    near(ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-3)
    assert ours.predict_proba(x).dtype == np.float64
    assert (ours.predict(x) == theirs.predict(x)).mean() > 0.99
    assert ours.predict(x).dtype == theirs.predict(x).dtype
    if settings.get("early_stopping"):
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings))
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_regressor_learns_as_scikit_learns(outputs: int, settings: dict[str, Any]) -> None:
    x, y = numbers(outputs)
    settings = {"hidden_layer_sizes": (12,), "max_iter": 12, "random_state": 3, **settings}
    ours, theirs = MLPRegressor(**settings).fit(x, y), reference.MLPRegressor(**settings).fit(x, y)
    near(ours, theirs)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=2e-3)
    assert ours.predict(x).shape == y.shape


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_samples_weigh_and_counts_are_poisson_as_in_scikit_learn(solver: str) -> None:
    x, y = numbers(1)
    try:
        theirs = reference.MLPRegressor("poisson", (12,), solver=solver, max_iter=15, batch_size=40, random_state=0)
        theirs.fit(x, np.abs(y) * 3, sample_weights(len(x)))
    except (TypeError, ValueError):
        pytest.skip("scikit-learn has weights and Poisson's loss since 1.7")
    ours = MLPRegressor("poisson", (12,), solver=solver, max_iter=15, batch_size=40, random_state=0)
    ours.fit(x, np.abs(y) * 3, sample_weights(len(x)))
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-3)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=2e-2)
    with pytest.raises(ValueError, match="expected targets >= 0"):
        ours.fit(x, -np.abs(y))


def test_epoch_by_epoch_it_learns_as_scikit_learns() -> None:
    x, y = classes(3)
    ours, theirs = (kind((12,), random_state=3) for kind in (MLPClassifier, reference.MLPClassifier))
    for rows in (range(150), range(60), range(60, 140), range(150)):
        for model in (ours, theirs):
            model.partial_fit(x[rows], y[rows], classes=np.unique(y))
    near(ours, theirs)
    for model in (ours, theirs):
        model.set_params(warm_start=True, max_iter=5, learning_rate_init=0.01).fit(x, y)
    near(ours, theirs)
    assert len(ours.loss_curve_) == 9


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_names_and_defaults_are_scikit_learns(kind: Any) -> None:
    ours, theirs = kind().get_params(), getattr(reference, kind.__name__)().get_params()
    assert theirs.items() <= ours.items()
    own = {"dropout", "class_weight"} if kind is MLPClassifier else {"dropout", "loss"}
    assert set(ours) - set(theirs) <= own
    fitted = (model.fit(*classes(2)) for model in (MLPClassifier(max_iter=2), reference.MLPClassifier(max_iter=2)))
    names = [{name for name in dir(model) if name.endswith("_") and not name.startswith("_")} for model in fitted]
    assert names[1] <= names[0]


def test_lbfgs_finds_what_scikit_learns_finds() -> None:
    x, y = classes(3)
    ours, theirs = (kind((12,), solver="lbfgs", alpha=1.0, max_iter=500, random_state=0).fit(x, y)
                    for kind in (MLPClassifier, reference.MLPClassifier))  # fmt: skip
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.02)
    assert not hasattr(ours, "partial_fit")
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        MLPClassifier(solver="lbfgs", max_iter=3).fit(x, y)
    with pytest.raises(ValueError, match="dropout needs a solver that takes batches"):
        MLPClassifier(solver="lbfgs", dropout=0.1).fit(x, y)


def test_on_digits_it_is_as_good_as_scikit_learns() -> None:
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, random_state=0)
    ours, theirs = (kind(max_iter=60, random_state=0).fit(x, y) for kind in (MLPClassifier, reference.MLPClassifier))
    assert ours.score(x_test, y_test) > 0.96
    assert abs(ours.score(x_test, y_test) - theirs.score(x_test, y_test)) < 0.01


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_weight_counts_as_so_many_rows_to_the_last_bit(solver: str) -> None:
    x, y = classes(3, 60)
    counts = np.random.default_rng(0).integers(0, 4, 60)
    weighted = MLPClassifier(solver=solver, max_iter=20, random_state=0).fit(x, y, counts)
    repeated = MLPClassifier(solver=solver, max_iter=20, random_state=0)
    order = np.random.default_rng(1).permutation(counts.sum())
    repeated.fit(x.repeat(counts, axis=0)[order], y.repeat(counts)[order])
    assert np.array_equal(weighted.predict_proba(x), repeated.predict_proba(x))


def test_classes_weigh_as_they_are_told_to() -> None:
    x, y = make_classification(400, 5, weights=[0.95], flip_y=0.02, class_sep=0.5, random_state=0)
    recalls = []
    for class_weight in (None, "balanced", {0: 1.0, 1: 19.0}):
        model = MLPClassifier((8,), max_iter=60, batch_size=50, class_weight=class_weight, random_state=0).fit(x, y)
        recalls.append(model.predict(x)[y == 1].mean())
    assert recalls[1] > recalls[0] and recalls[2] > recalls[0]
    with pytest.raises(ValueError, match="balanced"):
        MLPClassifier(class_weight="balanced").partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match="only zeros"):
        MLPClassifier(class_weight={0: 0, 1: 0}).fit(x, y)
    with pytest.raises(ValueError, match="no negative weight"):
        MLPClassifier().fit(x, y, -np.ones(400))


def test_any_optimizer_and_schedule_trains() -> None:
    x, y = classes(2)
    schedule = optimizers.schedules.CosineDecay(0.02, 200)
    given = optimizers.AdamW(schedule)
    for settings in ({"solver": "rmsprop"}, {"solver": given}, {"solver": "sgd", "learning_rate": schedule}):
        model = MLPClassifier((16,), max_iter=40, batch_size=30, random_state=0, **settings)
        assert clone(model).fit(x, y).score(x, y) > 0.8
    assert not given.built
    with pytest.raises(ValueError, match="unknown optimizer 'quick'"):
        MLPClassifier(solver="quick").fit(x, y)


def test_dropout_drops_in_training_alone() -> None:
    x, y = classes(2)
    model = MLPClassifier((64,), dropout=0.5, max_iter=30, random_state=0).fit(x, y)
    assert model.loss_ != pytest.approx(MLPClassifier((64,), max_iter=30, random_state=0).fit(x, y).loss_)
    assert np.array_equal(model.predict_proba(x), model.predict_proba(x))
    assert np.array_equal(model.predict_proba(x), clone(model).fit(x, y).predict_proba(x))


def test_the_same_seed_gives_the_same_and_nothing_else_is_drawn() -> None:
    x, y = classes(2)
    corten.utils.clear_session()
    before = corten.random.get_state(), np.random.get_state()[1].tolist()  # type: ignore[index,union-attr]
    first = MLPClassifier(max_iter=5, batch_size=32, dropout=0.1, random_state=1).fit(x, y)
    corten.utils.set_random_seed(0)
    corten.random.set_state(before[0])
    assert corten.layers.Dense(1).name == "dense"
    again = MLPClassifier(max_iter=5, batch_size=32, dropout=0.1, random_state=1).fit(x, y)
    assert corten.random.get_state() == before[0]
    assert np.array_equal(first.coefs_[0], again.coefs_[0])


def test_copies_and_files_go_on_where_it_was(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    x, y = classes(3)
    model = MLPClassifier((12,), batch_size=32, dropout=0.1, random_state=0)
    for _ in range(3):
        model.partial_fit(x, y, classes=np.unique(y))
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [joblib.load(tmp_path / "model.joblib"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    model.partial_fit(x, y)
    for other in copies:
        other.partial_fit(x, y)
        assert other.model_ is not model.model_
        assert np.array_equal(other.predict_proba(x), model.predict_proba(x))
        assert other.loss_curve_ == model.loss_curve_
    model.model_.save(tmp_path / "model.safetensors")
    loaded = corten.models.load_model(tmp_path / "model.safetensors")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict_proba(x), atol=1e-6)


def test_weights_are_given_by_lists() -> None:
    x, y = numbers(1)
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3)
    with pytest.raises(AttributeError, match="not fitted"):
        model.coefs_  # noqa: B018
    with pytest.raises(NotFittedError):
        model.predict(x)
    model.fit(x, y)
    with pytest.raises(ValueError, match="read-only"):
        model.coefs_[0][0, 0] = 1.0
    model.coefs_ = [np.zeros_like(kernel) for kernel in model.coefs_]
    model.intercepts_ = [np.zeros(5), np.ones(1)]
    assert (model.predict(x) == 1).all()
    with pytest.raises(ValueError, match="expected shape"):
        model.coefs_ = model.coefs_[::-1]


def test_pipelines_and_searches_take_it() -> None:
    x, y = classes(3)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), solver="lbfgs", random_state=0))
    search = GridSearchCV(
        pipeline, {"mlpclassifier__alpha": [0.1, 1.0], "mlpclassifier__activation": ["tanh", "relu"]}, cv=3
    )
    assert search.fit(x, y).best_score_ > 0.7
    scores = cross_val_score(pipeline, x, y, cv=3, scoring="neg_log_loss")
    assert scores.shape == (3,) and np.isfinite(scores).all()


def _threads(_: int) -> int:
    from corten import config

    return config.num_threads()


@pytest.mark.alone
def test_workers_share_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """joblib tells its workers how many threads are theirs, and Corten listens."""
    joblib = pytest.importorskip("joblib")
    for name in ("CORTEN_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    x, y = classes(3)
    one, two = (
        cross_val_score(MLPClassifier((8,), max_iter=10, random_state=0), x, y, cv=4, n_jobs=jobs) for jobs in (1, 2)
    )
    assert np.array_equal(one, two)
    with joblib.parallel_config("loky", n_jobs=2):
        threads = joblib.Parallel()(joblib.delayed(_threads)(i) for i in range(4))
    assert threads == [max(1, joblib.cpu_count() // 2)] * 4
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)


def test_what_cannot_be_is_refused() -> None:
    x, y = classes(2)
    for settings, message in [
        ({"alpha": -1}, "alpha"),
        ({"activation": "sine"}, "activation"),
        ({"dropout": 1.0}, "dropout"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": "quick"}, "learning_rate"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes"),
        ({"solver": "rmsprop", "learning_rate": "adaptive"}, "is for solver='sgd'"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "to validate on|test_size"),
    ]:
        with pytest.raises(ValueError, match=message):
            MLPClassifier(**settings).fit(x, y)
    model = MLPClassifier(warm_start=True, max_iter=2).fit(x, y)
    with pytest.raises(ValueError, match="must stay as it was"):
        model.set_params(hidden_layer_sizes=(3,)).fit(x, y)
    with pytest.raises(ValueError, match="not finite"):
        MLPRegressor(solver="sgd", learning_rate_init=10.0, max_iter=30).fit(x * 1e4, x[:, 0] * 1e4)
    with pytest.raises(TypeError, match="dense"):
        MLPClassifier().fit(pytest.importorskip("scipy.sparse").csr_matrix(x), y)


def test_what_it_says_is_scikit_learns(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = classes(2)
    for kind in (MLPClassifier, reference.MLPClassifier):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind(max_iter=40, tol=1.0, n_iter_no_change=2, verbose=True, random_state=0).fit(x, y)
    ours, theirs = capsys.readouterr().out.split("Stopping.")[:2]
    assert [line.split("=")[0] for line in ours.split("\n")] == [line.split("=")[0] for line in theirs[1:].split("\n")]
    assert ours.count("Iteration") == theirs.count("Iteration")


@pytest.mark.parametrize("name", ["corten.sklearn.MLPClassifier", "corten.wrappers.SKLearnRegressor"])
def test_without_scikit_learn_it_says_what_to_install(name: str) -> None:
    module, _, kind = name.rpartition(".")
    program = f"""
import sys
sys.modules["sklearn"] = None
from corten import *
import corten, {module}
try:
    from {module} import {kind}
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == f"{name} needs the package scikit-learn: pip install corten[sklearn]"


def test_threads_change_no_bit() -> None:
    x, y = classes(3, 600)
    try:
        fitted = []
        for threads in (1, 2):
            corten.config.set_num_threads(threads)
            model = MLPClassifier((64, 64), max_iter=5, batch_size=128, dropout=0.1, random_state=0)
            fitted.append(model.fit(x, y).predict_proba(x))
    finally:
        corten.config.set_num_threads(0)
    assert np.array_equal(*fitted)


def test_ctrl_c_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    from corten.sklearn.network import Training

    epoch = Training.epoch

    def interrupted(self: Training, feed: Any, order: Any) -> float:
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return epoch(self, feed, order)

    calls: list[None] = []
    monkeypatch.setattr(Training, "epoch", interrupted)
    x, y = classes(2)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = MLPClassifier((4,), random_state=0).fit(x, y)
    assert model.n_iter_ == 3 and model.predict(x).shape == (150,)
