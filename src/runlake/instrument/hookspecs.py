"""Every hook that a plugin may implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import pyarrow as pa

    from runlake.instrument.patches import Patch, Registration
    from runlake.instrument.training import Fitted
    from runlake.recording.runs import ActiveRun

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("runlake")
hookimpl = pluggy.HookimplMarker("runlake")


@hookspec
def patches() -> Sequence[Patch | Registration]:  # type: ignore[empty-body]  # only its name and arguments count
    """Say what to capture. Called when the plugin is enabled, before its library is imported: import nothing of it here."""


@hookspec
def options() -> Mapping[str, Any]:  # type: ignore[empty-body]  # only its name and arguments count
    """Name the plugin's own options with their defaults: `runlake.<plugin>.autolog(...)` takes them, `call.options` has them."""


@hookspec
def model_fitted(fitted: Fitted) -> None:
    """A model was trained. Called once a training, where the library was called, after it returned and before the run ends."""


@hookspec
def run_started(run: ActiveRun) -> None:
    """A run was opened, by the user or for a training. Called where it was opened."""


@hookspec
def run_ended(run: ActiveRun) -> None:
    """A run has ended, and the store has that. Called where it was ended."""


@hookspec
def points_written(run_id: str, points: pa.Table) -> None:
    """Points were handed to the store: `run_id, key, step, wall_ns, value`. Called by the thread that writes, in batches."""
