"""Summaries: what is read of a series without its points is what its points say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlake
from children import run_program
from rows import Point, add_points, parts_of
from runlake.read import open_store
from runlake.store.frames import Frame, Kind, scan
from runlake.store.layout import Layout, create
from runlake.store.summaries import Summary, merge, summarize
from runlake.store.view import View
from runlake.store.writer import Writer

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(width=16)), min_size=1, max_size=40)


def summary_of(points: list[tuple[int, int, float]]) -> Summary:
    """The same in plain Python, of (step, time, value)."""
    ordered = sorted(points, key=lambda point: point[:2])
    known = [(value, step) for step, _, value in ordered if not math.isnan(value)]
    low, low_step = min(known, default=(None, None))
    high, high_step = min(((-value, step) for value, step in known), default=(None, None))
    with np.errstate(invalid="ignore"):  # infinities of both signs have no sum
        total = float(np.sum([value for value, _ in known]))
    extremes = (low, low_step, None if high is None else -high, high_step)
    return Summary(len(points), len(points) - len(known), total, *extremes, *ordered[0], *ordered[-1])


def assert_same(found: Summary, wanted: Summary) -> None:
    """Equal, NaN as well; a sum but for the order of its additions."""
    for name, ours, theirs in zip(Summary._fields, found, wanted, strict=True):
        if name == "sum":
            assert ours == pytest.approx(theirs, nan_ok=True)
        else:
            assert ours == theirs or (ours != ours and theirs != theirs), name


@given(POINTS, st.integers(0, 40))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the sum of both infinities in the plain version
def test_a_summary_says_what_the_points_say(points: list[tuple[int, int, float]], cut: int) -> None:
    """In one go, and merged from two parts at any place."""
    whole = [columns_of(points), columns_of(points[:cut]), columns_of(points[cut:])]
    all_at_once, *parts = [summarize(np.zeros(len(values), int), steps, times, values) for steps, times, values in whole]

    assert_same(all_at_once[0], summary_of(points))
    if all(parts):
        assert_same(merge(parts[0][0], parts[1][0]), summary_of(points))


def columns_of(points: list[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, times and values."""
    steps, times, values = zip(*points, strict=True) if points else ((), (), ())
    return np.array(steps, np.int64), np.array(times, np.int64), np.array(values, np.float64)


@given(st.lists(POINTS, min_size=1, max_size=5))
def test_series_are_told_apart(all_points: list[list[tuple[int, int, float]]]) -> None:
    """However their points are mixed."""
    rows = [(code, *point) for code, points in enumerate(all_points) for point in points][::-1]
    codes, steps, times, values = (np.array(column) for column in zip(*rows, strict=True))

    found = summarize(codes, steps, times, values)

    for code, points in enumerate(all_points):
        assert_same(found[code]._replace(sum=0), summary_of(points[::-1])._replace(sum=0))


def test_what_its_writer_said_counts_and_then_the_points_that_came_since(tmp_path: Path) -> None:
    """The points that a summary covers are not looked at: here it says something else than they do."""
    from runlake.store.columns import encode_summaries

    layout = create(tmp_path / "lake")
    writer, other = Writer(layout), Writer(layout)
    said = Summary(2, 0, 3.0, 1.0, 0, 2.0, 1, 0, 10, 1.0, 1, 11, 2.0)
    add_points(writer, [Point("r", "loss", 0, 10, -7.0), Point("r", "loss", 1, 11, -8.0)])
    writer.add_summaries(encode_summaries([("r", "loss", 0, said)]), 1)
    add_points(writer, [Point("r", "loss", 2, 12, 9.0)])
    add_points(other, [Point("r", "loss", 3, 13, math.nan)])
    writer.close()
    other.close()

    view = View(layout)
    view.refresh()

    assert_same(view.summaries("r")["loss"], Summary(4, 1, 12.0, 1.0, 0, 9.0, 2, 0, 10, 1.0, 3, 13, math.nan))


def test_a_run_that_is_logged_to_after_its_end_is_summed_up_whole(store: Path) -> None:
    """Its first summaries were let go of; the second begin anew, and the two merge."""
    with runlake.start_run() as run:
        runlake.log_metrics({"loss": 4.0, "acc": 0.5}, step=5)
    runlake.flush()
    wait_for_summaries(store, 1)
    runlake.log_metric("loss", 2.0, step=6, run_id=run.run_id)
    with runlake.start_run(run.run_id):
        runlake.log_metric("loss", 3.0)
    wait_for_summaries(store, 2)

    loss = open_store(store).run(run.run_id).metrics["loss"]

    assert (loss.last, loss.min, loss.max, loss.best_step, len(loss)) == (3.0, 2.0, 4.0, 6, 3)
    assert loss.steps.tolist() == [5, 6, 7]


def test_a_process_that_leaves_has_summed_up_all_its_series(store: Path) -> None:
    """Also those of runs that it joined or left open."""
    run_program("import runlake\nfor i in range(3): runlake.log_metric('loss', i)", store)

    last = frames_of(store)[-2:]

    assert [frame.kind for frame in last] == [Kind.SUMMARIES, Kind.END]
    assert last[0].first_seq == 3


def test_a_damaged_log_is_summed_up_from_its_points(tmp_path: Path) -> None:
    """A summary may be among what is lost."""
    from runlake.store.columns import encode_summaries

    layout = create(tmp_path / "lake")
    writer = Writer(layout)
    add_points(writer, [Point("r", "loss", 0, 10, 1.0)])
    writer.add_summaries(encode_summaries([("r", "loss", 0, Summary(1, 0, 1.0, 1.0, 0, 1.0, 0, 0, 10, 1.0, 0, 10, 1.0))]), 1)
    add_points(writer, [Point("r", "loss", 1, 11, 0.5)])
    writer.add_summaries(encode_summaries([("r", "loss", 0, Summary(2, 0, 1.5, 0.5, 1, 1.0, 0, 0, 10, 1.0, 1, 11, 0.5))]), 1)
    add_points(writer, [Point("r", "acc", 0, 10, 1.0)])
    writer.add_summaries(encode_summaries([("r", "acc", 2, Summary(1, 0, 1.0, 1.0, 0, 1.0, 0, 0, 10, 1.0, 0, 10, 1.0))]), 1)
    writer.close()
    (part,) = parts_of(layout.root)
    data = bytearray(part.read_bytes())
    second = [frame for frame in scan(bytes(data), 0) if isinstance(frame, Frame) and frame.kind == Kind.SUMMARIES][1]
    data[second.end - 1] ^= 1
    part.write_bytes(data)

    view = View(Layout(layout.root))
    view.refresh()

    assert view.summaries("r")["loss"].last == 0.5


def wait_for_summaries(store: Path, frames: int) -> None:
    """They are written within a second of the end of a run."""
    import time

    deadline = time.monotonic() + 10
    while sum(frame.kind == Kind.SUMMARIES for frame in frames_of(store)) < frames:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def frames_of(store: Path) -> list[Frame]:
    """Every good frame, in the order of the parts."""
    return [frame for part in parts_of(store) for frame in scan(part.read_bytes(), 0) if isinstance(frame, Frame)]
