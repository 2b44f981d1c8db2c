"""How soon does another process see a point?

A program logs the time as a metric every 20 ms with the default settings; this process opens its store and polls it.
What is measured is from the call to the refresh that finds the point.

    python -m benchmarks.visible_to_others
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import runlake
from benchmarks.report import quantile, report

SECONDS = 10
PROGRAM = """
import time, runlake
with runlake.start_run():
    end = time.time() + %d
    while time.time() < end:
        runlake.log_metric("now", 0.0)
        time.sleep(0.02)
"""


def main() -> None:
    """Poll while the program runs, and tell how old each point was when it was first seen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lake"
        program = subprocess.Popen([sys.executable, "-c", PROGRAM % SECONDS], env=os.environ | {"RUNLAKE_STORE": str(path)})
        while not (path / "STORE.json").exists():
            time.sleep(0.01)
        store, seen, ages = runlake.read.open_store(path), 0, list[float]()
        while program.poll() is None:
            store.refresh()
            found = time.time_ns()
            logged = sorted(store.points()["wall_ns"].to_pylist())
            ages += [(found - wall_ns) / 1e6 for wall_ns in logged[seen:]]
            seen = len(logged)
            time.sleep(0.05)
    ages.sort()
    row = [len(ages), quantile(ages, 0.5), quantile(ages, 0.95), ages[-1]]
    report("How soon does another process see a point?", ["points", "median ms", "p95 ms", "longest ms"], [row], packages=["runlake"])


if __name__ == "__main__":
    main()
