"""A digest of a booster is of what it learned, and `runlake verify` finds programs unchanged by the plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from runlake_lightgbm import model_digest
from sklearn.linear_model import LogisticRegression

from verifying import digest_elsewhere, verdicts_of, verified

X = np.arange(180.0).reshape(60, 3) % 7
Y = np.arange(60) % 2
FEW: dict[str, Any] = {"n_estimators": 2, "min_child_samples": 2, "n_jobs": 1, "verbosity": -1}
MODEL = """
    import lightgbm
    import numpy as np
    model = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=2, n_jobs=1, verbosity=-1)
    model.fit(np.arange(180.0).reshape(60, 3) % 7, np.arange(60) % 2)
"""
DEMO = """
    import lightgbm
    import numpy as np
    import runlake_lightgbm

    def main():
        inputs = np.random.default_rng(0).normal(size=(60, 3))
        params = {"num_threads": 1, "min_data_in_leaf": 5}
        booster = lightgbm.train(params, lightgbm.Dataset(inputs, inputs[:, 0]), 4)
        model = lightgbm.LGBMRegressor(n_estimators=3, n_jobs=1).fit(inputs, inputs[:, 1])
        print(booster.num_trees(), model.predict(inputs).sum())

    runlake_lightgbm.demo()
    main()
"""


def test_models_alike_have_one_digest_whatever_process_made_them() -> None:
    """A model for scikit-learn, and a booster that was trained twice."""
    model = lightgbm.LGBMClassifier(**FEW).fit(X, Y)
    boosters = [lightgbm.train({"num_threads": 1, "verbosity": -1}, lightgbm.Dataset(X, Y), 2) for _ in range(2)]

    assert model_digest(model) == digest_elsewhere(MODEL, "runlake_lightgbm")
    assert model_digest(boosters[0]) == model_digest(boosters[1]) is not None


def test_another_tree_or_setting_is_another_digest() -> None:
    """One round more, or a model that is set anew."""
    model = lightgbm.LGBMClassifier(**FEW).fit(X, Y)
    digests = {model_digest(model), model_digest(lightgbm.LGBMClassifier(**FEW | {"n_estimators": 3}).fit(X, Y))}

    assert len(digests | {model_digest(model.set_params(max_depth=9))}) == 3


def test_what_is_no_trained_model_of_the_library_has_none() -> None:
    """Nothing was learned, or nothing is known of it."""
    assert [model_digest(each) for each in (lightgbm.LGBMClassifier(), LogisticRegression().fit(X, Y), X, None)] == [None] * 4


def test_the_demo_and_a_program_with_a_main_function_are_not_changed(tmp_path: Path) -> None:
    """Booster and model are the same bit for bit, and LightGBM says what it said."""
    found = verified(tmp_path, DEMO)

    assert found["is_same"], found["findings"]
    assert found["findings"][-1]["what"] == "2 compared bit for bit: booster (Booster), model (LGBMRegressor)"
    assert verdicts_of(found)["exit"] == "same"
    assert (found["recorded"]["runs"], found["recorded"]["errors"]) == (4, [])
