"""All that a store holds, as one: every writer's log merged, each row once, whatever order it is found in."""

from __future__ import annotations

import contextlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.platform import ProcessIdentity
from runlake.store.columns import EVENTS, POINTS, as_array, decode, repeated, text_scalar
from runlake.store.frames import Frame, Kind
from runlake.store.layout import Layout
from runlake.store.names import WalName
from runlake.store.summaries import Summary, merge, summarize
from runlake.store.tail import Tail

__all__ = ["Coverage", "Finding", "View", "WriterState"]

_STREAMS = {Kind.POINTS: POINTS, Kind.EVENTS: EVENTS}
_ORIGIN = [("writer", pa.string()), ("seq", pa.int64())]


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


@dataclass
class _Piece:
    """Rows of one stream of one writer, from number `first` on; decoded when somebody wants them."""

    writer: str
    first: int
    stop: int
    payload: bytes
    payload_first: int
    table: pa.Table | None = None

    def rows(self) -> pa.Table:
        """The rows with where they come from."""
        if self.table is None:
            rows = decode(self.payload).slice(self.first - self.payload_first, self.stop - self.first)
            rows = rows.append_column("writer", repeated(self.writer, rows.num_rows))
            self.table = rows.append_column("seq", as_array(np.arange(self.first, self.stop, dtype=np.int64), pa.int64()))
            self.payload = b""
        return self.table


@dataclass
class _Summaries:
    """What one writer said of its series, and how many of its points that covers."""

    covered: int = 0
    rows: dict[str, dict[tuple[str, int], Summary]] = field(default_factory=lambda: defaultdict(dict))

    def take(self, frame: Frame) -> None:
        """The newest summary of a series counts, of each time that the writer began with it."""
        if frame.first_seq < self.covered:
            return
        self.covered = frame.first_seq
        for row in zip(*(column.to_pylist() for column in decode(frame.payload).columns), strict=True):
            run_id, key, since, *values = row
            self.rows[run_id][key, since] = Summary(*values)

    def of_run(self, run_id: str) -> Iterator[tuple[str, Summary]]:
        """The summaries of a run by key, the later ones of a key later."""
        return ((key, summary) for (key, _), summary in self.rows.get(run_id, {}).items())


@dataclass
class Coverage:
    """Which sequence numbers of one stream were seen, as disjoint ranges `[start, stop)` in order."""

    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def missing_in(self, first: int, stop: int) -> list[tuple[int, int]]:
        """The parts of `[first, stop)` that were not seen."""
        gaps = []
        at = max(0, bisect_right(self.starts, first) - 1)
        while first < stop and at < len(self.starts) and self.starts[at] < stop:
            if self.stops[at] > first:
                if self.starts[at] > first:
                    gaps.append((first, self.starts[at]))
                first = self.stops[at]
            at += 1
        if first < stop:
            gaps.append((first, stop))
        return gaps

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


class View:
    """Reads a store as it grows; `refresh` takes in what is new, the rest answers from what was read."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._tails: dict[Path, Tail] = {}
        self._pieces: dict[Kind, list[_Piece]] = {kind: [] for kind in _STREAMS}
        self._summaries: dict[str, _Summaries] = defaultdict(_Summaries)
        self._seen: dict[tuple[Kind, str], Coverage] = defaultdict(Coverage)
        self._writers: dict[str, WriterState] = {}

    def refresh(self) -> None:
        """Take in every frame that was not read yet."""
        for path in sorted(self.layout.wal.glob("*/*.wal")):
            name = WalName.parse(path.name)
            if name is None:
                continue
            with contextlib.suppress(FileNotFoundError):  # taken back by its writer: what it held is in the next part
                for frame in self._tails.setdefault(path, Tail(path)).read():
                    self._take(name.writer, frame)

    def points(self, run_id: str | None = None, key: str | None = None) -> pa.Table:
        """Every point once: by run, key, step and time, and where these are equal by writer and sequence number."""
        order = ["run_id", "key", "step", "wall_ns", "writer", "seq"]
        return _in_order(_table(Kind.POINTS, self._pieces[Kind.POINTS], {"run_id": run_id, "key": key}), order)

    def summaries(self, run_id: str) -> dict[str, Summary]:
        """What there is to say of each series of a run, by key: as its writers said, and from the points that came since."""
        damaged = {path.name.partition(".")[0] for path, tail in self._tails.items() if tail.damage}  # of these a summary may be lost
        said = {writer: summaries for writer, summaries in self._summaries.items() if writer not in damaged}
        found = [(writer, key, summary) for writer in said for key, summary in said[writer].of_run(run_id)]
        covered = {writer: summaries.covered for writer, summaries in said.items()}
        late = [piece for piece in self._pieces[Kind.POINTS] if piece.stop > covered.get(piece.writer, 0)]
        found += _summaries_of(_table(Kind.POINTS, late, {"run_id": run_id}), covered)
        merged: dict[str, Summary] = {}
        for _, key, summary in sorted(found, key=lambda each: each[0]):  # by writer, then as they came
            merged[key] = merge(merged[key], summary) if key in merged else summary
        return merged

    def events(self, run_id: str | None = None) -> pa.Table:
        """Every event once, by its hybrid time: a later row outranks an earlier one."""
        return _in_order(_table(Kind.EVENTS, self._pieces[Kind.EVENTS], {"run_id": run_id}), ["hlc", "writer", "seq"])

    def writers(self) -> dict[str, WriterState]:
        """Every writer by its id."""
        return self._writers

    def findings(self) -> list[Finding]:
        """Damage, rows missing between others, and torn ends, in words. A torn end is ordinary where a process was killed."""
        found = [finding for tail in self._tails.values() for finding in _findings_of(tail)]
        for (kind, writer), coverage in self._seen.items():
            path = next(path for path in self._tails if path.name.startswith(writer))
            for start, stop in coverage.holes():
                found.append(Finding(path, 0, f"{kind.name.lower()} {start} to {stop - 1} of this writer are missing"))
        return found

    def _take(self, writer: str, frame: Frame) -> None:
        if frame.kind == Kind.HELLO and writer not in self._writers:
            self._writers[writer] = WriterState(_identity(frame.payload))
        if writer in self._writers:
            state = self._writers[writer]
            state.last_ns, state.ended = max(state.last_ns, frame.wall_ns), frame.kind == Kind.END
        if frame.kind == Kind.END:  # it knows how many points came before it
            self._seen[Kind.POINTS, writer].add(frame.first_seq, frame.first_seq)
        if frame.kind == Kind.SUMMARIES:
            self._summaries[writer].take(frame)
        if frame.kind not in _STREAMS:
            return
        kind = Kind(frame.kind)
        coverage = self._seen[kind, writer]
        first, stop = frame.first_seq, frame.first_seq + frame.n_rows
        missing = coverage.missing_in(first, stop)
        if not missing:
            return
        self._pieces[kind].extend(_Piece(writer, start, end, frame.payload, first) for start, end in missing)
        coverage.add(first, stop)


def _table(kind: Kind, pieces: Iterable[_Piece], wanted: dict[str, str | None]) -> pa.Table:
    plain = pa.schema([(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in _STREAMS[kind]] + _ORIGIN)
    tables = []
    for piece in pieces:
        table = piece.rows()
        for name, value in wanted.items():
            if value is not None:
                table = table.filter(pc.equal(table[name], text_scalar(value)))
        tables.append(table.cast(plain))
    return pa.concat_tables(tables) if tables else plain.empty_table()


def _summaries_of(points: pa.Table, covered: dict[str, int]) -> Iterator[tuple[str, str, Summary]]:
    """By writer and key, of the points of a run that no summary covers."""
    writers, keys, seqs = points["writer"].to_pylist(), points["key"].to_pylist(), points["seq"].to_pylist()
    names: dict[tuple[str, str], int] = {}
    codes = [
        names.setdefault((writer, key), len(names)) if seq >= covered.get(writer, 0) else -1
        for writer, key, seq in zip(writers, keys, seqs, strict=True)
    ]
    found = summarize(codes, *(points[name].to_numpy() for name in ("step", "wall_ns", "value")))
    return ((writer, key, found[code]) for (writer, key), code in names.items())


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


def _in_order(table: pa.Table, columns: list[str]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in columns])
