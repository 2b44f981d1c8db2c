"""Params are fixed, whole and typed; tags may change; what is wrong is refused whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlake
from children import start_program
from runlake.entities.params import kind_of, typed

VALUES = [0.1, 3, True, None, "text", "", "0.5", "ü☃", [1, "a", None], (1, 2), {"a": [1]}, {3}, 10**40, float("inf"), "x" * 20_000]


def test_params_come_back_with_their_type_and_as_text(store: Path) -> None:
    """Whole, whatever their length."""
    params = {f"p{i}": value for i, value in enumerate(VALUES)}
    with runlake.start_run() as run:
        runlake.log_params(params)
    read = runlake.get_run(run.run_id)

    assert read.params == params
    assert [type(value) for value in read.params.values()] == [type(value) for value in VALUES]
    assert read.data.params == {key: str(value) for key, value in params.items()}


def test_numpy_numbers_are_numbers_and_objects_their_text(store: Path) -> None:
    """What has no literal keeps its text exactly."""
    with runlake.start_run() as run:
        assert runlake.log_param("lr", np.float32(0.1)) == np.float32(0.1)
        runlake.log_params({"n": np.int64(3), "path": Path("a/b"), "kind": np.float64})
    read = runlake.get_run(run.run_id)

    assert read.params == {"lr": 0.1, "n": 3, "path": "a/b", "kind": "<class 'numpy.float64'>"}


def test_the_same_text_again_is_fine_and_another_is_an_error(store: Path) -> None:
    """It names the run, both values and what to use; nothing of the call is logged."""
    with runlake.start_run(run_name="first") as run:
        runlake.log_param("lr", 0.5)
        runlake.log_params({"lr": "0.5"})
        runlake.log_param("lr", np.float64(0.5))
        with pytest.raises(
            runlake.InvalidValue, match=r"'lr' of the run 'first' is '0.5' already, and cannot become '0.6'.*a metric or a tag"
        ):
            runlake.log_params({"new": 1, "lr": 0.6})

    assert runlake.get_run(run.run_id).params == {"lr": 0.5}


def test_the_first_of_two_processes_wins_and_the_run_shows_the_conflict(store: Path) -> None:
    """Neither is told, since neither could know."""
    run = runlake.start_run()
    code = "import runlake\nrun = runlake.start_run()\nprint(run)\ninput()\nrun.log_params({'lr': 0.7})"
    other = start_program(code, store, **run.env())
    assert other.stdout is not None
    other.stdout.readline()  # it has joined, and knows of no param
    runlake.log_param("lr", 0.5)
    runlake.flush()
    _, errors = other.communicate("go\n", timeout=60)
    read = runlake.get_run(run.run_id)

    assert (other.returncode, errors) == (0, "")
    assert (read.params, read.param_conflicts) == ({"lr": 0.5}, {"lr": ["0.7"]})


def test_tags_change_and_go(store: Path) -> None:
    """The last value counts."""
    with runlake.start_run(tags={"a": 1}, description="a note") as run:
        runlake.set_tags({"a": 2, "b": 3})
        runlake.delete_tag("b")
        with pytest.raises(runlake.InvalidValue, match="no tag 'b'"):
            runlake.delete_tag("b")
        runlake.set_tag("mlflow.runName", "renamed")
    read = runlake.get_run(run.run_id)

    assert {key: read.tags.get(key) for key in ("a", "b", "mlflow.note.content")} == {"a": "2", "b": None, "mlflow.note.content": "a note"}
    assert (read.info.run_name, read.tags["mlflow.runName"]) == ("renamed", "renamed")


class Unprintable:
    """Something that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("params", [{"": 1}, {"k" * 4097: 1}, {5: 1}, {"bad": Unprintable()}])
def test_a_wrong_param_or_tag_is_refused_and_nothing_of_the_call_stays(store: Path, params: dict[Any, Any]) -> None:
    """Keys are text of at most 4 KiB, and values have a text."""
    with runlake.start_run() as run:
        with pytest.raises(runlake.InvalidValue):
            runlake.log_params({"good": 1, **params})
        with pytest.raises(runlake.InvalidValue):
            runlake.set_tags({"good": 1, **params})
    read = runlake.get_run(run.run_id)

    assert (read.params, read.tags.get("good")) == ({}, None)


def test_a_goal_says_which_way_is_better(store: Path) -> None:
    """Against the name of the metric."""
    with runlake.start_run() as run:
        runlake.set_metric_goal("loss", "max")
        runlake.log_batch("loss", [1.0, 3.0, float("nan"), 2.0])
        runlake.log_batch("val_accuracy", [0.1, 0.9, 0.5])
        runlake.log_batch("rmse", [0.3, 0.1, 0.2])
        with pytest.raises(runlake.InvalidValue, match="'min' or 'max', not 'up'"):
            runlake.set_metric_goal("loss", "up")  # type: ignore[arg-type]  # that it is wrong is the point
    metrics = runlake.get_run(run.run_id).metrics

    assert {key: (series.best, series.best_step) for key, series in metrics.items()} == {
        "loss": (3.0, 1),
        "val_accuracy": (0.9, 1),
        "rmse": (0.1, 1),
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_every_plain_value_comes_back(value: Any) -> None:
    """Out of its kind and its text alone."""
    back = typed(kind_of(value), str(value))

    assert back == value or kind_of(value) == "object"
