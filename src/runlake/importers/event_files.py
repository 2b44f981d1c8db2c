"""The records of a file that TensorBoard reads: each is its length, a checksum of that, its bytes, and a checksum of these.

What is read is checked, many records at once: one by one that takes Python minutes for a million. A checksum takes a step for each byte,
so of long records, which are pictures and the like, it is not looked at, and the longest are stepped over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from runlake.errors import InvalidValue

__all__ = ["records"]

TOGETHER, TOGETHER_BYTES = 65_536, 64 << 20
LONGEST_CHECKED = 16_384  # bytes of a record
LONGEST = 1 << 20  # of one that is read

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")


def records(path: Path) -> Iterator[bytes]:
    """The records, up to the first that is broken. Raises InvalidValue there."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        while file.tell() < size:
            found, reason = _next(file, size)
            good = _first_bad(found)
            yield from (body[: -_FOOT.size] for _, _, body in found[:good] if body)
            if good < len(found):
                raise InvalidValue(f"the record at byte {found[good][0]:,} is not as it was written")
            if reason:
                raise InvalidValue(reason)


def _next(file: BinaryIO, size: int) -> tuple[list[tuple[int, bytes, bytes]], str]:
    """Where the next records are, their heads, and their bytes with the checksum behind; why there are no more, if so."""
    found: list[tuple[int, bytes, bytes]] = []
    n_bytes, place = 0, file.tell()
    while place < size and len(found) < TOGETHER and n_bytes < TOGETHER_BYTES:
        head = file.read(_HEAD.size)
        length = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else size
        end = place + _HEAD.size + length + _FOOT.size
        if end > size:
            file.seek(size)
            return found, f"it ends within the record at byte {place:,}"
        body = b""
        if length <= LONGEST:
            body = file.read(length + _FOOT.size)
        else:
            file.seek(end)
        found.append((place, head, body))
        n_bytes, place = n_bytes + len(body), end
    return found, ""


def _first_bad(found: list[tuple[int, bytes, bytes]]) -> int:
    """The number of the first record that is not as it was written, or how many there are."""
    heads = [(head[:8], _HEAD.unpack(head)[1]) for _, head, _ in found]
    bodies = [
        (body[: -_FOOT.size], _FOOT.unpack(body[-_FOOT.size :])[0]) if _FOOT.size < len(body) <= LONGEST_CHECKED else None
        for _, _, body in found
    ]
    places = [place for place, body in enumerate(bodies) if body is not None]
    is_bad = _are_bad(heads)
    is_bad[places] |= _are_bad([body for body in bodies if body is not None])
    return int(np.argmax(is_bad)) if is_bad.any() else len(found)


def _are_bad(told: list[tuple[bytes, int]]) -> np.ndarray:
    """Which of these do not have the checksum that is told."""
    lengths = np.array([len(data) for data, _ in told], np.int64)
    order = np.argsort(-lengths, kind="stable")
    ends = np.cumsum(lengths[order])
    data = np.frombuffer(b"".join(told[place][0] for place in order.tolist()), np.uint8)
    starts, counts = ends - lengths[order], np.searchsorted(-lengths[order], -np.arange(1, lengths.max(initial=0) + 1), side="right")
    sums = np.full(len(told), 0xFFFF_FFFF, np.uint32)
    for step, count in enumerate(counts.tolist()):  # of those that are so long
        some = sums[:count]
        sums[:count] = _TABLE[(some ^ data[starts[:count] + step]) & 0xFF] ^ (some >> 8)
    sums = ~sums
    masked = ((sums >> 15) | (sums << 17)) + np.uint32(0xA282_EAD8)
    found = np.empty(len(told), bool)
    found[order] = masked != np.array([told[place][1] for place in order.tolist()], np.uint32)
    return found


def _table() -> np.ndarray:
    """What CRC-32C does with each byte."""
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(0x82F6_3B78), np.uint32(0))
    return table


_TABLE = _table()
