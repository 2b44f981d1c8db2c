"""What a sweep tries: each trial is a run inside the sweep's, and the active one while that part of the program is at work."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any

from runlake.entities import Status
from runlake.entities.tags import EXCEPTION_TAG
from runlake.guard import guarded
from runlake.instrument.scope import plugin_context
from runlake.instrument.work import described
from runlake.recording.active import working_inside
from runlake.recording.offered import OfferedRun
from runlake.recording.runs import ActiveRun, status_named, status_of

if TYPE_CHECKING:
    from runlake.instrument.training import Training

__all__ = ["Begin", "End", "Trial", "trying"]


Begin = Callable[..., "Trial | None"]  # called with what is tried
End = Callable[["Trial", Any, BaseException | None], Any]  # called with what came of it, and what it raised


class Trial:
    """One thing that is tried. Entered, its run is the one that verbs write to here, and the first training is recorded in it."""

    def __init__(self, sweep: Training, active: ActiveRun) -> None:
        self._sweep = sweep
        self._active = active
        self._inside: contextlib.AbstractContextManager[None] | None = None

    @property
    def run(self) -> OfferedRun:
        """Its run, to record in."""
        return self._active.offered

    def end(self, status: str | None = None, error: BaseException | str | None = None, end_ns: int | None = None) -> None:
        """Say how it ended, by default as the error says, and when, by default now; a second time nothing happens."""
        self._sweep.trial_ended(self)
        if error is not None and not self._active.is_ended:
            self.run.set_tag(EXCEPTION_TAG, described(error) if isinstance(error, BaseException) else error)
        if status is None:
            status = Status.FAILED if isinstance(error, str) else status_of(error)
        self._active.last_ns = end_ns
        self._active.end(status_named(status))

    def __enter__(self) -> Trial:
        self._inside = working_inside(self._active)
        self._inside.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._inside is not None:
            self._inside.__exit__(*error)


class trying:  # noqa: N801 - reads as a word where a call is rewritten
    """A function with a trial around each call of it; whatever goes wrong in `begin` and `end`, it is called as it would be.

    Where it is pickled, to be called in another process, it is the function alone.
    """

    def __init__(self, sweep: Training, begin: Begin, function: Callable[..., Any], end: End) -> None:
        functools.update_wrapper(self, function)
        self._sweep = sweep
        self._context = plugin_context(sweep.plugin)  # of who asked for the sweep: a thread that works for it knows no run
        self._begin = begin
        self._function = function
        self._end = end

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        with _Around(self._sweep, self._context.copy, functools.partial(self._begin, *args, **kwargs), self._end) as around:
            around.outcome = self._function(*args, **kwargs)
        return around.outcome

    def __reduce__(self) -> tuple[Any, ...]:
        return operator.getitem, ((self._function,), 0)  # where it is unpickled, there need be nothing of ours


class _Around:
    """Around one call of what is tried."""

    def __init__(self, sweep: Training, context: Callable[[], Context], begin: Callable[[], Trial | None], end: End) -> None:
        self.outcome: Any = None
        self._sweep = sweep
        self._context = context
        self._begin = begin
        self._end = end
        self._trial: Trial | None = None

    def __enter__(self) -> _Around:
        with guarded("beginning a trial"):
            work = self._sweep.work_of(self._sweep.plugin, "trial")
            if not (work.is_off or self._sweep.is_over):
                work.calls += 1
                self._trial = work.do("beginning", self._context(), self._begin)[1]
            if self._trial is not None:
                self._trial.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        trial = self._trial
        if trial is None:
            return
        with guarded("ending a trial"):
            trial.__exit__(kind, error, trace)
            work = self._sweep.work_of(self._sweep.plugin, "trial")
            came_back, _ = work.do("ending", self._context(), self._end, trial, self.outcome, error)
            if not came_back:
                trial.end(error=error)
