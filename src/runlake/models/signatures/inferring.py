"""A signature from data: what a model takes, what it gave for that, and the params that it was given beside it."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as shortly
from typing import Any

from runlake.entities.column_types import ColumnType, DataType, Object
from runlake.entities.model_params import ParamSchema, ParamSpec
from runlake.entities.signatures import ColSpec, ModelSignature, Schema
from runlake.errors import InvalidValue
from runlake.guard import log
from runlake.models.signatures.cells import ANYTHING, type_of_all, type_of_value
from runlake.models.signatures.schemas import schema_of

__all__ = ["infer_signature"]


def infer_signature(model_input: Any = None, model_output: Any = None, params: Mapping[str, Any] | None = None) -> ModelSignature:
    """The signature of a model that takes data such as this, gives such as that, and has these params, with these values as defaults.

    Data may be a frame of pandas, Polars or Arrow, an array or a dictionary of arrays, a sparse matrix, a list of values, rows or
    dictionaries, a dictionary of values, or a single value. Of other data nothing is checked.
    """
    inputs, outputs = _schema(model_input, "input"), _schema(model_output, "output")
    return ModelSignature(inputs, outputs, _param_schema(params) if params else None)


def _schema(data: Any, what: str) -> Schema | None:
    if data is None:
        return None
    schema = schema_of(data)
    if schema is not None:
        return schema
    kind = type_of_value(data)
    if not isinstance(kind, DataType):
        log.warning("Nothing is known of the model's %s (%s): the signature says that it may be anything.", what, type(data).__name__)
        kind = ANYTHING
    return Schema((ColSpec(kind),))


def _param_schema(params: Mapping[str, Any]) -> ParamSchema:
    if not isinstance(params, Mapping):
        raise InvalidValue(f"The params of a model are a dictionary of values by their names, not {shortly(params)}.")
    return ParamSchema(_param(name, value) for name, value in params.items())


def _param(name: str, value: Any) -> ParamSpec:
    is_list = isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 1
    kind = _type_of_items(value) if is_list else type_of_value(value)
    if not isinstance(kind, (DataType, Object)) or (is_list and isinstance(kind, Object)):
        raise InvalidValue(f"The param {name!r} is a single value, a list of values of one type, or a dictionary, not {shortly(value)}.")
    return ParamSpec(name, kind, value, (-1,) if is_list else None)


def _type_of_items(values: Any) -> ColumnType:
    """Among numbers with a fraction, whole ones are such, too."""
    is_of_numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return DataType.double if is_of_numbers and any(isinstance(value, float) for value in values) else type_of_all(values)
