"""Read one part of a write-ahead log as it grows: each call gives what is new since the last one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from runlake.store.frames import Damage, Frame, Kind, Scan, scan

__all__ = ["Tail"]


@dataclass
class Tail:
    """How far a part has been read, and what was found damaged on the way."""

    path: Path
    offset: int = 0
    size: int = 0
    ended: bool = False
    damage: list[Damage] = field(default_factory=list)

    @property
    def torn_bytes(self) -> int:
        """Bytes at the end that are no whole frame: one being written, or what a crash left."""
        return self.size - self.offset

    def read(self) -> list[Frame]:
        """The good frames that were not read before. Raises FileNotFoundError once the part has moved on to the next tier."""
        data = self._read_on()
        frames = []
        for found in scan(data, self.offset):
            if isinstance(found, Frame):
                frames.append(found)
                self.ended = self.ended or found.kind == Kind.END
            elif isinstance(found, Damage):
                self.damage.append(found)
            elif isinstance(found, Scan):
                self.offset = found.offset
        return frames

    def _read_on(self) -> bytes:
        # Opened anew each time: over NFS an open file keeps showing its old length.
        with open(self.path, "rb") as file:
            self.size = os.fstat(file.fileno()).st_size
            file.seek(self.offset)
            data = file.read(max(0, self.size - self.offset))
        self.size = self.offset + len(data)
        return data
