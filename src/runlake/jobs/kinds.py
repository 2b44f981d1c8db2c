"""What jobs there are: functions found by the entry-point group `runlake.jobs`, and what each is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from runlake.errors import InvalidValue, RunlakeError, StoreError

if TYPE_CHECKING:
    from runlake.read import Run, Store
    from runlake.recording.runs import ActiveRun

__all__ = ["GROUP", "JobFunction", "Skipped", "Work", "function_of"]

GROUP = "runlake.jobs"


class Skipped(RunlakeError):
    """Raised by a job that has nothing to do, with the reason: it is not tried again."""


@dataclass(frozen=True)
class Work:
    """What a job is given: the store and the run to read, its arguments, and the run to write to."""

    store: Store
    run: Run
    arguments: Mapping[str, Any]
    record: ActiveRun

    def keep(self, name: str, data: bytes) -> None:
        """Keep these bytes as an artifact of the run. Raises StoreError where the store does not take them."""
        if not self.record.keep_bytes(name, data):
            raise StoreError(f"{self.store.path} did not take the artifact {name!r} of {len(data):,} bytes.")


JobFunction = Callable[[Work], object]  # a text that it gives is what it did


def function_of(kind: str) -> JobFunction:
    """The function that does jobs of this kind; only its own distribution is imported. Raises InvalidValue for an unknown kind."""
    found = entry_points(group=GROUP)
    for point in found:
        if point.name == kind:
            function: JobFunction = point.load()
            return function
    raise InvalidValue(f"No installed distribution does jobs of the kind {kind!r}; the kinds here are {sorted(found.names)}.")
