"""What does a trial cost that is recorded?

Trials of Optuna with two params, with and without ten reports, in memory and in a file of SQLite: bare, recorded by runlake, and by what
users of MLflow write, a run of their own in the objective, nested in that of the study, on SQLite, where that is installed. Each way in a
process of its own; the objective takes no time itself, so that what is told is the study's. Milliseconds for one trial, the median
of five studies.

    python -m benchmarks.sweep_overhead
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import installed, report, run_alone

WAYS = ("bare", "runlake", "mlflow")
STORAGES = ("memory", "sqlite")
REPORTS = (0, 10)
TRIALS = {"memory": 200, "sqlite": 50}
STUDIES = 5


def objective_of(way: str, reports: int) -> Callable[[Any], float]:
    """What is tried."""

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        value = float(x * trial.suggest_int("y", 0, 9))
        for step in range(reports):
            trial.report(x, step)
        return value

    def with_mlflow(trial: Any) -> float:
        import mlflow

        with mlflow.start_run(nested=True):
            value = objective(trial)
            mlflow.log_params(trial.params)
            for step in range(reports):
                mlflow.log_metric("reported", trial.params["x"], step=step)
            mlflow.log_metric("value", value)
        return value

    return with_mlflow if way == "mlflow" else objective


def measure(way: str, storage: str, reports: int) -> None:
    """In a process of its own."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    around: Callable[[], Any] = contextlib.nullcontext
    with tempfile.TemporaryDirectory() as folder:
        if way == "runlake":
            os.environ.update(RUNLAKE_STORE=f"{folder}/lake", RUNLAKE_JOBS="off", RUNLAKE_SILENT="1", RUNLAKE_EXIT_WAIT="0")
            import runlake

            runlake.autolog("optuna")
        elif way == "mlflow":
            import mlflow

            mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
            around = mlflow.start_run
        places = (f"sqlite:///{Path(folder) / f'{number}.db'}" if storage == "sqlite" else None for number in itertools.count())
        took = []
        for _ in range(STUDIES + 1):
            study = optuna.create_study(storage=next(places), sampler=optuna.samplers.RandomSampler(seed=0))
            began = time.perf_counter()
            with around():
                study.optimize(objective_of(way, reports), n_trials=TRIALS[storage])
            took.append(1000 * (time.perf_counter() - began) / TRIALS[storage])
    print(json.dumps(median(took[1:])))


def main() -> None:
    """Measure every way."""
    ways = [way for way in WAYS if way == "bare" or installed(way)]
    rows = []
    for storage in STORAGES:
        for reports in REPORTS:
            found = {way: float(run_alone("benchmarks.sweep_overhead", way, storage, str(reports))) for way in ways}
            rows.append([storage, reports, *found.values(), found["runlake"] - found["bare"]])
    columns = ["storage", "reports", *(f"{way} ms" for way in ways), "runlake adds ms"]
    report("What does a trial cost that is recorded?", columns, rows, packages=["optuna", "runlake", "mlflow"])


if __name__ == "__main__":
    measure(sys.argv[1], sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 1 else main()
