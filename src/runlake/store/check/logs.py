"""Checks what is not published: the frames of logs, and the files that they were sealed into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from runlake.errors import StoreError
from runlake.store.check.problems import Check, Checked, Grade, Problem
from runlake.store.check.tables import check_bytes
from runlake.store.columns import as_numbers, decode, distinct_texts
from runlake.store.digests import is_as_named
from runlake.store.frames import Frame, Kind, is_whole_length
from runlake.store.layout import Layout
from runlake.store.names import WalName
from runlake.store.sealed import STREAM_TABLES, SealedFile, sealed_files
from runlake.store.tables import TABLES, checked_rows, is_in_order
from runlake.store.tail import Tail
from runlake.store.view import View

__all__ = ["check_logs", "check_sealed"]


def check_logs(view: View, checked: Checked) -> Check:
    """The logs, frame by frame, and which rows are nowhere though later ones of their writer are."""
    last = {part.name.writer: part.name.part for part in sorted(view.parts.values(), key=lambda part: part.name)}
    for path in view.layout.logs():
        name = WalName.parse(path.name)
        if name is None:
            yield Problem(Grade.NOTE, path, "it is no log by its name, and is passed over")
            continue
        tail = Tail(path)
        try:
            frames = tail.read()
        except FileNotFoundError:  # published meanwhile
            continue
        checked.logs += 1
        yield from _damage(tail)
        yield from _undecoded(path, frames)
        state = view.writer(name.writer)
        if tail.torn_bytes:
            is_over = state is None or state.is_gone or name.part < last.get(name.writer, 0)
            yield from _torn(tail, is_over=is_over)
    for kind, writer, start, stop in view.holes():
        rows = STREAM_TABLES[kind]
        yield Problem(Grade.MISSING, view.layout.wal, f"{rows} {start} to {stop - 1} of the writer {writer} are in no file")


def check_sealed(layout: Layout, checked: Checked) -> Check:
    """The sealed files: every page, and whether they hold the rows that their names speak of."""
    for sealed in sealed_files(layout):
        try:
            yield from _check_sealed_file(sealed)
            checked.sealed += 1
        except FileNotFoundError:  # published meanwhile
            continue


def _check_sealed_file(sealed: SealedFile) -> Check:
    table = TABLES[sealed.table]
    found = [] if is_as_named(sealed.path) else list(check_bytes(sealed.path, table))
    yield from found
    if found:
        return
    try:
        rows = checked_rows(sealed.path, table)
    except StoreError as error:
        yield Problem(Grade.DAMAGED, sealed.path, str(error))
        return
    if not is_in_order(rows, table.order):
        yield Problem(Grade.DAMAGED, sealed.path, "its rows are not in order")
    if sealed.table != "metrics" and not _covers(rows, sealed):
        yield Problem(Grade.DAMAGED, sealed.path, f"it does not hold the rows {sealed.first} to {sealed.stop - 1} of its writer, each once")


def _covers(rows: pa.Table, sealed: SealedFile) -> bool:
    numbers = np.sort(as_numbers(rows["seq"]))
    is_all = np.array_equal(numbers, np.arange(sealed.first, sealed.stop))
    return is_all and distinct_texts(rows["writer"]).to_pylist() == [sealed.writer]


def _damage(tail: Tail) -> Iterator[Problem]:
    for damage in tail.damage:
        what = f"{damage.length} bytes are no frame, and good ones follow: they were changed since they were written"
        yield Problem(Grade.DAMAGED, tail.path, what, damage.offset)


def _torn(tail: Tail, *, is_over: bool) -> Iterator[Problem]:
    """Of a log that somebody writes to, an end that is cut off is a frame on its way."""
    end = tail.path.read_bytes()[tail.offset : tail.offset + tail.torn_bytes]
    if is_whole_length(end):
        what = f"the last frame, of {len(end)} bytes, is whole, but not what was written"
        yield Problem(Grade.DAMAGED, tail.path, what, tail.offset)
    elif is_over:
        what = f"{tail.torn_bytes} bytes at the end are no whole frame: as it is left by a process that is killed while it writes"
        yield Problem(Grade.NOTE, tail.path, what, tail.offset)


def _undecoded(path: Path, frames: list[Frame]) -> Iterator[Problem]:
    for frame in frames:
        if frame.kind in STREAM_TABLES and (found := decode(frame.payload).num_rows) != frame.n_rows:
            kind = Kind(frame.kind).name.lower()
            yield Problem(Grade.DAMAGED, path, f"a frame of {frame.n_rows} {kind} holds {found}", frame.offset)
