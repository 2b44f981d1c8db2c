"""A source that is broken: a line says what and where, nothing of what is broken as a whole is written, and the rest comes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from imported_runs import history, import_runs, imported, runs_of
from mlflow_stores import STARTED_MS, SomeRun, write_database, write_folder, write_meta
from runlake.cli.stores import experiments_of
from runlake.read import open_store

A, B = "a" * 32, "b" * 32
POINTS = [(STARTED_MS + step, step / 7, step) for step in range(50)]
RUNS = [
    SomeRun(A, "one", params={"lr": "1"}, tags={"t": "x"}, metrics={"loss": POINTS}, files={"a.txt": b"a", "deep/b.txt": b"b"}),
    SomeRun(B, "two", params={"lr": "2"}, metrics={"loss": POINTS}),
]
UNREADABLE = "!runs that cannot be read"


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A folder of MLflow's with two runs."""
    return write_folder(tmp_path / "mlruns", RUNS)


def half(path: Path) -> None:
    """Of which only the first half is written."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def break_meta(run: Path) -> None:
    """The file that says what the run is."""
    half(run / "meta.yaml")


def lose_meta(run: Path) -> None:
    """The same is not there."""
    (run / "meta.yaml").unlink()


def another_id(run: Path) -> None:
    """Which says that it is another run."""
    path = run / "meta.yaml"
    path.write_text(path.read_text().replace(A, B))


def id_that_leads_away(run: Path) -> None:
    """Which would lead out of the store, were it a name of a folder."""
    path = run / "meta.yaml"
    path.write_text(path.read_text().replace(f"run_id: '{A}'", f"run_id: '../../{A}'"))


def strange_status(run: Path) -> None:
    """A number that MLflow does not have."""
    path = run / "meta.yaml"
    path.write_text(path.read_text().replace("status: 3", "status: 9"))


@pytest.mark.parametrize("harm", [break_meta, lose_meta, another_id, id_that_leads_away, strange_status])
def test_a_run_that_cannot_be_read_is_left_out_and_told(tmp_path: Path, mlruns: Path, harm: Callable[[Path], None]) -> None:
    """And the other one comes."""
    harm(mlruns / "1" / A)
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)

    assert said["remarks"] == {UNREADABLE: 1}
    assert list(runs_of(tmp_path / "lake")) == ["two"]
    assert not list(tmp_path.rglob(f"lake/**/{A}*"))


def test_an_experiment_that_cannot_be_read_is_told(tmp_path: Path, mlruns: Path) -> None:
    """With its runs, whose place nobody knows; of another one everything comes."""
    write_folder(mlruns, [SomeRun("c" * 32, "three", "2")], {"2": "other"})
    half(mlruns / "1" / "meta.yaml")
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)

    assert said["remarks"] == {"!experiments that cannot be read": 1}
    assert list(runs_of(tmp_path / "lake")) == ["three"]
    assert [each.name for each in experiments_of(tmp_path / "lake")] == ["Default", "other"]


def test_lines_of_metrics_that_are_no_points_are_left_out(tmp_path: Path, mlruns: Path) -> None:
    """One by one, and the last one where its end is not written; all others come, of older forms too."""
    path = mlruns / "1" / A / "metrics" / "loss"
    lines = [f"{STARTED_MS} 0.5 1", "", "nothing", f"{STARTED_MS} x 2", f"{STARTED_MS} nan 3", f"{STARTED_MS} 4.5 99999999999999999999"]
    lines += [f"{STARTED_MS} -inf", f"{STARTED_MS} 2.5 7 digits a1b2", f"{STARTED_MS} 1.2"]
    path.write_text("\n".join(lines))
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)

    assert said["remarks"] == {
        "!lines of metrics that are no point": 3,
        "!points of which only the beginning is written": 1,
        "names of data sets beside points": 1,
    }
    found = history(runs_of(tmp_path / "lake")["one"], "loss")
    assert found == [(0, STARTED_MS, "-inf"), (1, STARTED_MS, "0.5"), (3, STARTED_MS, "nan"), (7, STARTED_MS, "2.5")]


def test_texts_that_are_no_utf_8_are_left_out(tmp_path: Path, mlruns: Path) -> None:
    """A param, a tag, and a file whose name is none; the rest of the run comes."""
    run = mlruns / "1" / A
    (run / "params" / "bad").write_bytes(b"\xff\xfe")
    (run / "tags" / "worse").write_bytes(b"\x80")
    (run / "artifacts" / "f\udce9.txt").write_bytes(b"x")
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)
    found = runs_of(tmp_path / "lake")["one"]

    assert said["remarks"] == {
        "!params that cannot be read": 1,
        "!tags that cannot be read": 1,
        "!artifacts whose names no store can have": 1,
    }
    assert (found.params, found.tags, set(found.artifacts)) == ({"lr": "1"}, {"t": "x"}, {"a.txt", "deep/b.txt"})


def test_links_among_artifacts_lead_nowhere_else(tmp_path: Path, mlruns: Path) -> None:
    """In circles, to what is gone, or out of the folder; one within it is read."""
    (tmp_path / "secret").write_text("not for others")
    artifacts = mlruns / "1" / A / "artifacts"
    (artifacts / "circle").symlink_to(artifacts, target_is_directory=True)
    (artifacts / "itself").symlink_to(artifacts / "itself")
    (artifacts / "gone").symlink_to(tmp_path / "gone")
    (artifacts / "out").symlink_to(tmp_path / "secret")
    (artifacts / "within").symlink_to(artifacts / "a.txt")
    (mlruns / "1" / A / "params" / "out").symlink_to(tmp_path / "secret")
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)
    found = runs_of(tmp_path / "lake")["one"]

    assert said["remarks"] == {"!links among artifacts that lead out of them, to a folder or nowhere, which are not followed": 4}
    assert (set(found.artifacts), found.params) == ({"a.txt", "deep/b.txt", "within"}, {"lr": "1"})
    assert found.read_artifact("within") == b"a"


def test_no_folder_is_read_that_is_not_called_as_one_of_the_runs(tmp_path: Path, mlruns: Path) -> None:
    """A folder of MLflow's that somebody sent names what it likes as the place of artifacts."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_text("secret")
    shutil.rmtree(mlruns / "1" / A / "artifacts")
    path = mlruns / "1" / A / "meta.yaml"
    path.write_text(path.read_text().replace(f"file://{mlruns}/1/{A}/artifacts", f"file://{tmp_path}/home"))
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)

    assert said["remarks"] == {"!runs and models whose artifacts lie where MLflow puts none": 1}
    assert runs_of(tmp_path / "lake")["one"].artifacts == {}


def test_artifacts_in_a_bucket_are_told_with_their_place(tmp_path: Path, mlruns: Path) -> None:
    """Nothing is broken: they are not here."""
    path = mlruns / "1" / B / "meta.yaml"
    path.write_text(path.read_text().replace("file://", "s3://bucket"))
    said = import_runs(tmp_path / "lake", "mlflow", mlruns)

    assert said["remarks"] == {"runs and models whose artifacts lie in s3://, which is not read": 1}


def test_a_run_that_is_there_twice_comes_once(tmp_path: Path, mlruns: Path) -> None:
    """The first, and the second is told."""
    shutil.copytree(mlruns / "1", mlruns / "2")
    write_meta(mlruns / "2", experiment_id="'2'", name="copy", lifecycle_stage="active")
    for run in (A, B):
        path = mlruns / "2" / run / "meta.yaml"
        path.write_text(path.read_text().replace("experiment_id: '1'", "experiment_id: '2'"))
    said = import_runs(tmp_path / "lake", "mlflow", mlruns, code=1)

    assert said["remarks"] == {"!runs that are there twice, of which the first came": 2}
    assert {run.info.experiment_id for run in open_store(tmp_path / "lake").runs()} == {"1"}


def refused(tmp_path: Path, path: Path | str) -> str:
    """The one line that is said of a source that is none; no store is made."""
    finished = imported(tmp_path / "lake", "mlflow", path)
    assert (finished.returncode, finished.stdout, (tmp_path / "lake").exists()) == (1, "", False)
    assert (finished.stderr.count("\n"), finished.stderr[:9]) == (1, "runlake: ")
    return finished.stderr[9:-1]


def test_what_is_no_store_of_mlflow_is_refused_with_a_hint(tmp_path: Path, mlruns: Path) -> None:
    """A folder, a file, nothing, a server; and what was probably meant."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "artifacts alone" / "1" / A / "artifacts").mkdir(parents=True)
    said = [refused(tmp_path, tmp_path / name) for name in ("empty", "text", "nothing", "artifacts alone", "gone", ".")]

    assert said == [
        f"{tmp_path}/empty is no folder of MLflow's: no folder in it is an experiment with a meta.yaml.",
        f"{tmp_path}/text is no database of SQLite. Name the file that MLflow writes to, or its folder mlruns.",
        f"{tmp_path}/nothing is empty. Name the file that MLflow writes to, or its folder mlruns.",
        f"{tmp_path}/artifacts alone is no folder of MLflow's: it holds artifacts alone. The runs are in a database, such as "
        f"{tmp_path}/mlflow.db: name that.",
        f"There is no {tmp_path}/gone. Name MLflow's folder mlruns, or the file of its database.",
        f"{tmp_path} is no folder of MLflow's: name {mlruns} instead.",
    ]
    assert refused(tmp_path, "http://localhost:5000").startswith("http://localhost:5000 is no folder and no file.")


def test_a_database_without_runs_is_refused(tmp_path: Path) -> None:
    """Somebody else's, or one that another program holds."""
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    assert refused(tmp_path, path) == f"{path} is no database of MLflow's: it has no table experiments."

    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    assert refused(tmp_path, path) == f"{path} cannot be read: database is locked. Wait until the program that writes there lets it go."
    connection.close()


def test_a_database_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """As SQLite does, with what mends it."""
    path = write_database(tmp_path / "mlflow.db", RUNS)
    data = path.read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        assert refused(tmp_path, path) == (
            f"{path} cannot be read: database disk image is malformed. What can be saved of it sqlite3 saves: "
            f"sqlite3 {path} .recover | sqlite3 mended.db"
        )


@pytest.mark.long
def test_of_a_database_with_damaged_pages_comes_what_can_be_read(tmp_path: Path) -> None:
    """Never a traceback, never another value than was there, and always the word that something is broken."""
    runs = [SomeRun(f"{n:032x}", f"run {n}", params={"n": str(n), "long": "x" * 300}, metrics={"loss": POINTS}) for n in range(60)]
    path = write_database(tmp_path / "mlflow.db", runs)
    data, page = path.read_bytes(), 4096
    points, came = {(step, time, repr(value)) for time, value, step in POINTS}, []
    for number, damaged in enumerate(range(len(data) // page * 2 // 5, len(data) // page, 5)):
        path.write_bytes(data[: damaged * page] + bytes(page) + data[(damaged + 1) * page :])
        store = tmp_path / f"lake{number}"
        finished = imported(store, "mlflow", path)
        assert "Traceback" not in finished.stderr
        found = runs_of(store) if store.exists() else {}
        came.append((finished.returncode, len(found)))
        for name, run in found.items():
            assert run.params.items() <= {"n": name.removeprefix("run "), "long": "x" * 300}.items()
            assert {key: set(history(run, key)) <= points for key in run.metrics} in ({}, {"loss": True})
    assert (1, 60) in came


def test_bytes_of_a_database_that_turned_are_no_traceback(tmp_path: Path) -> None:
    """Whatever stands in its columns."""
    path = write_database(tmp_path / "mlflow.db", RUNS)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE runs SET start_time = 'yesterday' WHERE run_uuid = ?", (A,))
    connection.execute("INSERT INTO runs SELECT 'no plain name', name, user_id, status, 1, 2, 3, 'active', NULL, 1 FROM runs LIMIT 1")
    connection.execute("INSERT INTO params VALUES (CAST(X'FF41' AS TEXT), 'x', ?), ('k', CAST(X'FE' AS TEXT), ?)", (B, B))
    connection.execute("INSERT INTO params VALUES ('blob', X'00FF', ?), ('', 'no key', ?)", (B, B))
    connection.execute("INSERT INTO metrics VALUES ('text', 'abc', 5, ?, 0, 0), ('far', 1.0, 9223372036854775807, ?, 0, 0)", (B, B))
    connection.commit()
    connection.close()
    said = import_runs(tmp_path / "lake", "mlflow", path, code=1)

    assert said["remarks"] == {
        UNREADABLE: 2,
        "!params that are no UTF-8": 1,
        "!params that cannot be kept": 2,
        "!points that are no numbers": 1,
        "!points whose time is beyond the year 2262, which they are put at": 1,
    }
    (run,) = open_store(tmp_path / "lake").runs()
    assert run.params == {"lr": "2", "blob": "b'\\x00\\xff'"}
    assert (len(history(run, "loss")), history(run, "far")) == (50, [(0, (2**63 - 1) // 1_000_000, "1.0")])
