"""Doing a job in a process of its own, which may crash, hang or be killed: that too becomes a row of the run."""

from __future__ import annotations

import faulthandler
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from runlake import background, config
from runlake.entities import Job
from runlake.jobs import claims
from runlake.jobs.attempts import do_here, failed, note, open_job
from runlake.read import Store
from runlake.store.layout import Layout

__all__ = ["LIMIT_SECONDS", "do_apart", "do_one"]

LIMIT_SECONDS = 600.0
GRACE_SECONDS = 5.0


def do_apart(store: Store, run_id: str, job: Job, limit_seconds: float) -> None:
    """Have a process do the job, and write the row that it leaves out. Raises StoreError where the store takes no rows."""
    line = background.command(store.path, "--limit", str(limit_seconds), "--one", run_id, job.name)
    silence = subprocess.DEVNULL
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(line, env=config.environment_of_jobs(), stdin=silence, stdout=silence, stderr=said)
        try:
            why = _end_of(process, limit_seconds)
        finally:
            process.kill()  # in case that we were interrupted
            process.wait()
        _note_what_is_missing(store, run_id, job, process, why, _last_line(said))


def do_one(root: Path, run_id: str, name: str, limit_seconds: float) -> None:
    """What that process does. It outlives a runner that is killed, but not the limit, whatever library it hangs in."""
    faulthandler.dump_traceback_later(limit_seconds + GRACE_SECONDS, exit=True)
    do_here(Store(root), run_id, name)


def _end_of(process: subprocess.Popen[bytes], limit_seconds: float) -> str:
    """How the process ended, in words."""
    try:
        code = process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        return f"it ran longer than its limit of {limit_seconds:g} s"
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code} and without an outcome"


def _note_what_is_missing(store: Store, run_id: str, job: Job, process: subprocess.Popen[bytes], why: str, last_line: str) -> None:
    if open_job(store, run_id, job.name) != job:  # there is an outcome
        return
    begun = [claim for claim in claims.claims_of(Layout(store.path), run_id, job) if claim.holder.pid == process.pid]
    if begun:
        note(store, run_id, failed(job, begun[-1].attempt, why))
    elif process.returncode:
        note(store, run_id, failed(job, job.attempts + 1, f"{why}, before it began: {last_line}"))


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(sys.getdefaultencoding(), "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]
