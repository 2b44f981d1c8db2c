"""Models as folders of files: written, verified, and given back as objects, by any process.

folder        a model's files as they are opened, in a run or on the disk
manifest      their list, with the hash of each
mlmodel       what the model is, in YAML
requirements  what must be installed for it
writing       all these as they are written
trained       the model of a training
forms         in which form a model is kept that the program itself keeps
beside        what the program says of it
logged        its folder, in a run or on the disk
registering   as a version of a registered model
verbs         the arguments that MLflow has for that
loading       the one way from files to an object
consent       leave to run code that came with a model
versions      of the libraries that wrote it
trial         files of others, first opened by a process that may crash
pyfunc        a model of whatever library, asked in one way
signature     two names of those below, under the name that MLflow has for them
signatures    what a model takes and gives, and data that is held to it
code          models that are code
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake.entities.models import ModelInfo as ModelInfo
    from runlake.entities.signatures import ModelSignature as ModelSignature
    from runlake.models.code import set_model as set_model
    from runlake.models.consent import Consent as Consent
    from runlake.models.signatures import infer_signature as infer_signature

__all__ = ["Consent", "ModelInfo", "ModelSignature", "get_model_info", "infer_signature", "set_model"]

_HOMES = {
    "Consent": "runlake.models.consent",
    "ModelInfo": "runlake.entities.models",
    "ModelSignature": "runlake.entities.signatures",
    "get_model_info": "runlake.client.models",
    "infer_signature": "runlake.models.signatures",
    "set_model": "runlake.models.code",
}


def __getattr__(name: str) -> Any:
    """The public names, each with what it needs, at its first use: a training imports of this room as little as it can."""
    if name not in _HOMES:
        raise AttributeError(f"module 'runlake.models' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
