"""Checks contents: each against its name, and that nothing which a run or a registered model refers to is missing."""

from __future__ import annotations

import contextlib
import hashlib
from collections import defaultdict
from pathlib import Path

from runlake.entities import Scope
from runlake.errors import StoreError
from runlake.store.blobs import put_aside
from runlake.store.check.numbered import check_numbered
from runlake.store.check.problems import Check, Checked, Grade, Problem, Tell
from runlake.store.fold import fold_runs
from runlake.store.layout import Layout, check_usable
from runlake.store.packs import contents_in
from runlake.store.registry import Registry
from runlake.store.view import View

__all__ = ["check_contents", "check_small_files"]

_CHUNK = 1 << 20


def check_small_files(layout: Layout) -> Check:
    """What says what the store is, and the numbered logs."""
    try:
        check_usable(layout.root)
    except StoreError as error:
        yield Problem(Grade.DAMAGED, layout.description, str(error))
    for folder in (layout.experiments, layout.registry):
        yield from check_numbered(folder)


def check_contents(view: View, tell: Tell, checked: Checked) -> Check:
    """Blobs and packs, and the artifacts that refer to them."""
    layout = view.layout
    wanted, registered = _wanted(view), _registered(layout)
    there: dict[str, int] = {}
    for folder in sorted(layout.blobs.iterdir()) if layout.blobs.is_dir() else ():
        tell(f"contents: {len(there):,}")
        for path in sorted(folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # collected meanwhile
                digest, there[path.name] = _digest(path)
                if digest != path.name:
                    whose = f": {_whose(path.name, wanted, registered)}"
                    yield Problem(Grade.DAMAGED, path, f"its bytes are not those that its name speaks of{whose}")
    for pack in layout.packs():
        with contextlib.suppress(FileNotFoundError):  # dealt out meanwhile
            yield from _check_pack(pack, there)
    for path in put_aside(layout):
        there.setdefault(path.name.partition(".")[0], path.stat().st_size)
    checked.contents = len(there)
    yield from _missing(view, wanted, registered or {}, there)
    if registered is not None and (orphans := there.keys() - wanted.keys() - registered.keys()):
        size = sum(there[sha256] for sha256 in orphans)
        what = f"contents that no run refers to: {len(orphans):,}, of {size:,} bytes; runlake gc removes them when they are a week old"
        yield Problem(Grade.NOTE, layout.blobs, what)


def _wanted(view: View) -> dict[str, list[tuple[str, str, int]]]:
    """By content, the runs that refer to it, under which names and as of which size."""
    wanted: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for run_id, state in fold_runs(view.events(scope=Scope.ARTIFACT)).items():
        for name, (sha256, size) in state.artifacts.items():
            wanted[sha256].append((run_id, name, size))
    return wanted


def _registered(layout: Layout) -> dict[str, str] | None:
    """By content, the version of a registered model that it is of; None where that cannot be read, which is told elsewhere."""
    try:
        registry = Registry(layout)
        return {
            sha256: f"version {each.version} of the registered model {each.name!r}"
            for each in registry.versions()
            for sha256 in registry.contents_of(each.name, each.version)
        }
    except StoreError:
        return None


def _whose(sha256: str, wanted: dict[str, list[tuple[str, str, int]]], registered: dict[str, str] | None) -> str:
    if sha256 in wanted:
        return _artifacts(wanted[sha256])
    return f"it is of {registered[sha256]}" if registered and sha256 in registered else "no run needs it"


def _missing(view: View, wanted: dict[str, list[tuple[str, str, int]]], registered: dict[str, str], there: dict[str, int]) -> Check:
    for sha256 in registered.keys() - wanted.keys() - there.keys():
        yield Problem(Grade.MISSING, view.layout.blob(sha256), f"it is not there: it is of {registered[sha256]}")
    for sha256, artifacts in wanted.items():
        path = view.layout.blob(sha256)
        if sha256 not in there:
            yield Problem(Grade.MISSING, path, f"it is not there: {_artifacts(artifacts)}")
        elif any(size != there[sha256] for _, _, size in artifacts):
            yield Problem(Grade.DAMAGED, path, f"it has {there[sha256]:,} bytes, which is not what was kept: {_artifacts(artifacts)}")


def _artifacts(artifacts: list[tuple[str, str, int]]) -> str:
    run_id, name, _ = artifacts[0]
    others = f" and of {len(artifacts) - 1:,} more" if len(artifacts) > 1 else ""
    return f"it is {name!r} of the run {run_id}{others}"


def _check_pack(pack: Path, there: dict[str, int]) -> Check:
    contents = list(contents_in(pack))
    if not contents:
        yield Problem(Grade.DAMAGED, pack, "its list of contents cannot be read", 0)
    for sha256, start, content in contents:
        there.setdefault(sha256, len(content))
        if hashlib.sha256(content).hexdigest() != sha256:
            yield Problem(Grade.DAMAGED, pack, f"its content {sha256} is not what was written", start)


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
