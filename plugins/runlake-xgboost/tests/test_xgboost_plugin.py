"""XGBoost's trainings are recorded round by round, and are what they are without."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import runlake_xgboost
import xgboost
from xgboost import XGBClassifier, cv, train  # as people import them: before autolog()
from xgboost.callback import EarlyStopping, TrainingCallback

import runlake
from contract import CHECKS, Scenario
from reading import series

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
    assert {key: found.pop(key) for key in ("best_iteration", "best_score")} == {
        "best_iteration": [(0, booster.best_iteration)],
        "best_score": [(0, booster.best_score)],
    }
    assert found == expected_series(history)
    assert len(found["eval-logloss"]) == booster.num_boosted_rounds() < 200
    assert given == (None if callbacks is None else callbacks)  # the caller's list has nothing of ours in it


def test_arguments_by_position_are_understood(runs: Runs, data: xgboost.DMatrix) -> None:
    """XGBoost still takes them, and warns."""
    runlake.autolog("xgboost")
    with pytest.warns(FutureWarning, match="Pass `evals` as keyword"):
        train(PARAMS, data, 3, [(data, "train")], verbose_eval=False)

    assert [len(run.metrics["train-auc"]) for run in runs()] == [3]


def test_of_cross_validation_the_means_are_recorded(runs: Runs, data: xgboost.DMatrix) -> None:
    """As its result has them."""
    bare = cv(PARAMS, data, 4, nfold=3, as_pandas=False)
    runlake.autolog("xgboost")
    found: Any = cv(PARAMS, data, 4, nfold=3, as_pandas=False)

    (run,) = runs()
    assert found == bare
    assert (run.info.run_name, run.params["nfold"], run.params["num_boost_round"]) == ("cv", 3, 4)
    assert recorded_series(run) == {
        key.removesuffix("-mean"): list(enumerate(values)) for key, values in found.items() if key.endswith("-mean")
    }


def test_with_the_plugin_of_scikit_learn_one_run_has_what_both_know(runs: Runs) -> None:
    """It is the outermost call's."""
    bare = XGBClassifier(n_estimators=3, max_depth=2).fit(X, Y)
    runlake.autolog("sklearn", "xgboost")
    model = XGBClassifier(n_estimators=3, max_depth=2).fit(X, Y, eval_set=[(X, Y)], verbose=False)

    (run,) = runs()
    assert (run.info.run_name, run.tags["estimator_name"], run.errors) == ("XGBClassifier", "XGBClassifier", [])
    assert (run.params["n_estimators"], run.params["num_boost_round"], run.params["max_depth"]) == (3, 3, 2)
    rounds = expected_series(model.evals_result())
    assert {key: points for key, points in recorded_series(run).items() if key in rounds} == rounds
    assert run.data.metrics["training_score"] == model.score(X, Y)
    assert "XGBClassifier" in run.tags["runlake.skipped.model"]
    assert model.get_booster().save_raw() == bare.get_booster().save_raw()
    assert model.get_params()["callbacks"] is None


def test_without_it_they_are_recorded_as_boosters(runs: Runs) -> None:
    """The classes go through the same function."""
    runlake.autolog("xgboost")
    XGBClassifier(n_estimators=3).fit(X, Y)

    assert [(run.info.run_name, run.params["num_boost_round"]) for run in runs()] == [("Booster", 3)]


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


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_the_callback_can_be_sent_away_and_is_silent_there(pickler: Any) -> None:
    """A library that ships its callbacks to workers is not stopped by ours."""
    logged: list[Any] = []
    here = runlake_xgboost.listener(lambda metrics, step: logged.append((step, metrics)))
    there = pickler.loads(pickler.dumps(here))

    for callback in (here, there):
        assert callback.before_training(model="the model") == callback.after_training(model="the model") == "the model"
        assert callback.before_iteration("the model", 0, {}) is callback.after_iteration("the model", 0, {"train": {"auc": [0.5]}}) is False
    assert logged == [(0, {"train-auc": 0.5})]


def train_once() -> bytes:
    """One training with evaluations."""
    data = xgboost.DMatrix(X, Y)
    return bytes(train(PARAMS, data, 3, evals=[(data, "train")], verbose_eval=False).save_raw())


SCENARIO = Scenario(
    plugin="xgboost",
    modules=["xgboost"],
    train=train_once,
    fail=lambda: train({"objective": "no such objective"}, xgboost.DMatrix(X, Y)),
    patched=["xgboost.callback:CallbackContainer.__init__"],
    series="train-auc",
)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_plugin_holds_what_every_plugin_does(store: Path, check: Callable[[Scenario, Path], None]) -> None:
    """The checks are the same for all."""
    check(SCENARIO, store)
