"""A curve: a series in no more buckets than there are pixels, each of which says exactly what its points say.

Where `lod` speaks of a data file its buckets are taken, at the coarsest level that is fine enough; everything else is read point by
point: files without buckets, rows that are not published yet, buckets that reach over an end of what is looked at. Buckets whose
points may lie among others' are read point by point as well, so what is left is disjoint, and is then put together by pixels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from runlake.errors import StoreError
from runlake.store.buckets import COARSE, Buckets, Grid, beginnings, buckets_of_points, level_for, merged, one_after_the_other
from runlake.store.columns import as_numbers
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.published import PublishedTable
from runlake.store.selection import Wanted, matching, rows_at, rows_of_file
from runlake.store.tables import TABLES, in_order
from runlake.store.view import View

__all__ = ["LEAST", "MOST", "Asked", "Axis", "buckets_by_file", "curve"]

Axis = Literal["step", "time"]

LEAST, MOST = -(2**63), 2**63 - 1
MOST_PIXELS = 3  # that a bucket may lie on: a wider one would hide what its points look like
MOST_LEVELS = 63

_POINTS, _LOD = TABLES["points"], TABLES["lod"]
_OF_POINTS = ("step", "wall_ns", "value")


@dataclass(frozen=True)
class Asked:
    """Which series, along what, from where to where, and on how many pixels; without pixels, each x for itself."""

    run_id: str
    key: str
    x: Axis = "step"
    first: int | None = None
    last: int | None = None
    pixels: int | None = None

    @cached_property
    def order(self) -> tuple[str, str]:
        """The columns that points are sorted by, x before."""
        return ("step", "wall_ns") if self.x == "step" else ("wall_ns", "step")

    @cached_property
    def extent(self) -> tuple[int, int]:
        """From where to where."""
        return LEAST if self.first is None else self.first, MOST if self.last is None else self.last

    @cached_property
    def within(self) -> Wanted:
        """What x a point must have."""
        return {} if self.extent == (LEAST, MOST) else {self.order[0]: self.extent}

    @cached_property
    def series(self) -> Wanted:
        """Whose points."""
        return {"run_id": self.run_id, "key": self.key}

    @cached_property
    def columns_of_x(self) -> tuple[str, str]:
        """The columns of `lod` that say from where to where a bucket goes."""
        return ("step0", "step1") if self.x == "step" else ("ns0", "ns1")

    def grid(self, *columns: np.ndarray) -> Grid:
        """The pixels, over what is asked for or, where it is open, over what there is."""
        held = [column for column in columns if len(column)]
        first = self.first if self.first is not None else min((int(column.min()) for column in held), default=0)
        last = self.last if self.last is not None else max((int(column.max()) for column in held), default=0)
        return Grid(first, last, self.pixels)


def curve(view: View, asked: Asked) -> Buckets:
    """The series in buckets, disjoint and by x: each says what the points from its x0 to its x1 say, together they say all."""
    if view.lod.mark("points") <= view.tables["points"].log.version:
        view.lod.refresh()
    try:
        return view.whatever_vanishes(lambda: _curve(view, asked, _OF_POINTS))
    except _TiedError:
        return view.whatever_vanishes(lambda: _curve(view, asked, (*_OF_POINTS, "writer", "seq")))


def buckets_by_file(lod: DeltaLog) -> dict[str, DataFile]:
    """The files of `lod` by the data file of `points` that they speak of. One that speaks of several is none of ours."""
    return {file.least["file"]: file for file in lod.files.values() if "file" in file.least and file.least["file"] == file.greatest["file"]}


class _TiedError(Exception):
    """Points share step and time: only who wrote them tells their order."""


def _curve(view: View, asked: Asked, columns: Sequence[str]) -> Buckets:
    published = view.tables["points"]
    lying, whole = _lying(view, asked)
    tables = [matching(view.waiting_points(asked.key, asked.run_id), asked.within).select(columns)]
    tables += [rows_of_file(file.path, _POINTS, {**asked.series, **asked.within}, columns, published.footer(file)) for file in whole]
    tables += lying.take(lying.is_torn).points(published, asked, columns)
    lying = lying.take(~lying.is_torn)
    x, values = _sorted(tables, asked)
    grid = asked.grid(x, lying.buckets.x0, lying.buckets.x1)
    is_mixed = _is_mixed(lying, x, grid)
    if is_mixed.any():
        tables += lying.take(is_mixed).points(published, asked, columns)
        lying = lying.take(~is_mixed)
        x, values = _sorted(tables, asked)
    return _on_pixels(merged(lying.buckets, _heaps(lying.buckets)), x, values, grid)


@dataclass(frozen=True)
class _Lying:
    """Buckets of several data files by x, where their points lie, and which reach over an end or tell nothing of first and last."""

    buckets: Buckets
    files: Sequence[DataFile]
    of_file: np.ndarray
    row: np.ndarray
    is_torn: np.ndarray

    def take(self, places: np.ndarray) -> _Lying:
        """Some of them."""
        return _Lying(self.buckets.take(places), self.files, self.of_file[places], self.row[places], self.is_torn[places])

    def points(self, published: PublishedTable, asked: Asked, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Their points, as far as they are asked for."""
        for number in np.unique(self.of_file):
            file, is_there = self.files[number], self.of_file == number
            order = np.argsort(self.row[is_there])
            starts = self.row[is_there][order]
            stops = starts + self.buckets.n[is_there][order]
            first = np.flatnonzero(np.append(True, starts[1:] != stops[:-1]))
            spans = list(zip(starts[first].tolist(), stops[np.append(first[1:], len(stops)) - 1].tolist(), strict=True))
            yield matching(rows_at(file.path, _POINTS, spans, columns, published.footer(file)), asked.within)


def _lying(view: View, asked: Asked) -> tuple[_Lying, list[DataFile]]:
    """The buckets to begin with, all of them torn where none are fine enough; and the files that are read whole."""
    files = view.tables["points"].files({**asked.series, **asked.within})
    spoken_of = {} if asked.pixels is None else buckets_by_file(view.lod.log)
    held = {name: _rows_of_lod(view, spoken_of[name], asked, (COARSE, MOST_LEVELS)) for name in files if name in spoken_of}
    held = {name: rows for name, rows in held.items() if rows.num_rows}
    n_points = sum(int(as_numbers(matching(rows, {"level": COARSE})["n"]).sum()) for rows in held.values())
    level = level_for(n_points, asked.pixels or 1)
    found = {}
    for name, coarse in held.items():
        most = int(as_numbers(coarse["level"]).max())  # a shorter series has no coarser ones
        wanted = COARSE if level is None else min(level, most)
        rows = matching(coarse, {"level": wanted}) if wanted >= COARSE else _rows_of_lod(view, spoken_of[name], asked, (wanted, wanted))
        if rows.num_rows:
            found[name] = rows
    lying = _as_lying([(files[name], rows) for name, rows in found.items()], asked, is_torn=level is None)
    return lying, [files[name] for name in files if name not in found]


def _rows_of_lod(view: View, file: DataFile, asked: Asked, levels: tuple[int, int]) -> pa.Table:
    """The buckets that reach into what is asked for; none where their file is gone or damaged, which only costs time."""
    before, behind = asked.columns_of_x
    ends: dict[str, Any] = {"level": levels}
    if asked.first is not None:
        ends[behind] = (asked.first, MOST)
    if asked.last is not None:
        ends[before] = (LEAST, asked.last)
    with contextlib.suppress(FileNotFoundError, StoreError):
        return rows_of_file(file.path, _LOD, {**asked.series, **ends}, _LOD.schema.names[3:], view.lod.footer(file))
    return _LOD.no_rows.select(_LOD.schema.names[3:])


def _as_lying(found: Sequence[tuple[DataFile, pa.Table]], asked: Asked, *, is_torn: bool) -> _Lying:
    rows = pa.concat_tables([_LOD.no_rows.select(_LOD.schema.names[3:]), *(each for _, each in found)])
    of_file = np.repeat(np.arange(len(found)), [each.num_rows for _, each in found])
    names = dict(zip(("x0", "x1"), asked.columns_of_x, strict=True))
    columns = {name: as_numbers(rows[names.get(name, name)]) for name in Buckets.__dataclass_fields__}
    row, x0, x1 = as_numbers(rows["row"]), columns["x0"], columns["x1"]
    torn = (x0 < asked.extent[0]) | (x1 > asked.extent[1]) | is_torn
    if asked.x == "time":
        torn |= as_numbers(rows["backwards"]) > 0
    lying = _Lying(Buckets(**columns), [file for file, _ in found], of_file, row, torn)
    return lying.take(np.lexsort((row, of_file, x0)))


def _sorted(tables: Sequence[pa.Table], asked: Asked) -> tuple[np.ndarray, np.ndarray]:
    """The x and the values of points, in the order that a series has."""
    rows = in_order(pa.concat_tables(tables), asked.order)
    x, other = (as_numbers(rows[name]) for name in asked.order)
    if ((x[1:] == x[:-1]) & (other[1:] == other[:-1])).any():
        if "writer" not in rows.schema.names:
            raise _TiedError
        rows = in_order(rows, (*asked.order, "writer", "seq"))
    return as_numbers(rows[asked.order[0]]), as_numbers(rows["value"])


def _heaps(buckets: Buckets) -> np.ndarray:
    """Where, by x0, a bucket shares no x with any before it."""
    if not len(buckets):
        return np.empty(0, np.int64)
    reached = np.maximum.accumulate(buckets.x1)
    return np.flatnonzero(np.append(True, buckets.x0[1:] > reached[:-1]))


def _is_mixed(lying: _Lying, x: np.ndarray, grid: Grid) -> np.ndarray:
    """Which buckets must be read: of a heap with points in it, or of buckets that do not just follow each other, or that is too wide."""
    buckets, starts = lying.buckets, _heaps(lying.buckets)
    if not len(buckets):
        return np.empty(0, bool)
    heap = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(buckets)))
    first, last = buckets.x0[starts], np.maximum.reduceat(buckets.x1, starts)
    is_mixed = np.searchsorted(x, first, "left") < np.searchsorted(x, last, "right")
    is_mixed |= grid.places(last) - grid.places(first) >= MOST_PIXELS
    of_another = (lying.of_file[1:] != lying.of_file[:-1]) | (lying.row[1:] < lying.row[:-1]) | (buckets.x0[1:] < buckets.x1[:-1])
    is_mixed[heap[1:][of_another & (heap[1:] == heap[:-1])]] = True
    return np.asarray(is_mixed[heap])


def _on_pixels(buckets: Buckets, x: np.ndarray, values: np.ndarray, grid: Grid) -> Buckets:
    """Buckets, and points of which none lies in one of them, as one bucket a pixel."""
    of_points = buckets_of_points(x, values, beginnings(grid.places(x), np.searchsorted(buckets.x0, x)))
    both = one_after_the_other([buckets, of_points])
    both = both.take(np.argsort(both.x0, kind="stable"))
    return merged(both, beginnings(grid.places(both.x0)))
