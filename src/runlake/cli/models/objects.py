"""Registered models, versions and changes as other programs read them; times are milliseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runlake.cli.exporting import print_csv, print_list
from runlake.display.models_table import STANDING
from runlake.entities.registered import ModelVersion, RegisteredModel, RegistryChange

__all__ = ["change_object", "model_object", "print_table", "version_object"]


def model_object(model: RegisteredModel, versions: Sequence[ModelVersion]) -> dict[str, Any]:
    """A registered model, and which versions of it stand where."""
    return {
        "name": model.name,
        "newest_version": versions[0].version if versions else None,
        "versions": len(versions),
        "aliases": dict(model.aliases),
        **{stage.lower(): [each.version for each in versions if each.current_stage == stage] for stage in STANDING},
        "creation_timestamp": model.creation_timestamp,
        "last_updated_timestamp": model.last_updated_timestamp,
        "description": model.description,
        "tags": dict(model.tags),
    }


def version_object(version: ModelVersion) -> dict[str, Any]:
    """A version."""
    return {
        "name": version.name,
        "version": version.version,
        "current_stage": str(version.current_stage),
        "aliases": version.aliases,
        "run_id": version.run_id,
        "source": version.source,
        "digest": version.digest,
        "creation_timestamp": version.creation_timestamp,
        "last_updated_timestamp": version.last_updated_timestamp,
        "user_id": version.user_id,
        "description": version.description,
        "tags": dict(version.tags),
        "run_link": version.run_link,
    }


def change_object(change: RegistryChange) -> dict[str, Any]:
    """A change."""
    return dict(vars(change))


def print_table(form: str, columns: Iterable[str], objects: Sequence[Mapping[str, Any]]) -> None:
    """Objects as JSON, or as CSV, where a list is its items with commas between."""
    if form == "json":
        print_list(objects)
    else:
        names = list(columns)
        print_csv(names, ([_cell(each[name]) for name in names] for each in objects))


def _cell(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
