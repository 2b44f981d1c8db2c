"""The rows of an open table, read by what is wanted of them: only the files and row groups that can hold it are opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runlake.store.columns import text_scalar
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.tables import Table, from_plain

__all__ = ["PublishedTable", "Wanted", "rows_of_file"]

Wanted = Mapping[str, str | tuple[str, str]]  # by column the value, or the first and the last of a range

KEPT_FOOTERS = 1024


class PublishedTable:
    """One table as of its last refresh."""

    def __init__(self, root: Path, table: Table) -> None:
        self.table = table
        self.log = DeltaLog(root / table.name)
        self._footers: dict[Path, pq.FileMetaData] = {}

    def refresh(self) -> None:
        """Take in what was published since."""
        self.log.refresh()

    def mark(self, writer: str) -> int:
        """How many rows of this writer's stream are published: those before this number are here, the others are not."""
        return self.log.transactions.get(writer, 0)

    def rows(self, wanted: Wanted) -> pa.Table:
        """The rows that have these values. Raises FileNotFoundError where a file was rewritten and cleaned up since."""
        return pa.concat_tables([self.table.no_rows, *self._found(wanted)])

    def _found(self, wanted: Wanted) -> Iterator[pa.Table]:
        for file in self.log.files.values():
            if all(file.may_hold(name, _extent(value)) for name, value in wanted.items()):
                yield from_plain(self.table, rows_of_file(file.path, wanted, self._footer(file)))

    def _footer(self, file: DataFile) -> pq.FileMetaData:
        if file.path not in self._footers:
            while len(self._footers) >= KEPT_FOOTERS:
                self._footers.pop(next(iter(self._footers)))
            self._footers[file.path] = pq.read_metadata(file.path)
        return self._footers[file.path]


def rows_of_file(path: Path, wanted: Wanted, footer: pq.FileMetaData | None = None) -> pa.Table:
    """The rows of a Parquet file that have these values."""
    with pq.ParquetFile(path, metadata=footer) as file:
        groups = [n for n in range(file.num_row_groups) if _may_hold(file.metadata.row_group(n), wanted)]
        rows = file.read_row_groups(groups) if len(groups) < file.num_row_groups else file.read()
    for name, value in wanted.items():
        least, greatest = (text_scalar(end) for end in _extent(value))
        if rows.num_rows:
            is_wanted = pc.equal(rows[name], least)
            if isinstance(value, tuple):
                is_wanted = pc.and_(pc.greater_equal(rows[name], least), pc.less_equal(rows[name], greatest))
            rows = rows.filter(is_wanted)
    return rows


def _extent(value: str | tuple[str, str]) -> tuple[str, str]:
    return value if isinstance(value, tuple) else (value, value)


def _may_hold(group: pq.RowGroupMetaData, wanted: Wanted) -> bool:
    for n in range(group.num_columns):
        column = group.column(n)
        if column.path_in_schema not in wanted or not column.is_stats_set or not column.statistics.has_min_max:
            continue
        least, greatest = _extent(wanted[column.path_in_schema])
        if column.statistics.min > greatest or column.statistics.max < least:
            return False
    return True
