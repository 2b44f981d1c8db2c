"""Experiments are listed, made, changed, put away and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runlake
from paging import Asker, written
from written_runs import WrittenRun

START = 1_700_000_000_000


def test_each_says_what_it_holds(tmp_path: Path) -> None:
    """How many runs, how many running, and when something happened last."""
    lake = written(
        tmp_path / "lake",
        WrittenRun("a", seconds=60),
        WrittenRun("b", start_ms=START + 5000, seconds=1),
        WrittenRun("c", said={"lifecycle": "deleted"}),
        WrittenRun("d", said={"experiment_id": "1"}),
    )
    runlake.RunlakeClient(lake).create_experiment("other", tags={"team": "x", "mlflow.note.content": "about it"})

    other, default = Asker(lake).get("/experiments")["experiments"]

    assert (default["id"], default["n_runs"], default["n_running"], default["last_change"]) == ("0", 2, 0, START + 60_000)
    assert {name: other[name] for name in ("name", "description", "tags", "n_runs", "lifecycle")} == {
        "name": "other",
        "description": "about it",
        "tags": {"team": "x"},
        "n_runs": 1,
        "lifecycle": "active",
    }


def test_one_is_made_changed_put_away_and_taken_back(tmp_path: Path) -> None:
    """Each at once visible, also to others that read the store."""
    lake = written(tmp_path / "lake", WrittenRun("a"))
    asker, client = Asker(lake), runlake.RunlakeClient(lake)

    made = asker.post("/experiments", {"name": "new", "description": "d", "tags": {"a": "1", "b": "2"}})["id"]
    changed = asker.patch(f"/experiments/{made}", {"name": "newer", "description": "e", "tags": {"a": "3", "b": None, "c": None}})
    assert (changed["name"], changed["description"], changed["tags"]) == ("newer", "e", {"a": "3"})
    assert client.get_experiment(made).name == "newer"
    snapshot = asker.served.snapshot
    assert asker.delete(f"/experiments/{made}") == {}
    assert [each["id"] for each in asker.get("/experiments")["experiments"]] == ["0"]
    assert [each["id"] for each in asker.get("/experiments", deleted="true")["experiments"]] == [made]
    asker.post(f"/experiments/{made}/restore")

    assert len(asker.get("/experiments")["experiments"]) == 2
    assert asker.served.snapshot > snapshot


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/experiments", {}, 422),
        ("POST", "/experiments", {"name": 3}, 422),
        ("POST", "/experiments", {"name": "x", "tags": ["a"]}, 422),
        ("POST", "/experiments", {"name": "Default"}, 409),
        ("PATCH", "/experiments/7", {"name": "x"}, 404),
        ("PATCH", "/experiments/0", {"name": "x", "tags": {"a": 1}}, 422),
        ("POST", "/experiments/0/restore", {}, 409),
        ("POST", "/experiments/7/restore", {}, 404),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, method: str, path: str, body: Any, status: int) -> None:
    """With the words of runlake."""
    lake = written(tmp_path / "lake", WrittenRun("a"))
    asker = Asker(lake)
    runlake.RunlakeClient(lake).create_experiment("Default2")

    answer = asker.ask(method, f"/api/v1{path}", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [each["name"] for each in asker.get("/experiments")["experiments"]] == ["Default2", "Default"]
