"""What was changed since the commit, as git says it: asked once in a process, off the program's own thread, for two seconds at most."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runlake.config import environment_of_git
from runlake.redaction import redacted_text

__all__ = ["DIFF_FILE", "Changes", "changes_in"]

DIFF_FILE = "code.diff"
SECONDS = 2.0
MOST_OF_A_FILE = 1 << 20
MOST_OF_ALL = 4 << 20
MOST_NAMES = 100

# A repository may name programs of its own to run; none of them is.
_QUIETLY = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-pager")


@dataclass(frozen=True)
class Changes:
    """How the work tree differs from its commit."""

    remote: str = ""
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    diff: str = ""

    @property
    def summary(self) -> str:
        """In words."""
        counts = [(len(self.changed), "changed"), (len(self.untracked), "not tracked")]
        return ", ".join(f"{count} {what}" for count, what in counts if count) or "none"


def changes_in(root: Path, store: Path, *, redact: bool) -> Changes | None:
    """The changes in this work tree but for the store; None where git is not there, or does not say in time."""
    git = _Git(root, time.monotonic() + SECONDS)
    apart = _apart([os.path.relpath(store, root)]) if store.is_relative_to(root) else []
    status = git.says("status", "--porcelain=v1", "-z", "--ignore-submodules=dirty", "--no-renames", "--", ".", *apart)
    if status is None:
        return None
    entries = [(entry[:2], entry[3:]) for entry in status.split("\0") if entry]
    changed = tuple(name for state, name in entries if state != "??")
    untracked = tuple(name for state, name in entries if state == "??")
    remote = (git.says("config", "--get", "remote.origin.url") or "").strip()
    big = [name for name in changed if _size(root / name) > MOST_OF_A_FILE]
    diff = ""
    if len(changed) > len(big):
        asked = ("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--no-renames")
        diff = git.says(*asked, "--", ".", *apart, *_apart(big)) or ""
    notes = _notes("left out, as they are over 1 MB", big) + _notes("not tracked", untracked)
    notes += "# cut off, as there is more than 4 MB\n" if len(diff) >= MOST_OF_ALL else ""
    if redact:
        remote, diff, notes = redacted_text(remote), _without_secrets(diff), redacted_text(notes)
    return Changes(remote, changed, untracked, notes + diff)


class _Git:
    """Asks git, until there is no time left."""

    def __init__(self, root: Path, deadline: float) -> None:
        self._root = root
        self._deadline = deadline

    def says(self, *arguments: str) -> str | None:
        """What it prints, as far as we want to know it; None where it fails."""
        import subprocess  # late, by the thread that asks: opening a run does without

        try:
            process = subprocess.Popen(
                ["git", *_QUIETLY, *arguments],
                cwd=self._root,
                env=environment_of_git(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            return None
        with process:
            late = threading.Timer(max(0.0, self._deadline - time.monotonic()), process.kill)
            late.name, late.daemon = "runlake-git-timer", True
            late.start()
            assert process.stdout is not None
            said = process.stdout.read(MOST_OF_ALL)
            is_cut = len(said) == MOST_OF_ALL
            if is_cut:
                process.kill()
            process.wait()
            late.cancel()
            late.join()
        return said.decode("utf-8", "replace") if is_cut or process.returncode == 0 else None


def _without_secrets(diff: str) -> str:
    """File by file: a regular expression at work lets no other thread go on."""
    first, *others = diff.split("\ndiff --git ")
    return "\ndiff --git ".join([redacted_text(first), *map(redacted_text, others)])


def _apart(names: Sequence[str]) -> list[str]:
    return [f":(top,literal,exclude){name}" for name in names]


def _notes(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"# {what}: {', '.join(map(repr, names[:MOST_NAMES]))}{more}\n" if names else ""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # deleted
        return 0
