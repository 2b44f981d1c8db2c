"""What can be published at once, and how far that brings the marks of its writers. Nothing is written here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_array, decode, encode_summaries, repeated
from runlake.store.commits import Mark
from runlake.store.frames import Kind
from runlake.store.layout import Layout
from runlake.store.names import WalName
from runlake.store.pieces import Piece
from runlake.store.sealed import STREAM_TABLES
from runlake.store.summary_rows import SummaryRow, summaries_by
from runlake.store.tables import TABLES, coded
from runlake.store.view import GONE_SECONDS, Part, View, WriterState

__all__ = ["Batch", "Found", "Hole", "look", "next_rows", "next_summaries"]


@dataclass(frozen=True)
class Found:
    """What there is. Of a writer that is `over` nothing more is expected, one that is `gone` cannot go on."""

    view: View
    over: set[str]
    gone: set[str]

    @cached_property
    def again(self) -> Found:
        """What a second look finds, which takes nothing over from this one."""
        return look(self.view.layout)

    def finished_parts(self) -> Iterator[tuple[Path, Part]]:
        """The parts of logs that nobody writes to any more."""
        last: dict[str, int] = {}
        for part in self.view.parts.values():
            last[part.name.writer] = max(last.get(part.name.writer, 0), part.name.part)
        for path, part in self.view.parts.items():
            if part.has_ended or part.name.writer in self.gone or part.name.part < last[part.name.writer]:
                yield path, part


def look(layout: Layout) -> Found:
    """All that writers which are gone have written is read: they were gone before it was."""
    view = View(layout)
    view.refresh()
    newest: dict[str, float] = {}
    for path, part in view.parts.items():
        with contextlib.suppress(FileNotFoundError):
            newest[part.name.writer] = max(newest.get(part.name.writer, 0.0), path.stat().st_mtime)
    gone = {name for name, changed in newest.items() if _is_gone(view.writer(name), changed)}
    ended = {name for name in newest if (state := view.writer(name)) is not None and state.ended}
    # Listed after what is sealed, for a part is sealed once the next one is there: who has none by now is over.
    logged = {name.writer for path in layout.logs() if (name := WalName.parse(path.name))}
    sealed = {sealed.writer for sealed in view.sealed.values()} - logged
    view.refresh()
    return Found(view, gone | ended | sealed, gone)


def _is_gone(state: WriterState | None, changed: float) -> bool:
    """Of a log that does not say whose it is, only its age tells."""
    return time.time() - changed > GONE_SECONDS if state is None else state.is_gone


@dataclass(frozen=True)
class Hole:
    """Rows of a writer that are lost, with those of its rows that are not."""

    first: int
    stop: int
    around: Sequence[Piece]


@dataclass
class Batch:
    """Rows that become one version of a table."""

    tables: list[pa.Table] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    n_rows: int = 0

    def add(self, mark: Mark, tables: Sequence[pa.Table]) -> None:
        """Rows of one writer."""
        self.marks.append(mark)
        self.tables += tables
        self.n_rows += sum(rows.num_rows for rows in tables)


def next_summaries(found: Found) -> Batch:
    """What writers said of their series, and of points of which those that are over said nothing."""
    view, batch = found.view, Batch()
    pieces = _by_writer(view.pieces(Kind.POINTS))
    for writer in sorted(pieces.keys() | view.summarizing()):
        before, covered = view.tables["metrics"].mark(writer), view.summarized(writer)
        rows = [*view.summary_rows(writer)]
        is_over = writer in found.over
        known = [*_in_reach(found, Kind.POINTS, writer, pieces.get(writer, ()))] if is_over else []
        late = [piece.after(covered) for piece in known if piece.stop > covered]
        if late:
            points = pa.concat_tables([piece.rows() for piece in late])
            found_late = summaries_by(points, ("run_id", "key"))
            rows += [(run_id, writer, key, covered, late[-1].stop, summary) for (run_id, key), summary in found_late]
            covered = late[-1].stop
        if covered + 1 > before and rows:
            batch.add(Mark(writer, before, covered + 1), [_summary_table(rows)])
    return batch


def next_rows(found: Found, kind: Kind, at_once: int) -> Batch:
    """Of every writer what follows on its mark, about so many rows in all; of points no more than the published summaries cover."""
    view, batch = found.view, Batch()
    for writer, pieces in _by_writer(view.pieces(kind)).items():
        if batch.n_rows >= at_once:
            break
        if kind == Kind.POINTS:
            covered = view.tables["metrics"].mark(writer) - 1
            pieces = [piece.before(covered) for piece in pieces if piece.first < covered]
        _take(found, kind, writer, pieces, batch, at_once)
    return batch


def _take(found: Found, kind: Kind, writer: str, pieces: Sequence[Piece], batch: Batch, at_once: int) -> None:
    """As far as they are in reach."""
    end = mark = found.view.tables[STREAM_TABLES[kind]].mark(writer)
    room = at_once - batch.n_rows
    taken: list[Piece] = []
    gaps: list[tuple[int, int]] = []
    for piece in _in_reach(found, kind, writer, pieces):
        if end - mark >= room:
            break
        if piece.first != end:
            gaps.append((end, piece.first))
        taken.append(piece)
        end = piece.stop
    written = found.view.written(kind, writer)
    if taken and taken[-1] is pieces[-1] and end < written and _is_lost(found, kind, writer, end, written):
        gaps.append((end, end := written))
    if taken:
        batch.add(Mark(writer, mark, end), [piece.rows() for piece in taken])
        batch.holes += [Hole(first, stop, taken) for first, stop in gaps]


def _in_reach(found: Found, kind: Kind, writer: str, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Those up to the first gap, or over it where nobody can fill it any more."""
    end = found.view.tables[STREAM_TABLES[kind]].mark(writer)
    for piece in pieces:
        if piece.first != end and not _is_lost(found, kind, writer, end, piece.first):
            return
        yield piece
        end = piece.stop


def _is_lost(found: Found, kind: Kind, writer: str, first: int, stop: int) -> bool:
    """Whether rows are lost: the writer is over, and none of them is anywhere.

    What was only misread, or moved or written while it was looked for, a second look finds, or does not find missing.
    """
    return _is_missing(found, kind, writer, first, stop) and _is_missing(found.again, kind, writer, first, stop)


def _is_missing(found: Found, kind: Kind, writer: str, first: int, stop: int) -> bool:
    return writer in found.over and found.view.is_missing(kind, writer, first, stop)


def _by_writer(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.writer, []).append(piece)
    return found


def _summary_table(rows: Sequence[SummaryRow]) -> pa.Table:
    """The rows of one writer with the columns of the table."""
    table = decode(encode_summaries([(run_id, key, since, summary) for run_id, _, key, since, _, summary in rows]))
    table = table.append_column("writer", repeated(rows[0][1], len(rows)))
    return coded(TABLES["metrics"], table.append_column("covered", as_array(np.array([row[4] for row in rows], np.int64), pa.int64())))
