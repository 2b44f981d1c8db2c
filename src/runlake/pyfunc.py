"""Models of whatever library, asked in one way; and models that are code of your own."""

from __future__ import annotations

from typing import Any

from runlake.client.models import load_pyfunc as load_model
from runlake.client.python_models import log_model, save_model
from runlake.models.code import PythonModel, PythonModelContext
from runlake.models.pyfunc import PyFuncModel

__all__ = ["PyFuncModel", "PythonModel", "PythonModelContext", "load_model", "log_model", "save_model"]


def _load_pyfunc(path: str) -> Any:
    """What MLflow calls with the folder of a model of ours that it is to load."""
    return load_model(path)
