"""What the name of a Parquet file of ours says of its bytes: a digest of them all, and one of its footer.

Each page has a checksum, a footer has none: a bit that turned there would hide rows. So whoever reads a file holds its footer against
its name, and whoever checks a store the rest as well.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runlake.errors import StoreError

__all__ = ["digests_of", "is_as_named", "is_ours", "read_footer"]

TAIL = 64 << 10  # holds nearly every footer
_END = 8  # its length, and the magic

_NAMED = re.compile(r".*-(?P<whole>[0-9a-f]{16})-(?P<footer>[0-9a-f]{8})\.parquet")


def digests_of(data: bytes) -> str:
    """What a file of these bytes has at the end of its name."""
    return f"{_of_whole(data)}-{zlib.crc32(data[-_footer_length(data) :]):08x}"


def read_footer(path: Path) -> pq.FileMetaData:
    """What the end of the file says of its columns. Raises StoreError where it is not what the name says, or none."""
    data = _tail(path)
    found = _NAMED.fullmatch(path.name)
    if found and zlib.crc32(data) != int(found["footer"], 16):
        raise StoreError(f"{path} is damaged: its footer is not the one that was written. Put the file back from a copy.")
    try:
        return pq.read_metadata(pa.BufferReader(data))
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path} is damaged: {error}") from error


def is_ours(path: Path) -> bool:
    """Whether the name says anything of the bytes, which those of other programs do not."""
    return _NAMED.fullmatch(path.name) is not None


def is_as_named(path: Path) -> bool | None:
    """Whether the file holds the bytes that its name speaks of; None for one of another program, whose name says nothing."""
    found = _NAMED.fullmatch(path.name)
    return _of_whole(path.read_bytes()) == found["whole"] if found else None


def _of_whole(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _tail(path: Path) -> bytes:
    """The footer with its length and the magic; of a file that ends otherwise, all that could be one."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        data = file.read()
        length = _footer_length(data)
        if len(data) < length <= size:
            file.seek(size - length)
            data = file.read()
    return data[-length:]


def _footer_length(data: bytes) -> int:
    return int.from_bytes(data[-_END:-4], "little") + _END
