"""What a model is asked with, as its signature has it: made once for a model, called for every time it is asked."""

from __future__ import annotations

from typing import Any

from runlake.entities.signatures import Schema
from runlake.models.signatures.columns import ColumnEnforcement
from runlake.models.signatures.tensors import TensorEnforcement

__all__ = ["Enforcement"]


class Enforcement:
    """Gives the data of one schema: a frame of its columns, an array, a sparse matrix, or a dictionary of arrays.

    Columns and tensors with names are taken by these, in the schema's order; what the data has beside is left out, with one warning.
    Types may become larger where no value changes. What does not fit raises InvalidValue. The data itself is never changed.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._enforced = TensorEnforcement(schema) if schema.is_tensor_spec() else ColumnEnforcement(schema)

    def __call__(self, data: Any) -> Any:
        """The data as the schema has it."""
        return self._enforced(data)
