"""Makes few large files of many small ones, sorted as before, and removes what no version of a table has named for a day.

deltalake's own OPTIMIZE is not used: its files are larger, lose the order, and have no checksums on their pages. What another program
wrote so is written anew. Every merge is a version of its own: one that is broken off has done what it did, and the next goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from runlake.store.columns import as_array
from runlake.store.commits import check_publishable, commit, discard, new_files, opened
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.digests import is_ours
from runlake.store.layout import Layout
from runlake.store.lod import bring_lod_up_to_date
from runlake.store.tables import TABLES, Table, checked_rows, in_order

__all__ = ["Merged", "compact"]

SMALL_BYTES = 32 << 20
ROWS_AT_ONCE = 8_000_000
DRAFT_SECONDS = 24 * 3600.0


@dataclass
class Merged:
    """How many files became how many, and how many that nothing names were removed."""

    before: int = 0
    after: int = 0
    removed: int = 0


def compact(layout: Layout, *, at_least: int = 2, tell: Callable[[str], None] = lambda what: None) -> Merged:
    """Merge the small files of every table that has so many of them, and clean up."""
    check_publishable(layout)
    merged = Merged()
    for table in TABLES.values():
        if table.name == "lod":  # its files follow those of `points`, one by one
            bring_lod_up_to_date(layout)
        log = DeltaLog(layout.root / table.name)
        log.refresh()
        if log.version < 0:
            continue
        log.check_writable()
        groups = list(_groups(log, at_least)) if table.name != "lod" else []
        for number, files in enumerate(groups, 1):
            tell(f"{table.name}: {number:,} of {len(groups):,}")
            _merge(layout, table, files, merged)
        merged.removed += len(opened(layout, table).vacuum(dry_run=False, full=True))
        _remove_proofs(log.folder / "_delta_log")
    merged.removed += _remove_drafts(layout)
    return merged


def superseded(rows: pa.Table) -> np.ndarray:
    """Which rows of `metrics`, sorted, say nothing that a later one of the same series and beginning does not say."""
    columns = [rows[name].to_pylist() for name in ("key", "run_id", "writer", "since")]
    names = list(zip(*columns, strict=True))
    return np.array([place + 1 < len(names) and names[place + 1] == name for place, name in enumerate(names)], bool)


def _groups(log: DeltaLog, at_least: int) -> Iterator[list[DataFile]]:
    """Small files that become one, neighbours by their runs; and each that is not ours, however large."""
    small = sorted((file for file in log.files.values() if file.size < SMALL_BYTES), key=lambda file: str(file.least.get("run_id", "")))
    yield from ([file] for file in log.files.values() if file.size >= SMALL_BYTES and not is_ours(file.path))
    if len(small) < at_least and all(is_ours(file.path) for file in small):
        return
    group: list[DataFile] = []
    for file in small:
        if group and sum(each.n_rows or 0 for each in [*group, file]) > ROWS_AT_ONCE:
            yield group
            group = []
        group.append(file)
    yield group


def _merge(layout: Layout, table: Table, files: Sequence[DataFile], merged: Merged) -> None:
    if len(files) < 2 and all(is_ours(file.path) for file in files):
        return
    rows = pa.concat_tables([checked_rows(file.path, table) for file in files])
    if table.name == "metrics":
        rows = in_order(rows, table.order)
        rows = rows.take(as_array(np.flatnonzero(~superseded(rows)), pa.int64()))
    made = new_files(layout, table, rows)
    if commit(layout, table, made, files, changes_rows=False):
        merged.before += len(files)
        merged.after += len(made)
    else:  # another process has merged them
        discard(layout, table, made)


def _remove_proofs(folder: Path) -> None:
    """Of checkpoints that were cleaned up."""
    for path in folder.glob(".*.checkpoint.parquet.sha256"):
        if not path.with_name(path.name[1:].removesuffix(".sha256")).exists():
            path.unlink(missing_ok=True)


def _remove_drafts(layout: Layout) -> int:
    """What was left in the folder of drafts by processes that are gone."""
    old = [path for path in layout.temporary.glob("*.tmp") if time.time() - path.stat().st_mtime > DRAFT_SECONDS]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
