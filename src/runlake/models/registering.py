"""A model that was written into a run, as a version of a registered model: `registered_model_name` of what keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runlake.entities.models import ModelInfo
from runlake.models.writing import Written
from runlake.recording.registry import Origin, register

__all__ = ["registered"]


def registered(whole: Written, name: str, store: Path) -> ModelInfo:
    """What is known of it, once it is on the disk, and a version of the registered model of this name."""
    info = whole.info
    origin = Origin(info.model_uri, info.run_id, info.digest, whole.manifest.hashes(info.digest))
    return replace(info, registered_model_version=register(name, origin, store=store).version)
