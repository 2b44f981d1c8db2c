"""Each `fmin` of hyperopt is a run, and each evaluation one inside it, whoever evaluates."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import hyperopt
import numpy as np
import pytest
from hyperopt import fmin, hp  # as people import them: before autolog()
from hyperopt.base import JOB_STATE_DONE, JOB_STATE_NEW
from hyperopt.utils import coarse_utcnow
from runlake_hyperopt import demo
from sklearn.linear_model import LinearRegression

import runlake
from reading import series
from runlake.testing import Scenario, parametrize_with_plugin_checks

Runs = Callable[[], list[runlake.read.Run]]

SPACE = {"x": hp.uniform("x", -2, 2), "kind": hp.choice("kind", [{"name": "a", "depth": hp.randint("depth", 5)}, {"name": "b"}])}


def objective(point: dict[str, Any]) -> float:
    """A loss."""
    return float(point["x"] ** 2) + float(point["kind"].get("depth", 7))


def search(function: Any = objective, space: Any = SPACE, n: int = 5, **how: Any) -> Any:
    """A small one, the same each time."""
    algo = how.pop("algo", hyperopt.rand.suggest)
    return fmin(function, space, algo=algo, max_evals=n, rstate=np.random.default_rng(3), verbose=False, **how)


def parted(runs: list[runlake.read.Run]) -> tuple[runlake.read.Run, list[runlake.read.Run]]:
    """The run of the search, and those inside it, in order."""
    (parent,) = [run for run in runs if run.info.parent_run_id is None]
    children = [run for run in runs if run.info.parent_run_id == parent.info.run_id]
    return parent, sorted(children, key=lambda run: int(run.tags["hyperopt.tid"]))


def test_every_evaluation_is_a_run_and_nothing_is_left_after(runs: Runs) -> None:
    """Unpatched, recorded, undone: what is tried and found is the same."""
    bare, recorded, after = (hyperopt.Trials() for _ in range(3))
    best = search(trials=bare)
    assert runs() == []

    runlake.autolog("hyperopt")
    assert search(trials=recorded) == best
    parent, children = parted(runs())
    assert (parent.info.run_name, parent.info.status, parent.errors) == ("objective", "FINISHED", [])
    assert parent.params == {"algo": "rand.suggest", "max_evals": 5, "max_queue_len": 1}
    assert [run.data.metrics["loss"] for run in children] == recorded.losses() == bare.losses()
    for run, point in zip(children, recorded.trials, strict=True):
        given = hyperopt.space_eval(SPACE, {label: value[0] for label, value in point["misc"]["vals"].items() if value})
        nested = {f"kind.{name}": value for name, value in given["kind"].items()}
        assert run.params == {"x": given["x"], **nested}
    best_doc = recorded.best_trial
    assert (parent.tags["best_trial"], parent.tags["best_run"]) == (str(best_doc["tid"]), children[best_doc["tid"]].info.run_id)
    assert {label: parent.tags[f"best_{label}"] for label in best} == {label: str(value) for label, value in best.items()}
    assert series(parent.info.run_id, "best_loss")[-1] == (5, best_doc["result"]["loss"])
    assert parent.tags["runlake.goal.best_loss"] == children[0].tags["runlake.goal.loss"] == "min"

    runlake.disable_autolog()
    search(trials=after)
    assert len(runs()) == 6
    assert pickle.dumps(after.vals) == pickle.dumps(bare.vals)


RESULTS: dict[str, tuple[Any, str, str | None]] = {
    "ok": ({"loss": 1, "status": "ok", "auc": 0.5, "note": "text"}, "FINISHED", None),
    "not a number": (float("nan"), "FINISHED", None),
    "failed": ({"status": "fail"}, "FAILED", None),
    "failed with a reason": ({"status": "fail", "status_fail": "no memory"}, "FAILED", "no memory"),
}


@pytest.mark.parametrize("outcome", RESULTS)
def test_the_status_of_a_result_is_that_of_its_run(runs: Runs, outcome: str) -> None:
    """And all its numbers are metrics."""
    result, status, why = RESULTS[outcome]
    runlake.autolog("hyperopt")
    search(lambda _: result, n=1, trials=_NoArgmin())

    _, (run,) = parted(runs())
    assert (run.info.status, run.tags.get("runlake.exception")) == (status, why)
    if outcome == "ok":
        assert run.data.metrics == {"loss": 1.0, "auc": 0.5}


class _NoArgmin(hyperopt.Trials):  # type: ignore[misc]  # hyperopt has no types
    """Trials of which none need be good."""

    @property
    def argmin(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("result", [{"status": "done"}, {"loss": None, "status": "ok"}], ids=["no status", "no loss"])
def test_what_hyperopt_refuses_failed(runs: Runs, result: Any) -> None:
    """The error is hyperopt's own."""
    runlake.autolog("hyperopt")
    with pytest.raises((hyperopt.exceptions.InvalidLoss, hyperopt.exceptions.InvalidResultStatus)):
        search(lambda _: result, n=2)

    parent, (run,) = parted(runs())
    assert (parent.info.status, run.info.status) == ("FAILED", "FAILED")
    assert run.tags["runlake.exception"].startswith("the objective gave")


def fail_at(number: int, error: BaseException) -> Callable[[Any], float]:
    """An objective that raises when it is called for that time."""
    calls = iter(range(number + 5))

    def objective(point: Any) -> float:
        if next(calls) == number:
            raise error
        return float(point["x"])

    return objective


@pytest.mark.parametrize(("error", "status"), [(ValueError("mine"), "FAILED"), (KeyboardInterrupt(), "KILLED")], ids=["error", "Ctrl-C"])
def test_what_an_objective_raises_passes_on(runs: Runs, error: BaseException, status: str) -> None:
    """What was before is kept."""
    runlake.autolog("hyperopt")
    with pytest.raises(type(error)) as raised:
        search(fail_at(2, error))

    parent, children = parted(runs())
    assert raised.value is error
    assert (parent.info.status, [run.info.status for run in children]) == (status, ["FINISHED", "FINISHED", status])


def test_what_is_caught_fails_alone(runs: Runs) -> None:
    """`catch_eval_exceptions`: the search goes on."""
    runlake.autolog("hyperopt")
    search(fail_at(1, ValueError("mine")), n=3, catch_eval_exceptions=True)

    parent, children = parted(runs())
    assert parent.info.status == "FINISHED"
    assert [run.info.status for run in children].count("FAILED") == 1
    assert children[1].tags["runlake.exception"] == "ValueError: mine"


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")  # hyperopt closes no file
def test_a_search_that_goes_on_is_one_run(runs: Runs, tmp_path: Path) -> None:
    """With the same trials, or from the file where they are kept; nothing is written on them."""
    bare, trials, file = hyperopt.Trials(), hyperopt.Trials(), tmp_path / "trials.pkl"
    for n in (2, 4):
        search(trials=bare, n=n)
    runlake.autolog("hyperopt")
    for n in (2, 4):
        search(trials=trials, n=n)
    search(trials=hyperopt.Trials(), n=1)
    for n in (2, 4):
        search(n=n, trials_save_file=str(file))

    found = runs()
    sizes = [sum(run.info.parent_run_id == one.info.run_id for run in found) for one in found if one.info.parent_run_id is None]
    assert sorted(sizes) == [1, 4, 4]
    assert {run.info.status for run in found} == {"FINISHED"}
    assert vars(trials).keys() == vars(bare).keys()
    assert [doc.keys() for doc in trials.trials] == [doc.keys() for doc in bare.trials]


def annotated(x: Any) -> float:
    """A space that stands in the signature, as it would without `from __future__ import annotations`."""
    return float(x)


annotated.__annotations__ = {"x": hp.uniform("x", -1, 1)}


def with_graph(expr: Any, memo: Any, ctrl: Any) -> float:
    """What is called with the graph."""
    return float(hyperopt.pyll.rec_eval(expr, memo=memo)["x"])


low_level = hyperopt.fmin_pass_expr_memo_ctrl(with_graph)


WAYS: dict[str, Callable[[], Any]] = {
    "annotated": lambda: search(annotated, "annotated", 2),
    "with memo and ctrl": lambda: search(low_level, n=2),
    "a partial": lambda: search(functools.partial(lambda power, point: point["x"] ** power, 2), n=2),
    "points": lambda: search(n=1, points_to_evaluate=[{"x": 0.5, "kind": 1}]),
    "the space, not the labels": lambda: search(n=2, return_argmin=False),
    "Trials.fmin": lambda: hyperopt.Trials().fmin(
        objective, SPACE, algo=hyperopt.tpe.suggest, max_evals=2, rstate=np.random.default_rng(3), verbose=False
    ),
    "stopped early": lambda: search(n=9, early_stop_fn=lambda trials, *_: (len(trials.trials) >= 2, [])),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_it_is_called(runs: Runs, way: str) -> None:
    """The same is found as without, and there is one search of two evaluations."""
    bare = WAYS[way]()
    runlake.autolog("hyperopt")

    assert WAYS[way]() == bare
    parent, children = parted(runs())
    assert (parent.info.status, len(children)) == ("FINISHED", 2)
    assert all("loss" in run.data.metrics and run.params for run in children)


class Elsewhere(hyperopt.Trials):  # type: ignore[misc]  # hyperopt has no types
    """Trials that somebody else evaluates, as a worker of a database would."""

    asynchronous = True

    def refresh(self) -> None:
        """What was new is evaluated by now."""
        for doc in getattr(self, "_dynamic_trials", ()):
            if doc["state"] == JOB_STATE_NEW:
                doc["book_time"] = coarse_utcnow()
                doc["refresh_time"] = doc["book_time"] + timedelta(seconds=2)
                doc["result"] = {"loss": doc["misc"]["vals"]["x"][0], "status": "ok"}
                doc["state"] = JOB_STATE_DONE
        super().refresh()


def test_what_is_evaluated_elsewhere_is_recorded_in_the_end(runs: Runs) -> None:
    """The objective that is sent there is the function alone."""
    runlake.autolog("hyperopt")
    trials = Elsewhere()
    search(trials=trials, n=3, max_queue_len=3)

    parent, children = parted(runs())
    assert [run.data.metrics["loss"] for run in children] == trials.losses()
    assert parent.data.metrics["best_loss"] == min(trials.losses())
    assert {run.info.duration for run in children} == {2.0}
    assert b"runlake.instrument" not in trials.attachments["FMinIter_Domain"]


def test_what_is_trained_and_logged_inside_is_the_evaluations(runs: Runs) -> None:
    """One run for each, in the run that the user has open."""
    runlake.autolog("hyperopt", "sklearn")

    def fitted(point: Any) -> float:
        LinearRegression().fit(np.arange(6.0).reshape(3, 2), np.arange(3.0))
        runlake.log_metric("mine", point["x"])
        return float(point["x"])

    with runlake.start_run() as run:
        search(fitted, n=2)

    parent, children = parted(runs())
    assert (parent.info.run_id, len(runs())) == (run.run_id, 3)
    assert all(one.tags["estimator_name"] == "LinearRegression" and one.data.metrics["mine"] == one.params["x"] for one in children)


def test_the_demo_is_silent(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """A search, and no word."""
    runlake.autolog("hyperopt")
    demo()

    assert (len(runs()), capfd.readouterr()) == (7, ("", ""))


def search_small() -> Any:
    """What it finds."""
    trials = hyperopt.Trials()
    fmin(objective, SPACE, algo=hyperopt.tpe.suggest, max_evals=3, trials=trials, rstate=np.random.default_rng(1), verbose=False)
    return [trials.vals, trials.losses()]


PROGRAM = """
import numpy
from hyperopt import fmin, hp, rand
best = fmin(lambda x: x * x, hp.uniform("x", -1, 1), algo=rand.suggest, max_evals=2, rstate=numpy.random.default_rng(0), verbose=False)
print(best)
"""


def fail() -> Any:
    """A space with one label twice."""
    return fmin(objective, [hp.uniform("x", 0, 1), hp.uniform("x", 0, 2)], algo=hyperopt.rand.suggest, max_evals=2, verbose=False)


SCENARIO = Scenario(train=search_small, runs=4, program=PROGRAM.replace("max_evals=2", "max_evals=3"), fail=fail, series="loss")


@parametrize_with_plugin_checks("hyperopt", SCENARIO)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all."""
    check()
