"""How long until a series of a million points is a curve of 1,000 pixels, and what do its buckets cost?

The store is open and was read from before: what counts is one more look, as of somebody who zooms. Published, beside 99 other series
of 10,000 points: the whole series, a tenth and a hundredth of it. Beside it what reading every point and bucketing them with NumPy
takes (least, greatest and mean of 1,000 equal slices). Then 50 runs of 100,000 points each, one curve after the other.

What buckets cost is measured where `benchmarks.publish` measures points: 3 M noisy points whose times are up to a millisecond late,
here 30 runs of 3 keys with 33,333 points each; bytes a point of both tables, and seconds of publishing without and with buckets.

    python -m benchmarks.read_curve
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import runlake.read
from benchmarks import publish as publish_benchmark
from benchmarks.read_series import OTHER_POINTS, OTHERS, POINTS, RUN_ID, write_log
from benchmarks.report import report, run_alone
from runlake.store import lod
from runlake.store.layout import Layout
from runlake.store.publish import publish

PIXELS = 1000
RUNS, RUN_POINTS = 50, 100_000
REPEATS = 15
MOST_BYTES = 10.5
PARTS = {"whole": None, "a tenth": (400_000, 499_999), "a hundredth": (400_000, 409_999)}


def points_within(within: tuple[int, int] | None) -> int:
    """How many points a part has."""
    return POINTS if within is None else within[1] - within[0] + 1


def curve(store: runlake.read.Store, within: tuple[int, int] | None) -> None:
    """From buckets."""
    found = store.curve(RUN_ID, "loss", range=within, pixels=PIXELS)
    if sum(found["n"].to_pylist()) != points_within(within):
        sys.exit("this is not the curve of all points")


def by_hand(store: runlake.read.Store, within: tuple[int, int] | None) -> None:
    """From every point."""
    points = store.series(RUN_ID, "loss")
    steps, values = points["step"].to_numpy(), points["value"].to_numpy()
    first, last = within or (0, POINTS - 1)
    there = slice(np.searchsorted(steps, first), np.searchsorted(steps, last, "right"))
    starts = np.linspace(0, points_within(within), PIXELS, endpoint=False).astype(int)
    least, greatest, sums = (reduce.reduceat(values[there], starts) for reduce in (np.minimum, np.maximum, np.add))
    if not (least <= greatest).all() or len(sums) != PIXELS:
        sys.exit("this is no curve")


WAYS: dict[str, Callable[[runlake.read.Store, tuple[int, int] | None], None]] = {"Store.curve": curve, "every point, NumPy": by_hand}


def milliseconds(look: Callable[[], object]) -> list[float]:
    """The median and the shortest, after a first look."""
    look()
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        look()
        took.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(took), min(took)]


def measure_parts(way: str) -> list[list[float]]:
    """Of each part of the series."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        write_log(root, {f"{n:032x}": POINTS if n == 50 else OTHER_POINTS for n in range(OTHERS + 1)})
        publish(Layout(root))
        store = runlake.read.open_store(root)
        return [milliseconds(lambda within=within: WAYS[way](store, within)) for within in PARTS.values()]  # type: ignore[misc]  # a default


def measure_runs() -> list[float]:
    """Of all runs, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        run_ids = [f"{n:032x}" for n in range(RUNS)]
        write_log(root, dict.fromkeys(run_ids, RUN_POINTS))
        publish(Layout(root))
        store = runlake.read.open_store(root)
        return milliseconds(lambda: [store.curve(run_id, "loss", pixels=PIXELS) for run_id in run_ids])


def measure_cost() -> list[float]:
    """Bytes a point of the points, and of the buckets; seconds of publishing without them, and to make them."""
    publish_benchmark.RUNS, publish_benchmark.STEPS = 30, 33_333
    n_points = 30 * 33_333 * len(publish_benchmark.KEYS)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lake"
        publish_benchmark.write_log(root, 1_000_000)
        start = time.perf_counter()
        publish(Layout(root))
        took = time.perf_counter() - start
        sizes = [sum(path.stat().st_size for path in root.glob(f"{name}/*.parquet")) / n_points for name in ("points", "lod")]
        (root / "lod").rename(Path(folder) / "aside")
        start = time.perf_counter()
        lod.bring_lod_up_to_date(Layout(root))
        again = time.perf_counter() - start
    return [*sizes, took - again, again]


def main() -> None:
    """Measure each alone in a process, and say what is too much."""
    match sys.argv[1:]:
        case ["parts", way]:
            print(json.dumps(measure_parts(way)))
        case ["runs"]:
            print(json.dumps(measure_runs()))
        case ["cost"]:
            print(json.dumps(measure_cost()))
        case _:
            measure_all()


def measure_all() -> None:
    """The tables."""
    found = {way: run_alone("benchmarks.read_curve", "parts", way) for way in WAYS}
    rows = [[f"{part} of 1 M points", way, *found[way][place]] for place, part in enumerate(PARTS) for way in WAYS]
    rows.append([f"{RUNS} runs of {RUN_POINTS:,} points", "Store.curve", *run_alone("benchmarks.read_curve", "runs")])
    columns = ["a curve of 1,000 pixels", "by", "median ms", "shortest"]
    report("How long until a series is a curve?", columns, rows, packages=["runlake", "pyarrow", "numpy"])
    cost = run_alone("benchmarks.read_curve", "cost")
    columns = ["3 M points", "points, bytes a point", "buckets, bytes a point", "s to publish without", "s to make buckets"]
    report("What do buckets cost?", columns, [["noisy, uneven times", *cost]], packages=["runlake", "pyarrow", "deltalake"])
    if sum(cost[:2]) > MOST_BYTES:
        sys.exit(f"at most {MOST_BYTES} bytes a point are meant, with buckets")


if __name__ == "__main__":
    main()
