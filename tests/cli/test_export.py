"""`runlake export`, as a user runs it: all that matches is in the file, as the store has it."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from children import environment, run_program
from runlake.read import Query, Store, exported, open_store

LOGS = """
    import runlake
    runlake.set_experiment("churn")
    for number in range(12):
        with runlake.start_run(run_name=f"run {number}"):
            runlake.log_params({"lr": number / 4, "model": 'a "b", c\\nd' if number % 2 else "日本"})
            for step in range(40):
                runlake.log_metric("loss", float("nan") if step == 7 else step / 3)
                runlake.log_metric("acc", float("inf") if step == 3 else -step * 0.1)
            runlake.log_table({"word": ["a", "b"], "n": [number, number * 2]}, "words.json")
            if number == 3:
                runlake.log_table({"run_id": ["mine"], "n": [0.5]}, "odd.json")
                runlake.log_text("no table", "text.txt")
    runlake.set_experiment("other")
    with runlake.start_run(run_name="other"):
        runlake.log_metric("loss", 1.0)
"""

FORMS = ["parquet", "csv", "json", "jsonl"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve runs of one experiment, and one of another."""
    store = tmp_path_factory.mktemp("exported") / "lake"
    assert run_program(LOGS, store).stderr == ""
    return store


def export(store: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command."""
    command = [sys.executable, "-m", "runlake", "export", *arguments]
    return subprocess.run(command, env=environment(store), capture_output=True, timeout=60, check=False)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What a file holds, a text for each value."""
    if path.suffix == ".parquet":
        return [{name: text_of(value) for name, value in row.items()} for row in pq.read_table(path).to_pylist()]
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return [{name: number_or(value) for name, value in row.items()} for row in csv.DictReader(io.StringIO(text, newline=""))]
    found = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return [{name: text_of(value) for name, value in row.items()} for row in found]


def text_of(value: Any) -> str:
    """As CSV would have it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return "" if value is None else repr(float(value)) if isinstance(value, (int, float)) else str(value)


def number_or(text: str) -> str:
    """A number as `text_of` has it."""
    try:
        return repr(float(text)) if math.isfinite(float(text)) else text
    except ValueError:
        return text


@pytest.mark.parametrize("form", FORMS)
def test_every_point_of_every_run_is_in_the_file(filled: Path, tmp_path: Path, form: str) -> None:
    """By run, key and step, with NaN and infinities."""
    path = tmp_path / f"points.{form}"

    finished = export(filled, "points", "-o", str(path))

    assert (finished.returncode, finished.stdout) == (0, b"")
    assert finished.stderr.startswith(f"Wrote 961 rows of 13 runs to {path}, ".encode())
    wanted = open_store(filled).points().to_pylist()
    found = rows_of(path)
    assert [[row[name] for name in ("run_id", "key", "step", "value")] for row in found] == [
        [text_of(row[name]) for name in ("run_id", "key", "step", "value")] for row in wanted
    ]


def test_times_are_known_to_the_microsecond(filled: Path, tmp_path: Path) -> None:
    """In a type that every engine reads; in JSON they are milliseconds, as everywhere."""
    for form in ("parquet", "json"):
        export(filled, "points", "-o", str(tmp_path / f"points.{form}"))

    wanted = [row["wall_ns"] // 1000 for row in open_store(filled).points().to_pylist()]
    table = pq.read_table(tmp_path / "points.parquet")
    assert table.schema.field("time").type.unit == "us"
    assert table["time"].cast("int64").to_pylist() == wanted
    assert [round(row["time"] * 1000) for row in json.loads((tmp_path / "points.json").read_bytes())] == wanted


@pytest.mark.parametrize("form", FORMS)
def test_every_run_is_a_row(filled: Path, tmp_path: Path, form: str) -> None:
    """With what it is, its params, its tags and the last value of each metric."""
    path = tmp_path / f"runs.{form}"

    assert export(filled, "runs", "-o", str(path)).returncode == 0

    runs = open_store(filled).runs()
    found = rows_of(path)
    assert [row["run_id"] for row in found] == [run.info.run_id for run in runs]
    for row, run in zip(found, runs, strict=True):
        data = {f"metrics.{key}": value for key, value in run.data.metrics.items()} | {
            f"params.{key}": value for key, value in run.params.items()
        }
        named = {"run_name": run.info.run_name, "experiment_id": run.info.experiment_id, "status": run.info.status}
        tags = {f"tags.{key}": text for key, text in run.tags.items()}
        wanted = {name: number_or(text_of(value)) for name, value in (data | named | tags).items()}
        assert {name: number_or(row[name]) for name in wanted} == wanted
        assert [
            name for name, value in row.items() if name.partition(".")[0] in ("metrics", "params") and value and name not in wanted
        ] == []


def test_what_does_not_match_is_left_out(filled: Path) -> None:
    """By a filter, an experiment, a metric."""
    finished = export(filled, "points", "lr > 2 and lr < 2.6", "-e", "churn", "-m", "acc")

    rows = list(csv.DictReader(io.StringIO(finished.stdout.decode(), newline="")))
    store = open_store(filled)
    assert {row["run_id"] for row in rows} == set(store.search(Query("lr > 2 and lr < 2.6")).ids())
    assert ({row["key"] for row in rows}, len(rows)) == ({"acc"}, 80)


@pytest.mark.parametrize("form", FORMS)
def test_where_nothing_matches_the_file_has_no_rows(filled: Path, tmp_path: Path, form: str) -> None:
    """And is one all the same."""
    for what in ("runs", "points"):
        path = tmp_path / f"{what}.{form}"
        assert export(filled, what, "lr > 99", "-o", str(path)).returncode == 0
        assert rows_of(path) == []


@pytest.mark.parametrize("form", FORMS)
def test_tables_of_runs_are_put_together(filled: Path, tmp_path: Path, form: str) -> None:
    """Each row with the run that it is of."""
    path = tmp_path / f"words.{form}"

    assert export(filled, "table", "words.json", "-o", str(path)).returncode == 0

    ids = [run.info.run_id for run in open_store(filled).runs()][:12]
    wanted = [
        {"run_id": run_id, "word": word, "n": repr(float(n * times))}
        for n, run_id in enumerate(ids)
        for word, times in (("a", 1), ("b", 2))
    ]
    assert rows_of(path) == wanted


def test_a_column_of_a_table_that_is_named_as_ours_keeps_its_own_name(filled: Path) -> None:
    """With `table.` before it."""
    finished = export(filled, "table", "odd.json")

    header, row = csv.reader(io.StringIO(finished.stdout.decode(), newline=""))
    assert (header, row[1:]) == (["run_id", "n", "table.run_id"], ["0.5", "mine"])


def test_points_are_read_in_parts_that_leave_out_what_lies_between(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are read at once."""
    store: Store = open_store(filled)
    ids = store.search(Query(experiment_ids=["1"])).ids()
    wanted = [row for row in store.points().to_pylist() if row["run_id"] in ids[::3]]
    for first, points, gap in ((1, 1, 1), (3, 100, 2), (20, 10**6, 8)):
        monkeypatch.setattr(exported, "FIRST_RUNS", first)
        monkeypatch.setattr(exported, "POINTS", points)
        monkeypatch.setattr(exported, "GAP", gap)
        told: list[int] = []

        rows = [row for batch in exported.point_batches(store, ids[::3], (), told.append) for row in batch.to_pylist()]

        assert [(row["run_id"], row["key"], row["step"]) for row in rows] == [(row["run_id"], row["key"], row["step"]) for row in wanted]
        assert sum(told) == len(ids[::3])


def test_parquet_goes_to_a_pipe_and_not_to_a_terminal(filled: Path) -> None:
    """Which could not show it."""
    assert export(filled, "runs", "--format", "parquet").stdout[:4] == b"PAR1"
    terminal, other = pty.openpty()
    command = [sys.executable, "-m", "runlake", "export", "runs", "--format", "parquet"]
    finished = subprocess.run(command, env=environment(filled), stdout=other, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(other)
    os.close(terminal)

    assert finished.returncode == 2
    assert b"Parquet is for a file: name one with -o." in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["runs", "-o", "x.xlsx"], "does not end in one of .parquet, .csv, .json, .jsonl: say which with --format."),
        (["runs", "nope = 3"], "No run has anything named 'nope'"),
        (["runs", "-e", "nowhere"], "There is no experiment 'nowhere'"),
        (["table", "nothing.json"], "None of the 13 runs keeps a table named 'nothing.json'."),
        (["table", "text.txt"], "'text.txt' of the run"),
        (["runs", "-o", "no/folder/runs.csv"], "No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    """And no file is left."""
    monkeypatch.chdir(tmp_path)

    finished = export(filled, *arguments)

    assert finished.returncode in (1, 2)
    assert error in finished.stderr.decode()
    assert "Traceback" not in finished.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_what_is_broken_off_leaves_the_file_as_it_was(filled: Path, tmp_path: Path) -> None:
    """And no draft."""
    path = tmp_path / "words.parquet"
    path.write_text("of before")

    assert export(filled, "table", "text.txt", "-o", str(path)).returncode == 1

    assert [path.read_text()] == [each.read_text() for each in tmp_path.iterdir()]
