"""What does logging a point cost the training loop, and how many points a second reach the disk?

Each back end runs alone in a process: first every call is timed (median, 99th percentile, longest), then as many calls as
it can are made and the last point waited for. One key a call, then ten. The floor is appending to a list, then a line of CSV;
the peers are TensorBoard's writer and MLflow with SQLite, where installed (`pip install tensorboard mlflow`).
Read `to disk` against the other rows of the same table only.

    python -m benchmarks.log_points
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.report import installed, quantile, report, run_alone

Log: TypeAlias = Callable[[dict[str, float], int], Any]
Finish: TypeAlias = Callable[[], Any]


def plain_list(folder: Path, keys: int) -> tuple[Log, Finish]:
    """Nothing reaches a disk: what any Python call costs."""
    points: list[tuple[dict[str, float], int]] = []
    return lambda metrics, step: points.append((metrics, step)), lambda: None


def csv_file(folder: Path, keys: int) -> tuple[Log, Finish]:
    """A line for each call, through Python's buffer."""
    file = open(folder / "points.csv", "w", newline="")  # noqa: SIM115 - closed by the caller's finish
    writer = csv.writer(file)
    return lambda metrics, step: writer.writerow([step, *metrics.values()]), file.close


def runlake_store(folder: Path, keys: int) -> tuple[Log, Finish]:
    """`log_metric`, or `log_metrics` where there are ten keys."""
    os.environ["RUNLAKE_STORE"] = str(folder / "lake")
    import runlake

    runlake.start_run()
    runlake.log_metric("warm", 0.0)
    runlake.flush()
    log_metric = runlake.log_metric
    return runlake.log_metrics if keys > 1 else lambda metrics, step: log_metric("key0", metrics["key0"], step), _flush_and_end


def _flush_and_end() -> None:
    import runlake

    runlake.flush()
    runlake.end_run()


def tensorboard_events(folder: Path, keys: int) -> tuple[Log, Finish]:
    """TensorBoard's own writer, one scalar at a time as it has no other."""
    from tensorboard.summary import Writer

    writer = Writer(str(folder / "events"))

    def log(metrics: dict[str, float], step: int) -> None:
        for key, value in metrics.items():
            writer.add_scalar(key, value, step)

    return log, writer.close


def mlflow_sqlite(folder: Path, keys: int) -> tuple[Log, Finish]:
    """MLflow's default store."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.start_run()
    if keys > 1:
        return lambda metrics, step: mlflow.log_metrics(metrics, step=step), mlflow.end_run
    return lambda metrics, step: mlflow.log_metric("key0", metrics["key0"], step=step), mlflow.end_run


BACK_ENDS: dict[str, tuple[Callable[[Path, int], tuple[Log, Finish]], str, int]] = {
    "list.append": (plain_list, "pip", 200_000),
    "csv": (csv_file, "pip", 200_000),
    "runlake": (runlake_store, "runlake", 200_000),
    "tensorboard": (tensorboard_events, "tensorboard", 20_000),
    "mlflow sqlite": (mlflow_sqlite, "mlflow", 500),
}
SUSTAINED_FACTOR = {"runlake": 10}  # long enough that the flusher cannot hide behind the first flush


def measure(name: str, keys: int) -> list[float]:
    """Median, 99th percentile and longest call in microseconds, and million points a second until the last is on disk."""
    open_back_end, _, calls = BACK_ENDS[name]
    metrics = {f"key{i}": 0.1 * i for i in range(keys)}
    with _folder() as folder:
        log, finish = open_back_end(folder, keys)
        took = sorted(_timed(log, metrics, step) for step in range(calls))
        finish()
    with _folder() as folder:
        log, finish = open_back_end(folder, keys)
        calls = calls * SUSTAINED_FACTOR.get(name, 1) // (4 if keys > 1 else 1)
        start = time.perf_counter()
        for step in range(calls):
            log(metrics, step)
        finish()
        rate = calls * keys / (time.perf_counter() - start)
    return [quantile(took, 0.5) * 1e6, quantile(took, 0.99) * 1e6, took[-1] * 1e6, rate / 1e6]


def _timed(log: Log, metrics: dict[str, float], step: int) -> float:
    start = time.perf_counter()
    log(metrics, step)
    return time.perf_counter() - start


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def main() -> None:
    """Measure every back end that is installed."""
    if len(sys.argv) == 3:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
        return
    rows = [
        [name, keys, *run_alone("benchmarks.log_points", name, str(keys))]
        for keys in (1, 10)
        for name, (_, distribution, _) in BACK_ENDS.items()
        if installed(distribution)
    ]
    columns = ["back end", "keys a call", "median us", "p99 us", "longest us", "to disk, M points/s"]
    report("What does logging a point cost?", columns, rows, packages=["runlake", "pyarrow", "tensorboard", "mlflow"])


if __name__ == "__main__":
    main()
