"""Doing a job in this process, and its outcome as a row of the run."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from traceback import extract_tb

from runlake.entities import Job, JobState
from runlake.errors import StoreError
from runlake.guard import attempt
from runlake.jobs import claims
from runlake.jobs.kinds import Skipped, Work, function_of
from runlake.read import Run, Store
from runlake.recording.stored import run_with_id
from runlake.store.layout import Layout

__all__ = ["do_here", "failed", "note", "open_job"]


def do_here(store: Store, run_id: str, name: str) -> BaseException | None:
    """Do the job unless another process is at it, and give what its function raised. KeyboardInterrupt passes."""
    layout = Layout(store.path)
    job = open_job(store, run_id, name)
    number = claims.take(layout, run_id, job) if job is not None else None
    if job is None or number is None:
        return None
    if open_job(store, run_id, name) != job:  # closed after we looked, and before we claimed it
        claims.let_go(layout, run_id, job, attempt=number)
        return None
    began = time.monotonic()
    given = attempt(lambda: _do(store, store.run(run_id), job))
    cost_ms = round((time.monotonic() - began) * 1000)
    if isinstance(given, Skipped):
        note(store, run_id, replace(job, state=JobState.SKIPPED, attempts=number, why=str(given), cost_ms=cost_ms))
    elif isinstance(given, BaseException):
        note(store, run_id, replace(failed(job, number, _in_words(given)), cost_ms=cost_ms))
        return given
    else:
        said = given if isinstance(given, str) else ""
        note(store, run_id, replace(job, state=JobState.DONE, attempts=number, why=said, cost_ms=cost_ms))
    return None


def open_job(store: Store, run_id: str, name: str) -> Job | None:
    """The job as it stands now, where there is something left to do."""
    store.refresh()
    job = store.run(run_id).jobs.get(name)
    return job if job is not None and job.is_open else None


def failed(job: Job, number: int, why: str) -> Job:
    """The job after an attempt that came to nothing."""
    return replace(job, state=JobState.FAILED if number < claims.MAX_ATTEMPTS else JobState.GIVEN_UP, attempts=number, why=why)


def note(store: Store, run_id: str, job: Job) -> None:
    """Write how the job stands now, wait until the store has it, and let go of a job that is closed. Raises StoreError."""
    record = run_with_id(run_id, store.path)
    record.note_job(job)
    if not record.recorder.flusher.flush():
        raise StoreError(f"{store.path} takes no rows: that the job {job.name!r} is {job.state} could not be noted.")
    if not job.is_open:
        claims.let_go(Layout(store.path), run_id, job)


def _do(store: Store, run: Run, job: Job) -> object:
    return function_of(job.kind)(Work(store, run, job.arguments, run_with_id(run.info.run_id, store.path)))


def _in_words(error: BaseException) -> str:
    place = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(place.filename)}, line {place.lineno})"
