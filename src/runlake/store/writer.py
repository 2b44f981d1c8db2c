"""The write-ahead log of one process: frames appended to parts, each part given up at its first error.

A frame is *queued* until the operating system has it, *written* from then on (it survives the death of the process), and
*synced* once the disk has it (it survives the loss of power). After an error nothing is ever retried in the same file:
a sync that failed once may say yes the next time for pages that are gone. The next part begins with every frame that was
not synced, under its old sequence numbers, and readers drop what they have seen.

Not thread-safe: one thread at a time drives it, see `recording.flusher`.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict

from runlake import platform
from runlake.store.frames import Frame, Kind, encode, scan
from runlake.store.layout import Layout, create
from runlake.store.names import new_writer_id
from runlake.store.put_new import make_folder, write_all

__all__ = ["Writer"]

PART_BYTES = 64 << 20
PART_SECONDS = 15 * 60
UNSYNCED_BYTES = 64 << 20  # what is kept in memory against a failed sync; above it a sync comes early


class Writer:
    """Appends to the parts of one process, and brings every frame over to the next part when one fails."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.id = new_writer_id()
        self.points = 0  # the next sequence number of each stream
        self.events = 0
        self._queued: list[bytes] = []
        self._unsynced: list[bytes] = []
        self._part = 0
        self._fd = -1
        self._bytes = 0
        self._opened = 0.0
        self._holds_rows = False
        self._folder_synced = False

    @property
    def queued_points(self) -> int:
        """How many points no file has taken yet."""
        return sum(frame.n_rows for data in self._queued for frame in scan(data) if isinstance(frame, Frame) and frame.kind == Kind.POINTS)

    @property
    def wants_sync(self) -> bool:
        """Whether more is unsynced than should be kept in memory."""
        return sum(map(len, self._unsynced)) > UNSYNCED_BYTES

    def add_points(self, payload: bytes, n_rows: int) -> None:
        """Queue a frame of points."""
        self._add(Kind.POINTS, payload, n_rows, self.points)
        self.points += n_rows

    def add_events(self, payload: bytes, n_rows: int) -> None:
        """Queue a frame of events."""
        self._add(Kind.EVENTS, payload, n_rows, self.events)
        self.events += n_rows

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
        if self._fd < 0 and not self._queued:
            return
        self._add(Kind.END, b"", 0, self.points)
        try:
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file without a word: in a forked child, which must not write where its parent writes."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = -1
        self._part += 1

    def _add(self, kind: Kind, payload: bytes, n_rows: int, first_seq: int) -> None:
        self._queued.append(encode(kind, payload, n_rows=n_rows, first_seq=first_seq, wall_ns=time.time_ns()))

    def _write_queued(self) -> None:
        if self._is_removed():
            self._give_up_part()
        elif self._is_full():
            self._sync_part()
            self.abandon()
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
        self._unsynced.clear()

    def _is_removed(self) -> bool:
        """Whether somebody removed the part: writing on would succeed, into nothing."""
        return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0

    def _is_full(self) -> bool:
        old = time.monotonic() - self._opened > PART_SECONDS
        return self._fd >= 0 and self._holds_rows and (self._bytes > PART_BYTES or old)

    def _open_part(self) -> None:
        create(self.layout.root)
        now = time.time_ns()
        path = self.layout.wal_part(self.id, self._part, now)
        self._folder = path.parent
        make_folder(path.parent, within=self.layout.root)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._path = path
        self._opened = time.monotonic()
        self._bytes = 0
        self._holds_rows = self._folder_synced = False
        hello = {"writer": self.id, "part": self._part, "points": self.points, "events": self.events}
        hello |= asdict(platform.process_identity())
        write_all(self._fd, encode(Kind.HELLO, json.dumps(hello).encode(), n_rows=0, first_seq=self.points, wall_ns=now))

    def _give_up_part(self) -> None:
        """Queue again what this part has not brought to the disk, and never touch the file again."""
        self._queued = self._unsynced + self._queued
        self._unsynced = []
        if self._fd >= 0:
            if not self._holds_rows:  # or a full disk would fill up with empty parts
                with contextlib.suppress(OSError):
                    os.unlink(self._path)
            self.abandon()
