"""A second plugin for the same library, installed for as long as a check wants it."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import runlake
from runlake.instrument.plugins import find_plugins

__all__ = ["raising_plugin"]

NAME = "kit_raising"
MODULE = f"runlake_{NAME}"
CODE = """
from runlake import Patch, hookimpl


def before(call):
    raise MemoryError("before")
    yield


def after(call):
    yield
    raise SystemExit("after")


@hookimpl
def patches():
    return [Patch(target, capture, why="to raise") for target in {targets!r} for capture in (before, after)]
"""


@contextmanager
def raising_plugin(targets: Sequence[str]) -> Iterator[str]:
    """The name of a plugin whose captures of these targets raise, before the library is called or after."""
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / f"{MODULE}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {MODULE}\nVersion: 1\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(f"[runlake.plugins]\n{NAME} = {MODULE}\n", encoding="utf-8")
        (Path(folder) / f"{MODULE}.py").write_text(CODE.format(targets=list(targets)), encoding="utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield NAME
        finally:
            runlake.disable_autolog()
            sys.path.remove(folder)
            sys.modules.pop(MODULE, None)
            importlib.invalidate_caches()
            find_plugins(anew=True)
