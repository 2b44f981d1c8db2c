"""Values that are lists or dictionaries, one by one, as the type that a signature wants."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as shortly
from typing import Any

from runlake.entities.column_types import AnyType, Array, ColumnType, DataType, Map, Object
from runlake.errors import InvalidValue
from runlake.models.signatures.casts import as_type
from runlake.models.signatures.cells import is_missing

__all__ = ["as_cells"]


def as_cells(column: Any, wanted: ColumnType, name: Any, required: bool = True) -> Any:
    """The column of pandas itself where each value fits, else one of values that do. Raises InvalidValue where one cannot."""
    if isinstance(wanted, AnyType):
        return column
    values = list(column)
    cast = [_as_value(value, wanted, name, required) for value in values]
    if all(one is other for one, other in zip(values, cast, strict=True)):
        return column
    import pandas as pd

    return pd.Series(cast, index=column.index, name=column.name, dtype=object)


def _as_value(value: Any, wanted: ColumnType, where: Any, required: bool) -> Any:
    if isinstance(wanted, AnyType) or (not required and is_missing(value)):
        return value
    if isinstance(wanted, DataType):
        return _as_plain(value, wanted, where)
    if isinstance(wanted, Array):
        return _as_list(value, wanted, where, required)
    if not isinstance(value, Mapping):
        raise InvalidValue(f"In the column {where!r} there is {_named(value)} where the model takes a dictionary, {wanted!r}.")
    if isinstance(wanted, Map):
        if not all(isinstance(key, str) for key in value):
            raise InvalidValue(f"In the column {where!r} there is a dictionary whose keys are not all texts: {shortly(value)}.")
        return _same_or_new(value, {key: _as_value(each, wanted.value_type, f"{where}.{key}", required) for key, each in value.items()})
    return _as_object(value, wanted, where)


def _as_object(value: Mapping[str, Any], wanted: Object, where: Any) -> Any:
    known = {each.name: each for each in wanted.properties}
    missing = [name for name, each in known.items() if each.required and name not in value]
    unknown = [key for key in value if key not in known]
    if missing or unknown:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(map(str, unknown))}, which it does not know"
        raise InvalidValue(f"In the column {where!r} there is a dictionary that {wrong}; the model takes {wanted!r}.")
    cast = {key: _as_value(each, known[key].dtype, f"{where}.{key}", known[key].required) for key, each in value.items()}
    return _same_or_new(value, cast)


def _same_or_new(value: Mapping[str, Any], cast: dict[str, Any]) -> Any:
    return value if all(value[key] is each for key, each in cast.items()) else cast


def _as_list(value: Any, wanted: Array, where: Any, required: bool) -> Any:
    is_array = hasattr(value, "__array__") and bool(getattr(value, "shape", None))
    if not is_array and not isinstance(value, list):
        raise InvalidValue(f"In the column {where!r} there is {_named(value)} where the model takes a list, {wanted!r}.")
    if not len(value):
        return value
    if not isinstance(wanted.dtype, DataType):
        cast = [_as_value(each, wanted.dtype, where, required) for each in value]
        return value if all(one is other for one, other in zip(value, cast, strict=True)) else cast
    if is_array and len(value.shape) > 1:
        raise InvalidValue(f"In the column {where!r} there is an array of shape {value.shape} where the model takes a list, {wanted!r}.")
    import pandas as pd

    column = pd.Series(value)
    found = as_type(column, wanted.dtype, where)
    if found is column:
        return value
    return found.to_numpy() if is_array else found.tolist()


def _as_plain(value: Any, wanted: DataType, where: Any) -> Any:
    if isinstance(value, (list, tuple, dict, set)) or getattr(value, "shape", None):
        raise InvalidValue(f"In the column {where!r} there is {_named(value)} where the model takes a single value, a {wanted}.")
    import pandas as pd

    column = pd.Series([value])
    found = as_type(column, wanted, where)
    return value if found is column else found.tolist()[0]


def _named(value: Any) -> str:
    return f"{shortly(value)} ({type(value).__name__})"
