"""Which run a verb means: the one that this context opened, else the one that a plain `start_run()` opened for the process."""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar

from runlake.errors import NoActiveRun, RunlakeError
from runlake.recording.recorders import before_exit, recorder_for
from runlake.recording.runs import ActiveRun, status_named, status_of

__all__ = ["active_run", "end_run", "open_run", "run_or_raise"]

_own: ContextVar[ActiveRun | None] = ContextVar("runlake_run", default=None)
_default: ActiveRun | None = None
_default_thread = 0
_to_end: list[ActiveRun] = []


def active_run() -> ActiveRun | None:
    """The run that verbs write to here, if one is open."""
    return _open(_own.get()) or _shared()


def run_or_raise() -> ActiveRun:
    """The active run. Raises NoActiveRun."""
    run = _own.get()
    if run is not None and not run.is_ended:
        return run
    run = active_run()
    if run is None:
        raise NoActiveRun("No run is open here. Call runlake.start_run() first.")
    return run


def open_run(name: str | None, *, nested: bool) -> ActiveRun:
    """Open a run and make it the one of this context, and of the process too until it enters a `with`."""
    global _default, _default_thread
    outer = _open(_own.get())
    if outer is None and _default_thread == threading.get_ident():
        outer = _shared()
    if outer is not None and not nested:
        raise RunlakeError(
            f"The run {outer.name!r} ({outer.run_id}) is open. End it with end_run(), or pass nested=True to open one inside."
        )
    run = ActiveRun(recorder_for(), name, outer)
    _own.set(run)
    _default, _default_thread = run, threading.get_ident()
    _to_end[:] = [*(other for other in _to_end if not other.is_ended), run]
    return run


def end_run(status: str = "FINISHED") -> None:
    """End the active run; without one nothing happens."""
    run = active_run()
    if run is not None:
        run.end(status_named(status))


def _open(run: ActiveRun | None) -> ActiveRun | None:
    """The run, or the nearest one around it that has not ended."""
    while run is not None and run.is_ended:
        run = run.outer
    return run


def _shared() -> ActiveRun | None:
    """The run that a plain `start_run()` opened: one that entered a `with` belongs to its own context."""
    run = _default
    while run is not None and (run.is_ended or run.is_entered):
        run = run.outer
    return run


def _end_open_runs() -> None:
    """At exit: an uncaught error has been put into `sys.last_value` by then."""
    for run in reversed(_to_end):
        run.end(status_of(getattr(sys, "last_value", None)))


before_exit.append(_end_open_runs)
