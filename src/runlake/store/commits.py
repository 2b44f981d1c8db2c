"""Commits to the open tables, by deltalake: new files of rows, files that others replace, and how far each writer is published.

No process that trains imports this: a fork after deltalake was used cannot use it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from runlake import platform
from runlake.errors import StoreError
from runlake.guard import attempt
from runlake.store.columns import extent_of_column
from runlake.store.delta_log import DataFile, DeltaLog
from runlake.store.digests import digests_of
from runlake.store.layout import Layout, check_usable
from runlake.store.mending import is_checkpoint, mend, proof_of
from runlake.store.put_new import make_folder, put_new
from runlake.store.tables import Table, checked_rows, in_order, table_bytes
from runlake.store.versions import DIGEST, digest_of

__all__ = ["Mark", "NewFile", "check_publishable", "commit", "discard", "new_files", "opened", "sync_log"]

T = TypeVar("T")

TRIES = 50
FILE_ROWS = 8_000_000  # about 80 MB of points
EXTENT_LENGTH = 200  # longer texts are not told to the log

_SETTINGS = {
    "delta.checkpointInterval": "20",
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.setTransactionRetentionDuration": "interval 90 days",  # logs are removed with the next publishing, long before
}
_MISREAD = re.compile(r"%[0-9A-Fa-f]{2}|\\|[\x00-\x1f\x7f]")
_dice = random.Random()  # ours: the user's generators stay untouched


@dataclass(frozen=True)
class Mark:
    """How many rows of a writer's stream were published before a commit, and will be after it.

    `lost:<writer>` counts those of them that were never there, `gone:<writer>` those that were taken out since.
    """

    writer: str
    before: int
    after: int


@dataclass(frozen=True)
class NewFile:
    """A file of rows that no version of the table names yet."""

    path: Path
    size: int
    stats: str


def check_publishable(layout: Layout) -> None:
    """Refuse a store that must not be written to, and one in a folder whose name deltalake takes for another one's."""
    check_usable(layout.root)
    if (found := _MISREAD.search(str(layout.root))) is not None:
        raise StoreError(
            f"The path of the store, {str(layout.root)!r}, has {found[0]!r} in it, which deltalake reads as something else: nothing was "
            "published, all is in the logs. Rename that folder."
        )


def opened(layout: Layout, table: Table) -> DeltaTable:
    """The table as it is now; made if it is not there."""
    check_publishable(layout)
    folder = layout.root / table.name
    for _ in range(TRIES):
        mend(layout, folder / "_delta_log")
        try:
            if DeltaTable.is_deltatable(str(folder)):
                return _by_deltalake(lambda: DeltaTable(folder))
            make_folder(folder, within=layout.root)
            made = _by_deltalake(lambda: DeltaTable.create(folder, table.schema, mode="ignore", configuration=_SETTINGS))
            sync_log(layout, table)
            return made
        except DeltaError as error:  # another publisher makes it
            last = error
            time.sleep(_dice.uniform(0.01, 0.05))
    raise StoreError(f"The table {folder} cannot be opened: {last}") from last


def new_files(layout: Layout, table: Table, rows: pa.Table, file_rows: int = FILE_ROWS) -> list[NewFile]:
    """The rows, sorted, in files that are on the disk and were read again. Raises StoreError where one comes back otherwise."""
    make_folder(layout.root / table.name, within=layout.root)
    ordered = in_order(rows, table.order)
    return [_new_file(layout, table, ordered.slice(start, file_rows)) for start in range(0, rows.num_rows, file_rows)]


def commit(
    layout: Layout,
    table: Table,
    added: Sequence[NewFile],
    removed: Sequence[DataFile] = (),
    marks: Sequence[Mark] = (),
    *,
    changes_rows: bool = True,
) -> bool:
    """Make a version of the table; False, and nothing is changed, where the marks or the files removed are not as they were."""
    now = time.time_ns() // 1_000_000
    adds = [AddAction(file.path.name, file.size, {}, now, changes_rows, file.stats) for file in added]
    removes = [RemoveAction(file.path.name, changes_rows, now, size=file.size, partition_values={}) for file in removed]
    moved = [Transaction(mark.writer, mark.after, now) for mark in marks]
    said = CommitProperties({DIGEST: _digest(adds, removes, moved)}, max_commit_retries=0, app_transactions=moved or None)
    for _ in range(TRIES):
        handle, log = opened(layout, table), DeltaLog(layout.root / table.name)
        log.refresh()
        log.check_writable()
        if added and all(file.path.name in log.files for file in added):  # by a try whose answer was lost
            return True
        if any(log.transactions.get(mark.writer, 0) != mark.before for mark in marks):
            return False
        if any(file.path.name not in log.files for file in removed):
            return False
        if handle.version() != log.version:  # what was looked at is not what would be built on
            continue
        try:
            _write_version(handle, [*removes, *adds], table, said)
        except DeltaError:  # somebody else was first; what they did is looked at anew
            time.sleep(_dice.uniform(0, 0.05))
        else:
            _prove_checkpoint(layout, log)
            sync_log(layout, table)
            return True
    raise StoreError(f"{layout.root / table.name} changed {TRIES} times while one version was made. Try again when fewer write there.")


def discard(layout: Layout, table: Table, files: Sequence[NewFile]) -> None:
    """Remove files that no version names."""
    log = DeltaLog(layout.root / table.name)
    log.refresh()
    for file in files:
        if file.path.name not in log.files:
            file.path.unlink(missing_ok=True)


def sync_log(layout: Layout, table: Table) -> None:
    """Bring the table's versions to the disk, whoever made them: what stands on them may be removed only then."""
    folder = layout.root / table.name / "_delta_log"
    for name in os.listdir(folder) if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):  # cleaned up by another
            fd = os.open(folder / name, os.O_RDWR | os.O_CLOEXEC)
            try:
                platform.sync_file(fd)
            finally:
                os.close(fd)
    if folder.is_dir():
        platform.sync_folder(folder)
        platform.sync_folder(folder.parent)


def _write_version(handle: DeltaTable, actions: list[AddAction | RemoveAction], table: Table, said: CommitProperties) -> None:
    _by_deltalake(lambda: handle.create_write_transaction(actions, "append", table.schema, commit_properties=said))


def _by_deltalake(call: Callable[[], T]) -> T:
    """What a call of deltalake's gives. Where it panics, as without file descriptors, what it raises is no Exception."""
    given = attempt(call)
    if isinstance(given, BaseException):
        if isinstance(given, Exception):
            raise given
        raise StoreError(f"deltalake gave up: {given} Nothing is lost: mend that, and publish again.") from given
    return given


def _prove_checkpoint(layout: Layout, log: DeltaLog) -> None:
    """Keep what a checkpoint that a commit left must be, if it says what the versions say."""
    log.refresh()
    path = log.checkpoint_path(log.version)
    if not is_checkpoint(path) or proof_of(path).exists():
        return
    again = DeltaLog(log.folder)
    again.refresh()
    said, found = ((each.version, {name: vars(file) for name, file in each.files.items()}) for each in (log, again))
    if said == found and again.transactions.items() <= log.transactions.items():
        put_new(proof_of(path), hashlib.sha256(path.read_bytes()).hexdigest().encode(), layout.temporary)


def _digest(adds: Sequence[AddAction], removes: Sequence[RemoveAction], moved: Sequence[Transaction]) -> str:
    """Of the actions as they are read again."""
    return digest_of(
        [
            *({"add": {"path": each.path, "size": each.size, "dataChange": each.data_change, "stats": each.stats}} for each in adds),
            *({"remove": {"path": each.path, "dataChange": each.data_change}} for each in removes),
            *({"txn": {"appId": each.app_id, "version": each.version}} for each in moved),
        ]
    )


def _new_file(layout: Layout, table: Table, rows: pa.Table) -> NewFile:
    data = table_bytes(table, rows)
    path = layout.root / table.name / f"part-{os.urandom(8).hex()}-{digests_of(data)}.parquet"
    put_new(path, data, layout.temporary)
    found = checked_rows(path, table)
    if found.num_rows != rows.num_rows:
        raise StoreError(f"{path} holds {found.num_rows} rows, not {rows.num_rows}.")
    return NewFile(path, len(data), json.dumps(_stats(table, found)))


def _stats(table: Table, rows: pa.Table) -> Mapping[str, Any]:
    extents = {name: extent_of_column(rows[name]) for name in table.extents}
    told = {name: extent for name, extent in extents.items() if not _is_long(extent[1])}
    return {
        "numRecords": rows.num_rows,
        "minValues": {name: least for name, (least, _) in told.items()},
        "maxValues": {name: greatest for name, (_, greatest) in told.items()},
        "nullCount": {},
    }


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > EXTENT_LENGTH
