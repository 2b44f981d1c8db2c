"""Whatever is changed in the files of a model, they are refused or give a model that answers: the process never dies of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from runlake_xgboost.predicting import predicted
from runlake_xgboost.saving import loaded, saved

from mutations import Case, as_json, attack, changed_bytes, files_of, mutation_tests, use

NUMBERS = np.random.default_rng(0)
X = NUMBERS.normal(size=(60, 3)).astype(np.float32)
FRAME = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(["x", "y", "z"] * 20), "b": X[:, 1]})
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
PLENTY = 1 << 24

MODELS: dict[str, tuple[dict[str, Any], Any]] = {
    "trees": ({"max_depth": 3}, X[:, 0]),
    "classes": ({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, THREE),
    "dart": ({"booster": "dart", "max_depth": 2}, X[:, 1]),
    "a line": ({"booster": "gblinear"}, X[:, 0]),
    "rows in leaves": ({"multi_strategy": "multi_output_tree", "max_depth": 2}, X[:, :2]),
}


def of_booster(name: str, model_format: str) -> Mapping[str, bytes]:
    """A booster's one file."""
    params, targets = MODELS[name]
    rows = X if name in ("a line", "rows in leaves") else FRAME
    booster = xgboost.train({"nthread": 1, **params}, xgboost.DMatrix(rows, targets, enable_categorical=True), 2)
    return files_of(saved(booster, PLENTY, model_format))


def of_estimator() -> Mapping[str, bytes]:
    """An estimator's two files."""
    return files_of(saved(xgboost.XGBClassifier(n_estimators=2, max_depth=2, n_jobs=1).fit(X, THREE), PLENTY, "ubj"))


def read(files: Mapping[str, bytes]) -> None:
    """Load and ask."""
    model = loaded(files)
    use(lambda: predicted(model, FRAME, {}))
    use(lambda: predicted(model, X, {}))
    use(lambda: model.get_booster().predict(xgboost.DMatrix(X), pred_contribs=True))


CASES: dict[str, Case] = {
    **{f"{name} in UBJSON": (partial(of_booster, name, "ubj"), "model.ubj", changed_bytes) for name in MODELS},
    **{f"{name} in JSON": (partial(of_booster, name, "json"), "model.json", as_json) for name in MODELS},
    "settings": (of_estimator, "estimator.json", as_json),
}


test_no_changed_file_of_some_ends_the_process, test_no_changed_file_ends_the_process = mutation_tests(__file__, CASES, 25)


if __name__ == "__main__":
    attack(CASES, read, sys.argv[1:])
