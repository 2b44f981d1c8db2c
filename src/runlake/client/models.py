"""Models by their addresses: in a run, in the registry, in a folder of the disk, or the path of a tutorial that means a run's."""

from __future__ import annotations

import os
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from runlake.client.places import place_at
from runlake.client.reading import current_store
from runlake.client.registered import SCHEME, version_at
from runlake.entities.models import ModelInfo
from runlake.entities.registered import ModelVersion
from runlake.errors import InvalidModel, InvalidValue, UnknownRun
from runlake.models.consent import Consent
from runlake.models.folder import Folder, folder_in, folder_kept, folder_of, is_of_here
from runlake.models.loading import loaded
from runlake.models.pyfunc import PyFuncModel, pyfunc_of
from runlake.recording.registry import Origin, keep_contents

__all__ = ["folder_at", "get_model_info", "load_model", "load_pyfunc", "origin_of"]

RUNS = "runs:/"


def load_model(model_uri: str, dst_path: str | Path | None = None, *, allow_unsafe: Consent | None = None, **options: Any) -> Any:
    """The model at `runs:/<run id>/model` or in a folder. `options` are those of its library's plugin.

    Nothing in its files is run, whoever wrote them, but for a model that is code or a pickle, and only with `allow_unsafe`. `dst_path` is
    a folder where its files are copied to. Raises UnknownArtifact, InvalidModel or ConsentNeeded.
    """
    return loaded(_opened(model_uri, dst_path), options, allow_unsafe)


def load_pyfunc(
    model_uri: str,
    suppress_warnings: bool = False,
    dst_path: str | Path | None = None,
    model_config: Any = None,
    *,
    allow_unsafe: Consent | None = None,
    **options: Any,
) -> PyFuncModel:
    """The model at an address, whatever its library, to be asked by `predict(data)`; the rest is as for `load_model`."""
    given = options if model_config is None else {**options, "model_config": model_config}
    return pyfunc_of(_opened(model_uri, dst_path), given, allow_unsafe)


def get_model_info(model_uri: str) -> ModelInfo:
    """What is known of the model at an address, without loading it: signature, flavors, digest."""
    return _opened(model_uri, None).info


def _opened(model_uri: str | Path, dst_path: str | Path | None) -> Folder:
    """The files of the model, verified; a copy of them in `dst_path`, if it is given."""
    folder = folder_at(str(model_uri))
    if dst_path is not None:
        folder.write(Path(dst_path))
    return folder


def origin_of(source: str, run_id: str | None = None, run_link: str | None = None, *, store: Path | None = None) -> Origin:
    """What is registered of the model at an address; its files are kept, if it is in a folder. Raises InvalidModel or UnknownArtifact."""
    if not isinstance(source, (str, os.PathLike)):
        raise InvalidValue(f"A model is given by its address, such as runs:/<run id>/<path>, not by {source!r:.80}.")
    version = version_at(str(source), store) if str(source).startswith(SCHEME) else None
    folder = folder_at(str(source), store) if version is None else _registered(version, store)
    place = folder.where if version is None else version.source
    of_run = place_at(place)[0] if place.startswith(RUNS) else folder.info.run_id
    if None not in (run_id, of_run) and run_id != of_run:
        raise InvalidValue(f"The model at {source} is of the run {of_run}, not of {run_id}.")
    if version is None and not place.startswith(RUNS):
        keep_contents([folder.listing, *folder.files.values()], store)
    return Origin(place, run_id or of_run, folder.digest, folder.manifest.hashes(folder.digest), run_link)


def _registered(version: ModelVersion, store: Path | None) -> Folder:
    """The files of a version, which the store has whatever became of the run that they came from. Raises InvalidModel."""
    opened, where = current_store(store), f"models:/{version.name}/{version.version}"
    try:
        is_ours = version.run_id is not None and is_of_here(opened.run(version.run_id))
    except UnknownRun:
        is_ours = False
    try:
        return folder_kept(opened.content, version.digest, where, is_ours=is_ours)
    except FileNotFoundError as error:
        raise InvalidModel(f"The files of the model {where} are not all there: {error} Put them back from a copy of the store.") from error


def folder_at(uri: str, store: Path | None = None) -> Folder:
    """The files of the model at an address, verified. Raises InvalidModel, or an error that says what is not there."""
    if uri.startswith(SCHEME):
        return _registered(version_at(uri, store), store)
    parts = urllib.parse.urlsplit(uri)
    path = Path(urllib.request.url2pathname(parts.path) if parts.scheme == "file" else uri)
    if uri and parts.scheme != "runs" and path.is_dir():
        return folder_of(path.absolute())
    try:
        run_id, below = place_at(uri)
    except InvalidValue as error:
        raise InvalidValue(
            f"There is no model at {uri!r}: give runs:/<run id>/<path>, models:/<name>/<version>, or the path of a folder that is there."
        ) from error
    return folder_in(current_store(store).run(run_id), below)
