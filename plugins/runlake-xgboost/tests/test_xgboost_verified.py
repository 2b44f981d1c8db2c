"""A digest of a booster is of what it learned, and `runlake verify` finds programs unchanged by the plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost
from runlake_xgboost import model_digest
from sklearn.linear_model import LogisticRegression

from verifying import digest_elsewhere, verdicts_of, verified

X = np.arange(60.0).reshape(20, 3) % 7
Y = np.arange(20) % 2
MODEL = """
    import numpy as np
    import xgboost
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(np.arange(60.0).reshape(20, 3) % 7, np.arange(20) % 2)
"""
DEMO = """
    import numpy as np
    import runlake_xgboost
    import xgboost

    def main():
        inputs = np.random.default_rng(0).normal(size=(60, 3))
        booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(inputs, inputs[:, 0] > 0), 4)
        model = xgboost.XGBRegressor(n_estimators=3).fit(inputs, inputs[:, 1])
        print(booster.num_boosted_rounds(), model.predict(inputs).sum())

    runlake_xgboost.demo()
    main()
"""


def test_models_alike_have_one_digest_whatever_process_made_them() -> None:
    """An estimator, and a booster that was trained twice."""
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, Y)
    boosters = [xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), 2) for _ in range(2)]

    assert model_digest(model) == digest_elsewhere(MODEL, "runlake_xgboost")
    assert model_digest(boosters[0]) == model_digest(boosters[1]) is not None


def test_another_tree_or_setting_is_another_digest() -> None:
    """One round more, or an estimator that is set anew."""
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, Y)
    digests = {model_digest(model), model_digest(xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y))}

    assert len(digests | {model_digest(model.set_params(max_depth=9))}) == 3


def test_what_is_no_trained_model_of_the_library_has_none() -> None:
    """Nothing was learned, or nothing is known of it."""
    assert [model_digest(each) for each in (xgboost.XGBClassifier(), LogisticRegression().fit(X, Y), X, None)] == [None] * 4


@pytest.mark.long
def test_the_demo_and_a_program_with_a_main_function_are_not_changed(tmp_path: Path) -> None:
    """Booster and estimator are the same bit for bit."""
    found = verified(tmp_path, DEMO)

    assert found["is_same"]
    assert verdicts_of(found)["stdout"] == "same"
    assert found["findings"][-1]["what"] == "2 compared bit for bit: booster (Booster), model (XGBRegressor)"
    assert (found["recorded"]["runs"], found["recorded"]["errors"]) == (4, [])
