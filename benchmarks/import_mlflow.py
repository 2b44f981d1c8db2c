"""How long does a store of MLflow take to come over?

Runs of one experiment, each with 10 params, 5 tags and 5 metrics of so many points, in a folder `mlruns` and in a database of SQLite with
MLflow's tables and indexes, both written here without MLflow. `runlake import mlflow` is the whole command, from the start of Python to
tables on the disk; *again* is a second one, which finds nothing new. Beside it, where MLflow is installed: its client reading every
history of every run, which is what any tool has to do that goes through it, and writes nothing.

    python -m benchmarks.import_mlflow [runs 200] [points 1000]
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import installed, report, run_alone

N_RUNS, N_POINTS, METRICS, PARAMS, TAGS = 200, 1_000, 5, 10, 5
BEGIN_MS = 1_700_000_000_000
NAME = "benchmarks.import_mlflow"
SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256),
    lifecycle_stage VARCHAR(32), CONSTRAINT experiment_pk PRIMARY KEY (experiment_id));
CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL, name VARCHAR(250), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT,
    end_time BIGINT, lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER,
    CONSTRAINT run_pk PRIMARY KEY (run_uuid));
CREATE TABLE params (key VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    CONSTRAINT param_pk PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key VARCHAR(250) NOT NULL, value VARCHAR(5000), run_uuid VARCHAR(32) NOT NULL,
    CONSTRAINT tag_pk PRIMARY KEY (key, run_uuid));
CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
    CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE TABLE latest_metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT, run_uuid VARCHAR(32) NOT NULL,
    step BIGINT NOT NULL, is_nan BOOLEAN NOT NULL, CONSTRAINT latest_metric_pk PRIMARY KEY (key, run_uuid));
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
"""
BY_MLFLOW = "import sys; from mlflow.tracking import MlflowClient; MlflowClient(sys.argv[1]).search_experiments()"


def texts(n: int) -> tuple[dict[str, str], dict[str, str]]:
    """Params and tags of a run."""
    return {f"p{k}": f"{n / (k + 1):.6g}" for k in range(PARAMS)}, {f"t{k}": f"value {n % 7}" for k in range(TAGS)}


def values(n: int, metric: int, points: int) -> list[float]:
    """A noisy curve."""
    dice = np.random.default_rng(n * METRICS + metric)
    curve: list[float] = (1 / (1 + np.arange(points) / 50) + dice.normal(size=points) / 20).tolist()
    return curve


def write_folder(folder: Path, runs: int, points: int) -> Path:
    """The folder `mlruns`."""
    root = folder / "mlruns"
    (root / "1").mkdir(parents=True)
    (root / "1" / "meta.yaml").write_text("artifact_location: ''\nexperiment_id: '1'\nlifecycle_stage: active\nname: large\n")
    for n in range(runs):
        place, run_id = root / "1" / f"{n:032x}", f"{n:032x}"
        for kind in ("params", "tags", "metrics", "artifacts"):
            (place / kind).mkdir(parents=True)
        meta = {"artifact_uri": place / "artifacts", "end_time": BEGIN_MS + points, "experiment_id": "'1'", "lifecycle_stage": "active"}
        meta |= {
            "run_id": f"'{run_id}'",
            "run_name": f"run {n}",
            "run_uuid": f"'{run_id}'",
            "start_time": BEGIN_MS,
            "status": 3,
            "user_id": "me",
        }
        (place / "meta.yaml").write_text("".join(f"{key}: {value}\n" for key, value in meta.items()))
        for kind, found in zip(("params", "tags"), texts(n), strict=True):
            for key, text in found.items():
                (place / kind / key).write_text(text)
        for metric in range(METRICS):
            lines = [f"{BEGIN_MS + step} {value!r} {step}\n" for step, value in enumerate(values(n, metric, points))]
            (place / "metrics" / f"m{metric}").write_text("".join(lines))
    return root


def write_database(folder: Path, runs: int, points: int) -> Path:
    """The database; its tables are made by MLflow, where that is installed."""
    path = folder / "mlflow.db"
    if installed("mlflow"):
        subprocess.run([sys.executable, "-c", BY_MLFLOW, f"sqlite:///{path}"], check=True, capture_output=True)
    connection = sqlite3.connect(path)
    if not installed("mlflow"):
        connection.executescript(SCHEMA)
    insert(connection, "experiments", ["experiment_id", "name", "artifact_location", "lifecycle_stage"], [(1, "large", "", "active")])
    for n in range(runs):
        run_id = f"{n:032x}"
        said = {"run_uuid": run_id, "name": f"run {n}", "user_id": "me", "status": "FINISHED", "start_time": BEGIN_MS}
        said |= {"end_time": BEGIN_MS + points, "lifecycle_stage": "active", "artifact_uri": "", "experiment_id": 1}
        insert(connection, "runs", list(said), [tuple(said.values())])
        for table, found in zip(("params", "tags"), texts(n), strict=True):
            insert(connection, table, ["key", "value", "run_uuid"], [(key, text, run_id) for key, text in found.items()])
        for metric in range(METRICS):
            rows = [(f"m{metric}", value, BEGIN_MS + step, run_id, step, 0) for step, value in enumerate(values(n, metric, points))]
            for table, some in (("metrics", rows), ("latest_metrics", rows[-1:])):
                insert(connection, table, ["key", "value", "timestamp", "run_uuid", "step", "is_nan"], some)
    connection.commit()
    connection.close()
    return path


def insert(connection: sqlite3.Connection, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Rows into a table that may have more columns."""
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)


def import_it(source: Path, lake: Path) -> list[float]:
    """Seconds of the command, MB of memory at most, and how many points were new."""
    command = [sys.executable, "-m", "runlake", "import", "mlflow", str(source), "--json", "--store", str(lake)]
    start = time.perf_counter()
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    took = time.perf_counter() - start
    return [took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3, json.loads(finished.stdout)["new"]["points"]]


def read_with_mlflow(uri: str, runs: int) -> list[float]:
    """The same of MLflow's client; its import is not counted."""
    from mlflow.tracking import MlflowClient

    client, n_points = MlflowClient(uri), 0
    start = time.perf_counter()
    for n in range(runs):
        run = client.get_run(f"{n:032x}")
        for key in run.data.metrics:
            n_points += len(client.get_metric_history(run.info.run_id, key))
    took = time.perf_counter() - start
    return [took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, n_points]


def measure(kind: str, runs: int, points: int) -> list[list[Any]]:
    """The rows of one kind of source."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source = write_folder(folder, runs, points) if kind == "mlruns" else write_database(folder, runs, points)
        size = sum(path.stat().st_size for path in (source.rglob("*") if source.is_dir() else [source]) if path.is_file())
        rows = [[kind, what, *run_alone(NAME, "import", str(source), f"{name}/lake")] for what in ("runlake import", "again")]
        lake = sum(path.stat().st_size for path in (folder / "lake").rglob("*.parquet"))
        print(f"{kind}: {size / 1e6:.1f} MB, as Parquet {lake / 1e6:.1f} MB", file=sys.stderr)
        if rows[0][-1] != runs * METRICS * points or rows[1][-1]:
            sys.exit(f"{rows} are not all points once")
        if installed("mlflow"):
            uri = f"file:{source}" if source.is_dir() else f"sqlite:///{source}"
            rows.append([kind, "MLflow's client reads all", *run_alone(NAME, "mlflow", uri, str(runs))])
    return rows


def main() -> None:
    """Measure both kinds of source, in the size that is given."""
    os.environ |= {"RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off", "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    match sys.argv[1:]:
        case ["import", source, lake]:
            print(json.dumps(import_it(Path(source), Path(lake))))
        case ["mlflow", uri, runs]:
            print(json.dumps(read_with_mlflow(uri, int(runs))))
        case given:
            wanted = {"runs": N_RUNS, "points": N_POINTS} | dict(zip(given[::2], map(int, given[1::2]), strict=True))
            rows = [row for kind in ("mlruns", "sqlite") for row in measure(kind, wanted["runs"], wanted["points"])]
            told = f"How long do {wanted['runs']:,} runs of {METRICS} x {wanted['points']:,} points take to come over from MLflow?"
            report(told, ["source", "what", "s", "MB", "points"], rows, packages=["runlake", "mlflow", "pyarrow", "deltalake"])


if __name__ == "__main__":
    main()
