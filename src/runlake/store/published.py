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

__all__ = ["PublishedTable", "rows_of_file"]

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

    def rows(self, wanted: Mapping[str, str]) -> pa.Table:
        """The rows that have these values. Raises FileNotFoundError where a file was rewritten and cleaned up since."""
        return pa.concat_tables([self.table.no_rows, *self._found(wanted)])

    def _found(self, wanted: Mapping[str, str]) -> Iterator[pa.Table]:
        for file in self.log.files.values():
            if all(file.may_hold(name, value) for name, value in wanted.items()):
                yield from_plain(self.table, rows_of_file(file.path, wanted, self._footer(file)))

    def _footer(self, file: DataFile) -> pq.FileMetaData:
        if file.path not in self._footers:
            while len(self._footers) >= KEPT_FOOTERS:
                self._footers.pop(next(iter(self._footers)))
            self._footers[file.path] = pq.read_metadata(file.path)
        return self._footers[file.path]


def rows_of_file(path: Path, wanted: Mapping[str, str], footer: pq.FileMetaData | None = None) -> pa.Table:
    """The rows of a Parquet file that have these values."""
    with pq.ParquetFile(path, metadata=footer) as file:
        groups = [n for n in range(file.num_row_groups) if _may_hold(file.metadata.row_group(n), wanted)]
        rows = file.read_row_groups(groups) if len(groups) < file.num_row_groups else file.read()
    for name, value in wanted.items():
        if rows.num_rows:
            rows = rows.filter(pc.equal(rows[name], text_scalar(value)))
    return rows


def _may_hold(group: pq.RowGroupMetaData, wanted: Mapping[str, str]) -> bool:
    for n in range(group.num_columns):
        column = group.column(n)
        value = wanted.get(column.path_in_schema)
        told = column.statistics if value is not None and column.is_stats_set else None
        if told is not None and told.has_min_max and not told.min <= value <= told.max:
            return False
    return True
