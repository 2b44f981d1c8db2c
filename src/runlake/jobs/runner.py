"""Every pending job of a store: done once, or until nothing comes any more."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from runlake.entities import Job, LifecycleStage
from runlake.jobs import claims
from runlake.jobs.apart import LIMIT_SECONDS, Worker
from runlake.jobs.attempts import failed, note
from runlake.jobs.publishing import publish_apart, waits
from runlake.jobs.slots import leave_word, next_word, slot
from runlake.read import Run, Store
from runlake.store.layout import Layout, is_store

__all__ = ["IDLE_SECONDS", "finish", "open_jobs", "work_until_idle"]

IDLE_SECONDS = 30.0
LOOK_SECONDS = 0.25
COMING_SECONDS = 5.0
PUBLISH_SECONDS = 60.0

_dice = random.SystemRandom()  # the program's own generator stays as it is


def work_until_idle(root: Path, idle_seconds: float = IDLE_SECONDS, limit_seconds: float = LIMIT_SECONDS) -> None:
    """Do what is pending, and what comes, until nothing has come for a while; leave at once where the machine has enough runners."""
    if not _comes_to_be(root):
        return
    store = Store(root)
    while True:
        with slot() as is_ours:
            if not is_ours:
                leave_word(root)
                return
            with Worker(limit_seconds) as worker:
                _work(store, idle_seconds, worker)
        # A runner that found our slot taken has left to us what came after our last look.
        word = next_word()
        if word is not None and is_store(word):
            store = Store(word)
        elif not any(_can_begin(store, run, job) for run, job in open_jobs(store)):
            return


def finish(
    store: Store, run_ids: Collection[str] = (), limit_seconds: float = LIMIT_SECONDS, look_seconds: float = LOOK_SECONDS
) -> Iterator[tuple[Run, Job]]:
    """Do what is pending, of these runs or of all, wait for what others are at, and give each job when it is closed."""
    found = open_jobs(store, run_ids)
    with Worker(limit_seconds) as worker:
        while found:
            if not _do_next(store, found, worker):
                time.sleep(look_seconds)
            before, found = found, open_jobs(store, run_ids)
            left = {(run.info.run_id, job.name) for run, job in found}
            for run, job in before:
                if (run.info.run_id, job.name) not in left:
                    now = store.run(run.info.run_id)
                    yield now, now.jobs[job.name]


def open_jobs(store: Store, run_ids: Collection[str] = ()) -> list[tuple[Run, Job]]:
    """The jobs that have something left to do, of these runs or of all that are not deleted, the oldest run first."""
    store.refresh()
    if not run_ids:
        run_ids = [run_id for run_id, jobs in store.jobs().items() if any(job.is_open for job in jobs.values())]
    there = [run for run in map(store.run, run_ids) if run.info.lifecycle_stage == LifecycleStage.ACTIVE]
    there.sort(key=lambda run: (run.info.start_time, run.info.run_id))
    return [(run, job) for run in there for job in run.jobs.values() if job.is_open]


def _comes_to_be(root: Path) -> bool:
    """Whether there is a store: a program that starts a runner early may not have written yet."""
    deadline = time.monotonic() + COMING_SECONDS
    while not is_store(root) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return is_store(root)


def _work(store: Store, idle_seconds: float, worker: Worker) -> None:
    busy_at = publish_at = time.monotonic()
    seen = None
    waiting: list[tuple[Run, Job]] = []
    while True:
        if (found := Layout(store.path).waiting()) != seen:  # something was written
            waiting, seen = open_jobs(store), found
        if _do_next(store, waiting, worker):
            busy_at, seen = time.monotonic(), None
        elif (word := next_word()) is not None:
            if is_store(word):
                _work(Store(word), 0.0, worker)
        elif (now := time.monotonic()) >= publish_at and waits(store.path):
            publish_apart(store.path)
            publish_at = now + PUBLISH_SECONDS
        elif now - busy_at > idle_seconds:
            return
        else:
            time.sleep(LOOK_SECONDS)


def _do_next(store: Store, found: list[tuple[Run, Job]], worker: Worker) -> bool:
    """Do one of these that nobody is at; whether there was one."""
    free = [(run, job) for run, job in found if _can_begin(store, run, job)]
    if not free:
        return False
    # The oldest, but beside another runner any, or both would begin the same one every time.
    run, job = free[0] if len(free) == len(found) else _dice.choice(free)
    run_id = run.info.run_id
    if claims.is_spent(Layout(store.path), run_id, job):
        note(store, run_id, failed(job, claims.MAX_ATTEMPTS, "each process that began it is gone without an outcome"))
    else:
        worker.do(store, run_id, job)
    return True


def _can_begin(store: Store, run: Run, job: Job) -> bool:
    return not claims.is_held(Layout(store.path), run.info.run_id, job)
