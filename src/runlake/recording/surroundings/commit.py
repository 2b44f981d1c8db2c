"""The commit that the program's code is at, read from git's own files: that is a part of a millisecond, and git need not be there."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Commit", "commit_of_program"]


@dataclass(frozen=True)
class Commit:
    """Where the work tree is, and which commit and branch are checked out; "" for what is not known."""

    root: Path
    commit: str
    branch: str


@functools.cache
def commit_of_program() -> Commit | None:
    """Of the work tree that the main program lies in, else of the folder that the process was in when it first asked."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folders = [Path(main).absolute().parent] if main else []
    for folder in (*folders, Path.cwd()):
        for place in (folder, *folder.parents):
            if os.path.exists(place / ".git"):
                return _commit_at(place)
    return None


def _commit_at(root: Path) -> Commit:
    folder = root / ".git"
    if folder.is_file():  # a linked work tree or a submodule
        folder = root / _text(folder).removeprefix("gitdir:").strip()
    shared = folder / (_text(folder / "commondir").strip() or ".")
    head = _text(folder / "HEAD").strip()
    if not head.startswith("ref:"):
        return Commit(root, head, "")
    name = head.removeprefix("ref:").strip()
    commit = _text(folder / name).strip() or _text(shared / name).strip() or _packed(shared, name)
    return Commit(root, commit, name.removeprefix("refs/heads/"))


def _packed(shared: Path, name: str) -> str:
    lines = (line.partition(" ") for line in _text(shared / "packed-refs").splitlines())
    return next((commit for commit, _, found in lines if found == name), "")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
