"""What is recorded by itself yields to what the user says, whichever comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import runlake
from runlake.read import open_store


def read(run: runlake.ActiveRun) -> tuple[dict[str, str], dict[str, str], dict[str, float]]:
    """Params, our own tags and metrics of a run as a reader finds them."""
    runlake.flush()
    data = open_store().run(run.run_id).data
    return data.params, {key: text for key, text in data.tags.items() if not key.startswith("mlflow.")}, data.metrics


@pytest.mark.parametrize("first", ["user", "plugin"])
def test_a_users_param_takes_the_place_of_an_offered_one(store: Path, first: str) -> None:
    """In silence, and never the other way round."""
    with runlake.start_run() as run:
        says: dict[str, Callable[[], object]] = {
            "user": lambda: run.log_param("lr", 0.5),
            "plugin": lambda: run.offered.log_params({"lr": 0.1, "depth": 3}),
        }
        says.pop(first)()
        says.popitem()[1]()

        assert run.data.params == {"lr": "0.5", "depth": "3"}
    assert read(run)[0] == {"lr": "0.5", "depth": "3"}
    assert runlake.get_run(run.run_id).param_conflicts == {}


@pytest.mark.parametrize("first", ["user", "plugin"])
def test_a_users_tag_takes_the_place_of_an_offered_one(store: Path, first: str) -> None:
    """And a later offer takes the place of an earlier one."""
    with runlake.start_run() as run:
        says: dict[str, Callable[[], object]] = {
            "user": lambda: run.set_tag("team", "a"),
            "plugin": lambda: run.offered.set_tags({"team": "b", "model": "x"}),
        }
        says.pop(first)()
        says.popitem()[1]()
        run.offered.set_tag("model", "y")

    assert read(run)[1] == {"team": "a", "model": "y"}


@pytest.mark.parametrize("first", ["user", "plugin"])
def test_a_users_goal_takes_the_place_of_an_offered_one(store: Path, first: str) -> None:
    """A plugin says which way its metrics are better, and the user has the last word."""
    with runlake.start_run() as run:
        says: dict[str, Callable[[], object]] = {
            "user": lambda: run.set_metric_goal("bic", "max"),
            "plugin": lambda: run.offered.set_metric_goal("bic", "min"),
        }
        says.pop(first)()
        says.popitem()[1]()
        run.offered.set_metric_goal("gain", "max")

    assert read(run)[1] == {"runlake.goal.bic": "max", "runlake.goal.gain": "max"}


def test_an_offered_tag_can_be_deleted(store: Path) -> None:
    """As any other."""
    with runlake.start_run() as run:
        run.offered.set_tag("model", "x")
        run.delete_tag("model")

    assert read(run)[1] == {}


def test_the_first_offer_of_a_param_counts(store: Path) -> None:
    """A fit inside a fit does not rename what is outside."""
    with runlake.start_run() as run:
        run.offered.log_param("depth", 3)
        run.offered.log_param("depth", 4)

    assert read(run)[0] == {"depth": "3"}


def test_a_metric_that_the_user_logs_is_left_to_the_user(store: Path) -> None:
    """From then on; what was offered before stays, since nothing is lost."""
    with runlake.start_run() as run:
        run.log_metric("loss", 1.0)
        run.offered.log_metric("loss", 9.0)
        run.offered.log_metrics({"loss": 9.0, "acc": 0.5})
        run.offered.log_batch("loss", [9.0, 9.0])
        run.offered.log_batch("lr", [0.1, 0.2])

    assert read(run)[2] == {"acc": 0.5, "loss": 1.0, "lr": 0.2}


def test_an_artifact_of_the_user_is_left_alone(store: Path) -> None:
    """What was offered may be offered anew."""
    with runlake.start_run() as run:
        run.log_text("mine", "notes/a.txt")
        run.offered.log_text("theirs", "notes/a.txt")
        run.offered.log_dict({"version": 1}, "b.json")
        run.offered.log_dict({"version": 2}, "b.json")

    found = runlake.get_run(run.run_id)

    assert found.read_artifact("notes/a.txt") == b"mine"
    assert b"2" in found.read_artifact("b.json")


def test_what_was_offered_yields_in_a_resumed_run_too(store: Path) -> None:
    """The mark is in the store."""
    with runlake.start_run() as run:
        run.offered.log_params({"lr": 0.1, "depth": 3})
    with runlake.start_run(run.run_id):
        runlake.log_param("lr", 0.5)
        with pytest.raises(runlake.InvalidValue, match=r"'lr' .* is '0.5' already"):
            runlake.log_param("lr", 0.7)

    assert read(run)[0] == {"lr": "0.5", "depth": "3"}


def test_a_run_has_one_slot_for_a_training(store: Path) -> None:
    """Taken once, and in the process that opened the run: resumed, it has none."""
    with runlake.start_run() as run:
        assert (run.take_slot(), run.take_slot()) == (True, False)
    with runlake.start_run(run.run_id) as resumed:
        assert not resumed.take_slot()


def test_a_file_is_made_by_the_thread_that_writes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be made is an error of the run, and what comes after it is kept."""
    monkeypatch.setenv("RUNLAKE_STRICT", "0")
    makers: list[str] = []

    def make() -> bytes:
        makers.append(threading.current_thread().name)
        return b"made"

    with runlake.start_run() as run:
        run.offered.log_columns({"a": [1], "b": ["x", "y"]}, "uneven.parquet")
        run.offered.log_made(make, "made.bin", 4)
    runlake.flush()

    found = runlake.get_run(run.run_id)
    assert found.read_artifact("made.bin") == b"made"
    assert len(makers) == 1
    assert makers != [threading.current_thread().name]
    assert "uneven.parquet" not in found.artifacts
    assert [error.partition(": ")[0] for error in found.errors] == ["uneven.parquet"]


def test_a_run_that_is_resumed_takes_further_points_of_what_the_store_has(store: Path) -> None:
    """Until the user logs the metric here; without a step the user's count on."""
    with runlake.start_run() as run:
        run.offered.log_metric("loss", 0.5, 1)
    with runlake.start_run(run.run_id) as resumed:
        resumed.offered.log_metric("loss", 0.4, 2)
        resumed.log_metric("loss", 0.3)
        resumed.offered.log_metric("loss", 0.2, 4)

    runlake.flush()
    points = open_store().points(run.run_id, "loss")
    assert list(zip(points["step"].to_pylist(), points["value"].to_pylist(), strict=True)) == [(1, 0.5), (2, 0.4), (2, 0.3)]
