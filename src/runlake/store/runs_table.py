"""The table `runs`: a row for each run, made of the events in `meta`, so that a list of runs needs no look at every event.

It says up to which version of `meta` it speaks, and is brought up to date from the files that came since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from runlake.store.commits import Mark, commit, discard, new_files
from runlake.store.delta_log import DataFile
from runlake.store.fold import RunState, fold_runs
from runlake.store.layout import Layout
from runlake.store.published import PublishedTable
from runlake.store.selection import rows_of_file, rows_of_runs
from runlake.store.tables import TABLES, coded, in_order

__all__ = ["bring_runs_up_to_date"]

FILE_ROWS = 65_536

_OF_RUNS = {"scope": "run"}


def bring_runs_up_to_date(layout: Layout) -> None:
    """Have `runs` say what `meta` says."""
    meta, runs = PublishedTable(layout.root, TABLES["meta"]), PublishedTable(layout.root, TABLES["runs"])
    while True:
        meta.refresh()
        runs.refresh()
        done = runs.mark("meta")
        if done > meta.log.version:
            return
        said = meta.added_since(done, _OF_RUNS) if done else None
        touched = None if said is None else set(said["run_id"].to_pylist())
        states = _states(meta, touched)
        old = [file for file in runs.log.files.values() if touched is None or _is_rewritten(file, touched)]
        kept = [rows_of_runs(rows_of_file(file.path, runs.table, {}), states, inside=False) for file in old if touched is not None]
        rows = pa.concat_tables([runs.table.no_rows, *kept, _table(states)])
        files = new_files(layout, runs.table, rows, FILE_ROWS)
        if commit(layout, runs.table, files, old, [Mark("meta", done, meta.log.version + 1)]):
            return
        discard(layout, runs.table, files)


def _states(meta: PublishedTable, touched: Collection[str] | None) -> dict[str, RunState]:
    if touched is not None and not touched:
        return {}
    between = {"run_id": (min(touched), max(touched))} if touched is not None else {}
    rows = meta.rows({**_OF_RUNS, **between})
    if touched is not None:
        rows = rows_of_runs(rows, touched)
    states = fold_runs(in_order(rows, ("hlc", "writer", "seq")))
    return {run_id: state for run_id, state in states.items() if "start_ns" in state.said}


def _is_rewritten(file: DataFile, touched: Collection[str]) -> bool:
    """A file that has room for more rows, or may hold a run that changed."""
    return (file.n_rows or 0) < FILE_ROWS or any(file.may_hold("run_id", (run_id, run_id)) for run_id in touched)


def _table(states: Mapping[str, RunState]) -> pa.Table:
    rows = [_row(state) for state in states.values()]
    return coded(TABLES["runs"], pa.Table.from_pylist(rows, schema=TABLES["runs"].schema))


def _row(state: RunState) -> dict[str, str | int | None]:
    said = state.said
    return {
        "run_id": state.run_id,
        "experiment_id": said.get("experiment_id", "0"),
        "name": said.get("name", ""),
        "status": said.get("status", ""),
        "start_ns": int(said["start_ns"]),
        "end_ns": int(said["end_ns"]) if said.get("end_ns") else None,
        "user": said.get("user", ""),
        "parent_run_id": said.get("parent_run_id"),
        "lifecycle": said.get("lifecycle", "active"),
        "owner": said.get("owner", ""),
    }
