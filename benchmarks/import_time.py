"""What does `import runlake` cost a script, and how soon is the first point of a new store on disk?

Whole processes, the median of nine each: Python alone, then with one import. The difference to Python alone is the cost.
Then the first run: from `start_run()` in a store that does not exist to the first point written, less what importing
Arrow takes in that process, since the flusher does that beside the program.

    python -m benchmarks.import_time
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import installed, report

REPEATS = 9
IMPORTS = {
    "python alone": "pass",
    "runlake": "import runlake",
    "numpy": "import numpy",
    "pyarrow": "import pyarrow",
    "mlflow": "import mlflow",
}
FIRST_RUN = """
import sys, time, os
import runlake
from runlake.recording import flusher
took = {}
original = flusher._import_arrow
def timed():
    start = time.perf_counter()
    module = original()
    took.setdefault("arrow", time.perf_counter() - start)
    return module
flusher._import_arrow = timed
start = time.perf_counter()
run = runlake.start_run()
runlake.log_metric("loss", 1.0)
called = time.perf_counter()
run.recorder.flusher.flush(sync=False)
written = time.perf_counter()
print((called - start) * 1e3, (written - start - took["arrow"]) * 1e3, took["arrow"] * 1e3)
"""


def whole_process(code: str) -> float:
    """The milliseconds of a process that runs this code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - start) * 1e3


def first_run() -> list[float]:
    """Milliseconds: on the caller's thread, until the point is written without Arrow's import, and that import."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"RUNLAKE_STORE": str(Path(folder) / "lake"), "PATH": "/usr/bin:/bin"}
        finished = subprocess.run([sys.executable, "-c", FIRST_RUN], env=environment, check=True, capture_output=True, text=True)
    return [float(word) for word in finished.stdout.split()]


def main() -> None:
    """Measure the imports that are installed, then the first run."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS if name == "python alone" or installed(name)}
    for _ in range(REPEATS):  # in turn, so that a busy moment hits them all
        for name, taken in times.items():
            taken.append(whole_process(IMPORTS[name]))
    alone = statistics.median(times["python alone"])
    rows = [[name, statistics.median(taken), statistics.median(taken) - alone, max(taken) - min(taken)] for name, taken in times.items()]
    report("What does the import cost?", ["process", "median ms", "over python alone", "spread"], rows, packages=["runlake", "pyarrow"])

    runs = [first_run() for _ in range(REPEATS)]
    medians = [statistics.median(column) for column in zip(*runs, strict=True)]
    columns = ["on the caller's thread ms", "written, less Arrow ms", "importing Arrow ms"]
    report("How soon is the first point of a new store written?", columns, [medians], packages=["runlake", "pyarrow"])


if __name__ == "__main__":
    main()
