"""Whether a version can be used, for programs that wait until it can."""

from __future__ import annotations

from enum import StrEnum

from runlake.errors import InvalidValue

__all__ = ["ModelVersionStatus"]


class ModelVersionStatus(StrEnum):
    """What MLflow says of a version. Here it is ready once it is there."""

    PENDING_REGISTRATION = "PENDING_REGISTRATION"
    FAILED_REGISTRATION = "FAILED_REGISTRATION"
    READY = "READY"

    @classmethod
    def from_string(cls, status: str) -> ModelVersionStatus:
        """The status of this name. Raises InvalidValue."""
        if status not in list(cls):
            raise InvalidValue(f"The status of a version is one of {', '.join(cls)}, not {status!r}.")
        return cls(status)
