"""How much features matter and how outputs come apart by them are LightGBM's own numbers, and add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from runlake_lightgbm import describe_data, explainer, feature_importance, learner, predict_sample, training_metrics
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import runlake
from runlake.analysis.additivity import not_additive

Runs = Callable[[], list[runlake.read.Run]]

DICE = np.random.default_rng(0)
X = DICE.normal(size=(200, 3))
X[::7, 1] = np.nan
SIGNAL = X[:, 0] + np.nan_to_num(X[:, 1]) ** 2
TWO, THREE = (SIGNAL > 0.5).astype(int), np.digitize(SIGNAL, [0.0, 1.0])
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": pd.Categorical(np.where(X[:, 2] > 0, "up", "down"))})
FEW: dict[str, Any] = {"num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3, "num_leaves": 6, "min_data_per_group": 2}
SKLEARN: dict[str, Any] = {"n_estimators": 5, "min_child_samples": 3, "num_leaves": 6, "n_jobs": 1, "verbosity": -1}


def own_objective(said: Any, given: Any) -> Any:
    """Squared errors."""
    return said - given.get_label(), np.ones(len(said))


def own_of_classes(truth: Any, said: Any) -> Any:
    """The same for scikit-learn's side."""
    return said - truth, np.ones(len(said))


def native(targets: Any, raw: Any = X, rounds: int = 6, **params: Any) -> lightgbm.Booster:
    """A booster."""
    group = [50, 50, 50, 50] if params.get("objective") == "lambdarank" else None
    return lightgbm.train({**FEW, **params}, lightgbm.Dataset(raw, targets, group=group), rounds)


def stopped() -> lightgbm.Booster:
    """One that has more trees than it asks."""
    data = lightgbm.Dataset(X[:100], TWO[:100])
    params = {**FEW, "objective": "binary", "learning_rate": 0.9, "early_stopping_round": 3}
    return lightgbm.train(params, data, 50, [data.create_valid(X[100:], TWO[100:])], keep_training_booster=True)


MODELS: dict[str, tuple[Callable[[], Any], str, list[str]]] = {
    "two classes": (lambda: native(TWO, objective="binary"), "log-odds", ["1"]),
    "two classes by another curve": (lambda: native(TWO, objective="binary", sigmoid=2), "decision", ["1"]),
    "three classes": (lambda: native(THREE, objective="multiclass", num_class=3), "decision", ["0", "1", "2"]),
    "one against all": (lambda: native(THREE, objective="multiclassova", num_class=3), "decision", ["0", "1", "2"]),
    "chances": (lambda: native(TWO, objective="cross_entropy"), "log-odds", [""]),
    "numbers": (lambda: native(SIGNAL, objective="regression"), "prediction", [""]),
    "numbers by roots": (lambda: native(SIGNAL, objective="regression", reg_sqrt=True), "square root of the prediction", [""]),
    "medians": (lambda: native(SIGNAL, objective="l1"), "prediction", [""]),
    "counts": (lambda: native(THREE, objective="poisson"), "log of the prediction", [""]),
    "sizes": (lambda: native(np.abs(SIGNAL) + 0.1, objective="gamma"), "log of the prediction", [""]),
    "ranks": (lambda: native(THREE, objective="lambdarank"), "decision", [""]),
    "a function": (lambda: native(SIGNAL, objective=own_objective), "decision", [""]),
    "one that stopped": (stopped, "log-odds", ["1"]),
    "dart": (lambda: native(TWO, objective="binary", boosting="dart"), "log-odds", ["1"]),
    "a random forest": (lambda: native(TWO, objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6), "log-odds", ["1"]),
    "a classifier of texts": (lambda: lightgbm.LGBMClassifier(**SKLEARN).fit(X, np.array(["no", "yes"])[TWO]), "log-odds", ["yes"]),
    "a classifier of three": (lambda: lightgbm.LGBMClassifier(**SKLEARN).fit(X, THREE), "decision", ["0", "1", "2"]),
    "a regressor": (lambda: lightgbm.LGBMRegressor(**SKLEARN).fit(X, SIGNAL), "prediction", [""]),
}


@pytest.mark.parametrize(("make", "space", "outputs"), MODELS.values(), ids=MODELS)
def test_an_explanation_is_lightgbms_and_adds_up(make: Callable[[], Any], space: str, outputs: list[str]) -> None:
    """To what the model says itself in that space."""
    model = make()
    booster = getattr(model, "booster_", model)
    found = explainer(model)

    assert isinstance(found, runlake.Explainer)
    values, base = found.values(X)
    raw = found.raw(X)
    assert (found.space, list(found.outputs), values.shape) == (space, outputs, (200, 3, len(outputs)))
    assert not not_additive(values, base, raw).any()
    by_hand = booster.predict(X, pred_contrib=True)
    n_trees = booster.current_iteration() if "average_output" in booster.model_to_string() else 1
    for place in range(len(outputs)):
        np.testing.assert_allclose(values[:, :, place] * n_trees, by_hand[:, 4 * place : 4 * place + 3], rtol=1e-14)
    said = booster.predict(X)
    curves: dict[str, Callable[[Any], Any]] = {
        "log-odds": lambda raw: 1 / (1 + np.exp(-raw)),
        "log of the prediction": np.exp,
        "prediction": lambda raw: raw,
    }
    if space in curves:
        np.testing.assert_allclose(curves[space](raw[:, 0]), said, rtol=1e-9)


def test_categories_are_seen_as_lightgbm_sees_them() -> None:
    """Rows of a frame become the matrix that gives the same answers, in whatever order their categories are, unknown ones too."""
    booster = native(TWO, raw=FRAME, objective="binary")
    rows = FRAME.assign(kind=pd.Categorical(np.where(X[:, 0] > 1, "new", FRAME["kind"]), categories=["new", "up", "down"]))
    found = learner(booster, rows)

    assert found is not None
    assert (found.model is booster, list(found.names)) == (True, ["a", "b", "kind"])
    np.testing.assert_array_equal(booster.predict(found.rows), booster.predict(rows))
    explained = explainer(booster)
    assert isinstance(explained, runlake.Explainer)
    values, base = explained.values(found.rows)
    np.testing.assert_array_equal(np.c_[values[:, :, 0], np.full(200, base)], booster.predict(rows, pred_contrib=True))


def test_linear_trees_are_not_explained() -> None:
    """LightGBM has no contributions for them."""
    found = explainer(native(SIGNAL, linear_tree=True))

    assert isinstance(found, runlake.Unexplained)
    assert "linear" in found.why


@pytest.mark.parametrize("make", [lambda: native(TWO, objective="binary"), stopped, MODELS["a classifier of three"][0]])
def test_importance_is_what_lightgbm_says(make: Callable[[], Any]) -> None:
    """F4: of each kind that is wanted, in that order."""
    model = make()
    booster = getattr(model, "booster_", model)

    for given, kinds in ((None, ["split", "gain"]), (["gain"], ["gain"]), (("gain", "split"), ["gain", "split"])):
        found = feature_importance(model, {"importance_types": given})
        assert found is not None
        assert list(found) == kinds
        assert [found[kind][""] for kind in kinds] == [booster.feature_importance(importance_type=kind).tolist() for kind in kinds]


@pytest.mark.parametrize("given", ["gain", [], ["weight"], 3])
def test_kinds_of_importance_that_are_none_are_refused(given: Any) -> None:
    """With the ones that there are."""
    with pytest.raises(runlake.InvalidValue, match="'split' and 'gain'"):
        feature_importance(native(TWO), {"importance_types": given})


def test_a_wrong_option_leaves_the_training_recorded(runs: Runs) -> None:
    """The run says what is wrong."""
    runlake.lightgbm.autolog(importance_types=["weight"])
    native(TWO)

    (run,) = runs()
    assert (run.info.status, "model/model.txt" in run.artifacts) == ("FINISHED", True)
    assert "'split' and 'gain'" in run.tags["runlake.skipped.importance"]


def test_of_other_models_nothing_is_said() -> None:
    """Nor of one that is not fitted."""
    for model in (StandardScaler(), lightgbm.LGBMRegressor(), 3):
        assert [predict_sample(model, X), learner(model, X), feature_importance(model, {}), explainer(model)] == [None] * 4
    assert training_metrics(native(TWO), X, TWO, None) is None
    assert describe_data(3) is None


def test_a_sample_is_predicted_as_the_model_does() -> None:
    """By classes where it has them; rows that LightGBM would print something about are left."""
    for make in (
        MODELS["two classes"][0],
        MODELS["a classifier of texts"][0],
        MODELS["a classifier of three"][0],
        MODELS["a regressor"][0],
    ):
        model = make()
        np.testing.assert_array_equal(predict_sample(model, X[:5]), model.predict(X[:5]))
    odd = lightgbm.LGBMClassifier(**SKLEARN, objective=own_of_classes).fit(X, TWO)
    np.testing.assert_array_equal(predict_sample(odd, X[:5]), odd.booster_.predict(X[:5]))
    assert predict_sample(native(TWO), X[:5].tolist()) is None


@pytest.fixture
def inline(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Jobs are done when a run ends."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    return runs


def test_jobs_of_a_native_run_are_done(inline: Runs) -> None:
    """With categories and missing values; the importance in the order that was asked for."""
    runlake.lightgbm.autolog(importance_types=["gain", "split"])
    booster = native(TWO, raw=FRAME, objective="binary")

    (run,) = inline()
    assert {name: (str(job.state), job.why) for name, job in run.jobs.items() if str(job.state) not in ("done", "skipped")} == {}
    assert [str(run.jobs[name].state) for name in ("importance", "explanation")] == ["done", "done"]
    assert run.importance().kinds == ["gain", "split"]
    found = run.explanation()
    assert (found.explainer, found.space, found.features) == ("lightgbm pred_contrib", "log-odds", ["a", "b", "kind"])
    np.testing.assert_array_equal(found.values[:, :, 0], np.asarray(booster.predict(FRAME, pred_contrib=True))[:, :3])


def test_jobs_of_a_pipeline_are_done(inline: Runs) -> None:
    """The last step is explained, by its name for the columns."""
    runlake.autolog("sklearn", "lightgbm")
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**SKLEARN)).fit(X, THREE)

    (run,) = inline()
    assert [str(run.jobs[name].state) for name in ("importance", "explanation")] == ["done", "done"]
    assert run.importance().kinds == ["split", "gain", "permutation"]
    found = run.explanation()
    by_hand = model[-1].booster_.predict(model[:-1].transform(X), pred_contrib=True).reshape(200, 3, 4)
    np.testing.assert_allclose(found.values, by_hand[:, :, :3].swapaxes(1, 2), rtol=1e-12)


def test_jobs_of_a_model_for_scikit_learn_are_done_without_its_plugin(inline: Runs) -> None:
    """The score by which columns are dealt out is this plugin's."""
    runlake.autolog("lightgbm")
    lightgbm.LGBMRegressor(**SKLEARN).fit(X, SIGNAL)

    (run,) = inline()
    assert [str(run.jobs[name].state) for name in ("importance", "explanation")] == ["done", "done"]
    assert "permutation" in run.importance().kinds
