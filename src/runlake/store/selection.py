"""The rows of a table that have given values, and of a Parquet file without a look at what cannot hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from runlake.store.columns import as_array, as_numbers
from runlake.store.tables import Table, coded

__all__ = ["Wanted", "extent_of", "matching", "rows_of_file"]

Wanted = Mapping[str, str | tuple[str, str]]  # by column the value, or the first and the last of a range


def extent_of(value: str | tuple[str, str]) -> tuple[str, str]:
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
    names = list(columns or table.schema.names)
    tables = []
    with pq.ParquetFile(path, metadata=footer, read_dictionary=table.coded_names) as file:
        for is_whole, groups in groupby(_groups(file.metadata, wanted), key=lambda group: group[0]):
            read = names if is_whole else [*names, *(name for name in wanted if name not in names)]
            rows = coded(table, file.read_row_groups([number for _, number in groups], columns=read))
            tables.append(rows if is_whole else matching(rows, wanted).select(names))
    return pa.concat_tables(tables) if tables else table.no_rows.select(names)


def _has(column: pa.ChunkedArray, least: str, greatest: str) -> np.ndarray:
    texts = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode().unify_dictionaries()
    whole = texts.combine_chunks()
    is_wanted = np.array([text is not None and least <= text <= greatest for text in whole.dictionary.to_pylist()], bool)
    return np.asarray(is_wanted[as_numbers(whole.indices)])


def _groups(footer: pq.FileMetaData, wanted: Wanted) -> Iterator[tuple[bool, int]]:
    """The numbers of the row groups that can hold wanted rows, and whether they hold nothing else."""
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        extents = {}
        for n in range(group.num_columns) if wanted else ():
            column = group.column(n)
            if column.path_in_schema in wanted and column.is_stats_set and column.statistics.has_min_max:
                extents[column.path_in_schema] = column.statistics.min, column.statistics.max
        ranges = {name: extent_of(value) for name, value in wanted.items()}
        if all(least <= ranges[name][1] and greatest >= ranges[name][0] for name, (least, greatest) in extents.items()):
            inside = [ranges[name][0] <= least and greatest <= ranges[name][1] for name, (least, greatest) in extents.items()]
            yield len(inside) == len(wanted) and all(inside), number
