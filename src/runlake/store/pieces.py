"""Rows that are not published yet, as they lie in frames or in sealed files, by the numbers that their writer gave them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_array, as_numbers, decode, repeated
from runlake.store.frames import Frame
from runlake.store.selection import Wanted, extents, matching, rows_of_file
from runlake.store.tables import Table, coded

__all__ = ["Coverage", "FrameRows", "Piece", "SealedRows"]

BYTES_TOGETHER = 4 << 20
TABLES_AT_MOST = 64


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
    """The rows of frames that follow each other, in memory; decoded together when somebody wants them."""

    def __init__(self, writer: str, frame: Frame, table: Table) -> None:
        self.first = self.stop = frame.first_seq
        self._writer = writer
        self._table = table
        self._bytes = 0
        self._payloads: list[bytes] = []
        self._decoded: list[_Decoded] = []
        self.take(frame)

    def has_room_for(self, frame: Frame) -> bool:
        """Whether the frame is the next one, and not too much."""
        return frame.first_seq == self.stop and self._bytes + len(frame.payload) <= BYTES_TOGETHER

    def take(self, frame: Frame) -> None:
        """One more."""
        self._payloads.append(frame.payload)
        self._bytes += len(frame.payload)
        self.stop += frame.n_rows

    def may_hold(self, wanted: Wanted) -> bool:
        """Whether one can have these values: of many frames hardly any speaks of a given run."""
        return any(decoded.may_hold(wanted) for decoded in self._all())

    def read(self, wanted: Wanted) -> pa.Table:
        """Those with these values."""
        held = [decoded.rows for decoded in self._all() if decoded.may_hold(wanted)]
        return matching(pa.concat_tables(held), wanted) if held else self._table.no_rows

    def _all(self) -> Sequence[_Decoded]:
        if self._payloads:
            # One by one each would cost four times as much: most frames are of a few rows.
            rows = pa.concat_tables([decode(payload) for payload in self._payloads], promote_options="default")
            self._payloads.clear()
            numbers = np.arange(self.stop - rows.num_rows, self.stop, dtype=np.int64)
            rows = rows.append_column("writer", repeated(self._writer, rows.num_rows))
            rows = coded(self._table, rows.append_column("seq", as_array(numbers, pa.int64())))
            self._decoded.append(_Decoded(_in_one_chunk([rows])))
        if len(self._decoded) > TABLES_AT_MOST:  # somebody looks after every frame
            self._decoded = [_Decoded(_in_one_chunk([decoded.rows for decoded in self._decoded]))]
        return self._decoded


def _in_one_chunk(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


@dataclass(frozen=True)
class _Decoded:
    """Rows, each column of one chunk."""

    rows: pa.Table
    texts: dict[str, list[str]] = field(default_factory=dict)

    def may_hold(self, wanted: Wanted) -> bool:
        """Whether a row can have these values."""
        said = ((self._texts(name), extent) for name, extent in extents(wanted))
        return all(any(least <= text <= greatest for text in texts) for texts, (least, greatest) in said)

    def _texts(self, name: str) -> list[str]:
        """The distinct texts of a column."""
        if name not in self.texts:
            self.texts[name] = self.rows[name].chunk(0).dictionary.to_pylist() if self.rows.num_rows else []
        return self.texts[name]


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
