"""A file of SQLite that is somebody else's: it is only read, and may lack columns that later versions have."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runlake.errors import InvalidValue

__all__ = ["Row", "Tables"]

WAIT_SECONDS = 3.0  # for a program that writes there
FETCHED = 65_536
MOST_ASKED = 500  # values in one question

_MAGIC = b"SQLite format 3\0"
_WAL = 2  # the version of a file whose changes go to a log first

Row = tuple[Any, ...]


class Tables:
    """The tables of the file, by their names their columns. Raises InvalidValue for a file that is none of SQLite's."""

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            head = file.read(100)
        if not head.startswith(_MAGIC):
            what = "is empty" if not head else "is no database of SQLite"
            raise InvalidValue(f"{path} {what}. Name the file that MLflow writes to, or its folder mlruns.")
        # Of a database with a log that nobody has open, there is none: to read it SQLite would make one.
        at_rest = head[18] == _WAL and not path.with_name(f"{path.name}-wal").exists()
        uri = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if at_rest else ''}"
        self._connection = sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
        self._connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        names = [name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self.columns = {name: {row[1] for row in self._connection.execute(f'PRAGMA table_info("{name}")')} for name in names}

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def count(self, table: str) -> int:
        """How many rows a table has, 0 where it is not there."""
        return int(self._connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]) if table in self.columns else 0

    def rows(self, table: str, wanted: Sequence[str], by: str | None = None, values: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows, or those that have one of these values. A column that is not there is None."""
        for chunk in self.chunks(table, wanted, by, values):
            yield from chunk

    def chunks(self, table: str, wanted: Sequence[str], by: str | None = None, values: Sequence[Any] = ()) -> Iterator[list[Row]]:
        """The same, many at a time."""
        there = self.columns.get(table, set())
        if not there or (by is not None and by not in there):
            return
        asked = f"SELECT {', '.join(name if name in there else 'NULL' for name in wanted)} FROM {table}"
        parts = [values[start : start + MOST_ASKED] for start in range(0, len(values), MOST_ASKED)] if by is not None else [()]
        for part in parts:
            where = f" WHERE {by} IN ({', '.join('?' * len(part))})" if by is not None else ""
            cursor = self._connection.execute(asked + where, list(part))
            while chunk := cursor.fetchmany(FETCHED):
                yield chunk
