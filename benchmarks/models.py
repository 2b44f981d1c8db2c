"""What does it cost to keep a model, to have it back, and to ask it through its signature?

A logistic regression and a forest of 100 trees of scikit-learn, on a frame of ten columns. *log* is `log_model` in an open run, with
requirements that are found, *given* with those that are passed (MLflow finds them by a process of its own that loads the model); *load* is
`pyfunc.load_model` of what was logged; *predict* asks it for one row and for 10,000, beside the bare estimator. *enforcement* is what the
signature costs of one row that fits. Medians; the first call of each is left out, as it imports. MLflow stands beside where it is there.

    python -m benchmarks.models [repeats 15]
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.report import installed, report, run_alone

NAME = "benchmarks.models"
REPEATS = 15
SLOW = 3  # of what takes seconds
MODELS = ("logistic regression", "forest of 100")
REQUIREMENTS = ["scikit-learn", "numpy", "pandas"]


def fitted(kind: str) -> tuple[Any, pd.DataFrame]:
    """The model, and rows to ask it for."""
    dice = np.random.default_rng(0)
    rows = pd.DataFrame(dice.normal(size=(10_000, 10)), columns=[f"feature_{place}" for place in range(10)])
    targets = (rows["feature_0"] + rows["feature_1"] > dice.normal(size=len(rows))).astype(int)
    model = LogisticRegression() if kind == MODELS[0] else RandomForestClassifier(100, max_depth=12, random_state=0)
    return model.fit(rows[:2_000], targets[:2_000]), rows


def median_ms(call: Callable[[], Any], repeats: int) -> float:
    """Of so many calls, after one that does not count."""
    call()
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return 1000 * sorted(took)[len(took) // 2]


def measure(tool: str, kind: str, repeats: int) -> dict[str, float]:
    """Of one of the tools, in this process."""
    model, rows = fitted(kind)
    one = rows[:1]
    found = {"raw, 1 row": median_ms(lambda: model.predict(one), 20 * repeats), "raw, 10k": median_ms(lambda: model.predict(rows), repeats)}
    if tool == "bare":
        return found
    with tempfile.TemporaryDirectory() as folder:
        library = of_runlake(folder) if tool == "runlake" else of_mlflow(folder)
        signature = library.models.infer_signature(rows[:100], model.predict(rows[:100]))
        keep: dict[str, Any] = {"signature": signature}
        if tool != "runlake":
            keep["serialization_format"] = "cloudpickle"
        with library.start_run():
            given = median_ms(lambda: library.sklearn.log_model(model, name="given", pip_requirements=REQUIREMENTS, **keep), repeats)
            log = median_ms(lambda: library.sklearn.log_model(model, name="model", **keep), repeats if tool == "runlake" else SLOW)
            uri = library.sklearn.log_model(model, name="last", pip_requirements=REQUIREMENTS, **keep).model_uri
        loaded = library.pyfunc.load_model(uri)
        found = {
            "log": log,
            "log, given": given,
            "load": median_ms(lambda: library.pyfunc.load_model(uri), repeats),
            "predict, 1 row": median_ms(lambda: loaded.predict(one), 20 * repeats),
            "predict, 10k": median_ms(lambda: loaded.predict(rows), repeats),
            "enforcement, 1 row": median_ms(enforcing(library, signature, one), 50 * repeats),
        }
        if tool == "runlake":
            library.flush()
        return found


def enforcing(library: Any, signature: Any, rows: Any) -> Callable[[], Any]:
    """What checks a row."""
    if library.__name__ == "mlflow":
        from mlflow.models.utils import _enforce_schema

        return lambda: _enforce_schema(rows, signature.inputs)
    from runlake.models.signatures import Enforcement

    enforce = Enforcement(signature.inputs)
    return lambda: enforce(rows)


def of_runlake(folder: str) -> Any:
    """With a store of its own."""
    os.environ.update(RUNLAKE_STORE=str(Path(folder) / "lake"), RUNLAKE_JOBS="off", RUNLAKE_SILENT="1", RUNLAKE_EXIT_WAIT="0")
    import runlake

    return runlake


def of_mlflow(folder: str) -> Any:
    """With a database of its own."""
    import mlflow

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("benchmark", artifact_location=f"file://{folder}/artifacts")
    mlflow.set_experiment("benchmark")
    return mlflow


def main(arguments: list[str]) -> None:
    """Measure each tool in a process of its own."""
    if len(arguments) == 3:
        print(json.dumps(measure(arguments[0], arguments[1], int(arguments[2]))))
        return
    repeats = int(arguments[0]) if arguments else REPEATS
    tools = ["bare", "runlake", *(["mlflow"] if installed("mlflow") else [])]
    rows = []
    for kind in MODELS:
        for tool in tools:
            rows += [(kind, tool, what, ms) for what, ms in run_alone(NAME, tool, kind, str(repeats)).items()]
    columns = ("model", "tool", "what", "ms")
    report("What does it cost to keep a model, to have it back, and to ask it?", columns, rows, packages=("scikit-learn", "mlflow"))


if __name__ == "__main__":
    main(sys.argv[1:])
