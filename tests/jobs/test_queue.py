"""Jobs are added at no cost to the program, and done after it, in it, or never."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import runlake
from children import run_program
from planted_jobs import jobs_of, plant, until
from runlake.entities import Job, JobState
from runlake.jobs import queue

PROGRAM = """
import os, runlake, sys
from runlake.jobs import queue
with runlake.start_run() as run:
    for n in range(5000):
        runlake.log_metric("loss", float(n), n)
    runlake.log_param("seen", "yes")
    if sys.argv[1:]:
        queue.add(run, *sys.argv[1:])
print(run.run_id)
"""


def test_a_job_is_done_after_the_program_has_ended_and_finds_all_that_it_logged(tmp_path: Path) -> None:
    """By a process that the program does not wait for, which may write whatever a run has."""
    kinds, store = plant(tmp_path), tmp_path / "lake"

    done = run_program(PROGRAM, store, "writes", **kinds)
    run_id = done.stdout.strip()
    until(lambda: not jobs_of(store, run_id)["writes"].is_open)

    run = runlake.read.open_store(store).run(run_id)
    assert (done.stderr, run.jobs["writes"].state, run.jobs["writes"].attempts, run.info.status) == ("", JobState.DONE, 1, "FINISHED")
    assert (run.read_artifact("out/points.txt"), run.params["by"], run.tags["seen"]) == (b"5000", "the job", "yes")
    assert (run.metrics["quality"].last, run.errors) == (0.5, [])
    until(lambda: list((store / "jobs").iterdir()) == [])  # the claim goes after the row has come


def test_the_program_does_not_wait_for_it(tmp_path: Path) -> None:
    kinds, store, go = plant(tmp_path), tmp_path / "lake", tmp_path / "go"
    waits = {"trace": str(tmp_path / "trace"), "until": str(go)}

    run_id = run_program(f"{PROGRAM}\nqueue.add(run, 'waits', {waits})", store, **kinds).stdout.strip()
    assert jobs_of(store, run_id)["waits"].is_open

    go.touch()
    until(lambda: not jobs_of(store, run_id)["waits"].is_open)


def test_nothing_is_done_while_the_program_leaves(tmp_path: Path) -> None:
    """Python takes a while to leave where much was imported, and twice as long beside another that begins."""
    kinds, store, trace = plant(tmp_path), tmp_path / "lake", tmp_path / "trace"
    leaves = f"atexit.register(lambda: (time.sleep(1), print(os.path.exists({str(trace)!r}))))"  # what is registered first is done last

    done = run_program(
        f"import atexit, time, os\n{leaves}\n{PROGRAM}\nqueue.add(run, 'counts', {{'trace': {str(trace)!r}}})", store, **kinds
    )

    run_id, was_done = done.stdout.split()
    assert (was_done, done.stderr) == ("False", "")
    until(trace.exists)
    until(lambda: jobs_of(store, run_id)["counts"].state == JobState.DONE)


def test_adding_a_job_imports_nothing_dear(tmp_path: Path) -> None:
    """What does jobs is imported where they are done."""
    done = run_program(
        "import sys; import runlake.jobs.queue; print({'numpy', 'pyarrow', 'subprocess', 'importlib.metadata'} & {*sys.modules})",
        tmp_path / "lake",
    )

    assert done.stdout == "set()\n"


def test_the_process_is_apart_from_the_program(tmp_path: Path) -> None:
    """Its own session and folder, last in line for the processor, and none of the program's runs to join."""
    kinds, store = plant(tmp_path) | {"RUNLAKE_PARENT_RUN_ID": ""}, tmp_path / "lake"

    run_id = run_program(PROGRAM + "\nos.environ['RUNLAKE_RUN_ID'] = run.run_id", store, "tells", **kinds).stdout.strip()
    until(lambda: not jobs_of(store, run_id)["tells"].is_open)

    told = json.loads(runlake.read.open_store(store).run(run_id).read_artifact("told.json"))
    assert told.pop("session") == told.pop("group") != os.getsid(0)
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    assert told == {"RUNLAKE_RUN_ID": None, "RUNLAKE_PARENT_RUN_ID": None, "nice": 19, "folder": "/"} | one_thread


def test_jobs_worth_waiting_for_begin_while_the_program_runs(tmp_path: Path) -> None:
    """Two seconds of them by estimate."""
    kinds, store = plant(tmp_path), tmp_path / "lake"

    done = run_program(
        """
        import os, sys, time, runlake
        from runlake.jobs import queue
        run = runlake.start_run()
        queue.add(run, "counts", {"trace": sys.argv[1]}, seconds=1.5)
        queue.add(run, "counts", {"trace": sys.argv[1]}, name="again", seconds=1.5)
        deadline = time.monotonic() + 20
        while any(job.is_open for job in runlake.get_run(run.run_id).jobs.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        print(sorted(name for name, job in runlake.get_run(run.run_id).jobs.items() if job.state == "done"))
        """,
        store,
        str(tmp_path / "trace"),
        **kinds,
    )

    assert (done.stdout, done.stderr) == ("['again', 'counts']\n", "")


@pytest.mark.parametrize("end", ["run.end()", "pass", "run.end(); queue.add(run, 'skips')"])
def test_inline_jobs_are_done_in_the_program_once_the_run_has_ended(tmp_path: Path, end: str) -> None:
    """Where one fails, the program goes on, and is told; a run that the end of the program ends has its jobs done then."""
    kinds, store = plant(tmp_path) | {"RUNLAKE_JOBS": "inline"}, tmp_path / "lake"

    done = run_program(
        f"import os, runlake\nfrom runlake.jobs import queue\nrun = runlake.start_run()\nqueue.add(run, 'raises')\n"
        f"queue.add(run, 'counts', {{'trace': {str(tmp_path / 'trace')!r}}})\n{end}\nprint(run.run_id, os.getpid())",
        store,
        **kinds,
    )

    run_id, pid = done.stdout.split()
    jobs = jobs_of(store, run_id)
    assert {name: str(job.state) for name, job in jobs.items() if name != "skips"} == {"raises": "given up", "counts": "done"}
    assert ("skips" in jobs, all(not job.is_open for job in jobs.values())) == ("skips" in end, True)
    assert ((tmp_path / "trace").read_text(), done.returncode) == (f" {pid}\n", 0)
    assert "runlake failed while doing the job 'raises'; your program goes on." in done.stderr


def test_jobs_that_are_off_are_rows_that_say_so(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done, and nobody wonders."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")

    with runlake.start_run() as run:
        job = queue.add(run, "summary")

    stored = runlake.get_run(run.run_id).jobs
    assert stored == {"summary": Job("summary", "summary", {}, JobState.SKIPPED, why="jobs are off by the setting `jobs`", id=job.id)}


def test_arguments_that_are_no_json_are_refused(store: Path) -> None:
    """Another process must be able to read them."""
    with runlake.start_run() as run, pytest.raises(runlake.InvalidValue, match="'summary' are no JSON"):
        queue.add(run, "summary", {"rows": object()})

    assert runlake.get_run(run.run_id).jobs == {}


def test_where_the_end_of_the_program_ends_its_children_it_says_so_and_waits(tmp_path: Path) -> None:
    """In CI here; the job is done when the program is."""
    kinds, store = plant(tmp_path) | {"CI": "true", "RUNLAKE_SILENT": "0"}, tmp_path / "lake"
    del kinds["RUNLAKE_EXIT_WAIT"]

    done = run_program(PROGRAM, store, "writes", **kinds)

    assert jobs_of(store, done.stdout.strip())["writes"].state == JobState.DONE
    assert "waiting up to 10 s for the jobs of 1 run" in done.stderr


def test_the_wait_at_exit_ends_in_time(tmp_path: Path) -> None:
    """The job goes on where nothing ends it."""
    kinds, store = plant(tmp_path) | {"RUNLAKE_EXIT_WAIT": "0.5", "RUNLAKE_SILENT": "0"}, tmp_path / "lake"
    until_file, trace = str(tmp_path / "go"), str(tmp_path / "trace")

    done = run_program(PROGRAM.replace("*sys.argv[1:]", f"'waits', {{'trace': {trace!r}, 'until': {until_file!r}}}"), store, "x", **kinds)

    run_id = done.stdout.strip()
    assert ("some jobs are not done" in done.stderr, jobs_of(store, run_id)["waits"].state) == (True, JobState.PENDING)
    (tmp_path / "go").touch()
    until(lambda: jobs_of(store, run_id)["waits"].state == JobState.DONE)


def test_a_store_that_cannot_be_written_leaves_the_program_as_it_was(tmp_path: Path) -> None:
    """There is no row, and nothing to do."""
    done = run_program(PROGRAM, Path("/proc/lake"), "writes", **plant(tmp_path))

    assert (done.returncode, len(done.stdout.strip())) == (0, 32)
    assert "Traceback" not in done.stderr
