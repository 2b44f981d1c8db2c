"""What can be published at once, and how far that brings the marks of its writers. Nothing is written here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_array, decode, encode_summaries, repeated
from runlake.store.commits import Mark
from runlake.store.frames import Kind
from runlake.store.layout import Layout
from runlake.store.pieces import Piece
from runlake.store.sealed import STREAM_TABLES
from runlake.store.summary_rows import SummaryRow, summaries_by
from runlake.store.tables import TABLES, coded
from runlake.store.tail import Tail
from runlake.store.view import GONE_SECONDS, Part, View, WriterState

__all__ = ["Batch", "Found", "Hole", "look", "next_rows", "next_summaries"]


@dataclass(frozen=True)
class Found:
    """What there is. Of a writer that is `over` nothing more is expected, one that is `gone` cannot go on."""

    view: View
    over: set[str]
    gone: set[str]

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
    sealed = {sealed.writer for sealed in view.sealed.values()} - newest.keys()
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
        late = [piece.after(covered) for piece in pieces.get(writer, ()) if piece.stop > covered]
        if late and writer in found.over:
            points = pa.concat_tables([piece.rows() for piece in late])
            found_late = summaries_by(points, ("run_id", "key"))
            rows += [(run_id, writer, key, covered, late[-1].stop, summary) for (run_id, key), summary in found_late]
            covered = late[-1].stop
        if covered + 1 > before and rows:
            batch.add(Mark(writer, before, covered + 1), [_summary_table(rows)])
    return batch


def next_rows(found: Found, kind: Kind, at_once: int) -> Batch:
    """Of every writer what follows on its mark, about so many rows in all; of points no more than the summaries cover."""
    view, batch = found.view, Batch()
    for writer, pieces in _by_writer(view.pieces(kind)).items():
        if batch.n_rows >= at_once:
            break
        if kind == Kind.POINTS:
            pieces = [piece.before(view.summarized(writer)) for piece in pieces if piece.first < view.summarized(writer)]
        _take(found, kind, writer, pieces, batch, at_once)
    return batch


def _take(found: Found, kind: Kind, writer: str, pieces: Sequence[Piece], batch: Batch, at_once: int) -> None:
    """Up to the first gap, or over it where nobody can fill it any more."""
    end = mark = found.view.tables[STREAM_TABLES[kind]].mark(writer)
    room = at_once - batch.n_rows
    taken: list[Piece] = []
    gaps: list[tuple[int, int]] = []
    for piece in pieces:
        if end - mark >= room or (piece.first != end and not _is_lost(found, writer)):
            break
        if piece.first != end:
            gaps.append((end, piece.first))
        taken.append(piece)
        end = piece.stop
    if taken and taken[-1] is pieces[-1] and end < found.view.written(kind, writer) and _is_lost(found, writer):
        gaps.append((end, end := found.view.written(kind, writer)))
    if taken:
        batch.add(Mark(writer, mark, end), [piece.rows() for piece in taken])
        batch.holes += [Hole(first, stop, taken) for first, stop in gaps]


def _is_lost(found: Found, writer: str) -> bool:
    """Whether rows that are missing are lost: the writer is over, and its log was not merely misread."""
    return writer in found.over and _reads_the_same_again(found.view, writer)


def _reads_the_same_again(view: View, writer: str) -> bool:
    """A bad range that was only misread must not count as lost."""
    for path, part in view.parts.items():
        if part.name.writer == writer and part.tail.damage:
            again = Tail(path)
            again.read()
            if again.damage != part.tail.damage:
                return False
    return True


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
