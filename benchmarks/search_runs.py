"""How long does it take to find the best hundred runs of many?

Stores of 1,000 to 1,000,000 runs with ten params, five metrics and two tags each, made by writing the tables directly. Asked is
`metrics.rmse < 0.5 and params.p0 = 'z'`, ordered by rmse, the first hundred, with every column: through `search_runs` as an Arrow table
and as a pandas frame. *Cold* is the first search of a process (its imports apart), with the cache there and without; *warm* is the
median of the next ones. Beside it the same question to pyarrow on one table in memory, two columns and then the rows, and to MLflow on
SQLite, where it is installed, whose database is filled by SQL.

    python -m benchmarks.search_runs [1000 10000 ...]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import installed, report, run_alone

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PEER_SIZES = (1_000, 10_000)  # a search of 100,000 takes MLflow minutes
PARAMS, METRICS, BATCH = 10, ("rmse", "mae", "r2", "loss", "accuracy"), 65_536
BEGIN_MS = 1_700_000_000_000
FILTER, ORDER, WANTED = "metrics.rmse < 0.5 and params.p0 = 'z'", "metrics.rmse", 100
REPEATS = 15


def run_ids(first: int, n: int) -> list[str]:
    """Ids as the store gives them, in the order of time."""
    return [f"{BEGIN_MS + number:012x}7{number % 4096:03x}8{number:015x}" for number in range(first, first + n)]


def values(first: int, n: int) -> tuple[dict[str, tuple[str, list[str]]], dict[str, np.ndarray]]:
    """Of some runs the params, as kind and texts, and the metrics."""
    dice = np.random.default_rng(first)
    params = {f"p{k}": ("float", [f"{value:.6g}" for value in 10 ** dice.uniform(-5, 0, n)]) for k in range(5, PARAMS)}
    params |= {f"p{k}": ("str", [("x", "y", "z")[code] for code in dice.integers(0, 3, n)]) for k in range(5)}
    return params, {key: dice.uniform(0, 1, n) for key in METRICS}


def batches(n: int) -> Iterator[tuple[list[str], dict[str, tuple[str, list[str]]], dict[str, np.ndarray]]]:
    """All runs, some at a time."""
    for first in range(0, n, BATCH):
        size = min(BATCH, n - first)
        yield run_ids(first, size), *values(first, size)


def fill_store(folder: Path, n: int) -> None:
    """The tables of a store that has these runs."""
    from runlake.store.commits import commit, new_files
    from runlake.store.layout import create
    from runlake.store.tables import TABLES

    layout = create(folder)
    for ids, params, metrics in batches(n):
        for name, rows in (("meta", events_table(ids, params, {})), ("metrics", summaries_table(ids, metrics))):
            commit(layout, TABLES[name], new_files(layout, TABLES[name], rows))


Said = dict[str, tuple[str, list[str]]]  # by key the kind of a value, and its text for each run


def events_table(ids: list[str], params: Said, tags: Said, before: int = 0) -> pa.Table:
    """What runs say of themselves, as the rows of `meta`, behind so many others; two tags are those of every run."""
    from runlake.store.tables import TABLES, coded

    n = len(ids)
    starts = [str((int(run_id[:12], 16)) * 1_000_000) for run_id in ids]
    said: dict[tuple[str, str], tuple[str, list[str]]] = {
        ("run", "status"): ("Status", ["FINISHED"] * n),
        ("run", "owner"): ("str", ["01ARZ3NDEKTSV4RRFFQ69G5FAV-00000000"] * n),
        ("run", "name"): ("str", [f"brave-otter-{run_id[-6:]}" for run_id in ids]),
        ("run", "experiment_id"): ("str", ["0"] * n),
        ("run", "start_ns"): ("int", starts),
        ("run", "end_ns"): ("int", [str(int(start) + 5_000_000_000) for start in starts]),
        ("run", "user"): ("str", ["somebody"] * n),
        **{("param", key): given for key, given in params.items()},
        **{("tag", key): given for key, given in tags.items()},
        ("tag", "team"): ("str", ["ml"] * n),
        ("tag", "mlflow.source.name"): ("str", ["train.py"] * n),
    }
    names = sorted(said)
    code = np.tile(np.arange(n, dtype=np.int32), len(names))
    texts = pa.concat_arrays([pa.array(said[name][1]) for name in names])
    numbers = pa.concat_arrays(
        [pa.array(map(int, said[name][1])) if name[1].endswith("_ns") else pa.nulls(n, pa.int64()) for name in names]
    )
    columns = {
        "run_id": pa.DictionaryArray.from_arrays(pa.array(code), pa.array(ids)),
        **{part: _repeated([name[place] for name in names], n) for place, part in enumerate(("scope", "key"))},
        "op": _repeated(["set"] * len(names), n),
        "type": _repeated([said[name][0] for name in names], n),
        "num": pa.nulls(len(code), pa.float64()),
        "int": numbers,
        "str": texts,
        "hlc": pa.array(np.arange(len(code)) + (BEGIN_MS << 16)),
        "writer": _repeated(["01ARZ3NDEKTSV4RRFFQ69G5FAV-00000000"] * len(names), n),
        "seq": pa.array(np.arange(before, before + len(code))),
    }
    return coded(TABLES["meta"], pa.table(columns).select(TABLES["meta"].schema.names))


def summaries_table(ids: list[str], metrics: dict[str, np.ndarray]) -> pa.Table:
    """A value of each metric, as the rows of `metrics`."""
    from runlake.store.tables import TABLES, coded

    n, names = len(ids), sorted(metrics)
    code = np.tile(np.arange(n, dtype=np.int32), len(names))
    last = np.concatenate([metrics[name] for name in names])
    zeros, ones = np.zeros(len(code), np.int64), np.ones(len(code), np.int64)
    steps = dict.fromkeys(("min_step", "max_step", "first_step", "first_ns", "last_step", "last_ns", "n_nan", "since"), zeros)
    columns: dict[str, Any] = {name: pa.array(column) for name, column in steps.items()}
    columns |= {name: pa.array(last) for name in ("sum", "min", "max", "first", "last")}
    columns |= {"n": pa.array(ones), "covered": pa.array(ones), "key": _repeated(names, n)}
    columns["run_id"] = pa.DictionaryArray.from_arrays(pa.array(code), pa.array(ids))
    columns["writer"] = _repeated(["01ARZ3NDEKTSV4RRFFQ69G5FAV-00000000"] * len(names), n)
    return coded(TABLES["metrics"], pa.table(columns).select(TABLES["metrics"].schema.names))


def _repeated(names: list[str], n: int) -> pa.Array:
    """Each name so many times."""
    return pa.DictionaryArray.from_arrays(pa.array(np.repeat(np.arange(len(names), dtype=np.int32), n)), pa.array(names))


def timed(ask: Callable[[], Any]) -> list[float]:
    """Milliseconds of the first time, and of the next ones the median."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        found = ask()
        took.append((time.perf_counter() - start) * 1000)
        if len(found) < 20:
            sys.exit(f"{len(found)} runs are not what was meant to be found")
    return [took[0], median(took[1:])]


def ask_runlake(folder: Path, output: str) -> list[float]:
    """Through the public verb."""
    import pandas  # noqa: F401 - its import is not what is measured

    import runlake

    runlake.set_tracking_uri(folder)
    runlake.get_experiment("0")
    return timed(lambda: runlake.search_runs("0", FILTER, order_by=[ORDER], max_results=WANTED, output_format=output))


def make_cache(folder: Path) -> list[float]:
    """Seconds to make the cache, and its bytes for a run."""
    from runlake.read.search.cache import bring_up_to_date
    from runlake.store.layout import Layout

    start = time.perf_counter()
    assert bring_up_to_date(Layout(folder))
    took = time.perf_counter() - start
    return [took, float(sum(path.stat().st_size for path in Path(os.environ["XDG_CACHE_HOME"]).rglob("*.arrow")))]


def ask_pyarrow(n: int) -> list[float]:
    """One wide table in memory: filter and order on two columns, then the rows."""
    parts = []
    for ids, params, metrics in batches(n):
        columns = {"run_id": pa.array(ids), **{key: pa.array(texts) for key, (_, texts) in params.items()}}
        parts.append(pa.table({**columns, **{key: pa.array(column) for key, column in metrics.items()}}))
    table = pa.concat_tables(parts).combine_chunks()

    def ask() -> pa.Table:
        rows = pc.indices_nonzero(pc.and_(pc.less(table["rmse"], 0.5), pc.equal(table["p0"], "z")))
        few = pc.select_k_unstable(table["rmse"].take(rows), WANTED, [("rmse", "ascending")])
        return table.take(rows.take(few))

    return timed(ask)


def ask_mlflow(folder: Path, n: int) -> list[float]:
    """MLflow on SQLite, its database filled by SQL."""
    import sqlite3

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("many")
    with sqlite3.connect(folder / "mlflow.db") as database:
        for ids, params, metrics in batches(n):
            rows = [
                (i, i, "LOCAL", "", "me", "FINISHED", int(i[:12], 16), int(i[:12], 16) + 5, "active", f"{folder}/{i}", experiment)
                for i in ids
            ]
            names = "run_uuid,name,source_type,source_name,user_id,status,start_time,end_time,lifecycle_stage,artifact_uri,experiment_id"
            database.executemany(f"insert into runs ({names}) values (?,?,?,?,?,?,?,?,?,?,?)", rows)
            for key, (_, texts) in params.items():
                database.executemany(
                    "insert into params (run_uuid,key,value) values (?,?,?)", ((i, key, v) for i, v in zip(ids, texts, strict=True))
                )
            for key, column in metrics.items():
                several = ((i, key, v, int(i[:12], 16), 0, 0) for i, v in zip(ids, column.tolist(), strict=True))
                database.executemany("insert into latest_metrics (run_uuid,key,value,timestamp,step,is_nan) values (?,?,?,?,?,?)", several)
            for key, text in (("team", "ml"), ("mlflow.source.name", "train.py")):
                database.executemany("insert into tags (run_uuid,key,value) values (?,?,?)", ((i, key, text) for i in ids))
    return timed(lambda: mlflow.search_runs([experiment], FILTER, order_by=["metrics.rmse ASC"], max_results=WANTED))


def measure(n: int) -> Iterator[list[Any]]:
    """A row of each way for a store of so many runs."""
    name = "benchmarks.search_runs"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"XDG_CACHE_HOME": f"{folder}/cache", "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off"}
        run_alone(name, "fill", f"{folder}/lake", str(n))
        yield [n, "runlake, Arrow, no cache", *run_alone(name, "runlake", f"{folder}/lake", "arrow")]
        took, size = run_alone(name, "cache", f"{folder}/lake")
        yield [n, f"  the cache made: {took:.2g} s, {size / n:.0f} bytes a run", 0.0, 0.0]
        yield [n, "runlake, Arrow", *run_alone(name, "runlake", f"{folder}/lake", "arrow")]
        yield [n, "runlake, pandas", *run_alone(name, "runlake", f"{folder}/lake", "pandas")]
        yield [n, "pyarrow, a table in memory", *run_alone(name, "pyarrow", str(n))]
        if installed("mlflow") and n in PEER_SIZES:
            yield [n, "MLflow on SQLite, pandas", *run_alone(name, "mlflow", folder, str(n))]


def main() -> None:
    """Measure every size, or those that are named."""
    match sys.argv[1:]:
        case ["fill", folder, n]:
            fill_store(Path(folder), int(n))
            print("null")
        case ["runlake", folder, output]:
            print(json.dumps(ask_runlake(Path(folder), output)))
        case ["cache", folder]:
            print(json.dumps(make_cache(Path(folder))))
        case ["pyarrow", n]:
            print(json.dumps(ask_pyarrow(int(n))))
        case ["mlflow", folder, n]:
            print(json.dumps(ask_mlflow(Path(folder), int(n))))
        case sizes:
            rows = [row for size in map(int, sizes or SIZES) for row in measure(size)]
            packages = ["runlake", "pyarrow", "pandas", "mlflow"]
            report("How long does it take to find the best hundred?", ["runs", "way", "cold, ms", "warm, ms"], rows, packages=packages)


if __name__ == "__main__":
    main()
