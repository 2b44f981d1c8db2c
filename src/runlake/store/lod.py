"""The table `lod`: buckets of the points of long series, so that a curve of a million points is drawn without a look at each.

Each of its files speaks of one data file of `points`, which the log names as the only value of `file`. Data files never change: what
is said of one stays right, and goes when that file does. How far `points` was looked through is a mark, as in `runs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from runlake.errors import StoreError
from runlake.store.buckets import beginnings, buckets_of_points, levels_of, merged, most_without_buckets, size_of
from runlake.store.columns import as_array, as_numbers, repeated
from runlake.store.commits import Mark, NewFile, commit, discard, new_files
from runlake.store.curves import buckets_by_file
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.digests import read_footer
from runlake.store.layout import Layout
from runlake.store.selection import rows_at, rows_of_file
from runlake.store.tables import TABLES

__all__ = ["bring_lod_up_to_date", "rows_for"]

MANY = 1 << 62  # rows, of another program's file that does not say how many it has

_Columns = dict[str, np.ndarray]


def bring_lod_up_to_date(layout: Layout) -> None:
    """Have `lod` speak of the long series in each data file of `points`, and of no other file."""
    points, lod = DeltaLog(layout.root / "points"), DeltaLog(layout.root / "lod")
    while True:
        lod.refresh()
        points.refresh()  # after `lod`, so that every file that is spoken of and still there is seen
        spoken_of = buckets_by_file(lod)
        kept = [file for name, file in spoken_of.items() if name in points.files]
        old = [file for file in lod.files.values() if file not in kept]
        done = lod.transactions.get("points", 0)
        is_known = len(spoken_of) == len(lod.files) and done <= points.version + 1  # no other program changed one or the other
        new = _added_since(points, done if is_known else 0) - spoken_of.keys()
        wanted = [name for name in sorted(new) if (points.files[name].n_rows or MANY) > most_without_buckets()]
        if not old and not wanted:
            return
        made = [file for name in wanted for file in _files_for(layout, name, points.files[name])]
        if commit(layout, TABLES["lod"], made, old, [Mark("points", done, points.version + 1)]):
            return
        discard(layout, TABLES["lod"], made)


def _added_since(points: DeltaLog, version: int) -> set[str]:
    """The files that versions from this one on added; all, where that is not known any more."""
    found: set[str] = set()
    for each in range(version, points.version + 1) if version else ():
        actions = points.read_version(each)
        if actions is None:
            return set(points.files)
        found |= {action["add"]["path"] for action in actions if "add" in action}
    return found & points.files.keys() if version else set(points.files)


def _files_for(layout: Layout, name: str, file: DataFile) -> list[NewFile]:
    """What there is to say of a file: nothing of one that is damaged, or gone, or not sorted as ours are; it is read point by point."""
    try:
        rows = rows_for(name, file)
    except (FileNotFoundError, StoreError):
        return []
    return new_files(layout, TABLES["lod"], rows)


def rows_for(name: str, file: DataFile) -> pa.Table:
    """The buckets of the long series in a data file of `points`, whose name in the log this is. Raises StoreError for a damaged one."""
    points, footer = TABLES["points"], read_footer(file.path)
    named = rows_of_file(file.path, points, {}, ("run_id", "key"), footer)
    run_ids, keys = (column.unify_dictionaries().combine_chunks() for column in named.columns)
    run_codes, key_codes = as_numbers(run_ids.indices), as_numbers(keys.indices)
    starts = beginnings(run_codes, key_codes)
    lengths = np.diff(starts, append=len(run_codes))
    is_wanted = lengths > most_without_buckets()
    together = set(zip(run_codes[starts].tolist(), key_codes[starts].tolist(), strict=True))
    if not is_wanted.any() or len(together) < len(starts):
        return TABLES["lod"].no_rows
    starts, stops = starts[is_wanted], (starts + lengths)[is_wanted]
    rows = rows_at(file.path, points, [(int(starts[0]), int(stops[-1]))], ("step", "wall_ns", "value"), footer)
    numbers = [as_numbers(column) for column in rows.columns]
    parts: list[_Columns] = []
    for start, stop in zip(starts, stops, strict=True):
        steps, times, values = (column[start - starts[0] : stop - starts[0]] for column in numbers)
        if not _is_in_order(steps, times):
            return TABLES["lod"].no_rows
        parts += _levels(steps, times, values, start)
    columns = {each: np.concatenate([part[each] for part in parts]) for each in parts[0]}
    texts = {"file": repeated(name, len(columns["row"]))}
    for each, codes, coded in (("run_id", run_codes, run_ids), ("key", key_codes, keys)):
        texts[each] = pa.DictionaryArray.from_arrays(as_array(codes[columns["row"]], pa.int32()), coded.dictionary)
    schema = TABLES["lod"].coded_schema
    arrays = [texts[each.name] if each.name in texts else as_array(columns[each.name], each.type) for each in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _is_in_order(steps: np.ndarray, times: np.ndarray) -> bool:
    is_before = (steps[1:] < steps[:-1]) | ((steps[1:] == steps[:-1]) & (times[1:] < times[:-1]))
    return not is_before.any()


def _levels(steps: np.ndarray, times: np.ndarray, values: np.ndarray, row: int) -> Iterator[_Columns]:
    """One series: the columns of each level, a finer one before a coarser one that is made of it."""
    buckets, spans, size = None, _Times(times, times, np.zeros(len(times), np.int64)), 1
    for level in levels_of(len(steps)):
        starts = np.arange(0, len(spans.ns0), size_of(level) // size)
        buckets = buckets_of_points(steps, values, starts) if buckets is None else merged(buckets, starts)
        spans, size = spans.merged(starts), size_of(level)
        said = buckets.columns()
        said |= {"step0": said.pop("x0"), "step1": said.pop("x1"), **vars(spans)}
        said |= {"row": row + np.arange(len(starts)) * size, "level": np.full(len(starts), level)}
        yield said


@dataclass(frozen=True)
class _Times:
    """When the first and the last points of buckets were, and how often a point or a bucket is before the one that it follows."""

    ns0: np.ndarray
    ns1: np.ndarray
    backwards: np.ndarray

    def merged(self, starts: np.ndarray) -> _Times:
        """The same of larger buckets, that begin at these places."""
        is_before = np.append(False, self.ns0[1:] < self.ns1[:-1])
        is_before[starts] = False
        backwards = np.add.reduceat(self.backwards + is_before, starts)
        return _Times(np.minimum.reduceat(self.ns0, starts), np.maximum.reduceat(self.ns1, starts), backwards)
