"""Where the bytes of a store are: by kind, as its files have them, and by run and experiment, as far as these can be told apart."""

from __future__ import annotations

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from stat import S_ISDIR

import numpy as np
import pyarrow as pa

from runlake.entities import LifecycleStage, Scope
from runlake.store.columns import as_numbers
from runlake.store.frames import Kind
from runlake.store.selection import tables_of_file
from runlake.store.tables import TABLES
from runlake.store.view import View

__all__ = ["Amount", "Use", "by_experiment", "by_kind", "by_run", "contents_of_runs"]

WAITING_BYTES = 37  # of a point that is in a log still

_KINDS = {
    "wal": "logs",
    "l0": "sealed files",
    "points": "points",
    "meta": "meta",
    "metrics": "metrics",
    "runs": "runs",
    "lod": "level of detail",
    "blobs": "artifacts",
    "packs": "artifacts",
    "registry": "registered models",
}


@dataclass
class Amount:
    """So many files of so many bytes."""

    files: int = 0
    n_bytes: int = 0

    def add(self, size: int) -> None:
        """One more."""
        self.files, self.n_bytes = self.files + 1, self.n_bytes + size


@dataclass
class Use:
    """What a run or an experiment takes: contents, each once, and of these those that others have as well; points."""

    id: str
    artifacts: int = 0
    shared: int = 0
    points: int = 0
    point_bytes: int = 0
    name: str = ""
    experiment_id: str = ""
    is_deleted: bool = False
    runs: int = 0

    @property
    def n_bytes(self) -> int:
        """All of it."""
        return self.artifacts + self.point_bytes


@dataclass
class _Rows:
    """Points, and what they take on the disk."""

    count: Counter[str] = field(default_factory=Counter)
    n_bytes: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, rows: pa.Table, bytes_a_row: float) -> None:
        """These points."""
        ids = rows["run_id"].unify_dictionaries().combine_chunks()
        counts = np.bincount(as_numbers(ids.indices), minlength=len(ids.dictionary)).tolist()
        for run_id, n in zip(ids.dictionary.to_pylist(), counts, strict=True):
            if n:  # a file may have the codes of runs that it has no rows of
                self.count[run_id] += n
                self.n_bytes[run_id] += n * bytes_a_row


def by_kind(root: Path) -> dict[str, Amount]:
    """The files of a store by what they are for, and its folders; together what the folder takes."""
    kinds = {kind: Amount() for kind in (*_KINDS.values(), "the rest", "folders")}
    kinds["folders"].add(root.lstat().st_size)
    linked: set[int] = set()
    for name, found in _entries(root, ""):
        if found.st_nlink > 1 and not S_ISDIR(found.st_mode):  # it gets its name just now
            if found.st_ino in linked:
                continue
            linked.add(found.st_ino)
        kinds["folders" if S_ISDIR(found.st_mode) else _KINDS.get(name, "the rest")].add(found.st_size)
    return kinds


def by_run(view: View, run_ids: Collection[str] | None = None) -> list[Use]:
    """What each run takes, or each of these, the largest first."""
    names, shelves, stages = (view.last_said(key) for key in ("name", "experiment_id", "lifecycle"))
    uses = _uses(view, run_ids, {})
    for run_id in names if run_ids is None else run_ids:
        uses.setdefault(run_id, Use(run_id))
    for run_id, use in uses.items():
        use.name, use.experiment_id = names.get(run_id, ("",))[0], shelves.get(run_id, ("0",))[0]
        use.is_deleted, use.runs = stages.get(run_id, ("",))[0] == LifecycleStage.DELETED, 1
    return _largest_first(uses)


def by_experiment(view: View) -> list[Use]:
    """What the runs of each experiment take together, the largest first; of contents that several of its runs have, one."""
    shelves = {run_id: shelf for run_id, (shelf, _) in view.last_said("experiment_id").items()}
    shelf_of = {run_id: shelves.get(run_id, "0") for run_id in view.last_said("name").keys() | shelves.keys()}
    uses = _uses(view, None, shelf_of)
    for shelf in shelf_of.values():
        uses.setdefault(shelf, Use(shelf)).runs += 1
    return _largest_first(uses)


def _uses(view: View, run_ids: Collection[str] | None, group_of: Mapping[str, str]) -> dict[str, Use]:
    """By run, or by the group that it is of."""
    uses: dict[str, Use] = {}
    contents = contents_of_runs(view, group_of)
    times = Counter(chain.from_iterable(contents.values()))
    for group, sizes in contents.items():
        if run_ids is None or group in run_ids:
            shared = sum(size for sha256, size in sizes.items() if times[sha256] > 1)
            uses[group] = Use(group, sum(sizes.values()), shared)
    rows = view.whatever_vanishes(lambda: _rows(view, run_ids))
    for run_id, n in rows.count.items():
        if run_ids is None or run_id in run_ids:
            group = group_of.get(run_id, run_id)
            use = uses.setdefault(group, Use(group))
            use.points, use.point_bytes = use.points + n, use.point_bytes + round(rows.n_bytes[run_id])
    return uses


def contents_of_runs(view: View, group_of: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """The sizes of the contents that each run, or the group that it is of, has as artifacts now, by their hashes."""
    rows = view.events(scope=Scope.ARTIFACT)
    columns = (rows[name].to_pylist() for name in ("run_id", "key", "str", "int"))
    last = {(run_id, key): (sha256, size or 0) for run_id, key, sha256, size in zip(*columns, strict=True)}
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for (run_id, _), (sha256, size) in last.items():
        found[group_of.get(run_id, run_id)][sha256] = size
    return found


def _rows(view: View, run_ids: Collection[str] | None) -> _Rows:
    rows, table = _Rows(), TABLES["points"]
    extent = (min(run_ids), max(run_ids)) if run_ids else None
    for file in view.tables["points"].log.files.values():
        if file.n_rows and (extent is None or file.may_hold("run_id", extent)):
            for some in tables_of_file(file.path, table, {}, ["run_id"]):
                rows.add(some, file.size / file.n_rows)
    for piece in view.pieces(Kind.POINTS):
        rows.add(piece.rows(), WAITING_BYTES)
    return rows


def _largest_first(uses: Mapping[str, Use]) -> list[Use]:
    return sorted(uses.values(), key=lambda use: (-use.n_bytes, use.id))


def _entries(folder: Path, name: str) -> Iterator[tuple[str, os.stat_result]]:
    """All below a folder, each with the name of that folder of the store which it is in; whatever goes meanwhile is passed over."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                yield name or entry.name, found
                if S_ISDIR(found.st_mode):
                    yield from _entries(Path(entry.path), name or entry.name)
