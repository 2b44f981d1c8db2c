"""Whether a run that says it is running still is: nobody writes CRASHED, it is what a reader finds."""

from __future__ import annotations

import time
from dataclasses import dataclass

from runlake import platform
from runlake.entities import Status
from runlake.store.view import WriterState

__all__ = ["Liveness", "liveness"]

SILENT_SECONDS = 15 * 60  # of a writer on another machine: it beats every 30 s


@dataclass(frozen=True)
class Liveness:
    """The status, and for how long the owner of a running run has been silent, where that is long."""

    status: Status
    silent_seconds: float = 0.0

    def __str__(self) -> str:
        silent = f" (silent {self.silent_seconds / 60:.0f} min)" if self.silent_seconds else ""
        return f"{self.status}{silent}"


def liveness(said: Status, owner: WriterState | None) -> Liveness:
    """What a run is whose owner said this last; `owner` is the writer that opened or resumed it, None where its log is published."""
    if said != Status.RUNNING:
        return Liveness(said)
    if owner is None or owner.ended or owner.is_gone:  # it left without ending the run
        return Liveness(Status.CRASHED)
    silent = 0.0 if platform.is_running(owner.identity) else time.time() - owner.last_ns / 1e9
    return Liveness(Status.RUNNING, silent if silent > SILENT_SECONDS else 0.0)
