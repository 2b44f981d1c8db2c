"""Contents that no run and no registered model refers to, and that nobody has kept for a week.

A content is first put aside, and removed only if nothing refers to it then, and nobody has touched it before: whoever found it there
and is about to refer to it has. One that is put aside is found there, until the next who looks puts it back or removes it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from runlake import platform
from runlake.store.blobs import ASIDE, put_aside
from runlake.store.layout import Layout
from runlake.store.packs import hashes_in
from runlake.store.registry import Registry
from runlake.store.sizes import Amount, contents_of_runs
from runlake.store.view import View

__all__ = ["GRACE_SECONDS", "referred_to", "remove_unreferenced", "unreferenced"]

GRACE_SECONDS = 7 * 24 * 3600.0

_HASH = 64  # letters of a hash


def referred_to(view: View, but: Collection[str] = ()) -> set[str]:
    """The hashes of the contents that registered models are made of, and that runs have, deleted ones too; all runs but these."""
    of_runs = {sha256 for run_id, sizes in contents_of_runs(view, {}).items() if run_id not in but for sha256 in sizes}
    return of_runs | Registry(view.layout).contents()


def unreferenced(layout: Layout, wanted: Collection[str]) -> tuple[Amount, Amount]:
    """How much would be removed if these are wanted, and how much is too young."""
    old, young = Amount(), Amount()
    for path in [*_blobs(layout), *put_aside(layout), *layout.packs()]:
        with contextlib.suppress(FileNotFoundError):
            if not _is_wanted(layout, path, wanted):
                found = path.stat()
                (young if _is_young(found) else old).add(found.st_size)
    return old, young


def remove_unreferenced(layout: Layout, wanted: Callable[[], Collection[str]]) -> Amount:
    """Remove them; what is wanted is asked after the list was made, and again when they are put aside."""
    removed = Amount()
    old = [path for path in [*_blobs(layout), *layout.packs()] if _is_old(path)]
    left_aside = put_aside(layout)
    known = wanted()
    doomed = [path for path in old if not _is_wanted(layout, path, known)]
    aside = [*left_aside, *filter(None, (_put_aside(layout, path) for path in doomed if path.parent != layout.pack_folder))]
    known = wanted()
    for path in [*aside, *(path for path in doomed if path.parent == layout.pack_folder)]:
        with contextlib.suppress(FileNotFoundError):  # another was first
            found = path.stat()
            if not _is_wanted(layout, path, known) and not _is_young(found):
                path.unlink()
                removed.add(found.st_size)
            elif path.parent == layout.temporary:
                _put_back(layout, path)
    return removed


def _blobs(layout: Layout) -> list[Path]:
    found = []
    for folder in layout.blobs.iterdir() if layout.blobs.is_dir() else ():
        found += [Path(entry.path) for entry in os.scandir(folder) if len(entry.name) == _HASH]
    return found


def _is_wanted(layout: Layout, path: Path, wanted: Collection[str]) -> bool:
    """A pack is where it alone has one of these; one whose list is damaged may have any."""
    if path.parent != layout.pack_folder:
        return path.name[:_HASH] in wanted
    held = hashes_in(path)
    return not held or any(sha256 in wanted and not layout.blob(sha256).exists() for sha256 in held)


def _is_old(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return not _is_young(path.stat())
    return False


def _is_young(found: os.stat_result) -> bool:
    return time.time() - found.st_mtime <= GRACE_SECONDS


def _put_aside(layout: Layout, blob: Path) -> Path | None:
    """Under a name that nobody else uses: two who remove the same never meet."""
    aside = layout.temporary / f"{blob.name}-{os.urandom(8).hex()}{ASIDE}"
    try:
        os.rename(blob, aside)
    except FileNotFoundError:
        return None
    return aside


def _put_back(layout: Layout, aside: Path) -> None:
    target = layout.blob(aside.name[:_HASH])
    if not platform.move_new(aside, target):  # somebody has kept it anew
        aside.unlink()
    platform.sync_folder(target.parent)
