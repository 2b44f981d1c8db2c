"""One change to what is known of a run: the row that everything but points is stored as."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Event", "Scope", "Value"]

Value = bool | int | float | str


class Scope(StrEnum):
    """What an event speaks of."""

    RUN = "run"
    PARAM = "param"
    TAG = "tag"
    METRIC = "metric"
    INPUT = "input"
    ARTIFACT = "artifact"
    ERROR = "error"
    JOB = "job"
    CAPTURE = "capture"


class Event(NamedTuple):
    """`key` of `run_id` now has this value; `text` keeps it exactly as it was given.

    `op` is "set", "delete", or "offer" for what was recorded by itself: it yields to what somebody sets.
    """

    run_id: str
    scope: str
    key: str
    op: str
    type: str
    number: float | None
    integer: int | None
    text: str | None
    hlc: int

    @classmethod
    def set(cls, run_id: str, scope: Scope, key: str, value: Value, hlc: int, *, integer: int | None = None) -> Event:
        """A value given; `integer` adds a size or a count beside a text."""
        number = float(value) if isinstance(value, (bool, int, float)) and abs(value) < 2**1023 else None
        if integer is None and isinstance(value, int) and -(2**63) <= value < 2**63:
            integer = int(value)
        return cls(run_id, scope, key, "set", type(value).__name__, number, integer, str(value), hlc)
