"""XGBoost's estimators, recorded by the plugin of scikit-learn or beside it: nothing of the program's changes, and each says its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xgboost
from scipy.sparse import csr_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(120, 3))
Y = (X[:, 0] > 0).astype(int)
FEW: dict[str, Any] = {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}


def fitted(make: Callable[[Any], Any], generator: Any) -> tuple[bytes, int]:
    """The model that is trained with this generator, and what that says next."""
    model = make(XGBRegressor(**FEW, subsample=0.5, random_state=generator)).fit(X, Y)
    booster = model.steps[-1][1].get_booster() if hasattr(model, "steps") else model.get_booster()
    drawn = generator.randint(10**9) if isinstance(generator, np.random.RandomState) else generator.integers(10**9)
    return bytes(booster.save_raw()), int(drawn)


@pytest.mark.parametrize("plugins", [("sklearn",), ("sklearn", "xgboost")], ids=["alone", "beside ours"])
@pytest.mark.parametrize("make_generator", [np.random.RandomState, np.random.default_rng], ids=["RandomState", "Generator"])
@pytest.mark.parametrize("make", [lambda model: model, lambda model: make_pipeline(StandardScaler(), model)], ids=["plain", "pipeline"])
def test_generators_of_the_programs_are_as_without(runs: Runs, plugins: tuple[str, ...], make_generator: Any, make: Any) -> None:
    """An estimator draws from them whenever it says how it is set, so it is asked at no cost to them."""
    bare = fitted(make, make_generator(3))
    runlake.autolog(*plugins)

    assert fitted(make, make_generator(3)) == bare
    assert len(runs()) == 1


def test_sparse_rows_are_explained_as_the_model_saw_them(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they do not say is missing, and no zero."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    rows = csr_matrix(np.where(X > 0, X, 0.0))
    model = XGBRegressor(**FEW)
    runlake.autolog("sklearn", "xgboost")
    model.fit(rows, X[:, 1])
    runlake.disable_autolog()

    (run,) = runs()
    found = run.explanation()
    by_hand = model.get_booster().predict(xgboost.DMatrix(rows), pred_contribs=True)
    np.testing.assert_allclose(found.values[:, :, 0], by_hand[:, :-1], atol=1e-6)


def test_a_plugin_that_is_off_adds_nothing(runs: Runs) -> None:
    """Though it was on before, in the same process."""
    runlake.autolog("sklearn", "xgboost")
    runlake.disable_autolog()
    runlake.autolog("xgboost")
    XGBClassifier(**FEW).fit(X, Y)

    (run,) = runs()
    assert "training_score" in run.metrics
    assert [key for key in run.metrics if "f1" in key] == []


def test_data_is_noted_where_no_model_comes_of_it(runs: Runs) -> None:
    """Of a cross-validation, and of a training that fails."""
    runlake.autolog("xgboost")
    xgboost.cv({"max_depth": 2}, xgboost.DMatrix(X, Y), 2, nfold=2)
    with pytest.raises(xgboost.core.XGBoostError):
        xgboost.train({"objective": "no such objective"}, xgboost.DMatrix(X, Y))

    told = [[(each.dataset.name, each.dataset.profile) for each in run.inputs.dataset_inputs] for run in runs()]
    assert [[name for name, _ in of_run] for of_run in told] == [["train"], ["train"]]
    assert all('"num_rows": 120' in profile for of_run in told for _, profile in of_run)
