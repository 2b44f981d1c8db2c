"""The current state of runs: their events applied in the order of their hybrid time.

The latest change of a key wins, but of a param the first; a later one with another text is kept as a conflict. A deletion is
an event as well, so that it wins over what came before it, wherever it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlake.entities import Scope

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunState", "fold_runs"]


@dataclass
class RunState:
    """What is known of a run but its points. `said` is what its owner said of it, `params` are (kind, text), `artifacts` (sha256, size)."""

    run_id: str
    said: dict[str, str] = field(default_factory=dict)
    params: dict[str, tuple[str, str]] = field(default_factory=dict)
    conflicts: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, tuple[str, int]] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    last_hlc: int = 0


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
        first = state.params.setdefault(key, (kind, text))
        if first[1] != text:
            state.conflicts.setdefault(key, []).append(text)
        return
    if scope == Scope.ERROR:
        state.errors.append((key, text))
        return
    values: dict[str, dict[str, Any]] = {
        Scope.RUN: state.said,
        Scope.TAG: state.tags,
        Scope.INPUT: state.inputs,
        Scope.ARTIFACT: state.artifacts,
    }
    if scope not in values:
        return  # of a later version
    if op == "delete":
        values[scope].pop(key, None)
    else:
        values[scope][key] = (text, integer or 0) if scope == Scope.ARTIFACT else text
