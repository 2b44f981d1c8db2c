"""Ids and file names: what a name says about time, writer and part."""

from __future__ import annotations

import hashlib
import os
import re
import time
from typing import NamedTuple

__all__ = ["WalName", "day_of", "new_run_id", "new_writer_id", "run_id_of", "wal_name"]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WAL = re.compile(r"(?P<writer>[0-9A-Z]{26}-[0-9a-f]{8})\.(?P<part>\d{6,})\.wal")


def new_run_id() -> str:
    """A UUIDv7 as 32 hex digits: ids sort by the time they were made, to a quarter of a microsecond."""
    return _run_id(time.time_ns(), os.urandom(8))  # the user's generators stay untouched


def run_id_of(identity: str, start_ns: int) -> str:
    """The id of what began then and is called so, which is the same wherever it is asked for."""
    return _run_id(start_ns, hashlib.sha256(identity.encode()).digest()[:8])


def _run_id(at_ns: int, random: bytes) -> str:
    milliseconds, rest = divmod(at_ns, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return f"{milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | int.from_bytes(random, 'big') >> 2:032x}"


def new_writer_id() -> str:
    """A ULID and 8 hex digits: one for each process and fork, sorted by time."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    ulid = "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
    return f"{ulid}-{os.urandom(4).hex()}"


def day_of(wall_ns: int) -> str:
    """The folder of the day, in UTC, so that no machine's time zone matters."""
    return time.strftime("%Y%m%d", time.gmtime(wall_ns / 1e9))


class WalName(NamedTuple):
    """What the name of a write-ahead log part says."""

    writer: str
    part: int

    @classmethod
    def parse(cls, name: str) -> WalName | None:
        """The name taken apart, or None for a file that is not a part."""
        found = _WAL.fullmatch(name)
        return cls(found["writer"], int(found["part"])) if found else None


def wal_name(writer: str, part: int) -> str:
    """The file name of a writer's part."""
    return f"{writer}.{part:06d}.wal"
