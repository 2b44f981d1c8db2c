"""Models told of without loading them: one at an address, verified, or all that a run keeps, as their `MLmodel` says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runlake.client.models import folder_at
from runlake.entities.described import DescribedModel
from runlake.entities.models import MANIFEST, MLMODEL, ModelInfo
from runlake.errors import RunlakeError
from runlake.models.folder import about_model
from runlake.models.loading import CODE
from runlake.models.manifest import digest_of, read_manifest
from runlake.models.mlmodel import read_mlmodel
from runlake.models.requirements import REQUIREMENTS
from runlake.read import Run

__all__ = ["described", "described_in"]


def described(uri: str, store: Path | None = None) -> DescribedModel:
    """The model at an address; all of its files are verified. Raises InvalidModel, or an error that says what is not there."""
    folder = folder_at(uri, store)
    sizes = [len(content) for content in folder.files.values()]
    return _told(folder.info, len(sizes), sum(sizes), folder.files.get)


def described_in(run: Run) -> list[DescribedModel]:
    """The models that a run keeps; only what tells of them is read. One that cannot be read is left out."""
    places = [name.removesuffix(MANIFEST) for name in run.artifacts if name.rpartition("/")[2] == MANIFEST]
    found = []
    for place in places:
        try:
            found.append(_in_run(run, place))
        except (RunlakeError, OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged, or somebody's own file of this name
            continue
    return found


def _in_run(run: Run, prefix: str) -> DescribedModel:
    where, listing = f"runs:/{run.info.run_id}/{prefix.rstrip('/')}", run.read_artifact(f"{prefix}{MANIFEST}")
    manifest = read_manifest(listing, where)
    about = read_mlmodel(run.read_artifact(f"{prefix}{MLMODEL}"), where)
    info = about_model(about, where, manifest.format_id, digest_of(listing))

    def read(name: str) -> bytes | None:
        return run.read_artifact(f"{prefix}{name}") if name in manifest.files else None

    return _told(info, len(manifest.files), sum(entry.size for entry in manifest.files.values()), read)


def _told(info: ModelInfo, n_files: int, n_bytes: int, read: Callable[[str], bytes | None]) -> DescribedModel:
    lines = (read(REQUIREMENTS) or b"").decode("utf-8", "replace").splitlines()
    return DescribedModel(info, n_files, n_bytes, lines, _example(info, read), info.format_id in CODE)


def _example(info: ModelInfo, read: Callable[[str], bytes | None]) -> Any:
    name = (info.saved_input_example_info or {}).get("artifact_path")
    try:
        return json.loads((read(name) if isinstance(name, str) else None) or b"null")
    except (ValueError, RecursionError):
        return None
