"""Where everything lies inside a store folder, and how a store comes into being."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from runlake.errors import StoreError
from runlake.store.checked_json import checked_json, object_of
from runlake.store.names import day_of, wal_name
from runlake.store.put_new import make_folder, probe, put_new

__all__ = ["FORMAT", "Layout", "check_newer", "check_usable", "create", "created_ms", "is_store", "store_id"]

FORMAT = 1  # of everything below the folder; a reader refuses a greater one
MOST_BYTES = 4000  # of its path: systems take 4,096 with the names of our files behind it

_OURS = {
    "STORE.json",
    "views",
    ".gitignore",
    "tmp",
    "wal",
    "l0",
    "points",
    "meta",
    "metrics",
    "runs",
    "lod",
    "blobs",
    "packs",
    "experiments",
    "registry",
    "jobs",
}


@dataclass(frozen=True)
class Layout:
    """The paths of one store."""

    root: Path

    @property
    def description(self) -> Path:
        """STORE.json: the format, the id, when it was made."""
        return self.root / "STORE.json"

    @property
    def wal(self) -> Path:
        """The write-ahead logs, a folder for each day."""
        return self.root / "wal"

    def sealed(self, table: str) -> Path:
        """The sealed files whose rows go to this table, a folder for each day."""
        return self.root / "l0" / table

    @property
    def experiments(self) -> Path:
        """The numbered log of the experiments."""
        return self.root / "experiments"

    @property
    def registry(self) -> Path:
        """The numbered log of the registered models."""
        return self.root / "registry"

    @property
    def blobs(self) -> Path:
        """Files kept by their content."""
        return self.root / "blobs"

    @property
    def pack_folder(self) -> Path:
        """Small contents that came together, to be dealt out as blobs."""
        return self.root / "packs"

    def packs(self) -> list[Path]:
        """The packs that are not dealt out."""
        return [path for path in _entries(self.pack_folder) if path.suffix == ".pack"]

    @property
    def jobs(self) -> Path:
        """Who does which job: a file for each attempt, until the job is closed."""
        return self.root / "jobs"

    @property
    def temporary(self) -> Path:
        """Drafts, on the same file system as what they become."""
        return self.root / "tmp"

    def wal_part(self, writer: str, part: int, wall_ns: int) -> Path:
        """Where a part opened at this time goes."""
        return self.wal / day_of(wall_ns) / wal_name(writer, part)

    def logs(self) -> list[Path]:
        """The parts of all write-ahead logs, by day and name."""
        return _files_by_day(self.wal, ".wal")

    def sealed_files(self, table: str) -> list[Path]:
        """The sealed files whose rows go to this table, by day and name."""
        return _files_by_day(self.sealed(table), ".parquet")

    def days(self) -> list[Path]:
        """The folders of days, of logs and of sealed files."""
        return [*_entries(self.wal), *(day for table in _entries(self.root / "l0") for day in _entries(table))]

    def waiting(self) -> dict[Path, int]:
        """The files whose rows are not in the tables yet, or not known to be, and their sizes."""
        sizes = {}
        for path in [*self.logs(), *self.sealed_files("points"), *self.sealed_files("meta")]:
            with contextlib.suppress(FileNotFoundError):
                sizes[path] = path.stat().st_size
        return sizes

    def blob(self, sha256: str) -> Path:
        """Where the content with this hash is kept."""
        return self.blobs / sha256[:2] / sha256


def _entries(folder: Path) -> list[Path]:
    """Not by `glob`, which raises where a folder goes while it looks: whoever publishes removes those that are empty."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return [folder / name for name in sorted(os.listdir(folder))]
    return []


def _files_by_day(folder: Path, suffix: str) -> list[Path]:
    return [path for day in _entries(folder) for path in _entries(day) if path.name.endswith(suffix)]


def is_store(root: Path) -> bool:
    """Whether a store was made in this folder."""
    return Layout(root).description.is_file()


def store_id(root: Path) -> str:
    """What tells a store from others; a copy of its folder has the same."""
    return str(json.loads(Layout(root).description.read_text(encoding="utf-8")).get("store_id", ""))


def created_ms(root: Path) -> int | None:
    """When the store in this folder was made; None where there is none, or one that does not say."""
    try:
        return int(json.loads(Layout(root).description.read_text(encoding="utf-8"))["created_ms"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_usable(root: Path) -> None:
    """Refuse a folder that holds something else, or a store of a later format; an absent one is fine."""
    n_bytes = len(os.fsencode(root))
    if n_bytes > MOST_BYTES:
        shown = f"{str(root)[:60]}...{str(root)[-60:]}"
        raise StoreError(f"The path of the store, {shown}, has {n_bytes:,} bytes, more than {MOST_BYTES:,}. Name a shorter one.")
    if root.exists() and not root.is_dir():
        raise StoreError(f"{root} is a file. A store is a folder: name another path.")
    if not root.is_dir():
        return
    description = Layout(root).description
    if description.is_file():
        _check_format(description)
    elif others := sorted(entry.name for entry in root.iterdir() if entry.name not in _OURS):
        raise StoreError(f"{root} holds {others[0]!r} and is no store. Name a new or empty folder, such as {root / 'lake'}.")


def check_newer(root: Path) -> None:
    """Refuse a store of a later format; whatever else may be wrong is not looked at."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        found = json.loads(Layout(root).description.read_bytes())["format"]
        if isinstance(found, int) and found > FORMAT:
            check_usable(root)


def create(root: Path) -> Layout:
    """Make the store unless it exists; any number of processes may do so at once."""
    check_usable(root)
    layout = Layout(root)
    anchor = root.parent
    while not anchor.exists():
        anchor = anchor.parent
    make_folder(layout.temporary, within=anchor)
    if not layout.description.exists():
        probe(layout.temporary)
        put_new(root / ".gitignore", b"*\n", layout.temporary, durable=False)
        description = {"format": FORMAT, "store_id": os.urandom(16).hex(), "created_ms": time.time_ns() // 1_000_000}
        put_new(layout.description, checked_json(description), layout.temporary)
    return layout


def _check_format(description: Path) -> None:
    try:
        found = json.loads(description.read_bytes())["format"]
        if not isinstance(found, int) or found <= FORMAT:  # how a later one checks itself is its own affair
            object_of(description.read_bytes())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{description} is damaged ({error}). Nothing was written; put the file back from a copy.") from error
    if not isinstance(found, int) or found > FORMAT:
        raise StoreError(f"{description.parent} has format {found}, this runlake reads up to {FORMAT}. Nothing was written; upgrade.")
