"""Models that are the program's own code, kept in a run or in a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runlake.client.artifacts import download_artifacts
from runlake.entities.models import ModelInfo
from runlake.errors import InvalidValue
from runlake.instrument.saved import Saved
from runlake.models.beside import Ask, Beside
from runlake.models.code import load_python, modules_of, python_files
from runlake.models.folder import FOLDER
from runlake.models.forms import PICKLE
from runlake.models.loading import PYTHON
from runlake.models.logged import log_saved, save_saved
from runlake.models.verbs import pass_over

__all__ = ["log_model", "save_model"]


def log_model(
    artifact_path: str | None = None,
    *,
    name: str | None = None,
    python_model: Any = None,
    artifacts: Mapping[str, str | os.PathLike[str]] | None = None,
    code_paths: Sequence[str | os.PathLike[str]] | None = None,
    model_config: Mapping[str, Any] | None = None,
    conda_env: Any = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002 - what people type
    registered_model_name: str | None = None,
    **others: Any,
) -> ModelInfo:
    """Keep a `PythonModel`, a function, or a file that makes one, in the active run, with its artifacts and modules of its own.

    It is kept as source, or with `format="pickle"` as a pickle, and whoever loads it consents to run that; this process has consented.
    """
    pass_over("log_model", others)
    saved = _saved(python_model, artifacts, code_paths, model_config, format)
    beside = Beside(signature, input_example, conda_env, pip_requirements, extra_pip_requirements, metadata)
    return log_saved(saved, _asking(saved), beside, name or artifact_path or FOLDER, registered_model_name)


def save_model(
    path: str | os.PathLike[str],
    *,
    python_model: Any = None,
    artifacts: Mapping[str, str | os.PathLike[str]] | None = None,
    code_paths: Sequence[str | os.PathLike[str]] | None = None,
    model_config: Mapping[str, Any] | None = None,
    conda_env: Any = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002 - what people type
    **others: Any,
) -> ModelInfo:
    """The same in a folder of the disk, which must be new or empty."""
    pass_over("save_model", others)
    saved = _saved(python_model, artifacts, code_paths, model_config, format)
    beside = Beside(signature, input_example, conda_env, pip_requirements, extra_pip_requirements, metadata)
    return save_saved(saved, _asking(saved), beside, path)


def _saved(model: Any, artifacts: Any, code_paths: Any, model_config: Any, form: str | None) -> Saved:
    if form not in (None, PICKLE):
        raise InvalidValue(f"A model that is code is kept as source, or with format='pickle'; there is no {form!r}.")
    if model is None:
        raise InvalidValue(
            "python_model is what is kept: an object of a class derived from PythonModel, a function, or the path of a file."
        )
    there = {key: download_artifacts(str(path)) if str(path).startswith("runs:/") else path for key, path in (artifacts or {}).items()}
    files = python_files(model, artifacts=there, code_paths=code_paths, model_config=model_config, as_pickle=form == PICKLE)
    return Saved(PYTHON, files, modules=modules_of(files))


def _asking(saved: Saved) -> Ask:
    """As it is going to be, from the files that are kept."""

    def ask(rows: Any, params: Mapping[str, Any]) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return load_python(saved.files, Path(folder), name="The model that is kept").predict(rows, params)

    return ask
