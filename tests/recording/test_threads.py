"""Threads, tasks and finalizers: every call that returned is in the store once, in the run it was meant for, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import runlake
from children import run_program
from planted_jobs import until
from reading import series
from runlake.recording import recorders
from runlake.recording.buffer import Buffer, Chunk
from runlake.recording.clock import HybridClock

THREADS = 16


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads take turns after almost every instruction, and the flusher hardly rests."""
    monkeypatch.setenv("RUNLAKE_FLUSH_SECONDS", "0.01")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class SwappingBuffer(Buffer):
    """What the buffer's docstring warns of: drained by giving callers new lists."""

    def drain_points(self) -> Iterator[Chunk]:
        """The scalars that wait now."""
        flat, self.scalars = self.scalars, []
        yield Chunk(flat[0::4], flat[1::4], flat[2::4], flat[3::4])


def together(work: Callable[[int], None], threads: int = THREADS, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Do the work in so many threads that start at the same moment."""
    barrier = threading.Barrier(threads + 1)
    errors: list[BaseException] = []

    def start(i: int) -> None:
        try:
            barrier.wait(30)
            work(i)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=start, args=[i], daemon=True) for i in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait(30)
    meanwhile()
    for worker in workers:
        worker.join(60)
    assert (errors, [worker.name for worker in workers if worker.is_alive()]) == ([], [])


def missing_after_close(seconds: float) -> list[str]:
    """What is not as it was logged by threads that log until another one closes the run; the key tells who, the step what."""
    run = runlake.start_run()
    returned = [0] * THREADS

    def log_until_closed(i: int) -> None:
        key = f"thread {i}"
        while not run.is_ended:
            run.log_metric(key, float(returned[i]), returned[i])
            returned[i] += 1

    def close() -> None:
        time.sleep(seconds)
        runlake.end_run()

    together(log_until_closed, meanwhile=close)
    runlake.flush()
    points = runlake.read.open_store().points(run.run_id)
    found: dict[str, list[tuple[int, float]]] = {f"thread {i}": [] for i in range(THREADS)}
    for key, step, value in zip(*(points[name].to_pylist() for name in ("key", "step", "value")), strict=True):
        found[key].append((step, value))
    return [
        f"thread {i} has {len(found[f'thread {i}'])} points of {n}"
        for i, n in enumerate(returned)
        if found[f"thread {i}"] != [(step, float(step)) for step in range(n)]
    ]


@pytest.mark.usefixtures("store", "hasty")
def test_every_call_that_returned_before_the_run_was_closed_is_there_once() -> None:
    """Sixteen threads log while one ends the run."""
    assert missing_after_close(0.3) == []


@pytest.mark.long
@pytest.mark.usefixtures("store", "hasty")
def test_forty_runs_closed_under_their_threads_lose_nothing() -> None:
    """The same, for rarer moments."""
    assert [missing_after_close(0.05) for _ in range(40)] == [[]] * 40


@pytest.mark.usefixtures("store", "hasty")
def test_the_check_of_threads_sees_a_planted_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A buffer that is drained by swapping its lists loses what a caller appends to the list it has just looked up."""
    monkeypatch.setattr(recorders, "Buffer", SwappingBuffer)

    assert any(missing_after_close(0.2) for _ in range(50))


@pytest.mark.usefixtures("store", "hasty")
def test_all_verbs_count_one_series_without_repeats_and_gaps() -> None:
    """Without a step each point gets the next one, whoever logs it and however."""

    def log(i: int) -> None:
        for n in range(300):
            if (i + n) % 3 == 0:
                run.log_metric("shared", 1.0)
            elif (i + n) % 3 == 1:
                run.log_metrics({"shared": 1.0, "other": 2.0})
            else:
                run.log_batch("shared", [1.0])

    with runlake.start_run() as run:
        together(log)

    assert series(run.run_id, "shared") == [(step, 1.0) for step in range(THREADS * 300)]
    assert series(run.run_id, "other") == [(step, 2.0) for step in range(THREADS * 100)]


@pytest.mark.usefixtures("hasty")
def test_no_two_events_have_the_same_time() -> None:
    """However many threads ask at once."""
    clock = HybridClock()
    times: list[int] = []
    together(lambda _: times.extend([clock.tick() for _ in range(2000)]))

    assert len(set(times)) == THREADS * 2000


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that interrupt")
def test_no_two_events_of_one_thread_have_the_same_time() -> None:
    """Python runs signal handlers, and from 3.12 on finalizers, in the middle of a tick, and they may tick too."""
    clock = HybridClock()
    clock._last = 1 << 63  # as after a step back of the wall clock: it counts
    times: list[int] = []
    before = signal.signal(signal.SIGVTALRM, lambda *_: times.extend([clock.tick(), clock.tick()]))
    signal.setitimer(signal.ITIMER_VIRTUAL, 1e-5, 1e-5)
    try:
        ordinary = [clock.tick() for _ in range(200_000)]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)

    assert len(times) > 0
    assert len({*times, *ordinary}) == len(times) + len(ordinary)


@pytest.mark.usefixtures("store", "hasty")
def test_threads_that_open_runs_at_the_same_moment_each_get_their_own() -> None:
    """Verbs go to the run of their own thread."""
    runs: list[runlake.ActiveRun] = []

    def train(i: int) -> None:
        for _ in range(3):
            with runlake.start_run(run_name=f"{i}") as run:
                runs.append(run)
                for n in range(20):
                    assert runlake.active_run() is run
                    runlake.log_metric("thread", float(i), n)

    together(train)

    assert len({run.run_id for run in runs}) == THREADS * 3
    assert [series(run.run_id, "thread") for run in runs] == [[(n, float(run.name)) for n in range(20)] for run in runs]
    assert {row.info.status for row in runlake.read.open_store().runs()} == {"FINISHED"}


@pytest.mark.usefixtures("store", "hasty")
def test_tasks_that_open_runs_each_get_their_own() -> None:
    """An asyncio task has a context of its own, though all share a thread."""

    async def train(i: int) -> runlake.ActiveRun:
        with runlake.start_run(run_name=f"{i}") as run:
            for n in range(20):
                await asyncio.sleep(0)
                assert runlake.active_run() is run
                runlake.log_metric("task", float(i), n)
        return run

    async def train_all() -> list[runlake.ActiveRun]:
        return await asyncio.gather(*map(train, range(THREADS)))

    runs = asyncio.run(train_all())

    assert [series(run.run_id, "task") for run in runs] == [[(n, float(i)) for n in range(20)] for i, run in enumerate(runs)]


@pytest.mark.usefixtures("store", "hasty")
def test_the_run_of_a_thread_does_not_take_the_place_of_the_shared_one() -> None:
    """A thread without a run goes on writing to the plain run of the process, whatever other threads open and end."""
    over = threading.Event()
    returned = 0

    def log_to_the_shared_one() -> None:
        nonlocal returned
        while not over.is_set():
            runlake.log_metric("shared", float(returned), returned)
            returned += 1

    def open_others(i: int) -> None:
        for _ in range(10):
            with runlake.start_run():
                runlake.log_metric("own", 1.0)
        run = runlake.start_run()
        runlake.log_metric("own", 1.0)
        run.end()

    shared = runlake.start_run()
    logger = threading.Thread(target=log_to_the_shared_one)
    logger.start()
    together(open_others, threads=4)
    over.set()
    logger.join(30)
    runlake.end_run()

    assert series(shared.run_id, "shared") == [(n, float(n)) for n in range(returned)]


@pytest.mark.usefixtures("store")
def test_a_thread_with_the_number_of_a_dead_one_opens_a_run() -> None:
    """The system gives numbers of threads out again; the run that the dead one left open does not stand in the way."""
    numbers = []

    def leave_a_run_open(i: int) -> None:
        numbers.append(threading.get_ident())
        runlake.start_run(run_name="left open")

    def open_one(i: int) -> None:
        numbers.append(threading.get_ident())
        with runlake.start_run(run_name="opened"):
            pass

    together(leave_a_run_open, threads=1)
    while numbers[0] not in numbers[1:] and len(numbers) < 50:
        together(open_one, threads=1)

    assert [row.info.run_name for row in runlake.read.open_store().runs()] == ["left open"] + ["opened"] * (len(numbers) - 1)
    if numbers[0] not in numbers[1:]:
        pytest.skip("the system gave every thread a number of its own")


def test_every_run_that_threads_left_open_is_ended_at_exit(tmp_path: Path) -> None:
    """However many were opened at the same moment."""
    done = run_program(
        """
        import sys, threading
        import runlake
        sys.setswitchinterval(1e-6)
        def leave_open():
            barrier.wait()
            for _ in range(20):
                runlake.start_run(nested=True)
        barrier = threading.Barrier(16)
        threads = [threading.Thread(target=leave_open) for _ in range(16)]
        for thread in threads:
            thread.start()
        """,
        tmp_path / "lake",
        RUNLAKE_STRICT="1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [row.info.status for row in runlake.read.open_store(tmp_path / "lake").runs()] == ["FINISHED"] * 16 * 20


FINALIZERS = """
import faulthandler, gc, json, sys, threading, time
import runlake
faulthandler.dump_traceback_later(20, exit=True)

class Cycle:
    '''Garbage that logs as it is collected, and leaves more: so every collection, in whatever thread, runs a finalizer.'''
    def __init__(self):
        self.me = self
    def __del__(self):
        if not over.is_set():
            run.log_metric("finalized", 1.0)
            counts["finalized"] += 1
            Cycle()
            {finalizer}

def work():
    while not over.is_set():
        with lock:
            run.log_metric("ordinary", 1.0)
            counts["ordinary"] += 1
        {worker}
        time.sleep(0.0001)

run = runlake.start_run()
runlake.flush()
over, lock, counts = threading.Event(), threading.RLock(), dict(finalized=0, ordinary=0)
for _ in range(5):
    Cycle()
threads = [threading.Thread(target=work) for _ in range(3)]
gc.set_threshold(1, 1, 1)
for thread in threads:
    thread.start()
time.sleep(float(sys.argv[1]))
gc.disable()
over.set()
for thread in threads:
    thread.join()
runlake.end_run()
print(json.dumps([run.run_id, counts]))
"""


@pytest.mark.parametrize(
    ("finalizer", "worker"),
    [("pass", "pass"), ("runlake.flush(0)", "runlake.flush(0)"), ("run.log_text('x', 'text')", "pass")],
    ids=["that log", "that flush", "that keep a text"],
)
@pytest.mark.parametrize("seconds", [1.0, pytest.param(30.0, marks=pytest.mark.long)])
def test_finalizers_run_at_any_moment_do_not_stop_anyone(tmp_path: Path, finalizer: str, worker: str, seconds: float) -> None:
    """The collector runs them in whatever thread allocates: in callers, in the flusher, under any lock of ours."""
    code = FINALIZERS.replace("{finalizer}", finalizer).replace("{worker}", worker).replace("later(20", f"later({seconds + 20}")
    done = run_program(code, tmp_path / "lake", str(seconds), timeout=seconds + 40, RUNLAKE_FLUSH_SECONDS="0.01", RUNLAKE_STRICT="1")

    assert (done.returncode, done.stderr) == (0, "")
    run_id, counts = json.loads(done.stdout)
    points = runlake.read.open_store(tmp_path / "lake").points(run_id)
    found = {key: sum(points["key"].to_numpy(zero_copy_only=False) == key) for key in counts}
    assert (found, counts["finalized"] > 0) == (counts, True)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("verb", ["log_metric", "log_metrics"])
def test_a_finalizer_that_counts_steps_repeats_none(verb: str) -> None:
    """It may run in the middle of another count of its own thread, which the collector interrupts at ever other places."""

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            log()
            finalized.append(True)

    finalized: list[bool] = []
    run = runlake.start_run()
    log = partial(run.log_metric, "shared", 1.0) if verb == "log_metric" else partial(run.log_metrics, {"shared": 1.0})
    threshold = gc.get_threshold()
    try:
        for n in range(2000):
            gc.set_threshold(1 + n % 19)
            Cycle()
            log()
    finally:
        gc.set_threshold(*threshold)
    # Again and again: while another thread is at a collection, one that is asked for does nothing, and the last cycles would stay.
    until(lambda: gc.collect() >= 0 and len(finalized) == 2000)
    runlake.end_run()

    assert series(run.run_id, "shared") == [(step, 1.0) for step in range(4000)]
