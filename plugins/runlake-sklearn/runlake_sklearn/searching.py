"""A search for settings: a run inside the search's own for every candidate, the best one's settings, and every fold as a table."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runlake import Call, Child
from runlake_sklearn.params import readable

__all__ = ["is_search", "record_search"]

_PER_CANDIDATE = re.compile(r"(mean|std|rank)_(test|train)_.+|mean_(fit|score)_time|split\d+_(test|train)_.+")


def is_search(estimator: Any) -> bool:
    """Whether it searches, whoever wrote it."""
    return isinstance(getattr(estimator, "cv_results_", None), Mapping) and "params" in estimator.cv_results_


def record_search(call: Call, search: Any, began_ns: int) -> None:
    """What was found, and all that was tried."""
    results = search.cv_results_
    candidates: Sequence[Mapping[str, Any]] = results["params"]
    numbers = {key: values for key, values in results.items() if _PER_CANDIDATE.fullmatch(key) and len(values) == len(candidates)}
    call.run.log_params({f"best_{key}": readable(value) for key, value in (getattr(search, "best_params_", None) or {}).items()})
    if isinstance(getattr(search, "best_score_", None), float):
        call.run.log_metric("best_cv_score", search.best_score_)
    call.run.log_columns(_table(candidates, numbers), "cv_results.parquet")
    ended_ns = time.time_ns()
    kind = type(search.estimator).__name__
    for place in _shown(numbers, len(candidates), call.options["max_tuning_runs"]):
        metrics = {key: float(values[place]) for key, values in numbers.items() if not key.startswith("split")}
        failed = all(math.isnan(value) for key, value in metrics.items() if key.startswith("mean_test_"))
        child = Child(
            params={key: readable(value) for key, value in candidates[place].items()},
            metrics=metrics,
            tags={"estimator_name": kind, "mlflow.autologging": call.plugin},
            status="FAILED" if failed else "FINISHED",
            start_ns=began_ns,
            end_ns=ended_ns,
        )
        call.run.add_child(f"{kind} {place + 1}", child)


def _shown(numbers: Mapping[str, Sequence[float]], n: int, most: int | None) -> list[int]:
    """The candidates that get a run: all, or the best."""
    if most is None or most >= n:
        return list(range(n))
    ranks = next((values for key, values in numbers.items() if key.startswith("rank_test_")), range(n))
    return sorted(sorted(range(n), key=lambda place: ranks[place])[:most])


def _table(candidates: Sequence[Mapping[str, Any]], numbers: Mapping[str, Sequence[float]]) -> dict[str, list[Any]]:
    """A row for each candidate."""
    keys = list(dict.fromkeys(key for candidate in candidates for key in candidate))
    columns: dict[str, list[Any]] = {f"param_{key}": [_plain(candidate.get(key)) for candidate in candidates] for key in keys}
    return columns | {key: [float(value) for value in values] for key, values in numbers.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, str)) else str(readable(value))
