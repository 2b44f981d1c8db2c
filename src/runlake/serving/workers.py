"""Several processes that serve one model at one port: started, started again if one dies, and stopped together."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, cast

from runlake.errors import RunlakeError
from runlake.guard import log
from runlake.serving.settings import ServeSettings

__all__ = ["READY", "serve_by_workers"]

READY = "ready "  # how the line begins that a worker says when it is
MOST_DEATHS = 3  # within a minute
POLL_SECONDS = 0.05
GRACE_SECONDS = 3.0


class Worker:
    """A process that serves. Its input is a pipe of ours: it stops when that is closed, even if we could not tell it to."""

    def __init__(self, settings: ServeSettings, listener: socket.socket) -> None:
        fd = listener.fileno()
        command = [sys.executable, "-m", "runlake.serving", str(fd), settings.to_json()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[fd], text=True)
        self.lines: list[str] | None = None  # what it serves, once it does
        threading.Thread(target=self._read, name="runlake-worker", daemon=True).start()

    def _read(self) -> None:
        for line in cast("IO[str]", self.process.stdout):
            if line.startswith(READY):
                self.lines = json.loads(line.removeprefix(READY))
            else:
                print(line, end="", flush=True)  # the model's own

    def stop(self) -> None:
        """Ask it to."""
        if self.process.poll() is None:
            self.process.terminate()


def serve_by_workers(settings: ServeSettings, listener: socket.socket, ready: Callable[[list[str]], None]) -> None:
    """Serve until a signal comes. Raises RunlakeError where workers cannot start, or die again and again."""
    listener.listen()
    deaths: deque[float] = deque()
    workers: list[Worker] = []
    is_ready = False
    with _stopping() as is_stopped:
        try:
            workers += [Worker(settings, listener) for _ in range(settings.workers)]
            while not is_stopped():
                for place, worker in enumerate(workers):
                    code = worker.process.poll()
                    if code is None:
                        continue
                    if worker.lines is None and not is_ready:
                        raise RunlakeError("A worker could not start; what it said stands above.")
                    _count(deaths, code)
                    workers[place] = Worker(settings, listener)
                if not is_ready and all(worker.lines is not None for worker in workers):
                    is_ready = True
                    ready(workers[0].lines or [])
                time.sleep(POLL_SECONDS)
        finally:
            listener.close()
            _stop(workers, settings.seconds + GRACE_SECONDS)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Whether a signal has come that ends us."""
    come: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        come.append(number)

    former = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(come)
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


def _count(deaths: deque[float], code: int) -> None:
    """A worker has died."""
    now = time.monotonic()
    deaths.append(now)
    while now - deaths[0] > 60:
        deaths.popleft()
    if len(deaths) > MOST_DEATHS:
        raise RunlakeError(f"{len(deaths)} workers have died within a minute, the last with exit code {code}: the server has stopped.")
    log.warning("A worker has died with exit code %d; another takes its place.", code)


def _stop(workers: list[Worker], seconds: float) -> None:
    """All of them, when they have answered what they were asked."""
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + seconds
    for worker in workers:
        try:
            worker.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
