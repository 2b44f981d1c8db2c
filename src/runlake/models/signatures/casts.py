"""A column as the type that a signature wants, where nothing is lost by that.

The rules are MLflow's: small numbers become larger ones of their sort, integers of 32 bits doubles, times times of nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from runlake.entities.column_types import DataType
from runlake.errors import InvalidValue
from runlake.models.signatures.cells import is_missing, type_of_value

__all__ = ["as_type", "fits"]

_NUMPY: Mapping[DataType, str] = {
    DataType.boolean: "bool",
    DataType.integer: "int32",
    DataType.long: "int64",
    DataType.float: "float32",
    DataType.double: "float64",
    DataType.datetime: "datetime64[ns]",
}
_KINDS = {DataType.boolean: "b", DataType.integer: "i", DataType.long: "i", DataType.float: "f", DataType.double: "f"}
_BYTES = {DataType.boolean: 1, DataType.integer: 4, DataType.long: 8, DataType.float: 4, DataType.double: 8}


def fits(dtype: Any, wanted: DataType) -> bool:
    """Whether a column of this type of pandas is what is wanted, whatever its values are."""
    held = _held(dtype)
    if wanted == DataType.string:
        return str(held) == "object" or held.type is str
    if wanted == DataType.binary:
        return str(held) == "object" or held.type in (str, bytes)  # as texts that come from JSON are
    return bool(str(held) == _NUMPY[wanted] or (held is not dtype and _widens(held, wanted)))


def as_type(column: Any, wanted: DataType, name: Any, required: bool = True) -> Any:
    """The column of pandas itself where it fits, else one that was cast. Raises InvalidValue where that would lose something."""
    if fits(column.dtype, wanted):
        return column
    if column.dtype == object:
        return _of_objects(column, wanted, name, required)
    if wanted == DataType.datetime and _zone(column.dtype) is not None:
        raise InvalidValue(
            f"The column {name!r} has times of a time zone ({column.dtype}), and the model takes times without: "
            f"make them such, as by data[{name!r}].dt.tz_convert(None), which is UTC."
        )
    if _widens(column.dtype, wanted):
        return _cast(column, wanted, name, required)
    if str(column.dtype) == "int64" and wanted in (DataType.float, DataType.double) and bool(column.isin([0, 1]).all()):
        return column.astype(_NUMPY[wanted])  # of ones and zeros
    raise _mismatch(column, wanted, name)


def _held(dtype: Any) -> Any:
    """The type of the values of a categorical or sparse column."""
    if str(dtype) == "category":
        return dtype if dtype.categories is None else dtype.categories.dtype
    return dtype.subtype if str(dtype).startswith("Sparse[") else dtype


def _zone(dtype: Any) -> Any:
    """The time zone of times; None for such without, and what else there is."""
    return getattr(getattr(dtype, "pyarrow_dtype", dtype), "tz", None)


def _widens(dtype: Any, wanted: DataType) -> bool:
    """Whether every value of this type is one of the wanted type, too."""
    if wanted == DataType.datetime:
        return bool((dtype.kind == "M" and _zone(dtype) is None) or dtype.type is date)
    if wanted not in _KINDS:
        return False
    if dtype.kind == _KINDS[wanted]:
        return bool(dtype.itemsize <= _BYTES[wanted])
    if dtype.kind == "u" and _KINDS[wanted] == "i":
        return bool(dtype.itemsize < _BYTES[wanted])
    return wanted == DataType.double and ((dtype.kind in "iu" and dtype.itemsize <= 4) or dtype.type is Decimal)


def _cast(column: Any, wanted: DataType, name: Any, required: bool) -> Any:
    if wanted in (DataType.boolean, DataType.integer, DataType.long) and column.isna().any():
        if not required:
            return column  # of a type that has missing integers
        raise _mismatch(column, wanted, name)
    import numpy as np

    try:
        with np.errstate(invalid="ignore"):  # a NaN of the kind that is to be noticed
            return column.astype(_NUMPY[wanted])
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:  # times that nanoseconds do not reach
        raise InvalidValue(f"The column {name!r} of {column.dtype} cannot become {_NUMPY[wanted]}: {error}.") from None


def _of_objects(column: Any, wanted: DataType, name: Any, required: bool) -> Any:
    """Objects may be of one type after all, or become it one by one."""
    import pandas as pd

    if not len(column):
        return column.astype(_NUMPY[wanted])
    inferred = column.infer_objects()
    if inferred.dtype != object:
        return as_type(inferred, wanted, name, required)
    if wanted == DataType.boolean and all(is_missing(value) or type_of_value(value) == wanted for value in column):
        return column
    try:
        if wanted == DataType.datetime:
            return column.astype(_NUMPY[wanted])
        if wanted == DataType.double:  # of Decimals, or texts
            return pd.to_numeric(column).astype(_NUMPY[wanted])
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidValue(f"The column {name!r} of objects cannot become {wanted} ({_NUMPY[wanted]}): {error}.") from None
    raise _mismatch(column, wanted, name)


def _mismatch(column: Any, wanted: DataType, name: Any) -> InvalidValue:
    numpy_type = _NUMPY.get(wanted, "")
    takes = f"{wanted} ({numpy_type})" if numpy_type else str(wanted)
    said = f"The column {name!r} is of type {column.dtype}, and the model takes {takes}, which that cannot safely become"
    if wanted in (DataType.integer, DataType.long) and _is_whole_with_missing(column):
        return InvalidValue(
            f"{said}: its numbers are whole, but some are missing, and pandas has them as floats. "
            f"Fill them, or have a signature in which the column is a double."
        )
    way = f"data[{name!r}].astype({numpy_type or 'str'!r})"
    return InvalidValue(f"{said}. If nothing is lost that matters, convert it, as by {way}, or have a signature with what you give.")


def _is_whole_with_missing(column: Any) -> bool:
    values = column.dropna()
    if len(values) == len(column):
        return False
    if column.dtype == object:
        return all(isinstance(value, int) for value in values) and any(map(is_missing, column))
    return bool(column.dtype.kind in "iu" or (column.dtype.kind == "f" and (values % 1 == 0).all()))
