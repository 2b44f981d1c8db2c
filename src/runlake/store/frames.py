"""The frame: a header and a payload under one checksum, so that what is read is what was written or is reported.

    magic "RLK1" | u8 kind | u8 codec | u16 flags | u32 payload_len | u32 n_rows | u64 first_seq | i64 flush_wall_ns | u32 crc | payload

Little endian. The checksum is CRC-32 over the header with its own field zero, and the payload. Every frame decodes alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["MAGIC", "Damage", "Frame", "Kind", "Scan", "encode", "is_whole_length", "scan"]

MAGIC = b"RLK1"
MAX_PAYLOAD = 256 << 20  # a greater length is damage, whatever the rest says

_HEADER = struct.Struct("<4sBBHIIQqI")
_NO_CRC = bytes(4)


class Kind(IntEnum):
    """What a payload holds; a reader passes over kinds that it does not know."""

    HELLO = 1
    POINTS = 2
    EVENTS = 3
    BEAT = 4
    END = 5
    SUMMARIES = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose checksum was right; `offset` is where it starts in its file."""

    kind: int
    n_rows: int
    first_seq: int
    wall_ns: int
    payload: bytes
    offset: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + _HEADER.size + len(self.payload)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes between two good frames that hold none."""

    offset: int
    length: int


@dataclass(slots=True)
class Scan:
    """Where a scan stopped: every byte before `offset` is accounted for, what follows may still be on its way."""

    offset: int


def encode(kind: Kind, payload: bytes, *, n_rows: int, first_seq: int, wall_ns: int) -> bytes:
    """The frame as bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload):,} bytes, over {MAX_PAYLOAD:,}")
    bare = _HEADER.pack(MAGIC, kind, 0, 0, len(payload), n_rows, first_seq, wall_ns, 0)[:-4]
    return b"".join((bare, struct.pack("<I", _crc(bare, payload)), payload))


def scan(data: bytes, base: int = 0) -> Iterator[Frame | Damage | Scan]:
    """Every good frame of `data`, which starts at offset `base` of its file, the damage between them, and last where the scan stopped.

    A bad range is damage once a good frame follows it; the last one may be a frame that is still being written.
    """
    view = memoryview(data)
    position = 0
    while (frame := _decode(view, position, base)) is not None or (found := _next_good(data, view, position, base)) is not None:
        if frame is None:
            assert found is not None
            yield Damage(base + position, found.offset - base - position)
            frame = found
        yield frame
        position = frame.end - base
    yield Scan(base + position)


def is_whole_length(data: bytes) -> bool:
    """Whether this is as long as its header says that the frame is: it was not cut short."""
    if len(data) < _HEADER.size:
        return False
    magic, _, _, _, length, *_ = _HEADER.unpack_from(data)
    return bool(magic == MAGIC and _HEADER.size + length == len(data))


def _decode(view: memoryview, position: int, base: int) -> Frame | None:
    """The frame at `position` if it is whole and its checksum right."""
    start = position + _HEADER.size
    if start > len(view):
        return None
    magic, kind, codec, _flags, length, n_rows, first_seq, wall_ns, crc = _HEADER.unpack_from(view, position)
    if magic != MAGIC or length > MAX_PAYLOAD or start + length > len(view):
        return None
    payload = view[start : start + length]
    if _crc(view[position : start - 4], payload) != crc or codec != 0:
        return None
    return Frame(kind, n_rows, first_seq, wall_ns, bytes(payload), base + position)


def _next_good(data: bytes, view: memoryview, position: int, base: int) -> Frame | None:
    """The first good frame that starts behind `position`."""
    at = data.find(MAGIC, position + 1)
    while at >= 0:
        frame = _decode(view, at, base)
        if frame is not None:
            return frame
        at = data.find(MAGIC, at + 1)
    return None


def _crc(bare_header: bytes | memoryview, payload: bytes | memoryview) -> int:
    return zlib.crc32(payload, zlib.crc32(_NO_CRC, zlib.crc32(bare_header)))
