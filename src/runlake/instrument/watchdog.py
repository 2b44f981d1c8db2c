"""Reports a plugin that does not come back, with its stack: nothing can end it, but it is not called again."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from threading import get_ident
from time import monotonic_ns
from typing import Protocol

from runlake import platform
from runlake.guard import guarded, log

__all__ = ["HANG_SECONDS", "begun", "over"]

HANG_SECONDS = 2.0
IMPORT_SECONDS = 60.0  # that modules may take to come from a slow disk
LOOK_SECONDS = 0.25
IDLE_SECONDS = 30.0

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


Watch = tuple[Watched, str, int, int]  # whose code, what it does, since when, and in which thread


@dataclass
class _Looks:
    """What was seen of one watch, in seconds since the first look; as long as this lives, its place in memory is no other's."""

    watch: Watch
    first: float
    unserved: float  # at the first look
    imported: float = 0.0  # when a module was last seen to be imported in it
    is_reported: bool = False

    @classmethod
    def begin(cls, watch: Watch) -> _Looks:
        return cls(watch, time.monotonic(), _unserved(watch))

    def hangs(self) -> bool:
        """Whether the code should be back by now: neither a slow disk nor a busy machine is its fault."""
        seconds = time.monotonic() - self.first
        if seconds < IMPORT_SECONDS and _is_importing(self.watch):
            self.imported = seconds
        if seconds - self.imported <= HANG_SECONDS:
            return False
        return seconds - max(self.imported, _unserved(self.watch) - self.unserved) > HANG_SECONDS


_watches: dict[int, Watch] = {}  # by where they lie; whatever is done to it is one C call


def begun(whose: Watched, doing: str) -> Watch:
    """A plugin's code is about to run: it is to be left within `HANG_SECONDS`."""
    watch = (whose, doing, monotonic_ns(), get_ident())
    _watches[id(watch)] = watch
    if _thread is None:
        _start()
    return watch


def over(watch: Watch) -> int:
    """It was left, after so many nanoseconds."""
    _watches.pop(id(watch), None)
    return monotonic_ns() - watch[2]


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
    seen: dict[int, _Looks] = {}
    while time.monotonic() - idle_since < IDLE_SECONDS:
        time.sleep(LOOK_SECONDS)
        seen = {id(watch): seen.get(id(watch)) or _Looks.begin(watch) for watch in list(_watches.values())}
        for looks in seen.values():
            idle_since = time.monotonic()
            if not looks.is_reported and looks.hangs():
                looks.is_reported = True
                with guarded("reporting a plugin that hangs"):
                    _report(looks.watch)
    _thread = None
    if _watches:  # one that came between the last look and the line above
        _start()


def _unserved(watch: Watch) -> float:
    """How many seconds its thread was ready to run, and others ran; 0 where the system does not say."""
    native = next((thread.native_id for thread in threading.enumerate() if thread.ident == watch[3]), None)
    return platform.seconds_unserved(native) if native is not None else 0.0


def _is_importing(watch: Watch) -> bool:
    frame = sys._current_frames().get(watch[3])
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _report(watch: Watch) -> None:
    whose, doing, since_ns, ident = watch
    seconds = (monotonic_ns() - since_ns) / 1e9
    whose.hung(doing, seconds)
    import traceback  # late: it is hardly ever wanted

    frame = sys._current_frames().get(ident)
    stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
    what = f"The plugin {whose.plugin}, {doing} {whose.target},"
    log.warning("%s has not come back for %.1f seconds, and is off from now on. It is at:\n%s", what, seconds, stack)


def _in_forked_child() -> None:
    global _thread
    _thread = None
    _watches.clear()


platform.on_fork(in_child=_in_forked_child)
