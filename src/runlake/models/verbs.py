"""`log_model` and `save_model` of a library, with the arguments and the names that MLflow's have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from runlake.entities.models import ModelInfo
from runlake.entities.signatures import ModelSignature
from runlake.errors import InvalidValue
from runlake.models.beside import Beside
from runlake.models.folder import FOLDER
from runlake.models.forms import asking, saved_by
from runlake.models.logged import log_saved, save_saved
from runlake.models.requirements import Given
from runlake.recording.telling import name_unused

__all__ = ["log_model", "pass_over", "save_model"]

# What MLflow takes and is nothing here: a model is kept in one piece, in one format, in the run that is open.
_MLFLOW_ONLY = {
    "await_registration_for",
    "code_paths",
    "export_model",
    "extra_files",
    "model_card",
    "model_id",
    "model_kwargs",
    "model_type",
    "params",
    "pickle_module",
    "remove_cast_in_save",
    "requirements_file",
    "resources",
    "save_pretrained",
    "step",
    "tags",
    "task",
}
_FORMATS = ("serialization_format", "model_format")  # as MLflow's libraries call it


def log_model(
    library: str,
    model: Any = None,
    artifact_path: str | None = None,
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    code_paths: Any = None,
    registered_model_name: str | None = None,
    signature: ModelSignature | Mapping[str, Any] | bool | None = None,
    input_example: Any = None,
    await_registration_for: int | None = None,
    pip_requirements: Given | None = None,
    extra_pip_requirements: Given | None = None,
    metadata: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002 - what people type
    *,
    name: str | None = None,
    pyfunc_predict_fn: str | None = None,
    **others: Any,
) -> ModelInfo:
    """Keep a model in the active run; `load_model` gives it back by the `model_uri` of the answer. `name` is another word for the path.

    `registered_model_name` makes it a version of the registered model of that name, which is made where it is not there.
    The model also goes by MLflow's name for it, such as `sk_model`. `format` asks for another form than its plugin's usual one; "pickle"
    writes a pickle, which others load only once they have consented to run it.
    """
    unused = {"code_paths": code_paths, "await_registration_for": await_registration_for}
    model, form = _understood("log_model", model, format, {**others, **unused})
    path = name or artifact_path or FOLDER
    beside = Beside(signature, input_example, conda_env, pip_requirements, extra_pip_requirements, metadata, pyfunc_predict_fn)
    ask = asking(model, pyfunc_predict_fn or "predict")
    return log_saved(saved_by(library, model, form), ask, beside, path, registered_model_name)


def save_model(
    library: str,
    model: Any = None,
    path: str | os.PathLike[str] | None = None,
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    code_paths: Any = None,
    signature: ModelSignature | Mapping[str, Any] | bool | None = None,
    input_example: Any = None,
    pip_requirements: Given | None = None,
    extra_pip_requirements: Given | None = None,
    metadata: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002 - what people type
    *,
    pyfunc_predict_fn: str | None = None,
    **others: Any,
) -> ModelInfo:
    """Keep a model in a folder of the disk, which must be new or empty; `load_model` gives it back by its path."""
    if path is None:
        raise InvalidValue("save_model takes the model and the path of a new folder.")
    model, form = _understood("save_model", model, format, {**others, "code_paths": code_paths})
    beside = Beside(signature, input_example, conda_env, pip_requirements, extra_pip_requirements, metadata, pyfunc_predict_fn)
    return save_saved(saved_by(library, model, form), asking(model, pyfunc_predict_fn or "predict"), beside, path)


def pass_over(verb: str, others: Mapping[str, Any]) -> None:
    """Name each argument that MLflow alone has a use for. Raises TypeError for one that nobody knows."""
    unknown = [name for name in others if name not in _MLFLOW_ONLY]
    if unknown:
        raise TypeError(f"{verb}() got an unexpected keyword argument {unknown[0]!r}")
    name_unused(verb, **others)


def _understood(verb: str, model: Any, form: str | None, others: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The model by whatever name it came, and the form that is asked for."""
    named = [name for name in others if name.endswith("_model")]
    given = [each for each in (model, *(others[name] for name in named)) if each is not None]
    if len(given) != 1:
        raise InvalidValue(f"{verb} keeps one model; {len(given)} were given.")
    pass_over(verb, {name: value for name, value in others.items() if name not in (*named, *_FORMATS)})
    asked = [others[name] for name in _FORMATS if others.get(name) not in (None, "cloudpickle", "pickle")]
    return given[0], form or next(iter(asked), None)
