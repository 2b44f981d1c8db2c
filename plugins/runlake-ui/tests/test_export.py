"""Files of everything that matches."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from paging import API, Asker, many_runs, some_runs, written
from written_runs import WrittenRun

TEAM = 'é,"x"'


def test_runs_go_into_each_kind_of_file(tmp_path: Path) -> None:
    """With all their params, metrics and tags; what a filter leaves out stays out."""
    runs = [WrittenRun(name, {"lr": lr}, {"loss": float("nan")}, {"team": TEAM}) for name, lr in (("a", 1), ("b", 2))]
    asker = Asker(written(tmp_path / "lake", *runs))

    answers = {form: asker.ask("GET", f"{API}/export/runs.{form}?filter=params.lr+>+1") for form in ("csv", "json", "parquet")}
    (of_csv,) = csv.DictReader(io.StringIO(answers["csv"].content.decode()))
    (of_json,) = json.loads(answers["json"].content)
    (of_parquet,) = parquet.read_table(io.BytesIO(answers["parquet"].content)).to_pylist()

    for form, answer in answers.items():
        assert answer.headers["content-disposition"] == f'attachment; filename="runs.{form}"'
    assert (of_csv["run_id"], of_csv["params.lr"], of_csv["tags.team"]) == ("b", "2", TEAM)
    assert (of_json["params.lr"], of_json["metrics.loss"], of_json["start_time"]) == (2, "NaN", 1_700_000_000_000)
    assert (of_parquet["params.lr"], of_parquet["start_time"].timestamp()) == (2, 1_700_000_000)


def test_every_run_is_there_and_not_only_a_page(tmp_path: Path) -> None:
    """Ten thousand lines and a header."""
    asker = Asker(many_runs(tmp_path / "lake", 10_000))

    assert asker.ask("GET", f"{API}/export/runs.csv").text.count("\n") == 10_001
    assert len(json.loads(asker.ask("GET", f"{API}/export/runs.json").content)) == 10_000


def test_points_are_never_sampled(tmp_path: Path) -> None:
    """Of all keys, or of those that are named."""
    asker = Asker(
        written(tmp_path / "lake", WrittenRun("a", metrics={"loss": [float(n) for n in range(5000)], "acc": 1.0}), WrittenRun("b"))
    )

    rows = list(csv.DictReader(io.StringIO(asker.ask("GET", f"{API}/export/points.csv").text)))
    one = parquet.read_table(io.BytesIO(asker.ask("GET", f"{API}/export/points.parquet?key=acc").content))

    assert (len(rows), {row["run_id"] for row in rows}) == (5001, {"a"})
    assert one.to_pydict()["value"] == [1.0]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("runs.xlsx", 404),
        ("points.json", 404),
        ("runs.csv?filter=a+%3D", 422),
        ("points.csv?filter=nothing+%3D+1", 422),
        ("runs.csv?experiment=9", 200),
    ],
)
def test_what_cannot_be_exported_is_said(tmp_path: Path, path: str, status: int) -> None:
    """Before a byte is sent; an experiment without runs is a header alone."""
    answer = Asker(some_runs(tmp_path / "lake", 2)).ask("GET", f"{API}/export/{path}")

    assert answer.status_code == status
    if status == 200:
        assert answer.text.count("\n") == 1


def test_no_runs_are_an_empty_list(tmp_path: Path) -> None:
    """In each form."""
    asker = Asker(some_runs(tmp_path / "lake", 0))

    assert json.loads(asker.ask("GET", f"{API}/export/runs.json").content) == []
    assert parquet.read_table(io.BytesIO(asker.ask("GET", f"{API}/export/points.parquet").content)).num_rows == 0
