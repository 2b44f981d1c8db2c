"""The search cache: the runs of the published tables as mapped chunks, in the user's cache folder, never in the store.

It says of which versions of the tables it is, and is made anew chunk by chunk, where runs of a chunk have changed. Whoever reads it
adds what came since. Nothing in it is missed where it is gone, and nobody waits for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from runlake import config, platform
from runlake.entities import Scope, Status
from runlake.read.search.chunks import ChunkFrame, as_rows
from runlake.read.search.live import HELD_ROWS, HeldRows, LiveFrame, Said
from runlake.store.arrow_files import map_rows, write_rows
from runlake.store.layout import Layout, store_id
from runlake.store.published import PublishedTable
from runlake.store.put_new import temporary
from runlake.store.selection import rows_of_runs, runs_of
from runlake.store.tables import TABLES

__all__ = ["OF_RUNS", "STALE_RUNS", "Base", "CachedChunk", "bring_up_to_date", "files", "keep_up", "load", "version"]

FORMAT = 1  # of all below; another one is not read, and made anew
CHUNK = 65_536  # runs
STALE_RUNS = 1000  # changed since it was made, from which on it is made anew
OF_RUNS = ("meta", "metrics")  # the tables that it is made of

_KEPT = "kept.json"


@dataclass(frozen=True)
class _Entry:
    """A chunk: its files, and the id that its first run may have."""

    first: str
    rows: str
    meta: str | None = None  # every event of the runs that had not ended, or not begun, and what was said of their series
    metrics: str | None = None


@dataclass(frozen=True)
class _Kept:
    """What the cache says of itself: of which versions of the tables it is, and what tells these from others; its chunks."""

    versions: dict[str, tuple[int, str | None]]
    entries: list[_Entry]


@dataclass(frozen=True)
class CachedChunk:
    """A chunk as it is searched."""

    folder: Path
    entry: _Entry

    @cached_property
    def frame(self) -> ChunkFrame:
        """Its runs. Raises FileNotFoundError once it was made anew."""
        return ChunkFrame(self.folder / self.entry.rows)

    @cached_property
    def open_rows(self) -> dict[str, pa.Table]:
        """The rows of each table that speak of runs which had not ended, or not begun. Raises FileNotFoundError like `frame`."""
        names = {"meta": self.entry.meta, "metrics": self.entry.metrics}
        return {
            table: TABLES[table].no_rows if name is None else pa.Table.from_batches([map_rows(self.folder / name)])
            for table, name in names.items()
        }


@dataclass(frozen=True)
class Base:
    """The chunks, and the rows of each table that were published since; `as_of` changes with either."""

    as_of: tuple[int, ...]
    chunks: list[CachedChunk]
    since: dict[str, pa.Table]


def load(layout: Layout, tables: dict[str, PublishedTable], known: Base | None = None) -> Base | None:
    """What is cached of the store, with what was published since; None where nothing is that can be used. `known` is used again."""
    as_of = version(layout), *(tables[name].log.version for name in OF_RUNS)
    if known and known.as_of == as_of:
        return known
    folder = _folder(layout)
    kept = _kept(folder) if folder else None
    since = _since(kept, tables) if kept else None
    if folder is None or kept is None or since is None:
        return None
    old = {chunk.entry: chunk for chunk in known.chunks} if known else {}
    chunks = [old.get(entry, CachedChunk(folder, entry)) for entry in kept.entries]
    try:
        for chunk in chunks:
            _ = chunk.frame, chunk.open_rows
    except OSError:  # made anew or removed since we looked
        return None
    return Base(as_of, chunks, since)


def version(layout: Layout) -> int:
    """What changes when the cache is made anew."""
    folder = _folder(layout)
    try:
        return (folder / _KEPT).stat().st_mtime_ns if folder else 0
    except OSError:
        return 0


def files(layout: Layout) -> list[Path]:
    """All that is cached of the store."""
    folder = _folder(layout)
    return sorted(folder.iterdir()) if folder and folder.is_dir() else []


def keep_up(layout: Layout) -> None:
    """After publishing: have a cache of a store that is large enough to need one, made anew where much has changed."""
    meta = PublishedTable(layout.root, TABLES["meta"])
    meta.refresh()
    if meta.n_rows > HELD_ROWS:
        bring_up_to_date(layout, STALE_RUNS)


def bring_up_to_date(layout: Layout, at_least: int = 0) -> bool:
    """Make anew the chunks of runs that changed, if at least so many did; whether there is a cache of all now."""
    folder = _folder(layout)
    if folder is None:
        return False
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = platform.lock_file(folder / "lock")
    except OSError:  # a home that cannot be written to: searches do without
        return False
    if lock is None:
        return False
    try:
        return _bring_up_to_date(layout, folder, at_least)
    finally:
        os.close(lock)


def _bring_up_to_date(layout: Layout, folder: Path, at_least: int) -> bool:
    tables = {name: PublishedTable(layout.root, TABLES[name]) for name in OF_RUNS}
    for table in tables.values():
        table.refresh()
    if tables["meta"].log.version < 0:
        return False
    kept = _kept(folder)
    since = _since(kept, tables) if kept else None
    old = kept.entries if kept and since else []
    touched = sorted(runs_of(*since.values())) if since else []
    if since is not None and len(touched) < max(1, at_least):
        return True
    entries: list[_Entry] = []
    for number, entry in enumerate(old or [_Entry("", "")]):
        before = old[number + 1].first if number + 1 < len(old) else None
        if old and not any(entry.first <= run_id and (before is None or run_id < before) for run_id in touched):
            entries.append(entry)
        else:
            entries += _made(folder, tables, entry.first, before)
    versions = {name: [table.log.version, table.log.digest(table.log.version)] for name, table in tables.items()}
    _replace(folder / _KEPT, {"format": FORMAT, "versions": versions, "chunks": [asdict(entry) for entry in entries]})
    _remove_all_but(folder, {name for entry in entries for name in (entry.rows, entry.meta, entry.metrics)})
    return True


def _made(folder: Path, tables: dict[str, PublishedTable], first: str, before: str | None) -> Iterator[_Entry]:
    """The chunks of the runs from the first id up to the other, in chunks of the right size."""
    extent = (first, _last_before(before))
    starts = _below(tables["meta"].rows({"scope": "run", "key": "start_ns", "run_id": extent}, ["run_id"]), before)
    ids = sorted(runs_of(starts))
    cuts = [first, *ids[CHUNK::CHUNK]]
    for start, stop in zip(cuts, [*cuts[1:], before], strict=True):
        extent = (start, _last_before(stop))
        rows = {name: _below(table.rows({"run_id": extent}), stop) for name, table in tables.items()}
        frame = LiveFrame([HeldRows("meta", rows["meta"])], [HeldRows("metrics", rows["metrics"])], Said())
        status = frame.texts(Scope.RUN, "status")
        is_open = status.by_run(np.array([text == Status.RUNNING for text in status.distinct.to_pylist()], bool))
        ids = frame.ids.ids.to_pylist()
        open_ids = {run_id for run_id, each in zip(ids, is_open.tolist(), strict=True) if each}
        open_ids |= runs_of(*rows.values()).difference(ids)  # those whose beginning is to come
        of_open = {name: _written(folder, rows_of_runs(each, open_ids)) if open_ids else None for name, each in rows.items()}
        yield _Entry(start, _new_file(folder, as_rows(frame)), **of_open)


def _written(folder: Path, rows: pa.Table) -> str:
    batches = rows.unify_dictionaries().combine_chunks().to_batches()
    return _new_file(folder, batches[0] if batches else pa.RecordBatch.from_pylist([], schema=rows.schema))


def _new_file(folder: Path, rows: pa.RecordBatch) -> str:
    name = f"{os.urandom(16).hex()}.arrow"
    write_rows(folder / name, rows, folder)
    return name


def _last_before(stop: str | None) -> str:
    """An id behind all that come before this one. The id itself would have files read that hold nothing else of what is wanted."""
    return f"{stop[:-1]}{chr(ord(stop[-1]) - 1)}\U0010ffff" if stop and stop[-1] > "\0" else stop or "\U0010ffff"


def _below(rows: pa.Table, before: str | None) -> pa.Table:
    """A range reaches up to its end; a chunk does not."""
    if before is None or not rows.num_rows:
        return rows
    return rows_of_runs(rows, {before}, inside=False)


def _since(kept: _Kept, tables: dict[str, PublishedTable]) -> dict[str, pa.Table] | None:
    """The rows that came after the versions that it is of; None where those are not a past of the tables."""
    since = {}
    for name in OF_RUNS:
        version, digest = kept.versions[name]
        log = tables[name].log
        if version > log.version or log.digest(version) != digest:
            return None
        rows = tables[name].added_since(version + 1, {})
        if rows is None:
            return None
        since[name] = rows
    return since


def _kept(folder: Path) -> _Kept | None:
    """What the cache says of itself, if it is of this format and whole."""
    try:
        said = json.loads((folder / _KEPT).read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            return None
        versions = {name: (int(said["versions"][name][0]), said["versions"][name][1]) for name in OF_RUNS}
        return _Kept(versions, [_Entry(**each) for each in said["chunks"]])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _folder(layout: Layout) -> Path | None:
    """By the store's id, and by where it lies: a copy goes its own way. None where there is no place for it."""
    home = config.cache_folder()
    name = f"{store_id(layout.root)}-{hashlib.sha256(os.fsencode(layout.root.resolve())).hexdigest()[:16]}"
    return home / "search" / name if home else None


def _replace(path: Path, content: dict[str, Any]) -> None:
    draft = temporary(path.parent)
    draft.write_text(json.dumps(content), encoding="utf-8")
    os.replace(draft, path)


def _remove_all_but(folder: Path, names: Container[str | None]) -> None:
    """What nobody will ask for any more; who has it mapped keeps it."""
    for path in folder.iterdir():
        if path.suffix in (".arrow", ".tmp") and path.name not in names:
            with contextlib.suppress(OSError):  # Windows keeps what is mapped
                path.unlink()
