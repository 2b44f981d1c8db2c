"""What does autologging add to scikit-learn's trainings?

Five trainings, recorded by runlake, recorded by it without models and explanations, and recorded by MLflow on SQLite, with its defaults
and without models, where it is installed; every way in a process of its own, in which bare and recorded trainings take turns, as the speed
of a machine changes from minute to minute. Told are milliseconds of the caller's thread's CPU, which is what a program waits for at least:
of the first recorded training of the process, and the medians of the next ones, bare and recorded; `added` is the median of what a recorded
training takes longer than the bare one before it. Then, for each training, what others do after it: runlake's jobs by the clock, once
their process has its libraries, or the CPU of MLflow's children.

    python -m benchmarks.autolog_overhead [case ...]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.report import installed, report, run_alone

WAYS = ("runlake", "runlake, no models", "mlflow", "mlflow, no models")
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


def enable(way: str, *, disable: bool) -> None:
    """Have the trainings of this process recorded from now on, or not."""
    name, _, without = way.partition(",")
    if name == "runlake":
        import runlake

        runlake.autolog(log_models=not without, log_explanations=not without, disable=disable)
    else:
        import mlflow

        mlflow.autolog(log_models=not without, silent=True, disable=disable)


def measure(case: str, way: str) -> list[float]:
    """Milliseconds of the first recorded training, of the bare and of the recorded ones, of what is added, and of what is done apart."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        os.environ |= {"RUNLAKE_STORE": f"{folder}/lake", "RUNLAKE_SILENT": "1", "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        train = cases()[case]

        def milliseconds(*, disable: bool) -> float:
            enable(way, disable=disable)
            start = time.thread_time()
            train()
            return (time.thread_time() - start) * 1000

        milliseconds(disable=True)  # what the library does once for a process
        first = milliseconds(disable=False)
        repeats = min(REPEATS[case], PEER_REPEATS) if way.startswith("mlflow") else REPEATS[case]
        pairs = [(milliseconds(disable=True), milliseconds(disable=False)) for _ in range(repeats)]
        bare, recorded = ([pair[place] for pair in pairs] for place in (0, 1))
        added = median(after - before for before, after in pairs)
        apart = cost_of_jobs() if way.startswith("runlake") else cpu_of_children()
        return [first - median(bare), median(bare), median(recorded), added, apart / (repeats + 1)]


def cost_of_jobs() -> float:
    """Milliseconds that the jobs of all runs took, done now where they were not."""
    import runlake

    runlake.flush()
    subprocess.run([sys.executable, "-m", "runlake", "finish"], check=True, capture_output=True)
    jobs = runlake.read.open_store().jobs()
    return float(sum(job.cost_ms or 0 for of_run in jobs.values() for job in of_run.values()))


def cpu_of_children() -> float:
    """Milliseconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (children.ru_utime + children.ru_stime) * 1000


def main() -> None:
    """Measure every case, or those that are named, each way."""
    match sys.argv[1:]:
        case ["one", case, way]:
            print(json.dumps(measure(case, way)))
        case named:
            rows = []
            for case in named or REPEATS:
                for way in (way for way in WAYS if installed(way.partition(",")[0])):
                    *values, apart = run_alone("benchmarks.autolog_overhead", "one", case, way)
                    rows.append([case, way, *values, values[2] / values[1], apart])
            columns = ["training", "way", "first: added, ms", "bare, ms", "recorded, ms", "added, ms", "times bare", "apart, ms"]
            report("What does autologging add?", columns, rows, packages=["runlake", "scikit-learn", "mlflow"])


if __name__ == "__main__":
    main()
