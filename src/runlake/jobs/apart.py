"""Jobs in a process of their own, which may crash, hang or be killed: that too becomes a row of the run.

It does one job after the other, as most of what a job takes is to import libraries. Another takes its place after a failure, and
after so many that what libraries leave behind does not add up.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from runlake import background, config
from runlake.entities import Job
from runlake.jobs import claims
from runlake.jobs.attempts import do_here, failed, note, open_job
from runlake.read import Store
from runlake.store.layout import Layout

__all__ = ["LIMIT_SECONDS", "Worker", "work"]

LIMIT_SECONDS = 600.0
GRACE_SECONDS = 5.0
JOBS_EACH = 50


class Worker:
    """Does jobs, whichever store they are of; nothing of it is left behind a `with`."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._running: _Running | None = None

    def do(self, store: Store, run_id: str, job: Job) -> None:
        """Have the process do the job, and write the row that it leaves out. Raises StoreError where the store takes no rows."""
        if self._running is None:
            self._running = _Running(store.path, self._limit_seconds)
        running = self._running
        why = running.do(store.path, run_id, job.name)
        if why or running.is_spent:
            self._running = None
            running.end(at_once=bool(why))
        if why:
            _note_what_is_missing(store, run_id, job, running, why)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._running is not None:
            self._running.end(at_once=error is not None)


class _Running:
    """One such process, and what it says."""

    def __init__(self, store: Path, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self.last_line = ""  # of what it said, once it has ended
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._n_done = 0
        self.process = subprocess.Popen(
            background.command(store, "--limit", str(limit_seconds), "--work"),
            env=config.environment_of_jobs(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def is_spent(self) -> bool:
        """Whether another should take its place."""
        return self._n_done >= JOBS_EACH

    def do(self, store: Path, run_id: str, name: str) -> str:
        """Name the job to it, and wait; how it ended where it did not answer, in words."""
        assert self.process.stdin is not None
        self._n_done += 1
        try:
            self.process.stdin.write(json.dumps([str(store), run_id, name]).encode() + b"\n")
            self.process.stdin.flush()
            answer = self._answers.get(timeout=self._limit_seconds)
        except queue.Empty:
            return f"it ran longer than its limit of {self._limit_seconds:g} s"
        except BrokenPipeError:
            answer = b""
        if answer == b"failed\n":  # which is noted; who knows in what state that left the process
            self._n_done = JOBS_EACH
        return "" if answer else self._end_in_words()

    def end(self, *, at_once: bool) -> None:
        """Let it leave by itself, or not."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(0 if at_once else GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join()
        self.last_line = _last_line(self._said)
        self._said.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(b"")

    def _end_in_words(self) -> str:
        code = self.process.wait()
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code} and without an outcome"


def work(limit_seconds: float) -> None:
    """What that process does. It outlives a runner that is killed, but not the limit, whatever library it hangs in."""
    answers = _private_output()
    for line in sys.stdin:
        root, run_id, name = json.loads(line)
        config.choose_store(Path(root))
        faulthandler.dump_traceback_later(limit_seconds + GRACE_SECONDS, exit=True)
        error = do_here(Store(Path(root)), run_id, name)
        faulthandler.cancel_dump_traceback_later()
        try:
            print("done" if error is None else "failed", file=answers, flush=True)
        except BrokenPipeError:  # the runner is gone
            return


def _private_output() -> IO[str]:
    """Standard output, where from now on nobody else writes."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
    return answers


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(sys.getdefaultencoding(), "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]


def _note_what_is_missing(store: Store, run_id: str, job: Job, running: _Running, why: str) -> None:
    if open_job(store, run_id, job.name) != job:  # there is an outcome
        return
    begun = [claim for claim in claims.claims_of(Layout(store.path), run_id, job) if claim.holder.pid == running.process.pid]
    if begun:
        note(store, run_id, failed(job, begun[-1].attempt, why))
    elif running.process.returncode:
        note(store, run_id, failed(job, job.attempts + 1, f"{why}, before it began: {running.last_line}"))
