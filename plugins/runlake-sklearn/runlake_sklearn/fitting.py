"""One `fit`: what was set, how long it took, how the loss fell, and what a search tried."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from runlake import Call
from runlake_sklearn.judging import remember_labels
from runlake_sklearn.params import innermost, is_kind_of, settings_of, tags_of
from runlake_sklearn.searching import is_search, record_search
from runlake_sklearn.steps import expect_steps, seconds_of_steps

__all__ = ["capture_fit"]

SEARCH = "sklearn.model_selection._search.BaseSearchCV"

_CURVES = ("loss_curve_", "validation_scores_", "train_score_", "validation_score_", "oob_scores_", "oob_improvement_", "scores_")


def capture_fit(call: Call) -> Generator[None, Any, None]:
    """Look at the data before the estimator may change it, and at the estimator afterwards."""
    estimator = call.instance
    if only_transforms(estimator):
        call.skip("it only transforms")
        return
    call.run.set_tags(tags_of(estimator))
    call.run.log_params(settings_of(estimator))
    arguments = call.arguments
    inputs, targets, weights = arguments.get("X"), arguments.get("y", arguments.get("Y")), arguments.get("sample_weight")
    held_out = {"validation": (arguments["X_val"], arguments.get("y_val"))} if arguments.get("X_val") is not None else {}
    call.given(estimator, inputs, targets, weights, held_out)
    expect_steps(call.noted, estimator)
    began_ns, began = time.time_ns(), time.perf_counter()
    outcome = yield
    call.run.log_metrics({"fit_seconds": time.perf_counter() - began, **seconds_of_steps(call.noted)})
    if is_search(estimator):
        record_search(call, estimator, began_ns)
    _log_curves(call, innermost(estimator))
    call.fitted(estimator, inputs, targets, weights)
    remember_labels(call, estimator, outcome)


def only_transforms(estimator: Any) -> bool:
    """Whether it prepares data for others: it is of no kind that predicts, and has something to transform with."""
    # A stack has no `predict` before it is fitted, but says what it is.
    predicts = get_tags(estimator).estimator_type is not None or hasattr(estimator, "predict") or hasattr(estimator, "fit_predict")
    transforms = hasattr(estimator, "transform") or hasattr(estimator, "fit_transform")
    return transforms and not predicts and not is_kind_of(estimator, SEARCH)


def _log_curves(call: Call, estimator: Any) -> None:
    """A point for each iteration, of every curve that the estimator keeps."""
    known = vars(estimator)
    for name in _CURVES:
        values = known.get(name)
        is_curve = isinstance(values, (list, np.ndarray)) and getattr(values, "ndim", 1) == 1 and len(values) > 0
        if is_curve and isinstance(values[0], (int, float)):
            call.run.log_batch(name.rstrip("_"), values, list(range(len(values))))
    iterations = known.get("n_iter_")
    if isinstance(iterations, int):
        call.run.log_metric("n_iter", iterations)
