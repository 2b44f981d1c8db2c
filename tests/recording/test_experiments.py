"""Experiments: numbered, named, put away and taken back, by any number of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

import runlake
from children import start_program
from runlake.entities import ViewType


def names(view: ViewType = ViewType.ACTIVE_ONLY) -> list[tuple[str, str]]:
    """The experiments that a search shows, oldest first."""
    return [(experiment.experiment_id, experiment.name) for experiment in reversed(runlake.search_experiments(view))]


def test_a_new_store_has_the_default_one(store: Path) -> None:
    """Looking does not make the store."""
    assert names() == [("0", "Default")]
    assert not store.exists()


def test_runs_go_to_the_experiment_that_was_set(store: Path) -> None:
    """It is made where it is not there, and found again where it is; Default comes before it."""
    first = runlake.set_experiment("shapes")
    with runlake.start_run() as run:
        pass
    with runlake.start_run(experiment_id=0) as other:
        pass

    assert runlake.set_experiment(experiment_name="shapes") == first
    assert (run.info.experiment_id, other.info.experiment_id) == ("1", "0")
    assert runlake.get_run(run.run_id).info.experiment_id == "1"
    assert names() == [("0", "Default"), ("1", "shapes")]


def test_the_default_one_is_as_old_as_its_store(store: Path) -> None:
    """It was there before anybody wrote it down, and does not grow younger when somebody does."""
    with runlake.start_run():
        pass
    before = runlake.get_experiment("0")
    runlake.create_experiment("next")

    assert before.creation_time is not None
    assert runlake.get_experiment("0") == before


def test_an_experiment_has_the_attributes_that_people_know(store: Path) -> None:
    """`vars` shows them."""
    experiment_id = runlake.create_experiment("lab", tags={"team": "a", "year": 2026})
    experiment = runlake.get_experiment(experiment_id)
    shown = vars(experiment)

    assert (experiment_id, experiment.name, experiment.lifecycle_stage) == ("1", "lab", "active")
    assert shown["tags"] == {"team": "a", "year": "2026"}
    assert shown["creation_time"] == shown["last_update_time"]
    assert runlake.get_experiment_by_name("lab") == experiment
    assert runlake.get_experiment_by_name("nothing") is None


def test_a_deleted_experiment_takes_no_runs_until_it_is_restored(store: Path) -> None:
    """And its name stays taken."""
    experiment_id = runlake.set_experiment("old").experiment_id
    runlake.delete_experiment(experiment_id)

    with pytest.raises(runlake.RunlakeError, match=r"'old' .* is deleted.*restore_experiment"):
        runlake.start_run()
    with pytest.raises(runlake.RunlakeError, match="'old' exists, as '1', deleted; restore it"):
        runlake.create_experiment("old")
    assert (names(), names(ViewType.DELETED_ONLY)) == ([("0", "Default")], [("1", "old")])
    runlake.restore_experiment(experiment_id)
    with runlake.start_run() as run:
        assert run.info.experiment_id == experiment_id


def test_a_renamed_experiment_keeps_its_id_and_its_tags(store: Path) -> None:
    """Its old name is free again."""
    runlake.set_experiment("before")
    runlake.set_experiment_tag("team", "a")
    runlake.rename_experiment("1", "after")
    runlake.create_experiment("before")

    assert names() == [("0", "Default"), ("1", "after"), ("2", "before")]
    assert runlake.get_experiment("1").tags == {"team": "a"}


def test_what_is_wrong_is_said_with_its_value(store: Path) -> None:
    """And nothing half-done stays."""
    for wrong in ("", " ", 5, None, "n" * 5000):
        with pytest.raises(runlake.InvalidValue, match="name"):
            runlake.create_experiment(wrong)  # type: ignore[arg-type]  # that it is wrong is the point
    with pytest.raises(runlake.UnknownExperiment, match="'7'"):
        runlake.start_run(experiment_id="7")
    with pytest.raises(runlake.UnknownExperiment, match="'7'"):
        runlake.delete_experiment("7")
    with pytest.raises(runlake.InvalidValue, match="'Default' cannot be deleted"):
        runlake.delete_experiment("0")
    with pytest.raises(runlake.InvalidValue, match="one of the two"):
        runlake.set_experiment()
    with pytest.raises(runlake.InvalidValue, match="view_type"):
        runlake.search_experiments(9)

    assert names(ViewType.ALL) == [("0", "Default")]
    assert not list(store.glob("wal/*/*"))


def test_processes_that_make_experiments_at_once_get_each_number_once(store: Path) -> None:
    """And all get the same number for the same name."""
    code = """
        import sys, runlake
        sys.stdin.readline()
        own = [runlake.create_experiment(f"{sys.argv[1]}-{i}") for i in range(5)]
        print(*own, runlake.set_experiment("shared").experiment_id)
    """
    programs = [start_program(code, store, str(i)) for i in range(4)]
    answers = [program.communicate("go\n", timeout=60) for program in programs]

    assert [error for _, error in answers] == [""] * 4
    numbers = [out.split() for out, _ in answers]
    assert len({number for own in numbers for number in own}) == 21
    assert len({own[-1] for own in numbers}) == 1
    assert [number for number, _ in names()] == [str(i) for i in range(22)]


def test_the_settings_may_name_the_experiment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set in the program outranks them."""
    monkeypatch.setenv("RUNLAKE_EXPERIMENT", "of the settings")
    with runlake.start_run() as first:
        pass
    runlake.set_experiment("of the program")
    with runlake.start_run() as second:
        pass

    assert (first.info.experiment_id, second.info.experiment_id) == ("1", "2")
