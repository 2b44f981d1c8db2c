"""The rows of a table that have given values, and of a Parquet file without a look at what cannot hold them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from runlake.errors import StoreError
from runlake.store.columns import as_array, as_numbers, distinct_texts
from runlake.store.digests import read_footer
from runlake.store.tables import Table, coded

__all__ = [
    "Wanted",
    "distinct",
    "extent_of",
    "extents",
    "has_text",
    "matching",
    "rows_at",
    "rows_of_file",
    "rows_of_runs",
    "runs_of",
    "tables_of_file",
]

GROUPS_AT_ONCE = 16  # row groups: a million rows

Wanted = Mapping[str, str | int | tuple[str, str] | tuple[int, int]]  # by column the value, or the first and the last of a range


def extents(wanted: Wanted) -> list[tuple[str, tuple[Any, Any]]]:
    """By column the first and the last value that is wanted."""
    return [(name, extent_of(value)) for name, value in wanted.items()]


def extent_of(value: str | int | tuple[Any, Any]) -> tuple[Any, Any]:
    """The first and the last value that is wanted."""
    return value if isinstance(value, tuple) else (value, value)


def matching(rows: pa.Table, wanted: Wanted) -> pa.Table:
    """The rows that have these values."""
    for name, value in wanted.items():
        if rows.num_rows:
            places = np.flatnonzero(_has(rows[name], *extent_of(value)))
            if len(places) and places[-1] - places[0] + 1 == len(places):
                rows = rows.slice(places[0], len(places))
            else:
                rows = rows.take(as_array(places, pa.int64()))
    return rows


def rows_of_file(
    path: Path, table: Table, wanted: Wanted, columns: Sequence[str] | None = None, footer: pq.FileMetaData | None = None
) -> pa.Table:
    """The rows of one of the table's files that have these values, in their order there."""
    none = table.no_rows.select(columns or table.schema.names)
    return pa.concat_tables([none, *tables_of_file(path, table, wanted, columns, footer)])


def tables_of_file(
    path: Path, table: Table, wanted: Wanted, columns: Sequence[str] | None = None, footer: pq.FileMetaData | None = None
) -> Iterator[pa.Table]:
    """The same, some at a time: what is not wanted never lies in memory all at once."""
    names = list(columns or table.schema.names)
    with _opened(path, table, footer) as file:
        for is_whole, groups in groupby(_groups(file.metadata, wanted), key=lambda group: group[0]):
            read = names if is_whole else [*names, *(name for name in wanted if name not in names)]
            numbers = [number for _, number in groups]
            for start in range(0, len(numbers), GROUPS_AT_ONCE):
                rows = coded(table, _read(path, file, numbers[start : start + GROUPS_AT_ONCE], read))
                yield rows if is_whole else matching(rows, wanted).select(names)


def rows_at(path: Path, table: Table, spans: Sequence[tuple[int, int]], columns: Sequence[str], footer: pq.FileMetaData) -> pa.Table:
    """The rows from a number up to another, for each of these spans, which do not overlap and ascend."""
    ends = np.cumsum([footer.row_group(number).num_rows for number in range(footer.num_row_groups)])
    starts = ends - np.diff(ends, prepend=0)
    is_read = np.zeros(len(ends), bool)
    for start, stop in spans:
        is_read |= (starts < stop) & (ends > start)
    sizes = np.where(is_read, ends - starts, 0)
    before = starts - (np.cumsum(sizes) - sizes)  # each row group, how many rows are not read
    with _opened(path, table, footer) as file:
        rows = coded(table, _read(path, file, np.flatnonzero(is_read).tolist(), columns))
    places = [(start - int(before[np.searchsorted(ends, start, "right")]), stop - start) for start, stop in spans]
    return pa.concat_tables([table.no_rows.select(columns), *(rows.slice(place, n) for place, n in places)])


def distinct(path: Path, table: Table, column: str, wanted: Wanted, footer: pq.FileMetaData) -> Iterator[str]:
    """The texts of a column among the rows that have these values; a row group of a single one is not read."""
    rest = []
    for is_whole, number in _groups(footer, wanted):
        found = next((each for each in _columns(footer.row_group(number)) if each.path_in_schema == column), None)
        if is_whole and found and found.is_stats_set and found.statistics.has_min_max and found.statistics.min == found.statistics.max:
            yield found.statistics.min
        else:
            rest.append(number)
    with _opened(path, table, footer) as file:
        for number in rest:
            rows = matching(coded(table, _read(path, file, [number], [column, *wanted])), wanted)
            yield from distinct_texts(rows[column]).to_pylist()


def has_text(column: pa.ChunkedArray, text: str) -> np.ndarray:
    """Where the column has this text."""
    return _has(column, text, text)


def runs_of(*tables: pa.Table) -> set[str]:
    """The ids of the runs that these rows speak of."""
    return {run_id for rows in tables for run_id in distinct_texts(rows["run_id"]).to_pylist()}


def rows_of_runs(rows: pa.Table, run_ids: Container[str], *, inside: bool = True) -> pa.Table:
    """The rows of these runs, or of all others."""
    if not rows.num_rows:
        return rows
    whole = rows["run_id"].unify_dictionaries().combine_chunks()
    is_wanted = np.array([(run_id in run_ids) == inside for run_id in whole.dictionary.to_pylist()], bool)
    return rows.take(as_array(np.flatnonzero(is_wanted[as_numbers(whole.indices)]), pa.int64()))


def _opened(path: Path, table: Table, footer: pq.FileMetaData | None) -> pq.ParquetFile:
    found = read_footer(path) if footer is None else footer
    return pq.ParquetFile(path, metadata=found, read_dictionary=table.coded_names, page_checksum_verification=True)


def _read(path: Path, file: pq.ParquetFile, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Rows whose pages are as they were written: of a file that was damaged since, an error, never other rows."""
    try:
        return file.read_row_groups(groups, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path} is damaged: {error} `runlake fsck` tells what else is.") from error


def _has(column: pa.ChunkedArray, least: Any, greatest: Any) -> np.ndarray:
    if pa.types.is_integer(column.type):
        numbers = as_numbers(column)
        return np.asarray((numbers >= least) & (numbers <= greatest))
    texts = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode().unify_dictionaries()
    whole = texts.combine_chunks()
    is_wanted = np.array([text is not None and least <= text <= greatest for text in whole.dictionary.to_pylist()], bool)
    return np.asarray(is_wanted[as_numbers(whole.indices)])


def _columns(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return (group.column(n) for n in range(group.num_columns))


def _groups(footer: pq.FileMetaData, wanted: Wanted) -> Iterator[tuple[bool, int]]:
    """The numbers of the row groups that can hold wanted rows, and whether they hold nothing else."""
    ranges = dict(extents(wanted))
    places = [place for place, name in enumerate(footer.schema.names) if name in wanted] if wanted else []
    for number in range(footer.num_row_groups):
        said = {}
        for column in map(footer.row_group(number).column, places):
            if column.is_stats_set and column.statistics.has_min_max:
                said[column.path_in_schema] = column.statistics.min, column.statistics.max
        if all(least <= ranges[name][1] and greatest >= ranges[name][0] for name, (least, greatest) in said.items()):
            inside = [ranges[name][0] <= least and greatest <= ranges[name][1] for name, (least, greatest) in said.items()]
            yield len(inside) == len(wanted) and all(inside), number
