"""Data as the columns of a signature: by their names where they have some, by their places else, each as its type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from runlake.entities.column_types import AnyType, ColumnType, DataType
from runlake.entities.signatures import Schema
from runlake.errors import InvalidValue
from runlake.guard import log
from runlake.models.signatures.casts import as_type, fits
from runlake.models.signatures.frames import as_frame
from runlake.models.signatures.nested import as_cells

__all__ = ["ColumnEnforcement", "listed"]

MOST_NAMES = 20  # in a sentence


class ColumnEnforcement:
    """Gives frames with the columns of one schema. What it knows of the last frame that fitted makes the next one quick."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._names = tuple(schema.input_names())
        self._types: list[ColumnType] = [each.type for each in schema.inputs]  # type: ignore[misc]  # there are no tensors
        self._is_required = [each.required for each in schema.inputs]
        self._known = frozenset(self._names)
        self._is_open = len(schema) == 1 and not schema.has_input_names() and isinstance(self._types[0], AnyType)
        self._fitting: list[Any] = []
        self._fitting_columns: Any = None  # the very object, which does not change
        self._has_warned = False

    def __call__(self, data: Any) -> Any:
        """The frame of these columns; the data is not changed, and where it fits, no value is copied."""
        if self._is_open:
            return data
        frame = as_frame(data, self._schema)
        dtypes = frame.dtypes.tolist()
        labels = self._names if frame.columns is self._fitting_columns else tuple(frame.columns)
        if labels == self._names and self._fitting and dtypes == self._fitting:
            return frame.copy(deep=False)  # a model that adds a column adds it to its own frame
        places = self._places(labels)
        is_whole = list(places.values()) == list(range(len(labels)))
        taken = frame.copy(deep=False) if is_whole else frame.take(list(places.values()), axis=1)
        is_fitting = True
        for place, (number, place_given) in enumerate(places.items()):
            kind = self._types[number]
            if isinstance(kind, DataType) and fits(dtypes[place_given], kind):
                continue
            is_fitting = False
            column, name, required = taken.iloc[:, place], self._names[number], self._is_required[number]
            cast = as_type(column, kind, name, required) if isinstance(kind, DataType) else as_cells(column, kind, name, required)
            if cast is not column:
                taken.isetitem(place, cast)
        if is_fitting and labels == self._names:
            self._fitting, self._fitting_columns = dtypes, frame.columns
        return taken

    def _places(self, labels: Sequence[Any]) -> dict[int, int]:
        """Where the columns of the schema, by their numbers, are in the data; those that may be missing may not be in it."""
        if labels == self._names or not self._schema.has_input_names():
            if len(labels) < len(self._names):
                raise InvalidValue(f"The model takes {len(self._names)} columns, and the data has {len(labels)}.")
            return {number: number for number in range(len(self._names))}
        found = {label: place for place, label in reversed(list(enumerate(labels)))}
        if any(not isinstance(label, (str, int)) for label in found):
            found = {str(label): place for label, place in found.items()} | found
        missing = [name for name, required in zip(self._names, self._is_required, strict=True) if required and name not in found]
        extra = [label for label in labels if label not in self._known and str(label) not in self._known]
        if missing:
            raise InvalidValue(_missing(missing, extra, labels))
        times = Counter(labels)
        if twice := [name for name in self._names if times[name] > 1]:
            raise InvalidValue(f"The data has several columns of the name {listed(twice)}, and nobody can tell which the model is to take.")
        if extra and not self._has_warned:
            self._has_warned = True
            log.warning("The data has columns that the model does not take, and which are left out: %s.", listed(extra))
        return {number: found[name] for number, name in enumerate(self._names) if name in found}


def listed(names: Sequence[Any]) -> str:
    """Names in a sentence: all of a few."""
    left = len(names) - MOST_NAMES
    return ", ".join(repr(name) for name in names[:MOST_NAMES]) + (f" and {left} more" if left > 0 else "")


def _missing(missing: Sequence[Any], extra: Sequence[Any], labels: Sequence[Any]) -> str:
    said = f"The model takes {'a column' if len(missing) == 1 else 'columns'} {listed(missing)}, which the data lacks"
    if labels == tuple(range(len(labels))):
        return f"{said}: its columns have no names. Give them, as pd.DataFrame(data, columns=[...]) does."
    return f"{said}; what it has beside is {listed(extra)}." if extra else f"{said}."
