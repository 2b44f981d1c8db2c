"""Changes to runs that this process does not have open, by their ids."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from runlake.entities import Event, LifecycleStage, Scope
from runlake.errors import RunlakeError
from runlake.recording.active import run_opened_here
from runlake.recording.opening import existing, stored_state
from runlake.recording.recorders import Recorder, recorder_for
from runlake.recording.runs import ActiveRun

__all__ = ["delete_run", "restore_run", "run_with_id"]

KEPT_OPEN = 64

_handles: OrderedDict[tuple[str, str], ActiveRun] = OrderedDict()


def run_with_id(run_id: str, store: Path | None = None) -> ActiveRun:
    """The run to log to: one that was opened here, or one of the store, which stays as open or ended as it is."""
    recorder = recorder_for(store)
    run = run_opened_here(recorder.layout.root, run_id)
    if run is not None:
        return run
    place = (str(recorder.layout.root), run_id)
    if place not in _handles:
        _handles[place] = ActiveRun(recorder, existing(recorder, run_id, join=True), None, {})
        while len(_handles) > KEPT_OPEN:
            _handles.popitem(last=False)
    return _handles[place]


def delete_run(run_id: str) -> None:
    """Put a run away; `restore_run` takes it back."""
    _change_stage(run_id, LifecycleStage.ACTIVE, LifecycleStage.DELETED)


def restore_run(run_id: str) -> None:
    """Take a deleted run back."""
    _change_stage(run_id, LifecycleStage.DELETED, LifecycleStage.ACTIVE)


def _change_stage(run_id: str, before: LifecycleStage, after: LifecycleStage) -> None:
    recorder: Recorder = recorder_for()
    state = stored_state(recorder, run_id)
    found = state.said.get("lifecycle", LifecycleStage.ACTIVE)
    if found != before:
        raise RunlakeError(f"The run {run_id} is {found}, not {before}.")
    recorder.clock.start_after(state.last_hlc)
    recorder.add(Event.set(run_id, Scope.RUN, "lifecycle", str(after), recorder.clock.tick()))
    recorder.flusher.flush(sync=False)
