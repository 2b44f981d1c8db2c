"""How long does it take to get all points of many runs into one file for other programs?

`runlake export points` writes 5,000 runs of 1,000 steps of one metric, to Parquet, CSV and JSON lines; the store has published them.
Beside it what reading those points with pyarrow alone and writing them as Parquet takes: nobody can be faster. The commands are whole
processes. The most memory is that of the process.

    python -m benchmarks.export [--runs N]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import report

STEPS = 1000
BEGIN_NS = 1_700_000_000_000_000_000

BARE = """
import sys, pyarrow.dataset as ds, pyarrow.parquet as pq
rows = ds.dataset(sys.argv[1], format="parquet", exclude_invalid_files=True).to_table(columns=["run_id", "key", "step", "wall_ns", "value"])
pq.write_table(rows, sys.argv[2], compression="zstd")
"""


def fill(root: Path, n_runs: int) -> None:
    """The runs, published."""
    from runlake.entities import Event, Scope
    from runlake.importers.arriving import Arriving, ArrivingRun, ArrivingSeries

    dice, steps = np.random.default_rng(0), np.arange(STEPS)
    with Arriving(root) as arriving:
        for number in range(n_runs):
            run_id, begin = f"{number:032x}", BEGIN_NS + number * 10**9
            said: dict[str, int | str] = {"status": "FINISHED", "name": f"run {number}", "start_ns": begin, "end_ns": begin + STEPS * 10**6}
            events = [Event.set(run_id, Scope.RUN, key, value, begin // 10**6 << 16) for key, value in said.items()]
            events.append(Event.set(run_id, Scope.PARAM, "lr", number / n_runs, begin // 10**6 << 16))
            values = 1 / (1 + steps / 100) + dice.normal(size=STEPS) / 20
            arriving.add(ArrivingRun(run_id, "Default", events, [ArrivingSeries("loss", steps, begin + steps * 10**6, values)]))


def timed(command: list[str], root: Path) -> tuple[float, float]:
    """Seconds, and the most memory in MB of any of our children by then."""
    began = time.perf_counter()
    subprocess.run(command, env=os.environ | {"RUNLAKE_STORE": str(root)}, capture_output=True, check=True)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def main() -> None:
    """Fill a store, export it, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5000)
    n_runs = parser.parse_args().runs
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        began = time.perf_counter()
        fill(root, n_runs)
        seconds = time.perf_counter() - began
        rows.append(["writing and publishing them", seconds, n_runs * STEPS / seconds / 1e6, "", ""])
        for what in ("parquet", "csv", "jsonl"):
            path = Path(folder) / f"points.{what}"
            seconds, most = timed([sys.executable, "-m", "runlake", "export", "points", "-o", str(path)], root)
            rows.append([f"export points to {what}", seconds, n_runs * STEPS / seconds / 1e6, path.stat().st_size / 1e6, most])
        path = Path(folder) / "bare.parquet"
        seconds, _ = timed([sys.executable, "-c", BARE, str(root / "points"), str(path)], root)
        rows.append(["pyarrow alone, to parquet", seconds, n_runs * STEPS / seconds / 1e6, path.stat().st_size / 1e6, ""])
    columns = ["what", "seconds", "M points a second", "MB", "most MB of memory so far"]
    report(f"{n_runs:,} runs of {STEPS:,} points", columns, rows, packages=["pyarrow"])


if __name__ == "__main__":
    main()
