"""Sorts runs as far as they are wanted: numbers, then other texts by their letters, then NaN, then the runs that have no value.

Where a run stands depends on its own values alone, so that it stays there when others come between two pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.read.search.columns import Numbers, Texts
from runlake.read.search.selected import Selected
from runlake.read.search.values import Attribute, Metric, MetricAt, Moment, Text
from runlake.store.columns import as_numbers, texts

__all__ = ["Order", "Place", "after", "first", "place_of"]

Sortable = Text | Attribute | Moment | Metric | MetricAt
Place = tuple[int, float | int | str]  # where a run stands in one order: what it has, of the four kinds below, and the value
Select = Callable[[np.ndarray], Selected]

_NUMBER, _TEXT, _NAN, _NONE = range(4)


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
        return (_NONE, "") if text is None else (_TEXT, text)
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
    if isinstance(order.value, (Text, Attribute)):
        key = _text_key(runs.texts(order.value), place, may_be_numbers=isinstance(order.value, Text))
    else:
        key = _number_key(runs.numbers(order.value), place)
    return _Key(key.rank, -key.value, (key.place[0], -key.place[1])) if order.is_descending else key


def _number_key(column: Numbers, place: Place | None) -> _Key:
    rank = np.where(column.known, np.where(np.isnan(column.values), _NAN, _NUMBER), _NONE)
    value = np.where(rank == _NUMBER, column.values, 0)
    if place is None or isinstance(place[1], str):
        return _Key(rank, value)
    return _Key(rank, value, (place[0], place[1]))


def _text_key(column: Texts, place: Place | None, *, may_be_numbers: bool) -> _Key:
    asked = Texts.none(0) if place is None or place[0] == _NONE else Texts(np.zeros(1, np.int32), texts([str(place[1])]))
    n = len(asked.distinct)
    rank, value = np.full(n + len(column.distinct), _TEXT), np.zeros(n + len(column.distinct))
    if may_be_numbers:
        numbers = [np.concatenate(pair) for pair in zip(asked.numbers_of_distinct, column.numbers_of_distinct, strict=True)]
        rank = np.where(numbers[1], np.where(np.isnan(numbers[0]), _NAN, _NUMBER), _TEXT)
        value = np.where(rank == _NUMBER, numbers[0], 0)
    if (rank == _TEXT).any():
        value = np.where(rank == _TEXT, _by_letters(pa.concat_arrays([asked.distinct, column.distinct])), value)
    at = (int(rank[0]), float(value[0])) if n else (_NONE, 0)
    return _Key(column.by_run(rank[n:], _NONE), column.by_run(value[n:], 0), at)


def _by_letters(distinct: pa.Array) -> np.ndarray:
    """Numbers that sort as these texts do, of which some may be equal."""
    coded = distinct.dictionary_encode()
    order = as_numbers(pc.array_sort_indices(coded.dictionary).cast(pa.int64()))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return np.asarray(ranks[as_numbers(coded.indices)])
