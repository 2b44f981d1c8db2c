"""How does a store do that is as large as stores get?

*Runs*: a million runs of 60 keys: 30 params, 25 metrics and 5 tags. *Points*: 1,000 runs of 10 metrics of 100,000 points each, a billion
in all. Both are made by writing the tables directly, in files of the size that compaction makes. Asked is what a user asks: the best
hundred of `metrics.m0 < 0.5 and params.p0 = 'z'`, the newest runs, a curve on a thousand pixels, ten of them, a part of one, a series
whole, each of these from opening the store on. Each is asked in a process of its own; *first* is the first time, its imports apart, *again*
the median of the next ones. `ls`, `show`, `du` and `fsck` are whole commands, from the start of Python to their end.

    python -m benchmarks.large_store [runs 1000000] [points 1000]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.report import report, run_alone
from benchmarks.search_runs import events_table, run_ids, summaries_table

N_RUNS, N_LONG_RUNS = 1_000_000, 1_000
PARAMS, METRICS, TAGS = 30, 25, 3  # and two tags that every run has
KEYS = PARAMS + TAGS + 9  # with these and what is said of each run
SERIES, LENGTH = 10, 100_000
SHOWN = 17  # the number of the run that is looked at
TOGETHER = 65_536  # runs in a file of events
RUNS_A_FILE = 80  # of eight million points
REPEATS = 9
WRITER = "01ARZ3NDEKTSV4RRFFQ69G5FAV-00000000"
NAME = "benchmarks.large_store"


def fill_runs(folder: Path, n: int) -> None:
    """The tables of a store of so many runs."""
    from runlake.store.commits import commit, new_files
    from runlake.store.layout import create
    from runlake.store.runs_table import bring_runs_up_to_date
    from runlake.store.tables import TABLES

    layout = create(folder)
    for first in range(0, n, TOGETHER):
        ids, dice = run_ids(first, min(TOGETHER, n - first)), np.random.default_rng(first)
        params = {f"p{k}": ("float", [f"{value:.6g}" for value in 10 ** dice.uniform(-5, 0, len(ids))]) for k in range(5, PARAMS)}
        params |= {f"p{k}": ("str", [("x", "y", "z")[code] for code in dice.integers(0, 3, len(ids))]) for k in range(5)}
        tags = {f"t{k}": ("str", [("one", "two")[code] for code in dice.integers(0, 2, len(ids))]) for k in range(TAGS)}
        metrics = {f"m{k}": dice.uniform(0, 1, len(ids)) for k in range(METRICS)}
        for name, rows in (("meta", events_table(ids, params, tags, first * KEYS)), ("metrics", summaries_table(ids, metrics))):
            commit(layout, TABLES[name], new_files(layout, TABLES[name], rows))
    bring_runs_up_to_date(layout)


def fill_points(folder: Path, n: int) -> None:
    """The tables of a store of so many runs with long series."""
    from runlake.store.columns import as_array, repeated, texts
    from runlake.store.commits import Mark, commit, new_files
    from runlake.store.layout import create
    from runlake.store.lod import bring_lod_up_to_date
    from runlake.store.runs_table import bring_runs_up_to_date
    from runlake.store.summaries import summarize
    from runlake.store.tables import TABLES

    layout, ids, done = create(folder), run_ids(0, n), 0
    steps, rows_of_metrics = np.arange(LENGTH), []
    commit(layout, TABLES["meta"], new_files(layout, TABLES["meta"], events_table(ids, {"lr": ("float", ["0.1"] * n)}, {})))
    for key in (f"m{k}" for k in range(SERIES)):
        for first in range(0, n, RUNS_A_FILE):
            some = ids[first : first + RUNS_A_FILE]
            size = len(some) * LENGTH
            values = np.random.default_rng(done).normal(size=size) / 20 + np.tile(1 / (1 + steps / 500), len(some))
            times = 1_700_000_000_000_000_000 + np.tile(steps * 50_000_000, len(some))
            codes = np.repeat(np.arange(len(some), dtype=np.int32), LENGTH)
            columns = {
                "run_id": pa.DictionaryArray.from_arrays(as_array(codes, pa.int32()), texts(some)),
                "key": repeated(key, size),
                "step": as_array(np.tile(steps, len(some)), pa.int64()),
                "wall_ns": as_array(times, pa.int64()),
                "value": as_array(values, pa.float64()),
                "writer": repeated(WRITER, size),
                "seq": as_array(np.arange(done, done + size), pa.int64()),
            }
            assert commit(
                layout, TABLES["points"], new_files(layout, TABLES["points"], pa.table(columns)), marks=[Mark(WRITER, done, done + size)]
            )
            done += size
            for place, run_id in enumerate(some):
                part = slice(place * LENGTH, (place + 1) * LENGTH)
                rows_of_metrics.append((run_id, key, summarize(np.zeros(LENGTH, np.intp), steps, times[part], values[part])[0]))
    said = [
        {"run_id": run, "key": key, "since": 0, "writer": WRITER, "covered": done, **each._asdict()} for run, key, each in rows_of_metrics
    ]
    metrics = pa.Table.from_pylist(said, schema=TABLES["metrics"].schema)
    commit(layout, TABLES["metrics"], new_files(layout, TABLES["metrics"], metrics), marks=[Mark(WRITER, 0, done + 1)])
    bring_runs_up_to_date(layout)
    bring_lod_up_to_date(layout)


def ask(folder: Path, what: str) -> list[float]:
    """Milliseconds cold and warm, and MB of memory."""
    import pandas  # noqa: F401 - its import is not what is measured

    import runlake

    runlake.set_tracking_uri(folder)
    runlake.get_experiment("0")
    took = [timed(QUESTIONS[what]) for _ in range(REPEATS)]
    return [took[0] * 1e3, median(took[1:]) * 1e3, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3]


def timed(ask_it: Callable[[], Any]) -> float:
    """Seconds."""
    start = time.perf_counter()
    found = ask_it()
    took = time.perf_counter() - start
    if not len(found):
        sys.exit("nothing was found")
    return took


def best() -> Any:
    """The best hundred, with every column."""
    import runlake

    where = "metrics.m0 < 0.5 and params.p0 = 'z'"
    return runlake.search_runs("0", where, order_by=["metrics.m0"], max_results=100, output_format="arrow")


def newest() -> Any:
    """The last twenty, with every column."""
    import runlake

    return runlake.search_runs("0", max_results=20, output_format="arrow")


def curves(keys: int, extent: tuple[int, int] | None = None) -> Callable[[], Any]:
    """Curves on a thousand pixels, of one run."""

    def drawn() -> Any:
        store, run_id = _opened()
        return [store.curve(run_id, f"m{key}", range=extent, pixels=1000) for key in range(keys)]

    return drawn


def whole() -> Any:
    """A series, all of its points."""
    store, run_id = _opened()
    return store.run(run_id).metrics["m3"].to_numpy()


def _opened() -> tuple[Any, str]:
    import runlake

    store = runlake.read.open_store(runlake.get_tracking_uri())
    return store, run_ids(SHOWN, 1)[0]


QUESTIONS: dict[str, Callable[[], Any]] = {
    "best": best,
    "newest": newest,
    "curve": curves(1),
    "ten curves": curves(SERIES),
    "a tenth of a curve": curves(1, (50_000, 60_000)),
    "whole": whole,
}


def command(folder: Path, *arguments: str) -> list[float]:
    """Milliseconds of a command, the first time and the median of the next ones, and MB of memory."""
    took = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "runlake", *arguments, "--store", str(folder)], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - start)
    return [took[0] * 1e3, median(took[1:]) * 1e3, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3]


def once(folder: Path, *arguments: str) -> list[float]:
    """The same of one that is done once."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "runlake", *arguments, "--store", str(folder)], check=True, stdout=subprocess.DEVNULL)
    took = (time.perf_counter() - start) * 1e3
    return [took, took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3]


def make_cache(folder: Path) -> list[float]:
    """Milliseconds to make the search cache, and MB of memory."""
    from runlake.read.search.cache import bring_up_to_date
    from runlake.store.layout import Layout

    start = time.perf_counter()
    assert bring_up_to_date(Layout(folder))
    took = (time.perf_counter() - start) * 1e3
    return [took, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3]


def of_runs(n: int) -> Iterator[list[Any]]:
    """The rows of a store of so many runs."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off"}
        lake = f"{folder}/lake"
        run_alone(NAME, "fill runs", lake, str(n))
        store = f"{n:,} runs x {PARAMS + METRICS + TAGS + 2} keys, {_bytes(Path(lake)) / n:,.0f} B a run"
        yield [store, "without cache: the newest 20, every key", *run_alone(NAME, "ask", lake, "newest")]
        yield [store, "without cache: runlake ls", *run_alone(NAME, "command", lake, "ls")]
        yield [store, "make the cache", *run_alone(NAME, "cache", lake)]
        yield [store, "best 100, every key", *run_alone(NAME, "ask", lake, "best")]
        yield [store, "newest 20, every key", *run_alone(NAME, "ask", lake, "newest")]
        yield [store, "runlake ls", *run_alone(NAME, "command", lake, "ls")]
        yield [store, "runlake du", *run_alone(NAME, "command", lake, "du")]
        yield [store, "runlake fsck", *run_alone(NAME, "once", lake, "fsck")]


def of_points(n: int) -> Iterator[list[Any]]:
    """The rows of a store of so many runs with long series."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off"}
        lake = f"{folder}/lake"
        run_alone(NAME, "fill points", lake, str(n))
        points = n * SERIES * LENGTH
        size, lod = _bytes(Path(lake) / "points"), _bytes(Path(lake) / "lod")
        store = f"{points / 1e6:,.0f} M points, {size / points:.2f} + {lod / points:.2f} B each"
        for what in ("curve", "ten curves", "a tenth of a curve", "whole"):
            yield [store, what, *run_alone(NAME, "ask", lake, what)]
        yield [store, "runlake ls", *run_alone(NAME, "command", lake, "ls")]
        yield [store, "runlake show", *run_alone(NAME, "command", lake, "show", run_ids(SHOWN, 1)[0])]
        yield [store, "runlake fsck", *run_alone(NAME, "once", lake, "fsck")]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def main() -> None:
    """Measure both stores, or that which is named, in the size that is given."""
    match sys.argv[1:]:
        case ["fill runs", folder, n]:
            fill_runs(Path(folder), int(n))
            print("null")
        case ["fill points", folder, n]:
            fill_points(Path(folder), int(n))
            print("null")
        case ["ask", folder, what]:
            print(json.dumps(ask(Path(folder), what)))
        case ["cache", folder]:
            print(json.dumps(make_cache(Path(folder))))
        case ["command", folder, *arguments]:
            print(json.dumps(command(Path(folder), *arguments)))
        case ["once", folder, *arguments]:
            print(json.dumps(once(Path(folder), *arguments)))
        case given:
            wanted = dict(zip(given[::2], map(int, given[1::2]), strict=True)) or {"runs": N_RUNS, "points": N_LONG_RUNS}
            rows = []
            for name, measured in (("runs", of_runs), ("points", of_points)):
                for row in measured(wanted[name]) if name in wanted else ():
                    print(*row, file=sys.stderr)  # it takes long
                    rows.append(row)
            columns = ["store", "what", "first, ms", "again, ms", "MB"]
            report("How does a large store do?", columns, rows, packages=["runlake", "pyarrow", "deltalake"])


if __name__ == "__main__":
    main()
