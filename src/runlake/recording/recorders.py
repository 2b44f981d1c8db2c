"""One recorder for each store, process and fork: a child never writes through what it inherited."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runlake import config, guard, platform
from runlake.entities import Event
from runlake.recording.buffer import Buffer
from runlake.recording.clock import HybridClock
from runlake.recording.flusher import Flusher
from runlake.recording.publishing import publish_if_enough
from runlake.store.layout import Layout, check_usable

if TYPE_CHECKING:
    from runlake.store.view import View

__all__ = ["Recorder", "after_exit", "before_exit", "flush_all", "flush_store", "is_leaving", "is_worker", "recorder_for", "stop_all"]

before_exit: list[Callable[[], None]] = []
after_exit: list[Callable[[], None]] = []  # all that was logged is in the store by then
_recorders: dict[Path, Recorder] = {}
_lock = threading.RLock()
_has_left = False
_is_leaving = False


@dataclass
class Recorder:
    """How this process writes to one store."""

    layout: Layout
    buffer: Buffer
    clock: HybridClock
    flusher: Flusher

    def view(self) -> View:
        """What the store holds by now, of all its writers."""
        from runlake.store.view import View  # late: it imports Arrow, which opening a new run does without

        view = View(self.layout)
        view.refresh()
        return view

    def add(self, event: Event) -> None:
        """Record one event."""
        self.flusher.add_event(event)


def recorder_for(store: Path | None = None) -> Recorder:
    """The recorder of the store, by default of the one that the settings name. Raises StoreError for a folder that is none."""
    settings = config.load(store)
    with _lock:
        recorder = _recorders.get(settings.store)
        if recorder is None:
            check_usable(settings.store)
            guard.set_strict(settings.strict)
            buffer, clock = Buffer(), HybridClock()
            recorder = Recorder(Layout(settings.store), buffer, clock, Flusher(settings, buffer, clock, _flush_before_this_worker_leaves))
            _recorders[settings.store] = recorder
            if _has_left:  # the first run of an exit handler from before us: nobody would stop it
                recorder.flusher.stop()
        return recorder


def flush_all(timeout: float | None = None, *, sync: bool = True) -> bool:
    """Wait until every store of this process has synced, or only written, what was logged; whether all did."""
    answers = [recorder.flusher.flush(timeout, sync=sync) for recorder in list(_recorders.values())]
    return all(answers)


def flush_store(store: Path | None = None) -> bool:
    """Wait until one store has synced what this process logged to it, by default the one that the settings name; whether it has."""
    recorder = _recorders.get(config.load(store).store)
    return recorder is None or recorder.flusher.flush()


def stop_all() -> None:
    """At exit: end the open runs, write what waits, let go of the stores. What is logged after this is written at once."""
    global _is_leaving
    _is_leaving = True
    try:
        _let_go()
    finally:
        _is_leaving = False
    if not is_worker():
        for recorder in list(_recorders.values()):
            publish_if_enough(recorder.flusher.config)
    for follow in after_exit:
        with guard.guarded("starting what is done after the program"):
            follow()


def _let_go() -> None:
    for recorder in list(_recorders.values()):
        recorder.flusher.begin_exit()
    for finish in before_exit:
        with guard.guarded("ending the open runs"):
            finish()
    for recorder in list(_recorders.values()):
        with guard.guarded("leaving"):
            recorder.flusher.stop()


def is_leaving() -> bool:
    """Whether the stores are being let go, which must not take long."""
    return _is_leaving


def _leave() -> None:
    global _has_left
    stop_all()
    _has_left = True


def is_worker() -> bool:
    """Whether multiprocessing made this process."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


def _flush_before_this_worker_leaves() -> None:
    """Workers of multiprocessing leave by os._exit, which skips atexit, but run multiprocessing's own finalizers."""
    if is_worker():
        from multiprocessing.util import Finalize

        Finalize(None, stop_all, exitpriority=100)


def _before_fork() -> None:
    for recorder in list(_recorders.values()):
        recorder.flusher.hold_still()


def _in_forking_parent() -> None:
    for recorder in list(_recorders.values()):
        recorder.flusher.go_on()


def _in_forked_child() -> None:
    global _lock
    _lock = threading.RLock()
    for recorder in _recorders.values():
        recorder.buffer.forget_inherited()
        recorder.clock.start_over()
        recorder.flusher.start_over()


atexit.register(_leave)
platform.on_fork(before=_before_fork, in_parent=_in_forking_parent, in_child=_in_forked_child)
