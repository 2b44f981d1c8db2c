"""Reads the log of an open table (Delta Lake, reader version 1): which files hold its rows, and how far each writer is published.

A version of the table is a JSON file of actions, a checkpoint is all actions up to one as a Parquet file. Only `publish` and
`compact` write here, and they leave that to deltalake, which no process that trains should have to import.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from runlake.errors import StoreError
from runlake.store.mending import is_torn

__all__ = ["DataFile", "DeltaLog"]

READER_VERSION = 1


@dataclass(frozen=True)
class DataFile:
    """A file of rows, never changed, and the least and greatest values in it, by column, as far as the log tells."""

    path: Path
    size: int
    n_rows: int | None
    least: dict[str, Any] = field(default_factory=dict, compare=False)
    greatest: dict[str, Any] = field(default_factory=dict, compare=False)

    def may_hold(self, column: str, extent: tuple[Any, Any]) -> bool:
        """Whether a row can have a value from the first to the second there."""
        if column not in self.least or column not in self.greatest:
            return True
        return bool(self.least[column] <= extent[1] and extent[0] <= self.greatest[column])


class DeltaLog:
    """One table's log, read as far as it goes; `refresh` reads on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.version = -1
        self.files: dict[str, DataFile] = {}
        self.transactions: dict[str, int] = {}

    def refresh(self) -> None:
        """Read the versions that came since. Raises StoreError for a table that this reader must not read."""
        if self.version < 0:
            self._read_checkpoint()
        while (actions := self.read_version(self.version + 1)) is not None:
            self._apply(actions)
            self.version += 1
        checkpoint = self._last_checkpoint()
        if checkpoint is not None and checkpoint > self.version and self._can_be_read(checkpoint):
            self._begin_anew()  # the versions between are gone from the log
            self.refresh()

    def read_version(self, version: int) -> list[dict[str, Any]] | None:
        """The actions of a version; None where there is none, or one that the loss of power cut short, which nothing was built on."""
        try:
            data = self._path(version).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return [json.loads(line) for line in data.splitlines() if line] or None
        except ValueError as error:
            if is_torn(data):
                return None
            raise StoreError(f"{self._path(version)} is damaged ({error}). Put it back from a copy.") from error

    def _path(self, version: int) -> Path:
        return self.folder / "_delta_log" / f"{version:020d}.json"

    def _last_checkpoint(self) -> int | None:
        try:
            said = json.loads((self.folder / "_delta_log" / "_last_checkpoint").read_text(encoding="utf-8"))
            return int(said["version"])
        except (OSError, ValueError, KeyError, TypeError):  # only a hint: the checkpoints themselves tell, where versions are missing
            found = (self.folder / "_delta_log").glob("*.checkpoint*.parquet") if not self._path(0).exists() else ()
            return max((int(path.name.partition(".")[0]) for path in found), default=None)

    def _parts_of_checkpoint(self, version: int) -> list[Path]:
        return sorted(self._path(version).parent.glob(f"{version:020d}.checkpoint*.parquet"))

    def _can_be_read(self, checkpoint: int) -> bool:
        """Not so one that the loss of power cut short."""
        try:
            return bool([pq.read_metadata(part) for part in self._parts_of_checkpoint(checkpoint)])
        except (OSError, pa.ArrowException):
            return False

    def _read_checkpoint(self) -> None:
        version = self._last_checkpoint()
        if version is None or not self._can_be_read(version):
            return
        for part in self._parts_of_checkpoint(version):
            for row in pq.ParquetFile(part).read(columns=["add", "txn", "protocol"]).to_pylist():
                self._apply([{name: action} for name, action in row.items() if action is not None])
        self.version = version

    def _apply(self, actions: Iterable[dict[str, Any]]) -> None:
        for action in actions:
            if "remove" in action:
                self.files.pop(action["remove"]["path"], None)
        for action in actions:
            if "add" in action:
                self.files[action["add"]["path"]] = self._data_file(action["add"])
            elif "txn" in action:
                self.transactions[action["txn"]["appId"]] = action["txn"]["version"]
            elif "protocol" in action and action["protocol"]["minReaderVersion"] > READER_VERSION:
                found = action["protocol"]["minReaderVersion"]
                raise StoreError(
                    f"Another program raised the table {self.folder} to reader version {found}; runlake reads {READER_VERSION}. "
                    "Its rows are safe: let that program write them to a table of version 1, and put that in its place."
                )

    def _data_file(self, add: dict[str, Any]) -> DataFile:
        stats = json.loads(add.get("stats") or "{}")
        path = self.folder / urllib.parse.unquote(add["path"])
        return DataFile(path, add["size"], stats.get("numRecords"), stats.get("minValues") or {}, stats.get("maxValues") or {})
