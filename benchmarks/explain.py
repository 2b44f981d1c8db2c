"""What does it cost to explain a model?

Milliseconds a row, for models of scikit-learn: as runlake's job does it, in batches and checked, without what it takes to start a
process; by the shap library called directly; and by `mlflow.shap.log_explanation` where that is installed, which asks the model about
made-up rows. Then what the sample costs the caller's thread.

    python -m benchmarks.explain
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.report import installed, report

ROWS = 500
PEER_ROWS = 20  # a quarter of a second each
SECONDS = 3.0

MODELS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(max_iter=500),
    "forest of 100, depth 8": lambda: RandomForestClassifier(100, max_depth=8, random_state=0),
    "forest of 100": lambda: RandomForestClassifier(100, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(random_state=0),
}


def by_runlake(model: Any, rows: np.ndarray) -> tuple[float, int]:
    """Milliseconds a row, and how many were explained in the time that there is."""
    from runlake.analysis.additivity import not_additive
    from runlake.analysis.explanation import in_time
    from runlake.analysis.linear import of_sums
    from runlake.instrument.explained import Linear
    from runlake.instrument.plugins import ask_plugins, load, plugin_named

    load(plugin_named("sklearn"))
    began = time.perf_counter()
    found = ask_plugins("explainer", model, model=model, rows=rows, is_full=False)
    explainer = of_sums(found, rows) if isinstance(found, Linear) else found
    done = in_time(explainer, rows, SECONDS)
    assert not not_additive(done.values, done.base, explainer.raw(rows[done.places])).any()
    return (time.perf_counter() - began) * 1000 / len(done.places), len(done.places)


def by_shap(model: Any, rows: np.ndarray) -> float:
    """Milliseconds a row."""
    import shap

    began = time.perf_counter()
    if hasattr(model, "coef_"):
        shap.LinearExplainer(model, rows).shap_values(rows)
    else:
        shap.TreeExplainer(model).shap_values(rows, check_additivity=False)
    return (time.perf_counter() - began) * 1000 / len(rows)


def by_mlflow(model: Any, rows: np.ndarray) -> float:
    """Milliseconds a row."""
    import mlflow

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        os.chdir(folder)
        with mlflow.start_run():
            began = time.perf_counter()
            mlflow.shap.log_explanation(model.predict_proba, rows)
            return (time.perf_counter() - began) * 1000 / len(rows)


def main() -> None:
    """Measure every model each way."""
    from runlake.analysis.sample import sample_bytes

    inputs, targets = make_classification(10_000, 20, n_informative=10, random_state=0)
    rows = inputs[:ROWS]
    table = []
    for name, make in MODELS.items():
        model = make().fit(inputs, targets)
        by_runlake(model, rows[:2])  # what is imported once
        ours, n = by_runlake(model, rows)
        theirs = by_shap(model, rows[:n])
        mlflow = by_mlflow(model, rows[:PEER_ROWS]) if installed("mlflow") else float("nan")
        table.append([name, n, ours, theirs, ours / theirs, mlflow])
    took = []
    for _ in range(20):
        began = time.perf_counter()
        sample_bytes(inputs, targets)
        took.append((time.perf_counter() - began) * 1000)
    table.append(["the sample, on the caller's thread, ms in all", ROWS, median(took), float("nan"), float("nan"), float("nan")])
    columns = ["model", "rows", "runlake, ms a row", "shap, ms a row", "times shap", "mlflow, ms a row"]
    report("What does it cost to explain a model?", columns, table, packages=["runlake", "scikit-learn", "shap", "mlflow"])


if __name__ == "__main__":
    main()
