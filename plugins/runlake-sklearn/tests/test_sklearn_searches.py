"""Searches and cross-validations: one run each, and a run inside for every candidate."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next name importable
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X, Y = load_iris(return_X_y=True)


def table(run: runlake.read.Run, name: str) -> dict[str, list[Any]]:
    """The columns of a table that a run keeps."""
    found: dict[str, list[Any]] = pq.read_table(io.BytesIO(run.read_artifact(name))).to_pydict()
    return found


def test_every_candidate_is_a_run_and_every_fold_is_kept(runs: Runs) -> None:
    """The parent has what was best."""
    runlake.autolog("sklearn")
    search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0], "fit_intercept": [True, False]}, cv=3).fit(X, Y)

    parent, *children = runs()
    results = search.cv_results_
    assert parent.info.run_name == "GridSearchCV"
    assert {key: parent.params[key] for key in ("best_C", "best_fit_intercept")} == {
        f"best_{key}": value for key, value in search.best_params_.items()
    }
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert [(child.info.parent_run_id, child.info.status, child.params) for child in children] == [
        (parent.info.run_id, "FINISHED", params) for params in results["params"]
    ]
    assert [child.data.metrics["mean_test_score"] for child in children] == results["mean_test_score"].tolist()
    folds = table(parent, "cv_results.parquet")
    assert folds["param_C"] == [params["C"] for params in results["params"]]
    for fold in range(3):
        assert folds[f"split{fold}_test_score"] == results[f"split{fold}_test_score"].tolist()


@pytest.mark.parametrize("backend", [None, "threading", "loky"])
def test_the_same_however_it_is_spread(runs: Runs, backend: str | None) -> None:
    """No worker opens a run of its own."""
    import joblib

    runlake.autolog("sklearn")
    search = RandomizedSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0, 100.0]}, n_iter=3, cv=2, random_state=0, n_jobs=2 if backend else None)
    with joblib.parallel_config(backend or "sequential"):
        search.fit(X, Y)

    assert [run.info.run_name for run in runs()] == ["RandomizedSearchCV", "Ridge 1", "Ridge 2", "Ridge 3"]


def test_halving_searches_have_every_candidate_of_every_round(runs: Runs) -> None:
    """Imported late, and with its own columns."""
    runlake.autolog("sklearn")
    search = HalvingGridSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 0.1, 1.0, 10.0]}, cv=2, random_state=0).fit(X, Y)

    parent, *children = runs()
    assert parent.info.run_name == "HalvingGridSearchCV"
    assert len(children) == len(search.cv_results_["params"])


def test_only_the_best_where_so_many_are_asked_for(runs: Runs) -> None:
    """The table has all of them."""
    runlake.autolog("sklearn", max_tuning_runs=1)
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3).fit(X, Y)

    parent, child = runs()
    assert child.params == search.best_params_
    assert len(table(parent, "cv_results.parquet")["param_alpha"]) == 3


def test_a_search_over_texts_that_keeps_no_model(runs: Runs) -> None:
    """A list of texts is data too."""
    texts = ["good", "bad", "very good", "very bad"] * 6
    runlake.autolog("sklearn")
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2, refit=False).fit(texts, [1, 0, 1, 0] * 6)

    parent, *children = runs()
    assert (parent.errors, len(children), "runlake.skipped.training_metrics" in parent.tags) == ([], 2, False)
    assert parent.signature is not None
    assert parent.signature.to_dict()["inputs"] == '[{"type": "string", "required": true}]'


@pytest.mark.filterwarnings("ignore")  # which scikit-learn says of the failure
def test_a_candidate_that_fails_is_a_failed_run(runs: Runs) -> None:
    """The others are not."""
    runlake.autolog("sklearn")
    GridSearchCV(LogisticRegression(max_iter=500), {"C": [1.0, -1.0]}, cv=2).fit(X, Y)

    assert [run.info.status for run in runs()] == ["FINISHED", "FINISHED", "FAILED"]


def test_a_cross_validation_is_one_run_with_the_scores_of_every_fold(runs: Runs) -> None:
    """However it is asked for."""
    runlake.autolog("sklearn")
    scores = cross_val_score(Ridge(), X, Y, cv=3)
    both = cross_validate(Ridge(), X, Y, cv=3, return_train_score=True, scoring=("r2", "neg_mean_absolute_error"))

    one, other = runs()
    assert one.info.run_name == "Ridge cross_validate"
    assert one.metrics["test_score"].to_numpy().tolist() == scores.tolist()
    assert one.data.metrics["mean_test_score"] == scores.mean()
    assert other.metrics["train_neg_mean_absolute_error"].to_numpy().tolist() == both["train_neg_mean_absolute_error"].tolist()


def test_curves_over_sizes_and_settings(runs: Runs) -> None:
    """The means as a series, every fold as a table."""
    runlake.autolog("sklearn")
    sizes, train, test = learning_curve(Ridge(), X, Y, shuffle=True, random_state=0, train_sizes=[20, 60, 100])
    validation_curve(Ridge(), X, Y, param_name="alpha", param_range=[0.1, 1.0])

    by_size, by_setting = runs()
    assert by_size.metrics["mean_test_score"].steps.tolist() == sizes.tolist()
    assert by_size.metrics["mean_train_score"].to_numpy().tolist() == train.mean(axis=1).tolist()
    assert table(by_size, "learning_curve.parquet")["test_score_0"] == test[:, 0].tolist()
    assert table(by_setting, "validation_curve.parquet")["param_range"] == [0.1, 1.0]


def test_the_loss_is_a_curve_where_the_estimator_kept_one(runs: Runs) -> None:
    """Point by point as it has it."""
    runlake.autolog("sklearn")
    net = MLPClassifier((5,), max_iter=7, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        net.fit(X, Y)
    boosted = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, Y)
    quick = HistGradientBoostingClassifier(max_iter=5, early_stopping=True, random_state=0).fit(X, Y)

    found = runs()
    assert found[0].metrics["loss_curve"].to_numpy().tolist() == net.loss_curve_
    assert found[1].metrics["train_score"].to_numpy().tolist() == boosted.train_score_.tolist()
    assert found[2].metrics["validation_score"].to_numpy().tolist() == quick.validation_score_.tolist()


def test_a_model_comes_back_as_it_was(runs: Runs) -> None:
    """From the files that the run keeps, by the plugin's own reader."""
    runlake.autolog("sklearn")
    model = make_pipeline(LogisticRegression(max_iter=500)).fit(X, Y)
    runlake.disable_autolog()

    (run,) = runs()
    again = runlake.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
