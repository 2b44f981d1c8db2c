"""The `fit` of XGBoost's classes in scikit-learn's manner."""

from __future__ import annotations

import inspect
import time
from collections.abc import Generator, Mapping
from typing import Any

from xgboost import XGBModel

from runlake import Call
from runlake_xgboost.rounds import is_first, is_in_search
from runlake_xgboost.settings import path_of, plain_ones, settings_of
from runlake_xgboost.training import IN_ESTIMATOR, note_what_is_continued

__all__ = ["capture_fit", "log_rounds_of_best"]


def capture_fit(call: Call) -> Generator[None, Any, None]:
    """Of one that is fitted by itself everything; inside another estimator the rounds are all that is added."""
    estimator = call.instance
    if any(base.__module__.startswith("xgboost.dask") for base in type(estimator).__mro__):
        call.skip("its workers train it")
        return
    if not is_first(call, IN_ESTIMATOR) or is_in_search(call):
        return
    arguments = _arguments_of(call)
    note_what_is_continued(call, arguments.get("xgb_model"))
    if call.owner is not None:
        return
    call.run.set_tags(_tags_of(estimator))
    call.run.log_params(plain_ones(settings_of(estimator)))
    inputs, targets, weights = arguments.get("X"), arguments.get("y"), arguments.get("sample_weight")
    held_out = {f"validation_{place}": (pair[0], pair[1]) for place, pair in enumerate(arguments.get("eval_set") or ())}
    call.given(estimator, inputs, targets, weights, held_out)
    began = time.perf_counter()
    yield
    call.run.log_metric("fit_seconds", time.perf_counter() - began)
    call.fitted(estimator, inputs, targets, weights)


def log_rounds_of_best(fitted: Any) -> None:
    """What was evaluated as a search fitted the best estimator anew: while it searches, nothing is listened to."""
    best = fitted.model.best_estimator_
    best = best.steps[-1][1] if getattr(best, "steps", None) else best
    if isinstance(best, XGBModel) and hasattr(best, "evals_result_"):
        for data, metrics in best.evals_result().items():
            for metric, values in metrics.items():
                fitted.run.log_batch(f"{data}-{metric}", values, list(range(len(values))))


def _arguments_of(call: Call) -> Mapping[str, Any]:
    """By their names; XGBoost still takes by place what is to be named, and warns."""
    names = [name for name in inspect.signature(type(call.instance).fit).parameters if name != "self"]
    return {**dict(zip(names, call.args, strict=False)), **call.kwargs}


def _tags_of(estimator: Any) -> dict[str, str]:
    kind = estimator.__sklearn_tags__().estimator_type
    tags = {"estimator_name": type(estimator).__name__, "estimator_class": path_of(type(estimator))}
    return tags if kind is None else {**tags, "estimator_type": kind}
