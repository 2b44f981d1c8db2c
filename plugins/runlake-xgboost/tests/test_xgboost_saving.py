"""Models come back as they were, from files in which nothing is run, and what is damaged is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from runlake_xgboost.checking import InvalidModel
from runlake_xgboost.saving import loaded, saved
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
FRAME = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(["x", "y", "z", "w"] * 20), "n": pd.Categorical([3, 1] * 40)})
FEW: dict[str, Any] = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}

BOOSTERS: dict[str, tuple[dict[str, Any], Any]] = {
    "classes": ({"objective": "binary:logistic"}, Y),
    "three classes": ({"objective": "multi:softprob", "num_class": 3}, THREE),
    "targets": ({}, X[:, :2]),
    "numbers in a leaf": ({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, X[:, :2]),
    "dropped": ({"booster": "dart"}, X[:, 0]),
    "a line": ({"booster": "gblinear"}, X[:, 0]),
    "a forest": ({"num_parallel_tree": 3, "subsample": 0.5}, X[:, 0]),
    "pruned": ({"tree_method": "exact", "gamma": 0.3, "max_depth": 8}, X[:, 1]),
    "by leaves": ({"tree_method": "approx", "grow_policy": "lossguide", "max_leaves": 9}, X[:, 1]),
}


def round_trip(model: Any, model_format: str = "ubj") -> Any:
    """What comes back."""
    files = saved(model, 2**20, model_format)
    assert files is not None
    assert files.why_not == ""
    return loaded(files.files)


@pytest.mark.parametrize("model_format", ["ubj", "json"])
@pytest.mark.parametrize(("params", "targets"), BOOSTERS.values(), ids=list(BOOSTERS))
def test_a_booster_comes_back(params: dict[str, Any], targets: Any, model_format: str) -> None:
    """With its names, types, and all that it says."""
    depth = {} if params.get("booster") == "gblinear" else {"max_depth": 3}
    data = xgboost.DMatrix(X, targets, feature_names=["a", "b", "c"], feature_types=["float", "float", "q"])
    booster = xgboost.train({"nthread": 1, **depth, **params}, data, 4)
    again = round_trip(booster, model_format)

    np.testing.assert_array_equal(again.predict(data), booster.predict(data))
    assert (again.feature_names, again.feature_types) == (booster.feature_names, booster.feature_types)
    assert again.save_raw() == booster.save_raw()


def test_a_booster_that_stopped_early_and_has_categories_comes_back() -> None:
    """With its best round, and categories by their names."""
    data = xgboost.DMatrix(FRAME, Y + X[:, 1], enable_categorical=True)
    held_out = xgboost.DMatrix(FRAME, X[:, 2], enable_categorical=True)
    params = {"nthread": 1, "max_cat_to_onehot": 1}
    booster = xgboost.train(params, data, 99, evals=[(held_out, "eval")], early_stopping_rounds=2, verbose_eval=False)
    again = round_trip(booster)

    assert (again.best_iteration, again.best_score, again.attributes()) == (
        booster.best_iteration,
        booster.best_score,
        booster.attributes(),
    )
    np.testing.assert_array_equal(again.predict(data), booster.predict(data))


ESTIMATORS: dict[str, tuple[Callable[[], Any], Any, dict[str, Any]]] = {
    "two classes": (lambda: XGBClassifier(**FEW, missing=-1.0, monotone_constraints=(1, 0, 0)), Y, {}),
    "three classes": (lambda: XGBClassifier(**FEW, eval_metric=["mlogloss", "merror"], base_score=None), THREE, {}),
    "a regressor": (lambda: XGBRegressor(**FEW, learning_rate=np.float32(0.5), max_delta_step=float("inf")), X[:, 0], {}),
    "a ranker": (lambda: XGBRanker(**FEW), Y, {"qid": np.arange(80) // 8}),
    "a forest": (lambda: XGBRFClassifier(**FEW), Y, {}),
    "a forest of numbers": (lambda: XGBRFRegressor(**FEW), X[:, 0], {}),
    "a line": (lambda: XGBClassifier(n_estimators=4, booster="gblinear", n_jobs=1), THREE, {}),
    "one that stopped early": (
        lambda: XGBClassifier(n_estimators=99, early_stopping_rounds=2, n_jobs=1),
        Y,
        {"eval_set": [(X[::3], 1 - Y[::3])], "verbose": False},
    ),
}


@pytest.mark.parametrize("model_format", ["ubj", "json"])
@pytest.mark.parametrize(("make", "targets", "given"), ESTIMATORS.values(), ids=list(ESTIMATORS))
def test_an_estimator_comes_back(make: Callable[[], Any], targets: Any, given: dict[str, Any], model_format: str) -> None:
    """In its own class, with its settings, fitted or not."""
    unfitted = round_trip(make())
    model = make().fit(X, targets, **given)
    again = round_trip(model, model_format)

    assert type(unfitted) is type(again) is type(model)
    assert repr(unfitted.get_params()) == repr(make().get_params()).replace("np.float32(0.5)", "0.5")
    assert repr(again.get_params()) == repr(model.get_params()).replace("np.float32(0.5)", "0.5")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    for name in ("classes_", "feature_importances_", "best_iteration", "n_features_in_"):
        found, expected = getattr(again, name, None), getattr(model, name, None)
        assert np.array_equal(np.asarray(found), np.asarray(expected))
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_frame_s_names_come_back() -> None:
    """And its categories."""
    model = XGBRegressor(**FEW, enable_categorical=True).fit(FRAME, Y)
    again = round_trip(model)

    assert list(again.feature_names_in_) == list(FRAME.columns)
    np.testing.assert_array_equal(again.predict(FRAME), model.predict(FRAME))


def test_what_is_no_data_is_left_out_and_said() -> None:
    """It says of rows what it said."""

    def objective(targets: Any, said: Any) -> Any:
        return said - targets, np.ones_like(said)

    callbacks = [xgboost.callback.EarlyStopping(rounds=2)]
    model = XGBClassifier(**FEW, objective=objective, callbacks=callbacks, random_state=np.random.RandomState(0))
    model.fit(X, Y, eval_set=[(X, Y)], verbose=False)
    found = saved(model, 2**20, "ubj")

    assert found is not None
    assert found.notes == {"left_out": "objective, callbacks, random_state"}
    np.testing.assert_array_equal(loaded(found.files).predict_proba(X), model.predict_proba(X))


def test_what_is_not_saved_is_said() -> None:
    """A class of the program's own, and what is too large; nothing is said of other libraries' models."""

    class Mine(XGBRegressor):
        pass

    model = XGBRegressor(**FEW).fit(X, Y)
    for one, size, why in ((Mine(), 2**20, "Mine is a class of the program's own"), (model, 100, "takes more than 100 bytes")):
        found = saved(one, size, "ubj")
        assert found is not None
        assert why in found.why_not
    assert "0 feature" in getattr(saved(xgboost.Booster(), 100, "ubj"), "why_not", "")
    assert saved(StandardScaler(), 100, "ubj") is None


def test_a_model_in_a_search_over_a_pipeline_comes_back(runs: Runs) -> None:
    """From its run."""
    runlake.autolog("sklearn", "xgboost")
    model = GridSearchCV(make_pipeline(StandardScaler(), XGBClassifier(**FEW)), {"xgbclassifier__max_depth": [1, 2]}, cv=2).fit(X, THREE)
    runlake.flush()
    run = next(run for run in runs() if run.info.run_name == "GridSearchCV")

    again = runlake.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_models_of_runs_come_back(runs: Runs) -> None:
    """Of each its own kind."""
    runlake.xgboost.autolog(model_format="json")
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(X, Y), 3)
    model = XGBRegressor(**FEW).fit(X, Y)

    named = {run.info.run_name: run for run in runs()}
    again = {name: runlake.xgboost.load_model(f"runs:/{run.info.run_id}/model") for name, run in named.items()}
    np.testing.assert_array_equal(again["Booster"].predict(xgboost.DMatrix(X)), booster.predict(xgboost.DMatrix(X)))
    np.testing.assert_array_equal(again["XGBRegressor"].predict(X), model.predict(X))
    kept = named["XGBRegressor"].artifacts
    assert ("model/model.json" in kept, "model/estimator.json" in kept, "model/model.ubj" in kept) == (True, True, False)


def damaged(*path: Any, value: Any) -> bytes:
    """A model with another value somewhere."""
    told = json.loads(TREES["model.json"])
    place = told["learner"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(told).encode()


def files_of(data: xgboost.DMatrix, model_format: str) -> dict[str, bytes]:
    """Of a small booster."""
    found = saved(xgboost.train({"nthread": 1, "max_cat_to_onehot": 1}, data, 2), 2**20, model_format)
    assert found is not None
    return dict(found.files)


TREES = files_of(xgboost.DMatrix(FRAME, (FRAME["kind"] == "x") + X[:, 0], enable_categorical=True), "json")
BYTES = files_of(xgboost.DMatrix(X, Y), "ubj")["model.ubj"]
MODEL = ("gradient_booster", "model")
TREE = (*MODEL, "trees", 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"no model",
        b'{"learner": {}}',
        b"[]",
        b'{"version": [3, 2, 0], "version": 1}',
        BYTES[:-1],
        BYTES + b"}",
        BYTES[:200],
        BYTES.replace(b"left_children[$l#L\0", b"left_children[$l#L\x7f"),
        damaged(*TREE, "left_children", 0, value=10**6),
        damaged(*TREE, "left_children", 0, value=0),
        damaged(*TREE, "right_children", 0, value=-7),
        damaged(*TREE, "right_children", value=[]),
        damaged(*TREE, "parents", 1, value=10**6),
        damaged("learner_model_param", "num_class", value="999999"),
        damaged(*TREE, "split_indices", 0, value=99),
        damaged(*TREE, "split_type", 0, value=7),
        damaged(*TREE, "loss_changes", value=[]),
        damaged(*TREE, "sum_hessian", value=[1.0]),
        damaged(*TREE, "categories_segments", 0, value=10**6),
        damaged(*TREE, "categories_sizes", 0, value=10**6),
        damaged(*TREE, "categories", 0, value=-1),
        damaged(*MODEL, "tree_info", 0, value=9),
        damaged(*MODEL, "iteration_indptr", value=[0, 1, 9]),
        damaged(*MODEL, "cats", "feature_segments", 1, value=10**6),
        damaged(*MODEL, "cats", "enc", 1, "offsets", 1, value=10**6),
        damaged("learner_model_param", "num_feature", value="1"),
        damaged("gradient_booster", "name", value="other"),
    ],
)
def test_a_damaged_model_is_refused(data: bytes) -> None:
    """Before the library sees it, whose reader some of them would end the process."""
    with pytest.raises(InvalidModel, match="The file is no model of XGBoost's"):
        loaded({"model.json": data})


@pytest.mark.parametrize(
    "told",
    [
        {"class": "Popen", "params": {}},
        {"class": ["XGBModel"], "params": {}},
        {"class": "XGBRegressor"},
        {"class": "XGBRegressor", "params": {"predict": 1}},
        {"class": "XGBRegressor", "params": {"__class__": 1}},
        {"class": "XGBRegressor", "params": {"max_depth": {"set": [1]}}},
        {"class": "XGBRegressor", "params": {"max_depth": {"float": "1e999"}}},
        ["XGBRegressor"],
    ],
)
def test_damaged_settings_are_refused(told: Any) -> None:
    """Only XGBoost's own classes are made, with data."""
    with pytest.raises(InvalidModel):
        loaded({"estimator.json": json.dumps(told).encode()})
    with pytest.raises(InvalidModel, match="no model in no files"):
        loaded({})
