"""Every study of Optuna is a run, and every trial one inside it, however the study is run."""

from __future__ import annotations

import copy
import functools
import gc
import json
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from runlake_optuna import demo
from runlake_optuna.parts import Callbacks
from runlake_optuna.studies import as_ns
from sklearn.linear_model import LinearRegression

import runlake
from reading import series
from runlake.testing import Scenario, parametrize_with_plugin_checks

Runs = Callable[[], list[runlake.read.Run]]

optuna.logging.set_verbosity(optuna.logging.CRITICAL)

STATUSES = {"COMPLETE": "FINISHED", "PRUNED": "PRUNED", "FAIL": "FAILED"}


def new_study(**how: Any) -> optuna.Study:
    """One that tries the same each time."""
    return optuna.create_study(**{"sampler": optuna.samplers.TPESampler(seed=1), **how})


def objective(trial: optuna.Trial) -> float:
    """A value; every third trial is pruned."""
    x = trial.suggest_float("x", -1, 1)
    depth = trial.suggest_int("depth", 1, 4)
    kind = trial.suggest_categorical("kind", ["a", None, True, 2])
    for step in range(3):
        trial.report(x + step, step)
        if trial.number % 3 == 2 and step == 1:
            raise optuna.TrialPruned
    return x**2 + depth + len(str(kind))


def parted(runs: list[runlake.read.Run]) -> tuple[runlake.read.Run, list[runlake.read.Run]]:
    """The run of the study, and those of its trials, by number."""
    (parent,) = [run for run in runs if "sampler" in run.params]
    children = [run for run in runs if run.info.parent_run_id == parent.info.run_id]
    return parent, sorted(children, key=lambda run: int(run.tags["optuna.number"]))


def compare(children: list[runlake.read.Run], study: optuna.Study) -> None:
    """Trial by trial with what the study has."""
    assert [int(run.tags["optuna.number"]) for run in children] == [trial.number for trial in study.trials]
    names = study.metric_names or (["value"] if len(study.directions) == 1 else ["value_0", "value_1"])
    for run, trial in zip(children, study.trials, strict=True):
        assert run.params == trial.params
        assert (run.info.status, run.tags["optuna.state"]) == (STATUSES[trial.state.name], trial.state.name)
        assert [run.data.metrics[name] for name in names if name in run.data.metrics] == (trial.values or [])
        assert dict(series(run.info.run_id, "intermediate_value")) == trial.intermediate_values
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        assert run.info.start_time == as_ns(trial.datetime_start) // 1_000_000
        assert run.info.end_time == as_ns(trial.datetime_complete) // 1_000_000


def test_every_trial_is_a_run_and_nothing_is_left_after(runs: Runs) -> None:
    """Unpatched, recorded, undone: what is tried is the same, and nothing is written on study or trials."""
    bare, study, after = new_study(), new_study(study_name="named"), new_study()
    bare.optimize(objective, 7)
    assert runs() == []

    runlake.autolog("optuna")
    study.optimize(objective, n_trials=7, timeout=600)
    parent, children = parted(runs())
    assert (parent.info.run_name, parent.info.status, parent.errors) == ("named", "FINISHED", [])
    told = {"study_name": "named", "n_trials": 7, "timeout": 600, "n_jobs": 1}
    assert parent.params == {"direction": "minimize", "sampler": "TPESampler", "pruner": "MedianPruner", **told}
    compare(children, study)
    assert [run.info.run_name for run in children] == [f"named {number}" for number in range(7)]
    best = study.best_trial
    assert (parent.tags["best_trial"], parent.tags["best_run"]) == (str(best.number), children[best.number].info.run_id)
    assert {name: parent.tags[f"best_{name}"] for name in best.params} == {name: str(value) for name, value in best.params.items()}
    steps, values = zip(*series(parent.info.run_id, "best_value"), strict=True)
    assert (steps, values[-1]) == (tuple(range(1, 8)), best.value)
    assert [parent.tags["runlake.goal.best_value"], children[0].tags["runlake.goal.value"]] == ["min", "min"]
    assert json.loads(parent.tags["optuna.search_space"]).keys() == {"x", "depth", "kind"}

    runlake.disable_autolog()
    after.optimize(objective, 7)
    assert len(runs()) == 8
    for one in (study, after):
        assert [(t.params, t.values, t.state) for t in one.trials] == [(t.params, t.values, t.state) for t in bare.trials]
    assert all(trial.system_attrs == trial.user_attrs == {} for trial in study.trials)
    assert (study.user_attrs, vars(study).keys()) == ({}, vars(bare).keys())


class Objective:
    """One that is an object."""

    def __call__(self, trial: optuna.Trial) -> float:
        """What a function would give."""
        return objective(trial)


OBJECTIVES: dict[str, Callable[[optuna.Trial], float]] = {
    "an object": Objective(),
    "a lambda": lambda trial: objective(trial),
    "a partial": functools.partial(lambda more, trial: objective(trial) + more, 1),
}


@pytest.mark.parametrize("kind", OBJECTIVES)
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_whatever_the_objective_is(runs: Runs, kind: str, n_jobs: int) -> None:
    """Also from several threads at once."""
    runlake.autolog("optuna")
    study = new_study()
    study.optimize(OBJECTIVES[kind], 8, n_jobs=n_jobs)

    parent, children = parted(runs())
    compare(children, study)
    assert (parent.info.run_name, children[0].info.run_name) == ("study", "trial 0")
    assert (parent.info.status, parent.tags["best_trial"]) == ("FINISHED", str(study.best_trial.number))
    assert series(parent.info.run_id, "best_value")[-1] == (8, study.best_value)


OUTCOMES: dict[str, tuple[Any, str]] = {
    "None": (None, "the objective gave None, which is no value"),
    "NaN": (math.nan, "the objective gave nan, which is no value"),
    "text": ("much", "the objective gave 'much', which is no value"),
    "too many": ((1.0, 2.0), "the objective gave 2 values for 1 objectives"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_optuna_refuses_failed_with_the_reason(runs: Runs, outcome: str) -> None:
    """The study goes on."""
    given, why = OUTCOMES[outcome]
    runlake.autolog("optuna")
    new_study().optimize(lambda trial: given if trial.number == 1 else 1.0, 3)

    parent, children = parted(runs())
    assert (parent.info.status, [run.info.status for run in children]) == ("FINISHED", ["FINISHED", "FAILED", "FINISHED"])
    assert [run.tags.get("runlake.exception") for run in children] == [None, why, None]


def raising(error: BaseException) -> Callable[[optuna.Trial], float]:
    """An objective that raises in its third trial."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 0)
        if trial.number == 2:
            raise error
        return x

    return objective


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("mine"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(3), "FAILED")],
    ids=["error", "Ctrl-C", "exit"],
)
def test_what_an_objective_raises_passes_on(runs: Runs, error: BaseException, status: str) -> None:
    """What is known of that trial is kept."""
    runlake.autolog("optuna")
    with pytest.raises(type(error)) as raised:
        new_study().optimize(raising(error), 9)

    parent, children = parted(runs())
    assert raised.value is error
    assert (parent.info.status, [run.info.status for run in children]) == (status, ["FINISHED", "FINISHED", status])
    assert children[2].tags["runlake.exception"].startswith(type(error).__name__)
    assert [*children[2].data.metrics, *children[2].params] == ["intermediate_value", "x"]


def test_what_is_caught_fails_alone(runs: Runs) -> None:
    """`catch=`, in threads too."""
    runlake.autolog("optuna")
    for n_jobs in (1, 2):
        new_study().optimize(raising(ValueError("mine")), 5, catch=ValueError, n_jobs=n_jobs)

    assert sorted(run.info.status for run in runs()) == ["FAILED"] * 2 + ["FINISHED"] * 10
    assert [run.tags["runlake.exception"] for run in runs() if run.info.status == "FAILED"] == ["ValueError: mine"] * 2


def test_callbacks_are_the_users(runs: Runs) -> None:
    """A list stays as it is, and may grow; one of them stops the study, one raises, and still the trial is told of."""
    runlake.autolog("optuna")
    seen: list[int] = []
    callbacks: list[Any] = [lambda study, trial: seen.append(trial.number)]
    given = copy.copy(callbacks)
    new_study().optimize(objective, 4, callbacks=callbacks)
    assert (callbacks, seen) == (given, [0, 1, 2, 3])
    new_study().optimize(objective, 9, callbacks=[optuna.study.MaxTrialsCallback(2, None)])
    with pytest.raises(ZeroDivisionError):
        new_study().optimize(objective, 9, callbacks=(lambda study, trial: print(1 / (1 - trial.number)),))

    studies = [run for run in runs() if "sampler" in run.params]
    sizes = [sum(run.info.parent_run_id == study.info.run_id for run in runs()) for study in studies]
    assert sorted(zip([study.info.status for study in studies], sizes, strict=True)) == [("FAILED", 2), ("FINISHED", 2), ("FINISHED", 4)]
    assert "RUNNING" not in {run.info.status for run in runs()}


def test_callbacks_are_taken_as_they_are_at_each_trial() -> None:
    """As the library does it with the list itself."""
    given: list[Any] = ["a"]
    both = Callbacks(given, "ours")
    assert list(both) == ["a", "ours"]
    given.append("b")

    assert list(both) == ["a", "b", "ours"]
    assert list(Callbacks(None, "ours")) == ["ours"]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # of `set_metric_names`
@pytest.mark.parametrize("is_named", [False, True])
def test_several_objectives_have_a_front(runs: Runs, is_named: bool) -> None:
    """Its size as a series, and which trials are in it."""
    runlake.autolog("optuna")
    study = new_study(directions=["minimize", "maximize"])
    if is_named:
        study.set_metric_names(["loss", "auc"])
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)), 12)

    parent, children = parted(runs())
    compare(children, study)
    front = sorted(trial.number for trial in study.best_trials)
    assert parent.tags["pareto_trials"] == ", ".join(map(str, front))
    assert series(parent.info.run_id, "pareto_size")[-1] == (12, len(front))
    assert parent.params["directions"] == "minimize, maximize"
    names = ["loss", "auc"] if is_named else ["value_0", "value_1"]
    assert [children[0].tags[f"runlake.goal.{name}"] for name in names] == ["min", "max"]


def test_the_best_keeps_to_constraints(runs: Runs) -> None:
    """As Optuna's own does."""
    runlake.autolog("optuna")
    study = new_study(direction="maximize")

    def limited(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("less", x - 0.5)
        return x

    study.optimize(limited, 15)

    parent, _ = parted(runs())
    assert parent.tags["best_trial"] == str(study.best_trial.number)
    assert parent.data.metrics["best_value"] == study.best_value < 0.5


def test_trials_that_wait_or_were_run_elsewhere_are_recorded_once(runs: Runs) -> None:
    """One that was added is over; one that waits is run first."""
    runlake.autolog("optuna")
    study = new_study()
    study.enqueue_trial({"x": 0.25}, user_attrs={"memo": "optimal"})
    added = create_trial(params={"x": 0.5}, distributions={"x": optuna.distributions.FloatDistribution(0, 1)}, value=-4.0)
    study.add_trial(added)
    assert runs() == []
    for _ in range(2):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
        study.add_trial(added)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)

    parent, children = parted(runs())
    compare(children, study)
    assert [run.params["x"] for run in children][:2] == [0.25, 0.5]
    assert children[0].tags["memo"] == "optimal"
    assert (parent.tags["best_trial"], len(children)) == ("1", 8)


def test_a_trial_that_is_added_meanwhile_is_recorded(runs: Runs) -> None:
    """By a callback, after the last trial."""
    runlake.autolog("optuna")
    added = create_trial(params={}, distributions={}, value=-9.0)
    study = new_study()
    study.optimize(objective, 1, callbacks=[lambda study, trial: study.add_trial(added)])

    parent, children = parted(runs())
    compare(children, study)
    assert (len(children), parent.tags["best_trial"]) == (2, "1")


def test_what_was_run_before_it_was_recorded_is_there_too(runs: Runs) -> None:
    """A study goes on."""
    study = new_study()
    study.optimize(objective, 3)
    runlake.autolog("optuna")
    study.optimize(objective, 2)

    _, children = parted(runs())
    compare(children, study)


def test_a_study_that_goes_on_is_one_run(runs: Runs) -> None:
    """Whatever it is optimized or asked with."""
    runlake.autolog("optuna")
    study = new_study()
    study.optimize(objective, 2)
    assert runs()[0].info.status == "FINISHED"
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    study.tell(trial, 7.0)
    study.optimize(objective, 2)

    parent, children = parted(runs())
    compare(children, study)
    assert [step for step, _ in series(parent.info.run_id, "best_value")] == [1, 2, 3, 4, 5]


def test_what_is_asked_and_told_is_recorded(runs: Runs) -> None:
    """By trial or number, pruned, failed, refused, twice, never."""
    runlake.autolog("optuna")
    study = new_study(study_name="asked")
    trials = [study.ask() for _ in range(7)]
    for trial in trials:
        trial.report(trial.suggest_float("x", 0, 1), 3)
    study.tell(trials[0], 1.0)
    study.tell(1, [2.0])
    study.tell(trials[2], state=TrialState.PRUNED)
    study.tell(trials[3], state=TrialState.FAIL)
    with pytest.warns(UserWarning, match="not acceptable"):
        study.tell(trials[4], math.nan)
    with pytest.raises(ValueError, match="COMPLETE"):
        study.tell(trials[0], 5.0)
    study.tell(trials[0], 5.0, skip_if_finished=True)
    parent, children = parted(runs())
    assert [run.info.status for run in (parent, *children)] == ["RUNNING", "FINISHED", "FINISHED", "PRUNED", "FAILED", "FAILED"] + [
        "RUNNING"
    ] * 2
    study.tell(5, 0.5)
    study.tell(trials[6], 0.25)
    del trial, trials
    compare(parted(runs())[1], study)
    best = str(study.best_trial.number)

    del study
    gc.collect()
    new_study().optimize(objective, 1)  # which is when it is seen that the other one is gone
    (asked,) = [run for run in runs() if run.info.run_name == "asked"]
    assert (asked.info.status, asked.tags["best_trial"]) == ("FINISHED", best)


def test_what_is_never_told_failed_in_the_end(runs: Runs) -> None:
    """With the run that the user has open."""
    runlake.autolog("optuna")
    with runlake.start_run() as run:
        study = new_study()
        study.ask()
        told = study.ask()
        study.tell(told, 1.0)

    parent, children = parted(runs())
    assert parent.info.run_id == run.run_id  # nobody else can record what is in memory
    assert [one.info.status for one in (parent, *children)] == ["FINISHED", "FAILED", "FINISHED"]
    assert children[0].tags["optuna.state"] == "nobody told how it ended"


def test_what_is_trained_and_logged_in_a_trial_is_the_trials(runs: Runs) -> None:
    """One run for each trial, however much is recorded in it."""
    runlake.autolog("optuna", "sklearn")

    def fitted(trial: optuna.Trial) -> float:
        LinearRegression(fit_intercept=trial.suggest_categorical("intercept", [True, False])).fit(np.eye(3), np.arange(3.0))
        runlake.log_metric("mine", trial.number)
        with runlake.start_run(nested=True, run_name="inner"):
            pass
        return 1.0

    with runlake.start_run(run_name="outer"):
        new_study().optimize(fitted, 2, n_jobs=2)

    parent, children = parted(runs())
    assert (parent.info.run_name, len(runs())) == ("outer", 5)
    assert all(run.tags["estimator_name"] == "LinearRegression" and run.data.metrics["mine"] == place for place, run in enumerate(children))
    inner = [run for run in runs() if run.info.run_name == "inner"]
    assert {run.info.parent_run_id for run in inner} == {run.info.run_id for run in children}


def test_a_study_in_a_trial_is_inside_it(runs: Runs) -> None:
    """Its trials are inside the outer trial, of which it is the training."""
    runlake.autolog("optuna")

    def outer(trial: optuna.Trial) -> float:
        inner = new_study()
        inner.optimize(lambda each: each.suggest_float("y", 0, trial.suggest_float("x", 0.5, 1)), 2)
        return inner.best_value

    study = new_study(study_name="outer")
    study.optimize(outer, 2)

    (parent,) = [run for run in runs() if run.info.run_name == "outer"]
    trials = [run for run in runs() if run.info.parent_run_id == parent.info.run_id]
    inside = [run for run in runs() if run.info.parent_run_id in {trial.info.run_id for trial in trials}]
    assert [len(found) for found in (trials, inside, runs())] == [2, 4, 7]
    assert sorted(run.data.metrics["value"] for run in trials) == sorted(trial.value or 0 for trial in study.trials)
    assert {run.info.status for run in runs()} == {"FINISHED"}


def test_two_threads_that_optimize_one_study_record_it_together(runs: Runs) -> None:
    """The run is over when the last of them is."""
    runlake.autolog("optuna")
    study = new_study()
    is_first_over, is_second_there = threading.Event(), threading.Event()

    def slow(trial: optuna.Trial) -> float:
        is_second_there.set()
        is_first_over.wait(20)
        return 1.0

    thread = threading.Thread(target=lambda: study.optimize(slow, 2))
    thread.start()
    is_second_there.wait(20)
    study.optimize(objective, 3)
    parent, children = parted(runs())
    assert [parent.info.status, children[0].info.status] == ["RUNNING", "RUNNING"]
    is_first_over.set()
    thread.join()

    parent, children = parted(runs())
    compare(children, study)
    assert parent.info.status == "FINISHED"


def test_what_nobody_asked_for_leaves_no_run(runs: Runs) -> None:
    """Studies that are copied, asked how important a param is, or have no trial."""
    study = new_study(study_name="original", storage=(storage := optuna.storages.InMemoryStorage()))
    study.optimize(objective, 6)
    runlake.autolog("optuna")
    optuna.copy_study(from_study_name="original", from_storage=storage, to_storage=optuna.storages.InMemoryStorage())
    optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    new_study().optimize(objective, n_trials=0)
    new_study().add_trials(study.trials)
    study.trials_dataframe()

    assert runs() == []


def test_the_objective_pickles_as_itself(runs: Runs) -> None:
    """Whoever sends it elsewhere sends nothing of ours."""
    runlake.autolog("optuna")
    sent: list[bytes] = []

    study = new_study()
    study.optimize(objective, 1, callbacks=[lambda study, trial: sent.append(pickle.dumps(trial))])

    assert b"runlake" not in sent[0] + pickle.dumps(study) + pickle.dumps(optuna.Study.optimize)


def test_the_demo_is_silent(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """A study of eight trials, some pruned, and no word."""
    runlake.autolog("optuna")
    demo()

    parent, children = parted(runs())
    assert (parent.info.run_name, len(children), "PRUNED" in {run.info.status for run in children}) == ("demo", 8, True)
    assert capfd.readouterr() == ("", "")


def study_small(how: dict[str, Any]) -> Any:
    """What it tries and finds."""

    def square(trial: optuna.Trial) -> float:
        trial.report(1.0, 0)
        return trial.suggest_float("x", *how["range"]) ** 2

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=2))
    study.optimize(square, 3)
    return [(trial.params, trial.values) for trial in study.trials]


def fail() -> Any:
    """Inside of what it tries."""
    optuna.create_study().optimize(lambda trial: trial.suggest_float("x", 2, 1), 2)


PROGRAM = """
from optuna import create_study, logging, samplers
logging.set_verbosity(logging.ERROR)
study = create_study(sampler=samplers.RandomSampler(seed=0))
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
print(study.best_value)
"""

SCENARIO = Scenario(train=study_small, data=lambda: ({"range": (-1, 1)},), runs=4, program=PROGRAM, fail=fail, series="intermediate_value")


@parametrize_with_plugin_checks("optuna", SCENARIO)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all."""
    check()
