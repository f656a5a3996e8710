"""Models as scikit-learn's estimators: its own checks, none of which is expected to fail, and Keras's behaviour."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import corten
from corten import losses, optimizers
from corten.layers import Conv2D, Dense, Dropout, Flatten, Input
from corten.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer


def dense(
    X: Any, y: Any, loss: Any = "categorical_crossentropy", last: str | None = "softmax", units: int = 20
) -> corten.Model:
    """The function of Keras's own tests of its wrappers."""
    inputs = Input((X.shape[1],))
    outputs = Dense(y.shape[1] if y.ndim > 1 else 1, last)(Dense(units, "relu")(inputs))
    model = corten.Model(inputs, outputs)
    model.compile(optimizers.Adam(0.02), loss)
    return model


OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 6)
NUMBERS = {"loss": "mse", "last": None}


class Named:
    """:func:`dense` with a name for the tests that is the same in every process."""

    def __call__(self, X: Any, y: Any, **kwargs: Any) -> corten.Model:
        return dense(X, y, **kwargs)

    def __repr__(self) -> str:
        return "dense"


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        SKLearnClassifier(Named(), fit_kwargs={"epochs": 20}),
        SKLearnRegressor(Named(), model_kwargs=NUMBERS, fit_kwargs={"epochs": 20}),
        SKLearnTransformer(Named(), model_kwargs=NUMBERS, fit_kwargs={"epochs": 2}),
    ]
)
def test_the_wrapper_passes(estimator: Any, check: Any) -> None:
    if "check_parameters_default_constructible" in repr(check) and OLD:
        pytest.skip("before scikit-learn 1.6 the check calls the class without the model, which is required")
    check(estimator)


def iris(two: bool = False) -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    return (x[:100], names[y[:100]]) if two else (x, names[y])


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize(
    ("loss", "last"),
    [
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
        (losses.SparseCategoricalCrossentropy(from_logits=True), None),
        (losses.CategoricalCrossentropy(from_logits=True), None),
    ],
)
def test_targets_are_as_the_loss_takes_them(loss: Any, last: str | None, two: bool) -> None:
    x, y = iris(two)
    model = SKLearnClassifier(
        dense, model_kwargs={"loss": loss, "last": last}, fit_kwargs={"epochs": 30}, random_state=0
    ).fit(x, y)
    assert model.score(x, y) > 0.9
    probabilities = model.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (model.classes_[probabilities.argmax(axis=1)] == model.predict(x)).all()
    assert model.decision_function(x).shape == ((100,) if two else (150, 3))


@pytest.mark.parametrize("from_logits", [False, True])
def test_one_output_is_the_second_of_two_classes(from_logits: bool) -> None:
    x, y = iris(two=True)

    def single(X: Any, y: Any) -> corten.Model:
        model = corten.Sequential([Input((4,)), Dense(1, None if from_logits else "sigmoid")])
        model.compile(optimizers.Adam(0.05), losses.BinaryCrossentropy(from_logits=from_logits))
        return model

    model = SKLearnClassifier(single, fit_kwargs={"epochs": 30}, random_state=0).fit(x, y)
    assert model.score(x, y) == 1.0
    assert ((model.predict_proba(x)[:, 1] > 0.5) == (model.decision_function(x) > 0)).all()


def test_outputs_that_are_no_probabilities_are_not_called_so() -> None:
    x, y = iris()
    model = SKLearnClassifier(
        dense, model_kwargs={"loss": "categorical_hinge", "last": None}, fit_kwargs={"epochs": 40}
    )
    model.fit(x, y)
    assert model.score(x, y) > 0.8
    with pytest.raises(ValueError, match="are no probabilities"):
        model.predict_proba(x)


def test_a_model_is_cloned_and_stays_as_it_was() -> None:
    x, y = iris()
    model = dense(x, np.eye(3)[np.zeros(150, int)])
    before = model.get_weights()
    estimator = SKLearnClassifier(model, fit_kwargs={"epochs": 20, "batch_size": 16}, random_state=0).fit(x, y)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))
    assert estimator.model_ is not model
    assert estimator.history_.params["steps"] == 10
    assert estimator.epoch_ == 20
    again = clone(estimator).fit(x, y)
    assert again.fit_kwargs == estimator.fit_kwargs
    assert np.array_equal(again.predict_proba(x), estimator.predict_proba(x))
    with pytest.raises(RuntimeError, match="compiled"):
        SKLearnClassifier(corten.Sequential([Dense(3)])).fit(x, y)
    with pytest.raises(TypeError, match="expected a model"):
        SKLearnClassifier("mlp").fit(x, y)
    with pytest.raises(TypeError, match="returns a model"):
        SKLearnClassifier(lambda X, y: None).fit(x, y)  # type: ignore[arg-type,return-value]


def test_a_warm_start_goes_on() -> None:
    x, y = iris()
    model = dense(x, np.eye(3)[np.zeros(150, int)])
    estimator = SKLearnClassifier(model, warm_start=True).fit(x, y)
    assert estimator.model_ is model
    first = estimator.history_.history["loss"][-1]
    assert estimator.fit(x, y, epochs=10).history_.history["loss"][-1] < first
    assert estimator.model_ is model
    with pytest.raises(ValueError, match="classes of the fit before"):
        estimator.fit(*iris(two=True))
    cold = SKLearnClassifier(dense).fit(x, y)
    assert cold.fit(x, y).model_ is not cold.fit(x, y).model_


def test_arguments_of_fit_come_before_those_of_the_constructor() -> None:
    x, y = iris()
    given = {"epochs": 3}
    estimator = SKLearnClassifier(dense, fit_kwargs=given).fit(x, y, epochs=2)
    assert estimator.epoch_ == 2
    assert given == {"epochs": 3}
    weights = (y == "setosa").astype(float)
    assert (estimator.fit(x, y, sample_weight=weights, epochs=30).predict(x) == "setosa").all()


def test_weights_go_through_scikit_learns_routing() -> None:
    x, y = iris()
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = SKLearnClassifier(dense, fit_kwargs={"epochs": 30}).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(MinMaxScaler(), estimator)
        weights = (y == "setosa").astype(float)
        assert (pipeline.fit(x, y, sample_weight=weights).predict(x) == "setosa").all()


def test_a_seed_decides_alone() -> None:
    x, y = iris()

    def noisy(X: Any, y: Any) -> corten.Model:
        model = corten.Sequential([Dense(8, "relu"), Dropout(0.3), Dense(3, "softmax")])
        model.compile("adam", "categorical_crossentropy")
        return model

    def fitted(seed: int | None) -> Any:
        return SKLearnClassifier(noisy, random_state=seed).fit(x, y).predict_proba(x)

    corten.utils.set_random_seed(0)
    before = corten.random.get_state()
    first = fitted(1)
    assert corten.random.get_state() == before
    free = fitted(None)
    assert np.array_equal(first, fitted(1))
    assert not np.array_equal(first, fitted(2))
    assert not np.array_equal(free, fitted(None))
    corten.utils.set_random_seed(0)
    assert np.array_equal(free, fitted(None))


def test_rows_may_be_images_and_words() -> None:
    images = np.random.default_rng(0).random((60, 6, 6, 1)).astype(np.float32)
    images[:30, :3] += 1
    y = np.arange(60) < 30

    def convolution(X: Any, y: Any) -> corten.Model:
        model = corten.Sequential([Input(X.shape[1:]), Conv2D(4, 3), Flatten(), Dense(2, "softmax")])
        model.compile(optimizers.Adam(0.02), "categorical_crossentropy")
        return model

    assert (
        SKLearnClassifier(convolution, fit_kwargs={"epochs": 20}, random_state=0).fit(images, y).score(images, y) > 0.9
    )

    words = np.random.default_rng(0).integers(0, 5, (80, 7))

    def embedding(X: Any, y: Any) -> corten.Model:
        layers = [Input((7,), dtype="int32"), corten.layers.Embedding(5, 3), Flatten(), Dense(1)]
        model = corten.Sequential(layers)
        model.compile(optimizers.Adam(0.05), "mse")
        return model

    totals = words.sum(axis=1) / 7
    assert SKLearnRegressor(embedding, fit_kwargs={"epochs": 60}).fit(words, totals).score(words, totals) > 0.9


def test_regressors_give_what_they_got() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 4))
    one, two = x[:, 0], x[:, :2]
    model = SKLearnRegressor(dense, model_kwargs=NUMBERS, fit_kwargs={"epochs": 40}, random_state=0)
    assert model.fit(x, one).predict(x).shape == (100,)
    assert model.score(x, one) > 0.9
    assert model.fit(x, two).predict(x).shape == (100, 2)
    assert model.predict(x).dtype == np.float64
    assert model.predict(x.astype(np.float32)).dtype == np.float32
    with pytest.raises(NotFittedError):
        SKLearnRegressor(dense).predict(x)


def test_transformers_make_features() -> None:
    x, y = iris()
    autoencoder = corten.Sequential([Input((4,)), Dense(2), Dense(4)])
    autoencoder.compile("adam", "mse")
    transformer = SKLearnTransformer(autoencoder, fit_kwargs={"epochs": 20}, random_state=0)
    assert transformer.fit(x, x).transform(x).shape == (150, 4)
    assert transformer.get_feature_names_out().tolist() == [f"sklearntransformer{i}" for i in range(4)]

    def coder(X: Any, y: Any) -> corten.Model:
        model = corten.models.Autoencoder(corten.Sequential([Dense(2)]), corten.Sequential([Dense(4)]))
        model.compile(optimizers.Adam(0.02), "mse")
        return model

    pipeline = make_pipeline(SKLearnTransformer(coder, fit_kwargs={"epochs": 30}, random_state=0), LogisticRegression())
    assert pipeline.fit(x, y).score(x, y) > 0.7
    assert pipeline[0].transform(x).shape == (150, 2)
    assert len(pipeline[0].get_feature_names_out()) == 2
    with pytest.raises(ValueError, match="expected numbers"):
        SKLearnTransformer(autoencoder).fit(x, y)


def test_searches_and_copies(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    x, y = iris()
    pipeline = make_pipeline(StandardScaler(), SKLearnClassifier(dense, fit_kwargs={"epochs": 15}, random_state=0))
    grid = {"sklearnclassifier__model_kwargs": [{"units": 2}, {"units": 16}]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(x, y)
    assert search.best_score_ > 0.9
    joblib.dump(search.best_estimator_, tmp_path / "model.joblib")
    for other in (
        joblib.load(tmp_path / "model.joblib"),
        copy.deepcopy(search.best_estimator_),
        pickle.loads(pickle.dumps(search.best_estimator_)),
    ):
        assert np.array_equal(other.predict_proba(x), search.predict_proba(x))


@pytest.mark.alone
def test_folds_in_other_processes_are_the_same() -> None:
    joblib = pytest.importorskip("joblib")
    x, y = iris()
    model = corten.Sequential([Input((4,)), Dense(16, "relu"), Dense(3, "softmax")])
    model.compile(optimizers.Adam(0.02), "categorical_crossentropy")
    estimator = SKLearnClassifier(model, fit_kwargs={"epochs": 10}, random_state=0)
    one, two = (cross_val_score(estimator, x, y, cv=4, n_jobs=jobs) for jobs in (1, 2))
    assert np.array_equal(one, two)
    joblib.externals.loky.get_reusable_executor().shutdown(wait=True)
