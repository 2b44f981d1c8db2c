"""What each feature of a row did to what a tree model of scikit-learn says of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import ensemble
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from runlake import Explainer, Unexplained
from runlake_shap.families import CLASSES_OF_TREES, HISTOGRAMS, is_of_trees
from runlake_shap.limits import CannotExplain, tell_what_cannot_be
from runlake_shap.quiet import nothing_left_behind

__all__ = ["explainer_of"]

Rows = NDArray[Any]
Numbers = NDArray[np.float64]


def explainer_of(model: Any) -> Explainer | Unexplained | None:
    """How this model is explained, or why a tree model is not; `None` for what is no tree model of scikit-learn."""
    if not is_of_trees(model):
        return None
    try:
        check_is_fitted(model)
    except NotFittedError:
        return Unexplained(f"{type(model).__name__} is not fitted, so there is nothing to explain. Fit it first.")
    try:
        tell_what_cannot_be(model)
        space, outputs, said = _what_it_says(model)
        return Explainer("shap.TreeExplainer", space, outputs, _values_by_shap(model, len(outputs)), _said_by_the_model(model, said))
    except CannotExplain as error:
        return Unexplained(str(error))


def _what_it_says(model: Any) -> tuple[str, tuple[str, ...], Callable[[Any, Rows], Rows]]:
    """The space, the names of the outputs, and how the model is asked."""
    if isinstance(model, ensemble.IsolationForest):
        return "path length", ("",), _path_length
    if isinstance(model, CLASSES_OF_TREES):
        return "probability", _of_classes(model), lambda asked, rows: asked.predict_proba(rows)
    if hasattr(model, "classes_"):
        return "log-odds" if len(model.classes_) == 2 else "decision", _of_classes(model), lambda asked, rows: asked.decision_function(rows)
    if isinstance(model, HISTOGRAMS) and model.loss in ("poisson", "gamma"):
        return "log of the prediction", ("",), lambda asked, rows: np.log(asked.predict(rows))
    targets = getattr(model, "n_outputs_", 1)
    names = ("",) if targets == 1 else tuple(f"target {place}" for place in range(targets))
    return "prediction", names, lambda asked, rows: asked.predict(rows)


def _of_classes(model: Any) -> tuple[str, ...]:
    """Of two classes the second says all: the other's values are the same with the sign changed."""
    names = tuple(str(name) for name in model.classes_)
    return names[1:] if len(names) == 2 else names


def _path_length(asked: Any, rows: Rows) -> Rows:
    """The mean over the trees. A score is 2 to the minus (length / usual length among so many rows), as the method's paper has it."""
    size = int(asked.max_samples_)
    usual = 1.0 if size == 2 else 2 * (np.log(size - 1) + np.euler_gamma) - 2 * (size - 1) / size
    lengths: Rows = -np.log2(-asked.score_samples(rows)) * usual
    return lengths


def _said_by_the_model(model: Any, said: Callable[[Any, Rows], Rows]) -> Callable[[Rows], Numbers]:
    # A copy of the outermost object alone, with the same trees: a forest that was told to be verbose prints, one with workers starts them.
    asked = copy.copy(model)
    for setting, calm in (("verbose", 0), ("n_jobs", 1)):
        if hasattr(asked, setting):
            setattr(asked, setting, calm)

    def raw(rows: Rows) -> Numbers:
        with nothing_left_behind():
            found = np.asarray(said(asked, rows), dtype=np.float64).reshape(len(rows), -1)
        return found[:, 1:] if found.shape[1] == 2 and len(getattr(model, "classes_", ())) == 2 else found

    return raw


def _values_by_shap(model: Any, outputs: int) -> Callable[[Rows], tuple[Numbers, Numbers]]:
    with nothing_left_behind():
        import shap

        by_trees = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    if not by_trees.model.fully_defined_weighting:
        raise CannotExplain(
            f"{type(model).__name__} has leaves whose rows weigh nothing or less, so there is no mean over rows to count from. "
            "With weights above zero it is explained."
        )
    base = np.asarray(by_trees.expected_value, dtype=np.float64).reshape(-1)[-outputs:]
    # Trees compare in single precision, and shap forgets that for an IsolationForest: a row beside a threshold would go the other way.
    precision = np.float64 if isinstance(model, HISTOGRAMS) else np.float32

    def values(rows: Rows) -> tuple[Numbers, Numbers]:
        if rows.ndim != 2 or rows.shape[1] != model.n_features_in_:
            # Its extension, in C, would read beyond the row.
            raise ValueError(f"{type(model).__name__} was fitted on {model.n_features_in_} features, and the rows are {rows.shape}.")
        with nothing_left_behind():
            found = np.asarray(by_trees.shap_values(rows.astype(precision), check_additivity=False), dtype=np.float64)
        return (found if found.ndim == 3 else found[:, :, np.newaxis])[:, :, -outputs:], base

    return values
