"""Programs written for MLflow run as they are: `runlake as-mlflow`, or the word replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment

FIRST_RUN = """
import os
from random import random, randint
import mlflow
from mlflow import log_metric, log_param, log_artifacts

if __name__ == "__main__":
    log_param("param1", randint(0, 100))
    log_metric("foo", random())
    log_metric("foo", random() + 1)
    log_metric("foo", random() + 2)
    os.makedirs("outputs", exist_ok=True)
    with open("outputs/test.txt", "w") as f:
        f.write("hello world!")
    log_artifacts("outputs")
"""
LAB = """
import mlflow
import mlflow.tracking
from mlflow.exceptions import MlflowException

mlflow.tracking.set_tracking_uri("the-lab")
experiment_id = mlflow.create_experiment("lab", tags={"version": "v1"})
try:
    mlflow.create_experiment("lab")
except MlflowException as error:
    print("refused")
mlflow.set_experiment(experiment_id=experiment_id)
mlflow.set_experiment_tag("team", "vision")
print(vars(mlflow.get_experiment(experiment_id))["tags"])
for depth in (2, 4):
    with mlflow.start_run(run_name=f"depth-{depth}") as run:
        mlflow.set_tags({"release": "a", "depth": depth})
        mlflow.log_params({"depth": depth})
        mlflow.log_metrics({"score": 1 / depth}, step=0)
print(mlflow.get_run(run.info.run_id).data.params, mlflow.active_run())
"""
ELASTIC = """
import sys
import mlflow

alpha = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
l1_ratio = float(sys.argv[2]) if len(sys.argv) > 2 else 0.5
with mlflow.start_run():
    mlflow.log_param("alpha", alpha)
    mlflow.log_param("l1_ratio", l1_ratio)
    mlflow.log_metric("rmse", alpha * l1_ratio)
    print(mlflow.get_artifact_uri().startswith("runs:/"), mlflow.get_tracking_uri())
"""
COURSE = """
import json
import mlflow

mlflow.set_experiment("ridge")
for alpha in (0.1, 1.0):
    with mlflow.start_run(run_name=f"alpha={alpha}", tags={"course": "regression"}) as run:
        mlflow.set_tag("lesson", 3)
        mlflow.set_tags({"author": "me", "alpha": alpha})
        mlflow.log_param("alpha", alpha)
        mlflow.log_params({"epochs": 3, "features": ["age", "bmi"]})
        weight, curve = 1.0, []
        for epoch in range(3):
            with mlflow.start_run(run_name=f"epoch {epoch}", nested=True) as child:
                weight -= 0.25 * alpha * weight
                mlflow.log_metric("weight", weight)
                assert mlflow.active_run().info.run_id == child.info.run_id
            curve.append(weight**2)
            mlflow.log_metric("loss", curve[-1], step=epoch)
            with open("curve.json", "w") as file:
                json.dump(curve, file)
            mlflow.log_artifact("curve.json", artifact_path="curves")
        mlflow.log_metrics({"rmse": weight, "r2": 1 - weight}, step=3)
    assert mlflow.active_run() is None
    found = mlflow.get_run(run.info.run_id)
    print(found.info.run_name, found.data.params["features"], found.data.tags["lesson"], sorted(found.data.metrics))
"""


def run_script(folder: Path, code: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder as its author would, but for the two words before it."""
    (folder / "train.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "runlake", "as-mlflow", "train.py", *arguments],
        cwd=folder,
        env=environment(folder / "lake", **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_alone(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder with nothing before it."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment(folder / "lake"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_first_run_of_the_field(tmp_path: Path) -> None:
    """A param, three values of a metric, a folder of files, and no start_run."""
    finished = run_script(tmp_path, FIRST_RUN)
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()

    assert (finished.returncode, finished.stderr) == (0, "")
    assert (list(run.params), len(run.metrics["foo"]), list(run.artifacts), run.info.status) == (["param1"], 3, ["test.txt"], "FINISHED")


def test_a_lab_with_experiments_and_tags(tmp_path: Path) -> None:
    """Submodules by import, errors by their name, a store by a path."""
    finished = run_script(tmp_path, LAB)
    runs = runlake.read.open_store(tmp_path / "the-lab").runs()

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.splitlines() == ["refused", "{'version': 'v1', 'team': 'vision'}", "{'depth': '4'} None"]
    assert [(run.info.run_name, run.info.experiment_id, run.tags["depth"], run.data.metrics) for run in runs] == [
        ("depth-2", "1", "2", {"score": 0.5}),
        ("depth-4", "1", "4", {"score": 0.25}),
    ]


def test_an_elastic_net_takes_its_values_from_the_command_line(tmp_path: Path) -> None:
    """And MLflow's own variables are read, here and nowhere else."""
    finished = run_script(tmp_path, ELASTIC, "0.3", "0.7", MLFLOW_TRACKING_URI=str(tmp_path / "other"), MLFLOW_EXPERIMENT_NAME="nets")
    (run,) = runlake.read.open_store(tmp_path / "other").runs()

    assert (finished.stdout.split(), finished.stderr) == (["True", str(tmp_path / "other")], "")
    assert (run.params, run.data.metrics, run.info.experiment_id) == ({"alpha": 0.3, "l1_ratio": 0.7}, {"rmse": 0.3 * 0.7}, "1")


@pytest.mark.parametrize("word", ["as-mlflow", "import runlake as mlflow"])
def test_a_course_with_a_run_for_each_value_and_one_in_it_for_each_epoch(tmp_path: Path, word: str) -> None:
    """Tags, params, a curve by steps, a file that grows under one name, and children that know their parent; by either way."""
    finished = run_script(tmp_path, COURSE) if word == "as-mlflow" else run_alone(tmp_path, COURSE.replace("import mlflow", word))
    opened = runlake.read.open_store(tmp_path / "lake")
    runs = opened.runs()
    parents = [run for run in runs if run.info.parent_run_id is None]

    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.splitlines() == [f"alpha={alpha} ['age', 'bmi'] 3 ['loss', 'r2', 'rmse']" for alpha in (0.1, 1.0)]
    assert {(run.info.status, run.info.experiment_id) for run in runs} == {("FINISHED", "1")}
    for alpha, parent in zip((0.1, 1.0), parents, strict=True):
        weights = [(1 - 0.25 * alpha) ** (epoch + 1) for epoch in range(3)]
        children = [run for run in runs if run.info.parent_run_id == parent.info.run_id]
        assert parent.params == {"alpha": alpha, "epochs": 3, "features": ["age", "bmi"]}
        assert {"course": "regression", "lesson": "3", "author": "me", "alpha": str(alpha)}.items() <= parent.tags.items()
        assert parent.metrics["loss"].steps.tolist() == [0, 1, 2]
        assert parent.metrics["loss"].to_numpy().tolist() == pytest.approx([weight**2 for weight in weights])
        assert json.loads(parent.read_artifact("curves/curve.json")) == parent.metrics["loss"].to_numpy().tolist()
        assert [(child.info.run_name, child.tags["mlflow.parentRunId"]) for child in children] == [
            (f"epoch {epoch}", parent.info.run_id) for epoch in range(3)
        ]
        assert [child.metrics["weight"].last for child in children] == pytest.approx(weights)


def test_the_word_replaced_does_the_same(tmp_path: Path) -> None:
    """Nothing but the import changes."""
    finished = run_alone(tmp_path, ELASTIC.replace("mlflow", "runlake"), "1", "2")
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()

    assert (finished.returncode, finished.stderr, run.params) == (0, "", {"alpha": 1.0, "l1_ratio": 2.0})


def test_a_script_leaves_as_it_would_alone(tmp_path: Path) -> None:
    """Its exit code, its traceback, and a run that failed."""
    left = run_script(tmp_path, "import sys, mlflow\nmlflow.start_run()\nsys.exit(3)")
    raised = run_script(tmp_path, "import mlflow\nmlflow.start_run()\nraise ValueError('mine')")
    statuses = [run.info.status for run in runlake.read.open_store(tmp_path / "lake").runs()]

    assert (left.returncode, left.stderr) == (3, "")
    assert (raised.returncode, raised.stderr.splitlines()[-1]) == (1, "ValueError: mine")
    assert statuses[1] == "FAILED"


def test_what_runlake_lacks_is_named(tmp_path: Path) -> None:
    """As a module that is not there."""
    finished = run_script(tmp_path, "import mlflow.gateway")

    assert finished.returncode == 1
    assert "ModuleNotFoundError: runlake has no 'gateway', which this program imports from mlflow." in finished.stderr
