"""What MLflow's own client reads of a store that MLflow wrote, runlake reads after the import: every point, param, tag and byte.

Where MLflow is installed for another Python alone, MLFLOW_PYTHON names that.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from imported_runs import history, import_runs
from runlake.cli.stores import experiments_of
from runlake.read import Run, open_store
from runlake.store.check.whole import check_store
from runlake.store.layout import Layout

PYTHON = os.environ.get("MLFLOW_PYTHON", "")
if not PYTHON:
    pytest.importorskip("mlflow")
    PYTHON = sys.executable

WRITE = r"""
import math, sys, time, warnings
warnings.simplefilter("ignore")
import mlflow, numpy as np
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient
from pathlib import Path

uri, folder = sys.argv[1:3]
mlflow.set_tracking_uri(uri)
client = MlflowClient(uri)
files = Path(folder, "to keep", "deep", "deeper")
files.mkdir(parents=True)
(files / "größe.bin").write_bytes(bytes(range(256)) * 50)
(files.parent / "empty").write_bytes(b"")
(files.parent / "large.bin").write_bytes(b"x" * 3_000_000)

with mlflow.start_run(run_name="in Default"):
    mlflow.log_metric("loss", 0.5)
mlflow.set_experiment("vision/größe 1")
client.set_experiment_tag(mlflow.get_experiment_by_name("vision/größe 1").experiment_id, "team", "a\nb: 'c' \"d\"")
with mlflow.start_run(run_name="a name: 'with' \"quotes\", # and more " + "x" * 90) as parent:
    mlflow.log_params({"lr": 0.1, "layers": [64, 32], "a/b c.d-e": None, "long": "ä" * 490, "lines": "one\ntwo\r\n\n three ", "empty": ""})
    mlflow.set_tags({"mlflow.note.content": "# Title\n\n* a\n" * 20, "größe": "日本 🎉", "n": 7})
    for value in (math.nan, math.inf, -math.inf, 0.1, 1e-300, -0.0, 1e300, 123456789.123456789):
        mlflow.log_metric("odd/values", value)
    for step in (5, -3, 0, 2**40):
        mlflow.log_metric("steps", step / 7, step=step)
    dice = np.random.default_rng(0)
    now = int(time.time() * 1000)
    values = dice.normal(size=2500)
    for start in range(0, 2500, 500):
        points = [Metric("noisy", float(values[n]), now + n * 37, n) for n in range(start, start + 500)]
        client.log_batch(parent.info.run_id, metrics=points)
    ties = [Metric("ties", value, now, 0) for value in (3.0, 9.0, 1.0)]
    client.log_batch(parent.info.run_id, metrics=ties)
    mlflow.log_artifacts(folder + "/to keep", "kept")
    mlflow.log_text("hello", "notes/a.txt")
    mlflow.log_dict({"a": [1, 2]}, "a.json")
    if hasattr(getattr(mlflow, "data", None), "from_numpy"):  # 2.4 and later
        data = mlflow.data.from_numpy(dice.normal(size=(20, 3)), targets=dice.normal(size=20), name="digits, all of them")
        mlflow.log_input(data, context="training")
        mlflow.log_input(mlflow.data.from_numpy(np.zeros((3, 3)), name="other"), context="test")
    with mlflow.start_run(run_name="child", nested=True):
        mlflow.log_metric("loss", 1.0, step=1)
try:
    with mlflow.start_run(run_name="failing"):
        mlflow.log_param("lr", 1)
        raise ValueError
except ValueError:
    pass
killed = client.create_run(parent.info.experiment_id, run_name="killed")
client.set_terminated(killed.info.run_id, "KILLED")
client.create_run(parent.info.experiment_id, run_name="going on")
deleted = client.create_run(parent.info.experiment_id, run_name="deleted")
client.log_param(deleted.info.run_id, "lr", "2")
client.set_terminated(deleted.info.run_id)
client.delete_run(deleted.info.run_id)
old = client.create_experiment("given up", tags={"why": "no use"})
gone = client.create_run(old, run_name="of a deleted experiment")
client.log_metric(gone.info.run_id, "loss", 0.25, step=3)
client.log_text(gone.info.run_id, "bye", "last.txt")
client.set_terminated(gone.info.run_id)
client.delete_experiment(old)
try:
    from sklearn.linear_model import LinearRegression
except ImportError:
    pass
else:
    with mlflow.start_run(run_name="with a model"):
        fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        kind = {"artifact_path": "model"} if mlflow.__version__.startswith("2") else {"name": "model"}
        try:
            mlflow.sklearn.log_model(fitted, registered_model_name="line", **kind)
        except Exception:
            mlflow.sklearn.log_model(fitted, registered_model_name="line", serialization_format="cloudpickle", **kind)
"""
READ = r"""
import hashlib, json, sys, warnings
warnings.simplefilter("ignore")
import mlflow
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient
from pathlib import Path

uri, folder = sys.argv[1:3]
mlflow.set_tracking_uri(uri)
client = MlflowClient(uri)

def files(run_id, path=None):
    for each in client.list_artifacts(run_id, path):
        if each.is_dir:
            yield from files(run_id, each.path)
        else:
            local = client.download_artifacts(run_id, each.path)
            yield each.path, hashlib.sha256(open(local, "rb").read()).hexdigest()

def files_of_models(experiment_id):
    found = {}
    for model in client.search_logged_models([experiment_id]) if hasattr(client, "search_logged_models") else ():
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model.model_id}"))
        for path in folder.rglob("*"):
            if path.is_file():
                name = f"{model.name}/{path.relative_to(folder).as_posix()}"
                found.setdefault(model.source_run_id, {})[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found

found = []
for experiment in client.search_experiments(ViewType.ALL):
    runs, models = [], files_of_models(experiment.experiment_id)
    for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL):
        run_id = run.info.run_id
        keys = list(run.data.metrics)
        runs.append({
            "run_id": run_id, "name": run.info.run_name, "status": run.info.status, "start": run.info.start_time,
            "end": run.info.end_time, "user": run.info.user_id, "stage": run.info.lifecycle_stage,
            "params": run.data.params, "tags": run.data.tags, "last": {key: repr(float(run.data.metrics[key])) for key in keys},
            "points": {key: [(m.step, m.timestamp, repr(float(m.value))) for m in client.get_metric_history(run_id, key)] for key in keys},
            "inputs": [
                [[getattr(each.dataset, k) for k in ("name", "digest", "source_type", "source", "schema", "profile")],
                 sorted((tag.key, tag.value) for tag in each.tags)] for each in getattr(getattr(run, "inputs", None), "dataset_inputs", ())
            ],
            "files": {**dict(files(run_id)), **models.get(run_id, {})},
        })
    found.append({"name": experiment.name, "stage": experiment.lifecycle_stage, "tags": experiment.tags, "runs": runs})
json.dump(found, open(folder + "/read.json", "w"))
"""
LARGEST = "1.7976931348623157e+308"  # which a database has for an infinity


def run_mlflow(program: str, uri: str, folder: Path) -> None:
    """Run a program with MLflow."""
    settings = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    finished = subprocess.run(
        [PYTHON, "-c", program, uri, str(folder)], cwd=folder, env=settings, capture_output=True, text=True, timeout=600
    )
    assert finished.returncode == 0, finished.stderr


def told(run: Run) -> dict[str, Any]:
    """The run as the program with MLflow tells of it."""
    info = run.info
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "status": "RUNNING" if info.status == "CRASHED" else info.status,
        "start": info.start_time,
        "end": info.end_time,
        "user": info.user_id,
        "stage": str(info.lifecycle_stage),
        "params": run.params,
        "tags": run.tags,
        "last": {key: repr(run.data.metrics[key]) for key in run.metrics},
        "points": {key: sorted(history(run, key)) for key in run.metrics},
        "inputs": sorted(
            [
                [
                    [
                        each.dataset.name,
                        each.dataset.digest,
                        each.dataset.source_type,
                        each.dataset.source,
                        each.dataset.schema,
                        each.dataset.profile,
                    ],
                    sorted([tag.key, tag.value] for tag in each.tags),
                ]
                for each in run.inputs.dataset_inputs
            ]
        ),
        "files": {name: run._state.artifacts[name][0] for name in run.artifacts},
    }


def as_meant(run: dict[str, Any]) -> dict[str, Any]:
    """What MLflow's client gives, with the infinities that were logged."""

    def meant(value: str) -> str:
        return {LARGEST: "inf", f"-{LARGEST}": "-inf"}.get(value, value)

    points = {key: sorted((step, time, meant(value)) for step, time, value in found) for key, found in run["points"].items()}
    return run | {"points": points, "last": {key: meant(value) for key, value in run["last"].items()}, "inputs": sorted(run["inputs"])}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("uri", ["file:{}/mlruns", "sqlite:///{}/mlflow.db"])
def test_all_that_its_client_reads_is_here(tmp_path: Path, uri: str) -> None:
    """Also after the folder was moved; and a second import finds nothing new."""
    folder = tmp_path / "with mlflow"
    folder.mkdir()
    run_mlflow(WRITE, uri.format(folder), folder)
    run_mlflow(READ, uri.format(folder), folder)
    experiments = json.loads((folder / "read.json").read_text())
    expected = {run["run_id"]: as_meant(run) for each in experiments for run in each["runs"]}

    moved = folder.rename(tmp_path / "moved")
    store, source = tmp_path / "lake", moved / ("mlruns" if uri.startswith("file") else "mlflow.db")
    first = import_runs(store, "mlflow", source)
    second = import_runs(store, "mlflow", source)
    found = {run.info.run_id: told(run) for run in open_store(store).runs()}

    (gone,) = (run for run in expected.values() if run["name"] == "of a deleted experiment")
    gone["files"] = gone["files"] or {"last.txt": hashlib.sha256(b"bye").hexdigest()}  # MLflow itself looks where its folder was before
    assert len(expected) >= 8
    for run_id, run in expected.items():
        assert found[run_id] == run
    assert found.keys() == expected.keys()
    assert not any(second["new"].values())
    assert first["read"]["points"] == sum(len(points) for run in expected.values() for points in run["points"].values()) > 2500
    assert first["read"]["files"] == sum(len(run["files"]) for run in expected.values()) >= 5
    here = {each.name: (str(each.lifecycle_stage), each.tags) for each in experiments_of(store)}
    assert here == {each["name"]: (each["stage"], each["tags"]) for each in experiments}
    assert Counter(run["status"] for run in expected.values())["RUNNING"] == 1
    assert check_store(Layout(store), lambda what: None, with_summaries=True).is_good
