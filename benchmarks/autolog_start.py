"""How long does `autolog()` take where no library is loaded?

Each time in a process of its own, import runlake apart. Beside it what it stands on and cannot do without: reading the entry
points of this environment with the standard library, pluggy imported.

    python -m benchmarks.autolog_start
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.report import report

REPEATS = 11

ROWS = {
    "entry points and pluggy alone": "import importlib.metadata, pluggy; importlib.metadata.entry_points()",
    "autolog()": "runlake.autolog()",
    "autolog() again": "runlake.autolog(); start = time.perf_counter(); runlake.autolog()",
}


def milliseconds(code: str) -> float:
    """The median over processes."""
    program = f"import time, runlake\nstart = time.perf_counter()\n{code}\nprint((time.perf_counter() - start) * 1e3)"
    took = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout) for _ in range(REPEATS)
    ]
    return statistics.median(took)


def main() -> None:
    """Measure each."""
    rows = [[name, milliseconds(code)] for name, code in ROWS.items()]
    report("How long does autolog() take with no library loaded?", ["what", "ms"], rows, packages=["runlake", "pluggy", "wrapt"])


if __name__ == "__main__":
    main()
