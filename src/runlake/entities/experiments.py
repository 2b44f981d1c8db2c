"""Experiments: the shelves that runs stand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

__all__ = ["Experiment", "LifecycleStage", "ViewType"]


class LifecycleStage(StrEnum):
    """Whether something was deleted; it can be restored until it is collected."""

    ACTIVE = "active"
    DELETED = "deleted"


class ViewType(IntEnum):
    """Which stages a search shows."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    def shows(self, stage: str) -> bool:
        """Whether something at this stage is shown."""
        return self == ViewType.ALL or (self == ViewType.ACTIVE_ONLY) == (stage == LifecycleStage.ACTIVE)


@dataclass(frozen=True)
class Experiment:
    """An experiment as it stands; times are in milliseconds."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = LifecycleStage.ACTIVE
    creation_time: int | None = None
    last_update_time: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
