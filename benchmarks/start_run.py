"""How many short runs a second can a program record: start, ten params, three metrics, end?

As in a search over many small models. MLflow with SQLite beside it, where installed, with the same calls. Each back end runs
alone in a process; the time is until the last run is on disk. `again` is the same for the next as many runs: it must not rise.

    python -m benchmarks.start_run
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import installed, report, run_alone

RUNS = {"runlake": 2000, "mlflow": 40}


def one_run(tracker: Any, number: int) -> None:
    """What a search does for each candidate."""
    with tracker.start_run():
        for i in range(10):
            tracker.log_param(f"param{i}", number * i)
        for i in range(3):
            tracker.log_metric(f"metric{i}", number / (i + 1))


def measure(name: str) -> list[float]:
    """Milliseconds a run, for the first runs and for as many after them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["RUNLAKE_STORE"] = str(Path(folder) / "lake")
        os.environ["RUNLAKE_SILENT"] = "1"
        tracker = importlib.import_module(name)
        if name == "mlflow":
            tracker.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        one_run(tracker, 0)  # makes the store
        took = []
        for _ in range(2):
            start = time.perf_counter()
            for number in range(RUNS[name]):
                one_run(tracker, number)
            if name == "runlake":
                tracker.flush()
            took.append((time.perf_counter() - start) / RUNS[name] * 1e3)
    return took


def main() -> None:
    """Measure what is installed, and the ratio."""
    if len(sys.argv) == 2:
        print(json.dumps(measure(sys.argv[1])))
        return
    rows = [[name, *run_alone("benchmarks.start_run", name)] for name in RUNS if installed(name)]
    rows = [[*row, row[1] / rows[0][1]] for row in rows]
    report("How long does a short run take?", ["back end", "ms a run", "ms a run, again", "times ours"], rows, packages=list(RUNS))


if __name__ == "__main__":
    main()
