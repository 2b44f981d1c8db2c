"""Which run a verb means: the one that this context opened, else the one that a plain `start_run()` opened for the process."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from runlake import config, platform
from runlake.errors import RunlakeError, UnknownRun
from runlake.recording.listeners import run_ended, run_started, tell
from runlake.recording.notebook import uncaught_error, when_the_cell_ends
from runlake.recording.opening import Wanted, existing, new, start_tags
from runlake.recording.recorders import Recorder, before_exit, is_worker, recorder_for
from runlake.recording.runs import ActiveRun, status_named, status_of
from runlake.recording.surroundings.noting import note_surroundings
from runlake.recording.telling import say
from runlake.recording.turns import is_program_of, take_turn

__all__ = [
    "active_run",
    "end_run",
    "joined_run",
    "last_active_run",
    "note_as_program",
    "open_for_program",
    "open_run",
    "remember",
    "run_opened_here",
    "run_to_join",
    "run_to_log_to",
    "share",
    "tell_where",
    "trained_here",
    "working_inside",
]

KEPT = 64

_own: ContextVar[ActiveRun | None] = ContextVar("runlake_run", default=None)
_default: tuple[ActiveRun | None, threading.Thread | None] = (None, None)  # and who opened it: an ident is used again, a thread is not
_trainings = threading.local()  # the `run` of what each thread trains, where no call encloses that
_last: ActiveRun | None = None
_recent: OrderedDict[tuple[Path, str], ActiveRun] = OrderedDict()
_joined: set[str] = set()  # by a `start_run()` of this program, which was started for the run
_ended_as_given: set[str] = set()  # runs of this process that its environment named at their end: for others, not for what comes next
_opening = threading.RLock()  # one implicit run, however many threads begin to log at once
_has_told = False
_to_end: dict[ActiveRun, None] = {}  # in the order of their opening; whatever is done to it is one C call, so it needs no lock


def active_run() -> ActiveRun | None:
    """The run that verbs write to here, if one is open."""
    own = _open(_own.get())
    if own is not None:
        return own
    shared = _shared()
    return shared if shared is not None and not shared.is_automatic else trained_here() or shared


def run_to_log_to() -> ActiveRun:
    """The active run. Without one, the run that this process was told to join, or a new one that ends with the cell or the process."""
    run = _own.get()
    if run is not None and not run.is_ended:
        return run
    run = active_run()
    return run if run is not None else _implicit_run()


def open_for_program(wanted: Wanted) -> ActiveRun:
    """A run for a program that is about to be started and joins it: active nowhere here, and ended by who opened it."""
    recorder = recorder_for()
    resumed = wanted.run_id
    opening = new(recorder, wanted, run_to_join()) if resumed is None else existing(recorder, resumed, join=False)
    run = ActiveRun(recorder, opening, None, start_tags(wanted, opening, is_of_this_program=False))
    tell_where(recorder, run)
    remember(run)
    recorder.flusher.flush(sync=False)  # the program looks for it
    return run


def open_run(wanted: Wanted, *, nested: bool = False, is_implicit: bool = False) -> ActiveRun:
    """Open a run and make it the one of this context, and of the process too until it enters a `with`."""
    global _default
    outer, shared = _open(_own.get()), _shared()
    if outer is None and _default[1] is threading.current_thread():
        outer = shared
    if outer is not None and outer.is_automatic and not nested:
        if outer.is_entered:  # inside a library's call, where the user's code knows of no run
            nested = True
        else:  # a training without an end of its own: what comes now is something else
            outer.end()
            return open_run(wanted, is_implicit=is_implicit)
    if outer is not None and outer.is_ours and not nested:  # a forked worker opens its own beside the one it inherited
        raise RunlakeError(
            f"The run {outer.name!r} ({outer.run_id}) is open. End it with end_run(), or pass nested=True to open one inside."
        )
    run = _opened(wanted, outer if nested else None, is_implicit=is_implicit)
    run.outer = outer
    _own.set(run)
    if shared is None or outer is shared:  # else the threads that write to the shared one go on doing so
        _default = run, threading.current_thread()
    remember(run)
    when_the_cell_ends(_show_later_cells)
    return run


@contextlib.contextmanager
def working_inside(run: ActiveRun) -> Iterator[None]:
    """Have verbs in this context write to the run."""
    run.is_entered = True
    token = _own.set(run)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a generator or coroutine that is closed in another context
            _own.reset(token)


def share(run: ActiveRun) -> None:
    """Have verbs anywhere in the process write to the run, until another is started, and end it with the cell where there are cells.

    Of several that go on at once, verbs write to the one of their thread, if it has one.
    """
    global _default
    _trainings.run = run
    if _shared() is None:
        _default = run, threading.current_thread()
    when_the_cell_ends(functools.partial(_end_as, run))


def run_opened_here(store: Path, run_id: str) -> ActiveRun | None:
    """The run as this process opened it, be it ended, while it is remembered."""
    return _recent.get((store, run_id))


def last_active_run() -> ActiveRun | None:
    """The run that is active here, or the one that was opened last in this process."""
    return active_run() or _last


def _opened(wanted: Wanted, parent: ActiveRun | None, *, is_implicit: bool) -> ActiveRun:
    recorder = recorder_for()
    joined = run_to_join() if parent is None else None
    if wanted.run_id is not None:
        opening = existing(recorder, str(wanted.run_id), join=False)
    elif joined is not None and (is_implicit or joined not in _joined):
        opening = existing(recorder, joined, join=True)
        if not is_implicit and is_program_of(joined):
            _joined.add(joined)  # the program's own run; those that it starts after it are inside
    else:
        opening = new(recorder, wanted, parent.run_id if parent else joined)
    run = ActiveRun(recorder, opening, None, start_tags(wanted, opening))
    if opening.is_joined:
        note_as_program(run, wanted.log_system_metrics)
    elif parent is None and joined is None:  # what is inside another one ran on the same
        note_surroundings(run, is_new=opening.is_new, wants_load=wanted.log_system_metrics)
    tell_where(recorder, run)
    return run


def note_as_program(run: ActiveRun, wants_load: bool | None = None) -> None:
    """What a run ran on that was opened by who started this program, who knows less."""
    if take_turn(run.run_id, "surroundings"):
        note_surroundings(run, wants_load=wants_load)


def run_to_join() -> str | None:
    """The run that this process was told to join."""
    given = config.given_run()
    return None if given in _ended_as_given else given


def joined_run() -> ActiveRun | None:
    """The run that this process was told to join, for verbs too, whatever is trained inside it."""
    if run_to_join() is None:
        return None
    with _opening, contextlib.suppress(UnknownRun):  # which is told of where the training is opened
        shared = _shared()
        return shared if shared is not None and shared.is_joined else open_run(Wanted(), is_implicit=True)
    return None


def _implicit_run() -> ActiveRun:
    with _opening:
        run = active_run()
        if run is None:
            run = open_run(Wanted(), is_implicit=True)
            if not run.is_joined:
                has_cells = when_the_cell_ends(functools.partial(_end_as, run))
                say(f"runlake: no run was open, so {run.name!r} was started; it ends with the {'cell' if has_cells else 'program'}")
        return run


def _end_as(run: ActiveRun, error: BaseException | None) -> None:
    run.end(status_of(error))


def _show_later_cells(_: BaseException | None) -> None:
    """A cell that awaits has a context of its own: what it opened inside the run of all cells, they would not see."""
    own, shared = _open(_own.get()), _shared()
    around = shared
    while around is not None and around is not own:
        around = around.outer
    if around is not None:
        _own.set(shared)


def tell_where(recorder: Recorder, run: ActiveRun) -> None:
    """Once in a process, and not in its workers."""
    global _has_told
    if not _has_told and config.given_run() is None and not is_worker():
        say(f"recording to {recorder.layout.root}")
    _has_told = True


def remember(run: ActiveRun) -> None:
    """It was opened here: so that it is found by its id, and ended with the process."""
    global _last
    _last = run
    for other in list(_to_end):
        if other.is_ended:
            _to_end.pop(other, None)
    _to_end[run] = None
    _recent[run.recorder.layout.root, run.run_id] = run
    while len(_recent) > KEPT:
        _recent.popitem(last=False)
    tell(run_started, run)


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


def trained_here() -> ActiveRun | None:
    """The run of what is trained in this thread, where no call encloses that."""
    return _open(getattr(_trainings, "run", None))


def _end_open_runs() -> None:
    """At exit: an uncaught error is told of by then; in a worker of multiprocessing it is still on its way."""
    error = uncaught_error()
    for run in reversed(list(_to_end)):
        run.end(status_of(sys.exc_info()[1] if error is None else error))


def _note_ended(run: ActiveRun) -> None:
    if not run.is_joined and run.run_id == config.given_run():
        _ended_as_given.add(run.run_id)


def _in_forked_child() -> None:
    global _opening
    _opening = threading.RLock()  # the thread that held it is not here


run_ended.append(_note_ended)
before_exit.append(_end_open_runs)
platform.on_fork(in_child=_in_forked_child)
