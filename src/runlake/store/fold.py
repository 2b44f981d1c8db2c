"""The current state of runs: their events applied in the order of their hybrid time.

The latest change of a key wins, but of a param the first; a later one with another text is kept as a conflict. A deletion is
an event as well, so that it wins over what came before it, wherever it is read. What was offered counts where nothing was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlake.entities import Job, Scope

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunState", "fold_runs"]


@dataclass
class RunState:
    """What is known of a run but its points. `said` is what its owner said of it, `params` are (kind, text), `artifacts` (sha256, size)."""

    run_id: str
    said: dict[str, str] = field(default_factory=dict)
    given_params: dict[str, tuple[str, str]] = field(default_factory=dict)
    offered_params: dict[str, tuple[str, str]] = field(default_factory=dict)
    conflicts: dict[str, list[str]] = field(default_factory=dict)
    given_tags: dict[str, str] = field(default_factory=dict)
    offered_tags: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, tuple[str, int]] = field(default_factory=dict)
    captures: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    last_hlc: int = 0

    @property
    def params(self) -> dict[str, tuple[str, str]]:
        """All of them."""
        return self.offered_params | self.given_params

    @property
    def tags(self) -> dict[str, str]:
        """All of them."""
        return self.offered_tags | self.given_tags


def fold_runs(events: pa.Table) -> dict[str, RunState]:
    """The state of each run that these events, in order, speak of."""
    states: dict[str, RunState] = {}
    columns = [events[name].to_pylist() for name in ("run_id", "scope", "key", "op", "type", "int", "str", "hlc")]
    for run_id, scope, key, op, kind, integer, text, hlc in zip(*columns, strict=True):
        state = states.get(run_id)
        if state is None:
            state = states[run_id] = RunState(run_id)
        state.last_hlc = hlc
        _apply(state, scope, key, op, kind, integer, text)
    return states


def _apply(state: RunState, scope: str, key: str, op: str, kind: str, integer: int | None, text: str) -> None:
    if scope == Scope.PARAM:
        params = state.offered_params if op == "offer" else state.given_params
        if params.setdefault(key, (kind, text))[1] != text and op != "offer":
            state.conflicts.setdefault(key, []).append(text)
        return
    if scope == Scope.ERROR:
        state.errors.append((key, text))
        return
    if scope == Scope.JOB:
        state.jobs[key] = Job.from_text(key, text)
        return
    values: dict[str, dict[str, Any]] = {
        Scope.RUN: state.said,
        Scope.TAG: state.offered_tags if op == "offer" else state.given_tags,
        Scope.INPUT: state.inputs,
        Scope.ARTIFACT: state.artifacts,
        Scope.CAPTURE: state.captures,
    }
    if scope not in values:
        return  # of a later version
    if op == "delete":
        values[scope].pop(key, None)
        state.offered_tags.pop(key, None)  # only tags are deleted
    else:
        values[scope][key] = (text, integer or 0) if scope == Scope.ARTIFACT else text
