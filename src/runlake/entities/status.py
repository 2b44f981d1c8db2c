"""How far a run has come."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ENDS", "Status"]


class Status(StrEnum):
    """What a run's owner said of it last; CRASHED is never said, it is found."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    PRUNED = "PRUNED"  # a trial of a sweep that was given up early
    CRASHED = "CRASHED"


ENDS = (Status.FINISHED, Status.FAILED, Status.KILLED, Status.PRUNED)  # what may be said
