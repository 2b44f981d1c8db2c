"""LightGBM's trainings are recorded round by round, under the names that LightGBM has, in one run each."""

from __future__ import annotations

import copy
import inspect
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import lightgbm
import numpy as np
import pytest
from lightgbm import cv, train  # as people import them: before autolog()
from runlake_lightgbm import demo
from runlake_lightgbm.listening import Listener
from sklearn.base import clone

import runlake
from children import run_program
from reading import series
from runlake.testing import Scenario, parametrize_with_plugin_checks

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(120, 3))
Y = (X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=120) > 0).astype(int)
FEW = {"num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3, "num_leaves": 4, "seed": 1}
PARAMS: dict[str, Any] = {"objective": "binary", "metric": ["auc", "binary_logloss"], **FEW}
SKLEARN: dict[str, Any] = {"n_estimators": 5, "min_child_samples": 3, "num_leaves": 4, "n_jobs": 1, "verbosity": -1}


def data() -> lightgbm.Dataset:
    """What is trained on."""
    return lightgbm.Dataset(X[:80], Y[:80])


def others(of: lightgbm.Dataset) -> lightgbm.Dataset:
    """What is evaluated on."""
    return of.create_valid(X[80:], Y[80:])


def recorded_series(run: runlake.read.Run) -> dict[str, list[tuple[int, float]]]:
    """Every series of a run."""
    return {key: series(run.info.run_id, key) for key in run.metrics}


def expected_series(history: Any) -> dict[str, list[tuple[int, float]]]:
    """What LightGBM itself says that its evaluations were."""
    return {f"{name}-{metric}": list(enumerate(values)) for name, metrics in history.items() for metric, values in metrics.items()}


def everything_patched() -> list[Any]:
    """What stands where the plugin puts something, under every name."""
    fits = [vars(kind)["fit"] for kind in (lightgbm.LGBMModel, lightgbm.LGBMClassifier, lightgbm.LGBMRegressor, lightgbm.LGBMRanker)]
    modules: list[Any] = [lightgbm, lightgbm.engine, lightgbm.sklearn]
    return [*fits, *(vars(module)[name] for module in modules for name in ("train", "cv") if name in vars(module)), train, cv]


def test_nothing_is_recorded_before_everything_during_and_nothing_is_left_after(runs: Runs) -> None:
    """Of a function that was imported by its name before."""
    before = everything_patched()
    bare = train(PARAMS, data(), 4)
    assert runs() == []

    runlake.autolog("lightgbm")
    history: dict[str, Any] = {}
    given = data()
    booster = train(
        PARAMS, given, 4, valid_sets=[given, others(given)], valid_names=["a", "b"], callbacks=[lightgbm.record_evaluation(history)]
    )
    (run,) = runs()
    assert (run.info.run_name, run.info.status, run.errors) == ("Booster", "FINISHED", [])
    assert run.data.params == {key: str(value) for key, value in {**PARAMS, "num_boost_round": 4}.items()}
    assert recorded_series(run) == expected_series(history)
    assert booster.model_to_string() == bare.model_to_string()
    assert {each.dataset.name for each in run.inputs.dataset_inputs} == {"train", "b"}

    runlake.disable_autolog()
    train(PARAMS, data(), 4)
    after = everything_patched()
    assert len(runs()) == 1
    assert [one for one, other in zip(before, after, strict=True) if one is not other] == []


STOPS: dict[str, Callable[[], dict[str, Any]]] = {
    "a parameter": lambda: {"params": {**PARAMS, "early_stopping_round": 2}},
    "another name of it": lambda: {"params": {**PARAMS, "n_iter_no_change": 2}},
    "a callback": lambda: {"params": PARAMS, "callbacks": [lightgbm.early_stopping(2, verbose=False)]},
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_every_round_is_recorded_whatever_stops_it(runs: Runs, stop: Callable[[], dict[str, Any]]) -> None:
    """The last one too, where early stopping ends it there."""
    runlake.autolog("lightgbm")
    history: dict[str, Any] = {}
    told, given = stop(), data()
    callbacks = [*told.pop("callbacks", []), lightgbm.record_evaluation(history)]
    before = list(callbacks)
    booster = train(**told, train_set=given, num_boost_round=200, valid_sets=[others(given)], callbacks=callbacks)

    (run,) = runs()
    found = recorded_series(run)
    n_rounds = len(found["valid_0-auc"])
    assert {key: found.pop(key)[0][1] for key in ("best_iteration", "stopped_iteration", "best_score-valid_0-auc")} == {
        "best_iteration": booster.best_iteration,
        "stopped_iteration": n_rounds,
        "best_score-valid_0-auc": booster.best_score["valid_0"]["auc"],
    }
    assert booster.best_iteration < n_rounds < 200
    assert found.pop("best_score-valid_0-binary_logloss")
    assert found == expected_series(history)
    assert [one for one, other in zip(callbacks, before, strict=True) if one is not other] == []
    assert 2 in (run.params.get(name) for name in ("early_stopping_round", "n_iter_no_change", "early_stopping_rounds"))


def test_what_lightgbm_made_of_the_parameters_is_apart(runs: Runs) -> None:
    """With its defaults, and nothing in place of what was given."""
    runlake.autolog("lightgbm")
    train({**FEW, "eta": 0.5}, data(), 3)

    (run,) = runs()
    config = run.read_artifact("lightgbm_config.json")
    assert run.params["eta"] == 0.5
    assert "learning_rate" not in run.params
    assert b'"learning_rate": 0.5' in config
    assert b'"num_leaves": 4' in config


def own_objective(said: Any, given: lightgbm.Dataset) -> Any:
    """Squared errors."""
    return said - given.get_label(), np.ones(len(said))


def own_metric(said: Any, given: lightgbm.Dataset) -> tuple[str, float, bool]:
    """The largest error."""
    return "worst@1", float(np.max(np.abs(said - given.get_label()))), False


def test_functions_are_named_and_objects_are_left_out(runs: Runs) -> None:
    """F1, F5: metrics keep whatever name they have."""
    runlake.autolog("lightgbm")
    given = data()
    train({**FEW, "objective": own_objective, "metric": "None"}, given, 3, valid_sets=[others(given)], feval=own_metric)

    (run,) = runs()
    assert run.params["objective"].endswith("test_lightgbm_plugin.own_objective")
    assert run.params["feval"].endswith("test_lightgbm_plugin.own_metric")
    assert len(run.metrics["valid_0-worst@1"]) == 3
    assert not {"train_set", "valid_sets", "callbacks"} & run.params.keys()


def test_of_cross_validation_the_means_are_recorded(runs: Runs) -> None:
    """F12: as its result has them."""
    bare = cv(PARAMS, data(), 4, nfold=3)
    runlake.autolog("lightgbm")
    found: Any = cv(PARAMS, data(), 4, nfold=3, callbacks=None)

    (run,) = runs()
    assert found == bare
    assert (run.info.run_name, run.params["nfold"], run.params["num_boost_round"], run.errors) == ("cv", 3, 4, [])
    named = {key.replace(" ", "-").replace("stdv", "std"): list(enumerate(values)) for key, values in found.items()}
    assert recorded_series(run) == named


def test_a_cross_validation_that_stops_early_says_where(runs: Runs) -> None:
    """Its result ends with the best round; the series have all."""
    runlake.autolog("lightgbm")
    found: Any = cv({**PARAMS, "metric": "auc", "early_stopping_round": 2}, data(), 100, nfold=3, return_cvbooster=True)

    (run,) = runs()
    n = found["cvbooster"].best_iteration
    assert run.data.metrics["best_iteration"] == n == len(found["valid auc-mean"])
    assert run.data.metrics["best_score"] == found["valid auc-mean"][-1]
    assert run.data.metrics["stopped_iteration"] == len(run.metrics["valid-auc-mean"]) > n


@pytest.mark.parametrize("callbacks", [None, [], (), [lightgbm.log_evaluation(0)]], ids=["none", "a list", "a tuple", "one"])
def test_callbacks_may_be_given_in_any_way(runs: Runs, callbacks: Any) -> None:
    """F10: by position too; the list is not changed, and using it again keeps runs apart."""
    runlake.autolog("lightgbm")
    before = copy.copy(callbacks)
    for rounds in (3, 2):
        given = data()
        train(PARAMS, given, rounds, [others(given)], ["b"], None, None, False, callbacks)

    assert [len(run.metrics["b-auc"]) for run in runs()] == [3, 2] or [len(run.metrics["b-auc"]) for run in runs()] == [2, 3]
    assert callbacks == before


def test_a_users_callback_that_raises_keeps_what_was_before(runs: Runs) -> None:
    """And its exception comes through."""
    runlake.autolog("lightgbm")

    def fail(env: Any) -> None:
        if env.iteration == 5:
            raise RuntimeError("the user's")

    given = data()
    with pytest.raises(RuntimeError, match="the user's"):
        train(PARAMS, given, 20, [others(given)], callbacks=[fail])

    (run,) = runs()
    assert (run.info.status, run.errors) == ("FAILED", [])
    assert [step for step, _ in series(run.info.run_id, "valid_0-auc")] == list(range(6))


def test_a_listener_that_travels_logs_nothing() -> None:
    """It pickles, and has what LightGBM looks for."""
    heard: list[Any] = []
    listener = Listener(lambda points, step: heard.append((points, step)))
    again = pickle.loads(pickle.dumps(copy.deepcopy(listener)))
    given = data()
    train(PARAMS, given, 2, [others(given)], callbacks=[again, listener])

    assert [step for _, step in heard] == [0, 1]
    assert vars(again)["order"] == listener.order


def test_continuing_is_recorded(runs: Runs, tmp_path: Path) -> None:
    """F12: of a booster, of a model for scikit-learn or what it has inside, of a file."""
    runlake.autolog("lightgbm")
    first = train(PARAMS, data(), 3)
    fitted = lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y)
    first.save_model(tmp_path / "first.txt")
    history: dict[str, Any] = {}
    given = data()
    train(PARAMS, given, 2, [others(given)], init_model=first, callbacks=[lightgbm.record_evaluation(history)])
    lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y, init_model=fitted)
    train(PARAMS, data(), 2, init_model=fitted.booster_)
    train(PARAMS, data(), 2, init_model=tmp_path / "first.txt")
    cv(PARAMS, data(), 2, nfold=2, init_model=first)

    one, two, *others_ = sorted(runs(), key=lambda run: run.info.run_id)
    ids = {"one": one.info.run_id, "two": two.info.run_id}
    assert [run.tags["runlake.continues"] for run in others_] == [ids["one"], ids["two"], ids["two"], "first.txt", ids["one"]]
    assert [run.params.get("continued_from_rounds") for run in others_] == [3, 5, 5, 3, 3]
    assert series(others_[0].info.run_id, "valid_0-auc") == [(3 + step, value) for step, value in enumerate(history["valid_0"]["auc"])]


def test_what_is_public_is_what_it_was(runs: Runs) -> None:
    """ClearML's failures: classes stay classes, functions keep their signatures, everything pickles and copies."""
    functions = {name: found for name, found in vars(lightgbm).items() if inspect.isfunction(found) and not name.startswith("_")}
    before = {name: (str(inspect.signature(found)), pickle.dumps(found)) for name, found in functions.items()}
    assert {"train", "cv"} <= functions.keys()

    runlake.autolog("lightgbm")
    assert all(inspect.isclass(getattr(lightgbm, name)) for name in ("Booster", "Dataset", "LGBMModel", "LGBMClassifier", "CVBooster"))
    for name in functions:
        found = getattr(lightgbm, name)
        assert (inspect.isfunction(found), (str(inspect.signature(found)), pickle.dumps(found))) == (True, before[name])
        assert copy.deepcopy(found) == found
    given = data().construct()
    assert isinstance(lightgbm.Booster(PARAMS, given), lightgbm.Booster)
    model = lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y)
    assert b"runlake" not in pickle.dumps(model) + cloudpickle.dumps(model) + pickle.dumps(clone(model)) + pickle.dumps(lightgbm.train)
    assert str(inspect.signature(model.fit)).startswith("(X: ")


def test_the_model_of_the_run_says_the_same(runs: Runs) -> None:
    """It and its signature are kept."""
    runlake.autolog("lightgbm")
    booster = train(PARAMS, data(), 3)

    (run,) = runs()
    again = runlake.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_array_equal(again.predict(X), booster.predict(X))
    assert {"signature.json", "sample.parquet", "model/model.txt"} <= set(run.artifacts)


def test_large_data_is_freed_as_without(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at before is still known, and the rest is said to be gone."""
    monkeypatch.setattr("runlake_lightgbm.data.MOST_HELD", 0)
    runlake.autolog("lightgbm")
    raw = np.tile(X, (10, 1))
    held = weakref.ref(raw)
    given = lightgbm.Dataset(raw, np.tile(Y, 10))
    del raw
    alive: list[bool] = []
    train(PARAMS, given, 2, callbacks=[lambda env: alive.append(held() is not None)])

    (run,) = runs()
    assert alive == [False, False]
    assert (run.errors, "runlake.skipped.explanation" in run.tags) == ([], True)
    assert "changed" not in run.tags["runlake.skipped.explanation"]


def test_a_dataset_of_a_file_is_trained_on_and_nothing_is_read_twice(runs: Runs, tmp_path: Path) -> None:
    """F9: the explanation alone is missing, and why."""
    np.savetxt(tmp_path / "rows.csv", np.column_stack([Y, X]), delimiter=",")
    runlake.autolog("lightgbm")
    for _ in range(2):
        train(PARAMS, lightgbm.Dataset(tmp_path / "rows.csv"), 2)

    for run in runs():
        assert (run.info.status, run.errors) == ("FINISHED", [])
        assert "read a file" in run.tags["runlake.skipped.explanation"]
        assert "model/model.txt" in run.artifacts


def test_the_demo_is_silent(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """Two runs, and no word."""
    runlake.autolog("lightgbm")
    demo()

    assert sorted(run.info.run_name for run in runs()) == ["Booster", "LGBMRegressor"]
    assert capfd.readouterr() == ("", "")


def test_the_package_imports_nothing_of_its_library() -> None:
    """Its module is imported when it is enabled."""
    code = "import sys, runlake_lightgbm; print([name for name in ('lightgbm', 'sklearn', 'numpy') if name in sys.modules])"
    ended = run_program(code, Path("unused"))

    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def train_native(params: Any, given: lightgbm.Dataset, sets: Any, callbacks: Any) -> Any:
    """With lists and dictionaries of the caller's own."""
    return lightgbm.train(params, given, 5, valid_sets=sets, callbacks=callbacks)


def native_data() -> Any:
    """Fresh ones."""
    given = data()
    return dict(PARAMS), given, [others(given)], []


def fit_classifier(inputs: Any, targets: Any) -> Any:
    return lightgbm.LGBMClassifier(**SKLEARN).fit(inputs, targets, eval_X=X[80:], eval_y=Y[80:])


PROGRAM = """
import numpy
from lightgbm import Dataset, {name}
data = Dataset(numpy.arange(40.0).reshape(20, 2), numpy.arange(20) % 2)
model = {name}({{"objective": "binary", "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3}}, data, 3)
print(type(model).__name__)
"""
FIT = """
import numpy
from lightgbm import LGBMRegressor
model = LGBMRegressor(n_estimators=3, n_jobs=1, verbosity=-1, min_child_samples=3)
print(model.fit(numpy.arange(40.0).reshape(20, 2), numpy.arange(20.0)).n_iter_)
"""

SCENARIOS = {
    "train": Scenario(
        train=train_native,
        data=native_data,
        rows=lambda: X[:5],
        told_by=lambda booster: booster.model_to_string(),
        patched=["lightgbm.engine:train"],
        program=PROGRAM.format(name="train"),
        fail=lambda: lightgbm.train({**PARAMS, "objective": "none such"}, data(), 5),
        series="valid_0-auc",
    ),
    "cv": Scenario(
        train=lambda params, given: lightgbm.cv(params, given, 5, nfold=2),
        data=lambda: (dict(PARAMS), data()),
        patched=["lightgbm.engine:cv"],
        program=PROGRAM.format(name="cv"),
        fail=lambda: lightgbm.cv(PARAMS, data(), 0),
        series="valid-auc-mean",
    ),
    "a classifier": Scenario(
        train=fit_classifier,
        data=lambda: (X.copy(), Y.copy()),
        program=FIT,
        patched=["lightgbm.sklearn:LGBMModel.fit", "lightgbm.sklearn:LGBMClassifier.fit"],
        fail=lambda: lightgbm.LGBMClassifier(objective="none such", verbosity=-1).fit(X, Y),
        series="valid_0-binary_logloss",
    ),
}


@parametrize_with_plugin_checks("lightgbm", SCENARIOS)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all."""
    check()
