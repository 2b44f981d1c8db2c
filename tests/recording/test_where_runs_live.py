"""Where a run lives: pools, tasks, joined processes and namespaces log to the run that they should, and readers learn what became of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import runlake
from children import environment, start_program
from conftest import lacking
from reading import series

PATIENCE = 30


def statuses(store: Path) -> list[str]:
    """The status of every run with its silence, in the order of their start."""
    return [str(run.liveness) for run in runlake.read.open_store(store).runs()]


@pytest.mark.usefixtures("store")
def test_the_threads_of_a_pool_log_to_the_plain_run_or_to_their_own() -> None:
    """Also a thread that does one task after another: the run of the one before is not in its way."""

    def train(i: int) -> str:
        runlake.log_metric("shared", float(i), i)
        with runlake.start_run(run_name=f"{i}") as own:
            runlake.log_metric("own", float(i), i)
        runlake.log_metric("shared", float(i), i + 10)
        return own.run_id

    plain = runlake.start_run()
    with ThreadPoolExecutor(2) as pool:
        owns = list(pool.map(train, range(10)))
    runlake.end_run()

    assert series(plain.run_id, "shared") == [(n, float(n % 10)) for n in range(20)]
    assert [series(own, "own") for own in owns] == [[(i, float(i))] for i in range(10)]


@pytest.mark.usefixtures("store")
def test_what_a_task_gives_to_a_thread_logs_to_the_run_of_the_task() -> None:
    """`asyncio.to_thread` takes the context along."""

    async def train(i: int) -> str:
        with runlake.start_run() as run:
            await asyncio.to_thread(runlake.log_metric, "loss", float(i), i)
        return run.run_id

    async def train_all() -> list[str]:
        return await asyncio.gather(*map(train, range(4)))

    assert [series(run_id, "loss") for run_id in asyncio.run(train_all())] == [[(i, float(i))] for i in range(4)]


SPAWNING = """
import multiprocessing, os, runlake

def work(i):
    runlake.log_metric(f"worker {i}", float(i))
    assert i != 1

if __name__ == "__main__":
    with runlake.start_run() as run:
        os.environ.update(run.env())
        workers = [multiprocessing.get_context("spawn").Process(target=work, args=[i]) for i in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
"""


def test_spawned_workers_join_the_run_of_their_environment(tmp_path: Path) -> None:
    """One run of many processes; a worker that fails is not its end."""
    script = tmp_path / "script.py"
    script.write_text(SPAWNING)
    done = subprocess.run([sys.executable, str(script)], env=environment(tmp_path / "lake"), capture_output=True, timeout=60, check=False)
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()

    assert (done.returncode, run.info.status) == (0, "FINISHED")
    assert run.data.metrics == {f"worker {i}": float(i) for i in range(3)}


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL, None], ids=["interrupted", "killed", "failed"])
def test_however_a_joined_process_leaves_the_run_is_its_owners_to_end(store: Path, end: signal.Signals | None) -> None:
    """What it had flushed is there."""
    with runlake.start_run() as run:
        runlake.flush()
        joined = start_program(
            "import time, runlake\nrunlake.log_metric('loss', 1.0)\nrunlake.flush()\nprint('logged')\ninput()\n1 / 0", store, **run.env()
        )
        assert joined.stdout is not None
        assert joined.stdout.readline() == "logged\n"
        if end is not None:
            joined.send_signal(end)
        joined.communicate("\n", timeout=PATIENCE)
        meanwhile = statuses(store)

    assert (joined.returncode, meanwhile, statuses(store)) == (1 if end is None else -end, ["RUNNING"], ["FINISHED"])
    assert series(run.run_id, "loss") == [(0, 1.0)]


def in_a_namespace(code: str, store: Path, *arguments: str) -> list[str]:
    """Run a program where it and its children are numbered from 1, to its end; the JSON that it printed."""
    unshare = shutil.which("unshare")
    started = [str(unshare), "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if unshare is None or subprocess.run([*started, "true"], capture_output=True, check=False).returncode:
        lacking("namespaces")
    done = subprocess.run(
        [*started, sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment(store),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(json.loads(done.stdout))


LEFT_OPEN = """
import os, sys, time
now, minutes = time.time_ns, float(sys.argv[1])
time.time_ns = lambda: now() - int(minutes * 60e9)
import runlake
runlake.start_run()
assert runlake.flush()
"""


@pytest.mark.parametrize(("minutes", "status"), [(0, "RUNNING"), (17, "RUNNING (silent 17 min)"), (25 * 60, "CRASHED")])
def test_of_a_process_of_another_namespace_only_silence_tells(tmp_path: Path, minutes: float, status: str) -> None:
    """Its number there is that of somebody else here, and inside it a reader sees at once that it is gone."""
    inside = in_a_namespace(
        f"""
        import json, os, subprocess, sys, runlake
        writer = subprocess.run([sys.executable, "-c", {LEFT_OPEN + "os._exit(0)"!r}, {str(minutes)!r}])
        print(json.dumps([writer.returncode, *(str(run.liveness) for run in runlake.read.open_store().runs())]))
        """,
        tmp_path / "lake",
    )

    assert (inside, statuses(tmp_path / "lake")) == ([0, "CRASHED"], [status])


def test_a_process_that_got_the_number_of_a_dead_one_does_not_stand_in_for_it(tmp_path: Path) -> None:
    """A namespace lets its root say which number comes next."""
    inside = in_a_namespace(
        f"""
        import json, os, subprocess, sys, runlake
        def statuses():
            return [str(run.liveness) for run in runlake.read.open_store().runs()]
        start = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        writer = subprocess.Popen([sys.executable, "-c", {LEFT_OPEN + "print('open', flush=True); input()"!r}, "0"], **start)
        writer.stdout.readline()
        seen = statuses()
        writer.kill()
        writer.communicate()
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(writer.pid - 1))
        other = subprocess.Popen(["cat"], **start)
        seen += [other.pid == writer.pid, *statuses()]
        other.communicate()
        print(json.dumps(seen))
        """,
        tmp_path / "lake",
    )

    assert inside == ["RUNNING", True, "CRASHED"]
