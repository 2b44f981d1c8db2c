"""Create-if-absent, whole or not at all: the one primitive that shared stores stand on."""

from __future__ import annotations

import os
from pathlib import Path

from runlake import platform
from runlake.errors import StoreError

__all__ = ["make_folder", "probe", "put_new", "temporary", "write_all"]


def put_new(path: Path, data: bytes | memoryview, temporary_folder: Path, *, durable: bool = True) -> bool:
    """Make the file with these bytes unless it exists; say whether it was made. Nobody ever sees a part of it."""
    draft = temporary(temporary_folder)
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, data)
            if durable:
                platform.sync_file(fd)
        finally:
            os.close(fd)
        made = platform.move_new(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    if durable:
        platform.sync_folder(path.parent)  # also after losing: what the winner made must last before we build on it
    return made


def probe(folder: Path) -> None:
    """Refuse a file system where a second put_new of one name succeeds: processes would overwrite each other."""
    target = temporary(folder)
    try:
        first = put_new(target, b"first", folder, durable=False)
        second = put_new(target, b"second", folder, durable=False)
        kept = target.read_bytes()
    finally:
        target.unlink(missing_ok=True)
    if not first or second or kept != b"first":
        raise StoreError(
            f"The file system under {folder} lets two processes create the same file. "
            "A store cannot be shared there: put it on a local disk or on NFS."
        )


def temporary(folder: Path) -> Path:
    """A name in `folder` that nobody else uses."""
    return folder / f"{os.getpid()}-{os.urandom(8).hex()}.tmp"


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte; after a short write the next one tells the reason."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def make_folder(folder: Path, *, within: Path) -> None:
    """Make the folders below `within` down to `folder`; sync every entry, made by us or not: a file lasts only in a folder that does."""
    above = folder.parents
    for level in reversed([folder, *above[: above.index(within)]]):
        level.mkdir(exist_ok=True)
        platform.sync_folder(level.parent)
