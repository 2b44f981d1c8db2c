"""Sorts runs as far as they are wanted: numbers, then NaN, then the runs that have no value; texts by their letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.read.search.columns import Numbers, Texts, number_of
from runlake.read.search.selected import Selected
from runlake.read.search.values import Attribute, Metric, MetricAt, Moment, Text
from runlake.store.columns import as_numbers, texts

__all__ = ["Order", "Place", "after", "first", "place_of"]

Sortable = Text | Attribute | Moment | Metric | MetricAt
Place = tuple[int, float | int | str]  # where a run stands in one order: whether it has a value (0), NaN (1) or none (2), and the value
Select = Callable[[np.ndarray], Selected]

_NUMBER, _NAN, _NONE = 0, 1, 2


@dataclass(frozen=True)
class Order:
    """What runs are sorted by."""

    value: Sortable
    is_descending: bool


@dataclass(frozen=True)
class _Key:
    """Of some runs what comes first: the least rank, and of equal ones the least value; and where a place would stand among them."""

    rank: np.ndarray
    value: np.ndarray
    place: tuple[int, float | int] = (0, 0)


def first(rows: np.ndarray, orders: Sequence[Order], select: Select, n: int) -> np.ndarray:
    """The first `n` of these runs, in order. Of runs far behind no more is looked at than tells that they are."""
    kept = _among_first(rows, orders, select, n)
    keys = [_key(order, select(kept)) for order in orders]
    return np.asarray(kept[np.lexsort([column for key in keys[::-1] for column in (key.value, key.rank)])])


def after(rows: np.ndarray, orders: Sequence[Order], select: Select, places: Sequence[Place]) -> np.ndarray:
    """Those of these runs that come after the place."""
    found = []
    for order, place in zip(orders, places, strict=True):
        key = _key(order, select(rows), place)
        rank, value = key.place
        found.append(rows[(key.rank > rank) | ((key.rank == rank) & (key.value > value))])
        rows = rows[(key.rank == rank) & (key.value == value)]
    return np.sort(np.concatenate(found))


def place_of(order: Order, run: Selected) -> Place:
    """Where a single run stands."""
    if isinstance(order.value, (Text, Attribute)):
        text = run.texts(order.value).to_arrow()[0].as_py()
        return (_NONE, "") if text is None else (_NUMBER, text)
    column = run.numbers(order.value)
    number = column.values[0].item()
    if not column.known[0]:
        return _NONE, 0
    return (_NAN, 0) if number != number else (_NUMBER, number)


def _among_first(rows: np.ndarray, orders: Sequence[Order], select: Select, n: int) -> np.ndarray:
    if len(rows) <= n or not orders or not n:
        return rows[:n]
    key = _key(orders[0], select(rows))
    sure, tied = _split(key.rank, np.arange(len(rows)), n)
    more, tied = _split(key.value[tied], tied, n - len(sure))
    sure = np.concatenate([sure, more])
    return np.concatenate([rows[sure], _among_first(rows[tied], orders[1:], select, n - len(sure))])


def _split(values: np.ndarray, rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of rows with these values those that are among the first `n`, and those among which the rest of these are."""
    if len(rows) <= n:
        return rows[:0], rows
    last = np.partition(values, n - 1)[n - 1] if n else values.min()
    return rows[values < last], rows[values == last]


def _key(order: Order, runs: Selected, place: Place | None = None) -> _Key:
    if not isinstance(order.value, (Text, Attribute)):
        return _number_key(runs.numbers(order.value), order.is_descending, place)
    column = runs.texts(order.value)
    if isinstance(order.value, Text) and (column.numbers.known == column.known).all():
        return _number_key(column.numbers, order.is_descending, _as_number(place))
    return _text_key(column, order.is_descending, place)


def _number_key(column: Numbers, is_descending: bool, place: Place | None) -> _Key:
    is_nan = np.isnan(column.values)
    rank = np.where(column.known, np.where(is_nan, _NAN, _NUMBER), _NONE)
    value = np.where(rank == _NUMBER, -column.values if is_descending else column.values, 0)
    if place is None or isinstance(place[1], str):
        return _Key(rank, value)
    return _Key(rank, value, (place[0], -place[1] if is_descending else place[1]))


def _text_key(column: Texts, is_descending: bool, place: Place | None) -> _Key:
    asked = texts([str(place[1])] if place is not None else [])
    coded = pa.concat_arrays([asked, column.distinct]).dictionary_encode()
    order = as_numbers(pc.array_sort_indices(coded.dictionary).cast(pa.int64()))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) * (-1 if is_descending else 1)
    of_distinct = ranks[as_numbers(coded.indices)]
    rank = np.where(column.known, _NUMBER, _NONE)
    value = column.by_run(of_distinct[len(asked) :], 0)
    if place is None:
        return _Key(rank, value)
    return _Key(rank, value, (place[0], int(of_distinct[0]) if place[0] == _NUMBER else 0))


def _as_number(place: Place | None) -> Place | None:
    """The place of a run whose text is sorted as a number."""
    if place is None or not isinstance(place[1], str) or place[0] == _NONE:
        return None if place is None else (place[0], 0)
    number = number_of(place[1])
    return (_NAN, 0) if number is None or number != number else (_NUMBER, number)
