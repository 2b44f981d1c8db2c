"""How runs are opened: new ones, ones that go on after they ended, and ones that another process owns."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runlake import config, platform
from runlake.entities import LifecycleStage, RunInfo
from runlake.errors import InvalidValue, RunlakeError, UnknownRun
from runlake.recording.experiments import active_experiment_id, usable
from runlake.recording.recorders import Recorder
from runlake.recording.run_names import new_run_name
from runlake.recording.runs import NAME_TAG, NOTE_TAG, PARENT_TAG, Opening
from runlake.recording.secrets import REDACTION_TAG
from runlake.recording.surroundings.commit import commit_of_program
from runlake.store.fold import RunState, fold_runs
from runlake.store.names import new_run_id, run_id_of

__all__ = ["Identity", "Wanted", "existing", "given_parent", "inside", "known", "new", "start_tags", "stored_state"]


_SAME_INSIDE = ("mlflow.user", "mlflow.source.", REDACTION_TAG)  # how tags begin that are of the program


@dataclass(frozen=True)
class Wanted:
    """What `start_run`, or `create_run` of a client, was asked for."""

    run_id: str | None = None
    experiment_id: str | int | None = None
    run_name: str | None = None
    parent_run_id: str | None = None
    tags: Mapping[str, Any] | None = None
    description: str | None = None
    start_ns: int | None = None  # None: now
    log_system_metrics: bool | None = None  # None: as the settings say


@dataclass(frozen=True)
class Identity:
    """What a run is of that several processes may record: who says the same means the same run."""

    text: str
    start_ns: int
    is_of_many: bool = True  # else one process alone records it

    @property
    def run_id(self) -> str:
        """The id of its run."""
        return run_id_of(self.text, self.start_ns)


def known(recorder: Recorder, identity: Identity, wanted: Wanted, outer_run_id: str | None) -> Opening:
    """The run of this identity, which another process may have opened already."""
    if identity.is_of_many:
        with contextlib.suppress(UnknownRun):
            return existing(recorder, identity.run_id, join=False)
    return new(recorder, replace(wanted, start_ns=identity.start_ns), outer_run_id, identity.run_id)


def inside(outer: RunInfo, outer_tags: Mapping[str, str], name: str, identity: Identity | None) -> tuple[Opening, dict[str, Any]]:
    """A run inside one of this program, and its tags, for what is opened a thousand times: nothing is looked up again."""
    run_id, start_ns = (new_run_id(), time.time_ns()) if identity is None else (identity.run_id, identity.start_ns)
    kept = {key: text for key, text in outer_tags.items() if key.startswith(_SAME_INSIDE)}
    opening = Opening(run_id, name, outer.experiment_id, start_ns, outer.user_id, outer.run_id)
    return opening, {**kept, NAME_TAG: name, PARENT_TAG: outer.run_id}


def new(recorder: Recorder, wanted: Wanted, outer_run_id: str | None, run_id: str | None = None) -> Opening:
    """A run that is not there yet."""
    if wanted.run_name is not None and not (isinstance(wanted.run_name, str) and wanted.run_name):
        raise InvalidValue(f"A run's name is text, not {wanted.run_name!r}.")
    chosen = wanted.experiment_id
    parent = wanted.parent_run_id or outer_run_id or given_parent(recorder.layout.root)
    if parent is not None and parent != outer_run_id:
        stored_state(recorder, parent)  # raises for one that is not there
    return Opening(
        run_id=run_id or new_run_id(),
        name=wanted.run_name or new_run_name(),
        experiment_id=active_experiment_id() if chosen is None else usable(str(chosen), recorder.layout.root).experiment_id,
        start_ns=time.time_ns() if wanted.start_ns is None else wanted.start_ns,
        user=platform.user_name(),
        parent_run_id=parent,
    )


def existing(recorder: Recorder, run_id: str, *, join: bool) -> Opening:
    """A run of the store, to go on with it or, where another process owns it, to log to it."""
    state = stored_state(recorder, run_id)
    if state.said.get("lifecycle") == LifecycleStage.DELETED:
        raise RunlakeError(f"The run {run_id} is deleted. Restore it with restore_run({run_id!r}) first.")
    return Opening(
        run_id=run_id,
        name=state.said.get("name", run_id),
        experiment_id=state.said.get("experiment_id", "0"),
        start_ns=int(state.said.get("start_ns", time.time_ns())),
        user=state.said.get("user", ""),
        parent_run_id=state.said.get("parent_run_id"),
        is_new=False,
        is_joined=join,
        state=state,
        last_steps={key: summary.last_step for key, summary in recorder.view().summaries(run_id).items()},
    )


def stored_state(recorder: Recorder, run_id: str) -> RunState:
    """What the store has of a run, with what this process has logged. Raises UnknownRun."""
    recorder.flusher.flush(sync=False)
    state = fold_runs(recorder.view().events(run_id)).get(str(run_id))
    if state is None or "status" not in state.said:
        raise UnknownRun(f"There is no run {run_id!r} in {recorder.layout.root}.")
    return state


def start_tags(wanted: Wanted, opening: Opening, *, is_of_this_program: bool = True) -> dict[str, Any]:
    """The tags that a run begins with: those given, and for a new one those that the ecosystem knows."""
    tags: dict[str, Any] = {}
    if opening.is_new:
        tags |= {
            NAME_TAG: opening.name,
            "mlflow.user": opening.user,
            "mlflow.source.type": _source_type(),
            "mlflow.source.name": _source_name(),
        }
        tags |= _commit_tags() if is_of_this_program else {}
        if opening.parent_run_id:
            tags[PARENT_TAG] = opening.parent_run_id
        if not config.load().redact:
            tags[REDACTION_TAG] = "off"
    elif wanted.run_name:
        tags[NAME_TAG] = wanted.run_name
    if wanted.description is not None:
        tags[NOTE_TAG] = wanted.description
    return tags | dict(wanted.tags or {})


def given_parent(store: Path) -> str | None:
    """The run that the environment names, which is one of the store that the settings name."""
    given = config.given_parent_run()
    return given if given is not None and store == config.find_store() else None


def _commit_tags() -> dict[str, str]:
    at = commit_of_program() if config.load().environment else None
    known = {"mlflow.source.git.commit": at.commit, "mlflow.source.git.branch": at.branch} if at else {}
    return {tag: text for tag, text in known.items() if text}


def _source_type() -> str:
    return "NOTEBOOK" if "ipykernel" in sys.modules else "LOCAL"


def _source_name() -> str:
    return sys.argv[0] if sys.argv and sys.argv[0] else "python"
