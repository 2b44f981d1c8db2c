"""`runlake import mlflow`, of a folder and of a database: everything comes, once, also when the import was killed or the source grew."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from children import environment
from imported_runs import history, import_runs, imported, runs_of
from mlflow_stores import STARTED_MS, SomeRun, write_database, write_folder, write_meta
from runlake.cli.stores import experiments_of
from runlake.entities import Dataset
from runlake.read import open_store
from runlake.store.check.whole import check_store
from runlake.store.layout import Layout

A, B, C = (letter * 32 for letter in "abc")
LOSSES = [(STARTED_MS + step * 37, 1 / (step + 1), step) for step in range(300)]
RUNS = [
    SomeRun(
        A,
        "first one",
        params={"lr": "0.1", "optimizer/name": "Adam ü", "lines": "a\nb"},
        tags={"mlflow.runName": "first one", "team": "vision"},
        metrics={"loss": LOSSES, "val/acc ü": [(STARTED_MS, 0.5, -3), (STARTED_MS + 1, math.nan, 7), (STARTED_MS + 2, -math.inf, 2**40)]},
        files={"model/größe.bin": bytes(range(256)), "empty": b"", "large": b"x" * 2_000_000},
    ),
    SomeRun(B, "inside", "1", "FAILED", tags={"mlflow.parentRunId": A}, metrics={"loss": [(STARTED_MS, 2.0, 0)]}),
    SomeRun(C, "going on", "0", "RUNNING", params={"lr": "1"}, metrics={"loss": LOSSES[:5]}),
]
GOES_ON = "runs that have not ended, which read as CRASHED here until another import brings their end"

Write = Callable[[Path, Sequence[SomeRun]], Path]
KINDS: dict[str, Write] = {
    "folder": lambda folder, runs: write_folder(folder / "mlruns", runs),
    "database": lambda folder, runs: write_database(folder / "mlflow.db", runs),
}
both = pytest.mark.parametrize("write", KINDS.values(), ids=KINDS)


def contents(store: Path) -> dict[str, Any]:
    """What is said of each run, its points, and its artifacts' bytes."""
    return {
        run.info.run_id: (
            run.info.run_name,
            run.info.status,
            (run.info.start_time, run.info.end_time, run.info.user_id, run.info.parent_run_id),
            (run.params, run.tags),
            {key: sorted(history(run, key)) for key in run.metrics},
            {name: run.read_artifact(name) for name in run.artifacts},
        )
        for run in open_store(store).runs()
    }


def meant(run: SomeRun) -> Any:
    """The same of a run that a test had written."""
    status = "CRASHED" if run.status == "RUNNING" else run.status
    points = {key: sorted((step, time, repr(value)) for time, value, step in found) for key, found in run.metrics.items()}
    times = (STARTED_MS, run.end_ms, "me", run.tags.get("mlflow.parentRunId"))
    return (run.name, status, times, (dict(run.params), dict(run.tags)), points, dict(run.files))


@both
def test_everything_comes_and_a_second_time_nothing(tmp_path: Path, write: Write) -> None:
    """Runs, texts, points and files as they were written."""
    source, store = write(tmp_path, RUNS), tmp_path / "lake"
    first, again = (import_runs(store, "mlflow", source) for _ in range(2))

    assert contents(store) == {run.run_id: meant(run) for run in RUNS}
    assert {run.info.run_id: run.info.experiment_id for run in open_store(store).runs()} == {A: "1", B: "1", C: "0"}
    assert [(each.experiment_id, each.name) for each in experiments_of(store)] == [("0", "Default"), ("1", "churn")]
    assert list(first["read"]) == ["experiments", "runs", "params", "points", "tags", "inputs", "files", "bytes"]
    assert list(first["read"].values()) == [2, 3, 4, 309, 3, 0, 3, 2_000_256]
    assert (first["new"]["runs"], first["new"]["points"], first["new"]["files"]) == (3, 309, 3)
    assert first["remarks"] == again["remarks"] == {GOES_ON: 1}
    assert (again["read"], set(again["new"].values())) == (first["read"], {0})
    assert check_store(Layout(store), lambda what: None, with_summaries=True).is_good


@both
def test_what_came_to_the_source_since_comes_alone(tmp_path: Path, write: Write) -> None:
    """More points, an end, another run; what has been changed in the store meanwhile stays."""
    source, store = write(tmp_path, RUNS), tmp_path / "lake"
    import_runs(store, "mlflow", source)
    grown = SomeRun(C, "going on", "0", "FINISHED", {"lr": "1", "new": "2"}, {"t": "1"}, {"loss": LOSSES[:9]}, {"late.txt": b"late"})
    added = SomeRun("d" * 32, "fourth", metrics={"loss": LOSSES[:2]})
    write(tmp_path, [*RUNS[:2], grown, added])
    second = import_runs(store, "mlflow", source)

    assert contents(store) == {run.run_id: meant(run) for run in (*RUNS[:2], grown, added)}
    assert {name: second["new"][name] for name in ("runs", "grown", "points", "files")} == {"runs": 1, "grown": 1, "points": 6, "files": 1}
    assert second["remarks"] == {}


def test_a_point_that_was_logged_twice_comes_twice(tmp_path: Path) -> None:
    """And once more where it was logged once more since."""
    source, store = write_folder(tmp_path / "mlruns", [SomeRun(A, metrics={"loss": [LOSSES[0]] * 2 + LOSSES[1:5]})]), tmp_path / "lake"
    import_runs(store, "mlflow", source)
    write_folder(source, [SomeRun(A, metrics={"loss": [LOSSES[0]] * 3 + LOSSES[1:6]})])
    said = import_runs(store, "mlflow", source)

    assert said["new"]["points"] == 2
    assert [step for step, _, _ in history(runs_of(store)["a run"], "loss")] == [0, 0, 0, 1, 2, 3, 4, 5]


def test_only_the_experiments_that_are_named_come(tmp_path: Path) -> None:
    """One that is not there is named, with those that are, and nothing is written."""
    source, store = write_folder(tmp_path / "mlruns", RUNS), tmp_path / "lake"
    unknown = imported(store, "mlflow", source, "--experiment", "churm")
    assert (unknown.returncode, unknown.stdout, store.exists()) == (1, "", False)
    assert unknown.stderr.endswith("has no experiment 'churm'; it has 'Default', 'churn'.\n")

    import_runs(store, "mlflow", source, "--experiment", "churn")
    assert set(runs_of(store)) == {"first one", "inside"}


def test_a_dry_run_reads_all_and_writes_nothing(tmp_path: Path) -> None:
    """Not even a store is made."""
    source, store = write_folder(tmp_path / "mlruns", RUNS), tmp_path / "lake"
    said = import_runs(store, "mlflow", source, "--dry-run")

    assert (said["read"]["points"], said["read"]["bytes"], said["remarks"], said["store"]) == (309, 2_000_256, {GOES_ON: 1}, None)
    assert not store.exists()


@both
def test_the_source_is_only_read(tmp_path: Path, write: Write) -> None:
    """No file of it is changed, and none is added."""
    source = write(tmp_path, RUNS)

    def files() -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    import_runs(tmp_path.parent / f"{tmp_path.name} lake", "mlflow", source)

    assert files() == before


def test_people_are_told_in_words(tmp_path: Path) -> None:
    """What was read, what is new, and what stays behind; or that nothing is new."""
    source, store = write_folder(tmp_path / "mlruns", RUNS), tmp_path / "lake"
    first, again = (imported(store, "mlflow", source).stdout.splitlines() for _ in range(2))

    read = f"Read MLflow's folder {source}: 2 experiments, 3 runs, 4 params, 309 points, 3 tags, 3 files (2 MB)."
    assert first == [
        read,
        f"Written to {store}: 3 new runs, 0 brought up to date, 309 points, 3 files (2 MB).",
        f"left out  {GOES_ON}: going on",
    ]
    assert again == [read, f"Nothing of it is new: {store} has it all.", first[2]]


def test_of_points_at_one_time_the_last_is_the_one_that_mlflow_shows(tmp_path: Path) -> None:
    """The greatest, in whatever order they were logged."""
    ties = [(STARTED_MS, value, 0) for value in (3.0, 9.0, 1.0)]
    for name, write in KINDS.items():
        (tmp_path / name).mkdir()
        source = write(tmp_path / name, [SomeRun(A, metrics={"loss": ties})])
        import_runs(tmp_path / name / "lake", "mlflow", source)
        assert runs_of(tmp_path / name / "lake")["a run"].data.metrics == {"loss": 9.0}


def test_secrets_stay_behind(tmp_path: Path) -> None:
    """As they do when a run is recorded, and it is said how many."""
    run = SomeRun(A, params={"api_key": "hunter2-hunter2", "lr": "1"}, tags={"url": "https://me:hunter2@host/x"})
    said = import_runs(tmp_path / "lake", "mlflow", write_folder(tmp_path / "mlruns", [run]))
    (found,) = open_store(tmp_path / "lake").runs()

    assert said["remarks"] == {"values with secrets, which were taken out": 2}
    assert found.params["lr"] == "1"
    assert "hunter2" not in str((found.params, found.tags))


@both
def test_a_killed_import_goes_on_with_the_next_one(tmp_path: Path, write: Write) -> None:
    """Killed twice on its way: nothing is lost, and nothing comes twice."""
    names = [f"run {number}" for number in range(60)]
    runs = [
        SomeRun(f"{n:032x}", name, params={"n": name}, metrics={"loss": LOSSES}, files={"a": name.encode()}) for n, name in enumerate(names)
    ]
    source, store = write(tmp_path, runs), tmp_path / "lake"
    reached = [kill_import(source, store, n_bytes) for n_bytes in (150_000, 400_000)]
    last = import_runs(store, "mlflow", source)

    assert 0 < reached[0] < reached[1] < len(runs)
    assert contents(store) == {run.run_id: meant(run) for run in runs}
    assert last["new"]["runs"] + reached[1] == len(runs)
    assert check_store(Layout(store), lambda what: None, with_summaries=True).is_good
    assert set(import_runs(store, "mlflow", source)["new"].values()) == {0}


def kill_import(source: Path, store: Path, n_bytes: int) -> int:
    """Kill the command when so much is in logs; how many runs the store has then."""
    program = subprocess.Popen([sys.executable, "-m", "runlake", "import", "mlflow", str(source)], env=environment(store))
    while sum(path.stat().st_size for path in store.glob("wal/*/*")) < n_bytes:
        assert program.poll() is None
        time.sleep(0.002)
    program.kill()
    program.wait()
    return len(open_store(store).runs())


def test_a_deleted_experiment_comes_deleted_once(tmp_path: Path) -> None:
    """Who takes it back here keeps it."""
    source, store = write_database(tmp_path / "mlflow.db", RUNS), tmp_path / "lake"
    connection = sqlite3.connect(source)
    connection.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'churn'")
    connection.execute("INSERT INTO experiment_tags VALUES ('why', 'no use', 1)")
    connection.execute(f"UPDATE runs SET lifecycle_stage = 'deleted', deleted_time = {STARTED_MS + 70_000} WHERE run_uuid = ?", (B,))
    connection.commit()
    connection.close()
    import_runs(store, "mlflow", source)
    stages = {each.name: (str(each.lifecycle_stage), each.tags) for each in experiments_of(store)}
    assert stages == {"Default": ("active", {}), "churn": ("deleted", {"why": "no use"})}
    assert {run.info.run_id: str(run.info.lifecycle_stage) for run in open_store(store).runs()} == {A: "active", B: "deleted", C: "active"}

    subprocess.run([sys.executable, "-m", "runlake", "experiments", "restore", "churn"], env=environment(store), check=True)
    assert set(import_runs(store, "mlflow", source)["new"].values()) == {0}
    assert [str(each.lifecycle_stage) for each in experiments_of(store)] == ["active", "active"]


def test_the_oldest_tables_are_read(tmp_path: Path) -> None:
    """Without steps, without a mark for what is no number, without tags of experiments, and without an index by run."""
    path = tmp_path / "mlflow.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
        CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, user_id TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
            lifecycle_stage TEXT, experiment_id INTEGER);
        CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT);
        CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
        INSERT INTO experiments VALUES (7, 'old', NULL, 'active');
        INSERT INTO runs VALUES ('{A}', '', 'me', 'FINISHED', {STARTED_MS}, {STARTED_MS + 5}, 'active', 7);
        INSERT INTO metrics VALUES ('loss', 0.5, {STARTED_MS}, '{A}'), ('loss', NULL, {STARTED_MS + 1}, '{A}');
        INSERT INTO params VALUES ('lr', '0.1', '{A}');
        """
    )
    connection.close()
    import_runs(tmp_path / "lake", "mlflow", f"sqlite:///{path}")
    (run,) = open_store(tmp_path / "lake").runs()

    assert (run.info.run_name, run.params, run.info.status) == (A, {"lr": "0.1"}, "FINISHED")
    assert history(run, "loss") == [(0, STARTED_MS, "0.5"), (0, STARTED_MS + 1, "nan")]


@both
def test_models_that_lie_beside_runs_come_under_their_names(tmp_path: Path, write: Write) -> None:
    """The newest of a name has it; of what a model says of itself, and of one that no run has logged, it is told that it stays."""
    source, store = write(tmp_path, RUNS[:1]), tmp_path / "lake"
    for number, (name, run_id) in enumerate((("line", A), ("line", A), ("lost", ""))):
        write_model(source, f"m-{number}", name, run_id, STARTED_MS + number)
    said = import_runs(store, "mlflow", source)
    run = runs_of(store)["first one"]

    assert {name: run.read_artifact(name) for name in run.artifacts if "MLmodel" in name} == {
        "line/MLmodel": b"m-1",
        "models/m-0/MLmodel": b"m-0",
    }
    assert said["remarks"] == {
        "models that no run has logged": 1,
        "params, tags and metrics that models have beside their runs": 3,
        "registered models, whose models lie in MLflow's own folders": 1,
        "versions of registered models, whose models lie in MLflow's own folders": 1,
        "traces": 1,
    }


def write_model(source: Path, model_id: str, name: str, run_id: str, made_ms: int) -> None:
    """A model as MLflow 3 keeps it, with a param; the first time a registered one and a trace as well."""
    if source.is_dir():
        place = source / "1" / "models" / model_id
        said = {"model_id": model_id, "name": name, "source_run_id": run_id or None, "creation_timestamp": made_ms}
        write_meta(place, artifact_location=f"file://{place}/artifacts", **said)
        write_meta(source / "models" / "churn" / "version-1", version=1)
        write_meta(source / "models" / "churn", name="churn")
        (source / "1" / "traces" / "tr-1").mkdir(parents=True, exist_ok=True)
        (place / "params").mkdir()
        (place / "params" / "k").write_text("v")
    else:
        place = source.parent / "elsewhere" / "models" / model_id
        connection = sqlite3.connect(source)
        connection.executescript(
            """
            CREATE TABLE IF NOT EXISTS logged_models (model_id VARCHAR(36), experiment_id INTEGER, name VARCHAR(500),
                artifact_location VARCHAR(1000), creation_timestamp_ms BIGINT, source_run_id VARCHAR(32));
            CREATE TABLE IF NOT EXISTS logged_model_params (model_id VARCHAR(36), param_key VARCHAR(255), param_value TEXT);
            CREATE TABLE IF NOT EXISTS registered_models (name VARCHAR(256) PRIMARY KEY);
            CREATE TABLE IF NOT EXISTS model_versions (name VARCHAR(256), version INTEGER, PRIMARY KEY (name, version));
            CREATE TABLE IF NOT EXISTS trace_info (request_id VARCHAR(50) PRIMARY KEY);
            INSERT OR REPLACE INTO registered_models VALUES ('churn');
            INSERT OR REPLACE INTO model_versions VALUES ('churn', 1);
            INSERT OR REPLACE INTO trace_info VALUES ('tr-1');
            """
        )
        row = (model_id, 1, name, str(place / "artifacts"), made_ms, run_id or None)
        connection.execute("INSERT INTO logged_models VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT INTO logged_model_params VALUES (?, 'k', 'v')", (model_id,))
        connection.commit()
        connection.close()
    (place / "artifacts").mkdir(parents=True)
    (place / "artifacts" / "MLmodel").write_text(model_id)


def test_data_sets_come_as_inputs(tmp_path: Path) -> None:
    """From files with texts that are folded, and from tables, with their tags."""
    schema = '{"mlflow_colspec": [{"type": "double", "name": "it is a long one", "required": true}]}'
    mlruns, path = write_folder(tmp_path / "mlruns", RUNS[:1]), write_database(tmp_path / "mlflow.db", RUNS[:1])
    folded = "'" + schema.replace('"name": ', '"name":\n  ') + "'"
    write_meta(
        mlruns / "1" / "datasets" / "d1", name="digits", digest="a1b2", source_type="code", source="'{}'", schema=folded, profile=None
    )
    tags = "\n  mlflow.data.context: training"
    write_meta(mlruns / "1" / A / "inputs" / "i1", source_type="DATASET", source_id="d1", destination_type="DATASET", tags=tags)
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        CREATE TABLE datasets (dataset_uuid TEXT, experiment_id INTEGER, name TEXT, digest TEXT, dataset_source_type TEXT,
            dataset_source TEXT, dataset_schema TEXT, dataset_profile TEXT);
        CREATE TABLE inputs (input_uuid TEXT, source_type TEXT, source_id TEXT, destination_type TEXT, destination_id TEXT);
        CREATE TABLE input_tags (input_uuid TEXT, name TEXT, value TEXT);
        INSERT INTO datasets VALUES ('d1', 1, 'digits', 'a1b2', 'code', '{{}}', '{schema}', NULL);
        INSERT INTO inputs VALUES ('i1', 'DATASET', 'd1', 'RUN', '{A}'), ('i2', 'MODEL', 'm', 'RUN', '{A}');
        INSERT INTO input_tags VALUES ('i1', 'mlflow.data.context', 'training');
        """
    )
    connection.close()

    for name, source in (("one", mlruns), ("two", path)):
        import_runs(tmp_path / name, "mlflow", source)
        (found,) = runs_of(tmp_path / name)["first one"].inputs.dataset_inputs
        assert found.dataset == Dataset("digits", "a1b2", "code", "{}", schema, "")
        assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]


def test_a_database_whose_changes_go_to_a_log_is_read_with_them(tmp_path: Path) -> None:
    """While a program has it open; and when nobody has, no file is made beside it."""
    path = write_database(tmp_path / "mlflow.db", RUNS[:1])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("UPDATE runs SET name = 'renamed'")
    connection.commit()
    import_runs(tmp_path / "lake", "mlflow", path)
    assert list(runs_of(tmp_path / "lake")) == ["renamed"]

    connection.close()
    before = sorted(tmp_path.glob("mlflow.db*"))
    import_runs(tmp_path / "another", "mlflow", path)
    assert before == sorted(tmp_path.glob("mlflow.db*")) == [path]
    assert list(runs_of(tmp_path / "another")) == ["renamed"]
