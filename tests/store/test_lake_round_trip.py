"""Whatever is written is what is read, wherever it lies by then: in logs, in sealed files, in the tables, and in all three at once."""

from __future__ import annotations

import math
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from rows import Point, add_events, parts_of
from runlake import platform
from runlake.entities import Event, Scope
from runlake.recording.summaries import SeriesSummaries
from runlake.store.columns import encode_points, encode_summaries, point_columns
from runlake.store.compaction import compact
from runlake.store.fold import fold_runs
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.published import PublishedTable
from runlake.store.sealed import seal
from runlake.store.summaries import Summary, summarize
from runlake.store.tables import TABLES, in_order
from runlake.store.view import View
from runlake.store.writer import Writer

WRITERS = 2
LEAST, GREATEST = -(2**63), 2**63 - 1
SUMS_UP_TO = 1e300  # beyond it the order of additions tells whether a sum is infinite
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking publishes hundreds of times


class Long(str):
    """A text that is shown in short where a history is."""

    def __repr__(self) -> str:
        return f"{self[0]!r} * {len(self)}"


short_names = st.sampled_from(["loss", "a/b", "a", "é", "\x00", "'\"\\%", "a\n"])
long_names = st.builds(lambda letter, n: Long(letter * n), st.characters(codec="utf-8"), st.integers(100, 5000))
names = short_names | long_names | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
odd_floats = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -2.2e-308, 1.7976931348623157e308])
values = odd_floats | st.floats(-10, 10) | st.floats()
few_integers = st.integers(0, 1)  # so that steps and times are the same again and again
integers = few_integers | few_integers | st.integers(LEAST, GREATEST) | st.sampled_from([LEAST, GREATEST])
texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=8) | long_names


class Points(NamedTuple):
    """A frame of points, with a frame of summaries after it or not."""

    writer: int
    rows: list[tuple[str, str, int, int, float]]
    said: bool


class Events(NamedTuple):
    """A frame of events."""

    writer: int
    rows: list[Event]


class Said(NamedTuple):
    """A frame of summaries; those of `ended` runs are let go of."""

    writer: int
    ended: list[str]


class Left(NamedTuple):
    """The writer says that nothing follows; what comes from it nevertheless comes in a new part."""

    writer: int


class History(NamedTuple):
    """What is written until all is sealed and published, what then, and what becomes of it."""

    part_bytes: int
    acts: list[list[Points | Events | Said | Left]]
    sealed: list[list[bool]]


@st.composite
def histories(draw: st.DrawFn, frames: int, rows: int) -> History:
    """Few runs, keys and writers, so that they meet."""
    writers = st.integers(0, WRITERS - 1)
    runs = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    run_ids, keys = st.sampled_from(runs), st.sampled_from(draw(st.lists(names, min_size=1, max_size=2, unique=True)))
    points = st.tuples(run_ids, keys, integers, integers, values)
    optional = st.none() | values
    ops, types = st.sampled_from(["set", "delete", "offer"]), st.sampled_from(["bool", "int", "float", "str", "json"])
    event = st.builds(Event, run_ids, st.sampled_from(list(Scope)), names, ops, types, optional, st.none() | integers, texts, integers)
    started = st.builds(Event.set, run_ids, st.just(Scope.RUN), st.just("start_ns"), integers, integers)
    act = (
        st.builds(Points, writers, st.lists(points, min_size=1, max_size=rows), st.booleans())
        | st.builds(Points, writers, st.lists(points, min_size=1, max_size=rows), st.booleans())
        | st.builds(Events, writers, st.lists(event | started, min_size=1, max_size=rows))
        | st.builds(Said, writers, st.lists(run_ids, max_size=1))
        | st.builds(Left, writers)
    )
    acts = st.lists(act, max_size=frames)
    flags = st.lists(st.booleans(), min_size=1, max_size=6)
    sizes = st.sampled_from([1, 5000, 20_000])
    return draw(st.builds(History, sizes, st.tuples(acts, acts).map(list), st.lists(flags, min_size=2, max_size=2)))


@dataclass
class Writing:
    """A writer with its summaries, as a process has them."""

    writer: Writer
    summaries: SeriesSummaries = field(default_factory=SeriesSummaries)
    is_open: bool = False


class Lake:
    """A store, and in plain Python what was put into it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.writings = [Writing(Writer(layout)) for _ in range(WRITERS)]
        self.points: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.view = View(layout)  # opened before anything is there, and read on from

    def do(self, act: Points | Events | Said | Left) -> None:
        """What a process does."""
        writing = self.writings[act.writer]
        writer = writing.writer
        if isinstance(act, Points):
            self._add_points(writing, act.rows)
            if act.said:
                writer.write()
                self._say(writing, [])
        elif isinstance(act, Events):
            self.events += [(*row, writer.id, seq) for seq, row in enumerate(act.rows, writer.events)]
            add_events(writer, act.rows)
        elif isinstance(act, Said):
            self._say(writing, act.ended)
        else:
            self._say(writing, [])
            writer.close()
        writing.is_open = not isinstance(act, Left)
        writer.write()

    def _add_points(self, writing: Writing, rows: Sequence[tuple[str, str, int, int, float]]) -> None:
        writer = writing.writer
        series = list(dict.fromkeys(row[:2] for row in rows))
        _, _, steps, times, logged = (list(column) for column in zip(*rows, strict=True))
        columns = point_columns([series.index(row[:2]) for row in rows], steps, times, logged)
        self.points += [(*Point(*row), writer.id, seq) for seq, row in enumerate(rows, writer.points)]
        writing.summaries.add(series, *columns, since=writer.points)
        writer.add_points(encode_points(series, *columns), len(rows))

    def _say(self, writing: Writing, ended: Sequence[str]) -> None:
        writing.summaries.forget_soon(ended)
        if rows := writing.summaries.changed():
            writing.writer.add_summaries(encode_summaries(rows), len(rows))
            writing.summaries.written()

    def seal(self, which: Sequence[bool]) -> None:
        """Seal of the parts that nobody writes to any more those that the flags, over and over, tell."""
        parts = parts_of(self.layout.root)
        newest = {path.name.split(".")[0]: path for path in parts}
        opened = {newest.get(each.writer.id) for each in self.writings if each.is_open}
        for n, path in enumerate(path for path in parts if path not in opened):
            if which[n % len(which)]:
                seal(self.layout, path)

    def check(self) -> None:
        """What was put into the store is what is read of it: by the reader that was there all the time, and by a new one."""
        self.view.refresh()
        new = View(self.layout)
        new.refresh()
        for view in (self.view, new):
            assert view.findings() == []
            self._check_rows(view)
            self._check_summaries(view)

    def _check_rows(self, view: View) -> None:
        ordered = sorted(self.points, key=lambda row: (*row[:4], *row[5:]))
        assert exact(view.points()) == [same(row) for row in ordered]
        for run_id, key in {row[:2] for row in ordered} | {("none", "loss")}:
            wanted = [same(row) for row in ordered if row[:2] == (run_id, key)]
            assert exact(view.points(run_id, key)) == wanted
            assert exact(view.series(run_id, key)) == [row[2:5] for row in wanted]
        assert exact(view.events()) == [same(row) for row in sorted(self.events, key=lambda row: row[8:])]
        for run_id in {row[0] for row in ordered}:
            assert exact(view.points(run_id)) == [same(row) for row in ordered if row[0] == run_id]
            assert {row[0] for row in exact(view.events(run_id))} <= {run_id}

    def _check_summaries(self, view: View) -> None:
        by_writer = sorted(self.points, key=lambda row: row[5:])
        for run_id in {row[0] for row in by_writer}:
            rows = [row for row in by_writer if row[0] == run_id]
            keys = list(dict.fromkeys(row[1] for row in rows))
            steps, times = (np.array([row[place] for row in rows], np.int64) for place in (2, 3))
            wanted = summarize([keys.index(row[1]) for row in rows], steps, times, np.array([row[4] for row in rows], np.float64))
            found = view.summaries(run_id)
            assert found.keys() == set(keys)
            for code, key in enumerate(keys):
                assert_same(found[key], wanted[code], [row[4] for row in rows if row[1] == key])

    def check_tables(self) -> None:
        """The tables alone, as any other program reads them, hold everything, and the logs and sealed files are gone."""
        tables = {name: PublishedTable(self.layout.root, TABLES[name]) for name in TABLES}
        for table in tables.values():
            table.refresh()
        events = in_order(tables["meta"].rows({}), ("hlc", "writer", "seq"))
        assert sorted(exact(tables["points"].rows({}))) == sorted(map(same, self.points))
        assert exact(events) == [same(row) for row in sorted(self.events, key=lambda row: row[8:])]
        of_runs = in_order(tables["meta"].rows({"scope": "run"}), ("hlc", "writer", "seq"))
        started = {run_id: state.said for run_id, state in fold_runs(of_runs).items() if "start_ns" in state.said}
        runs = tables["runs"].rows({}).to_pylist()
        assert {row["run_id"]: row["start_ns"] for row in runs} == {run_id: int(said["start_ns"]) for run_id, said in started.items()}
        assert len(runs) == len(started)
        assert [*self.layout.root.glob("wal/*/*"), *self.layout.root.glob("l0/*/*/*")] == []


def same(row: Sequence[Any]) -> tuple[Any, ...]:
    """A row that equals another one when every bit does: NaN equals itself, and 0.0 is not -0.0."""
    return tuple(struct.pack("<d", each) if isinstance(each, float) else each for each in row)


def exact(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table, to be compared."""
    return [same(tuple(row.values())) for row in table.to_pylist()]


def assert_same(found: Summary, wanted: Summary, logged: Sequence[float]) -> None:
    """Equal, but for the order in which a sum was added up."""
    assert same(found._replace(sum=0, min=None, max=None)) == same(wanted._replace(sum=0, min=None, max=None))
    assert (found.min, found.max) == (wanted.min, wanted.max)  # of 0.0 and -0.0 either is the least
    size = sum(abs(value) for value in logged if math.isfinite(value))
    if size < SUMS_UP_TO:
        assert found.sum == pytest.approx(wanted.sum, rel=0, abs=1e-12 * size, nan_ok=True)


@contextmanager
def lake_with(part_bytes: int) -> Iterator[tuple[Lake, pytest.MonkeyPatch]]:
    """An empty store whose parts are as small as that."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("runlake.store.writer.PART_BYTES", part_bytes)
        lake = Lake(create(Path(folder) / "lake"))
        try:
            yield lake, patch
        finally:
            for each in lake.writings:
                each.writer.abandon()


def assert_read_as_written(history: History) -> None:
    """As logs, with some parts sealed, published, with more on top, published again, and once every writer is gone; then merged."""
    with lake_with(history.part_bytes) as (lake, patch):
        for acts, which in zip(history.acts, history.sealed, strict=True):
            for act in acts:
                lake.do(act)
            lake.check()
            lake.seal(which)
            lake.check()
            publish(lake.layout)
            lake.check()
        patch.setattr(platform, "is_running", lambda identity: False)
        for change in (publish, publish, compact, compact):
            change(lake.layout)
            lake.check()
            lake.check_tables()


# Of what is sealed as one, a newer summary of a series, and at the same time the first one of another.
SAID_TWICE: list[Points | Events | Said | Left] = [
    Points(0, [("r", "a", 0, 0, 1.0)], True),
    Points(0, [("r", "a", 1, 1, 2.0), ("r", "b", 1, 1, 2.0)], True),
    Left(0),
]


@example(History(20_000, [SAID_TWICE, []], [[True], [True]]))
@example(History(1, [[Points(0, [("r", "a", 0, 0, value)], False) for value in (1.0, 2.0)], []], [[True], [True]]))  # a tie, half sealed
@settings(max_examples=12, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(histories(frames=12, rows=6))
def test_what_is_written_is_read_wherever_it_lies(history: History) -> None:
    """Rows are read exactly once, bit for bit and in order, and summaries say what the points say, in every tier and between them."""
    assert_read_as_written(history)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=400, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(histories(frames=25, rows=20))
def test_what_is_written_is_read_wherever_it_lies_at_length(history: History) -> None:
    """The same, of longer histories."""
    assert_read_as_written(history)
