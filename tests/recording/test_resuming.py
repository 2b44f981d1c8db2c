"""Runs that go on, are joined by other processes, are nested, put away and taken back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import runlake
from children import run_program, start_program
from reading import series


def test_a_resumed_run_goes_on_where_it_was(store: Path) -> None:
    """Steps count on, params stay fixed, the end is the later one."""
    with runlake.start_run(run_name="first", tags={"a": 1}) as before:
        runlake.log_metric("loss", 1.0, step=7)
        runlake.log_param("lr", 0.5)
    with runlake.start_run(run_id=before.run_id) as after:
        runlake.log_metric("loss", 0.5)
        runlake.set_tag("a", 2)
        with pytest.raises(runlake.InvalidValue, match="'lr'"):
            runlake.log_param("lr", 0.6)
    read = runlake.get_run(before.run_id)

    assert (after.run_id, after.name) == (before.run_id, "first")
    assert series(before.run_id, "loss") == [(7, 1.0), (8, 0.5)]
    assert (read.info.status, read.tags["a"], read.info.start_time) == ("FINISHED", "2", before.info.start_time)


def test_a_failed_run_resumed_by_another_process_ends_as_that_says(store: Path) -> None:
    """Its owner is the one that resumed it last."""
    with pytest.raises(ZeroDivisionError), runlake.start_run() as run:
        raise ZeroDivisionError
    failed = runlake.get_run(run.run_id).info.status
    finished = run_program(f"import runlake\nwith runlake.start_run({run.run_id!r}): runlake.log_metric('loss', 2.0)", store)

    assert (failed, finished.stderr, runlake.get_run(run.run_id).info.status) == ("FAILED", "", "FINISHED")


def test_another_process_joins_and_does_not_end_the_run(store: Path) -> None:
    """With and without a start_run of its own."""
    run = runlake.start_run()
    runlake.log_metric("loss", 1.0)
    for code in ("with runlake.start_run() as r: r.log_metric('loss', 2.0)", "runlake.log_metric('loss', 3.0)"):
        finished = run_program(f"import runlake\n{code}", store, **run.env())
        assert (finished.returncode, finished.stderr) == (0, "")
    meanwhile = runlake.get_run(run.run_id).info.status
    runlake.end_run()

    assert (meanwhile, runlake.get_run(run.run_id).info.status) == ("RUNNING", "FINISHED")
    assert series(run.run_id, "loss") == [(0, 1.0), (1, 2.0), (2, 3.0)]


def test_children_know_their_parent(store: Path) -> None:
    """Nested here, named by an argument, or given to another process."""
    with runlake.start_run() as parent, runlake.start_run(nested=True) as inner:
        pass
    with runlake.start_run(parent_run_id=parent.run_id) as named:
        pass
    given = run_program("import runlake\nprint(runlake.start_run().run_id)", store, RUNLAKE_PARENT_RUN_ID=parent.run_id).stdout.strip()

    for child in (inner.run_id, named.run_id, given):
        found = runlake.get_parent_run(child)
        assert found is not None
        assert (found.info.run_id, runlake.get_run(child).tags["mlflow.parentRunId"]) == (parent.run_id, parent.run_id)
    assert runlake.get_parent_run(parent.run_id) is None


def test_a_run_may_be_written_to_by_its_id(store: Path) -> None:
    """While another one is active; its status stays as it is."""
    with runlake.start_run() as first:
        pass
    with runlake.start_run():
        runlake.log_metric("late", 1.0, run_id=first.run_id)
        runlake.log_params({"late": 1}, run_id=first.run_id)
        runlake.log_text("late", "late.txt", run_id=first.run_id)
    read = runlake.get_run(first.run_id)

    assert (read.info.status, read.data.metrics, read.params, list(read.artifacts)) == (
        "FINISHED",
        {"late": 1.0},
        {"late": 1},
        ["late.txt"],
    )


def test_a_deleted_run_is_not_resumed_until_it_is_restored(store: Path) -> None:
    """Deleting twice, and what is not there, are errors."""
    with runlake.start_run() as run:
        pass
    runlake.delete_run(run.run_id)

    assert runlake.get_run(run.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(runlake.RunlakeError, match=r"is deleted.*restore_run"):
        runlake.start_run(run_id=run.run_id)
    with pytest.raises(runlake.RunlakeError, match="is deleted, not active"):
        runlake.delete_run(run.run_id)
    runlake.restore_run(run.run_id)
    assert runlake.get_run(run.run_id).info.lifecycle_stage == "active"


def test_an_unknown_run_is_named(store: Path) -> None:
    """By every verb that takes an id."""
    with runlake.start_run():
        pass
    for verb in (
        runlake.get_run,
        runlake.delete_run,
        runlake.restore_run,
        runlake.get_parent_run,
        lambda run_id: runlake.start_run(run_id=run_id),
    ):
        with pytest.raises(runlake.UnknownRun, match="'beef'"):
            verb("beef")
    with pytest.raises(KeyError, match="beef"):
        runlake.get_metric_history("beef", "loss")
    assert runlake.active_run() is None


def test_the_run_of_a_killed_process_is_crashed(store: Path) -> None:
    """It is what a reader finds; while the process lives it is running."""
    program = start_program("import runlake, time\nrunlake.start_run()\nrunlake.flush()\nprint('open')\ntime.sleep(60)", store)
    assert program.stdout is not None
    program.stdout.readline()
    opened = runlake.read.open_store(store)
    (alive,) = opened.runs()
    os.kill(program.pid, signal.SIGKILL)
    program.communicate(timeout=30)
    (dead,) = opened.runs()

    assert (alive.info.status, dead.info.status, dead.info.end_time) == ("RUNNING", "CRASHED", None)


def test_many_runs_of_one_process_share_one_log(store: Path) -> None:
    """Nothing of a run that ended stays behind in the process."""
    for i in range(200):
        with runlake.start_run(run_name=str(i)):
            runlake.log_metric("loss", float(i))

    assert len(list(store.glob("wal/*/*.wal"))) == 1
    assert [run.info.run_name for run in runlake.read.open_store().runs()] == [str(i) for i in range(200)]


def test_a_fork_amid_the_opening_of_an_implicit_run_locks_nobody_up(store: Path) -> None:
    """The child opens its own, whoever held the lock in the parent."""
    finished = run_program(
        """
        import os, threading, runlake
        from runlake.recording import active

        held, over = threading.Event(), threading.Event()
        def hold():
            with active._opening:
                held.set()
                over.wait(30)
        threading.Thread(target=hold).start()
        held.wait(30)
        child = os.fork()
        if child == 0:
            runlake.log_metric("of the child", 1.0)
            os._exit(0 if runlake.flush(20) else 1)
        code = os.waitpid(child, 0)[1]
        over.set()
        print(code)
        """,
        store,
        timeout=40,
    )

    assert (finished.stdout.strip(), finished.stderr) == ("0", "")


@pytest.mark.long
def test_ten_thousand_runs_keep_the_memory_of_one(store: Path) -> None:
    """And have one writer."""
    finished = run_program(
        """
        import resource, runlake
        def runs(n):
            for i in range(n):
                with runlake.start_run():
                    for j in range(10):
                        runlake.log_param(f"p{j}", i * j)
                    runlake.log_metrics({"a": 1.0, "b": float(i)})
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = runs(5000)  # in which full parts of the log are sealed
        print(runs(5000) - before)
        """,
        store,
        timeout=110,
    )

    assert (finished.stderr, len({path.name.partition(".")[0] for path in store.glob("wal/*/*.wal")})) == ("", 1)
    assert int(finished.stdout) < 30_000  # KiB, where sealing at once what a part holds takes ten times that
