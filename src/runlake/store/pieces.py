"""Rows that are not published yet, as they lie in frames or in sealed files, by the numbers that their writer gave them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_array, as_numbers, decode, repeated
from runlake.store.frames import Frame
from runlake.store.selection import Wanted, extents, matching, rows_of_file
from runlake.store.tables import Table, coded

__all__ = ["Coverage", "FrameRows", "Piece", "SealedRows"]


class Rows(Protocol):
    """Where rows of a stream lie, from number `first` up to `stop`."""

    @property
    def first(self) -> int:
        """The number of the first."""

    @property
    def stop(self) -> int:
        """The number behind the last."""

    def may_hold(self, wanted: Wanted) -> bool:
        """Whether one can have these values, as far as that is known without reading."""

    def read(self, wanted: Wanted) -> pa.Table:
        """Those with these values, with the columns of their table."""


class FrameRows:
    """The rows of one frame, in memory; decoded when somebody wants them."""

    def __init__(self, writer: str, frame: Frame, table: Table) -> None:
        self.first = frame.first_seq
        self.stop = frame.first_seq + frame.n_rows
        self._writer = writer
        self._payload = frame.payload
        self._table = table
        self._texts: dict[str, list[str] | None] = {}

    def may_hold(self, wanted: Wanted) -> bool:
        """Whether one can have these values: of many frames hardly any speaks of a given run."""
        said = ((self._names(name), extent) for name, extent in extents(wanted))
        return all(names is None or any(least <= text <= greatest for text in names) for names, (least, greatest) in said)

    def read(self, wanted: Wanted) -> pa.Table:
        """Those with these values."""
        return matching(self._rows, wanted)

    @cached_property
    def _rows(self) -> pa.Table:
        rows = self._decoded
        numbers = np.arange(self.first, self.stop, dtype=np.int64)
        rows = rows.append_column("writer", repeated(self._writer, rows.num_rows))
        return coded(self._table, rows.append_column("seq", as_array(numbers, pa.int64())))

    @cached_property
    def _decoded(self) -> pa.Table:
        rows, self._payload = decode(self._payload), b""
        return rows

    def _names(self, name: str) -> list[str] | None:
        """The distinct texts of a column, where they are told apart from its rows."""
        if name not in self._texts:
            column = self._decoded[name].chunk(0)  # a frame is one batch
            self._texts[name] = column.dictionary.to_pylist() if pa.types.is_dictionary(column.type) else None
        return self._texts[name]


@dataclass(frozen=True)
class SealedRows:
    """The rows of a sealed file, read anew each time."""

    path: Path
    table: Table
    first: int
    stop: int

    def may_hold(self, wanted: Wanted) -> bool:
        """Nothing is known but from the file."""
        return True

    def read(self, wanted: Wanted) -> pa.Table:
        """Those with these values. Raises FileNotFoundError once they are published."""
        return rows_of_file(self.path, self.table, wanted)


@dataclass(frozen=True)
class Piece:
    """The rows of one stream of one writer from number `first` up to `stop`."""

    writer: str
    first: int
    stop: int
    source: Rows

    def may_hold(self, wanted: Wanted) -> bool:
        """Whether a row can have these values."""
        return self.source.may_hold(wanted)

    def rows(self, wanted: Wanted | None = None) -> pa.Table:
        """The rows, or those with these values."""
        rows = self.source.read(wanted or {})
        if (self.first, self.stop) == (self.source.first, self.source.stop):
            return rows
        numbers = as_numbers(rows["seq"])
        return rows.take(as_array(np.flatnonzero((numbers >= self.first) & (numbers < self.stop)), pa.int64()))

    def after(self, mark: int) -> Piece:
        """The part that begins at this number."""
        return self if mark <= self.first else Piece(self.writer, mark, self.stop, self.source)

    def before(self, mark: int) -> Piece:
        """The part that stops at this number."""
        return self if mark >= self.stop else Piece(self.writer, self.first, mark, self.source)


@dataclass
class Coverage:
    """Which sequence numbers of one stream were seen, as disjoint ranges `[start, stop)` in order."""

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def missing_in(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """The parts of `[first, stop)` that were not seen."""
        at = max(0, bisect_right(self.starts, first) - 1)
        while first < stop and at < len(self.starts) and self.starts[at] < stop:
            if self.stops[at] > first:
                if self.starts[at] > first:
                    yield first, self.starts[at]
                first = self.stops[at]
            at += 1
        if first < stop:
            yield first, stop

    def add(self, first: int, stop: int) -> None:
        """Mark `[first, stop)` as seen."""
        if self.stops and self.stops[-1] == first:  # the ordinary case: the next frame
            self.stops[-1] = stop
            return
        ranges = sorted([*zip(self.starts, self.stops, strict=True), (first, stop)])
        self.starts, self.stops = [], []
        for start, end in ranges:
            if self.stops and start <= self.stops[-1]:
                self.stops[-1] = max(end, self.stops[-1])
            else:
                self.starts.append(start)
                self.stops.append(end)

    def holes(self) -> list[tuple[int, int]]:
        """What lies between the ranges seen, and before the first."""
        return [(a, b) for a, b in zip([0, *self.stops], self.starts, strict=False) if a < b]
