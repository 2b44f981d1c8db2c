"""Sealed files (L0): what one part of a log held, as Parquet, until it is published. The name says which rows a file covers."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from runlake import platform
from runlake.errors import StoreError
from runlake.store.columns import as_array, decode, repeated
from runlake.store.digests import digests_of
from runlake.store.frames import Frame, Kind
from runlake.store.layout import Layout
from runlake.store.names import WalName
from runlake.store.pieces import FrameRows, SealedRows
from runlake.store.put_new import make_folder, put_new
from runlake.store.tables import TABLES, Table, checked_rows, coded, in_order, table_bytes
from runlake.store.tail import Tail

__all__ = ["STREAM_TABLES", "SealedFile", "seal", "sealed_files", "summary_rows"]

STREAM_TABLES = {Kind.POINTS: "points", Kind.EVENTS: "meta", Kind.SUMMARIES: "metrics"}

FRAMES_TOGETHER = 256

_NAME = re.compile(r"(?P<writer>[0-9A-Z]{26}-[0-9a-f]{8})\.(?P<first>\d{12,})-(?P<last>\d{12,})(-[0-9a-f]+)*\.parquet")


@dataclass(frozen=True)
class SealedFile:
    """A sealed file, as its name says: rows `first` up to `stop` of this table's stream of this writer."""

    path: Path
    table: str
    writer: str
    first: int
    stop: int

    @property
    def rows(self) -> SealedRows:
        """What it holds."""
        return SealedRows(self.path, TABLES[self.table], self.first, self.stop)


def sealed_files(layout: Layout) -> Iterator[SealedFile]:
    """Every sealed file, by writer and what it covers."""
    for name in STREAM_TABLES.values():
        for path in layout.sealed_files(name):
            found = _NAME.fullmatch(path.name)
            if found:
                yield SealedFile(path, name, found["writer"], int(found["first"]), int(found["last"]) + 1)


def seal(layout: Layout, part: Path) -> None:
    """Put what a part holds that nobody writes to any more into sealed files, look at these again, then remove the part.

    Raises StoreError, and leaves the part, where it is damaged or a file does not come back as it was written.
    """
    name, tail = WalName.parse(part.name), Tail(part)
    frames = tail.read()
    if name is None or tail.damage:
        raise StoreError(f"{part} is damaged. It stays as it is until its writer is gone.")
    for kind, table in STREAM_TABLES.items():
        of_kind = [frame for frame in frames if frame.kind == kind]
        if of_kind:
            _seal_stream(layout, part, table, name.writer, of_kind)
    with contextlib.suppress(FileNotFoundError):
        part.unlink()


def summary_rows(writer: str, frame: Frame) -> pa.Table:
    """The summaries of a frame, with whose they are and how many of its points they cover."""
    rows = decode(frame.payload)
    rows = rows.append_column("writer", repeated(writer, rows.num_rows))
    return coded(TABLES["metrics"], rows.append_column("covered", as_array(np.full(rows.num_rows, frame.first_seq, np.int64), pa.int64())))


def _seal_stream(layout: Layout, part: Path, table: str, writer: str, frames: Sequence[Frame]) -> None:
    first = frames[0].first_seq
    if table == "metrics":
        stop = frames[-1].first_seq + 1
        rows = _newest([_newest([summary_rows(writer, frame) for frame in some]) for some in _in_batches(frames)])
    else:
        stop = frames[-1].first_seq + frames[-1].n_rows
        rows = pa.concat_tables([_rows(writer, some, TABLES[table]) for some in _in_batches(frames)])
        if rows.num_rows != stop - first:
            raise StoreError(f"{part} holds {rows.num_rows} {table}, numbered {first} to {stop - 1}. It stays as it is.")
    folder = layout.sealed(table) / part.parent.name
    make_folder(folder, within=layout.root)
    data = table_bytes(TABLES[table], in_order(rows, TABLES[table].order))
    path = folder / f"{writer}.{first:012d}-{stop - 1:012d}-{digests_of(data)}.parquet"
    put_new(path, data, layout.temporary)
    _check(path, table, rows)


def _in_batches(frames: Sequence[Frame]) -> Iterator[Sequence[Frame]]:
    """A table takes many times the memory of the few rows that a frame mostly holds: never are all of them there at once."""
    for start in range(0, len(frames), FRAMES_TOGETHER):
        yield frames[start : start + FRAMES_TOGETHER]


def _rows(writer: str, frames: Sequence[Frame], table: Table) -> pa.Table:
    held = FrameRows(writer, frames[0], table)
    for frame in frames[1:]:
        held.take(frame)
    return held.read({})


def _newest(tables: list[pa.Table]) -> pa.Table:
    """Of each series the row that covers most."""
    rows = in_order(pa.concat_tables(tables).unify_dictionaries(), ("run_id", "key", "since", "covered"))
    names = list(zip(*(rows[name].to_pylist() for name in ("run_id", "key", "since")), strict=True))
    last = [place for place, name in enumerate(names) if place + 1 == len(names) or names[place + 1] != name]
    return rows.take(as_array(np.array(last, np.int64), pa.int64()))


def _check(path: Path, table: str, rows: pa.Table) -> None:
    """What the disk gives back is what was meant; else the file goes, and the part stays."""
    try:
        found = checked_rows(path, TABLES[table])
        if found.num_rows != rows.num_rows:
            raise StoreError(f"{path} holds {found.num_rows} rows, not {rows.num_rows}.")
    except StoreError:
        os.unlink(path)
        platform.sync_folder(path.parent)
        raise
