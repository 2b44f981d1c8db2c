"""Takes the rows of runs out of the tables, so that whoever is killed in between leaves runs that nobody sees, and the next one finds.

First goes what makes a run one, in one version of `meta`; what says that it was deleted, and of which experiment it is, goes last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from runlake.entities import Scope
from runlake.store.columns import as_array, as_numbers
from runlake.store.commits import Mark, NewFile, commit, discard, new_files
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.layout import Layout
from runlake.store.selection import has_text, rows_of_runs
from runlake.store.tables import TABLES, Table, checked_rows

__all__ = ["GONE", "KEPT_LAST", "Taken", "remove_runs"]

GONE = "gone:"  # before a writer's id, the name of the mark that counts the rows of its that were taken out of a table
KEPT_LAST = ("lifecycle", "experiment_id")  # by which a run is found of which nothing else is there

_COUNTED = ("points", "meta")  # the tables whose rows are numbered, so that none may be missing unnoticed


@dataclass
class Taken:
    """How many rows were taken out of each table, and by how many bytes the files that hold the others are smaller."""

    rows: Counter[str] = field(default_factory=Counter)
    n_bytes: int = 0


@dataclass
class _Change:
    """A version of a table that is about to be made."""

    table: Table
    added: list[NewFile] = field(default_factory=list)
    removed: list[DataFile] = field(default_factory=list)
    gone: Counter[str] = field(default_factory=Counter)
    marks: list[Mark] = field(default_factory=list)


def remove_runs(layout: Layout, which: Callable[[], Collection[str]]) -> tuple[set[str], Taken]:
    """Remove the runs that `which` names, and tell which they were: it is asked again right before the first of them is touched."""
    taken = Taken()
    while True:
        run_ids = set(which())
        if not run_ids:
            return run_ids, taken
        change = _prepared(layout, TABLES["meta"], run_ids, KEPT_LAST)
        if run_ids <= set(which()) and _made(layout, change, taken):
            break
        discard(layout, change.table, change.added)
    for name in ("points", "metrics", "meta"):
        while not _made(layout, change := _prepared(layout, TABLES[name], run_ids), taken):
            discard(layout, change.table, change.added)
    return run_ids, taken


def _prepared(layout: Layout, table: Table, run_ids: Collection[str], spared: Collection[str] = ()) -> _Change:
    """The table without these runs; of them only the events stay that are spared, in a file of their own."""
    log = DeltaLog(layout.root / table.name)
    log.refresh()
    change, kept = _Change(table), []
    for file in _may_hold(log, sorted(run_ids)):
        rows = checked_rows(file.path, table)
        of_runs = rows_of_runs(rows, run_ids)
        stay = _are_spared(of_runs, spared)
        if stay.all():
            continue
        change.removed.append(file)
        change.added += new_files(layout, table, _with_no_unused_texts(rows_of_runs(rows, run_ids, inside=False)))
        change.gone += _by_writer(_where(of_runs, ~stay))
        kept.append(_where(of_runs, stay))
    if kept:
        change.added += new_files(layout, table, _with_no_unused_texts(pa.concat_tables(kept)))
    if table.name in _COUNTED:
        before = {writer: log.transactions.get(f"{GONE}{writer}", 0) for writer in change.gone}
        change.marks = [Mark(f"{GONE}{writer}", before[writer], before[writer] + n) for writer, n in sorted(change.gone.items())]
    return change


def _made(layout: Layout, change: _Change, taken: Taken) -> bool:
    """Make the version, if there is anything in it."""
    if not change.removed:
        return True
    if not commit(layout, change.table, change.added, change.removed, change.marks):
        return False
    taken.rows[change.table.name] += change.gone.total()
    taken.n_bytes += sum(file.size for file in change.removed) - sum(file.size for file in change.added)
    return True


def _may_hold(log: DeltaLog, run_ids: list[str]) -> Iterator[DataFile]:
    for file in log.files.values():
        place = bisect_left(run_ids, file.least["run_id"]) if "run_id" in file.least else 0
        if place < len(run_ids) and ("run_id" not in file.greatest or run_ids[place] <= file.greatest["run_id"]):
            yield file


def _are_spared(rows: pa.Table, spared: Collection[str]) -> np.ndarray:
    if not rows.num_rows or not spared:
        return np.zeros(rows.num_rows, bool)
    is_spared: np.ndarray = np.logical_or.reduce([has_text(rows["key"], key) for key in spared])
    return np.asarray(is_spared & has_text(rows["scope"], Scope.RUN))


def _where(rows: pa.Table, mask: np.ndarray) -> pa.Table:
    return rows.take(as_array(np.flatnonzero(mask), pa.int64()))


def _with_no_unused_texts(rows: pa.Table) -> pa.Table:
    """The same rows. A file has the codes of all texts that its columns bring along, those of the rows that are gone as well."""
    columns = []
    for column in rows.columns:
        if pa.types.is_dictionary(column.type) and rows.num_rows:
            whole = column.unify_dictionaries().combine_chunks()
            used, codes = np.unique(as_numbers(whole.indices), return_inverse=True)
            texts = whole.dictionary.take(as_array(used, pa.int32()))
            column = pa.DictionaryArray.from_arrays(as_array(codes.astype(np.int32), pa.int32()), texts)
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=rows.schema)


def _by_writer(rows: pa.Table) -> Counter[str]:
    if not rows.num_rows:
        return Counter()
    writers = rows["writer"].unify_dictionaries().combine_chunks()
    counts = np.bincount(as_numbers(writers.indices), minlength=len(writers.dictionary)).tolist()
    return Counter({name: n for name, n in zip(writers.dictionary.to_pylist(), counts, strict=True) if n})
