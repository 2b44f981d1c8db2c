"""Data as a frame of pandas, however it is given: frames, arrays, dictionaries, lists, single values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from runlake.entities.column_types import DataType
from runlake.entities.signatures import Schema
from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.rows import kind_of

__all__ = ["as_array", "as_frame"]


def as_frame(data: Any, schema: Schema) -> Any:
    """The data as a frame, which may be the data itself. Where the schema is of one column, data without names is that."""
    try:
        import pandas as pd
    except ImportError:
        raise RunlakeError("The model takes columns, which are checked in a frame of pandas: `pip install pandas`.") from None
    if isinstance(data, pd.DataFrame):
        return data
    kind = kind_of(data)
    if isinstance(data, pd.Series):
        return _named(data.to_frame(), schema) if data.name is None else data.to_frame()
    if kind in ("polars", "arrow"):
        frame = data.to_pandas()
        return _with_integers(frame, data, schema) if hasattr(frame, "columns") else frame.to_frame()
    try:
        if isinstance(data, Mapping):
            return _of_mapping(data, schema)
        if isinstance(data, list):
            if data and isinstance(data[0], Mapping):
                return pd.DataFrame(data)
            is_of_cells = len(schema) == 1 and not isinstance(schema.inputs[0].type, DataType)
            return _named(pd.DataFrame({0: pd.Series(data, dtype=object)}) if is_of_cells else pd.DataFrame(data), schema)
        if kind == "array":
            array = as_array(data)
            return pd.DataFrame(array) if array.dtype.names else _named(pd.DataFrame(array), schema)
        if isinstance(data, (str, bytes, bool, int, float, complex, date)) or _is_single(data):
            return _named(pd.DataFrame([as_array(data)[()] if _is_single(data) else data]), schema)
    except (ValueError, TypeError) as error:
        raise InvalidValue(f"The model takes columns, and this {type(data).__name__} cannot become a frame: {error}.") from None
    way = " Make it an array, as by data.toarray()." if kind == "sparse" else ""
    raise InvalidValue(f"The model takes columns, as of a DataFrame, not data of type {type(data).__name__}.{way}")


def as_array(data: Any) -> Any:
    """An array of NumPy, of what can become one."""
    import numpy as np

    try:
        return np.asarray(data.detach() if hasattr(data, "detach") else data)  # a tensor that is part of a training
    except (TypeError, ValueError) as error:  # one of another device, or of numbers that NumPy does not have
        raise InvalidValue(f"Data of type {type(data).__name__} cannot become an array: {error}.") from None


def _with_integers(frame: Any, data: Any, schema: Schema) -> Any:
    """With integers where the model takes some of which may be missing, and pandas would have floats."""
    import pandas as pd

    wanted = dict(zip(schema.input_names(), schema.inputs, strict=True))
    for place, name in enumerate(frame.columns):
        spec = wanted.get(name)
        if spec is not None and not spec.required and spec.type in ("integer", "long") and frame.dtypes.iloc[place].kind == "f":
            given = data.column(place).to_pylist() if hasattr(data, "column") else data.to_series(place).to_list()
            bits = 64 if spec.type == "long" else 32
            if all(value is None or (isinstance(value, int) and -(1 << bits - 1) <= value < 1 << bits - 1) for value in given):
                frame.isetitem(place, pd.array(given, f"Int{bits}"))
    return frame


def _of_mapping(data: Mapping[Any, Any], schema: Schema) -> Any:
    """Lists and arrays are columns; where all are single values, or columns hold lists, the dictionary is one row."""
    import pandas as pd

    values = {name: as_array(value)[()] if _is_single(value) else value for name, value in data.items()}
    is_row = not all(isinstance(each.type, DataType) for each in schema.inputs)
    if is_row or not any(
        isinstance(value, (list, tuple)) or (hasattr(value, "__len__") and hasattr(value, "shape")) for value in values.values()
    ):
        return pd.DataFrame([values])
    return pd.DataFrame({name: list(value) if len(getattr(value, "shape", ())) > 1 else value for name, value in values.items()})


def _named(frame: Any, schema: Schema) -> Any:
    """With the name of the only column that there is."""
    only = schema.inputs[0]
    if len(schema) == 1 and len(frame.columns) == 1 and isinstance(only.name, str):
        frame.columns = [only.name]
    return frame


def _is_single(value: Any) -> bool:
    """Whether it is a value of NumPy, or an array of no dimension."""
    return getattr(value, "shape", None) == () and hasattr(value, "item")
