"""Moves rows from logs and sealed files into the open tables, each exactly once, whoever else does so at the same time.

A commit adds rows and moves the marks of their writers in one step, and is made only where the marks are as they were read. So a
publisher that dies leaves nothing but files that no version names, and of two that race one finds that there is nothing left to do.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from runlake.entities import Event, Scope
from runlake.store.columns import as_array, as_numbers, decode, encode_events, encode_summaries, repeated
from runlake.store.commits import Mark, commit, discard, new_files, sync_log
from runlake.store.frames import Kind
from runlake.store.layout import Layout
from runlake.store.pieces import Piece
from runlake.store.runs_table import bring_runs_up_to_date
from runlake.store.sealed import STREAM_TABLES
from runlake.store.summaries import Summary, summarize
from runlake.store.summary_rows import SummaryRow
from runlake.store.tables import TABLES, coded, in_order
from runlake.store.tail import Tail
from runlake.store.view import GONE_SECONDS, Part, View, WriterState
from runlake.store.writer import Writer

__all__ = ["Moved", "publish"]

ROWS_AT_ONCE = 4_000_000


@dataclass
class Moved:
    """What was published: rows by table, files of logs that were removed, and rows that are lost, in words."""

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAM_TABLES.values(), 0))
    removed: int = 0
    lost: list[str] = field(default_factory=list)


def publish(layout: Layout, rows_at_once: int = ROWS_AT_ONCE) -> Moved:
    """Publish all that can be, and remove the logs that nothing is missing from any more."""
    moved = Moved()
    is_more = True
    while is_more:  # than is taken at once; what comes meanwhile is left, or live writers would hold us for ever
        found = _look(layout)
        _publish_summaries(found, moved)
        is_more = any([_publish_rows(found, kind, rows_at_once, moved) for kind in (Kind.POINTS, Kind.EVENTS)])
    bring_runs_up_to_date(layout)
    _remove_published(found, moved)
    return moved


@dataclass(frozen=True)
class _Found:
    """What there is. Of a writer that is `over` nothing more is expected, one that is `gone` cannot go on."""

    view: View
    over: set[str]
    gone: set[str]


def _look(layout: Layout) -> _Found:
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
    return _Found(view, gone | ended | sealed, gone)


def _is_gone(state: WriterState | None, changed: float) -> bool:
    """Of a log that does not say whose it is, only its age tells."""
    return time.time() - changed > GONE_SECONDS if state is None else state.is_gone


# Summaries come first: those of every published point must be there.


def _publish_summaries(found: _Found, moved: Moved) -> None:
    view, marks, tables = found.view, [], []
    pieces = _by_writer(view.pieces(Kind.POINTS))
    for writer in sorted(pieces.keys() | view.summarizing()):
        before, covered = view.tables["metrics"].mark(writer), view.summarized(writer)
        rows = [*view.summary_rows(writer)]
        late = [piece.after(covered) for piece in pieces.get(writer, ()) if piece.stop > covered]
        if late and writer in found.over:
            rows += [(run_id, writer, key, covered, late[-1].stop, summary) for (run_id, key), summary in _summarized(late)]
            covered = late[-1].stop
        if covered + 1 > before and rows:
            marks.append(Mark(writer, before, covered + 1))
            tables.append(_summary_table(rows))
    if marks and _commit_rows(view, "metrics", tables, marks):
        moved.rows["metrics"] += sum(rows.num_rows for rows in tables)
        view.refresh()


def _by_writer(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.writer, []).append(piece)
    return found


def _summarized(pieces: Sequence[Piece]) -> Iterator[tuple[tuple[str, str], Summary]]:
    """By run and key, of these points."""
    if not pieces:
        return
    points = pa.concat_tables([piece.rows() for piece in pieces])
    names: dict[tuple[str, str], int] = {}
    pairs = zip(points["run_id"].to_pylist(), points["key"].to_pylist(), strict=True)
    codes = [names.setdefault(name, len(names)) for name in pairs]
    found = summarize(codes, *(as_numbers(points[name]) for name in ("step", "wall_ns", "value")))
    yield from ((name, found[code]) for name, code in names.items())


def _summary_table(rows: Sequence[SummaryRow]) -> pa.Table:
    """The rows of one writer with the columns of the table."""
    table = decode(encode_summaries([(run_id, key, since, summary) for run_id, _, key, since, _, summary in rows]))
    table = table.append_column("writer", repeated(rows[0][1], len(rows)))
    return coded(TABLES["metrics"], table.append_column("covered", as_array(np.array([row[4] for row in rows], np.int64), pa.int64())))


# Points and events


def _publish_rows(found: _Found, kind: Kind, at_once: int, moved: Moved) -> bool:
    """Of every writer what follows on its mark without a gap; of points no more than the summaries cover. Whether some may be left."""
    view, name = found.view, STREAM_TABLES[kind]
    taken: dict[str, list[Piece]] = {}
    lost: list[tuple[str, int, int]] = []
    n_rows = 0
    for writer, pieces in _by_writer(view.pieces(kind)).items():
        end = view.tables[name].mark(writer)
        for whole in pieces:
            piece = whole.before(view.summarized(writer)) if kind == Kind.POINTS else whole
            if n_rows >= at_once or piece.stop <= piece.first:
                break
            if piece.first != end:
                if writer not in found.over or not _reads_the_same_again(view, writer):
                    break
                lost.append((writer, end, piece.first))
            taken.setdefault(writer, []).append(piece)
            n_rows, end = n_rows + piece.stop - piece.first, piece.stop
    marks = [Mark(writer, view.tables[name].mark(writer), pieces[-1].stop) for writer, pieces in taken.items()]
    rows = [piece.rows() for pieces in taken.values() for piece in pieces]
    if marks and _commit_rows(view, name, rows, marks):
        moved.rows[name] += sum(each.num_rows for each in rows)
        for writer, first, stop in lost:
            moved.lost.append(_tell_of_lost(view.layout, name, taken[writer], first, stop))
        view.refresh()
    return n_rows >= at_once


def _commit_rows(view: View, name: str, tables: Sequence[pa.Table], marks: Sequence[Mark]) -> bool:
    table = TABLES[name]
    files = new_files(view.layout, table, in_order(pa.concat_tables(tables), table.order))
    if commit(view.layout, table, files, marks=marks):
        return True
    discard(view.layout, table, files)
    return False


def _reads_the_same_again(view: View, writer: str) -> bool:
    """A bad range that was only misread must not count as lost."""
    for path, part in view.parts.items():
        if part.name.writer == writer and part.tail.damage:
            again = Tail(path)
            again.read()
            if again.damage != part.tail.damage:
                return False
    return True


def _tell_of_lost(layout: Layout, name: str, pieces: Iterable[Piece], first: int, stop: int) -> str:
    """As an error of every run that the log was of, in words."""
    text = f"{stop - first} {name} that were logged are lost: the file of their log was damaged ({first} to {stop - 1} of a writer)"
    runs = dict.fromkeys(run_id for piece in pieces for run_id in piece.rows()["run_id"].to_pylist())
    hlc = time.time_ns() // 1_000_000 << 16
    events = [Event.set(run_id, Scope.ERROR, "rows_lost", text, hlc, integer=stop - first) for run_id in runs]
    writer = Writer(layout)
    writer.add_events(encode_events(events), len(events))
    writer.close()
    return text


# What is published is removed from where it was


def _remove_published(found: _Found, moved: Moved) -> None:
    view = found.view
    for name in STREAM_TABLES.values():
        sync_log(view.layout, TABLES[name])
    view.refresh()
    last: dict[str, int] = {}
    for part in view.parts.values():
        last[part.name.writer] = max(last.get(part.name.writer, 0), part.name.part)
    for path, part in view.parts.items():
        is_finished = part.has_ended or part.name.part < last[part.name.writer] or part.name.writer in found.gone
        if is_finished and _is_published(view, part):
            path.unlink(missing_ok=True)
            moved.removed += 1
    for path, sealed in view.sealed.items():
        if sealed.stop <= view.tables[sealed.table].mark(sealed.writer):
            path.unlink(missing_ok=True)
            moved.removed += 1
    for folder in [*view.layout.wal.glob("*"), *view.layout.root.glob("l0/*/*")]:
        with contextlib.suppress(OSError):  # it holds something; or a writer is about to, which makes it again
            folder.rmdir()


def _is_published(view: View, part: Part) -> bool:
    return all(
        not coverage.stops or coverage.stops[-1] <= view.tables[STREAM_TABLES[kind]].mark(part.name.writer)
        for kind, coverage in part.covers.items()
    )
