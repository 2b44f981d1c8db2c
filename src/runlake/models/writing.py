"""A model's folder as it is written: the plugin's files, what is said of them, and the list of all that with its hashes."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import runlake
from runlake.entities.models import MANIFEST, MLMODEL, ModelInfo
from runlake.entities.signatures import ModelSignature
from runlake.errors import InvalidValue
from runlake.instrument.plugins import find_plugins
from runlake.instrument.saved import Saved
from runlake.models.folder import about_model
from runlake.models.manifest import Manifest, digest_of, listed
from runlake.models.mlmodel import written_mlmodel
from runlake.models.requirements import CONDA, VIRTUALENV
from runlake.models.versions import versions_of

__all__ = ["LOADER", "Place", "Said", "Written", "checked_metadata", "modules_of", "written"]

LOADER = "runlake.pyfunc"  # whose `_load_pyfunc` MLflow calls


@dataclass(frozen=True)
class Place:
    """Where a model is going to be: in a run, or in a folder of the disk. `replaced` are names that an earlier one left there."""

    uri: str
    path: str
    run_id: str | None = None
    replaced: Sequence[str] = ()


@dataclass(frozen=True)
class Said:
    """What is said of a model beside it; `files` are its environment and its example."""

    files: Mapping[str, bytes]
    signature: ModelSignature | None = None
    example_info: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    predict_fn: str | None = None


@dataclass(frozen=True)
class Written:
    """All files of the folder, and what they say."""

    files: Mapping[str, bytes] = field(repr=False)
    info: ModelInfo
    manifest: Manifest


def written(saved: Saved, said: Said, place: Place) -> Written:
    """The folder. Raises InvalidValue where two files of it have one name."""
    both = sorted(saved.files.keys() & (said.files.keys() | {MLMODEL, MANIFEST}))
    if both:
        raise InvalidValue(f"A file of the model is named {both[0]!r}, as one that tells of it is.")
    about = _about(saved, said, place)
    files = {**saved.files, **said.files, MLMODEL: written_mlmodel(about)}
    replaced = [name for name in place.replaced if name not in files and name != MANIFEST]
    manifest = listed(saved.format_id, files, replaced, versions_of(saved.modules))
    listing = manifest.to_bytes()
    return Written({**files, MANIFEST: listing}, about_model(about, place.uri, saved.format_id, digest_of(listing)), manifest)


def modules_of(saved: Saved, signature: ModelSignature | None) -> list[str]:
    """The modules without which the model cannot be loaded and asked: its library's, ours, and pandas where it takes columns."""
    plugin = find_plugins().get(saved.format_id.partition("/")[0])
    ours = ["runlake", *([plugin.entry.module.partition(".")[0]] if plugin is not None else [])]
    inputs = None if signature is None else signature.inputs
    return [*saved.modules, *ours, "numpy", *(["pandas"] if inputs is not None and not inputs.is_tensor_spec() else [])]


def checked_metadata(metadata: Any) -> Mapping[str, Any] | None:
    """What the program says of its model, if it is plain data under names."""
    if metadata is None:
        return None
    try:
        if not isinstance(metadata, Mapping) or not all(isinstance(name, str) for name in metadata):
            raise TypeError("it is not a dictionary with texts as keys")
        plain: dict[str, Any] = json.loads(json.dumps(metadata, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"metadata is a dictionary of plain data, which JSON has: {error}.") from error
    return plain


def _about(saved: Saved, said: Said, place: Place) -> dict[str, Any]:
    python_function = {
        "loader_module": LOADER,
        "python_version": platform.python_version(),
        "env": {"conda": CONDA, "virtualenv": VIRTUALENV},
        **({} if said.predict_fn is None else {"predict_fn": said.predict_fn}),
    }
    return {
        "artifact_path": place.path,
        "flavors": {**saved.flavors, "python_function": python_function},
        "model_size_bytes": sum(map(len, saved.files.values())),
        "model_uuid": os.urandom(16).hex(),
        "runlake_version": runlake.__version__,
        "utc_time_created": datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
        **({} if place.run_id is None else {"run_id": place.run_id}),
        **({} if said.signature is None else {"signature": said.signature.to_dict()}),
        **({} if said.example_info is None else {"saved_input_example_info": said.example_info}),
        **({} if not said.metadata else {"metadata": said.metadata}),
    }
