"""A job is done once, whoever does it; one that fails, crashes, hangs or is killed is a row, tried once more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import runlake
from children import environment
from planted_jobs import add_jobs, jobs_of, plant, run_jobs, start_jobs, until
from runlake import platform
from runlake.entities import Job, JobState
from runlake.jobs import claims
from runlake.store.layout import create

ENDS = {
    "crashes": ("given up", 2, "its process was killed by SIGSEGV"),
    "raises": ("given up", 2, "ValueError: no good (planted_kinds.py, line 16)"),
    "leaves": ("given up", 2, "SystemExit: 3 (planted_kinds.py, line 19)"),
    "vanishes": ("given up", 2, "its process ended with exit code 0 and without an outcome"),
    "skips": ("skipped", 1, "nothing to do"),
}


def test_whatever_a_job_does_is_a_row_of_its_run_and_harms_no_other(tmp_path: Path) -> None:
    """Each is tried once more, then given up with its reason; the one after them is done."""
    kinds, store = plant(tmp_path), tmp_path / "lake"
    trace = str(tmp_path / "trace")
    lines = [*(f"queue.add(run, {kind!r})" for kind in ENDS), f"queue.add(run, 'counts', {{'trace': {trace!r}}})"]
    run_id, hanging_id = add_jobs(store, kinds, "\n".join(lines)), add_jobs(store, kinds, "queue.add(run, 'hangs')")

    beside = start_jobs(store, kinds, "--limit", "1", "--finish", hanging_id)
    run_jobs(store, kinds, run_id)
    beside.communicate()

    jobs, hung = jobs_of(store, run_id), jobs_of(store, hanging_id)["hangs"]
    assert (hung.state, hung.attempts, hung.why[:35]) == (JobState.GIVEN_UP, 2, "it ran longer than its limit of 1 s")
    assert {name: (str(job.state), job.attempts, job.why) for name, job in jobs.items() if name in ENDS} == ENDS
    assert jobs["counts"].state == JobState.DONE
    assert list((store / "jobs").iterdir()) == []


def test_one_process_does_one_job_after_the_other_until_one_fails(tmp_path: Path) -> None:
    """The libraries that they need are imported once; whatever a job prints is no answer of it."""
    kinds, store = plant(tmp_path), tmp_path / "lake"
    given = {"trace": str(tmp_path / "trace")}
    names = ["counts", "prints", "counts", "raises", "counts", "counts"]
    run_id = add_jobs(store, kinds, "\n".join(f"queue.add(run, {kind!r}, {given!r}, name='{n}')" for n, kind in enumerate(names)))

    run_jobs(store, kinds)

    pids = [line.split()[-1] for line in (tmp_path / "trace").read_text().splitlines()]
    assert [str(job.state) for job in jobs_of(store, run_id).values()] == ["done", "done", "done", "given up", "done", "done"]
    assert (len(pids), len(set(pids[:3])), len(set(pids[3:])), pids[0] != pids[3]) == (5, 1, 1, True)


def test_what_fails_once_is_done_the_second_time(tmp_path: Path) -> None:
    """And a kind that nobody installed is named."""
    kinds, store = plant(tmp_path), tmp_path / "lake"
    trace = str(tmp_path / "trace")
    run_id = add_jobs(store, kinds, f"queue.add(run, 'fails_once', {{'trace': {trace!r}}})\nqueue.add(run, 'explain')")

    run_jobs(store, kinds)

    jobs = jobs_of(store, run_id)
    assert (jobs["fails_once"].state, jobs["fails_once"].attempts, jobs["fails_once"].why) == (JobState.DONE, 2, "")
    assert jobs["explain"].state == JobState.GIVEN_UP
    assert "No installed distribution does jobs of the kind 'explain'" in jobs["explain"].why


def test_two_runners_do_twenty_jobs_once_each(tmp_path: Path) -> None:
    """They race for every one of them."""
    kinds, store, trace = plant(tmp_path), tmp_path / "lake", tmp_path / "trace"
    run_id = add_jobs(
        store, kinds, f"for n in range(20): queue.add(run, 'counts', {{'trace': {str(trace)!r}, 'name': str(n)}}, name=str(n))"
    )

    runners = [start_jobs(store, kinds, "--finish") for _ in range(2)]
    for runner in runners:
        assert (runner.communicate(timeout=60)[1], runner.returncode) == ("", 0)

    assert sorted(int(line.split()[0]) for line in trace.read_text().splitlines()) == list(range(20))
    assert {(str(job.state), job.attempts) for job in jobs_of(store, run_id).values()} == {("done", 1)}


@pytest.mark.parametrize("kill_the_job", [False, True])
def test_a_killed_runners_job_is_done_nonetheless(tmp_path: Path, kill_the_job: bool) -> None:
    """By its own process where that lives on, else by the next runner, as the second attempt."""
    kinds, store, trace = plant(tmp_path), tmp_path / "lake", tmp_path / "trace"
    run_id = add_jobs(store, kinds, f"queue.add(run, 'waits', {{'trace': {str(trace)!r}, 'until': {str(tmp_path / 'go')!r}}})")
    runner = start_jobs(store, kinds, "--idle", "30")
    until(lambda: trace.exists() and trace.read_text() != "")

    runner.kill()
    runner.communicate()
    if kill_the_job:
        os.kill(int(trace.read_text().split()[0]), signal.SIGKILL)
    (tmp_path / "go").touch()
    run_jobs(store, kinds)

    job = jobs_of(store, run_id)["waits"]
    assert (job.state, job.attempts) == (JobState.DONE, 2 if kill_the_job else 1)
    assert len(trace.read_text().splitlines()) == job.attempts


def test_a_runner_leaves_when_nothing_comes_and_takes_what_does(tmp_path: Path) -> None:
    """Also what is added while it waits; meanwhile the machine's one slot is its own."""
    kinds, store, trace = plant(tmp_path), tmp_path / "lake", tmp_path / "trace"
    line = f"queue.add(run, 'counts', {{'trace': {str(trace)!r}}})"
    add_jobs(store, kinds, line)
    runner = start_jobs(store, kinds, "--idle", "4")
    until(trace.exists)

    run_id = add_jobs(store, kinds, line)
    until(lambda: not jobs_of(store, run_id)["counts"].is_open)
    others = [start_jobs(store, kinds, "--idle", "30") for _ in range(max(1, (os.cpu_count() or 1) // 4))]
    first_to_leave = [other.wait(20) for other in others[:1]]

    assert (first_to_leave, runner.poll()) == ([0], None)
    assert runner.communicate(timeout=20)[1] == ""
    for other in others:
        other.communicate()
    assert len(trace.read_text().splitlines()) == 2


def test_one_slot_serves_every_store(tmp_path: Path) -> None:
    """A runner that finds none leaves word, and one that has nothing to do takes it."""
    kinds, stores, trace = plant(tmp_path), [tmp_path / "lake", tmp_path / "other"], tmp_path / "trace"
    ids = [add_jobs(store, kinds, f"queue.add(run, 'counts', {{'trace': {str(trace)!r}}})") for store in stores]

    runner = start_jobs(stores[0], kinds, "--idle", "30")
    until(trace.exists)
    others = [start_jobs(stores[1], kinds, "--idle", "30") for _ in range(max(1, (os.cpu_count() or 1) // 4))]
    until(lambda: not any(job.is_open for store, run_id in zip(stores, ids, strict=True) for job in jobs_of(store, run_id).values()))

    for program in [runner, *others]:
        program.kill()
        program.communicate()
    assert len(trace.read_text().splitlines()) == 2


def test_waiting_for_a_run_does_its_jobs_and_no_others(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of a run that is read and of one that is recorded."""
    monkeypatch.setenv("RUNLAKE_EXIT_WAIT", "0")
    first = runlake.start_run()
    first.log_metric("loss", 1.0)
    first.note_job(Job("summary", "summary", id="1"))
    first.end()
    second = runlake.start_run()
    second.log_metric("loss", 2.0)
    second.note_job(Job("summary", "summary", id="2"))

    read = runlake.get_run(first.run_id)
    waited = read.wait()
    left = runlake.get_run(second.run_id).jobs
    recorded = second.wait()

    assert (waited["summary"].state, left["summary"].state, recorded["summary"].state) == ("done", "pending", "done")
    assert list(runlake.get_run(second.run_id).artifacts) == ["summary.parquet"]
    assert read.wait() == waited


def test_waiting_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs are given as they stand then."""
    kinds, store = plant(tmp_path), tmp_path / "lake"
    run_id = add_jobs(store, kinds, f"queue.add(run, 'waits', {{'trace': '/dev/null', 'until': {str(tmp_path / 'go')!r}}})")
    monkeypatch.setenv("PYTHONPATH", kinds["PYTHONPATH"])
    run = runlake.read.open_store(store).run(run_id)
    began = time.monotonic()

    assert run.wait(timeout=0.5)["waits"].is_open
    assert time.monotonic() - began < 5
    (tmp_path / "go").touch()
    assert run.wait()["waits"].state == JobState.DONE


def test_the_command_does_what_is_pending_and_prints_a_line_for_each(tmp_path: Path) -> None:
    """And says so where there is nothing."""
    kinds, store = plant(tmp_path), tmp_path / "lake"
    run_id = add_jobs(store, kinds, "queue.add(run, 'skips')\nqueue.add(run, 'raises')")

    said = [
        subprocess.run(
            [sys.executable, "-m", "runlake", "finish", "--store", str(store)],
            env=environment(tmp_path / "other", **kinds),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for _ in range(2)
    ]

    lines = [line.split(f"{run_id} ")[1].partition(" in ")[::2] for line in said[0].splitlines()]
    assert [(begin, rest.partition(": ")[2].partition(" (")[0]) for begin, rest in lines] == [
        ("skips: skipped", "nothing to do"),
        ("raises: given up", "ValueError: no good"),
    ]
    assert said[1] == f"No job is pending in {store}.\n"


def test_a_claim_of_another_machine_is_heeded_for_an_hour(tmp_path: Path) -> None:
    """This one cannot look whether the process is gone."""
    layout, job = create(tmp_path / "lake"), Job("summary", "summary", id="1")
    assert claims.take(layout, "run", job) == 1
    path = next(layout.jobs.iterdir())
    elsewhere = path.read_text().replace(platform.process_identity().host, "elsewhere")

    path.write_text(elsewhere)
    assert (claims.take(layout, "run", job), claims.is_held(layout, "run", job)) == (None, True)
    path.write_text(json.dumps(json.loads(elsewhere) | {"since_ns": time.time_ns() - 3_700 * 10**9}))
    assert (claims.is_held(layout, "run", job), claims.take(layout, "run", job)) == (False, 2)
    path.write_text("")  # torn by the loss of power
    assert claims.is_held(layout, "run", job)
    os.utime(path, (0, 0))
    claims.let_go(layout, "run", job, attempt=2)
    assert not claims.is_held(layout, "run", job)
