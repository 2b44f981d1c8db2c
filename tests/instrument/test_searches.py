"""A capture may say that its call is a search, which trains candidates, or that it goes on with an earlier training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import runlake
from toys import recorded

Install = Callable[..., None]

SEARCHING = """
def look(call):
    if call.instance.inner is not None:
        call.name = "search"
        call.run.log_param("rounds", call.instance.rounds)
        call.holds_trainings()
    elif call.arguments["targets"] == "more":
        call.resumes()
    call.run.set_tag("seen", "yes")
    yield

@hookimpl
def patches():
    return [Patch("toylib.core:Estimator.fit", look, why="to see it")]
"""


def test_what_a_search_trains_are_runs_inside_its_own(toylib: ModuleType, install: Install, store: Path) -> None:
    """Each with what it records itself; the search fails with one of them."""
    install("searching", SEARCHING)
    runlake.autolog("searching")

    toylib.Estimator(2, inner=toylib.Estimator()).fit("data")
    with pytest.raises(ValueError, match="bad data"):
        toylib.Estimator(2, inner=toylib.Estimator()).fit("bad")

    assert recorded(store) == [
        ("search", "FINISHED", None, {"rounds": 2}),
        ("Estimator", "FINISHED", "search", {}),
        ("search", "FAILED", None, {"rounds": 2}),
        ("Estimator", "FAILED", "search", {}),
    ]


def test_a_search_in_the_users_run_is_that_run(toylib: ModuleType, install: Install, store: Path) -> None:
    """As a training would be."""
    install("searching", SEARCHING)
    runlake.autolog("searching")

    with runlake.start_run(run_name="own"):
        toylib.Estimator(2, inner=toylib.Estimator()).fit("data")

    assert recorded(store) == [("own", "FINISHED", None, {"rounds": 2}), ("Estimator", "FINISHED", "own", {})]


def test_a_training_that_resumes_is_recorded_in_the_run_that_is_open(toylib: ModuleType, install: Install, store: Path) -> None:
    """Where another is a run inside it; without one it has a run of its own."""
    install("searching", SEARCHING)
    runlake.autolog("searching")

    with runlake.start_run(run_name="own"):
        toylib.Estimator().fit("data")
        toylib.Estimator().fit("data", "more")
        toylib.Estimator().fit("data")
    toylib.Estimator().fit("data", "more")

    names = [(name, inside) for name, _, inside, _ in recorded(store)]
    assert names == [("own", None), ("Estimator", "own"), ("Estimator", None)]


def test_a_training_that_resumes_joins_the_run_that_the_environment_names(
    toylib: ModuleType, install: Install, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never ends that: another process owns it."""
    install("searching", SEARCHING)
    runlake.autolog("searching")
    with runlake.start_run(run_name="own") as own:
        pass
    monkeypatch.setenv("RUNLAKE_RUN_ID", own.run_id)

    toylib.Estimator().fit("data", "more")

    assert recorded(store) == [("own", "FINISHED", None, {})]
    assert runlake.get_run(own.run_id).data.tags["seen"] == "yes"
