"""What an estimator learned: the part of it that did, how much it says that each feature matters, and the terms of a linear one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, SGDClassifier, SGDOneClassSVM, TweedieRegressor
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from runlake import Learner, Linear, Unexplained
from runlake_sklearn.quiet import nothing_left_behind

__all__ = ["importance_of", "learner_of", "linear_terms"]

MOST_VALUES = 10_000_000  # of sparse rows made dense

# What they say of a row of zeros is not in `intercept_`: of decompositions that is of the mean row.
_SHIFTED = (PLSRegression, PLSCanonical, CCA, SGDOneClassSVM)


def learner_of(model: Any, rows: Any) -> Learner | Unexplained:
    """Of a search the best estimator, of a pipeline the last step, with the rows as they come to it."""
    names = _names_of(rows)
    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif isinstance(model, Pipeline) and len(model.steps) > 1:
            before = model[:-1]
            with nothing_left_behind(model):
                rows = before.transform(rows)
            names = _names_after(before, names, rows)
            model = model.steps[-1][1]
        elif isinstance(model, Pipeline) and model.steps:
            model = model.steps[0][1]
        else:
            return _as_matrix(model, rows, names)


def _names_of(rows: Any) -> list[str] | None:
    return [str(name) for name in rows.columns] if hasattr(rows, "columns") else None


def _names_after(before: Pipeline, names: Sequence[str] | None, rows: Any) -> list[str] | None:
    """What the steps call the columns that they make, where all of them do."""
    try:
        return [str(name) for name in before.get_feature_names_out(names)]
    except (AttributeError, ValueError):
        return _names_of(rows)


def _as_matrix(model: Any, rows: Any, names: Sequence[str] | None) -> Learner | Unexplained:
    if hasattr(rows, "tocsr"):
        if rows.shape[0] * rows.shape[1] > MOST_VALUES:
            return Unexplained(f"its rows have {rows.shape[1]:,} columns, too many to look at one by one")
        rows = rows.toarray()
    try:
        matrix = np.asarray(rows)
        matrix = matrix if matrix.dtype.kind in "biuf" else matrix.astype(np.float64)
    except (TypeError, ValueError):
        return Unexplained(f"{type(model).__name__} takes columns that are no numbers; of a pipeline that encodes them it is explained")
    if matrix.ndim != 2:
        return Unexplained(f"{type(model).__name__} takes rows that are no columns of numbers")
    return Learner(model, matrix, list(names) if names and len(names) == matrix.shape[1] else [f"x{n}" for n in range(matrix.shape[1])])


def importance_of(model: Any) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """By how much splits on a feature made leaves purer, or the coefficients of each output."""
    if hasattr(model, "feature_importances_"):
        return {"impurity": {"": model.feature_importances_}}
    coefficients = _coefficients(model)
    if coefficients is None:
        return None
    outputs = _outputs(model, len(coefficients))
    return None if outputs is None else {"coefficient": dict(zip(outputs, coefficients, strict=True))}


def linear_terms(model: Any) -> Linear | Unexplained | None:
    """How a linear model's outputs are summed up; None for what is not linear."""
    if isinstance(model, TransformedTargetRegressor):
        return Unexplained("TransformedTargetRegressor predicts in another space than its regressor learned in")
    if _is_of_pairs(model):
        return Unexplained(f"{type(model).__name__} tells {len(model.classes_)} classes apart by pairs, and what it says of one is no sum")
    coefficients = _coefficients(model)
    outputs = None if coefficients is None else _outputs(model, len(coefficients))
    is_shifted = isinstance(model, _SHIFTED)
    if coefficients is None or outputs is None or not (is_shifted or hasattr(model, "intercept_")):
        return None
    space, said = _what_it_says(model)

    def raw(rows: np.ndarray) -> np.ndarray:
        with nothing_left_behind(model):  # it may warn that columns had names
            return np.asarray(said(rows))

    intercepts = raw(np.zeros((1, coefficients.shape[1]))) if is_shifted else model.intercept_
    return Linear(coefficients, np.broadcast_to(np.ravel(intercepts), len(outputs)), space, outputs, raw)


def _coefficients(model: Any) -> np.ndarray | None:
    """Outputs x features."""
    found = getattr(model, "coef_", None)
    if found is None:
        return None
    dense = np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float64)
    return dense.reshape(1, -1) if dense.ndim == 1 else dense if dense.ndim == 2 else None


def _outputs(model: Any, n: int) -> list[str] | None:
    """Their names; None where the coefficients are of something else, of pairs of classes say."""
    if _is_of_pairs(model):
        return None
    classes = getattr(model, "classes_", None)
    is_of_labels = getattr(getattr(model, "_label_binarizer", None), "y_type_", "").startswith("multilabel")
    if classes is None or is_of_labels:
        return [""] if n == 1 else [f"target {place}" for place in range(n)]
    names = [str(name) for name in classes]
    if len(names) == 2 and n == 1:
        return names[1:]
    return names if len(names) == n else None


def _is_of_pairs(model: Any) -> bool:
    """Of three classes there are three pairs, so the numbers of them tell nothing."""
    return isinstance(model, (SVC, NuSVC)) and len(model.classes_) > 2 and model.kernel == "linear"


def _what_it_says(model: Any) -> tuple[str, Callable[[np.ndarray], np.ndarray]]:
    """What the terms add up to, by the model's own methods."""
    if hasattr(model, "decision_function"):
        return "log-odds" if _is_of_log_odds(model) else "decision", model.decision_function
    if _is_of_logarithms(model):
        return "log of the prediction", lambda rows: np.log(model.predict(rows))
    return "prediction", model.predict


def _is_of_log_odds(model: Any) -> bool:
    """Whether its probability of the second class is the logistic function of what it sums up: of an SVC, say, it is not."""
    is_logistic = isinstance(model, (LogisticRegression, LinearDiscriminantAnalysis)) or (
        isinstance(model, SGDClassifier) and model.loss == "log_loss"
    )
    return is_logistic and len(model.classes_) == 2


def _is_of_logarithms(model: Any) -> bool:
    if isinstance(model, TweedieRegressor):
        return bool(model.link == "log" or (model.link == "auto" and model.power > 0))
    return isinstance(model, (PoissonRegressor, GammaRegressor))
