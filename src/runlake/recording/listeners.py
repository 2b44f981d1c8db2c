"""Who wants to know what is recorded in this process: plain lists of functions, each called under the guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runlake.guard import guarded

if TYPE_CHECKING:
    import pyarrow as pa

    from runlake.recording.runs import ActiveRun

__all__ = ["points_written", "run_ended", "run_ending", "run_started", "tell"]

run_started: list[Callable[[ActiveRun], Any]] = []  # called where the run is opened
run_ending: list[Callable[[ActiveRun], Any]] = []  # called where it is ended, before that is said: it still takes anything
run_ended: list[Callable[[ActiveRun], Any]] = []  # called where it is ended, once the store has that
points_written: list[Callable[[str, pa.Table], Any]] = []  # called with a run's id and its new points, in the thread that writes


def tell(listeners: list[Callable[..., Any]], *said: Any) -> None:
    """Call each of them."""
    for listener in listeners[:]:
        with guarded(f"telling {getattr(listener, '__qualname__', listener)}"):
            listener(*said)
