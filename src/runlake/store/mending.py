"""What the loss of power may leave of a table's newest versions: files that are cut, and later ones without an earlier one.

Nothing was built on them: logs are removed only once every version is on the disk. So they are put aside, and their rows, which are
in the logs still, are published again.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runlake import platform
from runlake.store.layout import Layout

__all__ = ["CHECKPOINT", "is_parquet", "is_torn", "mend"]

_VERSION = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint.*\.parquet")


def is_torn(data: bytes) -> bool:
    """Whether this is what the loss of power makes of a version: nothing, zeros, or no more than its beginning."""
    if not data or b"\0" in data:
        return True
    *whole, last = data.splitlines()
    return all(_is_json(line) for line in whole) and not _is_json(last)


def mend(layout: Layout, folder: Path) -> None:
    """Put aside the versions of this log from the first that is torn or missing on, and a checkpoint that cannot be read."""
    if _torn(folder) or _unreadable_checkpoints(folder):
        fd = platform.lock_file(layout.temporary / "mend.lock")  # or a version that was made anew might be put aside
        if fd is None:
            return
        try:
            for path in [*_torn(folder), *_unreadable_checkpoints(folder)]:
                os.rename(path, path.with_name(f"{path.name}.torn"))
            platform.sync_folder(folder)
        finally:
            os.close(fd)


def _torn(folder: Path) -> list[Path]:
    names = _names(folder)  # looked at once: another process may be cleaning up what a checkpoint has made needless
    checkpoints = {int(match[1]) for name in names if (match := CHECKPOINT.fullmatch(name)) and is_parquet(folder / name)}
    wanted = max(checkpoints, default=-1) + 1
    found = sorted((int(match[1]), folder / match[0]) for name in names if (match := _VERSION.fullmatch(name)))
    newer = [(version, path) for version, path in found if version >= wanted]
    if found and found[0][0] > 0 and not checkpoints:  # not as we know it
        return []
    for place, (version, path) in enumerate(newer):
        if version != wanted + place or is_torn(path.read_bytes()):
            return [path for _, path in newer[place:]]
    return []


def _unreadable_checkpoints(folder: Path) -> list[Path]:
    """With the file that names the last one, where that is of no use: without it, the versions are read."""
    checkpoints = [folder / name for name in _names(folder) if CHECKPOINT.fullmatch(name)]
    unreadable = [path for path in checkpoints if not is_parquet(path)]
    hint = folder / "_last_checkpoint"
    if not hint.exists():
        return unreadable
    named = [path for path in checkpoints if path not in unreadable and path.name.startswith(_version_in(hint.read_bytes()))]
    return unreadable if named else [*unreadable, hint]


def _version_in(hint: bytes) -> str:
    """As names begin with it; nothing does with that of a torn one."""
    try:
        return f"{int(json.loads(hint)['version']):020d}."
    except (ValueError, KeyError, TypeError):
        return "-"


def is_parquet(path: Path) -> bool:
    """Whether the file is whole, as far as its end tells."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []
