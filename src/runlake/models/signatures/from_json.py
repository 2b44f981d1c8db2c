"""Data that came as JSON, whose types are few, with those that a schema knows: numbers of a size, times, bytes, columns by their names.

What cannot be the type that is wanted without a loss is refused here, or left for the enforcement to refuse.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Mapping, Sequence
from reprlib import repr as shortly
from typing import Any

from runlake.entities.column_types import DataType
from runlake.entities.signatures import Schema
from runlake.errors import InvalidValue

__all__ = ["array_of", "check_width", "columns_of_records", "data_of", "frame_of_columns", "frame_of_split"]

_NUMPY = {
    DataType.boolean: "bool",
    DataType.integer: "int32",
    DataType.long: "int64",
    DataType.float: "float32",
    DataType.double: "float64",
}
_MAY_BE_MISSING = {DataType.boolean: "boolean", DataType.integer: "Int32", DataType.long: "Int64"}
_WHOLE = (DataType.integer, DataType.long)
MOST_COLUMNS = 100_000  # or twice those of the schema: pandas takes very long for more
MOST_EMPTY = 16  # times the values that records have, that a frame of them may have cells
_NUMBERS = frozenset({int, float, type(None)})  # whose lists become an array of floats as they are


def frame_of_split(stored: Mapping[str, Any], schema: Schema | None) -> Any:
    """A frame of `data`, rows of values, with `columns` and `index` where these are given."""
    import pandas as pd

    rows, names, index = stored["data"], stored.get("columns"), stored.get("index")
    if not isinstance(rows, list) or not isinstance(names, (list, type(None))) or not isinstance(index, (list, type(None))):
        raise InvalidValue("The data of a frame is a list of rows, and so are its columns and index lists, where they are given.")
    if names is not None and not all(isinstance(name, (str, int, float)) for name in names):
        raise InvalidValue(f"The names of the columns are texts or numbers, not {shortly(names)}.")
    are_lists = {isinstance(row, list) for row in rows}
    if len(are_lists) == 2:
        raise InvalidValue("Of the rows of a frame some are lists and some are not.")
    if are_lists != {True}:
        return _typed_frame(pd.DataFrame(rows, columns=names, index=index), schema)
    labels: Sequence[Any] = range(len(rows[0])) if names is None else names
    check_width(len(labels), schema)
    kinds = _kinds(labels, schema)
    if any(len(row) != len(labels) for row in rows):
        wrong = next(len(row) for row in rows if len(row) != len(labels))
        raise InvalidValue(f"The data of a frame has {len(labels)} columns, and one of its rows has {wrong} values.")
    if set(kinds) == {DataType.double} and _types(rows) <= _NUMBERS:
        is_whole = names is not None and schema is not None and names == schema.input_names()
        return pd.DataFrame(_floats(rows), columns=_labels(tuple(labels)) if is_whole else names, index=index)
    if len(set(labels)) < len(labels):  # the enforcement says which of them is there twice
        return _typed_frame(pd.DataFrame(rows, columns=names, index=index), schema)
    return _frame(labels, zip(*rows, strict=True), kinds, index)


def frame_of_columns(values: Mapping[Any, Sequence[Any]], schema: Schema | None) -> Any:
    """A frame of columns by their names."""
    check_width(len(values), schema)
    if len({len(each) for each in values.values()}) > 1:
        sizes = ", ".join(f"{name!r} {len(each)}" for name, each in list(values.items())[:5])
        raise InvalidValue(f"The columns have different numbers of values: {sizes}.")
    return _frame(list(values), values.values(), _kinds(list(values), schema), None)


def check_width(n_columns: int, schema: Schema | None) -> None:
    """Raise InvalidValue for more columns than any data has that the model could take."""
    most = max(MOST_COLUMNS, 2 * len(schema) if schema is not None else 0)
    if n_columns > most:
        raise InvalidValue(f"The data has {n_columns:,} columns, and at most {most:,} are looked at.")


def columns_of_records(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values by their names of rows that are dictionaries; what a row lacks is None. Raises InvalidValue where most is lacking."""
    names = dict.fromkeys(name for record in records for name in record)
    if len(names) * len(records) > MOST_EMPTY * sum(map(len, records)) + MOST_COLUMNS:
        raise InvalidValue(f"The {len(records):,} records have {len(names):,} different names, of which each has hardly any.")
    return {name: [record.get(name) for record in records] for name in names}


def data_of(value: Any, schema: Schema | None, *, by_rows: bool = False) -> Any:
    """What a model is asked with: lists, dictionaries and values as JSON has them, with the types of the schema.

    Dictionaries in a list are rows; `by_rows` makes them the columns that they come to, where nothing says that the model takes rows.
    """
    is_of_records = isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
    if schema is None or schema.is_tensor_spec():
        if is_of_records and (by_rows or schema is not None):
            value = columns_of_records(value)
        return _tensors(value) if schema is None and not (is_of_records and not by_rows) else value
    if not all(isinstance(each.type, DataType) for each in schema.inputs):
        return frame_of_columns(columns_of_records(value), schema) if is_of_records and len(schema) > 1 else value
    if is_of_records:
        return frame_of_columns(columns_of_records(value), schema)
    if isinstance(value, dict) and value:
        is_of_lists = [isinstance(each, list) for each in value.values()]
        if any(is_of_lists) and not all(is_of_lists):
            raise InvalidValue("The values of the columns are lists, or each is a single value; these are some of both.")
        return frame_of_columns(value if all(is_of_lists) else {name: [each] for name, each in value.items()}, schema)
    if isinstance(value, list) and any(isinstance(each, list) for each in value):
        return frame_of_split({"data": value}, schema)
    if len(schema) == 1 and not isinstance(value, dict):
        return frame_of_columns({schema.input_names()[0]: value if isinstance(value, list) else [value]}, schema)
    return value


def array_of(values: Any, dtype: str | None) -> Any:
    """Nested lists as an array, of a type that is known or of their own."""
    import numpy as np

    array = np.asarray(values)
    if dtype is not None:
        return array.astype(dtype)
    return array.astype("float64") if array.dtype == object and array.ndim else array  # numbers, of which some are missing


def _tensors(value: Any) -> Any:
    """Lists as arrays, without a schema that says of which type."""
    import numpy as np

    if isinstance(value, dict):
        return {name: _tensors(each) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:  # rows of several lengths
        raise InvalidValue(f"The lists cannot become an array: {error}.") from None
    is_of_numbers = array.dtype == object and all(type(each) in _NUMBERS for each in array.flat)
    return array.astype("float64") if is_of_numbers else array


def _kinds(labels: Sequence[Any], schema: Schema | None) -> list[DataType | None]:
    """The plain type of each column, where one is known."""
    if schema is None or schema.is_tensor_spec():
        return [None] * len(labels)
    if not schema.has_input_names():
        by_place = [each.type if isinstance(each.type, DataType) else None for each in schema.inputs[: len(labels)]]
        return by_place + [None] * (len(labels) - len(by_place))
    known = {each.name: each.type for each in schema.inputs if isinstance(each.type, DataType)}
    return [known.get(label) if isinstance(label, str) else None for label in labels]


@functools.lru_cache(maxsize=16)
def _labels(names: tuple[str, ...]) -> Any:
    """The columns of a frame, made once for all frames of a schema: that takes longer than all else of a row."""
    import pandas as pd

    return pd.Index(names)


def _types(rows: Sequence[Sequence[Any]]) -> set[type]:
    found: set[type] = set()
    for row in rows:
        found.update(map(type, row))
    return found


def _floats(values: Any) -> Any:
    import numpy as np

    try:
        return np.array(values, "float64")
    except OverflowError:
        raise InvalidValue("One of the numbers is larger than any double is.") from None


def _frame(labels: Sequence[Any], columns: Any, kinds: Sequence[DataType | None], index: list[Any] | None) -> Any:
    import pandas as pd

    made = {
        label: list(values) if kind is None else _column(values, kind, label)
        for label, values, kind in zip(labels, columns, kinds, strict=True)
    }
    return pd.DataFrame(made, index=index, columns=None if made else labels)


def _typed_frame(frame: Any, schema: Schema | None) -> Any:
    """A frame whose columns have the types of the schema, where they can be told from each other."""
    for place, kind in enumerate(_kinds(list(frame.columns), schema)):
        if kind is not None and list(frame.columns).count(frame.columns[place]) == 1:
            frame.isetitem(place, _column(frame.iloc[:, place].tolist(), kind, frame.columns[place]))
    return frame


def _column(values: Sequence[Any], kind: DataType, name: Any) -> Any:
    """Numbers, times and bytes as the type. Raises InvalidValue for what cannot be one."""
    types = set(map(type, values))
    try:
        if kind in (DataType.double, DataType.float):
            return _floats(values if types <= _NUMBERS else [_number(value) for value in values]).astype(_NUMPY[kind])
        if kind in _WHOLE or kind == DataType.boolean:
            return _of_whole(values, types, kind)
        if kind == DataType.datetime:
            return _times(values)
        if kind == DataType.binary:
            return [base64.decodebytes(value.encode()) if isinstance(value, str) else value for value in values]
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise InvalidValue(f"The values of the column {name!r} cannot become {kind}: {error}") from None
    return list(values)


def _number(value: Any) -> Any:
    """A text of digits is a number; a truth is none."""
    if isinstance(value, (bool, list, dict)):
        raise InvalidValue(f"{shortly(value)} is not a number.")
    return None if value is None else float(value)


def _of_whole(values: Sequence[Any], types: set[type], kind: DataType) -> Any:
    import numpy as np
    import pandas as pd

    plain = bool if kind == DataType.boolean else int
    whole = values if types <= {plain, type(None)} else [None if value is None else _whole(value, kind) for value in values]
    if None in whole:
        return pd.array(list(whole), _MAY_BE_MISSING[kind])
    return np.array(whole, _NUMPY[kind])


def _whole(value: Any, kind: DataType) -> Any:
    if kind == DataType.boolean:
        if not isinstance(value, (int, float)) or value not in (0, 1):
            raise InvalidValue(f"{shortly(value)} is neither true nor false.")
        return bool(value)
    if isinstance(value, (bool, list, dict)):
        raise InvalidValue(f"{shortly(value)} is not a whole number.")
    if value != value:  # what a frame has where nothing is
        return None
    if int(value) != (float(value) if isinstance(value, str) else value):
        raise InvalidValue(f"{shortly(value)} is not a whole number.")
    return int(value)


def _times(values: Sequence[Any]) -> Any:
    import pandas as pd

    if not all(isinstance(value, str) or value is None or value != value for value in values):
        raise InvalidValue("a time is a text, as '2026-01-31T12:30:00'.")
    return pd.to_datetime(pd.Series(list(values), dtype=object), format="ISO8601").astype("datetime64[ns]").array
