"""Registered models: names with numbered versions, aliases and stages, under the words that MLflow has for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runlake.errors import InvalidValue

__all__ = ["ModelVersion", "RegisteredModel", "RegistryChange", "Stage", "VersionNumber", "stage_named"]


class Stage(StrEnum):
    """Where a version stands, as older programs say it; newer ones use aliases."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


def stage_named(name: object) -> Stage:
    """The stage, written in any case. Raises InvalidValue."""
    found = next((stage for stage in Stage if isinstance(name, str) and stage.lower() == name.lower()), None)
    if found is None:
        raise InvalidValue(f"A stage is one of {', '.join(Stage)}, not {name!r}.")
    return found


class VersionNumber(int):
    """The number of a version, which programs also have as text: `version.version == 3`, and `== "3"`, and `< "10"`."""

    def __eq__(self, other: object) -> bool:
        return int(self) == other or (isinstance(other, str) and str(int(self)) == other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: object) -> bool:
        return int(self) < _number(other)

    def __le__(self, other: object) -> bool:
        return int(self) <= _number(other)

    def __gt__(self, other: object) -> bool:
        return int(self) > _number(other)

    def __ge__(self, other: object) -> bool:
        return int(self) >= _number(other)

    __hash__ = int.__hash__


def _number(other: object) -> float:
    """What is compared with a version. Raises InvalidValue for what is no number."""
    if isinstance(other, str) and other.isascii() and other.isdigit():
        return int(other)
    if isinstance(other, (int, float)):
        return other
    raise InvalidValue(f"A version is a whole number, which cannot be compared with {other!r}.")


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model: where its model is, and what it is called. Times are in milliseconds."""

    name: str
    version: VersionNumber
    creation_timestamp: int
    last_updated_timestamp: int
    source: str
    run_id: str | None = None
    digest: str = ""  # of the model's files: what is loaded is held to it
    user_id: str = ""
    description: str = ""
    current_stage: Stage = Stage.NONE
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    status: str = "READY"  # always: a version is there once its model is
    status_message: str = ""
    run_link: str | None = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """For `dict(version)`."""
        return iter(vars(self).items())


@dataclass(frozen=True)
class RegisteredModel:
    """A name, and what is said of it; `latest_versions` are the newest of each stage. Times are in milliseconds."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, VersionNumber] = field(default_factory=dict)
    latest_versions: list[ModelVersion] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """For `dict(model)`."""
        return iter(vars(self).items())


@dataclass(frozen=True)
class RegistryChange:
    """One change of a registered model, or of a version of it: who made it, when, and why, where that was said.

    `what` is `registered`, `deleted`, `name`, `description`, `stage`, `alias champion` or `tag team`.
    """

    name: str
    version: VersionNumber | None
    what: str
    before: str | None
    after: str | None
    timestamp: int
    user_id: str
    reason: str = ""
