"""Files kept by their content: equal files are stored once, and what was hashed is what was stored.

Whoever finds a content there touches it: what nothing refers to is removed by its age, and the event that refers to it is yet to come.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from runlake import platform
from runlake.store.layout import Layout
from runlake.store.put_new import make_folder, temporary, write_all

__all__ = ["ASIDE", "Blob", "keep_bytes", "keep_file", "put_aside", "touched"]

ASIDE = ".blob"  # what a name in the folder of drafts ends in, of a content that is being removed; it begins with the hash

_CHUNK = 1 << 20

_lasting: set[Path] = set()  # folders whose entries are on the disk: those of blobs stay, once made


class Blob(NamedTuple):
    """The content's hash and size."""

    sha256: str
    size: int


def keep_file(layout: Layout, source: Path) -> Blob:
    """Copy the file in; the user's file is never linked to, since rewriting it would change the blob."""
    source_fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _keep(layout, source_fd, b"")
    finally:
        os.close(source_fd)


def keep_bytes(layout: Layout, data: bytes) -> Blob:
    """Keep these bytes."""
    blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
    target = layout.blob(blob.sha256)
    if touched(target):  # as what many runs share is
        platform.sync_folder(target.parent)
        return blob
    return _keep(layout, None, data)


def put_aside(layout: Layout, sha256: str = "") -> list[Path]:
    """Where contents lie, of this hash or all, that were being removed when somebody looked whether they are wanted after all."""
    return sorted(layout.temporary.glob(f"{sha256}*{ASIDE}"))


def touched(path: Path) -> bool:
    """Make a file as young as one that is written now; False where it is not there, or is not ours to touch."""
    try:
        os.utime(path)
    except (FileNotFoundError, PermissionError):
        return False
    return True


def _keep(layout: Layout, source_fd: int | None, data: bytes) -> Blob:
    draft = temporary(layout.temporary)
    try:
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            blob = _fill(fd, data) if source_fd is None else _copy(source_fd, fd)
            platform.sync_file(fd)
        finally:
            os.close(fd)
        target = layout.blob(blob.sha256)
        if target.parent not in _lasting or not target.parent.is_dir():
            make_folder(target.parent, within=layout.root)
            _lasting.add(target.parent)
        if not platform.move_new(draft, target) and not touched(target):  # it is there already; or it was, or is another user's
            os.replace(draft, target)
        platform.sync_folder(target.parent)
        return blob
    finally:
        draft.unlink(missing_ok=True)


def _fill(fd: int, data: bytes) -> Blob:
    write_all(fd, data)
    return Blob(hashlib.sha256(data).hexdigest(), len(data))


def _copy(source_fd: int, fd: int) -> Blob:
    """Copy and hash the copy: the source may change meanwhile."""
    cloned = platform.clone(source_fd, fd)
    reading = fd if cloned else source_fd
    digest, size = hashlib.sha256(), 0
    while chunk := os.read(reading, _CHUNK):
        if not cloned:
            write_all(fd, chunk)
        digest.update(chunk)
        size += len(chunk)
    return Blob(digest.hexdigest(), size)
