"""The views for other programs: over the open tables as they will be, or over the files that hold their rows now.

They hold what is published. What no table has is in them as it was when they were printed: the experiments, and which way metrics are
better. A run whose process is gone reads as RUNNING there, for nothing but a look at that process tells that it crashed.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from runlake.read.sql import facts
from runlake.read.sql.folding import FOLDED
from runlake.read.sql.names import Named
from runlake.read.sql.parquet import of_files
from runlake.read.sql.shown import MACROS, RUNS_AND_MORE
from runlake.store.delta_log import DeltaLog
from runlake.store.experiments import Experiments
from runlake.store.layout import Layout
from runlake.store.published import PublishedTable
from runlake.store.tables import TABLES, Table

__all__ = ["statements", "views"]

BASES = {"point_rows": "points", "events": "meta", "summaries": "metrics", "run_rows": "runs"}  # views, and the tables that they show

_TYPES = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.float64(): "DOUBLE"}


def views(root: Path, *, by_files: bool = False) -> dict[str, str]:
    """The query of each view, by its name; each stands on those before it."""
    return {each.name: each.query for each in _views(root, by_files)}


def statements(root: Path, *, by_files: bool = False) -> list[str]:
    """What makes DuckDB know all views and macros."""
    return [each.statement for each in (*_views(root, by_files), *MACROS)]


def _views(root: Path, by_files: bool) -> list[Named]:
    bases = [Named(name, f"SELECT * FROM {_source(root, TABLES[table], by_files)}") for name, table in BASES.items()]
    metrics = PublishedTable(root, TABLES["metrics"])
    metrics.refresh()
    known = [facts.experiments(Experiments(Layout(root)).all()), facts.goals(metrics.keys())]
    return [*bases, *known, *FOLDED, *RUNS_AND_MORE]


def _source(root: Path, table: Table, by_files: bool) -> str:
    log = DeltaLog(root / table.name)
    log.refresh()
    if by_files and log.files:
        return of_files(file.path for file in log.files.values())
    if not by_files and log.version >= 0:
        return f"delta_scan({facts.quoted(str(log.folder))})"
    columns = ", ".join(f'CAST(NULL AS {_TYPES[each.type]}) AS "{each.name}"' for each in table.schema)
    return f"(SELECT {columns}) AS nothing_yet WHERE false"
