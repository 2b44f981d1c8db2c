"""Stores laid out as MLflow lays them out, written without it: a folder `mlruns`, and the database with the tables that runs need."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["STARTED_MS", "SomeRun", "write_database", "write_folder", "write_meta"]

STARTED_MS = 1_700_000_000_000
STATUSES = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
SCHEMA = """
CREATE TABLE IF NOT EXISTS experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), artifact_location VARCHAR(256),
    lifecycle_stage VARCHAR(32));
CREATE TABLE IF NOT EXISTS experiment_tags (key VARCHAR(250), value VARCHAR(5000), experiment_id INTEGER);
CREATE TABLE IF NOT EXISTS runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), user_id VARCHAR(256), status VARCHAR(20),
    start_time BIGINT, end_time BIGINT, deleted_time BIGINT, lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER);
CREATE TABLE IF NOT EXISTS params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
CREATE TABLE IF NOT EXISTS tags (key VARCHAR(250), value VARCHAR(5000), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
CREATE TABLE IF NOT EXISTS metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32), step BIGINT, is_nan BOOLEAN,
    PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE INDEX IF NOT EXISTS index_params_run_uuid ON params (run_uuid);
CREATE INDEX IF NOT EXISTS index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX IF NOT EXISTS index_metrics_run_uuid ON metrics (run_uuid);
"""

Points = Sequence[tuple[int, float, int]]  # time, value, step


@dataclass
class SomeRun:
    """What a test wants to have been recorded."""

    run_id: str
    name: str = "a run"
    experiment: str = "1"
    status: str = "FINISHED"
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Points] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def end_ms(self) -> int | None:
        """A minute after its start, unless it goes on."""
        return None if self.status == "RUNNING" else STARTED_MS + 60_000


def write_meta(folder: Path, **said: object) -> None:
    """`meta.yaml`, by its keys, as the library writes it that MLflow uses."""
    folder.mkdir(parents=True, exist_ok=True)
    words = {key: "null" if value is None else str(value) for key, value in sorted(said.items())}
    (folder / "meta.yaml").write_text("".join(f"{key}: {text}\n" for key, text in words.items()), encoding="utf-8")


def write_folder(root: Path, runs: Sequence[SomeRun], experiments: Mapping[str, str] | None = None) -> Path:
    """A folder `mlruns`; experiments are names by ids."""
    for number, name in {"0": "Default", "1": "churn", **(experiments or {})}.items():
        write_meta(
            root / number, experiment_id=f"'{number}'", name=name, lifecycle_stage="active", artifact_location=f"file://{root}/{number}"
        )
    for run in runs:
        folder = root / run.experiment / run.run_id
        write_meta(
            folder,
            run_id=f"'{run.run_id}'",
            run_name=f"'{run.name}'",
            experiment_id=f"'{run.experiment}'",
            artifact_uri=f"file://{folder}/artifacts",
            status=STATUSES[run.status],
            start_time=STARTED_MS,
            end_time=run.end_ms,
            lifecycle_stage="active",
            user_id="me",
            tags=[],
        )
        for kind in ("metrics", "params", "tags", "artifacts"):
            (folder / kind).mkdir(exist_ok=True)
        _write_files(folder / "params", {key: text.encode() for key, text in run.params.items()})
        _write_files(folder / "tags", {key: text.encode() for key, text in run.tags.items()})
        _write_files(folder / "metrics", {key: _lines(points) for key, points in run.metrics.items()})
        _write_files(folder / "artifacts", run.files)
    return root


def write_database(path: Path, runs: Sequence[SomeRun], experiments: Mapping[str, str] | None = None) -> Path:
    """A database, and the artifacts beside it; what is there already stays."""
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    places = path.parent / "artifacts of runs"
    for number, name in {"0": "Default", "1": "churn", **(experiments or {})}.items():
        connection.execute("INSERT OR REPLACE INTO experiments VALUES (?, ?, ?, 'active')", (int(number), name, f"{places}/{number}"))
    for run in runs:
        place = places / run.experiment / run.run_id / "artifacts"
        said = (run.run_id, run.name, "me", run.status, STARTED_MS, run.end_ms, None, "active", str(place), int(run.experiment))
        connection.execute(f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * 10)})", said)
        for table, texts in (("params", run.params), ("tags", run.tags)):
            rows = [(key, text, run.run_id) for key, text in texts.items()]
            connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", rows)
        points = [
            (key, value, time, run.run_id, step, is_nan)
            for key, found in run.metrics.items()
            for time, given, step in found
            for value, is_nan in [_stored(given)]
        ]
        connection.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?, ?)", points)
        _write_files(place, run.files)
    connection.commit()
    connection.close()
    return path


def _stored(value: float) -> tuple[float, bool]:
    """As MLflow stores what a database has no word for."""
    if value != value:
        return 0.0, True
    return max(-1.7976931348623157e308, min(1.7976931348623157e308, value)), False


def _lines(points: Points) -> bytes:
    return "".join(f"{time} {value!r} {step}\n" for time, value, step in points).encode()


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
