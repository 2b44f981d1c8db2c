"""All that a store holds, as one: logs, sealed files and tables, each row once, wherever it lies when it is looked for.

Rows only ever move from a log to a sealed file to a table. So logs are read first, then what is sealed, then the tables: in that
order a row may be met twice, which its number tells, but none can slip by from a place not yet read to one already read.

Events are published at once, points only as far as their writer has summarized them. So the tables may tell of a run that ended after
its writer's log was read, where its points are: then that is read again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from runlake import platform
from runlake.entities import Scope
from runlake.platform import ProcessIdentity
from runlake.store.columns import as_numbers
from runlake.store.frames import Frame, Kind
from runlake.store.layout import Layout, check_usable
from runlake.store.names import WalName
from runlake.store.pieces import Coverage, FrameRows, Piece
from runlake.store.published import PublishedTable
from runlake.store.sealed import STREAM_TABLES, SealedFile, sealed_files
from runlake.store.selection import Wanted
from runlake.store.summaries import Summary
from runlake.store.summary_rows import SummaryRow, SummaryRows, merged, summaries_by
from runlake.store.tables import TABLES, in_order, plain
from runlake.store.tail import Tail

__all__ = ["GONE_SECONDS", "Finding", "LateSummary", "Part", "View", "WriterState"]

GONE_SECONDS = 24 * 3600  # after which a silent writer of another machine counts as gone
TRIES = 5

LateSummary = tuple[str, str, str, Summary]  # run_id, writer, key

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """Something that should not be in a part, and where."""

    path: Path
    offset: int
    what: str


@dataclass
class WriterState:
    """A writing process as its log shows it: who it is, when it wrote last, whether it said that nothing follows."""

    identity: ProcessIdentity
    last_ns: int = 0
    ended: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether its process is, as far as can be known: nothing comes any more."""
        runs = platform.is_running(self.identity)
        return time.time() - self.last_ns / 1e9 > GONE_SECONDS if runs is None else not runs


@dataclass
class Part:
    """A part of a log: what was read of it, and the numbers of the rows that it holds."""

    name: WalName
    tail: Tail
    covers: dict[Kind, Coverage]
    has_ended: bool = False


class View:
    """Reads a store as it grows; `refresh` takes in what is new, the rest answers as of then."""

    def __init__(self, layout: Layout) -> None:
        check_usable(layout.root)  # whoever reads, publishes or does jobs begins here
        self.layout = layout
        self.parts: dict[Path, Part] = {}
        self.sealed: dict[Path, SealedFile] = {}
        self.tables = {name: PublishedTable(layout.root, TABLES[name]) for name in STREAM_TABLES.values()}
        self.lod = PublishedTable(layout.root, TABLES["lod"])  # refreshed by who asks: it only repeats what `points` says
        self._pieces: dict[Kind, list[Piece]] = {Kind.POINTS: [], Kind.EVENTS: []}
        self._seen: dict[tuple[Kind, str], Coverage] = defaultdict(Coverage)
        self._summaries: dict[str, SummaryRows] = defaultdict(SummaryRows)
        self._writers: dict[str, WriterState] = {}
        self._damaged: set[str] = set()
        self.changes = 0  # how often something new was found
        self._has_looked_again = False

    def refresh(self) -> None:
        """Take in what was not read yet."""
        for _ in range(TRIES):
            paths = self.layout.logs()
            self._read_logs(paths)
            self._look_at_sealed()
            if self._read_tables(paths):
                break
        self._forget_parts_but(paths)
        self._has_looked_again = False

    def points(self, run_id: str | tuple[str, str] | None = None, key: str | None = None) -> pa.Table:
        """Every point once: by run, key, step and time, and where these are equal by writer and sequence number.

        Or those of a run, of the runs from the first id to the second, or of a key.
        """
        wanted = {"run_id": run_id, "key": key}
        order = [name for name in ("run_id", "key", "step", "wall_ns", "writer", "seq") if not isinstance(wanted.get(name), str)]
        return plain(TABLES["points"], in_order(self._rows(Kind.POINTS, wanted), order))

    def series(self, run_id: str, key: str) -> pa.Table:
        """`step, wall_ns, value` of one series, in the order of `points`."""
        names = ("step", "wall_ns", "value")
        wanted = {"run_id": run_id, "key": key}
        rows = in_order(self.whatever_vanishes(lambda: self._rows_of_series(wanted, names)), names[:2])
        steps, times = as_numbers(rows["step"]), as_numbers(rows["wall_ns"])
        is_tied = ((steps[1:] == steps[:-1]) & (times[1:] == times[:-1])).any()
        return self.points(run_id, key).select(names) if is_tied else rows

    def events(self, run_id: str | None = None, scope: str | None = None, key: str | None = None) -> pa.Table:
        """Every event once, or those of a run, of a scope or of a key, by its hybrid time: a later row outranks an earlier one."""
        return in_order(self._rows(Kind.EVENTS, {"run_id": run_id, "scope": scope, "key": key}), ("hlc", "writer", "seq"))

    def last_said(self, key: str) -> dict[str, tuple[str, int]]:
        """What was said last of each run under this key, and when, in milliseconds."""
        rows = self.events(scope=Scope.RUN, key=key)
        columns = (rows[name].to_pylist() for name in ("run_id", "str", "hlc"))
        return {run_id: (text, hlc >> 16) for run_id, text, hlc in zip(*columns, strict=True)}

    def summaries(self, run_id: str) -> dict[str, Summary]:
        """What there is to say of each series of a run, by key: as its writers said, and from the points that came since."""
        return self.whatever_vanishes(lambda: self._merged_summaries(run_id))

    def summarized(self, writer: str) -> int:
        """How many points of this writer its summaries cover."""
        published = max(0, self.tables["metrics"].mark(writer) - 1)
        return published if self._is_damaged(writer) else max(published, self._summaries[writer].covered)

    def summary_rows(self, writer: str) -> SummaryRows:
        """What the writer said of its series that is not published yet; nothing where some of it may be lost."""
        return SummaryRows() if self._is_damaged(writer) else self._summaries[writer]

    def summarizing(self) -> set[str]:
        """The writers that said something of their series."""
        return set(self._summaries)

    def waiting_events(self) -> pa.Table:
        """Every event that is not published yet."""
        return pa.concat_tables(self._waiting(Kind.EVENTS, self._pieces[Kind.EVENTS], {}))

    def waiting_points(self, key: str | None = None, run_id: str | None = None) -> pa.Table:
        """The points that are not published yet, or those of a name, of one run or of whatever run."""
        wanted = {name: value for name, value in (("run_id", run_id), ("key", key)) if value is not None}
        return pa.concat_tables(self._waiting(Kind.POINTS, self._pieces[Kind.POINTS], wanted))

    def waiting_summaries(self) -> list[SummaryRow]:
        """What writers said of their series that is not published yet."""
        return [row for writer in self._summaries for row in self.summary_rows(writer)]

    def late_summaries(self, run_id: str | None = None) -> Iterator[LateSummary]:
        """Of the series of a run, or of all, what is to be said of the points that came after what their writers said."""
        late = [piece.after(covered) for piece in self.pieces(Kind.POINTS) if (covered := self.summarized(piece.writer)) < piece.stop]
        waiting = pa.concat_tables(self._waiting(Kind.POINTS, late, {} if run_id is None else {"run_id": run_id}))
        found = summaries_by(waiting, ("run_id", "writer", "key"))
        return ((run_id, writer, key, summary) for (run_id, writer, key), summary in found)

    def pieces(self, kind: Kind) -> list[Piece]:
        """What is not published yet of this stream, by writer and number."""
        return sorted(self._pieces[kind], key=lambda piece: (piece.writer, piece.first))

    def marks(self) -> dict[tuple[Kind, str], int]:
        """How many rows of each stream each writer of logs is known to have written."""
        return {stream: coverage.stops[-1] for stream, coverage in self._seen.items() if coverage.stops}

    def gone(self) -> set[str]:
        """The writers of logs that left without a word."""
        return {name for name, state in self._writers.items() if not state.ended and state.is_gone}

    def written(self, kind: Kind, writer: str) -> int:
        """How many rows of this stream the writer is known to have written, whether they are there or not."""
        return max(self._seen[kind, writer].stops, default=0)

    def writer(self, name: str) -> WriterState | None:
        """A writer as its log shows it. A log is removed once it is published, and not before its writer has ended."""
        if name not in self._writers and not self._has_looked_again:  # it may have begun between our look at the logs and at the tables
            self.refresh()
            self._has_looked_again = True
        return self._writers.get(name)

    def findings(self) -> list[Finding]:
        """Damage, rows missing between others, and torn ends, in words. A torn end is ordinary where a process was killed."""
        found = [finding for part in self.parts.values() for finding in _findings_of(part.tail)]
        for kind, writer, start, stop in self.holes():
            path = next((path for path in [*self.parts, *self.sealed] if path.name.startswith(writer)), self.layout.root)
            found.append(Finding(path, 0, f"{kind.name.lower()} {start} to {stop - 1} of this writer are missing"))
        return found

    def holes(self) -> Iterator[tuple[Kind, str, int, int]]:
        """Rows that are nowhere though later ones of their writer are there: from which number up to which."""
        for (kind, writer), coverage in self._seen.items():
            yield from ((kind, writer, start, stop) for start, stop in coverage.holes())

    def is_missing(self, kind: Kind, writer: str, first: int, stop: int) -> bool:
        """Whether none of these rows is anywhere, though their writer wrote them."""
        missing = self._seen[kind, writer].missing_in(first, stop)
        return stop <= self.written(kind, writer) and sum(end - start for start, end in missing) == stop - first

    def _read_tables(self, paths: Sequence[Path]) -> bool:
        """Whether they tell of no events that came after the logs were read."""
        before = [table.log.version for table in self.tables.values()]
        for name in ("meta", "points", "metrics"):  # against the order of publishers: what is said of rows that we see is there as well
            self.tables[name].refresh()
        if before == [table.log.version for table in self.tables.values()]:
            return True
        listed = set(paths)
        writing = {part.name.writer for path, part in self.parts.items() if path in listed}
        is_ahead = any(self.tables["meta"].mark(writer) > self.written(Kind.EVENTS, writer) for writer in writing)
        self.changes += 1
        self._forget_published()
        return not is_ahead and listed.issuperset(self.layout.logs())

    def _read_logs(self, paths: Iterable[Path]) -> None:
        for path in paths:
            name = WalName.parse(path.name)
            if name is None:
                continue
            part = self.parts.setdefault(path, Part(name, Tail(path), defaultdict(Coverage)))
            with contextlib.suppress(FileNotFoundError):  # what it held is in the next part, or a sealed file, or a table
                for frame in part.tail.read():
                    self._take(part, frame)
            if part.tail.damage:
                self._damaged.add(name.writer)

    def _take(self, part: Part, frame: Frame) -> None:
        writer = part.name.writer
        self.changes += 1
        if frame.kind == Kind.HELLO and writer not in self._writers:
            self._writers[writer] = WriterState(_identity(frame.payload))
        if writer in self._writers:
            state = self._writers[writer]
            state.last_ns, state.ended = max(state.last_ns, frame.wall_ns), frame.kind == Kind.END
        part.has_ended = frame.kind == Kind.END
        if frame.kind == Kind.END:  # it knows how many points came before it
            self._seen[Kind.POINTS, writer].add(frame.first_seq, frame.first_seq)
            part.covers[Kind.POINTS].add(frame.first_seq, frame.first_seq)
        if frame.kind == Kind.SUMMARIES:
            self._summaries[writer].take_frame(writer, frame)
            part.covers[Kind.SUMMARIES].add(frame.first_seq, frame.first_seq + 1)
        elif frame.kind in self._pieces:
            kind, first, stop = Kind(frame.kind), frame.first_seq, frame.first_seq + frame.n_rows
            part.covers[kind].add(first, stop)
            if not self._continues(kind, writer, frame):
                self._add(kind, Piece(writer, first, stop, FrameRows(writer, frame, TABLES[STREAM_TABLES[kind]])))

    def _continues(self, kind: Kind, writer: str, frame: Frame) -> bool:
        """Take a frame to the one before it, as it nearly always can be."""
        pieces, coverage, stop = self._pieces[kind], self._seen[kind, writer], frame.first_seq + frame.n_rows
        last = pieces[-1] if pieces else None
        if last is None or not isinstance(last.source, FrameRows) or last.writer != writer or last.stop != last.source.stop:
            return False
        if not last.source.has_room_for(frame) or list(coverage.missing_in(frame.first_seq, stop)) != [(frame.first_seq, stop)]:
            return False
        last.source.take(frame)
        pieces[-1] = Piece(writer, last.first, stop, last.source)
        coverage.add(frame.first_seq, stop)
        return True

    def _look_at_sealed(self) -> None:
        kinds = {table: kind for kind, table in STREAM_TABLES.items()}
        found = {sealed.path: sealed for sealed in sealed_files(self.layout)}
        for path, sealed in found.items():
            if path in self.sealed:
                continue
            self.changes += 1
            if kinds[sealed.table] == Kind.SUMMARIES:
                with contextlib.suppress(FileNotFoundError):  # published meanwhile
                    self._summaries[sealed.writer].take(sealed.rows.read({}))
            else:
                self._add(kinds[sealed.table], Piece(sealed.writer, sealed.first, sealed.stop, sealed.rows))
        self.sealed = found

    def _add(self, kind: Kind, piece: Piece) -> None:
        """Of what was seen already nothing is taken again."""
        coverage = self._seen[kind, piece.writer]
        mark = self.tables[STREAM_TABLES[kind]].mark(piece.writer)
        if mark and not coverage.stops:
            coverage.add(0, mark)
        missing = list(coverage.missing_in(piece.first, piece.stop))
        self._pieces[kind].extend(Piece(piece.writer, first, stop, piece.source) for first, stop in missing)
        if missing:
            coverage.add(piece.first, piece.stop)

    def _forget_published(self) -> None:
        """What the tables hold is read there from now on."""
        for kind, pieces in self._pieces.items():
            table = self.tables[STREAM_TABLES[kind]]
            self._pieces[kind] = [piece.after(mark) for piece in pieces if (mark := table.mark(piece.writer)) < piece.stop]
        for (kind, writer), coverage in self._seen.items():
            coverage.add(0, self.tables[STREAM_TABLES[kind]].mark(writer))
        for writer, said in self._summaries.items():
            said.forget(self.tables["metrics"].mark(writer))

    def _forget_parts_but(self, paths: Iterable[Path]) -> None:
        if gone := self.parts.keys() - set(paths):
            for path in gone:
                del self.parts[path]
            there = {part.name.writer for part in self.parts.values()}
            self._writers = {name: state for name, state in self._writers.items() if name in there}
            self._damaged &= {part.name.writer for part in self.parts.values() if part.tail.damage}

    def _is_damaged(self, writer: str) -> bool:
        return writer in self._damaged

    def _rows(self, kind: Kind, wanted: Mapping[str, str | tuple[str, str] | None]) -> pa.Table:
        given = {name: value for name, value in wanted.items() if value is not None}
        table = self.tables[STREAM_TABLES[kind]]
        return self.whatever_vanishes(lambda: pa.concat_tables([table.rows(given), *self._waiting(kind, self._pieces[kind], given)]))

    def _rows_of_series(self, wanted: Mapping[str, str], names: Sequence[str]) -> pa.Table:
        waiting = self._waiting(Kind.POINTS, self._pieces[Kind.POINTS], wanted)
        return pa.concat_tables([self.tables["points"].rows(wanted, names), *(rows.select(names) for rows in waiting)])

    def _waiting(self, kind: Kind, pieces: Iterable[Piece], wanted: Wanted) -> Iterator[pa.Table]:
        """What is not published yet, with the columns of its table."""
        yield TABLES[STREAM_TABLES[kind]].no_rows
        for piece in pieces:
            if piece.may_hold(wanted):
                yield piece.rows(wanted)

    def _merged_summaries(self, run_id: str) -> dict[str, Summary]:
        rows = SummaryRows()
        rows.take(self.tables["metrics"].rows({"run_id": run_id}))
        for writer in self._summaries:
            rows.take_all(self.summary_rows(writer), run_id)
        return merged(rows, ((writer, key, summary) for _, writer, key, summary in self.late_summaries(run_id)))

    def whatever_vanishes(self, read: Callable[[], T]) -> T:
        """A file that went since the last look has its rows elsewhere by now: look again."""
        for _ in range(TRIES):
            with contextlib.suppress(FileNotFoundError):
                return read()
            self.refresh()
        return read()


def _findings_of(tail: Tail) -> Iterator[Finding]:
    for damage in tail.damage:
        yield Finding(
            tail.path, damage.offset, f"{damage.length} bytes are no frame and a good one follows: damaged since they were written"
        )
    if tail.torn_bytes:
        yield Finding(tail.path, tail.offset, f"{tail.torn_bytes} bytes at the end are no whole frame: being written, or torn off")


def _identity(hello: bytes) -> ProcessIdentity:
    said = json.loads(hello)
    return ProcessIdentity(**{name.name: said[name.name] for name in fields(ProcessIdentity)})
