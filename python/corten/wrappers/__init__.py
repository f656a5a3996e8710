"""Any Corten model as a scikit-learn estimator, by Keras's names.

>>> import corten
>>> from sklearn.datasets import load_iris
>>> from sklearn.model_selection import cross_val_score
>>> from corten.layers import Dense, Input
>>> from corten.wrappers import SKLearnClassifier
>>> def build(X, y):
...     model = corten.Sequential([Input(X.shape[1:]), Dense(16, "relu"), Dense(y.shape[1], "softmax")])
...     model.compile(corten.optimizers.Adam(0.05), "categorical_crossentropy")
...     return model
>>> estimator = SKLearnClassifier(build, fit_kwargs={"epochs": 20}, random_state=0)
>>> bool(cross_val_score(estimator, *load_iris(return_X_y=True), cv=3).min() > 0.9)
True

scikit-learn is imported when one of the names is first asked for (``pip install corten[sklearn]``).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.wrappers.classifier import SKLearnClassifier as SKLearnClassifier
    from corten.wrappers.regressor import SKLearnRegressor as SKLearnRegressor
    from corten.wrappers.transformer import SKLearnTransformer as SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import sklearn.base  # noqa: F401 - for a message that says what to do
    except ImportError as error:
        raise ImportError(f"{__name__}.{name} needs the package scikit-learn: pip install corten[sklearn]") from error
    from corten.wrappers import classifier, regressor, transformer

    modules = {
        "SKLearnClassifier": classifier,
        "SKLearnRegressor": regressor,
        "SKLearnTransformer": transformer,
    }
    return getattr(modules[name], name)
