"""How long until a series of a million points is a NumPy array?

The store is open: `open_store` and importing do not count. `cold` is the first look at the series through a new `Store`, with the
files in the system's cache; `warm` is the second, by a new `Run`. Published, beside 99 other series of 10,000 points; then from a
log that is not published yet, where cold is the decoding of its frames. The bare limit is pyarrow that reads the one column of a
file which holds nothing but this series, written in the same way.

    python -m benchmarks.read_series
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
import pyarrow as pa
import pyarrow.parquet as pq

import runlake
from benchmarks.report import report, run_alone
from runlake.entities import Event, Scope
from runlake.recording.summaries import SeriesSummaries
from runlake.store.columns import encode_events, encode_points, encode_summaries
from runlake.store.layout import Layout, create
from runlake.store.tables import TABLES, table_bytes
from runlake.store.writer import Writer

POINTS, OTHERS, OTHER_POINTS = 1_000_000, 99, 10_000
FRAME = 65_536
REPEATS = 15
MOST_MS = 40
RUN_ID = f"{50:032x}"


def values_of(n: int) -> np.ndarray:
    """Noisy, as a loss is."""
    return np.random.default_rng(n).normal(size=n) / 20 + 1 / (1 + np.arange(n) / 500)


def write_log(folder: Path, run_ids: dict[str, int]) -> None:
    """Runs of one series with so many points each, by a process that ended."""
    writer, summaries = Writer(create(folder)), SeriesSummaries()
    for run_id, n in run_ids.items():
        said = {"status": "FINISHED", "start_ns": "1700000000000000000", "owner": writer.id}
        events = [Event.set(run_id, Scope.RUN, key, text, 1_700_000_000_000 << 16) for key, text in said.items()]
        writer.add_events(encode_events(events), len(events))
        steps, values = np.arange(n), values_of(n)
        for start in range(0, n, FRAME):
            rows = slice(start, min(n, start + FRAME))
            columns = np.zeros(rows.stop - start, np.intp), steps[rows], 1_700_000_000_000_000_000 + steps[rows] * 50_000_000, values[rows]
            summaries.add([(run_id, "loss")], *columns, since=writer.points)
            writer.add_points(encode_points([(run_id, "loss")], *columns), rows.stop - start)
            writer.write()
    rows_said = summaries.changed()
    writer.add_summaries(encode_summaries(rows_said), len(rows_said))
    writer.close()


def published(folder: Path) -> Callable[[], list[float]]:
    """The table, with other runs before and after this one in its order."""
    from runlake.store.publish import publish

    write_log(folder / "lake", {f"{n:032x}": POINTS if n == 50 else OTHER_POINTS for n in range(OTHERS + 1)})
    publish(Layout(folder / "lake"))
    return lambda: read_with_runlake(folder / "lake")


def unpublished(folder: Path) -> Callable[[], list[float]]:
    """Only the log."""
    write_log(folder / "lake", {RUN_ID: POINTS})
    return lambda: read_with_runlake(folder / "lake")


def read_with_runlake(path: Path) -> list[float]:
    """Seconds, cold and warm."""
    store = runlake.read.open_store(path)
    return [timed(lambda: store.run(RUN_ID).metrics["loss"].to_numpy()) for _ in range(2)]


def bare(folder: Path) -> Callable[[], list[float]]:
    """A file of its own, the value alone."""
    n = np.arange(POINTS)
    names = {"run_id": [RUN_ID], "key": ["loss"], "writer": ["01ARZ3NDEKTSV4RRFFQ69G5FAV-00000000"]}
    texts = {name: pa.array(text).take(pa.array(np.zeros(POINTS, np.int32))) for name, text in names.items()}
    numbers = {"step": n, "wall_ns": 1_700_000_000_000_000_000 + n * 50_000_000, "value": values_of(POINTS), "seq": n}
    (folder / "bare.parquet").write_bytes(table_bytes(TABLES["points"], pa.table(texts | numbers)))
    return lambda: [timed(lambda: pq.read_table(folder / "bare.parquet", columns=["value"])["value"].to_numpy()) for _ in range(2)]


def timed(read: Callable[[], np.ndarray]) -> float:
    """Seconds until it is there, and that it is the right one."""
    start = time.perf_counter()
    values = read()
    took = time.perf_counter() - start
    if not np.array_equal(values, values_of(POINTS)):
        sys.exit("these are not the values that were logged")
    return took


WAYS = {"published": published, "from the log": unpublished, "pyarrow, file of its own": bare}


def measure(name: str) -> list[float]:
    """Milliseconds, the median and the shortest, cold and warm."""
    with tempfile.TemporaryDirectory() as folder:
        read = WAYS[name](Path(folder))
        read()  # imports what it needs
        took = [[seconds * 1e3 for seconds in read()] for _ in range(REPEATS)]
    cold, warm = zip(*took, strict=True)
    return [statistics.median(cold), min(cold), statistics.median(warm), min(warm)]


def main() -> None:
    """Measure each alone in a process, and say where it is too long."""
    if len(sys.argv) == 2:
        print(json.dumps(measure(sys.argv[1])))
        return
    rows = [[name, *run_alone("benchmarks.read_series", name)] for name in WAYS]
    columns = ["1 M points to NumPy", "cold, median ms", "shortest", "warm, median ms", "shortest warm"]
    report("How long until a series is a NumPy array?", columns, rows, packages=["runlake", "pyarrow"])
    if rows[0][1] > MOST_MS:
        sys.exit(f"at most {MOST_MS} ms are meant where it is published")


if __name__ == "__main__":
    main()
