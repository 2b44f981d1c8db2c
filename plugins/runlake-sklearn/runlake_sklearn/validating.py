"""A cross-validation: one run with the scores of every fold."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any

from runlake import Call
from runlake_sklearn.judging import remember_prediction
from runlake_sklearn.params import settings_of, tags_of

__all__ = ["capture_validation"]

_CURVES = {"learning_curve": "train_sizes", "validation_curve": "param_range"}


def capture_validation(call: Call) -> Generator[None, Any, None]:
    """What was validated, and how well it did in each fold."""
    function = call.target.rpartition(":")[2]
    arguments = call.arguments
    estimator = arguments["estimator"]
    call.name = f"{type(estimator).__name__} {function}"
    call.run.set_tags({**tags_of(estimator), "validation": function})
    call.run.log_params(settings_of(estimator))
    call.given(estimator, arguments.get("X"), arguments.get("y"))
    began = time.perf_counter()
    outcome = yield
    call.run.log_metric("fit_seconds", time.perf_counter() - began)
    if function == "cross_val_predict":
        remember_prediction(call, outcome)
    elif isinstance(outcome, Mapping):
        for key, values in outcome.items():
            if key.startswith(("test_", "train_", "fit_time", "score_time")):
                _log_folds(call, key, values)
    elif function in _CURVES:
        _log_curve(call, _CURVES[function], outcome, arguments)


def _log_folds(call: Call, key: str, values: Any) -> None:
    call.run.log_batch(key, values, list(range(len(values))))
    call.run.log_metrics({f"mean_{key}": float(values.mean()), f"std_{key}": float(values.std())})


def _log_curve(call: Call, along: str, outcome: Any, arguments: Mapping[str, Any]) -> None:
    """The mean of the folds at each size or setting, and every fold as a table."""
    sizes = outcome[0] if along == "train_sizes" else arguments["param_range"]
    scores = dict(zip(("train_score", "test_score"), outcome[-2:] if along == "param_range" else outcome[1:3], strict=True))
    columns: dict[str, list[Any]] = {along: [size if isinstance(size, (int, float)) else str(size) for size in sizes]}
    for key, values in scores.items():
        steps = [int(size) for size in sizes] if along == "train_sizes" else list(range(len(sizes)))
        call.run.log_batch(f"mean_{key}", values.mean(axis=1), steps)
        columns |= {f"{key}_{fold}": [float(value) for value in values[:, fold]] for fold in range(values.shape[1])}
    call.run.log_columns(columns, f"{call.target.rpartition(':')[2]}.parquet")
