"""How fast do logs become tables, how small are the rows then, and how many files do many short runs leave?

First 3 M noisy points of 100 runs with 3 keys from the log of one process, at regular times and, as clocks have it, each up to a
millisecond late. Beside it two ways to write the same rows, the regular ones, from memory: pyarrow's `write_table` after a plain
sort, and `write_deltalake`; both with their defaults, and without a log to read, checks, summaries or a disk to wait for. Each runs
alone in a process. Bytes are those of the points' files.

Then 10,000 runs of one metric from one process: the most files of logs there were at any time, and all files before and after.

    python -m benchmarks.publish
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.report import report, run_alone

RUNS, KEYS, STEPS = 100, ("train/loss", "train/accuracy", "val/loss"), 10_000
SHORT_RUNS = 10_000
FRAME = 65_536
BEGIN_NS, STEP_NS = 1_700_000_000_000_000_000, 50_000_000
MOST_BYTES, MOST_LOGS, MOST_FILES = 10.5, 50, 100


def frames(late_ns: int = 0) -> Iterator[tuple[list[tuple[str, str]], list[np.ndarray]]]:
    """As a program logs that does one run after the other: the names; which of them, steps, times and values."""
    dice = np.random.default_rng(0)
    series = [(f"{run:032x}", key) for run in range(RUNS) for key in KEYS]
    places = np.arange(RUNS * STEPS * len(KEYS))
    run, rest = np.divmod(places, STEPS * len(KEYS))
    steps, key = np.divmod(rest, len(KEYS))
    times = BEGIN_NS + (run * STEPS + steps) * STEP_NS
    times += dice.integers(0, late_ns + 1, RUNS * STEPS)[run * STEPS + steps]
    values = 1 / (1 + steps / 500) + dice.normal(size=len(places)) / 20
    for start in range(0, len(places), FRAME):
        yield series, [column[start : start + FRAME] for column in (run * len(KEYS) + key, steps, times, values)]


def write_log(folder: Path, late_ns: int) -> None:
    """What a process leaves that logged all this."""
    from runlake.recording.summaries import SeriesSummaries
    from runlake.store.columns import encode_points, encode_summaries
    from runlake.store.layout import create
    from runlake.store.writer import Writer

    writer, summaries = Writer(create(folder)), SeriesSummaries()
    for series, columns in frames(late_ns):
        codes = columns[0].astype(np.intp)
        used, codes = np.unique(codes, return_inverse=True)
        names = [series[code] for code in used]
        summaries.add(names, codes, *columns[1:], since=writer.points)
        writer.add_points(encode_points(names, codes, *columns[1:]), len(codes))
        writer.write()
    rows = summaries.changed()
    writer.add_summaries(encode_summaries(rows), len(rows))
    writer.close()


def table() -> pa.Table:
    """The same rows in memory, with the columns of the published table."""
    series, _ = next(frames())
    codes, steps, times, values = (np.concatenate(columns) for columns in zip(*(columns for _, columns in frames()), strict=True))
    run_ids, keys = (pa.array([name[place] for name in series]).take(pa.array(codes)) for place in (0, 1))
    writer = pa.array(["01ARZ3NDEKTSV4RRFFQ69G5FAV-00000000"]).take(pa.array(np.zeros(len(codes), np.int32)))
    columns = {"run_id": run_ids, "key": keys, "step": steps, "wall_ns": times, "value": values, "writer": writer}
    return pa.table({**columns, "seq": np.arange(len(codes))})


def with_runlake(folder: Path, late_ns: int = 0) -> float:
    """The log to tables that hold every point, on the disk and checked."""
    from runlake.store.layout import Layout
    from runlake.store.publish import publish

    write_log(folder, late_ns)
    start = time.perf_counter()
    moved = publish(Layout(folder))
    took = time.perf_counter() - start
    if moved.rows["points"] != RUNS * STEPS * len(KEYS) or moved.lost:
        sys.exit(f"{moved} is not all that was logged")
    return took


def with_pyarrow(folder: Path) -> float:
    """A sort, and one file."""
    rows = table()
    start = time.perf_counter()
    rows = rows.sort_by([(name, "ascending") for name in ("key", "run_id", "step")])
    (folder / "points").mkdir(parents=True)
    pq.write_table(rows, folder / "points" / "points.parquet")
    return time.perf_counter() - start


def with_deltalake(folder: Path) -> float:
    """A table of the rows as they come."""
    from deltalake import write_deltalake

    rows = table()
    start = time.perf_counter()
    write_deltalake(folder / "points", rows)
    return time.perf_counter() - start


WAYS: dict[str, Callable[[Path], float]] = {
    "runlake, from the log": with_runlake,
    "runlake, uneven times": lambda folder: with_runlake(folder, 1_000_000),
    "pyarrow, sort and write_table": with_pyarrow,
    "deltalake, write_deltalake": with_deltalake,
}


def measure(name: str) -> list[float]:
    """Seconds, M points a second, bytes a point, GB of memory at most."""
    with tempfile.TemporaryDirectory() as folder:
        took = WAYS[name](Path(folder) / "lake")
        size = sum(path.stat().st_size for path in Path(folder).glob("lake/points/*.parquet"))
    n = RUNS * STEPS * len(KEYS)
    return [took, n / took / 1e6, size / n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]


def log_short_runs(folder: Path) -> list[float]:
    """Seconds for all, and the most logs there were when looked at after every 100 runs."""
    os.environ |= {"RUNLAKE_STORE": str(folder), "RUNLAKE_SILENT": "1"}
    import runlake

    most, start = 0, time.perf_counter()
    for number in range(SHORT_RUNS):
        with runlake.start_run():
            runlake.log_metric("loss", number / 7)
        if number % 100 == 0:
            most = max(most, len(list(folder.glob("wal/*/*"))))
    runlake.flush()
    return [time.perf_counter() - start, max(most, len(list(folder.glob("wal/*/*"))))]


def publish_short_runs(folder: Path) -> list[float]:
    """Seconds, logs that are left, and files that are left in all."""
    from runlake.read import open_store
    from runlake.store.layout import Layout
    from runlake.store.publish import publish

    start = time.perf_counter()
    publish(Layout(folder))
    took = time.perf_counter() - start
    if open_store(folder).points().num_rows != SHORT_RUNS:
        sys.exit("points are lost or doubled")
    return [took, len(list(folder.glob("wal/*/*"))), n_files(folder)]


def n_files(folder: Path) -> int:
    """All below, whosever they are."""
    return sum(path.is_file() for path in folder.rglob("*"))


def main() -> None:
    """Measure each way, then the many runs, and say what is not as it must be."""
    match sys.argv[1:]:
        case ["points", name]:
            print(json.dumps(measure(name)))
        case ["log", folder]:
            print(json.dumps(log_short_runs(Path(folder))))
        case ["publish", folder]:
            print(json.dumps(publish_short_runs(Path(folder))))
        case _:
            measure_all()


def measure_all() -> None:
    """Both tables."""
    points = [[name, *run_alone("benchmarks.publish", "points", name)] for name in WAYS]
    columns = ["3 M points", "s", "M points/s", "bytes a point", "GB of memory"]
    report("How fast are points published, and how small?", columns, points, packages=["runlake", "pyarrow", "deltalake"])
    with tempfile.TemporaryDirectory() as folder:
        logged, most = run_alone("benchmarks.publish", "log", folder + "/lake")
        before = n_files(Path(folder))
        took, logs, files = run_alone("benchmarks.publish", "publish", folder + "/lake")
    columns = ["runs of one metric", "s to log", "most logs", "files before", "s to publish", "logs after", "files after"]
    row = [SHORT_RUNS, logged, most, before, took, logs, files]
    report("How many files do many short runs leave?", columns, [row], packages=["runlake", "pyarrow", "deltalake"])
    if max(points[0][3], points[1][3]) > MOST_BYTES or most >= MOST_LOGS or files >= MOST_FILES:
        sys.exit(f"at most {MOST_BYTES} bytes a point are meant, less than {MOST_LOGS} logs and less than {MOST_FILES} files")


if __name__ == "__main__":
    main()
