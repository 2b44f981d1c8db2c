"""A job: work that is done later, from what is in the store, and how it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

__all__ = ["Job", "JobState"]


class JobState(StrEnum):
    """How a job stands. One that failed is tried once more; one that is given up is not."""

    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Job:
    """A row of a run. `id` tells a job from an earlier one of the same name; `why` is the reason for how it stands, or what it did."""

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    state: JobState = JobState.PENDING
    attempts: int = 0
    why: str = ""
    cost_ms: int | None = None
    id: str = ""

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.state in (JobState.PENDING, JobState.FAILED)

    def to_text(self) -> str:
        """What is stored. Raises TypeError or ValueError where the arguments are no JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if key != "name"})

    @classmethod
    def from_text(cls, name: str, text: str) -> Job:
        """The job that was stored under this name; what later versions add is passed over."""
        known = {each.name for each in fields(cls)}
        stored = {key: value for key, value in json.loads(text).items() if key in known}
        return cls(name=name, **stored | {"state": JobState(stored["state"])})
