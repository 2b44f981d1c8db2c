"""Reads the log of an open table (Delta Lake, reader version 1): which files hold its rows, and how far each writer is published.

A version of the table is a JSON file of actions, a checkpoint is all actions up to one as a Parquet file. Only `publish` and
`compact` write here, and they leave that to deltalake, which no process that trains should have to import.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from runlake.errors import StoreError
from runlake.store.mending import CHECKPOINT, is_checkpoint
from runlake.store.versions import Actions, actions_of

__all__ = ["DataFile", "DeltaLog"]

READER_VERSION = 1
WRITER_VERSION = 2


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
        self.writer_version = 0

    def refresh(self) -> None:
        """Read the versions that came since. Raises StoreError for a table that this reader must not read."""
        checkpoint = self._newest_checkpoint() if self.version < 0 else -1
        while True:
            if checkpoint > self.version:  # the versions before it may be gone from the log
                self._read_checkpoint(checkpoint)
            while (actions := self.read_version(self.version + 1)) is not None:
                self._apply(actions)
                self.version += 1
            checkpoint = self._newest_checkpoint()
            if checkpoint <= self.version:
                break
        if self.version < 0 and any(CHECKPOINT.fullmatch(name) for name in self._names()):
            folder = self._path(0).parent
            raise StoreError(f"{folder} has a checkpoint that is damaged, and no versions before it. Put it back from a copy.")

    def check_writable(self) -> None:
        """Raise StoreError for a table that this writer must not write to, as of the last refresh."""
        if self.writer_version > WRITER_VERSION:
            raise StoreError(
                f"Another program raised the table {self.folder} to writer version {self.writer_version}; runlake writes {WRITER_VERSION}. "
                "Nothing was written. Let that program write its rows to a table of version 2, and put that in its place."
            )

    def read_version(self, version: int) -> Actions | None:
        """The actions of a version; None where there is none, or one that the loss of power cut short, which nothing was built on."""
        try:
            data = self._path(version).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return actions_of(data)
        except ValueError as error:
            raise StoreError(f"{self._path(version)} is damaged ({error}). Put it back from a copy.") from error

    def digest(self, version: int) -> str | None:
        """What tells this version from one of the same number of another table; None where it is not there any more."""
        try:
            return hashlib.sha256(self._path(version).read_bytes()).hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _path(self, version: int) -> Path:
        return self.folder / "_delta_log" / f"{version:020d}.json"

    def _newest_checkpoint(self) -> int:
        """The newest one that goes beyond what was read, and was not cut short by the loss of power; -1 where there is none."""
        # Not by `_last_checkpoint`: it is written after the checkpoint, and may lag behind it.
        found = {int(match[1]) for name in self._names() if (match := CHECKPOINT.fullmatch(name))}
        newer = (version for version in sorted(found, reverse=True) if version > self.version)
        return next((version for version in newer if all(map(is_checkpoint, self._parts_of_checkpoint(version)))), -1)

    def checkpoint_path(self, version: int) -> Path:
        """Where the checkpoint of this version is, if there is one."""
        return self._path(version).with_suffix(".checkpoint.parquet")

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.folder / "_delta_log")
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _parts_of_checkpoint(self, version: int) -> list[Path]:
        return sorted(self._path(version).parent.glob(f"{version:020d}.checkpoint*.parquet"))

    def _read_checkpoint(self, version: int) -> None:
        self._begin_anew()
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
            elif "protocol" in action:
                self.writer_version = action["protocol"]["minWriterVersion"]
                found = action["protocol"]["minReaderVersion"]
                if found <= READER_VERSION:
                    continue
                raise StoreError(
                    f"Another program raised the table {self.folder} to reader version {found}; runlake reads {READER_VERSION}. "
                    "Its rows are safe: let that program write them to a table of version 1, and put that in its place."
                )

    def _data_file(self, add: dict[str, Any]) -> DataFile:
        stats = json.loads(add.get("stats") or "{}")
        path = self.folder / urllib.parse.unquote(add["path"])
        return DataFile(path, add["size"], stats.get("numRecords"), stats.get("minValues") or {}, stats.get("maxValues") or {})
