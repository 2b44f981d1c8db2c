"""XGBoost's trainings are recorded round by round, and are what they are without."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import xgboost
from runlake_xgboost.rounds import Listener
from xgboost import cv, train  # as people import them: before autolog()
from xgboost.callback import EarlyStopping, TrainingCallback

import runlake
from reading import series
from runlake.testing import Scenario, parametrize_with_plugin_checks

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(120, 3))
Y = (X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=120) > 0).astype(int)
PARAMS = {"max_depth": 2, "objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "seed": 1, "nthread": 1}


@pytest.fixture
def data() -> xgboost.DMatrix:
    """What is trained on."""
    return xgboost.DMatrix(X[:80], Y[:80])


@pytest.fixture
def others() -> xgboost.DMatrix:
    """What is evaluated on."""
    return xgboost.DMatrix(X[80:], Y[80:])


def recorded_series(run: runlake.read.Run) -> dict[str, list[tuple[int, float]]]:
    """Every series of a run."""
    return {key: series(run.info.run_id, key) for key in run.metrics}


def expected_series(history: Any) -> dict[str, list[tuple[int, float]]]:
    """What XGBoost itself says that its evaluations were."""
    return {f"{name}-{metric}": list(enumerate(values)) for name, metrics in history.items() for metric, values in metrics.items()}


def everything_patched() -> list[Any]:
    """What stands where the plugin puts something: the functions stay, what they call inside does not."""
    cells = [*(train.__closure__ or ()), *(cv.__closure__ or ())]
    return [vars(xgboost.callback.CallbackContainer)["__init__"], train, cv, *(cell.cell_contents for cell in cells)]


def test_nothing_is_recorded_before_everything_during_and_nothing_is_left_after(
    runs: Runs, data: xgboost.DMatrix, others: xgboost.DMatrix
) -> None:
    """Of a function that was imported by its name before."""
    before = everything_patched()
    bare = train(PARAMS, data, 4)
    assert runs() == []

    runlake.autolog("xgboost")
    history: dict[str, Any] = {}
    booster = train(PARAMS, data, 4, evals=[(data, "train"), (others, "eval")], evals_result=history, verbose_eval=False)
    (run,) = runs()
    assert (run.info.run_name, run.info.status, run.errors) == ("Booster", "FINISHED", [])
    assert run.data.params == {key: str(value) for key, value in {**PARAMS, "num_boost_round": 4}.items()}
    assert recorded_series(run) == expected_series(history)
    assert booster.save_raw() == bare.save_raw()

    runlake.disable_autolog()
    train(PARAMS, data, 4)
    after = everything_patched()
    assert len(runs()) == 1
    assert [one for one, other in zip(before, after, strict=True) if one is not other] == []


@pytest.mark.parametrize("callbacks", [None, [], [EarlyStopping(rounds=2)]], ids=["none", "an empty list", "one that stops"])
def test_every_round_is_recorded_whatever_stops_it(runs: Runs, data: xgboost.DMatrix, others: xgboost.DMatrix, callbacks: Any) -> None:
    """The last one too, where early stopping ends it there."""
    runlake.autolog("xgboost")
    history: dict[str, Any] = {}
    given = None if callbacks is None else list(callbacks)
    stop = None if callbacks else 2
    booster = train(
        PARAMS, data, 200, evals=[(others, "eval")], evals_result=history, callbacks=given, early_stopping_rounds=stop, verbose_eval=False
    )

    (run,) = runs()
    found = recorded_series(run)
    assert {key: found.pop(key) for key in ("best_iteration", "best_score", "stopped_iteration")} == {
        "best_iteration": [(0, booster.best_iteration)],
        "best_score": [(0, booster.best_score)],
        "stopped_iteration": [(0, booster.num_boosted_rounds() - 1)],
    }
    assert run.params["early_stopping_rounds"] == 2
    assert found == expected_series(history)
    assert len(found["eval-logloss"]) == booster.num_boosted_rounds() < 200
    assert given == (None if callbacks is None else callbacks)  # the caller's list has nothing of ours in it


def test_arguments_by_position_are_understood(runs: Runs, data: xgboost.DMatrix) -> None:
    """XGBoost still takes them, and warns."""
    runlake.autolog("xgboost")
    with pytest.warns(FutureWarning, match="Pass `evals` as keyword"):
        train(PARAMS, data, 3, [(data, "train")], verbose_eval=False)

    assert [len(run.metrics["train-auc"]) for run in runs()] == [3]


@pytest.mark.parametrize("stop", [None, 2])
def test_of_cross_validation_means_and_deviations_are_recorded(runs: Runs, data: xgboost.DMatrix, stop: int | None) -> None:
    """As its result has them, and where it stopped early also the rounds after the best, which the result leaves out."""
    rounds = 4 if stop is None else 200
    bare = cv(PARAMS, data, rounds, nfold=3, as_pandas=False, early_stopping_rounds=stop)
    runlake.autolog("xgboost")
    found: Any = cv(PARAMS, data, rounds, nfold=3, as_pandas=False, early_stopping_rounds=stop)

    (run,) = runs()
    recorded = recorded_series(run)
    ended = {key: recorded.pop(key)[0][1] for key in ("best_iteration", "best_score", "stopped_iteration") if key in recorded}
    assert found == bare
    assert (run.info.run_name, run.params["nfold"], run.params["num_boost_round"], run.params["shuffle"]) == ("cv", 3, rounds, True)
    assert {key: points[: len(found[key])] for key, points in recorded.items()} == {
        key: list(enumerate(values)) for key, values in found.items()
    }
    if stop:
        best = len(found["test-logloss-mean"]) - 1
        assert ended == {"best_iteration": best, "best_score": found["test-logloss-mean"][best], "stopped_iteration": best + stop}


def squared(said: Any, data: xgboost.DMatrix) -> tuple[Any, Any]:
    """An objective of the program's own."""
    return said - data.get_label(), np.ones_like(said)


def farthest(said: Any, data: xgboost.DMatrix) -> tuple[str, float]:
    """A metric of the program's own."""
    return "farthest", float(np.abs(said - data.get_label()).max())


def test_functions_are_params_by_their_names_and_data_is_none(runs: Runs, data: xgboost.DMatrix) -> None:
    """So are parameters that come as pairs; those that are not set are none either."""
    runlake.autolog("xgboost")
    pairs: Any = [("max_depth", np.int64(2)), ("eval_metric", "rmse"), ("eval_metric", "mae"), ("monotone_constraints", (1, 0, 0))]
    train(pairs, data, 2, obj=squared, custom_metric=farthest, evals=[(data, "train")], maximize=False, callbacks=(), verbose_eval=False)

    (run,) = runs()
    assert run.params == {
        "num_boost_round": 2,
        "maximize": False,
        "obj": f"{__name__}.squared",
        "custom_metric": f"{__name__}.farthest",
        "max_depth": 2,
        "eval_metric": ["rmse", "mae"],
        "monotone_constraints": [1, 0, 0],
    }
    assert run.metrics.keys() == {"train-rmse", "train-mae", "train-farthest"}


def test_what_the_library_made_of_it_is_kept(runs: Runs, data: xgboost.DMatrix) -> None:
    """Apart from what was asked for."""
    runlake.autolog("xgboost")
    booster = train(PARAMS, data, 2)

    (run,) = runs()
    assert json.loads(run.read_artifact("xgboost_config.json")) == json.loads(booster.save_config())
    assert "learning_rate" not in run.params


def test_metrics_of_a_rank_have_the_names_that_they_have(runs: Runs) -> None:
    """With a sign that other stores do not take."""
    ranked = xgboost.DMatrix(X, Y, qid=np.arange(120) // 10)
    runlake.autolog("xgboost")
    train({"objective": "rank:ndcg", "eval_metric": "ndcg@3", "nthread": 1}, ranked, 3, evals=[(ranked, "train")], verbose_eval=False)

    (run,) = runs()
    assert list(run.metrics) == ["train-ndcg@3"]
    assert len(runlake.search_runs(filter_string="metrics.`train-ndcg@3` > 0", output_format="list")) == 1


def test_a_list_of_callbacks_is_used_again(runs: Runs, data: xgboost.DMatrix) -> None:
    """The first run gets nothing of the second training."""
    runlake.autolog("xgboost")
    callbacks: list[Any] = [EarlyStopping(rounds=50)]
    for rounds in (5, 60):
        train(PARAMS, data, rounds, evals=[(data, "train")], callbacks=callbacks, verbose_eval=False)

    assert len(callbacks) == 1
    assert {run.params["num_boost_round"]: len(run.metrics["train-auc"]) for run in runs()}[5] == 5


def test_what_goes_on_with_a_model_says_with_which(runs: Runs, data: xgboost.DMatrix, tmp_path: Path) -> None:
    """By its run where that is known, else by its file."""
    runlake.autolog("xgboost")
    first = train(PARAMS, data, 3)
    path = str(tmp_path / "first.ubj")
    first.save_model(path)
    train(PARAMS, data, 4, xgb_model=first, evals=[(data, "train")], early_stopping_rounds=1, verbose_eval=False)
    train(PARAMS, data, 5, xgb_model=path)
    train(PARAMS, data, 6, xgb_model=first.save_raw())

    named = {run.params["num_boost_round"]: run for run in runs()}
    assert [named[rounds].tags.get("runlake.continues") for rounds in (3, 4, 5, 6)] == [None, named[3].info.run_id, "first.ubj", None]
    assert [named[rounds].params.get("continued_from_rounds") for rounds in (3, 4, 5, 6)] == [None, 3, 3, 3]
    assert "best_iteration" in named[4].metrics
    assert "best_iteration" not in named[5].metrics


def test_two_trainings_in_a_run_are_the_run_and_one_inside_it(runs: Runs, data: xgboost.DMatrix) -> None:
    """The first is recorded in the user's run."""
    runlake.autolog("xgboost")
    with runlake.start_run(run_name="mine") as mine:
        train(PARAMS, data, 2)
        train(PARAMS, data, 3)

    named = {run.info.run_name: run for run in runs()}
    assert {name: run.params["num_boost_round"] for name, run in named.items()} == {"mine": 2, "Booster": 3}
    assert named["Booster"].info.parent_run_id == mine.run_id


def test_what_a_users_callback_raises_reaches_the_caller_and_the_run(runs: Runs, data: xgboost.DMatrix) -> None:
    """The rounds before it are there."""

    class Failing(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if epoch == 1:
                raise ValueError("wrong")
            return False

    runlake.autolog("xgboost")
    with pytest.raises(ValueError, match="wrong"):
        train(PARAMS, data, 5, evals=[(data, "train")], callbacks=[Failing()], verbose_eval=False)

    assert [(run.info.status, len(run.metrics["train-auc"])) for run in runs()] == [("FAILED", 2)]


def test_what_is_wrong_with_parameters_is_raised_where_it_was(runs: Runs, data: xgboost.DMatrix) -> None:
    """Not by us, who would ask the booster too early."""
    runlake.autolog("xgboost")
    with pytest.raises(xgboost.core.XGBoostError, match="Unknown objective function") as raised:
        train({"objective": "no such objective"}, data, xgb_model=train({}, data, 1))

    (_, run) = sorted(runs(), key=lambda run: run.info.start_time)
    assert "XGBoosterUpdateOneIter" in str(raised.value) or "Stack" not in str(raised.value)
    assert (run.info.status, run.errors) == ("FAILED", [])


def test_forty_rounds_and_an_error_leave_forty_points(runs: Runs, data: xgboost.DMatrix) -> None:
    """However fast they were."""

    class Failing(TrainingCallback):
        def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if epoch == 40:
                raise ValueError("wrong")
            return False

    runlake.autolog("xgboost")
    with pytest.raises(ValueError, match="wrong"):
        train(PARAMS, data, 100, evals=[(data, "train")], callbacks=[Failing()], verbose_eval=False)

    (run,) = runs()
    assert [step for step, _ in series(run.info.run_id, "train-auc")] == list(range(40))


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_the_callback_can_be_sent_away_and_is_silent_there(runs: Runs, pickler: Any) -> None:
    """A library that ships its callbacks to workers is not stopped by ours."""
    runlake.autolog("xgboost")
    with runlake.start_run() as run:
        here = Listener(run)
        there = pickler.loads(pickler.dumps(here))
        booster = train(PARAMS, xgboost.DMatrix(X, Y), 1)
        for callback in (here, there):
            assert callback.before_training(model=booster) is callback.after_training(model=booster) is booster
            assert callback.before_iteration(booster, 0, {}) is callback.after_iteration(booster, 0, {"train": {"auc": [0.5]}}) is False

    assert series(run.run_id, "train-auc") == [(0, 0.5)]


@pytest.mark.parametrize("wrong", [{"importance_types": "gain"}, {"importance_types": ["shine"]}, {"model_format": "pickle"}])
def test_options_that_cannot_be_are_said(runs: Runs, data: xgboost.DMatrix, wrong: dict[str, Any], monkeypatch: Any) -> None:
    """In the run; it is recorded all the same."""
    monkeypatch.setenv("RUNLAKE_STRICT", "0")
    runlake.xgboost.autolog(**wrong)
    train(PARAMS, data, 1)

    (run,) = runs()
    assert (run.info.status, [next(iter(wrong)) in str(error) for error in run.errors]) == ("FINISHED", [True])


def train_once(params: Any, given: xgboost.DMatrix, evals: Any, callbacks: Any) -> xgboost.Booster:
    """One training with evaluations, and lists and dictionaries of the caller's own."""
    return train(params, given, 3, evals=evals, callbacks=callbacks, verbose_eval=False)


def native_data() -> Any:
    """Fresh ones."""
    given = xgboost.DMatrix(X, Y)
    return dict(PARAMS), given, [(given, "train")], []


def train_estimator(inputs: Any, targets: Any) -> xgboost.XGBClassifier:
    """One estimator with evaluations."""
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)
    return model.fit(inputs, targets, eval_set=[(inputs, targets)], verbose=False)


PROGRAM = """
import numpy
from xgboost import DMatrix, {name}
data = DMatrix(numpy.arange(40.0).reshape(20, 2), numpy.arange(20) % 2)
model = {name}({{"objective": "binary:logistic", "nthread": 1}}, data, 3)
print(type(model).__name__)
"""
FIT = """
import numpy
from xgboost import XGBRegressor
model = XGBRegressor(n_estimators=3, n_jobs=1)
print(model.fit(numpy.arange(40.0).reshape(20, 2), numpy.arange(20.0)).n_estimators)
"""
PATCHED = ["xgboost.callback:CallbackContainer.__init__", "xgboost.sklearn:XGBClassifier.fit"]
NOTHING: Any = ["nothing"]  # the library's own errors have the time in them
SCENARIOS = {
    "train": Scenario(
        train=train_once,
        data=native_data,
        rows=lambda: X[:5],
        told_by=lambda booster: bytes(booster.save_raw()),
        fail=lambda: train({}, xgboost.DMatrix(X), callbacks=NOTHING),
        series="train-auc",
        program=PROGRAM.format(name="train"),
        patched=[*PATCHED, "xgboost.training:train"],
    ),
    "fit": Scenario(
        train=train_estimator,
        data=lambda: (X.copy(), Y.copy()),
        told_by=lambda model: bytes(model.get_booster().save_raw()),
        fail=lambda: xgboost.XGBClassifier().fit(X, Y + 5),
        series="validation_0-logloss",
        program=FIT,
        patched=PATCHED,
    ),
    "cv": Scenario(
        train=lambda params, given: cv(params, given, 3, as_pandas=False),
        data=lambda: (dict(PARAMS), xgboost.DMatrix(X, Y)),
        fail=lambda: cv({}, xgboost.DMatrix(X, Y), callbacks=NOTHING),
        series="test-auc-mean",
        program=PROGRAM.format(name="cv"),
        patched=[*PATCHED, "xgboost.training:cv"],
    ),
}


@parametrize_with_plugin_checks("xgboost", SCENARIOS)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all."""
    check()
