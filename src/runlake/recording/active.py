"""Which run a verb means: the one that this context opened, else the one that a plain `start_run()` opened for the process."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

from runlake import config, platform
from runlake.errors import RunlakeError, UnknownRun
from runlake.guard import log
from runlake.recording.listeners import run_ended, run_started, tell
from runlake.recording.notebook import uncaught_error, when_the_cell_ends
from runlake.recording.opening import Identity, Wanted, existing, given_parent, inside, known, new, start_tags, stored_state
from runlake.recording.recorders import Recorder, before_exit, is_worker, recorder_for
from runlake.recording.runs import ActiveRun, status_named, status_of
from runlake.recording.surroundings.noting import note_surroundings
from runlake.recording.telling import say
from runlake.recording.turns import is_program_of, take_turn

__all__ = [
    "active_run",
    "end_run",
    "last_active_run",
    "open_for_program",
    "open_run",
    "open_training_run",
    "open_trial",
    "run_opened_here",
    "run_to_log_to",
    "share",
    "working_inside",
]

KEPT = 64

_own: ContextVar[ActiveRun | None] = ContextVar("runlake_run", default=None)
_default: tuple[ActiveRun | None, threading.Thread | None] = (None, None)  # and who opened it: an ident is used again, a thread is not
_trainings = threading.local()  # the `run` of what each thread trains, where no call encloses that
_last: ActiveRun | None = None
_recent: OrderedDict[tuple[Path, str], ActiveRun] = OrderedDict()
_identified: WeakValueDictionary[Identity, ActiveRun] = WeakValueDictionary()
_met: set[Identity] = set()  # of which there was a run here, which may have ended
_joined: set[str] = set()  # by a `start_run()` of this program, which was started for the run
_ended_as_given: set[str] = set()  # runs of this process that its environment named at their end: for others, not for what comes next
_looked_for: set[str] = set()  # runs of others, which a training was told to be inside
_opening = threading.RLock()  # one implicit run, however many threads begin to log at once
_has_told = False
_to_end: dict[ActiveRun, None] = {}  # in the order of their opening; whatever is done to it is one C call, so it needs no lock


def active_run() -> ActiveRun | None:
    """The run that verbs write to here, if one is open."""
    own = _open(_own.get())
    if own is not None:
        return own
    shared = _shared()
    return shared if shared is not None and not shared.is_automatic else _trained_here() or shared


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
    opening = new(recorder, wanted, _given_run()) if resumed is None else existing(recorder, resumed, join=False)
    run = ActiveRun(recorder, opening, None, start_tags(wanted, opening, is_of_this_program=False))
    _tell_where(recorder, run)
    _remember(run)
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
    _remember(run)
    when_the_cell_ends(_show_later_cells)
    return run


def open_training_run(name: str, *, is_exclusive: bool, resumes: bool = False, identity: Identity | None = None) -> tuple[ActiveRun, bool]:
    """The run that a training which begins here is recorded in, and whether it was opened for that.

    The first training of a run that this process opened is recorded in it, any other in a run inside it; one that `resumes` an earlier
    one in the run that the user has open, or that this process was told to join; one that has an identity in the run of that, which is
    one of its own where other processes may come to it.
    """
    if identity is not None and (recorded := _identified.get(identity)) is not None and not recorded.is_ended and recorded.is_ours:
        if recorded.holders:
            recorded.holders.append(None)
        return recorded, bool(recorded.holders)
    active = None if is_exclusive else active_run()
    if active is not None and active.is_automatic and not active.is_entered and active is not _trained_here():
        active = None  # what another thread trains is beside it
    if active is None and not is_exclusive:
        active = _joined_run()
    may_share = identity is None or not identity.is_of_many
    if active is not None and may_share and (active.take_slot() or (resumes and not active.is_automatic)):
        if identity is not None:
            _identified[identity] = active
        return active, False
    recorder = recorder_for()
    wanted = Wanted(run_name=name, experiment_id=active.info.experiment_id if active else None)
    joined = _given_run() if active is None else None
    outer_run_id = active.run_id if active else _told_to_be_inside(recorder)
    if joined is not None and may_share and (resumes or take_turn(joined, "training")):
        wanted, opening = Wanted(), existing(recorder, joined, join=True)
    elif identity is not None:
        is_known = identity.is_of_many or identity in _met
        opening = known(recorder, replace(identity, is_of_many=is_known), wanted, outer_run_id)
    else:
        opening = new(recorder, wanted, outer_run_id)
    run = ActiveRun(recorder, opening, active, start_tags(wanted, opening))
    run.is_automatic = True
    run.holders.append(None)
    if identity is not None:
        _identified[identity] = run
        _met.add(identity)
    run.take_slot()
    if opening.is_joined:
        _note_as_program(run)
    elif active is None:
        note_surroundings(run)
    _tell_where(recorder, run)
    _remember(run)
    if identity is not None and identity.is_of_many:
        run.say_at_work()
        recorder.flusher.flush(sync=False)  # the others look for it
    return run, True


def open_trial(parent: ActiveRun, name: str, identity: Identity | None, *, is_new: bool) -> ActiveRun:
    """A run inside that of a sweep, for what it tries next; or the one that another process has begun with this identity."""
    opening, tags = inside(parent.info, parent.data.tags, name, identity)
    if identity is not None and not is_new:
        wanted = Wanted(run_name=name, experiment_id=parent.info.experiment_id)
        opening = known(parent.recorder, replace(identity, is_of_many=True), wanted, parent.run_id)
    if identity is not None and identity.is_of_many:
        parent.say_resumed()  # another process that came to its end before may have said that all is over
    run = ActiveRun(parent.recorder, opening, parent, tags if opening.is_new else {})
    run.is_automatic = True
    _remember(run)
    if identity is not None and identity.is_of_many:
        parent.recorder.flusher.flush(sync=False)  # or who leaves now would find nobody at work
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
    joined = _given_run() if parent is None else None
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
        _note_as_program(run, wanted.log_system_metrics)
    elif parent is None and joined is None:  # what is inside another one ran on the same
        note_surroundings(run, is_new=opening.is_new, wants_load=wanted.log_system_metrics)
    _tell_where(recorder, run)
    return run


def _note_as_program(run: ActiveRun, wants_load: bool | None = None) -> None:
    """What a run ran on that was opened by who started this program, who knows less."""
    if take_turn(run.run_id, "surroundings"):
        note_surroundings(run, wants_load=wants_load)


def _given_run() -> str | None:
    """The run that this process was told to join."""
    given = config.given_run()
    return None if given in _ended_as_given else given


def _joined_run() -> ActiveRun | None:
    """The run that this process was told to join, for verbs too, whatever is trained inside it."""
    if _given_run() is None:
        return None
    with _opening, contextlib.suppress(UnknownRun):  # which is told of where the training is opened
        shared = _shared()
        return shared if shared is not None and shared.is_joined else open_run(Wanted(), is_implicit=True)
    return None


def _told_to_be_inside(recorder: Recorder) -> str | None:
    """The run that the environment names, be it unknown: a training must not go unrecorded for that."""
    given = _given_run() or given_parent(recorder.layout.root)
    if given is not None and given not in _looked_for:
        _looked_for.add(given)
        try:
            stored_state(recorder, given)
        except UnknownRun as error:
            log.warning("%s The environment names it; what is trained is recorded as if it were inside that run.", error)
    return given


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


def _tell_where(recorder: Recorder, run: ActiveRun) -> None:
    """Once in a process, and not in its workers."""
    global _has_told
    if not _has_told and config.given_run() is None and not is_worker():
        say(f"recording to {recorder.layout.root}")
    _has_told = True


def _remember(run: ActiveRun) -> None:
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


def _trained_here() -> ActiveRun | None:
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
