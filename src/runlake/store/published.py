"""The rows of an open table, read by what is wanted of them: files that cannot hold it are not opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.selection import Wanted, extent_of, rows_of_file
from runlake.store.tables import Table

__all__ = ["PublishedTable"]

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

    def rows(self, wanted: Wanted, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows that have these values. Raises FileNotFoundError where a file was rewritten and cleaned up since."""
        none = self.table.no_rows.select(columns or self.table.schema.names)
        return pa.concat_tables([none, *self._found(wanted, columns)])

    def _found(self, wanted: Wanted, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        for file in self.log.files.values():
            if all(file.may_hold(name, extent_of(value)) for name, value in wanted.items()):
                yield rows_of_file(file.path, self.table, wanted, columns, self._footer(file))

    def _footer(self, file: DataFile) -> pq.FileMetaData:
        if file.path not in self._footers:
            while len(self._footers) >= KEPT_FOOTERS:
                self._footers.pop(next(iter(self._footers)))
            self._footers[file.path] = pq.read_metadata(file.path)
        return self._footers[file.path]
