"""What processes left behind that are gone: drafts, files that no version of a table names, claims of jobs that are closed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from runlake.entities import Scope
from runlake.store.fold import fold_runs
from runlake.store.layout import Layout
from runlake.store.view import View

__all__ = ["Leftover", "leftovers", "remove_leftovers"]

DRAFT_SECONDS = 24 * 3600.0
TORN_SECONDS = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Leftover:
    """A file that nothing needs: a "draft", a "data file", a "claim" or a "torn version"."""

    path: Path
    what: str
    size: int


def leftovers(layout: Layout, view: View, gone: Collection[str] = ()) -> list[Leftover]:
    """All of them, as if these runs were gone. The view is refreshed."""
    claims = list(layout.jobs.iterdir()) if layout.jobs.is_dir() else []
    view.refresh()  # after the claims were listed: whoever claims a job has seen it in the store before
    found = [("claim", path) for path in _closed(claims, view, gone)]
    found += [("draft", path) for path in layout.temporary.glob("*.tmp") if _is_older(path, DRAFT_SECONDS)]
    for folder in _tables(layout):
        found += [("data file", folder / name) for name in DeltaTable(folder).vacuum(dry_run=True, full=True)]
        found += [("torn version", path) for path in (folder / "_delta_log").glob("*.torn") if _is_older(path, TORN_SECONDS)]
    told = []
    for what, path in found:
        with contextlib.suppress(FileNotFoundError):
            told.append(Leftover(path, what, path.stat().st_size))
    return told


def remove_leftovers(layout: Layout, found: Iterable[Leftover]) -> None:
    """Remove them; files of tables only where they are not wanted still."""
    files = {each.path.parent for each in found if each.what == "data file"}
    for each in found:
        if each.what != "data file":
            each.path.unlink(missing_ok=True)
    for folder in files & set(_tables(layout)):
        DeltaTable(folder).vacuum(dry_run=False, full=True)


def _tables(layout: Layout) -> list[Path]:
    return [log.parent for log in sorted(layout.root.glob("*/_delta_log")) if DeltaTable.is_deltatable(str(log.parent))]


def _closed(claims: Iterable[Path], view: View, gone: Collection[str]) -> Iterator[Path]:
    """Claims of jobs that are not open, or of runs that are not there."""
    paths = list(claims)
    states = fold_runs(view.events(scope=Scope.JOB)) if paths else {}
    is_open = {f"{run_id}.{job.id}" for run_id, state in states.items() if run_id not in gone for job in state.jobs.values() if job.is_open}
    yield from (path for path in paths if path.name.rpartition(".")[0] not in is_open)


def _is_older(path: Path, seconds: float) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > seconds
    return False
