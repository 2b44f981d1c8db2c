"""Changes to runs that are not the active one, by their ids: of the store in use, or of the one that is named."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from pathlib import Path

from runlake.entities import Event, LifecycleStage, Scope, Status
from runlake.errors import RunlakeError
from runlake.recording.active import run_opened_here
from runlake.recording.listeners import run_ended, run_started, tell
from runlake.recording.opening import Wanted, existing, new, start_tags, stored_state
from runlake.recording.recorders import Recorder, recorder_for
from runlake.recording.runs import PARENT_TAG, ActiveRun

__all__ = ["create_run", "delete_run", "end_run_with_id", "restore_run", "resume_run_with_id", "run_with_id"]

KEPT_OPEN = 1024

_handles: OrderedDict[tuple[str, str], ActiveRun] = OrderedDict()  # whatever is done to it is one C call, so it needs no lock
_deleted: set[tuple[str, str]] = set()  # by this process


def create_run(wanted: Wanted, store: Path | None = None) -> ActiveRun:
    """Open a run that is nobody's active one: it is running until `end_run_with_id`, or crashed once this process is gone."""
    recorder = recorder_for(store)
    named = (wanted.tags or {}).get(PARENT_TAG)
    parent = run_with_id(str(named), store).run_id if named else None  # raises for one that is not there
    opening = new(recorder, wanted, parent)
    run = _keep(ActiveRun(recorder, opening, None, start_tags(wanted, opening)))
    recorder.flusher.flush(sync=False)
    tell(run_started, run)
    return run


def run_with_id(run_id: str, store: Path | None = None) -> ActiveRun:
    """The run to log to: one that was opened here, or one of the store, which stays as open or ended as it is."""
    recorder = recorder_for(store)
    place = _place(recorder, run_id)
    if place in _deleted:
        existing(recorder, run_id, join=True)  # raises, unless another process has restored it
        _deleted.discard(place)
    run = run_opened_here(recorder.layout.root, run_id) or _handles.get(place)
    if run is None:
        return _keep(ActiveRun(recorder, existing(recorder, run_id, join=True), None, {}))
    with contextlib.suppress(KeyError):  # start_run opened it
        _handles.move_to_end(place)
    return run


def end_run_with_id(run_id: str, status: Status, end_ns: int | None = None, store: Path | None = None) -> None:
    """Say how a run ended, whoever opened it, and wait until the store has that. One that start_run opened here is open all the same."""
    run = _up_to_date(run_id, store)
    run.say_ended(status, time.time_ns() if end_ns is None else end_ns)
    run.recorder.flusher.flush(sync=False)
    if not run.is_ended and _is_handle(run):
        run.is_ended = True
        tell(run_ended, run)


def resume_run_with_id(run_id: str, store: Path | None = None) -> None:
    """Say that a run goes on, from now on in this process, and wait until the store has that."""
    run = _up_to_date(run_id, store)
    run.say_resumed()
    run.recorder.flusher.flush(sync=False)
    if _is_handle(run):
        run.is_ended = False


def delete_run(run_id: str, *, store: Path | None = None) -> None:
    """Put a run away; `restore_run` takes it back."""
    recorder = recorder_for(store)
    _change_stage(recorder, run_id, LifecycleStage.ACTIVE, LifecycleStage.DELETED)
    _deleted.add(_place(recorder, run_id))


def restore_run(run_id: str, *, store: Path | None = None) -> None:
    """Take a deleted run back."""
    recorder = recorder_for(store)
    _change_stage(recorder, run_id, LifecycleStage.DELETED, LifecycleStage.ACTIVE)
    _deleted.discard(_place(recorder, run_id))


def _change_stage(recorder: Recorder, run_id: str, before: LifecycleStage, after: LifecycleStage) -> None:
    state = stored_state(recorder, run_id)
    found = state.said.get("lifecycle", LifecycleStage.ACTIVE)
    if found != before:
        raise RunlakeError(f"The run {run_id} is {found}, not {before}.")
    recorder.clock.start_after(state.last_hlc)
    recorder.add(Event.set(run_id, Scope.RUN, "lifecycle", str(after), recorder.clock.tick()))
    recorder.flusher.flush(sync=False)


def _up_to_date(run_id: str, store: Path | None) -> ActiveRun:
    """The run, and where others say how it stands, a clock that outranks what they have said by now."""
    run = run_with_id(run_id, store)
    if run.is_joined:
        run.recorder.clock.start_after(stored_state(run.recorder, run_id).last_hlc)
    return run


def _keep(run: ActiveRun) -> ActiveRun:
    """Where two threads have made the same, both get the one that was first: it alone counts the steps."""
    kept = _handles.setdefault(_place(run.recorder, run.run_id), run)
    while len(_handles) > KEPT_OPEN:
        _handles.popitem(last=False)
    return kept


def _let_go(run: ActiveRun) -> None:
    """Of a run that start_run goes on with, a handle from before would count the steps a second time."""
    if not _is_handle(run):
        _handles.pop(_place(run.recorder, run.run_id), None)


def _is_handle(run: ActiveRun) -> bool:
    """Whether it has no other end than the one that it is given by its id."""
    return _handles.get(_place(run.recorder, run.run_id)) is run


def _place(recorder: Recorder, run_id: str) -> tuple[str, str]:
    return str(recorder.layout.root), run_id


run_started.append(_let_go)
