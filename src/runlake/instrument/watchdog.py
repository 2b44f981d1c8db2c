"""Reports a plugin that does not come back, with its stack: nothing can end it, but it is not called again."""

from __future__ import annotations

import sys
import threading
import time
from typing import Protocol

from runlake import platform
from runlake.guard import guarded, log

__all__ = ["HANG_SECONDS", "Watch"]

HANG_SECONDS = 2.0
LOOK_SECONDS = 0.25
IDLE_SECONDS = 30.0

_watches: dict[int, Watch] = {}
_thread: threading.Thread | None = None


class Watched(Protocol):
    """A plugin's code that runs."""

    @property
    def plugin(self) -> str:
        """Whose it is."""

    @property
    def target(self) -> str:
        """What it has to do with."""

    def hung(self, doing: str, seconds: float) -> None:
        """It has not come back for so long."""


class Watch:
    """Around a plugin's code: it is to be left within `HANG_SECONDS`."""

    __slots__ = ("began_ns", "doing", "ident", "is_reported", "whose")

    def __init__(self, whose: Watched, doing: str) -> None:
        self.whose = whose
        self.doing = doing
        self.is_reported = False
        self.ident = threading.get_ident()
        self.began_ns = time.monotonic_ns()

    def __enter__(self) -> None:
        _watches[id(self)] = self
        if _thread is None:
            _start()

    def __exit__(self, *_: object) -> None:
        _watches.pop(id(self), None)


def _start() -> None:
    global _thread
    thread = threading.Thread(target=_look, name="runlake-watchdog", daemon=True)
    _thread = thread
    try:
        thread.start()
    except RuntimeError:  # the system gives no more threads, or the interpreter is leaving
        _thread = None


def _look() -> None:
    global _thread
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < IDLE_SECONDS:
        time.sleep(LOOK_SECONDS)
        for watch in list(_watches.values()):
            idle_since = time.monotonic()
            seconds = (time.monotonic_ns() - watch.began_ns) / 1e9
            if seconds > HANG_SECONDS and not watch.is_reported:
                watch.is_reported = True
                with guarded("reporting a plugin that hangs"):
                    _report(watch, seconds)
    _thread = None
    if _watches:  # one that came between the last look and the line above
        _start()


def _report(watch: Watch, seconds: float) -> None:
    whose = watch.whose
    whose.hung(watch.doing, seconds)
    import traceback  # late: it is hardly ever wanted

    frame = sys._current_frames().get(watch.ident)
    stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
    what = f"The plugin {whose.plugin}, {watch.doing} {whose.target},"
    log.warning("%s has not come back for %.1f seconds, and is off from now on. It is at:\n%s", what, seconds, stack)


def _in_forked_child() -> None:
    global _thread
    _thread = None
    _watches.clear()


platform.on_fork(in_child=_in_forked_child)
