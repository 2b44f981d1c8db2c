"""The one way from a model's files to an object: default deny, decided by the format that the manifest names, never by a suffix.

A format is of a plugin, which runs nothing that a file names, or it is one of those below, which run code that came with the model. These
want consent for the very bytes. What cannot be loaded so is not loaded otherwise.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from runlake.errors import InvalidModel, InvalidValue
from runlake.instrument.parts import load_part, tried_first
from runlake.models.code import LoadedPython, load_python, pickles
from runlake.models.consent import Consent, is_made_here, require_consent
from runlake.models.folder import Folder
from runlake.models.trial import try_apart
from runlake.models.versions import told_of_newer

__all__ = ["CODE", "PYTHON", "loaded"]

PYTHON, PICKLED = "python/1", "pickle/1"
CODE = (PYTHON, PICKLED)  # formats that run code which came with the model


def loaded(folder: Folder, options: Mapping[str, Any], consent: Consent | None = None) -> Any:
    """The model. Raises ConsentNeeded for one that is code, InvalidModel or another RunlakeError for one that is damaged."""
    if consent is not None and not isinstance(consent, Consent):
        raise InvalidValue(f"allow_unsafe takes a Consent(sha256, reason), not {consent!r}.")
    format_id = folder.manifest.format_id
    if format_id == PICKLED:
        return _unpickled(folder, options, consent)
    if format_id == PYTHON:
        return _python(folder, options, consent)
    is_known = folder.is_ours or is_made_here(folder.digest) or (consent is not None and consent.sha256 == folder.digest)
    with told_of_newer(folder.manifest.versions, folder.where), nullcontext() if is_known else tried_first(try_apart):
        model = load_part(format_id, folder.data, options)
    if model is None:
        raise InvalidModel(
            f"The model at {folder.where} is in the format {format_id}, which its plugin, as it is installed here, does not know."
        )
    return model


def _unpickled(folder: Folder, options: Mapping[str, Any], consent: Consent | None) -> Any:
    if options:
        raise InvalidValue(f"A pickled model is loaded as it is; it takes no {', '.join(options)}.")
    if list(folder.data) != ["model.pkl"]:
        raise InvalidModel(
            f"The model at {folder.where} is in the format {PICKLED}, which has one file, model.pkl, not {', '.join(folder.data)}."
        )
    content = folder.data["model.pkl"]
    otherwise = "Whoever has the model can log it without format='pickle', in a form that runs nothing."
    require_consent(folder.digest, consent, folder.where, "a pickle", pickles.types_in(content), otherwise)
    return pickles.unpickled(content)


def _python(folder: Folder, options: Mapping[str, Any], consent: Consent | None) -> Any:
    unknown = options.keys() - {"model_config"}
    if unknown:
        raise InvalidValue(f"A model that is Python code is loaded with model_config; there is no {', '.join(sorted(unknown))}.")
    otherwise = "What it does stands in its model.py: runlake.artifacts.download_artifacts(uri) copies it out to be read."
    types = pickles.types_in(folder.data["model.pkl"]) if "model.pkl" in folder.data else ()
    require_consent(folder.digest, consent, folder.where, "Python code", types, otherwise)
    place = tempfile.mkdtemp(prefix="runlake-model-")
    model = load_python(folder.data, Path(place), options.get("model_config"), name=folder.where)
    weakref.finalize(_lasting(model), _remove, place, os.getpid())  # with its artifacts
    return model


def _lasting(model: LoadedPython) -> object:
    """What is there for as long as anybody can ask for its artifacts: the user's own object, where that can be watched."""
    own = model.unwrap()
    return own if hasattr(type(own), "__weakref__") else model


def _remove(place: str, process: int) -> None:
    """Not in a forked child, which did not make it."""
    if os.getpid() == process:
        shutil.rmtree(place, ignore_errors=True)
