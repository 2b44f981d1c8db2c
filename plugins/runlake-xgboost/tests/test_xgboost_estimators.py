"""XGBoost's classes in scikit-learn's manner: who records them, alone and inside others, and what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import runlake_xgboost
import xgboost
from runlake_xgboost.asking import training_metrics
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier

import runlake
from children import run_program
from reading import series

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(120, 3))
Y = (X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=120) > 0).astype(int)
FEW: dict[str, Any] = {"n_estimators": 4, "max_depth": 2, "n_jobs": 1}


def expected_series(model: Any) -> dict[str, list[tuple[int, float]]]:
    """What XGBoost itself says that its evaluations were."""
    return {f"{name}-{metric}": list(enumerate(values)) for name, found in model.evals_result().items() for metric, values in found.items()}


@pytest.mark.parametrize("plugins", [("xgboost",), ("sklearn", "xgboost")], ids=["alone", "with that of scikit-learn"])
def test_an_estimator_is_one_run_of_this_plugin(runs: Runs, plugins: tuple[str, ...]) -> None:
    """Whether the other is on or not."""
    bare = XGBClassifier(**FEW).fit(X, Y)
    runlake.autolog(*plugins)
    model = XGBClassifier(**FEW, eval_metric=["auc", "logloss"]).fit(X, Y, eval_set=[(X[:90], Y[:90]), (X[90:], Y[90:])], verbose=False)

    (run,) = runs()
    assert (run.info.run_name, run.tags["mlflow.autologging"], run.errors) == ("XGBClassifier", "xgboost", [])
    assert {key: value for key, value in run.tags.items() if key.startswith("estimator_")} == {
        "estimator_name": "XGBClassifier",
        "estimator_class": "xgboost.sklearn.XGBClassifier",
        "estimator_type": "classifier",
    }
    assert {key: value for key, value in run.params.items() if key != "missing"} == {
        **FEW,
        "objective": "binary:logistic",
        "eval_metric": ["auc", "logloss"],
        "enable_categorical": False,
        "num_boost_round": 4,
    }
    for key, points in expected_series(model).items():
        assert series(run.info.run_id, key) == points
    assert run.data.metrics["training_score"] == model.score(X, Y)
    assert run.data.metrics["fit_seconds"] > 0
    assert [(name, context) for name, context in datasets_of(run)] == [
        ("train", "train"),
        ("validation_0", "eval"),
        ("validation_1", "eval"),
    ]
    assert json.loads(run.read_artifact("xgboost_config.json"))["learner"]["objective"]["name"] == "binary:logistic"
    assert model.get_booster().save_raw() == bare.get_booster().save_raw()
    assert model.get_params()["callbacks"] is None


def datasets_of(run: runlake.read.Run) -> list[tuple[str, str]]:
    """Names and contexts of what it used."""
    found = runlake.get_run(run.info.run_id).inputs.dataset_inputs
    return [(each.dataset.name, next(tag.value for tag in each.tags if tag.key == "mlflow.data.context")) for each in found]


def test_without_evaluations_there_are_training_metrics() -> None:
    """Its own score and its booster's metric; of boosters alone, and of what is no estimator of XGBoost's, nothing is said."""
    weights = np.linspace(1, 2, 120)
    model = XGBRegressor(**FEW).fit(X, X[:, 0], sample_weight=weights)
    told = model.get_booster().eval(xgboost.DMatrix(X, X[:, 0], weight=weights))

    assert training_metrics(model, X, X[:, 0], weights) == {
        "training_score": model.score(X, X[:, 0], weights),
        "training_rmse": float(told.rpartition(":")[2]),
    }
    for other in (model.get_booster(), StandardScaler(), XGBRanker(**FEW).fit(X, Y, qid=np.arange(120) // 10)):
        assert training_metrics(other, X, Y, None) is None


def test_metrics_of_one_that_stopped_early_are_those_of_its_best_round(runs: Runs) -> None:
    """Which it predicts with."""
    runlake.autolog("xgboost")
    model = XGBClassifier(n_estimators=100, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:80], Y[:80], eval_set=[(X[80:], Y[80:])], verbose=False)

    (run,) = runs()
    best = model.get_booster()[: model.best_iteration + 1].eval(xgboost.DMatrix(X[:80], Y[:80]))
    found = training_metrics(model, X[:80], Y[:80], None)
    assert found == {"training_score": model.score(X[:80], Y[:80]), "training_logloss": float(best.rpartition(":")[2])}
    assert (run.params["early_stopping_rounds"], run.data.metrics["best_iteration"]) == (3, model.best_iteration)
    assert run.data.metrics["stopped_iteration"] == model.get_booster().num_boosted_rounds() - 1 == model.best_iteration + 3


def test_with_this_plugin_off_that_of_scikit_learn_records_them(runs: Runs) -> None:
    """With its metrics."""
    runlake.autolog("sklearn", "xgboost")
    runlake.xgboost.autolog(disable=True)
    XGBClassifier(**FEW).fit(X, Y)

    (run,) = runs()
    assert (run.tags["mlflow.autologging"], run.info.run_name, "training_f1_score" in run.metrics) == ("sklearn", "XGBClassifier", True)


@pytest.mark.parametrize("disabled", ["sklearn", "xgboost"])
def test_a_plugin_that_is_not_there_is_not_missed(store: Any, disabled: str) -> None:
    """By the settings of the process."""
    code = """
    import numpy, runlake, xgboost
    runlake.autolog()
    xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(numpy.eye(8), [0, 1] * 4)
    """
    done = run_program(code, store, RUNLAKE_DISABLE=disabled, RUNLAKE_JOBS="off")

    (run,) = runlake.read.open_store(store).runs()
    assert (done.stdout, done.stderr, run.errors) == ("", "", [])
    assert run.tags["mlflow.autologging"] == {"sklearn": "xgboost", "xgboost": "sklearn"}[disabled]
    assert {"training_score", {"sklearn": "training_logloss", "xgboost": "training_f1_score"}[disabled]} <= set(run.metrics)


def test_a_pipeline_is_recorded_once_with_the_rounds_of_its_step(runs: Runs) -> None:
    """Params of the step are the pipeline's; F7."""
    runlake.autolog("sklearn", "xgboost")
    model = make_pipeline(StandardScaler(), XGBClassifier(**FEW))
    model.fit(X, Y, xgbclassifier__eval_set=[(X, Y)], xgbclassifier__verbose=False)

    (run,) = runs()
    rounds = expected_series(model[-1])
    assert (run.tags["estimator_name"], run.params["xgbclassifier__max_depth"], run.params["num_boost_round"]) == ("Pipeline", 2, 4)
    assert "max_depth" not in run.params
    assert {key: series(run.info.run_id, key) for key in rounds} == rounds


def test_of_a_search_the_best_estimator_s_rounds_are_recorded(runs: Runs) -> None:
    """Once it is over; candidates are listened to by nobody."""
    runlake.autolog("sklearn", "xgboost")
    search = GridSearchCV(XGBClassifier(n_estimators=3, n_jobs=1), {"max_depth": [1, 2]}, cv=2)
    search.fit(X, Y, eval_set=[(X, Y)], verbose=False)

    run = next(run for run in runs() if run.info.run_name == "GridSearchCV")
    rounds = expected_series(search.best_estimator_)
    assert {key: series(run.info.run_id, key) for key in rounds} == rounds
    assert not {"max_depth", "num_boost_round", "n_estimators"} & set(run.params)
    assert "xgboost_config.json" not in run.artifacts
    assert (len(runs()), run.errors) == (3, [])


def test_other_classes_are_recorded_under_their_names(runs: Runs) -> None:
    """A forest, a ranker, and one of the program's own."""

    class Mine(XGBRegressor):
        def fit(self, rows: Any, targets: Any) -> Any:
            return super().fit(rows, targets)

    runlake.autolog("xgboost")
    XGBRFClassifier(**FEW).fit(X, Y)
    XGBRanker(**FEW).fit(X, Y, qid=np.arange(120) // 10)
    Mine(**FEW).fit(X, Y)

    named = {run.info.run_name: run for run in runs()}
    assert named.keys() == {"XGBRFClassifier", "XGBRanker", "Mine"}
    assert [run.errors for run in named.values()] == [[]] * 3
    assert named["XGBRFClassifier"].params["num_boost_round"] == 1
    assert "a class of the program's own" in named["Mine"].tags["runlake.skipped.model"]


def test_arguments_by_place_are_understood(runs: Runs) -> None:
    """XGBoost still takes them, and warns."""
    runlake.autolog("xgboost")
    with pytest.warns(FutureWarning, match="Pass `sample_weight` as keyword"):
        XGBRegressor(**FEW).fit(X, Y, np.ones(120))

    (run,) = runs()
    assert (run.info.status, run.errors) == ("FINISHED", [])


def test_a_second_fit_is_a_run_of_its_own_and_may_go_on_with_the_first(runs: Runs) -> None:
    """Inside a run of the user's the second is a run inside it."""
    runlake.autolog("xgboost")
    with runlake.start_run(run_name="mine") as mine:
        first = XGBRegressor(**FEW).fit(X, Y)
        XGBRegressor(n_estimators=2, max_depth=3, n_jobs=1).fit(X, Y, xgb_model=first)

    named = {run.info.run_name: run for run in runs()}
    assert {name: run.params["max_depth"] for name, run in named.items()} == {"mine": 2, "XGBRegressor": 3}
    second = named["XGBRegressor"]
    assert (second.info.parent_run_id, second.tags["runlake.continues"]) == (mine.run_id, mine.run_id)
    assert second.params["continued_from_rounds"] == 4


def test_settings_that_are_no_data_are_named_or_left_out(runs: Runs) -> None:
    """And a generator is drawn from as often as without."""

    def objective(targets: Any, said: Any) -> Any:
        return said - targets, np.ones_like(said)

    runlake.autolog("xgboost")
    given, twin = np.random.RandomState(3), np.random.RandomState(3)
    callbacks: list[Any] = [xgboost.callback.EarlyStopping(rounds=2)]
    model = XGBRegressor(**FEW, objective=objective, random_state=given, callbacks=callbacks)
    model.fit(X, Y, eval_set=[(X, Y)], verbose=False)
    runlake.disable_autolog()
    XGBRegressor(**FEW, objective=objective, random_state=twin, callbacks=[xgboost.callback.EarlyStopping(rounds=2)]).fit(
        X, Y, eval_set=[(X, Y)], verbose=False
    )

    (run,) = runs()
    assert run.params["objective"].endswith("<locals>.objective")
    assert run.params["random_state"] == "numpy.random.mtrand.RandomState"
    assert "callbacks" not in run.params
    assert (len(callbacks), run.tags["runlake.model.left_out"]) == (1, "objective, callbacks, random_state")
    assert given.randint(2**31) == twin.randint(2**31)


def test_disabling_this_plugin_leaves_the_metrics_of_scikit_learn(runs: Runs) -> None:
    """What the two capture, they capture by themselves."""
    from sklearn.linear_model import LogisticRegression

    runlake.autolog("sklearn", "xgboost")
    runlake.xgboost.autolog(disable=True)
    model = LogisticRegression().fit(X, Y)
    model.score(X, Y)

    (run,) = runs()
    assert {"training_f1_score", "training_score"} <= set(run.metrics)


def test_what_others_do_in_their_workers_is_left_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's estimators, and shares of a training."""

    class OfWorkers(XGBRegressor):
        __module__ = "xgboost.dask"

        def fit(self, rows: Any, targets: Any) -> Any:
            return super().fit(rows, targets)

    runlake.autolog("sklearn", "xgboost")
    OfWorkers(**FEW).fit(X, Y)
    monkeypatch.setattr(xgboost.collective, "is_distributed", lambda: True)
    xgboost.train({"nthread": 1}, xgboost.DMatrix(X, Y), 2)
    xgboost.cv({"nthread": 1}, xgboost.DMatrix(X, Y), 2)

    assert runs() == []


def test_data_that_a_training_changes_is_described_as_it_was(runs: Runs) -> None:
    """And is not asked about afterwards."""
    digests = []
    for is_changed in (False, True):
        frame = pd.DataFrame(X, columns=list("abc"))

        def metric(targets: Any, said: Any, frame: Any = frame, is_changed: bool = is_changed) -> float:
            if is_changed:
                frame["a"] = "changed"
            return float(np.abs(targets - said).max())

        runlake.autolog("xgboost")
        XGBRegressor(**FEW, eval_metric=metric).fit(frame, Y, eval_set=[(frame.copy(), Y)], verbose=False)
        runlake.disable_autolog()
    for run in runs():
        found = runlake.get_run(run.info.run_id)
        assert found.signature is not None
        assert found.signature.inputs is not None
        digests.append(([each.name for each in found.signature.inputs.inputs], found.inputs.dataset_inputs[0].dataset.digest))

    assert digests[0] == digests[1]
    assert sorted("runlake.skipped.training_metrics" in run.tags for run in runs()) == [False, True]


def test_the_demo_leaves_a_run_of_each(runs: Runs) -> None:
    """A booster that stopped early, and a classifier."""
    runlake.autolog("xgboost")
    runlake_xgboost.demo()

    named = {run.info.run_name: run for run in runs()}
    assert named.keys() == {"Booster", "XGBClassifier"}
    assert "stopped_iteration" in named["Booster"].metrics
