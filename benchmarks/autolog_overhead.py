"""What does autologging add to scikit-learn's trainings?

Five trainings, each bare, recorded by runlake, recorded by it without models and explanations, and recorded by MLflow on SQLite, with its
defaults and without models, where it is installed; every one in a process of its own. Told are milliseconds of the caller's thread's CPU
for the first training of the process and the median of the next ones, which is what a program waits for at least; the CPU of children,
who do the rest; and the seconds of the whole script. `added` is what a training takes longer than bare.

    python -m benchmarks.autolog_overhead [case ...]
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.report import installed, report, run_alone

WAYS = ("bare", "runlake", "runlake, no models", "mlflow", "mlflow, no models")
REPEATS = {
    "logistic regression, iris": 30,
    "forest of 100, 10k x 20": 3,
    "scaler and boosting": 8,
    "grid search 3x3, cv 3": 6,
    "50 small fits": 2,
}
PEER_REPEATS = 2  # seconds each


def cases() -> dict[str, Callable[[], Any]]:
    """What is trained."""
    from sklearn.datasets import load_iris, make_classification
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    iris = load_iris(return_X_y=True)
    large = make_classification(10_000, 20, n_informative=10, random_state=0)
    middle = make_classification(2_000, 20, random_state=0)

    def small() -> LogisticRegression:
        return LogisticRegression(max_iter=500)

    def fifty() -> None:
        for _ in range(50):
            small().fit(*iris)

    return {
        "logistic regression, iris": lambda: small().fit(*iris),
        "forest of 100, 10k x 20": lambda: RandomForestClassifier(100, random_state=0).fit(*large),
        "scaler and boosting": lambda: make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=50)).fit(*middle),
        "grid search 3x3, cv 3": lambda: GridSearchCV(small(), {"C": [0.1, 1, 10], "tol": [1e-4, 1e-3, 1e-2]}, cv=3).fit(*iris),
        "50 small fits": fifty,
    }


def enable(way: str, folder: str) -> None:
    """Have the trainings of this process recorded, or not."""
    os.environ |= {"RUNLAKE_STORE": f"{folder}/lake", "RUNLAKE_SILENT": "1"}
    name, _, without = way.partition(",")
    if name == "runlake":
        import runlake

        runlake.autolog(log_models=not without, log_explanations=not without)
    elif name == "mlflow":
        import mlflow

        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.autolog(log_models=not without, silent=True)


def measure(case: str, way: str) -> list[float]:
    """Milliseconds of the first training, of the others, and of children; seconds by the clock."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        train = cases()[case]
        if way == "bare":
            train()  # what the library does once for a process
        enable(way, folder)
        took = []
        repeats = min(REPEATS[case], PEER_REPEATS) if way.startswith("mlflow") else REPEATS[case]
        began = time.perf_counter()
        for _ in range(repeats + 1):
            start = time.thread_time()
            train()
            took.append((time.thread_time() - start) * 1000)
        if way.startswith("runlake"):
            import runlake

            runlake.flush()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return [took[0], median(took[1:]), (children.ru_utime + children.ru_stime) * 1000, time.perf_counter() - began]


def main() -> None:
    """Measure every case, or those that are named, each way."""
    match sys.argv[1:]:
        case ["one", case, way]:
            print(json.dumps(measure(case, way)))
        case named:
            rows = []
            for case in named or REPEATS:
                ways = [way for way in WAYS if installed(way.partition(",")[0]) or way == "bare"]
                found = {way: run_alone("benchmarks.autolog_overhead", "one", case, way) for way in ways}
                bare = found["bare"][1]
                rows += [[case, way, *values, values[1] - bare, values[1] / bare] for way, values in found.items()]
            columns = ["training", "way", "first, ms", "next, ms", "children, ms", "all, s", "added, ms", "times bare"]
            report("What does autologging add?", columns, rows, packages=["runlake", "scikit-learn", "mlflow"])


if __name__ == "__main__":
    main()
