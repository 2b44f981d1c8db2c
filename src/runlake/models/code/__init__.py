"""Models that are code: kept as source, files or a pickle, and run only once somebody has consented to that.

python_model  what such a model looks like, and how it is asked
files         all that is kept of one, and the way back
sources       a class or a function with all that it needs, as one text
definitions   where it is written
names         the names that it uses
libraries     which modules are the user's own
literals      constants, as Python writes them
plain         the state of an object, as JSON
modules       the modules that come with a model, and its own
pickles       what is no source
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake.models.code.files import load_python as load_python
    from runlake.models.code.files import modules_of as modules_of
    from runlake.models.code.files import python_files as python_files
    from runlake.models.code.python_model import LoadedPython as LoadedPython
    from runlake.models.code.python_model import PythonModel as PythonModel
    from runlake.models.code.python_model import PythonModelContext as PythonModelContext
    from runlake.models.code.python_model import set_model as set_model

__all__ = ["LoadedPython", "PythonModel", "PythonModelContext", "load_python", "modules_of", "python_files", "set_model"]

_IN_FILES = {"load_python", "modules_of", "python_files"}


def __getattr__(name: str) -> Any:
    """The verbs come with what reads and runs source, which a program that only loads other models does without."""
    if name not in __all__:
        raise AttributeError(f"module 'runlake.models.code' has no attribute {name!r}")
    module = "runlake.models.code.files" if name in _IN_FILES else "runlake.models.code.python_model"
    return getattr(importlib.import_module(module), name)
