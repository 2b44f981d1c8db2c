"""What the loss of power may leave of a table's newest versions: files that are cut, and later ones without an earlier one.

Nothing was built on them: logs are removed only once every version is on the disk. So they are put aside, and their rows, which are
in the logs still, are published again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runlake import platform
from runlake.store.layout import Layout
from runlake.store.versions import actions_of

__all__ = ["CHECKPOINT", "is_checkpoint", "mend", "proof_of"]

_VERSION = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint.*\.parquet")


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
    checkpoints = {int(match[1]) for name in names if (match := CHECKPOINT.fullmatch(name)) and is_checkpoint(folder / name)}
    wanted = max(checkpoints, default=-1) + 1
    found = sorted((int(match[1]), folder / match[0]) for name in names if (match := _VERSION.fullmatch(name)))
    newer = [(version, path) for version, path in found if version >= wanted]
    if found and found[0][0] > 0 and not checkpoints:  # not as we know it
        return []
    for place, (version, path) in enumerate(newer):
        if version != wanted + place or _is_torn(path):
            return [path for _, path in newer[place:]]
    return []


def _unreadable_checkpoints(folder: Path) -> list[Path]:
    """With the file that names the last one, where that is of no use: without it, the versions are read."""
    checkpoints = [folder / name for name in _names(folder) if CHECKPOINT.fullmatch(name)]
    unreadable = [path for path in checkpoints if not is_checkpoint(path)]
    if unreadable == checkpoints and not (folder / f"{0:020d}.json").exists():  # nothing would be left to begin with
        return []
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


def is_checkpoint(path: Path) -> bool:
    """Whether the file is whole: what was proved when it was made, or of another program's as far as its end tells."""
    try:
        pq.read_metadata(path)
        return proof_of(path).read_text() == hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return path.exists()
    except (OSError, ValueError, pa.ArrowException):
        return False


def proof_of(checkpoint: Path) -> Path:
    """Where it is kept what a checkpoint of ours must be; other programs pass over names that begin with a dot."""
    return checkpoint.with_name(f".{checkpoint.name}.sha256")


def _is_torn(path: Path) -> bool:
    try:
        return actions_of(path.read_bytes()) is None
    except ValueError:  # damaged otherwise: for somebody to look at
        return False


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []
