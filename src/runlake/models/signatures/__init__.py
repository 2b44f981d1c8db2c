"""Signatures of models: inferred from data, and enforced on what a model is asked with.

cells        the type of values one by one
schemas      the schema of data
inferring    a signature of what a model takes and gives, and its params
enforcement  data as a schema has it:
columns      the columns of a frame, by their names or places
frames       the frame, of whatever was given
casts        a column as another type, where nothing is lost
nested       lists and dictionaries in a column
tensors      arrays of a type and a shape
asking       params, and the columns of a model without a signature
from_json    data that came as JSON, with the types of a schema
examples     an example of the input as files
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake.entities.signatures import ModelSignature as ModelSignature
    from runlake.models.signatures.asking import enforced_params as enforced_params
    from runlake.models.signatures.asking import matched as matched
    from runlake.models.signatures.enforcement import Enforcement as Enforcement
    from runlake.models.signatures.inferring import infer_signature as infer_signature
    from runlake.models.signatures.schemas import schema_of as schema_of

__all__ = ["Enforcement", "ModelSignature", "enforced_params", "infer_signature", "matched", "schema_of"]

_HOMES = {
    "Enforcement": "runlake.models.signatures.enforcement",
    "ModelSignature": "runlake.entities.signatures",
    "enforced_params": "runlake.models.signatures.asking",
    "infer_signature": "runlake.models.signatures.inferring",
    "matched": "runlake.models.signatures.asking",
    "schema_of": "runlake.models.signatures.schemas",
}


def __getattr__(name: str) -> Any:
    """The names above, each with what it needs, at its first use: a training needs the schema of its data alone."""
    if name not in _HOMES:
        raise AttributeError(f"module 'runlake.models.signatures' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
