"""A folder that several machines share: nothing is lost or doubled, and of a machine that is gone only silence tells."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import runlake
from children import environment, run_program
from conftest import lacking
from faults import go_on, hear
from processes.programs import recorded, values

MACHINE = ["unshare", "--user", "--map-root-user", "--pid", "--net", "--uts", "--fork", "--kill-child", "--mount-proc"]
PATIENCE = 60

WRITING = """
import socket, sys, time, runlake

name, n_points = sys.argv[1], int(sys.argv[2])
assert socket.gethostname() == name
with runlake.start_run(run_name="of both") as run:
    runlake.flush()
    print(run.run_id)
    input()
    with runlake.start_run(run_name=f"of {name}", nested=True) as own:
        for n in range(n_points):
            own.log_metric("n", float(n), step=n)
            run.log_metric(name, float(n), step=n)
            run.log_metric("both", float(n), step=n)
            if n % 500 == 0:
                time.sleep(0.1)  # or all is written before anybody looks
        assert runlake.flush()
        print("written")
        input()
"""

STATUSES = """
import json, sys, time, runlake
now, found = time.time, []
for minutes in map(float, sys.argv[1:]):
    time.time = lambda: now() + 60 * minutes
    found.append({run.info.run_name: str(run.liveness) for run in runlake.read.open_store().runs()})
print(json.dumps(found))
"""


@contextlib.contextmanager
def machine(name: str, code: str, store: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A program on a machine of its own, as far as processes, networks and host names go; it does not outlive the block."""
    started = subprocess.Popen(
        [*MACHINE, "sh", "-c", 'hostname "$0" && exec "$@"', name, sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment(store, RUNLAKE_JOBS="off", RUNLAKE_STRICT="1", **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@pytest.fixture(autouse=True)
def _machines() -> None:
    """There can be such machines here."""
    if shutil.which("unshare") is None or subprocess.run([*MACHINE, "true"], capture_output=True, check=False).returncode:
        lacking("namespaces")


def tended(store: Path, *command: str) -> str:
    """What a command of ours says while it puts the store in order, from here."""
    done = subprocess.run(
        [sys.executable, "-m", "runlake", *command], env=environment(store), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def watched_until_written(store: Path, n_points: int) -> list[int]:
    """How many points a reader has seen of both, time and again: none twice, and never fewer; the store is put in order meanwhile."""
    seen = [0]
    give_up = time.monotonic() + PATIENCE
    while seen[-1] < n_points and time.monotonic() < give_up:
        points = runlake.read.open_store(store).points(key="both")
        assert len(set(zip(*(points[column].to_pylist() for column in ("writer", "seq")), strict=True))) == len(points)
        seen.append(len(points))
        tended(store, *(["compact"] if len(seen) % 2 else ["gc", "--yes"]))
    assert seen == sorted(seen)
    return seen


def statuses(store: Path, *minutes_later: int) -> list[dict[str, str]]:
    """What a reader here finds then."""
    done = run_program(STATUSES, store, *map(str, minutes_later))
    assert (done.returncode, done.stderr) == (0, "")
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("n_points", [2000, pytest.param(10_000, marks=pytest.mark.long)])
def test_two_machines_write_to_one_run_while_a_third_reads_and_tends_the_store(tmp_path: Path, n_points: int) -> None:
    """All their points are there, and as many in runs inside it; then one of the two is gone without a word."""
    store = tmp_path / "lake"
    with machine("alpha", WRITING, store, "alpha", str(n_points), RUNLAKE_FLUSH_SECONDS="0.05") as alpha:
        run_id = hear(alpha)
        joined = {"RUNLAKE_RUN_ID": run_id, "RUNLAKE_FLUSH_SECONDS": "0.05"}
        with machine("beta", WRITING, store, "beta", str(n_points), **joined) as beta:
            assert hear(beta) == run_id
            go_on(alpha)
            go_on(beta)
            seen = watched_until_written(store, 2 * n_points)
            assert (hear(alpha), hear(beta)) == ("written", "written")
            beta.kill()
            assert hear(beta) == ""  # nobody is left who could say more
        gone = statuses(store, 0)
        tended(store, "gc", "--yes")
        tended(store, "compact")
        go_on(alpha)
        assert alpha.wait(PATIENCE) == 0
    found = recorded(store)

    assert len(seen) > 1
    assert gone == [{"of both": "RUNNING", "of alpha": "RUNNING", "of beta": "RUNNING"}]
    assert found["of both"].n_points == {"alpha": n_points, "beta": n_points, "both": 2 * n_points}
    for name, key in (("of both", "alpha"), ("of both", "beta"), ("of alpha", "n"), ("of beta", "n")):
        assert values(store, name, key) == [(n, float(n)) for n in range(n_points)]
    assert {name: (run.inside, run.n_writers) for name, run in found.items()} == {
        "of both": (None, 2),
        "of alpha": ("of both", 1),
        "of beta": ("of both", 1),
    }
    ended = {"of both": "FINISHED", "of alpha": "FINISHED"}
    later = [{"of beta": "RUNNING"}, {"of beta": "RUNNING (silent 17 min)"}, {"of beta": "CRASHED"}]
    assert statuses(store, 10, 17, 25 * 60) == [ended | status for status in later]
