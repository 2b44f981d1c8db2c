"""What a model takes and gives, from what it was really given, as it was before it trained, and what it says of a few rows."""

from __future__ import annotations

import json
import re
from typing import Any

from runlake.analysis.rows import kind_of, some_rows
from runlake.entities.signatures import SIGNATURE_FILE, ColSpec, ModelSignature, Schema, TensorSpec
from runlake.instrument.given import Fitted, Given
from runlake.instrument.hookspecs import hookimpl

__all__ = ["data_given", "model_fitted", "schema_of"]

ROWS = 5  # that the model is asked for
LOOKED_AT = 1000  # rows, for whether a value is missing
MOST_COLUMNS = 2_000  # of a frame, which are looked into one by one

_INTEGERS = {"int8": "integer", "int16": "integer", "int32": "integer", "uint8": "integer", "uint16": "integer"}
_NUMBERS = {**_INTEGERS, "int64": "long", "uint32": "long", "float16": "float", "float32": "float", "float64": "double", "bool": "boolean"}


@hookimpl
def data_given(given: Given) -> None:
    """Look before the training can change what it is given."""
    if given.options["log_model_signatures"]:
        given.kept["signature"] = schema_of(given.inputs), some_rows(given.inputs, ROWS)


@hookimpl
def model_fitted(fitted: Fitted) -> None:
    """Ask the model for a few rows, and keep what it took and gave."""
    schema, rows = fitted.kept.get("signature", (None, None))
    if schema is None or fitted.run.active.kept_as(SIGNATURE_FILE) is not None:  # a plugin saw both
        return
    outputs = None if rows is None else fitted.ask("predict_sample", model=fitted.model, rows=rows)
    signature = ModelSignature(schema, None if outputs is None else schema_of(outputs))
    fitted.run.log_text(json.dumps(signature.to_dict(), indent=2), SIGNATURE_FILE)


def schema_of(data: Any) -> Schema | None:
    """The columns or the tensor that the data is; None for what is neither."""
    kind = kind_of(data)
    if kind == "opened":
        return schema_of(some_rows(data, LOOKED_AT))
    if kind in ("frame", "polars", "arrow"):
        return _of_frame(some_rows(data, LOOKED_AT), kind)
    if kind in ("array", "sparse"):
        return Schema((_tensor(data),))
    if kind == "arrays" and all(kind_of(value) == "array" for value in data.values()):
        return Schema(tuple(_tensor(value, str(name)) for name, value in data.items()))
    return _of_list(data) if kind == "list" else None


def _of_frame(rows: Any, kind: str) -> Schema:
    if kind == "arrow":
        fields = [(field.name, str(field.type), column.null_count) for field, column in zip(rows.schema, rows.columns, strict=True)]
        return Schema(tuple(ColSpec(_column_type(dtype, ()), name, not missing) for name, dtype, missing in fields))
    if not hasattr(rows, "columns"):  # a single column
        name = None if rows.name is None else str(rows.name)
        return Schema((ColSpec(_column_type(str(rows.dtype), rows), name, not _has_missing(rows)),))
    if kind == "frame" and len(rows.columns) > MOST_COLUMNS:
        return _of_wide_frame(rows)
    columns = [(str(name), rows.iloc[:, place] if kind == "frame" else rows[name]) for place, name in enumerate(rows.columns)]
    return Schema(tuple(ColSpec(_column_type(str(column.dtype), column), name, not _has_missing(column)) for name, column in columns))


def _of_wide_frame(rows: Any) -> Schema:
    """By the types alone, and a look at all columns at once for what is missing; columns of one sort of number are a tensor."""
    types = {dtype: _column_type(str(dtype), ()) for dtype in set(rows.dtypes)}
    if len(types) == 1 and (dtype := str(next(iter(types)))) in _NUMBERS:
        return Schema((TensorSpec(dtype, (-1, len(rows.columns))),))
    missing = rows.isna().any().tolist()
    named = zip(rows.columns, rows.dtypes, missing, strict=True)
    return Schema(tuple(ColSpec(types[dtype], str(name), not is_missing) for name, dtype, is_missing in named))


def _column_type(dtype: str, values: Any) -> str:
    """The type of a column of pandas, Polars or Arrow, by the name that these give it."""
    name = dtype.lower().removesuffix("[pyarrow]").partition("(")[0]
    name = {"double": "float64", "float": "float32", "halffloat": "float16", "boolean": "bool"}.get(name, name)
    if name in _NUMBERS:
        return _NUMBERS[name]
    if re.match(r"date|timestamp", name):
        return "datetime"
    if name in ("binary", "large_binary"):
        return "binary"
    if name != "object":
        return "string"
    first = next((value for value in list(values) if value is not None), None)
    kinds: dict[type, str] = {bytes: "binary", bytearray: "binary", bool: "boolean", int: "long", float: "double"}
    return kinds.get(type(first), "string")


def _has_missing(column: Any) -> bool:
    return bool(column.isna().any() if hasattr(column, "isna") else column.is_null().any())


def _tensor(data: Any, name: str | None = None) -> TensorSpec:
    dtype = str(data.dtype).rpartition(".")[2]  # some libraries name themselves in front
    return TensorSpec("str" if re.match(r"[<>|=]?U\d+", dtype) else dtype, (-1, *(int(size) for size in data.shape[1:])), name)


def _of_list(rows: Any) -> Schema | None:
    """Texts and numbers are a column; rows of numbers are a tensor."""
    first = rows[0]
    if isinstance(first, (list, tuple)):
        numbers = [value for row in rows[:ROWS] if isinstance(row, (list, tuple)) for value in row]
        if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in numbers):
            return None
        dtype = "int64" if all(isinstance(value, int) for value in numbers) else "float64"
        return Schema((TensorSpec(dtype, (-1, len(first))),))
    kind = {str: "string", bytes: "binary", bool: "boolean", int: "long", float: "double"}.get(type(first))
    return None if kind is None else Schema((ColSpec(kind),))
