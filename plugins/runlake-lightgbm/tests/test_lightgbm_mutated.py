"""Whatever is changed in the files of a model, they are refused or give a model that answers: the process never dies of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from runlake_lightgbm.predicting import predicted
from runlake_lightgbm.saving import loaded, saved

from mutations import Case, as_json, as_text, attack, files_of, mutation_tests, use

NUMBERS = np.random.default_rng(0)
X = NUMBERS.normal(size=(90, 3))
FRAME = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(["x", "y", "z"] * 30), "b": X[:, 1]})
THREE = np.digitize(X[:, 0], [-0.5, 0.5]) + 0
KIND = X[:, 0] + 3.0 * (FRAME["kind"] == "y").to_numpy()
FEW: dict[str, Any] = {"num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3, "num_leaves": 5, "min_data_per_group": 2}
PLENTY = 1 << 24

MODELS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "trees": ({}, X, X[:, 0]),
    "categories": ({"max_cat_to_onehot": 1, "cat_smooth": 1}, FRAME, KIND),
    "classes": ({"objective": "multiclass", "num_class": 3}, X, THREE),
    "lines": ({"linear_tree": True}, X, X[:, 0]),
    "a forest": ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, X, X[:, 1]),
}


def of_booster(name: str) -> Mapping[str, bytes]:
    """A booster's two files."""
    params, rows, targets = MODELS[name]
    return files_of(saved(lightgbm.train({**FEW, **params}, lightgbm.Dataset(rows, targets), 2), PLENTY))


def of_estimator() -> Mapping[str, bytes]:
    """An estimator's three files."""
    model = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=4, min_child_samples=3, n_jobs=1, verbosity=-1)
    return files_of(saved(model.fit(X, np.array(["a", "b", "c"])[THREE]), PLENTY))


def read(files: Mapping[str, bytes]) -> None:
    """Load and ask."""
    model = loaded(files)
    for rows in (FRAME, X):
        use(partial(predicted, model, rows, {}))
    use(lambda: predicted(model, X, {"pred_contrib": True}))
    use(lambda: predicted(model, X, {"pred_leaf": True}))


CASES: dict[str, Case] = {
    **{name: (partial(of_booster, name), "model.txt", as_text) for name in MODELS},
    "settings": (of_estimator, "estimator.json", as_json),
    "rounds": (of_estimator, "booster.json", as_json),
}


test_no_changed_file_of_some_ends_the_process, test_no_changed_file_ends_the_process = mutation_tests(__file__, CASES, 25)


if __name__ == "__main__":
    attack(CASES, read, sys.argv[1:])
