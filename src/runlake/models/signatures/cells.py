"""The type of values one by one, where a column does not say it: lists, dictionaries, and plain values among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice
from typing import Any

from runlake.entities.column_types import AnyType, Array, ColumnType, DataType, Object, Property

__all__ = ["ANYTHING", "is_missing", "type_of_all", "type_of_value"]

DEEPEST = 8  # lists in lists; a list may hold itself
MOST_ITEMS = 1_000  # of a list that are looked at

ANYTHING = AnyType()
UNKNOWN = AnyType()  # of what is missing or empty: what else is there decides

# By the names of their types, since those of NumPy and pandas are among them, which may not be imported.
_PLAIN = {
    "bool": DataType.boolean,
    "bool_": DataType.boolean,
    "int8": DataType.integer,
    "int16": DataType.integer,
    "int32": DataType.integer,
    "uint8": DataType.integer,
    "uint16": DataType.integer,
    "int": DataType.long,
    "int64": DataType.long,
    "uint32": DataType.long,
    "float16": DataType.float,
    "float32": DataType.float,
    "float": DataType.double,
    "float64": DataType.double,
    "str": DataType.string,
    "str_": DataType.string,
    "bytes": DataType.binary,
    "bytes_": DataType.binary,
    "bytearray": DataType.binary,
    "datetime64": DataType.datetime,
}


def is_missing(value: Any) -> bool:
    """Whether there is no value: None, NaN, or what pandas has for them."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in ("NAType", "NaTType")


def type_of_all(values: Iterable[Any], depth: int = 0) -> ColumnType:
    """The one type of all these values; anything, where they differ or all are missing."""
    found: ColumnType = UNKNOWN
    for value in islice(values, MOST_ITEMS):
        found = _merged(found, type_of_value(value, depth))
    return found


def type_of_value(value: Any, depth: int = 0) -> ColumnType:
    """The type of a value; anything, for one that is missing, or empty, or of no type that has a name."""
    if is_missing(value):
        return UNKNOWN
    if (plain := _PLAIN.get(type(value).__name__)) is not None:
        return plain
    if isinstance(value, date):
        return DataType.datetime
    if isinstance(value, Mapping):
        return _type_of_mapping(value, depth) if value else UNKNOWN
    if isinstance(value, (list, tuple)) or (hasattr(value, "__array__") and value.shape):
        if not len(value):
            return UNKNOWN
        return Array(ANYTHING if depth >= DEEPEST else type_of_all(value, depth + 1))
    return ANYTHING


def _type_of_mapping(value: Mapping[Any, Any], depth: int) -> ColumnType:
    if depth >= DEEPEST or len(value) > MOST_ITEMS or not all(isinstance(key, str) for key in value):
        return ANYTHING
    kinds = {name: type_of_value(each, depth + 1) for name, each in value.items()}
    return Object(Property(name, kind, kind is not UNKNOWN) for name, kind in kinds.items())


def _merged(one: ColumnType, other: ColumnType) -> ColumnType:
    """The type that fits both."""
    if one is UNKNOWN or other is UNKNOWN:
        return other if one is UNKNOWN else one
    if isinstance(one, Array) and isinstance(other, Array):
        return Array(_merged(one.dtype, other.dtype))
    if isinstance(one, Object) and isinstance(other, Object):
        return _merged_objects(one, other)
    return one if one == other else ANYTHING


def _merged_objects(one: Object, other: Object) -> Object:
    """A property that one of them lacks, or has no value for, is optional."""
    first, second = ({each.name: each for each in kind.properties} for kind in (one, other))
    lacking = Property("", UNKNOWN, required=False)
    pairs = {name: (first.get(name, lacking), second.get(name, lacking)) for name in first | second}
    return Object(
        Property(name, _merged(left.dtype, right.dtype), left.required and right.required) for name, (left, right) in pairs.items()
    )
