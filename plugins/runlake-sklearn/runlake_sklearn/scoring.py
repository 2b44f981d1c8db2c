"""How well an estimator does on what it was trained on: by scikit-learn's own metrics, under the names that MLflow gives them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import get_tags
from sklearn.utils.multiclass import type_of_target

from runlake_sklearn.classes import judged
from runlake_sklearn.curves import residuals
from runlake_sklearn.params import innermost, path_of
from runlake_sklearn.quiet import nothing_left_behind

__all__ = ["said_of", "training_metrics"]

SILHOUETTE_ROWS = 1000

# By name, as to import them all for this would take longer than a small training. Their `predict` is the most probable class, so a
# second pass would find nothing new; of the latter unless two are as probable.
_MOST_PROBABLE = ("sklearn.ensemble._forest.ForestClassifier.predict", "sklearn.ensemble._bagging.BaggingClassifier.predict")
_MOST_PROBABLE_ALONE = (
    "sklearn.ensemble._gb.GradientBoostingClassifier.predict",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier.predict",
    "sklearn.linear_model._base.LinearClassifierMixin.predict",
    "sklearn.naive_bayes._BaseNB.predict",
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier.predict",
    "sklearn.tree._classes.BaseDecisionTree.predict",
)
_PASS_ON = {"sklearn.pipeline.Pipeline", "sklearn.model_selection._search.BaseSearchCV"}


def said_of(model: Any, rows: Any) -> Any:
    """What it predicts for a few rows, or makes of them."""
    if hasattr(model, "predict") and _has_classes(model) and _predict_of(model) in _MOST_PROBABLE:
        return model.classes_[np.zeros(len(rows) if hasattr(rows, "__len__") else rows.shape[0], int)]  # to ask a forest takes long
    for method in ("predict", "transform"):
        if hasattr(model, method):
            with nothing_left_behind(model):
                return getattr(model, method)(rows)
    return None


def _has_classes(model: Any) -> bool:
    return getattr(getattr(model, "classes_", None), "ndim", 0) == 1


def training_metrics(model: Any, inputs: Any, targets: Any, sample_weight: Any, pos_label: Any) -> Mapping[str, Any] | None:
    """What its kind is judged by; nothing of one that kept no model, or whose rows can be read only once."""
    has_rows = hasattr(inputs, "__len__") or hasattr(inputs, "shape")
    if not hasattr(model, "get_params") or not getattr(model, "refit", True) or not has_rows:
        return None
    kind = get_tags(model).estimator_type
    with nothing_left_behind(model):
        if kind == "clusterer":
            return _of_clusters(model, inputs, targets)
        if targets is None:
            return _own_score(model, inputs, None, None)
        if kind == "classifier" and getattr(targets, "ndim", 1) == 1 and hasattr(model, "predict") and hasattr(model, "classes_"):
            return _of_classes(model, inputs, targets, sample_weight, pos_label)
        if kind == "regressor" and hasattr(model, "predict"):
            return _of_numbers(model, inputs, targets, sample_weight)
        return _own_score(model, inputs, targets, sample_weight) if kind is not None and not _is_several_classes(targets) else None


def _is_several_classes(targets: Any) -> bool:
    """Several targets of several classes each, which no estimator has a score for."""
    return getattr(targets, "ndim", 1) > 1 and str(type_of_target(targets)) == "multiclass-multioutput"


def _of_classes(model: Any, inputs: Any, targets: Any, weights: Any, pos_label: Any) -> dict[str, Any]:
    probable = model.predict_proba(inputs) if hasattr(model, "predict_proba") else None
    predicted = _labels(model, inputs, probable)
    found = judged(targets, predicted, probable, model.classes_, weights, pos_label) or {}
    return _named(_score(model, inputs, targets, weights, ClassifierMixin.score, found.get("accuracy_score")) | found)


def _labels(model: Any, inputs: Any, probable: Any) -> Any:
    if probable is not None and getattr(probable, "ndim", 0) == 2:
        predict = _predict_of(model)
        is_alone = predict in _MOST_PROBABLE_ALONE and ((probable == probable.max(axis=1, keepdims=True)).sum(axis=1) == 1).all()
        if is_alone or predict in _MOST_PROBABLE:
            return model.classes_.take(np.argmax(probable, axis=1), axis=0)
    return model.predict(inputs)


def _predict_of(model: Any) -> str:
    """By its name, the method that says what this model predicts."""
    return path_of(type(innermost(model)).predict) if _only_passes_on(model, "predict") else ""


def _only_passes_on(model: Any, method: str) -> bool:
    """Whether it has the method from the estimator that learned: through pipelines and searches of scikit-learn's own, or by itself."""
    while (inner := innermost(model, once=True)) is not model:
        is_own = path_of(getattr(type(model), method)) in {f"{kind}.{method}" for kind in _PASS_ON}
        if not is_own or getattr(model, "scoring", None) is not None:
            return False
        model = inner
    return True


def _of_numbers(model: Any, inputs: Any, targets: Any, weights: Any) -> dict[str, Any]:
    predicted = model.predict(inputs)
    truth = np.asarray(targets)
    if predicted.shape != truth.shape or truth.ndim > 2 or not len(truth):
        return _own_score(model, inputs, targets, weights) or {}
    errors = truth.astype(np.float64) - predicted
    squared = np.average(errors**2, axis=0, weights=weights)
    from_mean = np.average((truth - np.average(truth, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
    explained = np.where(from_mean > 0, 1 - squared / np.where(from_mean > 0, from_mean, 1), np.where(squared > 0, 0.0, 1.0))
    found = {
        "mean_squared_error": np.mean(squared),
        "root_mean_squared_error": np.mean(np.sqrt(squared)),
        "mean_absolute_error": np.mean(np.average(np.abs(errors), axis=0, weights=weights)),
        "r2_score": np.mean(explained),
    }
    return _named(
        _score(model, inputs, targets, weights, RegressorMixin.score, float(found["r2_score"])) | found | residuals(truth, predicted)
    )


def _of_clusters(model: Any, inputs: Any, targets: Any) -> dict[str, float] | None:
    """How well the clusters are apart, on a sample: the rows of it are compared each with each."""
    labels = getattr(model, "labels_", None)
    if labels is None or not hasattr(inputs, "shape") or len(labels) != inputs.shape[0]:
        return _own_score(model, inputs, targets, None)
    places = np.linspace(0, len(labels) - 1, min(len(labels), SILHOUETTE_ROWS)).astype(int)
    rows = inputs.iloc[places] if hasattr(inputs, "iloc") else inputs[places]
    found = _own_score(model, inputs, targets, None) or {}
    if 1 < len(np.unique(labels[places])) < len(places):
        from sklearn.metrics import silhouette_score  # late: it takes long, and few trainings find clusters

        found["training_silhouette_score"] = float(silhouette_score(rows, labels[places]))
    return found


def _own_score(model: Any, inputs: Any, targets: Any, weights: Any) -> dict[str, float] | None:
    return _named(_score(model, inputs, targets, weights)) if hasattr(model, "score") else None


def _score(model: Any, inputs: Any, targets: Any, weights: Any, usual: Any = None, known: float | None = None) -> dict[str, float]:
    """What the estimator says itself, which for most is what is known already; nothing where it would ask the program's own function."""
    is_passed_on = _only_passes_on(model, "score") if weights is None else model is innermost(model)
    # Not `is`: captured, it is another object at each look.
    if known is not None and is_passed_on and getattr(type(innermost(model)), "score", None) == usual:
        return {"score": known}
    if not isinstance(getattr(model, "scoring", None), str | None):
        return {}
    takes_weights = weights is not None and "sample_weight" in inspect.signature(model.score).parameters
    given = [inputs] if targets is None else [inputs, targets]
    return {"score": float(model.score(*given, **({"sample_weight": weights} if takes_weights else {})))}


def _named(found: Mapping[str, Any]) -> dict[str, Any]:
    return {f"training_{name}": value if isinstance(value, Mapping) else float(value) for name, value in found.items()}
