"""Checks an open table: its versions, its data files, and whether each row of a writer is there once."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from runlake.errors import StoreError
from runlake.store.check.problems import Check, Checked, Grade, Problem, Tell
from runlake.store.columns import as_numbers, extent_of_column
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.digests import is_as_named, is_ours, read_footer
from runlake.store.layout import Layout
from runlake.store.mending import CHECKPOINT, is_checkpoint
from runlake.store.selection import tables_of_file
from runlake.store.tables import Table, is_in_order
from runlake.store.versions import actions_of

__all__ = ["Seen", "check_bytes", "check_table"]

_VERSION = re.compile(r"(\d{20})\.json")
KEPT_SECONDS = 24 * 3600.0  # for readers that are at files which were replaced
_COUNTED = ("points", "meta")  # whose marks count rows


@dataclass
class Seen:
    """Which rows of each writer were met: a bit for each number."""

    bits: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    is_all: bool = True  # no file was passed over

    def add(self, writer: str, numbers: np.ndarray) -> int:
        """Some rows of a writer; how many of them were met before."""
        first, stop = int(numbers.min()) // 8 * 8, int(numbers.max()) + 1
        window = np.zeros(stop - first, bool)
        window[numbers - first] = True
        packed = np.packbits(window)
        known = self.bits.get(writer, np.zeros(0, np.uint8))
        if len(known) * 8 < stop:
            known = np.concatenate([known, np.zeros(first // 8 + len(packed) - len(known), np.uint8)])
        here = known[first // 8 : first // 8 + len(packed)]
        again = int(np.bitwise_count(here & packed).sum()) + len(numbers) - int(np.bitwise_count(packed).sum())
        here |= packed
        self.bits[writer] = known
        self.counts[writer] += len(numbers) - again
        return again


def check_table(layout: Layout, table: Table, tell: Tell, checked: Checked) -> Check:
    """Everything about one table."""
    folder = layout.root / table.name
    log = DeltaLog(folder)
    bad_versions = list(_check_versions(folder / "_delta_log"))
    yield from bad_versions
    try:
        log.refresh()
    except (StoreError, OSError) as error:
        if not bad_versions:
            yield Problem(Grade.DAMAGED, folder / "_delta_log", str(error))
        return
    seen = Seen()
    for number, file in enumerate(log.files.values(), 1):
        tell(f"{table.name}: file {number:,} of {len(log.files):,}")
        yield from _check_file(file, table, seen)
        checked.files += 1
        checked.rows += file.n_rows or 0
    if table.name in _COUNTED:
        yield from _check_marks(folder, log, seen)
    yield from _unnamed(folder, log)


def check_bytes(path: Path, table: Table) -> Check:
    """A Parquet file that is not what its name speaks of, or whose name does not: where it is damaged."""
    found = list(_damaged_pages(path, table))
    yield from found
    if not found and is_ours(path):
        yield Problem(Grade.DAMAGED, path, "its bytes are not those that its name speaks of, though every page can be read")


def _damaged_pages(path: Path, table: Table) -> Check:
    """Column by column, so that what is damaged has a place."""
    try:
        footer = read_footer(path)
    except StoreError as error:
        yield Problem(Grade.DAMAGED, path, str(error).removeprefix(f"{path} is damaged: "), path.stat().st_size)
        return
    with pq.ParquetFile(path, metadata=footer, page_checksum_verification=True) as file:
        for group in range(footer.num_row_groups):
            for place in range(footer.num_columns):
                column = footer.row_group(group).column(place)
                try:
                    file.read_row_group(group, columns=[column.path_in_schema])
                except (OSError, pa.ArrowException) as error:
                    offset = column.dictionary_page_offset or column.data_page_offset
                    yield Problem(Grade.DAMAGED, path, f"the column {column.path_in_schema} of row group {group}: {error}", offset)


def _check_versions(folder: Path) -> Check:
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    versions = [int(found[1]) for name in names if (found := _VERSION.fullmatch(name))]
    for version in versions:
        path = folder / f"{version:020d}.json"
        try:
            if actions_of(path.read_bytes()) is None:
                yield Problem(Grade.NOTE, path, "it was cut short, as by the loss of power; the next publishing puts it aside")
        except ValueError as error:
            yield Problem(Grade.DAMAGED, path, str(error), getattr(error, "pos", None))
        except FileNotFoundError:  # cleaned up meanwhile
            continue
    for before, after in pairwise(versions):
        if after != before + 1:
            yield Problem(Grade.MISSING, folder / f"{before + 1:020d}.json", f"the versions {before + 1} to {after - 1} are not there")
    for name in names:
        if CHECKPOINT.fullmatch(name) and not is_checkpoint(folder / name):
            yield Problem(Grade.DAMAGED, folder / name, "this checkpoint is not what was written")
        if name.endswith(".torn"):
            yield Problem(Grade.NOTE, folder / name, "the loss of power cut it short, so it was put aside; its rows were published again")


def _check_file(file: DataFile, table: Table, seen: Seen) -> Check:
    path = file.path
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        seen.is_all = False
        yield Problem(Grade.MISSING, path, f"{_rows(file.n_rows)} of {_about(file, table)}: a version names it, and it is not there")
        return
    is_right = is_as_named(path)  # then its pages are, too
    found = [] if is_right else list(check_bytes(path, table))
    yield from (Problem(each.grade, path, f"{each.what} ({_rows(file.n_rows)} of {_about(file, table)})", each.offset) for each in found)
    if found:
        seen.is_all = False
        return
    if is_right is None:
        maker = read_footer(path).created_by
        yield Problem(Grade.UNVERIFIED, path, f"{maker} wrote it, without checksums on its pages: runlake compact writes it anew")
    if size != file.size:
        yield Problem(Grade.DAMAGED, path, f"it has {size:,} bytes, and the log says {file.size:,}")
    yield from _check_rows(file, table, seen)


def _check_rows(file: DataFile, table: Table, seen: Seen) -> Check:
    n_rows, is_sorted, before = 0, True, None
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    for rows in tables_of_file(file.path, table, {}):
        if not rows.num_rows:
            continue
        n_rows += rows.num_rows
        joined = rows if before is None else pa.concat_tables([before, rows]).unify_dictionaries()
        is_sorted = is_sorted and is_in_order(joined, table.order)
        before = rows.slice(rows.num_rows - 1)
        for column in table.extents:
            low, high = extent_of_column(rows[column])
            least[column] = min(low, least.get(column, low))
            greatest[column] = max(high, greatest.get(column, high))
        if table.name in _COUNTED:
            for writer, again in _met_again(rows, seen):
                yield Problem(Grade.DAMAGED, file.path, f"{again:,} rows of the writer {writer} are in the table twice")
    if file.n_rows is not None and n_rows != file.n_rows:
        yield Problem(Grade.DAMAGED, file.path, f"it has {n_rows:,} rows, and the log says {file.n_rows:,}")
    if is_ours(file.path) and not is_sorted:
        yield Problem(Grade.DAMAGED, file.path, "its rows are not in order")
    for said, real, worse in ((file.least, least, min), (file.greatest, greatest, max)):
        for column, value in said.items():
            if column in real and worse(value, real[column]) != value:
                text = f"the log says of {column} that it ends at {value!r}, and it holds {real[column]!r}: rows of it are not found"
                yield Problem(Grade.DAMAGED, file.path, text)


def _met_again(rows: pa.Table, seen: Seen) -> Iterator[tuple[str, int]]:
    whole = rows["writer"].unify_dictionaries().combine_chunks()
    codes, numbers = as_numbers(whole.indices), as_numbers(rows["seq"])
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0])
    writers = whole.dictionary.to_pylist()
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        writer = writers[codes[order[start]]]
        if again := seen.add(writer, numbers[order[start:stop]]):
            yield writer, again


def _check_marks(folder: Path, log: DeltaLog, seen: Seen) -> Check:
    """As many rows of each writer as were published, less those that were lost before and those that were taken out since.

    Where a file could not be read, that is told, and that rows are missing follows from it.
    """
    for writer, mark in log.transactions.items():
        if ":" in writer:
            continue
        less = log.transactions.get(f"lost:{writer}", 0) + log.transactions.get(f"gone:{writer}", 0)
        found = seen.counts.get(writer, 0)
        if found > mark - less or (seen.is_all and found < mark - less):
            grade, which = (Grade.MISSING, "are missing") if found < mark - less else (Grade.DAMAGED, "are too many")
            count = abs(mark - less - found)
            what = f"{count:,} rows of the writer {writer} {which}: the table has {found:,}, and its log says {mark - less:,}"
            yield Problem(grade, folder, what)


def _unnamed(folder: Path, log: DeltaLog) -> Check:
    """What a publisher that was killed leaves, and what readers that are at it may still need."""
    named = {file.path.name for file in log.files.values()}
    files = [path for path in sorted(folder.glob("*.parquet")) if path.name not in named]
    old = [path.stat().st_size for path in files if path.exists() and time.time() - path.stat().st_mtime > KEPT_SECONDS]
    if old:
        which = f"{len(old)} files in it, of {sum(old):,} bytes"
        yield Problem(Grade.NOTE, folder, f"no version names {which}, and nobody reads them any more: runlake compact removes them")


def _rows(count: int | None) -> str:
    return "rows" if count is None else f"{count:,} rows"


def _about(file: DataFile, table: Table) -> str:
    """What a file speaks of."""
    run_ids = file.least.get("run_id"), file.greatest.get("run_id")
    return f"{table.name}, of the runs {run_ids[0]} to {run_ids[1]}" if None not in run_ids else table.name
