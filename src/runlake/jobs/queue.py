"""Adding a job to a run, and what the end of the run or of the program does about it.

`detached`: a process of its own is started when the program has ended, or while it goes on and `EARLY_SECONDS` of estimated work wait.
`inline`: done on the thread that ends the run, once the store has that; what is added later, at once.
`off`: a row that says so.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runlake import background, config, platform
from runlake.entities import Job, JobState
from runlake.errors import InvalidValue
from runlake.guard import guarded
from runlake.recording import listeners, recorders
from runlake.recording.runs import ActiveRun
from runlake.recording.telling import say

if TYPE_CHECKING:
    import subprocess

__all__ = ["EARLY_SECONDS", "add"]

EARLY_SECONDS = 2.0
PATIENCE_SECONDS = 3.0  # a program that ends within them has the machine to itself
AGAIN_SECONDS = 30.0  # after which another process is started, should the one before have found the machine busy


@dataclass
class _Waiting:
    """What this process has added to one store and not handed on."""

    jobs: dict[str, list[str]] = field(default_factory=dict)  # names by run
    seconds: float = 0.0
    runner: subprocess.Popen[bytes] | None = None
    start: threading.Thread | None = None
    started: float = -math.inf


_waiting: defaultdict[Path, _Waiting] = defaultdict(_Waiting)


def add(run: ActiveRun, kind: str, arguments: Mapping[str, Any] | None = None, *, name: str | None = None, seconds: float = 0.0) -> Job:
    """Have a job of this kind done for the run, under its kind's name or another; `seconds` is about how long it takes."""
    root = run.recorder.layout.root
    settings = run.recorder.flusher.config
    mode = settings.jobs
    job = Job(name or kind, kind, dict(arguments or {}), id=os.urandom(8).hex())
    if mode == "off":
        job = replace(job, state=JobState.SKIPPED, why="jobs are off by the setting `jobs`")
    try:
        run.note_job(job)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"The arguments of the job {job.name!r} are no JSON: {error}.") from error
    if mode != "off":
        _remember(settings, run.run_id, job, seconds)
    if mode == "inline" and run.is_ended:
        _do_now(run)
    elif mode == "detached" and _waiting[root].seconds >= EARLY_SECONDS:
        _start_soon(root)
    return job


def _remember(settings: config.Config, run_id: str, job: Job, seconds: float) -> None:
    if _do_now not in listeners.run_ended:
        listeners.run_ended.append(_do_now)
        recorders.after_exit.append(_hand_on)
    waiting = _waiting[settings.store]
    waiting.jobs.setdefault(run_id, []).append(job.name)
    waiting.seconds += seconds


def _start_soon(root: Path) -> None:
    waiting = _waiting[root]
    waiting.seconds = 0.0
    if waiting.start is None or not waiting.start.is_alive():
        waiting.start = threading.Thread(target=_start_early, args=(root, waiting), name="runlake-jobs", daemon=True)
        with contextlib.suppress(RuntimeError):  # the system gives no more threads: then they are done after the program
            waiting.start.start()


def _start_early(root: Path, waiting: _Waiting) -> None:
    time.sleep(PATIENCE_SECONDS)
    is_at_work = waiting.runner is not None and waiting.runner.poll() is None
    if time.monotonic() - waiting.started > AGAIN_SECONDS and not is_at_work and not recorders.is_leaving():
        waiting.started = time.monotonic()
        with guarded("starting a process for jobs"):
            waiting.runner = background.start(root)


def _do_now(run: ActiveRun) -> None:
    """When a run has ended; those that the end of the program ends come after it, when the store no longer waits."""
    settings = run.recorder.flusher.config
    if settings.jobs == "inline" and not recorders.is_leaving():
        _do_inline(settings.store, run.run_id, _waiting[settings.store].jobs.pop(run.run_id, []))


def _do_inline(root: Path, run_id: str, names: list[str]) -> None:
    if not names:
        return
    from runlake.jobs.attempts import do_here
    from runlake.read import open_store

    recorders.flush_all(sync=False)
    store = open_store(root)
    for name in names:
        with guarded(f"doing the job {name!r}"):
            if do_here(store, run_id, name) is not None and (error := do_here(store, run_id, name)) is not None:
                raise error


def _hand_on() -> None:
    """At exit, when the store has all that was logged."""
    for root, waiting in list(_waiting.items()):
        settings = recorders.recorder_for(root).flusher.config
        if settings.jobs == "inline":
            for run_id, names in waiting.jobs.items():
                _do_inline(root, run_id, names)
        elif waiting.jobs:
            _leave_to_another(root, list(waiting.jobs), config.exit_wait(settings))
    _waiting.clear()


def _leave_to_another(root: Path, run_ids: list[str], seconds: float) -> None:
    if not seconds or recorders.is_worker():  # the end of a worker is not the end of the program
        background.start(root, "--after", str(os.getpid()))
    else:
        where = config.why_children_end()
        reason = f", since {where} the end of the program may be the end of them" if where else ""
        say(f"runlake: waiting up to {seconds:g} s for the jobs of {len(run_ids)} runs{reason}; RUNLAKE_EXIT_WAIT=0 does not wait")
        process = background.start(root, "--finish", *run_ids)
        if process is not None:
            _wait(process, seconds)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    import subprocess

    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        say("runlake: some jobs are not done; `runlake finish` does them")


platform.on_fork(in_child=_waiting.clear)  # what was added is the parent's to hand on
