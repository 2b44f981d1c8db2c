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
_default: tuple[ActiveRun | None, threading.Thread | None] = (None, None)  # and who opened it: an ident is used again, a thread is not
_to_end: dict[ActiveRun, None] = {}  # in the order of their opening; whatever is done to it is one C call, so it needs no lock


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
    global _default
    outer, shared = _open(_own.get()), _shared()
    if outer is None and _default[1] is threading.current_thread():
        outer = shared
    if outer is not None and outer.is_ours and not nested:  # a forked worker opens its own beside the one it inherited
        raise RunlakeError(
            f"The run {outer.name!r} ({outer.run_id}) is open. End it with end_run(), or pass nested=True to open one inside."
        )
    run = ActiveRun(recorder_for(), name, outer)
    _own.set(run)
    if shared is None or outer is shared:  # else the threads that write to the shared one go on doing so
        _default = run, threading.current_thread()
    for other in list(_to_end):
        if other.is_ended:
            _to_end.pop(other, None)
    _to_end[run] = None
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
    run = _default[0]
    while run is not None and (run.is_ended or run.is_entered):
        run = run.outer
    return run


def _end_open_runs() -> None:
    """At exit: an uncaught error has been put into `sys.last_value` by then; in a worker of multiprocessing it is still on its way."""
    error = getattr(sys, "last_value", None)
    for run in reversed(list(_to_end)):
        run.end(status_of(sys.exc_info()[1] if error is None else error))


before_exit.append(_end_open_runs)
