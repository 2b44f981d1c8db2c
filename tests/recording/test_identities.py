"""A run that is known by what it is of: many processes record it, and it stands as the last of them left it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import runlake
from children import start_program

# Does what it is told, line by line: `begin NAME` and `end` a trial, `leave` the sweep; then answers.
PROCESS = """
    import sys
    from runlake.recording.opening import Identity
    from runlake.recording.trainings import open_training_run, open_trial

    since = 1_700_000_000 * 10**9
    sweep = Identity("sweep", since)
    parent, _ = open_training_run("sweep", is_exclusive=False, identity=sweep)
    trials = ["one", "two"]
    known = {name: Identity(f"{parent.run_id}/{name}", since + number) for number, name in enumerate(trials)}
    for line in sys.stdin:
        told, _, name = line.strip().partition(" ")
        if told == "begin":
            trial = open_trial(parent, name, known[name], is_new=True)
            trial.log_metric("loss", 1.0)
        elif told == "end":
            trial.end()
        elif told == "leave":
            parent.end()
        parent.recorder.flusher.flush(sync=False)
        print(parent.run_id, flush=True)
"""

Process = subprocess.Popen[str]


@pytest.fixture
def processes(store: Path) -> Iterator[tuple[Process, Process]]:
    """Two of them, which know nothing of each other."""
    with ExitStack() as stack:
        started = [stack.enter_context(start_program(PROCESS, store)) for _ in range(2)]
        for process in started:
            stack.callback(process.kill)
        yield started[0], started[1]


def tell(process: Process, line: str) -> str:
    """What it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def status_of(run_id: str) -> str:
    """How it reads now."""
    return str(runlake.get_run(run_id).info.status)


def statuses_found() -> list[tuple[str, str]]:
    """How a search finds every run."""
    return sorted((run.info.run_name, str(run.info.status)) for run in runlake.search_runs(output_format="list"))


def test_they_record_one_run_which_ends_with_the_last_of_them(processes: tuple[Process, Process]) -> None:
    """Who leaves first leaves it to the other, which is at a trial."""
    one, two = processes
    sweep = tell(one, "begin one")
    assert tell(two, "begin two") == sweep
    tell(one, "end")
    tell(one, "leave")
    assert status_of(sweep) == "RUNNING"
    one.kill()
    one.wait()
    assert status_of(sweep) == "RUNNING"
    tell(two, "end")
    tell(two, "leave")

    assert status_of(sweep) == "FINISHED"
    assert statuses_found() == [
        ("one", "FINISHED"),
        ("sweep", "FINISHED"),
        ("two", "FINISHED"),
    ]


def test_a_process_that_is_killed_does_not_take_the_others_run_with_it(processes: tuple[Process, Process]) -> None:
    """Its own trial has crashed, and the sweep ends as the other says."""
    one, two = processes
    sweep = tell(two, "begin two")
    tell(one, "begin one")
    one.kill()
    one.wait()
    assert (status_of(sweep), str(runlake.get_run(sweep).liveness)) == ("RUNNING", "RUNNING")
    assert statuses_found() == [("one", "CRASHED"), ("sweep", "RUNNING"), ("two", "RUNNING")]
    tell(two, "end")
    tell(two, "leave")

    assert statuses_found() == [
        ("one", "CRASHED"),
        ("sweep", "FINISHED"),
        ("two", "FINISHED"),
    ]
    assert status_of(sweep) == "FINISHED"


def test_the_last_one_that_is_killed_leaves_a_run_that_has_crashed(processes: tuple[Process, Process]) -> None:
    """The other has left it to this one."""
    one, two = processes
    sweep = tell(one, "begin one")
    tell(two, "begin two")
    tell(one, "end")
    tell(one, "leave")
    two.kill()
    two.wait()

    assert status_of(sweep) == "CRASHED"


def test_who_is_between_two_trials_is_still_at_it(processes: tuple[Process, Process]) -> None:
    """The one that left saw no trial under way."""
    one, two = processes
    sweep = tell(two, "begin two")
    tell(two, "end")
    tell(one, "leave")
    assert status_of(sweep) == "RUNNING"
    tell(two, "begin one")
    assert status_of(sweep) == "RUNNING"
    tell(two, "end")
    tell(two, "leave")

    assert status_of(sweep) == "FINISHED"


def test_it_began_when_its_identity_did(processes: tuple[Process, Process]) -> None:
    """And its id says so, as any run's does."""
    one, _ = processes
    run = runlake.get_run(tell(one, "begin one"))

    assert run.info.start_time == 1_700_000_000_000
    assert int(run.info.run_id[:12], 16) == 1_700_000_000_000
