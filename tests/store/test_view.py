"""Every writer's log merged into one: each row once, in one order, and whatever is missing said."""

from __future__ import annotations

import errno
import os
import random
import statistics
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from children import start_program
from rows import Point, add_events, add_points, parts_of, read, reading_of
from runlake.entities import Event, Scope
from runlake.store.layout import Layout, create
from runlake.store.pieces import Coverage
from runlake.store.publish import publish
from runlake.store.published import PublishedTable
from runlake.store.sealed import seal
from runlake.store.view import View
from runlake.store.writer import Writer


def points(run_id: str, key: str, steps: range) -> list[Point]:
    """A point for each step, with a value that tells which it is."""
    return [Point(run_id, key, step, 1000 + step, step / 8) for step in steps]


def numbered(rows: list[Point], writer: Writer, first_seq: int = 0) -> list[tuple[object, ...]]:
    """Points as they are read: with their writer and number behind."""
    return [(*row, writer.id, seq) for seq, row in enumerate(rows, first_seq)]


def test_a_store_without_logs_is_empty(tmp_path: Path) -> None:
    """No part, no rows, the same columns."""
    create(tmp_path / "lake")

    assert read(tmp_path / "lake") == ([], [], [])


def test_points_of_all_writers_are_merged_in_order(tmp_path: Path) -> None:
    """By run, key, step and time, whoever wrote them."""
    layout = create(tmp_path / "lake")
    first, second = Writer(layout), Writer(layout)
    add_points(first, points("b", "loss", range(0, 4, 2)))
    add_points(second, [*points("b", "loss", range(1, 4, 2)), *points("a", "loss", range(1)), *points("b", "acc", range(1))])
    first.close()
    second.close()

    found = [(run_id, key, step) for run_id, key, step, *_ in read(layout.root).points]

    assert found == [("a", "loss", 0), ("b", "acc", 0), ("b", "loss", 0), ("b", "loss", 1), ("b", "loss", 2), ("b", "loss", 3)]


def test_points_of_one_step_are_ordered_by_time_then_writer_then_number(tmp_path: Path) -> None:
    """A later point of the same step comes later, and equal times have an order too."""
    layout = create(tmp_path / "lake")
    first, second = sorted([Writer(layout), Writer(layout)], key=lambda writer: writer.id)
    add_points(second, [Point("r", "k", 0, 5, 4.0), Point("r", "k", 0, 5, 5.0)])
    add_points(first, [Point("r", "k", 0, 9, 6.0), Point("r", "k", 0, 5, 2.0), Point("r", "k", 0, 5, 3.0), Point("r", "k", 0, 1, 1.0)])
    first.close()
    second.close()

    assert [row[4] for row in read(layout.root).points] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_events_are_ordered_by_their_hybrid_time(tmp_path: Path) -> None:
    """So that the last one of a key is the one that counts."""
    layout = create(tmp_path / "lake")
    first, second = sorted([Writer(layout), Writer(layout)], key=lambda writer: writer.id)
    add_events(second, [Event.set("r", Scope.RUN, "k", text, hlc) for text, hlc in [("b", 2), ("d", 2), ("f", 9)]])
    add_events(first, [Event.set("r", Scope.RUN, "k", text, hlc) for text, hlc in [("e", 3), ("a", 2)]])
    first.close()
    second.close()

    assert [(row[7], row[8]) for row in read(layout.root).events] == [("a", 2), ("b", 2), ("d", 2), ("e", 3), ("f", 9)]


def test_points_are_found_by_run_and_key(tmp_path: Path) -> None:
    """A part of the rows is asked for by either or both."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    add_points(writer, [row for run in "ab" for key in "xy" for row in points(run, key, range(2))])
    writer.close()
    view = View(layout)
    view.refresh()

    def found(**wanted: str) -> list[tuple[str, str]]:
        return [(row["run_id"], row["key"]) for row in view.points(**wanted).to_pylist()]

    assert found(run_id="a") == [("a", "x"), ("a", "x"), ("a", "y"), ("a", "y")]
    assert found(key="y") == [("a", "y"), ("a", "y"), ("b", "y"), ("b", "y")]
    assert found(run_id="b", key="x") == [("b", "x"), ("b", "x")]
    assert found(run_id="c") == []


def test_the_parts_of_a_writer_are_one_log(tmp_path: Path) -> None:
    """Numbers go on from part to part."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(6))
    for first in range(0, 6, 2):
        add_points(writer, rows[first : first + 2])
        writer.close()

    assert [path.name for path in parts_of(layout.root)] == [f"{writer.id}.{part:06d}.wal" for part in range(3)]
    assert read(layout.root) == (numbered(rows, writer), [], [])


def test_frames_written_again_after_a_failed_sync_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next part begins with what was not synced: the rows are in both parts."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(6))
    add_points(writer, rows[:2])
    writer.sync()
    add_points(writer, rows[2:4])
    writer.write()
    fail_once(monkeypatch, "fdatasync", errno.EIO)
    writer.sync()
    add_points(writer, rows[4:])
    writer.close()

    assert [path.read_bytes().count(b"loss") for path in parts_of(layout.root)] == [2, 2]
    assert read(layout.root) == (numbered(rows, writer), [], [])


def fail_once(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    """Have the next call of this function of the operating system fail, and that one only."""
    real = getattr(os, name)

    def failing(*arguments: object) -> None:
        monkeypatch.setattr(os, name, real)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, failing)


def test_a_part_that_is_gone_is_a_hole(tmp_path: Path) -> None:
    """Later parts tell how many points came before them."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(6))
    for first in range(0, 6, 2):
        add_points(writer, rows[first : first + 2])
        writer.close()
    parts_of(layout.root)[1].unlink()

    expected = numbered(rows[:2], writer) + numbered(rows[4:], writer, first_seq=4)
    assert read(layout.root) == (expected, [], ["points 2 to 3 of this writer are missing"])


def test_the_end_tells_of_points_that_are_missing_before_it(tmp_path: Path) -> None:
    """Even where nothing else of the writer is left."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    add_points(writer, points("r", "loss", range(5)))
    writer.sync()
    writer.abandon()
    writer.add_beat()
    writer.close()
    parts_of(layout.root)[0].unlink()

    assert read(layout.root) == ([], [], ["points 0 to 4 of this writer are missing"])


def test_a_finding_names_its_file_and_offset(tmp_path: Path) -> None:
    """Where the damage is can be looked at."""
    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    writer.add_beat()
    writer.close()
    (path,) = parts_of(layout.root)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"RLK1 torn")
    view = View(layout)
    view.refresh()

    assert [(found.path, found.offset) for found in view.findings()] == [(path, size)]
    assert [found.what for found in view.findings()] == ["9 bytes at the end are no whole frame: being written, or torn off"]


def test_other_files_among_the_parts_are_passed_over(tmp_path: Path) -> None:
    """What a user, an editor or a synchronising tool leaves there is not ours to read."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(2))
    add_points(writer, rows)
    writer.close()
    (path,) = parts_of(layout.root)
    for name in ("notes.wal", f"{path.name}.bak", f"copy of {path.name}", ".DS_Store"):
        (path.parent / name).write_bytes(path.read_bytes()[:100])

    assert read(layout.root) == (numbered(rows, writer), [], [])


def test_a_part_that_vanishes_between_listing_and_reading_is_passed_over(tmp_path: Path) -> None:
    """A writer takes back a part in which it could write nothing; a link to nowhere looks the same to the reader."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(2))
    add_points(writer, rows)
    writer.close()
    (path,) = parts_of(layout.root)
    (path.parent / path.name.replace("000000", "000001")).symlink_to("nowhere")

    assert read(layout.root) == (numbered(rows, writer), [], [])


def test_rows_that_were_read_stay_when_their_part_is_removed(tmp_path: Path) -> None:
    """A view never forgets."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(2))
    add_points(writer, rows)
    writer.close()
    view = View(layout)
    view.refresh()
    (path,) = parts_of(layout.root)

    path.unlink()
    view.refresh()

    assert reading_of(view) == (numbered(rows, writer), [], [])


def test_a_log_that_grows_by_pieces_of_frames_is_read_frame_by_frame(tmp_path: Path) -> None:
    """However little arrives between two looks, nothing is read twice, early or wrong."""
    layout = create(tmp_path / "lake")
    writer, rows = Writer(layout), points("r", "loss", range(12))
    for first in range(0, 12, 3):
        add_points(writer, rows[first : first + 3])
    writer.close()
    (path,) = parts_of(layout.root)
    data, piece, seen = path.read_bytes(), random.Random(3), [0]
    path.write_bytes(b"")
    view = View(layout)

    while data:
        length = piece.randrange(1, 64)
        with path.open("ab") as file:
            file.write(data[:length])
        data = data[length:]
        view.refresh()
        seen.append(len(view.points()))
        assert reading_of(view).points == numbered(rows[: seen[-1]], writer)

    assert sorted(set(seen)) == [0, 3, 6, 9, 12]
    assert seen == sorted(seen)
    assert reading_of(view).findings == []


LOGS_AND_ROTATES = """
    import time
    import runlake
    from runlake.store import writer

    writer.PART_BYTES = 20_000
    run = runlake.start_run()
    print(run.run_id, flush=True)
    for step in range(20_000):
        runlake.log_metric("loss", step / 8, step=step, timestamp=step)
        if step % 200 == 0:
            time.sleep(0.01)
    runlake.end_run()
"""


def test_a_reader_of_a_live_log_sees_a_prefix_that_grows(store: Path) -> None:
    """While another process writes, part after part."""
    create(store)
    view, lengths = View(Layout(store)), [0]

    with start_program(LOGS_AND_ROTATES, store, RUNLAKE_FLUSH_SECONDS="0.02") as writing:
        assert writing.stdout is not None
        run_id = writing.stdout.readline().strip()
        while lengths[-1] < 20_000 and (writing.poll() is None or lengths[-1] == 0):
            view.refresh()
            steps = view.points(run_id, "loss")["step"].to_pylist()
            assert steps == list(range(len(steps)))
            lengths.append(len(steps))
    view.refresh()

    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 5
    assert len(parts_of(store)) > 5
    table = view.points(run_id, "loss")
    assert table["value"].to_pylist() == [step / 8 for step in range(20_000)]
    assert reading_of(view).findings == []


SENDS_THE_TIME = """
    import time
    import runlake

    runlake.start_run()
    runlake.log_metric("sent", 0.0)
    runlake.flush()
    for _ in range(7):
        time.sleep(0.33)
        runlake.log_metric("sent", time.time())
    runlake.end_run()
"""


def test_a_point_is_visible_to_another_process_within_a_second(store: Path) -> None:
    """With the settings as they come, from the call to the reader."""
    create(store)
    view, delays = View(Layout(store)), list[float]()

    with start_program(SENDS_THE_TIME, store) as writing:
        while writing.poll() is None:
            view.refresh()
            sent = view.points(key="sent")["value"].to_pylist()
            delays += [time.time() - value for value in sent[len(delays) :]]
            time.sleep(0.02)

    assert len(delays) >= 6
    assert statistics.median(delays[1:]) < 1


@given(
    seen=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=12),
    asked=st.tuples(st.integers(0, 40), st.integers(0, 20)),
)
def test_coverage_is_a_set_of_numbers(seen: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """Ranges in any order, touching, overlapping and empty, against a plain set."""
    coverage, numbers, top = Coverage(), set[int](), 0
    for first, length in seen:
        coverage.add(first, first + length)
        numbers |= set(range(first, first + length))
        top = max(top, first + length)
    wanted = range(asked[0], asked[0] + asked[1])

    assert numbers_in(list(coverage.missing_in(wanted.start, wanted.stop))) == sorted(set(wanted) - numbers)
    assert numbers_in(coverage.holes()) == sorted(set(range(top)) - numbers)
    assert numbers_in(list(zip(coverage.starts, coverage.stops, strict=True))) == sorted(numbers)


def numbers_in(ranges: list[tuple[int, int]]) -> list[int]:
    """The numbers of the ranges, in the order they are in, twice if they are in two."""
    return [number for start, stop in ranges for number in range(start, stop)]


def test_to_ask_for_a_writer_opens_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for logs that came since; what was sealed since is looked for, too."""
    monkeypatch.setattr("runlake.store.writer.PART_BYTES", 1)
    layout = create(tmp_path / "lake")
    writer, view = Writer(layout), View(layout)
    add_points(writer, [Point("r", "loss", 0, 0, 0.5)])
    writer.sync()
    view.refresh()
    for step in (1, 2):
        add_points(writer, [Point("r", "loss", step, 0, 0.5)])
        writer.sync()
    for part in parts_of(layout.root)[:-1]:
        seal(layout, part)

    assert view.writer("nobody") is None

    assert view.points()["step"].to_pylist() == [0, 1, 2]
    writer.abandon()


@pytest.mark.parametrize("place", [1, 2, 3])
def test_what_is_published_amid_a_look_is_seen_with_what_came_before_it(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that is seen stands for points that are seen, and these for what is said of them, whichever table is read when."""
    layout = create(tmp_path / "lake")
    refresh, calls = PublishedTable.refresh, list[str]()

    def publish_first(table: PublishedTable) -> None:
        calls.append(table.table.name)
        if len(calls) == place:
            writer = Writer(layout)
            add_points(writer, [Point("run", "loss", 0, 1, 0.5)])
            add_events(writer, [Event.set("run", Scope.RUN, "status", "FINISHED", 1)])
            writer.close()
            publish(layout)
        refresh(table)

    monkeypatch.setattr(PublishedTable, "refresh", publish_first)
    view = View(layout)
    view.refresh()

    events, points = view.events().num_rows, view.points().num_rows
    assert (events, points) in [(0, 0), (0, 1), (1, 1)]
    assert not events or view.summaries("run")["loss"].n == 1
