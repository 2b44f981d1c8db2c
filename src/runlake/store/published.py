"""The rows of an open table, read by what is wanted of them: files that cannot hold it are not opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.digests import read_footer
from runlake.store.selection import Wanted, distinct, extents, rows_of_file, tables_of_file
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
        return pa.concat_tables([none, *self.tables(wanted, columns)])

    def added_since(self, version: int, wanted: Wanted) -> pa.Table | None:
        """The rows that versions from this one on added and that have these values; None where that is not known, or some took rows out."""
        found = [self.table.no_rows]
        for each in range(version, self.log.version + 1):
            actions = self.log.read_version(each)
            if actions is None or any(action["remove"]["dataChange"] for action in actions if "remove" in action):
                return None
            paths = [self.log.folder / action["add"]["path"] for action in actions if "add" in action and action["add"]["dataChange"]]
            try:
                found += [rows_of_file(path, self.table, wanted) for path in paths]
            except FileNotFoundError:
                return None
        return pa.concat_tables(found)

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return sum(file.n_rows or 0 for file in self.log.files.values())

    def keys(self, scope: str | None = None) -> set[str]:
        """The distinct keys, of one scope where the table has scopes."""
        wanted = {} if scope is None else {"scope": scope}
        found: set[str] = set()
        for file in self.files(wanted).values():
            found |= set(distinct(file.path, self.table, "key", wanted, self.footer(file)))
        return found

    def tables(self, wanted: Wanted, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The same, some at a time."""
        for file in self.files(wanted).values():
            yield from tables_of_file(file.path, self.table, wanted, columns, self.footer(file))

    def files(self, wanted: Wanted) -> dict[str, DataFile]:
        """The files that can hold rows with these values, by their names in the log."""
        ranges = extents(wanted)
        return {name: file for name, file in self.log.files.items() if all(file.may_hold(*each) for each in ranges)}

    def footer(self, file: DataFile) -> pq.FileMetaData:
        """What a file's end says of its columns; read once."""
        if file.path not in self._footers:
            while len(self._footers) >= KEPT_FOOTERS:
                self._footers.pop(next(iter(self._footers)))
            self._footers[file.path] = read_footer(file.path)
        return self._footers[file.path]
