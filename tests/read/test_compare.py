"""What tells two runs apart."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runlake
from runlake import data
from runlake.entities import Event, Scope
from runlake.errors import InvalidValue
from runlake.importers.arriving import Arriving, ArrivingRun
from runlake.read import Run, open_store
from runlake.read.comparing import Comparison
from runlake.read.comparing.changes import ABSENT, is_same


def record(name: str, params: Any = None, tags: Any = None, **metrics: Any) -> str:
    """A run with these; its id."""
    with runlake.start_run(run_name=name, tags=tags) as run:
        runlake.log_params(params or {})
        for key, values in metrics.items():
            runlake.log_batch(key, values if isinstance(values, list) else [values])
    return str(run.run_id)


def read(run_id: str) -> Run:
    """The run as it stands."""
    runlake.flush()
    return open_store().run(run_id)


def compared(a: str, b: str) -> Comparison:
    """Two of them."""
    runlake.flush()
    store = open_store()
    return store.run(a).compare(store.run(b))


def changes(found: Any) -> list[tuple[str, Any, Any]]:
    """What differs, as key and both values."""
    return [(change.key, change.a, change.b) for change in found.different]


@pytest.mark.usefixtures("store")
def test_only_what_differs_is_listed() -> None:
    """And of the rest it is known what it is."""
    shared = {"layers": [64, 32], "optimizer": "adam", "nothing": None}
    a = record("a", {"lr": 0.1, **shared}, {"team": "x"}, loss=[3.0, 1.0])
    b = record("b", {"lr": 0.2, **shared}, {"team": "x"}, loss=[3.0, 1.0])
    found = compared(a, b)

    assert changes(found.params) == [("lr", 0.1, 0.2)]
    assert [change.key for change in found.params.same] == ["layers", "nothing", "optimizer"]
    assert (changes(found.metrics), [change.key for change in found.metrics.same]) == ([], ["loss"])
    assert (changes(found.tags), [change.key for change in found.tags.same]) == ([], ["team"])
    assert not found.is_same


@pytest.mark.usefixtures("store")
def test_what_only_one_has_comes_after_what_both_have() -> None:
    """First what the other lacks, then what the first one lacks; None is a value."""
    a = record("a", {"zeta": 1, "only_a": None, "same": 1})
    b = record("b", {"zeta": 2, "only_b": "x", "same": 1})

    assert changes(compared(a, b).params) == [("zeta", 1, 2), ("only_a", None, ABSENT), ("only_b", ABSENT, "x")]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (1, "1", False),
        (None, "None", False),
        (math.nan, math.nan, True),
        ([1, math.nan], [1, math.nan], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], (1, 2), False),
        ("<function f at 0x7f3a>", "<function f at 0x7fff>", True),
        ("<function f at 0x7f3a>", "<function g at 0x7f3a>", False),
        ("x", "x ", False),
    ],
    ids=repr,
)
def test_values_are_the_same_where_they_say_the_same(a: object, b: object, same: bool) -> None:
    """Whichever of them comes first."""
    assert (is_same(a, b), is_same(b, a)) == (same, same)


@pytest.mark.usefixtures("store")
def test_curves_are_compared_by_their_best_values() -> None:
    """Which way that is, the name says; how much better is said of the second one."""
    a = record("a", loss=[3.0, 1.0, 2.0], acc=[0.5, 0.8, 0.6])
    b = record("b", loss=[3.0, 1.5, 1.5], acc=[0.5, 0.6, 0.9])
    metrics = {change.key: change for change in compared(a, b).metrics.different}
    loss, acc = metrics["loss"], metrics["acc"]

    assert (loss.compared, loss.a, loss.b, loss.delta, loss.relative, loss.better) == ("best", 1.0, 1.5, 0.5, 0.5, "a")
    assert (loss.last_a, loss.last_b, loss.best_step_a, loss.best_step_b, loss.points_a) == (2.0, 1.5, 1, 1, 3)
    assert (acc.a, acc.b, acc.better, acc.best_step_b) == (0.8, 0.9, "b", 2)
    assert acc.relative == pytest.approx(0.125)


@pytest.mark.usefixtures("store")
def test_a_goal_that_a_run_was_told_counts() -> None:
    """Of either run; without one, what a name does not tell is not judged."""
    a, b = record("a", epoch=[1.0, 2.0], weird=1.0), record("b", epoch=[1.0, 3.0], weird=2.0)
    with runlake.start_run(run_id=b):
        runlake.set_metric_goal("weird", "max")
    metrics = {change.key: change for change in compared(a, b).metrics.different}

    assert (metrics["weird"].goal, metrics["weird"].better) == ("max", "b")
    assert (metrics["epoch"].goal, metrics["epoch"].better, metrics["epoch"].a, metrics["epoch"].b) == (None, None, 2.0, 3.0)


@pytest.mark.usefixtures("store")
def test_metrics_that_matter_most_come_first() -> None:
    """Outcomes on new data, on any, on what was learned from, of the work; in each the farthest apart; then what only one has."""
    values = {"val_loss": (1.0, 1.1), "val_acc": (0.5, 0.9), "f1": (0.5, 0.6), "train_loss": (1.0, 0.1), "fit_seconds": (1.0, 9.0)}
    a = record("a", only_a_loss=1.0, lr=0.1, **{key: a for key, (a, _) in values.items()})
    b = record("b", only_b_loss=1.0, lr=0.2, **{key: b for key, (_, b) in values.items()})

    keys = [change.key for change in compared(a, b).metrics.different]
    assert keys == ["val_acc", "val_loss", "f1", "train_loss", "fit_seconds", "lr", "only_a_loss", "only_b_loss"]


@pytest.mark.usefixtures("store")
def test_what_is_no_number_is_worse_than_any_and_breaks_nothing() -> None:
    """Nor do infinities, nor zeros."""
    a = record("a", loss=math.nan, inf_loss=math.inf, zero_loss=0.0, same_loss=math.nan)
    b = record("b", loss=1.0, inf_loss=1.0, zero_loss=1.0, same_loss=math.nan)
    found = compared(a, b)
    metrics = {change.key: change for change in found.metrics.different}

    assert {key: (change.delta, change.relative, change.better) for key, change in metrics.items()} == {
        "loss": (None, None, "b"),
        "inf_loss": (None, None, "b"),
        "zero_loss": (1.0, None, "a"),
    }
    assert [change.key for change in found.metrics.same] == ["same_loss"]
    assert "NaN" in str(found)


@pytest.mark.usefixtures("store")
def test_artifacts_are_compared_by_content() -> None:
    """Not by their sizes."""
    ids = []
    for text in ("one", "two"):
        with runlake.start_run() as run:
            runlake.log_text(text, "notes/a.txt")
            runlake.log_text("same", "b.txt")
            runlake.log_text("x", f"{text}.txt")
        ids.append(run.run_id)
    found = compared(*ids).artifacts

    assert [change.key for change in found.different] == ["notes/a.txt", "one.txt", "two.txt"]
    assert found.different[0].a["bytes"] == found.different[0].b["bytes"] == 3
    assert [change.key for change in found.same] == ["b.txt"]


@pytest.mark.usefixtures("store")
def test_what_names_its_run_is_no_difference_of_two_models() -> None:
    """Two models alike differ in nothing; a file of that name outside of a model is any other."""
    ids = []
    for text in ("one", "two"):
        with runlake.start_run() as run:
            run.keep_files("best/net", {"weights": b"alike", "MLmodel": text.encode(), "manifest.json": text.encode()})
            runlake.log_text(text, "MLmodel")
        ids.append(run.run_id)
    found = compared(*ids).artifacts

    assert ([change.key for change in found.different], [change.key for change in found.same]) == (["MLmodel"], ["best/net/weights"])


@pytest.mark.usefixtures("store")
def test_data_sets_are_compared_by_their_digests() -> None:
    """By what they were used for and their names."""
    ids = []
    for rows in (3, 4):
        with runlake.start_run() as run:
            runlake.log_input(data.from_numpy(np.ones((rows, 2)), name="rows"), context="training")
            runlake.log_input(data.from_numpy(np.zeros((5, 2)), name="rows"), context="eval")
        ids.append(run.run_id)
    found = compared(*ids).data

    assert [(change.key, change.a["rows"], change.b["rows"]) for change in found.different] == [("rows (training)", 3, 4)]
    assert [change.key for change in found.same] == ["rows (eval)"]


def surroundings(packages: dict[str, str], diff: str = "", *, is_inner: bool = False, **more: Any) -> str:
    """A run that says this of where it ran; its id, or that of one inside it."""
    commit = {"mlflow.source.git.commit": "c" * 40, "mlflow.source.git.branch": "main", "mlflow.source.name": "train.py"}
    with runlake.start_run(tags=commit | ({"runlake.git.changes": "1 changed"} if diff else {})) as run:
        runlake.log_dict({"packages": packages, "process": id(run), "command": ["python", "train.py"], **more}, "environment.json")
        if diff:
            runlake.log_text(diff, "code.diff")
        with runlake.start_run(nested=True) as inner:
            runlake.log_metric("loss", 1.0)
    return str(inner.run_id if is_inner else run.run_id)


@pytest.mark.usefixtures("store")
def test_packages_machine_and_code_come_from_what_was_recorded() -> None:
    """The process is never the same, so it is not told of; files that say all that are not compared as files."""
    a = surroundings({"numpy": "2.0", "old": "1"}, "--- a/x\n+++ b/x\n-1\n+2\n", python="3.11.7", gpus=[], variables={"SEED": "1"})
    b = surroundings(
        {"numpy": "2.1", "new": "1"}, "--- a/x\n+++ b/x\n-1\n+3\n+4\n", python="3.11.7", gpus=["H100"], variables={"SEED": "2"}
    )
    found = compared(a, b)

    assert changes(found.packages) == [("numpy", "2.0", "2.1"), ("old", "1", ABSENT), ("new", ABSENT, "1")]
    assert changes(found.machine) == [("$SEED", "1", "2"), ("gpus", ABSENT, ["H100"])]
    assert changes(found.code) == [("uncommitted", "1 changed, +1 -1 lines", "1 changed, +2 -1 lines")]
    assert [change.key for change in found.code.same] == ["branch", "command", "commit", "program"]
    assert [line for line in found.code_diff() if line.startswith(("+", "-"))][2:] == ["-+2", "++3", "++4"]
    assert (changes(found.artifacts), changes(found.tags)) == ([], [])


@pytest.mark.usefixtures("store")
def test_other_lines_are_told_also_where_there_are_as_many() -> None:
    """What differs is the code, not how much of it."""
    found = compared(surroundings({}, "+1\n"), surroundings({}, "+2\n"))

    assert [change.key for change in found.code.different] == ["uncommitted"]
    assert found.code.different[0].a == found.code.different[0].b
    assert "other lines" in str(found)


@pytest.mark.usefixtures("store")
def test_a_run_inside_another_ran_where_that_did() -> None:
    """It records nothing of it itself."""
    a = surroundings({"numpy": "2.0"}, "+1\n", is_inner=True)
    b = surroundings({"numpy": "2.1"}, "+2\n", is_inner=True)
    found = compared(a, b)

    assert read(a).info.parent_run_id is not None
    assert changes(found.packages) == [("numpy", "2.0", "2.1")]
    assert [line for line in found.code_diff() if line.startswith(("+", "-"))][2:] == ["-+1", "++2"]


def test_runs_that_say_they_are_inside_each_other_are_compared_all_the_same(tmp_path: Path) -> None:
    """As what comes from elsewhere may say."""
    said = [("a" * 32, "b" * 32), ("b" * 32, "a" * 32)]
    with Arriving(tmp_path / "lake") as arriving:
        for run_id, parent in said:
            told: dict[str, str | int] = {"status": "FINISHED", "start_ns": 1, "end_ns": 2, "parent_run_id": parent}
            arriving.add(ArrivingRun(run_id, "Default", [Event.set(run_id, Scope.RUN, key, value, 1) for key, value in told.items()]))
    a, b = (open_store(tmp_path / "lake").run(run_id) for run_id, _ in said)

    assert (a.environment, [run.info.run_id for run in a.outward()]) == ({}, [run_id for run_id, _ in said])
    assert a.compare(b).is_same


@pytest.mark.usefixtures("store")
def test_where_one_recorded_no_surroundings_nothing_is_said_to_differ() -> None:
    """But that one did not is said."""
    found = compared(record("a"), surroundings({"numpy": "2.0"}))

    assert (changes(found.packages), changes(found.machine)) == ([], [])
    assert "What A ran on was not recorded." in str(found)


@pytest.mark.usefixtures("store")
def test_tags_that_nobody_set_stand_apart() -> None:
    """A note is the user's."""
    a = record("a", tags={"team": "x", "mlflow.note.content": "first", "mlflow.source.type": "LOCAL"})
    b = record("b", tags={"team": "y", "mlflow.note.content": "second", "mlflow.source.type": "NOTEBOOK"})
    found = compared(a, b)

    assert changes(found.tags) == [("mlflow.note.content", "first", "second"), ("team", "x", "y")]
    assert ("mlflow.source.type", "LOCAL", "NOTEBOOK") in changes(found.system_tags)


@pytest.mark.usefixtures("store")
def test_runs_of_two_stores_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read where it is."""
    one = read(record("a", {"lr": 1}))
    monkeypatch.setenv("RUNLAKE_STORE", str(tmp_path / "other"))
    other = read(record("b", {"lr": 2}))

    assert one._store.path != other._store.path
    assert changes(one.compare(other).params) == [("lr", 1, 2)]


@pytest.mark.usefixtures("store")
def test_as_plain_values_it_is_json() -> None:
    """What is absent is left out."""
    a, b = record("a", {"lr": 0.1, "only": 1}, loss=[2.0, 1.0]), record("b", {"lr": 0.2}, loss=[2.0, 1.5])
    said = json.loads(json.dumps(compared(a, b).to_dict()))

    assert (said["a"]["run_id"], said["b"]["run_name"], said["a"]["status"]) == (a, "b", "FINISHED")
    assert said["params"] == [{"key": "lr", "a": 0.1, "b": 0.2}, {"key": "only", "a": 1}]
    assert (said["metrics"][0]["key"], said["metrics"][0]["better"], said["metrics"][0]["delta"]) == ("loss", "a", 0.5)
    assert [name for name, n in said["same"].items() if n] == ["code", "system_tags"]


@pytest.mark.usefixtures("store")
def test_a_run_does_not_differ_from_itself() -> None:
    """And that is what is said."""
    a = record("a", {"lr": 0.1}, {"team": "x"}, loss=[2.0, math.nan])
    found = compared(a, a)

    assert found.is_same
    assert "That is one run." in str(found)


@pytest.mark.usefixtures("store")
def test_what_is_no_run_is_refused() -> None:
    """With what would be right."""
    run = read(record("a"))

    with pytest.raises(InvalidValue, match="not with 'b'"):
        run.compare("b")  # type: ignore[arg-type]  # what is wrong is the point
