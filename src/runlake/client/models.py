"""Models by their addresses: `runs:/<run id>/<path>`, a folder of the disk, or the path of a tutorial that means a run's."""

from __future__ import annotations

import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from runlake.client.artifacts import place_of
from runlake.client.reading import current_store
from runlake.entities.models import ModelInfo
from runlake.errors import InvalidValue
from runlake.models.consent import Consent
from runlake.models.folder import Folder, folder_in, folder_of
from runlake.models.loading import loaded
from runlake.models.pyfunc import PyFuncModel, pyfunc_of

__all__ = ["get_model_info", "load_model", "load_pyfunc"]


def load_model(model_uri: str, dst_path: str | Path | None = None, *, allow_unsafe: Consent | None = None, **options: Any) -> Any:
    """The model at `runs:/<run id>/model` or in a folder. `options` are those of its library's plugin.

    Nothing in its files is run, whoever wrote them, but for a model that is code or a pickle, and only with `allow_unsafe`. `dst_path` is
    a folder where its files are copied to. Raises UnknownArtifact, InvalidModel or ConsentNeeded.
    """
    return loaded(_folder_at(model_uri, dst_path), options, allow_unsafe)


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
    return pyfunc_of(_folder_at(model_uri, dst_path), given, allow_unsafe)


def get_model_info(model_uri: str) -> ModelInfo:
    """What is known of the model at an address, without loading it: signature, flavors, digest."""
    return _folder_at(model_uri, None).info


def _folder_at(model_uri: str | Path, dst_path: str | Path | None) -> Folder:
    """The files of the model, verified; a copy of them in `dst_path`, if it is given."""
    folder = _found(str(model_uri))
    if dst_path is not None:
        folder.write(Path(dst_path))
    return folder


def _found(uri: str) -> Folder:
    if uri.startswith("models:"):
        raise InvalidValue(f"{uri!r} names a registered model, and this version keeps no registry: give runs:/<run id>/<path>.")
    parts = urllib.parse.urlsplit(uri)
    path = Path(urllib.request.url2pathname(parts.path) if parts.scheme == "file" else uri)
    if uri and parts.scheme != "runs" and path.is_dir():
        return folder_of(path)
    try:
        run_id, below = place_of(uri)
    except InvalidValue as error:
        raise InvalidValue(f"There is no model at {uri!r}: give runs:/<run id>/<path>, or the path of a folder that is there.") from error
    return folder_in(current_store().run(run_id), below)
