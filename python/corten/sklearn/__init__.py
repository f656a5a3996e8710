"""Multi-layer perceptrons with scikit-learn's names, parameters and attributes, trained by Corten.

>>> from sklearn.datasets import load_iris
>>> from corten.sklearn import MLPClassifier
>>> x, y = load_iris(return_X_y=True)
>>> MLPClassifier((16,), learning_rate_init=0.05, max_iter=50, tol=0.01, random_state=0).fit(x, y).score(x, y) > 0.9
True

scikit-learn is imported when one of the names is first asked for (``pip install corten[sklearn]``).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.sklearn.classifier import MLPClassifier as MLPClassifier
    from corten.sklearn.regressor import MLPRegressor as MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import sklearn.base  # noqa: F401 - for a message that says what to do
    except ImportError as error:
        raise ImportError(f"{__name__}.{name} needs the package scikit-learn: pip install corten[sklearn]") from error
    from corten.sklearn import classifier, regressor

    return {"MLPClassifier": classifier.MLPClassifier, "MLPRegressor": regressor.MLPRegressor}[name]
