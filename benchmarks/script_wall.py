"""How much longer does a whole script take?

Three scripts, each a process from its start to its end: three lines that fit iris, fifty small fits, a forest; bare, with
`runlake.autolog()` and all that it does by default, and with `mlflow.autolog()` where that is installed. What runlake leaves to a
process of its own is waited for between the scripts and not counted; `RUNLAKE_EXIT_WAIT=0` is the default where the end of the program
is not the end of that process as well, as it is in containers.

    python -m benchmarks.script_wall
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from statistics import median

from benchmarks.report import installed, report

REPEATS = {"iris, three lines": 5, "50 small fits": 2, "a forest, 10k x 20": 3}  # the jobs of fifty fits take a minute
SCRIPTS = {
    "iris, three lines": """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
""",
    "50 small fits": """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
for n in range(50):
    LogisticRegression(C=0.1 + n / 10, max_iter=500).fit(*load_iris(return_X_y=True))
""",
    "a forest, 10k x 20": """
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
RandomForestClassifier(100, random_state=0).fit(*make_classification(10_000, 20, n_informative=10, random_state=0))
""",
}
BEGINNINGS = {"bare": "", "runlake": "import runlake\nrunlake.autolog()\n", "mlflow": "import mlflow\nmlflow.autolog(silent=True)\n"}


def seconds(script: str, way: str, folder: str) -> float:
    """From the start of the process to its end."""
    settings = {"RUNLAKE_STORE": f"{folder}/lake", "RUNLAKE_SILENT": "1", "RUNLAKE_EXIT_WAIT": "0", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **settings, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    began = time.perf_counter()
    line = [sys.executable, "-c", BEGINNINGS[way] + SCRIPTS[script]]
    subprocess.run(line, cwd=folder, env=environment, check=True, capture_output=True)
    took = time.perf_counter() - began
    if way == "runlake":
        subprocess.run([sys.executable, "-m", "runlake", "finish"], env=environment, check=True, capture_output=True)
    return took


def main() -> None:
    """Measure every script each way, one after the other."""
    rows = []
    for script in SCRIPTS:
        ways = [way for way in BEGINNINGS if way == "bare" or installed(way)]
        took: dict[str, list[float]] = {way: [] for way in ways}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for way in ways:
                seconds(script, way, folder)  # what is made once for a store and a machine
            for _ in range(REPEATS[script]):
                for way in ways:
                    took[way].append(seconds(script, way, folder))
        bare = median(took["bare"])
        rows += [[script, way, median(took[way]), min(took[way]), median(took[way]) - bare] for way in ways]
    columns = ["script", "way", "median, s", "least, s", "added, s"]
    report("How much longer does a whole script take?", columns, rows, packages=["runlake", "scikit-learn", "mlflow"])


if __name__ == "__main__":
    main()
