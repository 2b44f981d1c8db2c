"""A frame as one Arrow file, mapped into memory: a column for each value that one run in a hundred has, a list for the rest.

A column is named `scope/stat/key`; a text has no stat. Of a series only `last` and a step are kept whole, the rest where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from runlake.entities import Scope
from runlake.read.search.columns import Ids, Numbers, Texts, coded_texts
from runlake.read.search.folding import STATS
from runlake.read.search.frames import Frame
from runlake.store.arrow_files import map_rows
from runlake.store.columns import as_array, as_numbers, is_known, texts
from runlake.store.owners import SHARED

__all__ = ["ChunkFrame", "as_rows"]

RARE = 100  # a column that fewer than one run in so many has lies in the list

_ATTRIBUTES = ("experiment_id", "name", "status", "user", "parent_run_id", "lifecycle", "owner", SHARED)
_TIMES = ("start_ns", "end_ns")
# Where the value of a stat stands that is not kept.
_WHOLE = {"min": "last", "max": "last", "first": "last", "mean": "last", "max_step": "min_step"}


class ChunkFrame:
    """The runs of such a file."""

    def __init__(self, path: Path) -> None:
        self._rows = map_rows(path)
        self._columns = {name: place for place, name in enumerate(self._rows.schema.names)}
        self._texts: dict[str, Texts] = {}
        self._numbers: dict[str, Numbers] = {}

    @cached_property
    def ids(self) -> Ids:
        """Their ids."""
        return Ids(self._rows.column(self._columns["run_id"]))

    def texts(self, scope: str, key: str) -> Texts:
        """A param, a tag, or what their owners said; of scope `input` the data sets, as JSON."""
        name = f"{scope}//{'' if scope == Scope.INPUT else key}"
        if name not in self._texts:
            self._texts[name] = _texts(self._rows.column(self._columns[name])) if name in self._columns else self._rest.texts(name)
        return self._texts[name]

    def integers(self, key: str) -> Numbers:
        """A time that their owners said."""
        return self._number(f"run/int/{key}", np.int64)

    def series(self, key: str, stat: str) -> Numbers:
        """What is to be said of a metric."""
        kept = self._number(f"metric/{stat}/{key}", STATS[stat])
        if stat not in _WHOLE:
            return kept
        whole = self._number(f"metric/{_WHOLE[stat]}/{key}", STATS[stat])
        is_there = whole.known if stat in ("first", "max_step") else whole.known & ~np.isnan(whole.values)
        return Numbers(np.where(kept.known, kept.values, whole.values), kept.known | is_there)

    def keys(self, scope: str) -> Set[str]:
        """The keys of params, tags or metrics that some of them have."""
        return _keys(scope, [*self._columns, *self._rest.names])

    def narrowed(self, rows: np.ndarray) -> tuple[Frame, np.ndarray]:
        """Nothing is less effort than this one."""
        return self, rows

    def keys_among(self, scope: str, rows: np.ndarray) -> Set[str]:
        """At least those that some of these rows have, and not many more."""
        return _keys(scope, [*self._columns, *self._rest.names_among(rows)])

    @cached_property
    def _rest(self) -> _Rest:
        return _Rest(self._rows.column(self._columns["rest"]))

    def _number(self, name: str, kind: type) -> Numbers:
        if name not in self._numbers:
            if name in self._columns:
                column = self._rows.column(self._columns[name])
                self._numbers[name] = Numbers(as_numbers(column), is_known(column))
            else:
                self._numbers[name] = self._rest.numbers(name, kind)
        return self._numbers[name]


class _Rest:
    """The values of columns that few runs have: a list for each run."""

    def __init__(self, column: pa.ListArray) -> None:
        self._n = len(column)
        self._ends = as_numbers(column.offsets)[1:]
        names, self._kinds, self._all_texts, self._numbers, self._integers = column.values.flatten()
        self.names: list[str] = names.dictionary.to_pylist()
        self._codes = as_numbers(names.indices)

    def texts(self, name: str) -> Texts:
        """A column of texts."""
        places, runs = self._found(name)
        chosen = as_array(places, pa.int64())
        kinds = self._kinds.take(chosen).dictionary_encode() if name.startswith(f"{Scope.PARAM}/") else None
        return coded_texts(self._n, runs, self._all_texts.take(chosen), kinds)

    def numbers(self, name: str, kind: type) -> Numbers:
        """A column of numbers."""
        places, runs = self._found(name)
        column = Numbers.none(self._n, kind)
        column.values[runs], column.known[runs] = as_numbers(self._integers if kind is np.int64 else self._numbers)[places], True
        return column

    def names_among(self, rows: np.ndarray) -> list[str]:
        """The names of the values that these runs have."""
        starts = np.r_[0, self._ends[:-1]][rows]
        sizes = self._ends[rows] - starts
        places = np.repeat(starts - np.r_[0, np.cumsum(sizes)[:-1]], sizes) + np.arange(sizes.sum()) if len(rows) else rows
        return [self.names[code] for code in np.unique(self._codes[places]).tolist()]

    def _found(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Where the values stand in the list, and of which runs they are."""
        if name not in self.names:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        places = np.flatnonzero(self._codes == self.names.index(name))
        return places, np.searchsorted(self._ends, places, side="right")


class _Kept(NamedTuple):
    """What is kept of a column: which runs have a value, and the values of all runs."""

    name: str
    known: np.ndarray
    column: Texts | Numbers


def as_rows(frame: Frame) -> pa.RecordBatch:
    """All that is known of the runs of a frame, as it is kept."""
    n = len(frame.ids)
    columns: dict[str, pa.Array] = {"run_id": frame.ids.ids}
    rare = []
    for kept in _columns(frame):
        count = int(kept.known.sum())
        if count * RARE >= n and count:
            columns[kept.name] = _whole(kept)
        elif count:
            rare.append(kept)
    columns["rest"] = _listed(n, rare)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _columns(frame: Frame) -> Iterator[_Kept]:
    yield from (_every(f"run//{key}", frame.texts(Scope.RUN, key)) for key in _ATTRIBUTES)
    yield from (_every(f"run/int/{key}", frame.integers(key)) for key in _TIMES)
    for scope in (Scope.PARAM, Scope.TAG):
        yield from (_every(f"{scope}//{key}", frame.texts(scope, key)) for key in sorted(frame.keys(scope)))
    yield _every("input//", frame.texts(Scope.INPUT, ""))
    for key in sorted(frame.keys(Scope.METRIC)):
        stats = {stat: frame.series(key, stat) for stat in STATS}
        for stat, column in stats.items():
            is_elsewhere = _is_same(column, stats[_WHOLE[stat]], may_be_nan=stat == "first") if stat in _WHOLE else False
            yield _Kept(f"metric/{stat}/{key}", column.known & ~np.asarray(is_elsewhere), column)


def _every(name: str, column: Texts | Numbers) -> _Kept:
    return _Kept(name, column.known, column)


def _is_same(column: Numbers, other: Numbers, *, may_be_nan: bool) -> np.ndarray:
    """Where the other column has it too. Of a last value that is NaN there may be no mean, or one that is NaN: that is kept."""
    is_nan = np.isnan(column.values) & np.isnan(other.values) & may_be_nan
    return np.asarray(other.known & ((column.values == other.values) | is_nan))


def _whole(kept: _Kept) -> pa.Array:
    if isinstance(kept.column, Numbers):
        return _array(kept.column.values, kept.known)
    distinct = kept.column.distinct
    if kept.column.kinds is not None:
        distinct = pa.StructArray.from_arrays([distinct, kept.column.kinds], names=["text", "kind"])
    return pa.DictionaryArray.from_arrays(_array(np.maximum(kept.column.codes, 0), kept.known), distinct)


def _texts(column: pa.DictionaryArray) -> Texts:
    codes = np.where(is_known(column), as_numbers(column.indices), np.int32(-1))
    distinct = column.dictionary
    if pa.types.is_struct(distinct.type):
        return Texts(codes, *distinct.flatten())
    return Texts(codes, distinct)


def _listed(n: int, rare: Sequence[_Kept]) -> pa.ListArray:
    """The values by run, and each run's in the order of the columns."""
    found = [np.flatnonzero(kept.known) for kept in rare]
    runs = np.concatenate([np.empty(0, np.int64), *found])
    order = np.argsort(runs, kind="stable")
    names = np.repeat(np.arange(len(rare), dtype=np.int32), [len(places) for places in found])
    ends = np.r_[0, np.cumsum(np.bincount(runs, minlength=n))]
    plain = [_plain(kept, places) for kept, places in zip(rare, found, strict=True)]
    kinds, words = (_texts_of([each[place] for each in plain]).take(as_array(order, pa.int64())) for place in (0, 1))
    numbers = np.concatenate([np.empty(0), *(each[2] for each in plain)])[order]
    integers = np.concatenate([np.empty(0, np.int64), *(each[3] for each in plain)])[order]
    fields = {
        "name": pa.DictionaryArray.from_arrays(as_array(names[order], pa.int32()), texts([kept.name for kept in rare])),
        "kind": kinds,
        "text": words,
        "number": as_array(numbers, pa.float64()),
        "integer": as_array(integers, pa.int64()),
    }
    values = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    return pa.ListArray.from_arrays(as_array(ends.astype(np.int32), pa.int32()), values)


def _plain(kept: _Kept, places: np.ndarray) -> tuple[pa.Array, pa.Array, np.ndarray, np.ndarray]:
    """The values at these places: kinds, texts, numbers and integers, of which one or two are what the column has."""
    n = len(places)
    if isinstance(kept.column, Numbers):
        nothing = texts([None] * n)
        is_integer = kept.column.values.dtype == np.int64
        values = kept.column.values[places]
        return nothing, nothing, np.zeros(n) if is_integer else values, values if is_integer else np.zeros(n, np.int64)
    chosen = as_array(kept.column.codes[places], pa.int32())
    kinds = texts([None] * n) if kept.column.kinds is None else kept.column.kinds.take(chosen)
    return kinds, kept.column.distinct.take(chosen), np.zeros(n), np.zeros(n, np.int64)


def _texts_of(parts: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays([texts([]), *parts])


def _array(values: np.ndarray, known: np.ndarray) -> pa.Array:
    kind = {np.dtype(np.float64): pa.float64(), np.dtype(np.int64): pa.int64(), np.dtype(np.int32): pa.int32()}[values.dtype]
    return as_array(values, kind, None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little")))


def _keys(scope: str, names: Sequence[str]) -> set[str]:
    begin = f"{scope}//" if scope != Scope.METRIC else f"{scope}/last/"
    return {name.removeprefix(begin) for name in names if name.startswith(begin)}
