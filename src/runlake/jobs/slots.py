"""How many runners a machine has: one for four cores, each holding a locked file outside every store.

A runner that finds no slot leaves word of its store, for one that has a slot and nothing to do.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from runlake import config, platform

__all__ = ["leave_word", "next_word", "slot"]


@contextlib.contextmanager
def slot() -> Iterator[bool]:
    """Hold a slot, and say whether there was a free one. Where no file can be locked there is no limit."""
    for folder in _folders():
        with contextlib.suppress(OSError):  # the next place may do
            fd = _take(folder)
            break
    else:
        yield True
        return
    try:
        yield fd is not None
    finally:
        if fd is not None:
            os.close(fd)


def leave_word(root: Path) -> None:
    """Say that there are jobs in this store."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            (folder / f"store-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}").write_bytes(os.fsencode(root))
            return


def next_word() -> Path | None:
    """A store that another runner left word of; nobody else is given it."""
    for folder in _folders():
        for word in sorted(folder.glob("store-*")):
            with contextlib.suppress(OSError):
                root = word.read_bytes()
                word.unlink()
                if root:  # else it is being written, and its runner begins anew with the next program
                    return Path(os.fsdecode(root))
    return None


def _folders() -> list[Path]:
    return [folder / f"runners-{socket.gethostname()}" for folder in config.machine_folders()]  # by host: the folder may be a network's


def _take(folder: Path) -> int | None:
    folder.mkdir(parents=True, exist_ok=True)
    taken = (platform.lock_file(folder / str(number)) for number in range(max(1, (os.cpu_count() or 1) // 4)))
    return next((fd for fd in taken if fd is not None), None)
