"""The write-ahead log of one process: frames appended to parts, each part given up at its first error.

A frame is *queued* until the operating system has it, *written* from then on (it survives the death of the process), and
*synced* once the disk has it (it survives the loss of power). After an error nothing is ever retried in the same file:
a sync that failed once may say yes the next time for pages that are gone. The next part begins with every frame that was
not synced, under its old sequence numbers, and readers drop what they have seen. Of the parts given up before any sync
only the one that holds most is kept, until the next part is synced: trying again must not fill a disk that is full.

Not thread-safe: one thread at a time drives it, see `recording.flusher`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from runlake import platform
from runlake.store.frames import Frame, Kind, encode, scan
from runlake.store.layout import Layout, create
from runlake.store.names import new_writer_id
from runlake.store.put_new import make_folder, write_all

__all__ = ["Writer"]

PART_BYTES = 16 << 20  # what sealing one takes of the memory of a program that trains is a few times this
PART_SECONDS = 15 * 60
UNSYNCED_BYTES = 64 << 20  # what is kept in memory against a failed sync; above it a sync comes early


class Writer:
    """Appends to the parts of one process, and brings every frame over to the next part when one fails."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.id = new_writer_id()
        self.points = 0  # the next sequence number of each stream
        self.events = 0
        self.full_parts: list[Path] = []  # that were followed by another, for whoever seals them
        self._queued: list[bytes] = []
        self._unsynced: list[bytes] = []
        self._part = 0  # the number of the next part
        self._fd = -1
        self._bytes = 0
        self._opened = 0.0
        self._holds_rows = False
        self._holds_synced = False
        self._folder_synced = False
        self._spare: Path | None = None  # a part given up that nothing but the next sync is waited for to remove
        self._in_spare = 0  # how many of the oldest frames that are not synced a part given up holds

    @property
    def queued_points(self) -> int:
        """How many points no file holds."""
        nowhere = self._queued[max(0, self._in_spare - len(self._unsynced)) :]
        return sum(frame.n_rows for data in nowhere for frame in scan(data) if isinstance(frame, Frame) and frame.kind == Kind.POINTS)

    @property
    def wants_sync(self) -> bool:
        """Whether more is unsynced than should be kept in memory."""
        return sum(map(len, self._unsynced)) > UNSYNCED_BYTES

    @property
    def is_removed(self) -> bool:
        """Whether somebody removed the part: writing on would succeed, into nothing."""
        try:
            return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0
        except OSError:  # a stale handle
            return True

    def add_points(self, payload: bytes, n_rows: int) -> None:
        """Queue a frame of points."""
        self._add(Kind.POINTS, payload, n_rows, self.points)
        self.points += n_rows

    def add_events(self, payload: bytes, n_rows: int) -> None:
        """Queue a frame of events."""
        self._add(Kind.EVENTS, payload, n_rows, self.events)
        self.events += n_rows

    def add_summaries(self, payload: bytes, n_rows: int) -> None:
        """Queue a frame of summaries, which cover every point that was added before."""
        self._add(Kind.SUMMARIES, payload, n_rows, self.points)

    def add_beat(self) -> None:
        """Queue a sign of life."""
        self._add(Kind.BEAT, b"", 0, self.points)

    def write(self) -> None:
        """Hand every queued frame to the operating system, if need be in a new part; raises OSError when that fails too."""
        if not self._queued:
            return
        try:
            self._write_queued()
        except OSError:
            self._give_up_part()
            try:
                self._write_queued()
            except OSError:
                self._give_up_part()
                raise

    def sync(self) -> None:
        """Write, and bring it all to the disk; raises OSError when neither this part nor a new one takes it."""
        self.write()
        try:
            self._sync_part()
        except OSError:
            self._give_up_part()
            self.write()
            try:
                self._sync_part()
            except OSError:
                self._give_up_part()
                raise

    def close(self) -> None:
        """Say that no frame follows, sync, and let go of the file; frames added later open a new part."""
        if not self._queued and (self._fd < 0 or self.is_removed):  # a store removed by then does not come back
            self.abandon()
            return
        self._add(Kind.END, b"", 0, self.points)
        try:
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file without a word: in a forked child, which must not write where its parent writes."""
        fd, self._fd = self._fd, -1  # in this order: a child forked between must not close what has the number by then
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _add(self, kind: Kind, payload: bytes, n_rows: int, first_seq: int) -> None:
        self._queued.append(encode(kind, payload, n_rows=n_rows, first_seq=first_seq, wall_ns=time.time_ns()))

    def _write_queued(self) -> None:
        if self.is_removed:
            self._give_up_part()
        elif self._is_full():
            self._sync_part()
            self.abandon()
            self.full_parts.append(self._path)
        if self._fd < 0:
            self._open_part()
        while self._queued:
            write_all(self._fd, self._queued[0])
            self._bytes += len(self._queued[0])
            self._holds_rows = True
            self._unsynced.append(self._queued.pop(0))

    def _sync_part(self) -> None:
        if not self._unsynced:
            return
        platform.sync_file(self._fd)
        if not self._folder_synced:
            platform.sync_folder(self._folder)
            self._folder_synced = True
        if self.is_removed:  # the sync succeeded, into nothing
            raise FileNotFoundError(errno.ENOENT, "the part was removed while it was written", str(self._path))
        self._unsynced.clear()
        self._holds_synced = True
        self._keep_spare(None, 0)

    def _is_full(self) -> bool:
        old = time.monotonic() - self._opened > PART_SECONDS
        return self._fd >= 0 and self._holds_rows and (self._bytes > PART_BYTES or old)

    def _open_part(self) -> None:
        create(self.layout.root)
        now = time.time_ns()
        part = self._part
        self._part += 1  # also when this fails: over NFS a file may be made by a call that reports an error
        path = self.layout.wal_part(self.id, part, now)
        self._folder = path.parent
        make_folder(path.parent, within=self.layout.root)
        self._fd = _above_standard(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666))
        self._path = path
        self._opened = time.monotonic()
        self._bytes = 0
        self._holds_rows = self._holds_synced = self._folder_synced = False
        hello = {"writer": self.id, "part": part, "points": self.points, "events": self.events}
        hello |= asdict(platform.process_identity())
        write_all(self._fd, encode(Kind.HELLO, json.dumps(hello).encode(), n_rows=0, first_seq=self.points, wall_ns=now))

    def _give_up_part(self) -> None:
        """Queue again what this part has not brought to the disk, and never touch the file again."""
        removed = self.is_removed
        holds = 0 if removed else len(self._unsynced)
        self._queued = self._unsynced + self._queued
        self._unsynced = []
        if self._fd < 0:
            return
        self.abandon()
        path = None if self._holds_synced else self._path
        if removed:
            self._spare, self._in_spare = None, 0  # who removed the part may have removed the spare one too
        elif holds > self._in_spare:
            self._keep_spare(path, holds)
        else:
            _remove(path)

    def _keep_spare(self, path: Path | None, holds: int) -> None:
        """Let this part take the place of the spare one: it holds all the frames of that, or they are synced."""
        _remove(self._spare)
        self._spare, self._in_spare = path, holds


def _above_standard(fd: int) -> int:
    """The file under a number that nobody prints to: where a program has closed its outputs, what it prints would land in the log."""
    if fd > 2:
        return fd
    try:
        return _above_standard(os.dup(fd))
    finally:
        os.close(fd)


def _remove(path: Path | None) -> None:
    if path is not None:
        with contextlib.suppress(OSError):
            os.unlink(path)
