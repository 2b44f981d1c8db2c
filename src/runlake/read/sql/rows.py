"""The rows that a query is asked of: of each table the files of one version, and what waits in logs, each row once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from runlake.entities import ViewType
from runlake.read.search.query import Query
from runlake.read.sql import facts
from runlake.read.sql.names import Named
from runlake.read.sql.parquet import of_files
from runlake.read.stores import Store
from runlake.store.columns import as_array, decode, distinct_texts, encode_summaries, texts
from runlake.store.experiments import Experiments
from runlake.store.frames import Kind
from runlake.store.layout import Layout
from runlake.store.summary_rows import SummaryRow
from runlake.store.tables import TABLES
from runlake.store.view import View

__all__ = ["BASES", "Rows", "rows_of"]

TRIES = 5

_RUN_COLUMNS = ["run_id", "experiment_id", "run_name", "status", "start_time", "end_time", "user", "parent_run_id", "lifecycle_stage"]


@dataclass(frozen=True)
class Rows:
    """Views to begin with, the tables in memory that they name, and the files that they read."""

    views: list[Named] = field(default_factory=list)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def rows_of(store: Store, names: set[str]) -> Rows:
    """What views of these names show, all as of one moment."""
    found = Rows()
    for _ in range(TRIES):
        before, found = store.looking(lambda view: (view.changes, _gathered(store, view, names)))
        if store.looking(lambda view: view.changes) == before:  # to find out who lives may have brought in more
            break
    return found


def _gathered(store: Store, view: View, names: set[str]) -> Rows:
    rows = Rows()
    for name, gather in BASES.items():
        if name in names:
            gather(store, view, rows)
    return rows


def _points(store: Store, view: View, rows: Rows) -> None:
    _add(rows, view, "point_rows", "points", view.waiting_points())


def _events(store: Store, view: View, rows: Rows) -> None:
    _add(rows, view, "events", "meta", view.waiting_events())


def _summaries(store: Store, view: View, rows: Rows) -> None:
    """What is to be said of late points is a row that begins where those of its writer end."""
    since = {piece.writer: view.summarized(piece.writer) for piece in view.pieces(Kind.POINTS)}
    late = [(run_id, writer, key, since[writer], since[writer] + said.n, said) for run_id, writer, key, said in view.late_summaries()]
    _add(rows, view, "summaries", "metrics", _summary_table([*view.waiting_summaries(), *late]))


def _runs(store: Store, view: View, rows: Rows) -> None:
    """As a search finds them, which knows whether those that run still do, and has a cache where there are many."""
    found = store.search(Query(view_type=ViewType.ALL)).table(_RUN_COLUMNS)
    columns = [
        column.cast(pa.int64()) if name.endswith("_time") else column for name, column in zip(_RUN_COLUMNS, found.columns, strict=True)
    ]
    rows.tables["found_runs"] = pa.Table.from_arrays(columns, names=_RUN_COLUMNS)
    query = """
SELECT
    run_id, experiment_id, run_name AS name, status, start_time * 1000000 AS start_ns, end_time * 1000000 AS end_ns, "user", parent_run_id,
    lifecycle_stage AS lifecycle
FROM found_runs"""
    rows.views.append(Named("run_rows", query))


def _experiments(store: Store, view: View, rows: Rows) -> None:
    rows.views.append(facts.experiments(Experiments(Layout(store.path)).all()))


def _goals(store: Store, view: View, rows: Rows) -> None:
    waiting = {key for _, _, key, *_ in view.waiting_summaries()}.union(distinct_texts(view.waiting_points()["key"]).to_pylist())
    rows.views.append(facts.goals(view.tables["metrics"].keys() | waiting))


BASES: dict[str, Callable[[Store, View, Rows], None]] = {
    "point_rows": _points,
    "events": _events,
    "summaries": _summaries,
    "run_rows": _runs,
    "experiments": _experiments,
    "goals": _goals,
}


def _add(rows: Rows, view: View, name: str, table: str, waiting: pa.Table) -> None:
    """A view of what is published of a table, and of what is not."""
    columns = ", ".join(f'"{column}"' for column in TABLES[table].schema.names)
    files = [file.path for file in view.tables[table].log.files.values()]
    sources = [of_files(files)] if files else []
    if waiting.num_rows or not files:
        rows.tables[f"waiting_{table}"] = waiting
        sources.append(f"waiting_{table}")
    rows.views.append(Named(name, "\nUNION ALL\n".join(f"SELECT {columns} FROM {source}" for source in sources)))
    rows.files.extend(files)


def _summary_table(rows: Sequence[SummaryRow]) -> pa.Table:
    if not rows:
        return TABLES["metrics"].no_rows
    run_ids, writers, keys, since, covered, said = zip(*rows, strict=True)
    table = decode(encode_summaries(list(zip(run_ids, keys, since, said, strict=True)))).append_column("writer", texts(writers))
    return table.append_column("covered", as_array(np.array(covered, np.int64), pa.int64()))
