"""Addresses of registered models: `models:/churn/3`, `models:/churn@champion`, `models:/churn/Production`, `models:/churn/latest`."""

from __future__ import annotations

from pathlib import Path

from runlake.entities.registered import ModelVersion, Stage, stage_named
from runlake.errors import InvalidValue, UnknownModel
from runlake.recording.registry import checked_version, registry

__all__ = ["SCHEME", "latest_versions", "version_at"]

SCHEME = "models:"
LATEST = "latest"


def version_at(uri: str, store: Path | None = None) -> ModelVersion:
    """The version that an address means now. Raises InvalidValue for what is none, UnknownModel for one that is not there."""
    path = uri.removeprefix(SCHEME).lstrip("/")
    name, slash, which = path.rpartition("/")
    if slash and name and which:
        return _version(name, which, store)
    name, at, alias = path.rpartition("@")
    if at and name and alias and not slash:
        return registry(store).aliased(name, alias)
    raise InvalidValue(
        f"A registered model's address is models:/<name>/<version>, models:/<name>@<alias>, models:/<name>/<stage> or "
        f"models:/<name>/latest, not {uri!r}."
    )


def latest_versions(name: str, stages: list[Stage], store: Path | None = None) -> list[ModelVersion]:
    """The newest version of each of these stages that has one. Raises UnknownModel."""
    newest: dict[str, ModelVersion] = {}
    for version in registry(store).versions(name):
        newest.setdefault(version.current_stage, version)
    return [newest[stage] for stage in stages if stage in newest]


def _version(name: str, which: str, store: Path | None) -> ModelVersion:
    if which.isascii() and which.isdigit():
        return registry(store).version(name, checked_version(which))
    versions = registry(store).versions(name)
    if which.lower() == LATEST:
        if not versions:
            raise UnknownModel(f"The registered model {name!r} has no version yet.")
        return versions[0]
    try:
        stage = stage_named(which)
    except InvalidValue as error:
        raise InvalidValue(f"{which!r} is no version of {name!r} (a number, or latest) and no stage ({', '.join(Stage)}).") from error
    found = latest_versions(name, [stage], store)
    if not found:
        raise UnknownModel(f"No version of the registered model {name!r} is at the stage {stage}; it has {len(versions)} at others.")
    return found[0]
