"""scikit-learn's own checks of estimators; none is expected to fail."""

from __future__ import annotations

from typing import Any

import pytest

sklearn = pytest.importorskip("sklearn")
checks = pytest.importorskip("sklearn.utils.estimator_checks")

from corten.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@checks.parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_the_estimator_passes(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.thorough
@checks.parametrize_with_checks(
    [
        # So large an alpha that no probability becomes 1, which one check does not allow.
        MLPClassifier(solver="lbfgs", alpha=0.1),
        MLPRegressor(solver="lbfgs"),
        MLPClassifier(solver="nadam", learning_rate_init=0.01, activation="tanh"),
    ]
)
def test_with_other_parameters_it_passes(estimator: Any, check: Any) -> None:
    check(estimator)
