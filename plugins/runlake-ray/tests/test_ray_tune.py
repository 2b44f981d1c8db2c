"""A sweep of Ray Tune is a run, and each of its trials one inside it, from whatever process it comes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runlake
from raying import ray_folder as ray_folder
from raying import run_with_ray as run_with_ray
from reading import series

Run = Callable[..., Any]

SWEEP = """
from ray.tune.schedulers import ASHAScheduler

def train(config):
    import runlake
    from sklearn.linear_model import LinearRegression
    runlake.autolog("sklearn", log_models=False, log_explanations=False)
    runlake.log_param("inside", config["x"])
    if config["x"] == 3:
        LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    if config["x"] == 9:
        raise ValueError("no good")
    for number in range(1, 5):
        runlake.log_metric("own", number, step=number)
        tune.report({"score": config["x"] * number, "nested": {"loss": 1 / number}, "word": "x"})

class Mine(tune.Callback):
    def on_trial_result(self, **info):
        print("heard")

if __name__ == "__main__":
    begin()
    given = [Mine()]
    space = {"x": tune.grid_search([4, 3, 2, 9]), "model": {"lr": 0.1, "layers": [8, 8]}}
    settings = dict(
        metric="score", mode="max", config=space, callbacks=given, storage_path=os.environ["TEST_RAY"], name="shapes", verbose=0,
        scheduler=ASHAScheduler(max_t=4, grace_period=2, reduction_factor=2), raise_on_failed_trial=False, max_concurrent_trials=1,
    )
    before = id(tune.run)  # not the function itself: a name of it in a module is captured, too
    runlake.autolog()
    assert id(tune.run) != before
    analysis = tune.run(train, **settings)
    runlake.disable_autolog()
    assert id(tune.run) == before
    assert len(given) == 1
    print(sorted(map(sorted, (trial.config for trial in analysis.trials))))
    print("best", analysis.best_trial.trial_id, analysis.best_config["x"])
"""


@pytest.fixture(scope="module")
def swept(run_with_ray: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The store of a sweep of four trials, of which one fails and one is given up, and what the program printed."""
    store = tmp_path_factory.mktemp("swept") / "lake"
    finished = run_with_ray(SWEEP, store)
    assert finished.returncode == 0, finished.stderr
    return store, finished.stdout


@pytest.fixture
def runs(swept: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, runlake.read.Run]:
    """The trials by their own setting, the sweep as "sweep", and what is inside a trial as "fitted"."""
    monkeypatch.setenv("RUNLAKE_STORE", str(swept[0]))
    found = {}
    for each in runlake.search_runs(output_format="list"):
        run = runlake.get_run(each.info.run_id)
        name = run.info.run_name
        found["sweep" if name == "shapes" else "fitted" if name == "LinearRegression" else str(run.params["x"])] = run
    return found


def test_a_sweep_holds_its_trials(runs: dict[str, runlake.read.Run]) -> None:
    """Each once, and no other run than what was trained a trial's process."""
    sweep = runs["sweep"].info.run_id

    assert {name: run.info.parent_run_id for name, run in runs.items()} == {
        "sweep": None,
        "4": sweep,
        "3": sweep,
        "2": sweep,
        "9": sweep,
        "fitted": runs["3"].info.run_id,
    }


def test_each_trial_ends_as_it_did(runs: dict[str, runlake.read.Run]) -> None:
    """What the scheduler gave up is pruned; what failed says why."""
    assert {name: str(run.info.status) for name, run in runs.items()} == {
        "sweep": "FINISHED",
        "4": "FINISHED",
        "3": "PRUNED",
        "2": "PRUNED",
        "9": "FAILED",
        "fitted": "FINISHED",
    }
    assert runs["9"].tags["runlake.exception"] == "ValueError: no good"


def test_a_trial_has_its_settings_and_what_it_reported(runs: dict[str, runlake.read.Run]) -> None:
    """Numbers as they are, by Ray's own count, nested ones by their path; nothing of Ray's bookkeeping."""
    trial = runs["4"]

    assert trial.params == {"x": 4, "model/lr": 0.1, "model/layers": "[8, 8]", "inside": 4}
    assert set(trial.metrics) == {"score", "nested/loss", "own", "time_total_s"}
    assert series(trial.info.run_id, "score") == [(1, 4.0), (2, 8.0), (3, 12.0), (4, 16.0)]
    assert [value for _, value in series(runs["3"].info.run_id, "score")] == [3.0, 6.0]
    assert trial.tags["runlake.goal.score"] == "max"
    assert Path(trial.tags["ray.logdir"]).name.startswith("train_")


def test_what_a_trial_logs_in_its_own_process_is_in_its_run(runs: dict[str, runlake.read.Run]) -> None:
    """Of every trial, whatever process it was done in; the trial that failed has it too."""
    assert {name: runs[name].params["inside"] for name in ("4", "3", "2", "9")} == {"4": 4, "3": 3, "2": 2, "9": 9}
    assert series(runs["4"].info.run_id, "own") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
    assert runs["fitted"].data.metrics["training_score"] == pytest.approx(1.0)


def test_the_sweep_knows_its_best_trial(runs: dict[str, runlake.read.Run], swept: tuple[Path, str]) -> None:
    """As Ray names it; its goal, and what it was told."""
    sweep = runs["sweep"]
    _, trial_id, x = swept[1].splitlines()[-1].split()

    assert sweep.tags["best_run"] == runs[x].info.run_id
    assert (runs[x].tags["ray.trial_id"], sweep.tags["best_x"], sweep.tags["best_model/lr"]) == (trial_id, "4", "0.1")
    assert series(sweep.info.run_id, "best_score")[-1][1] == 16.0
    assert sweep.tags["runlake.goal.best_score"] == "max"
    told = {key: sweep.params[key] for key in ("metric", "mode", "num_samples", "scheduler", "max_concurrent_trials")}
    assert told == {"metric": "score", "mode": "max", "num_samples": 1, "scheduler": "AsyncHyperBandScheduler", "max_concurrent_trials": 1}
    space = json.loads(sweep.read_artifact("search_space.json"))
    assert set(space) == {"x/grid_search", "model/lr", "model/layers"}


def test_the_sweep_is_what_it_was(swept: tuple[Path, str]) -> None:
    """Callbacks of the user hear of every result; no trial's settings have anything more in them."""
    lines = swept[1].splitlines()

    assert lines.count("heard") == 8
    assert str([["model", "x"]] * 4) in lines


def test_nothing_went_wrong(runs: dict[str, runlake.read.Run]) -> None:
    """In the recording."""
    assert {name: run.errors for name, run in runs.items()} == {name: [] for name in runs}
    assert all(math.isfinite(run.info.duration or math.nan) for run in runs.values())
