"""Forks: at any moment and of any kind, parent and child each write what they logged, once, to logs of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import environment, run_program

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORKING = '''
import json, os, signal, sys, threading, time, traceback

def fork(work, patience=20):
    """A child that does the work and leaves at once; if it hangs it is killed, and its exit code tells."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(patience)
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(7)
    os._exit(0)

def exit_code_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def log(who, n, run=None):
    for i in range(n):
        (run or runlake.active_run()).log_metric(f"{who}/own", float(i))

def flush():
    assert runlake.flush(15)
'''

PLANT = """
planted = sys.argv[1]
if planted == "no one told of the fork":
    import logging, random  # which are told
    del os.register_at_fork
import runlake
from runlake.recording.buffer import Buffer
def forget_nothing(self):
    self.lock = threading.RLock()
    self.set_limit(-1)
if planted == "inherited points kept":
    Buffer.forget_inherited = forget_nothing
"""

FORKS = """
forks, patience = map(int, sys.argv[2:])
run = runlake.start_run()
flush()
over, counts = threading.Event(), {"parent/main": 0}

def keep_logging(key):
    n = 0
    while not over.is_set():
        run.log_metric(key, float(n), n)
        n += 1
        if not n % 20:
            time.sleep(0.0005)
    counts[key] = n

def child(i):
    log(f"child {i}", 20)
    flush()

threads = [threading.Thread(target=keep_logging, args=[f"parent/thread {i}"]) for i in range(2)]
for thread in threads:
    thread.start()
failed = []
for i in range(forks):
    run.log_metric("parent/main", float(i), i)  # waits in the buffer while it is copied
    counts["parent/main"] += 1
    counts[f"child {i}/own"] = 20
    if code := exit_code_of(fork(lambda: child(i), patience)):
        failed.append(code)
        break
over.set()
for thread in threads:
    thread.join()
runlake.end_run()
print(json.dumps([failed, counts]))
"""

WORKERS = '''
import json, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
import runlake

def work(i):
    """Log as a worker does that knows nothing of us: no flush, no end."""
    if runlake.active_run() is None:
        runlake.start_run(run_name="of a worker")
    for n in range(5):
        runlake.log_metric(f"{os.getpid()}/task {i}", float(n))
    return [os.getpid(), i]

def processes(context):
    workers = [context.Process(target=work, args=[i]) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    return [[worker.pid, i] for i, worker in enumerate(workers)]

def pool(context):
    workers = context.Pool(2)
    answers = workers.map(work, range(6), chunksize=1)
    workers.close()
    workers.join()
    return answers

def executor(context):
    with ProcessPoolExecutor(2, mp_context=context) as workers:
        return list(workers.map(work, range(6)))

if __name__ == "__main__":
    runlake.start_run(run_name="of the parent")
    runlake.log_metric(f"{os.getpid()}/parent", 0.0)
    done = globals()[sys.argv[1]](multiprocessing.get_context(sys.argv[2]))
    print(json.dumps([os.getpid(), done]))
'''


def family(code: str, store: Path, *arguments: str, flush_seconds: str = "0.01") -> Any:
    """Run a program that forks to its good end; what it printed."""
    done = run_program(
        FORKING + "import runlake\n" + textwrap.dedent(code), store, *arguments, RUNLAKE_FLUSH_SECONDS=flush_seconds, RUNLAKE_STRICT="1"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout or "null")


def wrongs(store: Path, counts: dict[str, int]) -> list[str]:
    """What is not as it should be in a store where the process `who` logged 0, 1, 2, ... under each key `who/...`."""
    found = runlake.read.open_store(store)
    values, writers = defaultdict(list), defaultdict(set)
    for row in found.points().to_pylist():
        values[row["key"]].append(row["value"])
        writers[row["writer"]].add(row["key"].partition("/")[0])
    wrong = [finding.what for finding in found.findings()]
    wrong += [f"{key} has {len(values[key])} points of {n}" for key, n in counts.items() if sorted(values[key]) != list(range(n))]
    wrong += [f"{key} was logged by nobody" for key in values.keys() - counts.keys()]
    wrong += [f"{writer} is the writer of {sorted(names)}" for writer, names in writers.items() if len(names) > 1]
    if len(writers) != len({key.partition("/")[0] for key in counts}):
        wrong.append(f"there are {len(writers)} writers")
    return wrong


def wrongs_after_forks(store: Path, forks: int, *, planted: str = "", patience: int = 20) -> list[str]:
    """What is wrong once a process has forked so often while its flusher wrote and two more threads logged."""
    done = run_program(
        FORKING + PLANT + FORKS, store, planted, str(forks), str(patience), timeout=600, RUNLAKE_FLUSH_SECONDS="0.01", RUNLAKE_STRICT="1"
    )
    if done.returncode:
        return [done.stderr]
    failed, counts = json.loads(done.stdout)
    return [f"a child left with {code}" for code in failed] + wrongs(store, counts)


def statuses(store: Path) -> dict[str, str]:
    """Each run's name and status."""
    return {run.info.run_name: run.info.status for run in runlake.read.open_store(store).runs()}


def test_parent_and_child_each_write_their_own_while_all_threads_log(tmp_path: Path) -> None:
    """Every point is there once, and no two processes share a writer."""
    assert wrongs_after_forks(tmp_path / "lake", 40) == []


@pytest.mark.long
def test_a_thousand_forks_lose_nothing(tmp_path: Path) -> None:
    """The same, for rarer moments."""
    assert wrongs_after_forks(tmp_path / "lake", 1000) == []


@pytest.mark.parametrize("planted", ["no one told of the fork", "inherited points kept"])
def test_the_check_of_forks_sees_a_planted_bug(tmp_path: Path, planted: str) -> None:
    """A child that writes what it inherited, or through what it inherited, does not pass."""
    assert wrongs_after_forks(tmp_path / "lake", 40, planted=planted, patience=3) != []


FORK_DURING_IMPORT = """
class SlowDisk:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread().name == "runlake-flusher":
            time.sleep(float(sys.argv[2]))

sys.meta_path.insert(0, SlowDisk())
run = runlake.start_run()
time.sleep(float(sys.argv[1]))

def child():
    import pyarrow.ipc
    log("child", 3)
    flush()

pid = fork(child)
log("parent", 3)
assert exit_code_of(pid) == 0
"""


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.08, 0.15])
def test_a_fork_right_after_the_start_waits_for_arrow(tmp_path: Path, delay: float) -> None:
    """The flusher imports Arrow just then, and a child that inherited half an import would wait for ever."""
    family(FORK_DURING_IMPORT, tmp_path / "lake", str(delay), "0")

    assert wrongs(tmp_path / "lake", {"parent/own": 3, "child/own": 3}) == []


@pytest.mark.long
def test_a_fork_at_any_moment_of_the_start_waits_for_arrow(tmp_path: Path) -> None:
    """A hundred moments of the first third of a second."""
    for i in range(100):
        family(FORK_DURING_IMPORT, tmp_path / f"lake {i}", str(i / 300), "0")
        assert wrongs(tmp_path / f"lake {i}", {"parent/own": 3, "child/own": 3}) == []


LATE_IMPORTS = """
import threading
late = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if run is not None and run.recorder.flusher._arrow_imported.is_set():
            late.append(name)

run = None
sys.meta_path.insert(0, Watch())
run = runlake.start_run()
run.log_metric("parent/own", 0.0)
run.log_metrics({"a": 1.0, "b": 2.0})
run.log_batch("c", [1.0, 2.0])
runlake.flush()
del sys.meta_path[0]
print(json.dumps(late))
"""


def test_a_fork_finds_no_import_of_the_flusher_under_way(tmp_path: Path) -> None:
    """All that it ever imports is imported before the first fork may go on: Arrow and NumPy leave parts of theirs for later."""
    assert family(LATE_IMPORTS, tmp_path / "lake") == []


@pytest.mark.parametrize("pause", ["0.004"])
def test_a_fork_during_a_slow_import_waits_too(tmp_path: Path, pause: str) -> None:
    """As from a network disk, where the import takes a second."""
    family(FORK_DURING_IMPORT, tmp_path / "lake", "0.1", pause)

    assert wrongs(tmp_path / "lake", {"parent/own": 3, "child/own": 3}) == []


def test_no_lock_that_another_thread_held_stops_the_child(tmp_path: Path) -> None:
    """Each lock of ours in turn, found by looking rather than named."""
    tried = family(
        """
        from runlake.recording import recorders

        def locks():
            recorder = run.recorder
            owners = {"recorders": recorders, "buffer": recorder.buffer, "clock": recorder.clock, "flusher": recorder.flusher}
            for where, owner in owners.items():
                for name, value in vars(owner).items():
                    lock = getattr(value, "_cond", value)  # an Event's
                    if hasattr(lock, "acquire") and hasattr(lock, "release"):
                        yield f"{where}.{name}", lock

        def hold(lock):
            with lock:
                held.set()
                forked.wait(1)  # or the fork itself waits for this lock

        def child(name):
            log(name, 3)
            with runlake.start_run():
                pass
            flush()

        run = runlake.start_run()
        flush()
        tried = []
        for name, lock in list(locks()):
            held, forked = threading.Event(), threading.Event()
            holder = threading.Thread(target=hold, args=[lock])
            holder.start()
            held.wait(10)
            pid = fork(lambda: child(name))
            forked.set()
            holder.join()
            tried.append(name)
            assert exit_code_of(pid) == 0, name
        print(json.dumps(tried))
        """,
        tmp_path / "lake",
    )

    assert wrongs(tmp_path / "lake", {f"{name}/own": 3 for name in tried}) == []
    assert {"recorders._lock", "buffer.lock", "clock._lock", "flusher._starting", "flusher._cycling", "flusher._turn"} <= set(tried)


def test_a_finalizer_that_keeps_a_text_while_the_thread_starts_starts_no_second_one(tmp_path: Path) -> None:
    """A child starts its own flusher with its first point, and the collector may run finalizers just then."""
    codes = family(
        """
        import gc

        class Cycle:
            def __init__(self):
                self.me = self
            def __del__(self):
                run.log_text("", "of a finalizer")

        def child(allocations):
            gc.collect()
            Cycle()
            gc.set_threshold(allocations)  # until the collector runs
            run.log_metric("child/own", 0.0)
            gc.disable()
            assert [thread.name for thread in threading.enumerate()].count("runlake-flusher") == 1
            flush()

        run = runlake.start_run()
        flush()
        print(json.dumps([exit_code_of(fork(lambda: child(1 + i), 5)) for i in range(40)]))
        """,
        tmp_path / "lake",
    )

    assert codes == [0] * 40


def test_a_fork_inside_a_fork_writes_a_third_log(tmp_path: Path) -> None:
    """A daemon is made so; the process between them leaves at once."""
    family(
        """
        def daemon():
            log("daemon", 3)
            flush()
            os.write(pipe[1], b"done")

        def between():
            os.setsid()
            log("between", 3)
            flush()
            fork(daemon)

        pipe = os.pipe()
        with runlake.start_run():
            log("parent", 3)
            assert exit_code_of(fork(between)) == 0
            os.close(pipe[1])
            assert os.read(pipe[0], 4) == b"done"
        """,
        tmp_path / "lake",
    )

    assert wrongs(tmp_path / "lake", {"parent/own": 3, "between/own": 3, "daemon/own": 3}) == []


def test_a_child_that_leaves_at_once_leaves_the_parent_whole(tmp_path: Path) -> None:
    """Without a flush the child's points are its own loss."""
    family(
        """
        def child():
            log("child", 1000)
            os._exit(0)

        with runlake.start_run(run_name="of the parent"):
            log("parent", 1000)
            assert exit_code_of(fork(child)) == 0
            run = runlake.active_run()
            for i in range(1000):
                run.log_metric("parent/after", float(i))
        """,
        tmp_path / "lake",
        flush_seconds="5",
    )

    assert wrongs(tmp_path / "lake", {"parent/own": 1000, "parent/after": 1000}) == []
    assert statuses(tmp_path / "lake") == {"of the parent": "FINISHED"}


@pytest.mark.parametrize(("leave", "code"), [("pass", 0), ("raise ValueError", 1), ("sys.exit(3)", 3), ("runlake.end_run()", 0)])
def test_however_a_child_leaves_the_run_of_its_parent_goes_on(tmp_path: Path, leave: str, code: int) -> None:
    """The run is the parent's to end; what the child logged is written as it leaves."""
    seen = family(
        f"""
        def status():
            flush()
            return str(runlake.read.open_store().runs()[0].info.status)

        seen = []
        with runlake.start_run():
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                log("child", 3)
                {leave}
                sys.exit(0)
            log("parent", 3)
            seen += [exit_code_of(pid), status()]
        seen.append(status())
        print(json.dumps(seen))
        """,
        tmp_path / "lake",
    )

    assert seen == [code, "RUNNING", "FINISHED"]
    assert wrongs(tmp_path / "lake", {"parent/own": 3, "child/own": 3}) == []


def test_a_child_opens_a_run_of_its_own_beside_the_inherited_one(tmp_path: Path) -> None:
    """It needs no `nested=True`, as it would need none after a spawn; then its verbs mean the inherited run again."""
    family(
        """
        def child():
            with runlake.start_run(run_name="of the child"):
                log("child", 3)
            runlake.log_metric("child/inherited", 0.0)
            flush()

        with runlake.start_run(run_name="of the parent"):
            log("parent", 3)
            assert exit_code_of(fork(child)) == 0
        """,
        tmp_path / "lake",
    )

    assert wrongs(tmp_path / "lake", {"parent/own": 3, "child/own": 3, "child/inherited": 1}) == []
    assert statuses(tmp_path / "lake") == {"of the parent": "FINISHED", "of the child": "FINISHED"}


def test_a_program_that_becomes_another_keeps_what_was_flushed(tmp_path: Path) -> None:
    """The new program writes its own log and inherits no open file of the old one."""
    after = """
import os, runlake
links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
assert not [link for link in links if ".wal" in link], links
with runlake.start_run(run_name="after"):
    runlake.log_metric("after/own", 0.0)
"""
    family(
        f"""
        runlake.start_run(run_name="before")
        log("before", 3)
        flush()
        os.execv(sys.executable, [sys.executable, "-c", {after!r}])
        """,
        tmp_path / "lake",
    )

    assert wrongs(tmp_path / "lake", {"before/own": 3, "after/own": 1}) == []
    assert statuses(tmp_path / "lake") == {"before": "CRASHED", "after": "FINISHED"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["processes", "pool", "executor"])
def test_what_a_worker_logged_is_there_once_it_has_left(tmp_path: Path, kind: str, method: str) -> None:
    """Workers leave by os._exit, which skips atexit; their writers are their own whatever they inherited."""
    script = tmp_path / "script.py"
    script.write_text(WORKERS)

    done = subprocess.run(
        [sys.executable, str(script), kind, method],
        env=environment(tmp_path / "lake", RUNLAKE_FLUSH_SECONDS="30", RUNLAKE_STRICT="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    parent, tasks = json.loads(done.stdout)
    counts = {f"{pid}/task {i}": 5 for pid, i in tasks}
    assert wrongs(tmp_path / "lake", counts | {f"{parent}/parent": 1}) == []
    assert set(statuses(tmp_path / "lake").values()) == {"FINISHED"}


@pytest.mark.parametrize(("end", "status"), [("raise ValueError", "FAILED"), ("sys.exit(3)", "FAILED"), ("sys.exit(0)", "FINISHED")])
def test_the_run_of_a_worker_ends_as_the_worker_does(tmp_path: Path, end: str, status: str) -> None:
    """The error is still on its way out when the worker's finalizers run."""
    family(
        f"""
        import multiprocessing

        def work():
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            runlake.start_run(run_name="of the worker")
            log("worker", 3)
            {end}

        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join(30)
        """,
        tmp_path / "lake",
    )

    assert wrongs(tmp_path / "lake", {"worker/own": 3}) == []
    assert statuses(tmp_path / "lake") == {"of the worker": status}
