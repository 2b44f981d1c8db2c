"""How much features matter and what they do to predictions: as XGBoost says itself, and adding up to what the model says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xgboost
from runlake_xgboost import IMPORTANCES
from runlake_xgboost.learning import explainer_of, importance_of, learner_of
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

import runlake
from runlake.analysis.additivity import not_additive

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(150, 4)).astype(np.float32)
MISSING = np.where(X > 1.5, np.nan, X)
SIGNAL = X[:, 0] * 2 + np.sin(X[:, 1])
TWO = (SIGNAL > 0).astype(int)
THREE = np.digitize(SIGNAL, [-1.0, 1.0])


def trained(params: dict[str, Any], targets: Any, rows: Any = X, rounds: int = 8) -> xgboost.Booster:
    """A booster."""
    return xgboost.train({"nthread": 1, "max_depth": 3, **params}, xgboost.DMatrix(rows, targets), rounds)


def linear(params: dict[str, Any], targets: Any) -> xgboost.Booster:
    """A linear booster."""
    return xgboost.train({"nthread": 1, "booster": "gblinear", **params}, xgboost.DMatrix(X, targets), 8)


OF_THREE: dict[str, Any] = {"objective": "multi:softprob", "num_class": 3}
DROPPING: dict[str, Any] = {"booster": "dart", "rate_drop": 0.3, "one_drop": True}

CASES: dict[str, tuple[Callable[[], Any], str, list[str]]] = {
    "two classes": (lambda: trained({"objective": "binary:logistic"}, TWO), "log-odds", ["1"]),
    "three classes": (lambda: trained(OF_THREE, THREE), "decision", ["0", "1", "2"]),
    "numbers": (lambda: trained({}, SIGNAL), "prediction", [""]),
    "two targets": (lambda: trained({}, np.stack([SIGNAL, -SIGNAL], 1)), "prediction", ["target 0", "target 1"]),
    "counts": (lambda: trained({"objective": "count:poisson"}, np.abs(SIGNAL).round()), "log of the prediction", [""]),
    "hazards": (lambda: trained({"objective": "survival:cox"}, np.abs(SIGNAL) + 1), "log of the prediction", [""]),
    "ranks": (lambda: trained({"objective": "rank:pairwise"}, TWO), "decision", [""]),
    "missing values": (lambda: trained({}, SIGNAL, MISSING), "prediction", [""]),
    "trees that are dropped": (lambda: trained(DROPPING, SIGNAL), "prediction", [""]),
    "a forest": (lambda: trained({"num_parallel_tree": 4, "subsample": 0.5, "objective": "binary:logistic"}, TWO), "log-odds", ["1"]),
    "no tree": (lambda: trained({}, SIGNAL, rounds=0), "prediction", [""]),
    "a line": (lambda: linear({}, SIGNAL), "prediction", [""]),
    "lines of classes": (lambda: linear(OF_THREE, THREE), "decision", ["0", "1", "2"]),
    "an estimator": (lambda: XGBClassifier(n_estimators=5, n_jobs=1).fit(X, THREE), "decision", ["0", "1", "2"]),
    "a linear estimator": (lambda: XGBClassifier(n_estimators=5, n_jobs=1, booster="gblinear").fit(X, TWO), "log-odds", ["1"]),
}


@pytest.mark.parametrize(("make", "space", "outputs"), CASES.values(), ids=list(CASES))
def test_values_are_xgboosts_own_and_add_up(make: Callable[[], Any], space: str, outputs: list[str]) -> None:
    """To the margin that the model says."""
    model = make()
    rows = MISSING if model.__class__ is xgboost.Booster else X
    explainer: Any = explainer_of(model)
    values, base = explainer.values(rows)
    raw = explainer.raw(rows)

    booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
    theirs = booster.predict(xgboost.DMatrix(rows), pred_contribs=True).reshape(len(rows), -1, 5)
    assert (explainer.space, list(explainer.outputs), explainer.is_single) == (space, outputs, True)
    np.testing.assert_array_equal(values, theirs[:, :, :-1].transpose(0, 2, 1))
    np.testing.assert_array_equal(base, theirs[0, :, -1])
    assert values.shape == (150, 4, len(outputs))
    assert not not_additive(values, base, raw, is_single=True).any()


def test_of_one_that_stopped_early_the_best_rounds_are_explained() -> None:
    """Which are those that an estimator predicts with; a booster predicts with all."""
    model = XGBRegressor(n_estimators=200, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:100], SIGNAL[:100], eval_set=[(X[100:], SIGNAL[100:])], verbose=False)
    booster = model.get_booster()
    assert booster.num_boosted_rounds() > model.best_iteration + 1

    for asked, said in ((model, model.predict(X)), (booster, booster.predict(xgboost.DMatrix(X)))):
        explainer: Any = explainer_of(asked)
        values, base = explainer.values(X)
        np.testing.assert_array_equal(explainer.raw(X)[:, 0], said)
        assert not not_additive(values, base, explainer.raw(X), is_single=True).any()


def test_a_missing_value_of_the_programs_own_is_missing() -> None:
    """As the estimator was told."""
    rows = np.where(np.isnan(MISSING), -999, MISSING)
    model = XGBRegressor(n_estimators=5, n_jobs=1, missing=-999.0).fit(rows, SIGNAL)
    explainer: Any = explainer_of(model)
    values, base = explainer.values(rows)
    assert not not_additive(values, base, explainer.raw(rows), is_single=True).any()


def test_what_xgboost_does_not_explain_is_said() -> None:
    """Trees with several numbers in a leaf."""
    model = trained({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, np.stack([SIGNAL, -SIGNAL], 1))
    assert isinstance(explainer_of(model), runlake.Unexplained)
    assert importance_of(model, ["weight"]) is not None
    assert [explainer_of(other) for other in (XGBRegressor(), "no model")] == [None, None]
    assert [importance_of(other, IMPORTANCES) for other in (XGBRegressor(), "no model")] == [None, None]


def test_importance_is_what_the_booster_says() -> None:
    """By each measure, with zeros for features that it does not use."""
    frame = pd.DataFrame(np.column_stack([X, np.zeros(150)]), columns=[*"abcd", "unused"])
    booster = xgboost.train({"nthread": 1, "max_depth": 2}, xgboost.DMatrix(frame, SIGNAL), 5)

    found: Any = importance_of(booster, IMPORTANCES)
    assert list(found) == ["weight", "gain", "cover", "total_gain", "total_cover"]
    for kind, by_output in found.items():
        said = booster.get_score(importance_type=kind)
        assert "unused" not in said
        assert by_output == {"": [said.get(name, 0.0) for name in frame.columns]}
    assert list(importance_of(booster, ["total_gain", "weight"]) or ()) == ["total_gain", "weight"]
    assert importance_of(trained({}, SIGNAL, rounds=0), ["gain"]) == {"gain": {"": [0.0] * 4}}


def test_importance_of_lines_is_their_coefficients() -> None:
    """By class where there are several."""
    one, three = linear({}, SIGNAL), XGBClassifier(n_estimators=5, n_jobs=1, booster="gblinear").fit(X, THREE)
    of_three: Any = three.get_booster().get_score(importance_type="weight")

    assert importance_of(one, IMPORTANCES) == {"coefficient": {"": [one.get_score()[f"f{place}"] for place in range(4)]}}
    assert importance_of(three, IMPORTANCES) == {
        "coefficient": {str(output): [of_three[f"f{place}"][output] for place in range(4)] for output in range(3)}
    }


def test_categories_of_a_frame_are_as_the_booster_numbers_them() -> None:
    """Whatever their order in the rows at hand."""
    kinds = np.array(["a", "b", "c"] * 50)
    frame = pd.DataFrame({"kind": pd.Categorical(kinds), "size": X[:, 0]})
    model = XGBRegressor(n_estimators=5, n_jobs=1, enable_categorical=True, max_cat_to_onehot=1).fit(frame, SIGNAL + (kinds == "b"))
    told_otherwise = frame.assign(kind=pd.Categorical(kinds, ["c", "b", "a"]))

    learner: Any = learner_of(model, told_otherwise)
    explainer: Any = explainer_of(learner.model)
    assert (list(learner.names), learner.rows[:3, 0].tolist()) == (["kind", "size"], [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(explainer.raw(learner.rows)[:, 0], model.predict(frame))
    values, base = explainer.values(learner.rows)
    assert not not_additive(values, base, explainer.raw(learner.rows), is_single=True).any()
    assert isinstance(learner_of(model, pd.DataFrame({"kind": kinds, "size": X[:, 0]})), runlake.Unexplained)


def test_what_sparse_rows_lack_is_missing() -> None:
    """As it is to the model."""
    held = scipy.sparse.csr_matrix(np.where(X > 0.5, X, 0))
    model = XGBRegressor(n_estimators=5, n_jobs=1).fit(held, SIGNAL)
    learner: Any = learner_of(model, held)
    explainer: Any = explainer_of(learner.model)

    np.testing.assert_array_equal(learner.rows, np.where(X > 0.5, X, np.nan))
    np.testing.assert_array_equal(explainer.raw(learner.rows)[:, 0], model.predict(held))


@pytest.fixture
def inline(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Jobs are done when a run ends."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    return runs


def test_jobs_of_a_booster_are_done(inline: Runs) -> None:
    """By the option the first measure, which is drawn."""
    runlake.xgboost.autolog(importance_types=["gain"], model_format="json")
    frame = pd.DataFrame(MISSING, columns=list("abcd"))
    booster = xgboost.train({"nthread": 1, "objective": "binary:logistic"}, xgboost.DMatrix(frame, TWO), 5)

    (run,) = inline()
    assert {name: str(run.jobs[name].state) for name in ("importance", "explanation")} == {"importance": "done", "explanation": "done"}
    assert run.importance().kinds == ["gain"]
    said = booster.get_score(importance_type="gain")
    assert run.importance().to_pandas().set_index("feature")["value"].to_dict() == {name: said.get(name, 0.0) for name in "abcd"}
    found = run.explanation()
    raw = booster.predict(xgboost.DMatrix(frame), output_margin=True)
    np.testing.assert_allclose((found.values.sum(axis=1) + found.base)[:, 0], raw, rtol=1e-4, atol=1e-5)
    assert (found.explainer, found.space, found.features) == ("xgboost.Booster.predict", "log-odds", list("abcd"))
    assert "model/model.json" in run.artifacts


def test_jobs_of_an_estimator_are_done(inline: Runs) -> None:
    """With the plugin of scikit-learn and without; by permutation, too."""
    runlake.autolog("xgboost")
    XGBClassifier(n_estimators=5, n_jobs=1).fit(pd.DataFrame(X, columns=list("abcd")), TWO)

    (run,) = inline()
    assert {name: str(run.jobs[name].state) for name in ("importance", "explanation")} == {"importance": "done", "explanation": "done"}
    assert run.importance().kinds == [*IMPORTANCES, "permutation"]


def test_jobs_of_a_pipeline_are_done(inline: Runs) -> None:
    """Of the rows as they come to its last step."""
    runlake.autolog("sklearn", "xgboost")
    model = make_pipeline(StandardScaler(), XGBRegressor(n_estimators=5, n_jobs=1)).fit(X, SIGNAL)

    (run,) = inline()
    assert {name: str(run.jobs[name].state) for name in ("importance", "explanation")} == {"importance": "done", "explanation": "done"}
    found = run.explanation()
    np.testing.assert_allclose((found.values.sum(axis=1) + found.base)[:, 0], model.predict(X), rtol=1e-4, atol=1e-5)
    assert found.explainer == "xgboost.Booster.predict"
