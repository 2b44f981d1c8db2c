"""A sweep: each thing that it tries is a run inside its own, whatever goes wrong, and the active one while that is at work."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from runlake.instrument.training import Training
from runlake.instrument.trials import trying
from toys import recorded

Install = Callable[..., None]

# What is tried are the rounds of `toylib.train`, by the callbacks that hear of them.
SWEEPING = """
import copy, functools, pickle, threading

def in_threads(tried):
    def call_all(number, loss):
        threads = [threading.Thread(target=each, args=(place, loss)) for place, each in enumerate(tried)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [call_all]

def begin(call, number, loss):
    if number == 1 and call.arguments["data"] == "no beginning":
        raise LookupError("at the beginning")
    trial = call.trial(f"trial {number}")
    trial.run.log_param("number", number)
    return trial

def end(call, trial, outcome, error):
    if call.arguments["data"] == "no end":
        raise LookupError("at the end")
    if outcome == "later":
        return
    if isinstance(error, StopIteration):
        trial.end("PRUNED")
    else:
        trial.end("FINISHED" if error is None else "FAILED", error)

def sweep(call):
    if call.arguments["data"] == "known":
        call.is_of("the sweep", 1_700_000_000 * 10**9, is_of_many=False)
    if call.arguments["data"] == "of many":
        call.is_of("the sweep", 1_700_000_000 * 10**9)
    call.name = "sweep"
    call.holds_trainings()
    call.run.log_param("rounds", call.arguments["rounds"])
    begins, ends = functools.partial(begin, call), functools.partial(end, call)
    tried = [call.tries(begins, callback, ends) for callback in call.arguments["callbacks"] or ()]
    if call.arguments["data"] == "copied":
        call.run.set_tag("copied", pickle.loads(pickle.dumps(tried[1])) is abs and copy.copy(tried[1]) is abs)
        tried = tried[:1]
    call.rewrite(callbacks=in_threads(tried) if call.arguments["data"] == "in threads" else tried)
    yield

@hookimpl
def patches():
    return [Patch("toylib.core:train", sweep, why="to see it")]
"""
FITTING = """
def look(call):
    call.run.set_tag("fitted", "yes")
    yield

@hookimpl
def patches():
    return [Patch("toylib.core:Estimator.fit", look, why="to see it")]
"""


@pytest.fixture
def sweeping(toylib: ModuleType, install: Install) -> ModuleType:
    """The library, recorded."""
    install("sweeping", SWEEPING)
    install("fitting", FITTING)
    runlake.autolog("sweeping", "fitting")
    return toylib


def test_each_trial_is_a_run_inside_the_sweep(sweeping: ModuleType, store: Path) -> None:
    """What the program logs meanwhile is the trial's, and so is the first thing that is trained; a second is a run inside it."""

    def objective(number: int, loss: float) -> None:
        runlake.log_metric("loss", loss)
        sweeping.Estimator().fit("data")
        if number == 1:
            sweeping.Estimator().fit("data")

    sweeping.train("data", 2, [objective])

    assert recorded(store) == [
        ("sweep", "FINISHED", None, {"rounds": 2}),
        ("trial 0", "FINISHED", "sweep", {"number": 0}),
        ("trial 1", "FINISHED", "sweep", {"number": 1}),
        ("Estimator", "FINISHED", "trial 1", {}),
    ]
    runs = {run.info.run_name: run.data for run in runlake.search_runs(output_format="list")}
    assert [runs[name].metrics["loss"] for name in ("trial 0", "trial 1")] == [1.0, 0.5]
    assert [runs[name].tags["fitted"] for name in ("trial 0", "trial 1")] == ["yes", "yes"]


def test_a_trial_leaves_the_context_as_it_was(sweeping: ModuleType) -> None:
    """No run is active after it."""
    seen: list[Any] = []

    def objective(number: int, loss: float) -> None:
        active = runlake.active_run()
        seen.append(active and active.name)

    sweeping.train("data", 2, [objective])

    assert (seen, runlake.active_run()) == (["trial 0", "trial 1"], None)


def test_a_trial_that_fails_says_so_and_so_does_the_sweep(sweeping: ModuleType, store: Path) -> None:
    """The exception is the program's own, and passes."""

    def objective(number: int, loss: float) -> None:
        if number == 1:
            raise ArithmeticError("no good")

    with pytest.raises(ArithmeticError, match="no good"):
        sweeping.train("data", 3, [objective])

    assert [(name, status) for name, status, _, _ in recorded(store)] == [
        ("sweep", "FAILED"),
        ("trial 0", "FINISHED"),
        ("trial 1", "FAILED"),
    ]
    (failed,) = runlake.search_runs(filter_string="attributes.run_name = 'trial 1'", output_format="list")
    assert failed.data.tags["runlake.exception"] == "ArithmeticError: no good"


def test_a_trial_that_was_given_up_is_pruned(sweeping: ModuleType, store: Path) -> None:
    """Which is a status of its own, for searches too."""

    def objective(number: int, loss: float) -> None:
        if number == 0:
            raise StopIteration

    with pytest.raises(StopIteration):
        sweeping.train("data", 2, [objective])

    assert [(name, status) for name, status, _, _ in recorded(store)] == [("sweep", "FAILED"), ("trial 0", "PRUNED")]
    assert len(runlake.search_runs(filter_string="attributes.status = 'pruned'", output_format="list")) == 1


def test_ctrl_c_in_a_trial_is_seen(sweeping: ModuleType, store: Path) -> None:
    """It passes at once."""

    def objective(number: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweeping.train("data", 2, [objective])

    assert [(name, status) for name, status, _, _ in recorded(store)] == [("sweep", "KILLED"), ("trial 0", "FAILED")]


@pytest.mark.usefixtures("lenient")
def test_a_plugin_that_fails_costs_no_trial_but_its_own_record(sweeping: ModuleType, store: Path) -> None:
    """Where its beginning fails there is no run of that trial, where its end fails it ends all the same."""
    called: list[int] = []

    def objective(number: int, loss: float) -> None:
        called.append(number)

    sweeping.train("no beginning", 3, [objective])
    sweeping.train("no end", 2, [objective])

    assert called == [0, 1, 2, 0, 1]
    assert [(name, status) for name, status, _, _ in recorded(store)] == [
        ("sweep", "FINISHED"),
        ("trial 0", "FINISHED"),
        ("trial 2", "FINISHED"),
        ("sweep", "FINISHED"),
        ("trial 0", "FINISHED"),
        ("trial 1", "FINISHED"),
    ]


def test_a_trial_of_which_nobody_says_how_it_ended_ends_with_the_sweep(sweeping: ModuleType, store: Path) -> None:
    """Something else has gone wrong."""
    sweeping.train("data", 1, [lambda number, loss: "later"])

    assert [(name, status) for name, status, _, _ in recorded(store)] == [("sweep", "FINISHED"), ("trial 0", "FAILED")]


def test_trials_may_be_tried_in_threads(sweeping: ModuleType, store: Path) -> None:
    """Each thread has its own active run."""
    together = threading.Barrier(2, timeout=20)

    def objective(number: int, loss: float) -> None:
        together.wait()
        runlake.log_param("own", number)
        together.wait()

    sweeping.train("in threads", 1, [objective, objective])

    assert sorted((name, status, params["own"]) for name, status, inside, params in recorded(store) if inside) == [
        ("trial 0", "FINISHED", 0),
        ("trial 1", "FINISHED", 1),
    ]


def test_what_is_known_by_an_identity_is_one_run_however_often_it_is_begun(sweeping: ModuleType, store: Path) -> None:
    """It goes on where it ended, and began when it began."""
    for _ in range(2):
        sweeping.train("known", 1, [lambda number, loss: None])

    assert [(name, inside) for name, _, inside, _ in recorded(store)] == [("sweep", None), ("trial 0", "sweep"), ("trial 0", "sweep")]
    (sweep,) = runlake.search_runs(filter_string="attributes.run_name = 'sweep'", output_format="list")
    assert (sweep.info.start_time, str(sweep.info.status)) == (1_700_000_000_000, "FINISHED")


def test_a_sweep_of_one_process_is_recorded_in_the_users_run_each_time(sweeping: ModuleType, store: Path) -> None:
    """A second call is not another sweep."""
    with runlake.start_run(run_name="own"):
        for _ in range(2):
            sweeping.train("known", 1, [lambda number, loss: None])

    assert [(name, inside) for name, _, inside, _ in recorded(store)] == [("own", None), ("trial 0", "own"), ("trial 0", "own")]


def test_a_sweep_of_many_processes_has_a_run_of_its_own(sweeping: ModuleType, store: Path) -> None:
    """The others know nothing of the run that the user has open here."""
    with runlake.start_run(run_name="own"):
        sweeping.train("of many", 1, [lambda number, loss: None])
        sweeping.Estimator().fit("data")

    assert {(name, inside) for name, _, inside, _ in recorded(store)} == {("own", None), ("sweep", "own"), ("trial 0", "sweep")}
    assert "fitted" in runlake.get_run(recorded_id("own")).data.tags


def test_what_is_tried_is_pickled_as_the_function_alone(sweeping: ModuleType, store: Path) -> None:
    """It may be called in another process, which knows nothing of the sweep."""
    seen: list[Any] = []

    class Copied:
        """Looks at what it is called by."""

        def __call__(self, number: int, loss: float) -> None:
            seen.append(number)

    sweeping.train("copied", 1, [Copied(), abs])

    assert seen == [0]
    assert runlake.get_run(recorded_id("sweep")).tags["copied"] == "True"


def recorded_id(name: str) -> str:
    """The id of the run of this name."""
    (run,) = runlake.search_runs(filter_string=f"attributes.run_name = '{name}'", output_format="list")
    return str(run.info.run_id)


# The run is opened by the first trial, in whichever thread that is.
LAZY = """
import threading

def in_thread(tried):
    def call_it(number, loss):
        thread = threading.Thread(target=tried, args=(number, loss))
        thread.start()
        thread.join()
    return call_it

def sweep(call):
    call.holds_trainings()

    def begin(number, loss):
        call.is_of("the sweep", 1_700_000_000 * 10**9, is_of_many=False)
        call.run.log_metric("begun", number)
        return call.trial("trial", str(number), 1_700_000_001 * 10**9)

    def end(trial, outcome, error):
        trial.end(error=outcome or error, end_ns=1_700_000_003 * 10**9)

    call.rewrite(callbacks=[in_thread(call.tries(begin, each, end)) for each in call.arguments["callbacks"]])
    yield

@hookimpl
def patches():
    return [Patch("toylib.core:train", sweep, why="to see it")]
"""


@pytest.fixture
def lazily(toylib: ModuleType, install: Install) -> ModuleType:
    """The library, recorded from its first trial on."""
    install("lazy", LAZY)
    runlake.autolog("lazy")
    return toylib


def test_a_sweep_that_begins_in_a_thread_is_in_the_users_run(lazily: ModuleType, store: Path) -> None:
    """A thread that works for it knows of no run."""
    with runlake.start_run(run_name="mine"):
        lazily.train("data", 1, [lambda number, loss: None])

    assert [row[:3] for row in recorded(store)] == [("trial", "FINISHED", "mine"), ("mine", "FINISHED", None)]


def test_a_sweep_of_one_process_goes_on_in_its_run_once_that_has_ended(lazily: ModuleType, store: Path) -> None:
    """What it counts goes on."""
    for _ in range(2):
        lazily.train("data", 1, [lambda number, loss: None])

    (sweep,) = [run for run in runlake.search_runs(output_format="list") if "begun" in run.data.metrics]
    assert [point.step for point in runlake.get_metric_history(sweep.info.run_id, "begun")] == [0, 1]


def test_the_last_of_those_that_are_at_a_sweep_ends_it(lazily: ModuleType, store: Path) -> None:
    """In two threads of one process."""
    is_there, may_go = threading.Event(), threading.Event()

    def wait(number: int, loss: float) -> None:
        is_there.set()
        may_go.wait(20)

    thread = threading.Thread(target=lambda: lazily.train("data", 1, [wait]))
    thread.start()
    is_there.wait(20)
    lazily.train("data", 1, [lambda number, loss: None])
    assert recorded(store)[0][1] == "RUNNING"
    may_go.set()
    thread.join()

    assert recorded(store)[0][1] == "FINISHED"


def test_a_trial_ends_when_and_why_it_is_told(lazily: ModuleType, store: Path) -> None:
    """What is no exception is a reason in words."""
    lazily.train("data", 1, [lambda number, loss: "no good"])

    (trial,) = [run for run in runlake.search_runs(output_format="list") if run.info.run_name == "trial"]
    assert (trial.info.status, trial.data.tags["runlake.exception"]) == ("FAILED", "no good")
    assert (trial.info.start_time, trial.info.end_time) == (1_700_000_001_000, 1_700_000_003_000)


def test_what_is_tried_needs_nothing_of_ours_where_it_is_sent() -> None:
    """A worker may have no runlake."""
    sent = pickle.dumps(trying(Training("sweeping", "sweep"), lambda: None, abs, lambda *_: None))

    assert (b"runlake" in sent, pickle.loads(sent)) == (False, abs)
