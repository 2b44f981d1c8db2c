"""What does autologging add to the trainings of XGBoost and LightGBM?

200 rounds over 20,000 rows of 20 columns with two evaluation sets: `xgboost.train`, an `XGBClassifier`, `lightgbm.train`; recorded by
runlake, with models and explanations and without, by MLflow on SQLite the same two ways, and by W&B's own callback offline, where these
are installed; every way in a process of its own, in which bare and recorded trainings take turns. One thread trains, so that what is
told, milliseconds of the caller's thread's CPU, is all that the program does for a training: of the first recorded one, and the medians
of the next ones; `added` is the median of what a recorded training takes longer than the bare one before it.

    python -m benchmarks.booster_overhead [case ...]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks.autolog_overhead import enable
from benchmarks.report import installed, report, run_alone

WAYS = ("runlake", "runlake, no models", "mlflow", "mlflow, no models", "wandb")
CASES = ("xgboost.train", "XGBClassifier", "lightgbm.train")
REPEATS = {"runlake": 7, "runlake, no models": 7, "mlflow": 2, "mlflow, no models": 4, "wandb": 4}
ROUNDS = 200


def cases() -> dict[str, Callable[[list[Any]], Any]]:
    """What is trained, with these callbacks."""
    import lightgbm
    import xgboost

    dice = np.random.default_rng(0)
    inputs = dice.normal(size=(25_000, 20))
    targets = (inputs[:, :5].sum(axis=1) + dice.normal(size=25_000) > 0).astype(int)
    seen, valid = (inputs[:20_000], targets[:20_000]), (inputs[20_000:], targets[20_000:])

    def by_xgboost(callbacks: list[Any]) -> None:
        train, evaluated = xgboost.DMatrix(*seen), xgboost.DMatrix(*valid)
        params = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1}
        evals = [(train, "train"), (evaluated, "valid")]
        xgboost.train(params, train, ROUNDS, evals=evals, callbacks=callbacks, verbose_eval=False)

    def by_estimator(callbacks: list[Any]) -> None:
        model = xgboost.XGBClassifier(n_estimators=ROUNDS, max_depth=4, n_jobs=1, callbacks=callbacks or None)
        model.fit(*seen, eval_set=[seen, valid], verbose=False)

    def by_lightgbm(callbacks: list[Any]) -> None:
        train = lightgbm.Dataset(*seen)
        params = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "verbosity": -1}
        sets = [train, lightgbm.Dataset(*valid, reference=train)]
        lightgbm.train(params, train, ROUNDS, valid_sets=sets, valid_names=["train", "valid"], callbacks=callbacks)

    return dict(zip(CASES, (by_xgboost, by_estimator, by_lightgbm), strict=True))


def by_wandb(case: str, train: Callable[[list[Any]], Any]) -> None:
    """As its users write it: a run around the training, and its callback."""
    import wandb
    from wandb.integration import lightgbm, xgboost

    callback = lightgbm.wandb_callback if case == "lightgbm.train" else xgboost.WandbCallback
    with wandb.init(mode="offline", settings=wandb.Settings(silent=True)):
        train([callback()])


def measure(case: str, way: str) -> list[float]:
    """Milliseconds that the first recorded training takes longer, of the bare and of the recorded ones, and of what is added."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        settings = {"RUNLAKE_STORE": f"{folder}/lake", "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off"}
        os.environ |= {**settings, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "WANDB_DIR": folder}
        train = cases()[case]

        def milliseconds(*, recorded: bool) -> float:
            if way != "wandb":
                enable(way, disable=not recorded)
            start = time.thread_time()
            by_wandb(case, train) if recorded and way == "wandb" else train([])
            return (time.thread_time() - start) * 1000

        milliseconds(recorded=False)  # what the library does once for a process
        first = milliseconds(recorded=True)
        pairs = [(milliseconds(recorded=False), milliseconds(recorded=True)) for _ in range(REPEATS[way])]
        bare, recorded = ([pair[place] for pair in pairs] for place in (0, 1))
        return [first - median(bare), median(bare), median(recorded), median(after - before for before, after in pairs)]


def main() -> None:
    """Measure every case, or those that are named, each way."""
    match sys.argv[1:]:
        case ["one", case, way]:
            print(json.dumps(measure(case, way)))
        case named:
            rows = []
            for case in named or CASES:
                for way in (way for way in WAYS if installed(way.partition(",")[0])):
                    values = run_alone("benchmarks.booster_overhead", "one", case, way)
                    rows.append([case, way, *values, values[2] / values[1]])
            columns = ["training", "way", "first: added, ms", "bare, ms", "recorded, ms", "added, ms", "times bare"]
            packages = ["runlake", "xgboost-cpu", "lightgbm", "mlflow", "wandb"]
            report("What does autologging add to boosting?", columns, rows, packages=packages)


if __name__ == "__main__":
    main()
