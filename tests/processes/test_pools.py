"""Pools and processes of every kind: all that they log is in the one run that they were given, once, or in runs inside it."""

from __future__ import annotations

from pathlib import Path

import pytest

import runlake
from processes.programs import Recorded, command_of, launched, recorded, values

N_POINTS = 20

WORKING = """
import multiprocessing, os, signal, subprocess, sys, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import runlake

N_POINTS = int(os.environ.get("N_POINTS", "20"))

def join(env):
    os.environ.update(env)

def work(task, kind):
    for n in range(N_POINTS):
        runlake.log_metric(kind, float(task), step=task * N_POINTS + n)
    runlake.log_metric("all", 1.0, step=task)
    try:
        runlake.log_param("kind", kind)
    except runlake.InvalidValue:  # another value, which this process knows of
        runlake.log_metric("refused", 1.0, step=task)
    runlake.end_run() if task % 2 else None

def processes(method, env):
    context, before = multiprocessing.get_context(method), dict(os.environ)
    os.environ.update(env)
    workers = [context.Process(target=work, args=[task, f"{method} process"]) for task in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    os.environ.clear()
    os.environ.update(before)
    assert [worker.exitcode for worker in workers] == [0, 0]

def pool(method, env):
    with multiprocessing.get_context(method).Pool(2, initializer=join, initargs=[env]) as workers:
        workers.starmap(work, [(task, f"{method} pool") for task in range(2)], chunksize=1)
        workers.close()
        workers.join()

def executor(method, env):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context, initializer=join, initargs=[env]) as workers:
        list(workers.map(work, range(2), [f"{method} executor"] * 2))

def subprocesses(env):
    code = "import sys; sys.path.insert(0, sys.argv[2]); from program import work; work(int(sys.argv[1]), 'subprocess')"
    commands = [[sys.executable, "-c", code, str(task), sys.path[0]] for task in range(2)]
    started = [subprocess.Popen(command, env=os.environ | env) for command in commands]
    assert [each.wait(60) for each in started] == [0, 0]

def threads(run):
    def log(task):
        run.log_batch("thread", [float(task)] * N_POINTS, range(task * N_POINTS, (task + 1) * N_POINTS))
        run.log_metric("all", 1.0, step=task)
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(log, range(2)))
"""

ALL_KINDS = """
if __name__ == "__main__":
    with runlake.start_run(run_name="one") as run:
        for method in ("spawn", "forkserver", "fork"):
            for each in (processes, pool, executor):
                each(method, run.env())
        subprocesses(run.env())
        threads(run)
"""

KINDS = [f"{method} {kind}" for method in ("spawn", "forkserver", "fork") for kind in ("process", "pool", "executor")]

CHILDREN = """
import multiprocessing, os, runlake

def join(env):
    os.environ.update(env)

def work(task):
    with runlake.start_run(run_name=f"task {task}"):
        for n in range(20):
            runlake.log_metric("loss", task + n / 20, step=n)
        if task == 2:
            raise ZeroDivisionError("of the third")

if __name__ == "__main__":
    with runlake.start_run(run_name="sweep") as run:
        store = {"RUNLAKE_STORE": run.env()["RUNLAKE_STORE"], "RUNLAKE_PARENT_RUN_ID": run.run_id}
        for method in ("spawn", "fork"):
            with multiprocessing.get_context(method).Pool(2, initializer=join, initargs=[store]) as workers:
                results = [workers.apply_async(work, [task]) for task in range(4)]
                print([isinstance(result._value, ZeroDivisionError) for result in results if result.wait(60) is None])
                workers.close()
                workers.join()
"""

LONG = """
def killed(env):
    os.environ.update(env)
    for n in range(N_POINTS):
        runlake.log_metric("killed", float(n), step=n)
        if n == N_POINTS // 2:
            assert runlake.flush()
    os.kill(os.getpid(), signal.SIGKILL)

def forking(task, env):
    os.environ.update(env)
    for n in range(N_POINTS):
        runlake.log_metric("forking", float(task), step=n)
        if n == N_POINTS // 2:
            worker = multiprocessing.get_context("fork").Process(target=work, args=[task, "forked"])
            worker.start()
    worker.join(60)

def spawned(task, env):
    os.environ.update(env)
    work(task, "spawned")

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with runlake.start_run(run_name="one") as run:
        workers = [context.Process(target=spawned, args=[task, run.env()]) for task in range(6)]
        workers += [context.Process(target=killed, args=[run.env()]), context.Process(target=forking, args=[6, run.env()])]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(90)
        print([worker.exitcode for worker in workers])
"""


def test_workers_of_every_kind_log_to_one_run(tmp_path: Path) -> None:
    """As many points as they logged, with their sum; of a param that they fix differently the first value counts, the others are shown."""
    launched(command_of(tmp_path, WORKING + ALL_KINDS), tmp_path / "lake")
    found = recorded(tmp_path / "lake")
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    refused = found["one"].n_points.pop("refused", 0)
    others = [kind for kind in [*KINDS, "subprocess"] if kind != run.params["kind"]]

    counts = dict.fromkeys([*KINDS, "subprocess", "thread"], 2 * N_POINTS) | {"all": 2 * (len(KINDS) + 2)}
    assert found == {"one": Recorded("FINISHED", None, counts, 2 * (len(KINDS) + 1) + 1)}
    for kind in [*KINDS, "subprocess", "thread"]:
        assert values(tmp_path / "lake", "one", kind) == [(step, float(step // N_POINTS)) for step in range(2 * N_POINTS)]
    differently = run.param_conflicts["kind"]  # by those that did not know of the first, which were forked from who did not
    assert set(differently) <= set(others)
    assert len(differently) + refused == 2 * len(others)


def test_runs_of_workers_are_inside_the_one_that_they_were_given(tmp_path: Path) -> None:
    """Each ends as its work did, and not as that of the others."""
    done = launched(command_of(tmp_path, CHILDREN), tmp_path / "lake")
    found = recorded(tmp_path / "lake")

    assert done.stdout == "[False, False, True, False]\n" * 2
    assert found.pop("sweep") == Recorded("FINISHED", None, {}, 0)
    assert sorted((name, run.status) for name, run in found.items()) == sorted(
        (f"task {task}{number}", "FAILED" if task == 2 else "FINISHED") for task in range(4) for number in ("", " 2")
    )
    assert {(run.inside, run.n_points["loss"], run.n_writers) for run in found.values()} == {("sweep", 20, 1)}


@pytest.mark.long
def test_eight_processes_write_two_thousand_points_each_while_one_is_killed_and_one_forks(tmp_path: Path) -> None:
    """Of the killed one what it had flushed is there, and more of it in order; of the others everything, once."""
    n_points = 2000
    done = launched(command_of(tmp_path, WORKING + LONG), tmp_path / "lake", N_POINTS=str(n_points))
    found = recorded(tmp_path / "lake")
    of_killed = found["one"].n_points.pop("killed")
    refused = found["one"].n_points.pop("refused", 0)

    assert done.stdout == f"{[0] * 6 + [-9, 0]}\n"
    assert n_points // 2 < of_killed <= n_points
    assert values(tmp_path / "lake", "one", "killed") == [(n, float(n)) for n in range(of_killed)]
    assert refused <= 1
    assert found == {"one": Recorded("FINISHED", None, {"spawned": 6 * n_points, "forking": n_points, "forked": n_points, "all": 7}, 9)}
    assert values(tmp_path / "lake", "one", "spawned") == [(step, float(step // n_points)) for step in range(6 * n_points)]
