"""`runlake gc`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from children import environment, run_program
from faults import hear, program
from lake import lake
from planted_jobs import add_jobs, plant, start_jobs, until
from runlake.read import open_store

LOGS = """
    import runlake
    for name in ("stays", "goes", "also goes"):
        runlake.set_experiment("churn" if name == "also goes" else "kept")
        with runlake.start_run(run_name=name) as run:
            runlake.log_text(f"of {name}", "own.txt")
            runlake.log_metric("loss", 0.5)
        if name == "goes":
            runlake.delete_run(run.run_id)
    runlake.delete_experiment(runlake.get_experiment_by_name("churn").experiment_id)
"""


def runlake_command(store: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    said = environment(store, XDG_CACHE_HOME=str(store.parent / "home"), **settings)
    return subprocess.run([sys.executable, "-m", "runlake", *arguments], env=said, capture_output=True, text=True, timeout=60, check=False)


def gc(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return runlake_command(store, "gc", *arguments)


def gc_told(store: Path, *arguments: str) -> dict[str, Any]:
    """What it says as JSON."""
    finished = gc(store, "--json", *arguments)
    assert (finished.returncode, finished.stderr) == (0, "")
    told: dict[str, Any] = json.loads(finished.stdout)
    return told


@pytest.fixture
def store_of_runs(store: Path) -> Path:
    """A run that stays, one that was deleted, and one in an experiment that was; contents are old."""
    assert run_program(LOGS, store, RUNLAKE_JOBS="off").stderr == ""
    for path in [*store.glob("blobs/*/*"), *store.glob("packs/*")]:
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    return store


def test_without_yes_it_tells_what_would_go(store_of_runs: Path) -> None:
    """The runs, with when they were deleted and what they take, the experiments, the contents; and it changes nothing."""
    before = {path: path.read_bytes() for path in store_of_runs.rglob("*") if path.is_file()}
    lines = gc(store_of_runs, "--older-than", "0").stdout.splitlines()
    told = gc_told(store_of_runs, "--older-than", "0")

    assert lines[0].split() == ["run", "experiment", "deleted", "size", "id"]
    assert sorted(line.split("  ")[0] for line in lines[1:3]) == ["also goes", "goes"]
    assert "would be deleted: 2 runs, and 1 experiment, whose name is free then: churn (2)" in lines
    assert "would be deleted: 2 contents that no run refers to, 19 B" in lines
    assert lines[-1] == "nothing deleted; add --yes"
    assert sorted(run["run_name"] for run in told["runs"]) == ["also goes", "goes"]
    assert all(run["bytes"] > 0 and abs(run["deleted_time"] / 1000 - time.time()) < 120 for run in told["runs"])
    assert (told["deleted"], told["experiments"], told["contents"]) == (
        False,
        [{"experiment_id": "2", "name": "churn"}],
        {"files": 2, "bytes": 19},
    )
    assert {path: path.read_bytes() for path in store_of_runs.rglob("*") if path.is_file()} == before


def test_with_yes_it_goes_and_the_name_is_free(store_of_runs: Path) -> None:
    """No command shows it any more; a second time there is nothing to do."""
    before = lake(store_of_runs)
    finished = gc(store_of_runs, "--older-than", "0", "--yes")
    again = gc(store_of_runs, "--older-than", "0", "--yes")

    assert (finished.returncode, finished.stderr) == (0, "")
    assert "deleted: 2 runs, and 1 experiment, whose name is free then: churn (2)" in finished.stdout
    assert "free now: 19 B" in finished.stdout.splitlines()[-1]
    assert again.stdout == f"There is nothing to remove in {store_of_runs}.\n"
    after = lake(store_of_runs)
    assert [said["info"].run_name for said in after.runs.values()] == ["stays"]
    assert after.runs == {run_id: before.runs[run_id] for run_id in after.runs}
    assert runlake_command(store_of_runs, "ls", "--deleted").stdout.startswith("No deleted run")
    assert "churn" not in runlake_command(store_of_runs, "experiments", "--deleted").stdout
    assert runlake_command(store_of_runs, "experiments", "create", "churn").stdout == "3\n"


def test_what_was_deleted_just_now_stays_unless_it_is_named(store_of_runs: Path) -> None:
    """Seven days, if nothing is said; what is named goes alone."""
    assert gc(store_of_runs, "--yes").stdout == f"There is nothing to remove in {store_of_runs}.\n"
    assert gc_told(store_of_runs, "--older-than", "1h", "--run", "goes")["runs"] == []

    named = gc_told(store_of_runs, "--run", "goes", "--yes")
    assert ([run["run_name"] for run in named["runs"]], named["experiments"]) == (["goes"], [])
    shelf = gc_told(store_of_runs, "--experiment", "churn", "--yes")
    assert ([run["run_name"] for run in shelf["runs"]], shelf["experiments"][0]["name"]) == (["also goes"], "churn")
    assert [run.info.run_name for run in open_store(store_of_runs).runs()] == ["stays"]


@pytest.mark.parametrize("age", ["3x", "7 days", ""])
def test_an_age_that_is_none_is_refused(store_of_runs: Path, age: str) -> None:
    """With what is one."""
    finished = gc(store_of_runs, "--older-than", age)

    assert finished.returncode == 1
    assert (
        finished.stderr
        == f"runlake: --older-than takes a number with s, m, h, d or w behind it, as in 12h or 7d, or 0 for all; not {age!r}.\n"
    )


def test_what_is_not_deleted_is_refused(store_of_runs: Path) -> None:
    """With what to do."""
    (run_id,) = [run.info.run_id for run in open_store(store_of_runs).runs() if run.info.run_name == "stays"]
    run, shelf, none = gc(store_of_runs, "--run", "stays"), gc(store_of_runs, "--experiment", "kept"), gc(store_of_runs, "--run", "nobody")

    assert run.stderr.startswith(f"runlake: The run stays ({run_id}) is not deleted, and gc removes what is. Delete it first")
    assert shelf.stderr.startswith("runlake: The experiment kept (1) is not deleted")
    assert "runlake experiments delete 1" in shelf.stderr
    assert none.stderr.startswith("runlake: No run of")
    assert {run.returncode, shelf.returncode, none.returncode} == {1}


RUNS_ON = """
    import runlake
    run = runlake.start_run(run_name="alive")
    runlake.log_metric("loss", 1.0)
    runlake.flush()
    print(run.run_id, flush=True)
    input()
    run.end()
"""


def test_a_run_that_is_running_is_passed_over_and_told(store: Path) -> None:
    """Though it was deleted, by another process."""
    with program(RUNS_ON, store, RUNLAKE_JOBS="off") as child:
        run_id = hear(child)
        assert run_program(f"import runlake; runlake.delete_run({run_id!r})", store, RUNLAKE_JOBS="off").stderr == ""
        lines = gc(store, "--older-than", "0", "--yes").stdout.splitlines()

        assert lines[0].startswith(f"passed over: the run alive ({run_id}): it is running, in process {child.pid} on ")
        assert lines[1:] == [f"There is nothing to remove in {store}."]
        assert open_store(store).run(run_id).info.status == "RUNNING"


def test_a_run_whose_job_is_being_done_is_passed_over(store: Path, tmp_path: Path) -> None:
    """Until that is over."""
    kinds, goes_on = plant(tmp_path), tmp_path / "goes on"
    arguments = {"trace": str(tmp_path / "trace"), "until": str(goes_on)}
    run_id = add_jobs(store, kinds, f"queue.add(run, 'waits', name='slow', arguments={arguments!r})")
    with start_jobs(store, kinds, "--finish", run_id) as runner:
        until((tmp_path / "trace").exists)
        assert run_program(f"import runlake; runlake.delete_run({run_id!r})", store, RUNLAKE_JOBS="off").stderr == ""
        held = gc_told(store, "--older-than", "0", "--yes")
        goes_on.touch()
        runner.communicate(timeout=60)

    assert (held["runs"], [(each["id"], each["why"]) for each in held["passed_over"]]) == ([], [(run_id, "one of its jobs is being done")])
    assert [run["run_id"] for run in gc_told(store, "--older-than", "0", "--yes")["runs"]] == [run_id]
    assert list((store / "jobs").iterdir()) == []
