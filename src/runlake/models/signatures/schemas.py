"""The schema of data, from its types and a look at some of its rows: of what trainings are given, and of what `infer_signature` is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from runlake.entities.column_types import ColumnType, DataType
from runlake.entities.signatures import ColSpec, Schema, TensorSpec
from runlake.errors import InvalidValue
from runlake.instrument.rows import kind_of, some_rows
from runlake.models.signatures.cells import ANYTHING, is_missing, type_of_all, type_of_value

__all__ = ["schema_of"]

ROWS = 5  # of a list of rows, which are looked into
LOOKED_AT = 1000  # rows, for whether a value is missing
MOST_COLUMNS = 2_000  # of a frame, which are looked into one by one

_NUMBERS = {
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), DataType.integer),
    **dict.fromkeys(("int64", "uint32"), DataType.long),
    **dict.fromkeys(("float16", "float32", "halffloat"), DataType.float),
    "float64": DataType.double,
    **dict.fromkeys(("bool", "boolean"), DataType.boolean),
}
_TEXTS = ("str", "string", "large_string", "string_view", "utf8", "large_utf8", "enum", "categorical")
_BYTES = ("binary", "large_binary", "binary_view", "fixed_size_binary")
_OF_NUMPY = re.compile(r"(bool|u?int\d+|float\d+)$")


def schema_of(data: Any) -> Schema | None:
    """The columns or the tensor that the data is; None for what is neither."""
    try:
        return _schema_of(data)
    except InvalidValue:  # a tensor of texts of any length, say, which MLflow has no name for
        return None


def _schema_of(data: Any) -> Schema | None:
    kind = kind_of(data)
    if kind == "opened":
        return _schema_of(some_rows(data, LOOKED_AT))
    if kind in ("frame", "polars", "arrow"):
        return _of_frame(some_rows(data, LOOKED_AT), kind)
    if kind in ("array", "sparse"):
        return Schema((_tensor(data),))
    if isinstance(data, dict):
        return _of_dict(data)
    return _of_list(data) if kind == "list" else None


def _of_frame(rows: Any, kind: str) -> Schema:
    if kind == "arrow":
        return _columns(
            (name, str(dtype), column) for name, dtype, column in zip(rows.column_names, rows.schema.types, rows.columns, strict=True)
        )
    if not hasattr(rows, "columns"):  # a single column
        values = _column_type(str(rows.dtype), rows)
        return Schema(
            (ColSpec(values) if rows.name is None else ColSpec(values, _label(rows.name), not _has_missing(rows, str(rows.dtype))),)
        )
    if kind == "frame" and len(rows.columns) > MOST_COLUMNS:
        return _of_wide_frame(rows)
    found = rows.items() if kind == "frame" else zip(rows.columns, rows.get_columns(), strict=True)
    return _columns((name, str(column.dtype), column) for name, column in found)


def _columns(found: Iterable[tuple[Any, str, Any]]) -> Schema:
    specs = [ColSpec(_column_type(dtype, column), _label(name), not _has_missing(column, dtype)) for name, dtype, column in found]
    return Schema(specs or [ColSpec(ANYTHING)])


def _of_wide_frame(rows: Any) -> Schema:
    """By the types alone, and a look at all columns at once for what is missing; numbers of one sort without names are a tensor."""
    types = {dtype: _column_type(str(dtype), ()) for dtype in set(rows.dtypes)}
    if len(types) == 1 and not isinstance(rows.columns[0], str) and (dtype := str(next(iter(types)))) in _NUMBERS:
        return Schema((TensorSpec(dtype, (-1, len(rows.columns))),))
    missing = rows.isna().any().tolist()
    named = zip(rows.columns, rows.dtypes, missing, strict=True)
    return Schema(ColSpec(types[dtype], _label(name), not is_missing) for name, dtype, is_missing in named)


def _label(name: Any) -> str | int:
    """Columns that are numbered keep their numbers; what else is no text is named by its text."""
    if isinstance(name, str):
        return name
    return int(name) if type(name).__name__ in ("int", "int64") else str(name)


def _column_type(dtype: str, values: Any) -> ColumnType:
    """The type of a column of pandas, Polars or Arrow, by the name that these give it; or of its values, where that does not say it."""
    name = re.sub(r"^sparse\[(\w+).*", r"\1", dtype.lower()).removesuffix("[pyarrow]").partition("(")[0]
    name = {"double": "float64", "float": "float32"}.get(name, name)
    if name in _NUMBERS:
        return _NUMBERS[name]
    if re.match(r"date|timestamp", name):
        return DataType.datetime
    name = name.partition("[")[0]
    if name in _TEXTS or name in _BYTES:
        return DataType.string if name in _TEXTS else DataType.binary
    if name == "category" and hasattr(values, "cat"):
        return _column_type(str(values.cat.categories.dtype), values.cat.categories)
    if name == "object" and hasattr(values, "infer_objects"):
        values = values.infer_objects()
        return _column_type(str(values.dtype), values) if values.dtype.kind != "O" else type_of_all(_listed(values))
    return ANYTHING if re.match(r"(uint|float|complex)\d+$", name) else type_of_all(_listed(values))  # of no number that MLflow has


def _listed(values: Any) -> Iterable[Any]:
    for way in ("to_pylist", "to_list"):  # Arrow's; that of Polars and pandas
        if hasattr(values, way):
            found: Iterable[Any] = getattr(values, way)()
            return found
    return list(values)


def _has_missing(column: Any, dtype: str) -> bool:
    if _OF_NUMPY.match(dtype) and hasattr(column, "isna"):  # a third quicker than to ask pandas
        values = column.to_numpy()
        return dtype.startswith("float") and bool((values != values).any())
    if hasattr(column, "null_count") and not callable(column.null_count):  # Arrow's
        return bool(column.null_count)
    return bool(column.isna().any() if hasattr(column, "isna") else column.is_null().any())


def _tensor(data: Any, name: str | None = None) -> TensorSpec:
    return TensorSpec(data.dtype, (-1, *(int(size) for size in data.shape[1:])), name)


def _of_dict(data: dict[Any, Any]) -> Schema | None:
    """Arrays are tensors by their names; of other values each is a column in one row."""
    if not data or len(data) > MOST_COLUMNS or not all(isinstance(name, str) for name in data):
        return None
    if all(kind_of(value) == "array" for value in data.values()):
        return Schema(_tensor(value, name) for name, value in data.items())
    columns = [ColSpec(type_of_value(value), name, not is_missing(value)) for name, value in data.items()]
    return None if any(column.type is ANYTHING for column in columns) else Schema(columns)


def _of_list(rows: Any) -> Schema | None:
    """Texts and numbers are a column, dictionaries are rows, and rows of numbers are a tensor."""
    first = rows[0]
    if isinstance(first, dict):
        return _of_records(rows[:LOOKED_AT])
    if isinstance(first, (list, tuple)):
        numbers = [value for row in rows[:ROWS] if isinstance(row, (list, tuple)) for value in row]
        if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in numbers):
            return None
        dtype = "int64" if all(isinstance(value, int) for value in numbers) else "float64"
        return Schema((TensorSpec(dtype, (-1, len(first))),))
    if kind_of(first) == "array":
        is_even = all(kind_of(row) == "array" and (row.dtype, row.shape) == (first.dtype, first.shape) for row in rows[:ROWS])
        return Schema((TensorSpec(first.dtype, (-1, *map(int, first.shape))),)) if is_even else None
    kind = type_of_all(rows[:LOOKED_AT])
    return Schema((ColSpec(kind),)) if isinstance(kind, DataType) else None


def _of_records(rows: Any) -> Schema | None:
    if not all(isinstance(row, dict) and all(isinstance(name, str) for name in row) for row in rows):
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names or len(names) > MOST_COLUMNS:
        return None
    values = {name: [row.get(name) for row in rows] for name in names}
    return Schema(ColSpec(type_of_all(each), name, not any(map(is_missing, each))) for name, each in values.items())
