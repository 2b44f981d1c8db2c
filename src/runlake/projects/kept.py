"""Environments that were built once and are used again: each in a folder named by all that went in, ready when a file says so."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runlake import config, platform
from runlake.errors import RunlakeError
from runlake.recording.telling import say
from runlake.redaction import redacted_text

__all__ = ["environment_of"]

READY = "runlake-ready.json"  # written last
LOOK_SECONDS = 0.1


def environment_of(parts: object, what: str, build: Callable[[Path], None]) -> Path:
    """The folder of the environment that these parts make, built if it is not there; nothing stays of one that cannot be built."""
    home = config.cache_folder()
    if home is None:
        raise RunlakeError("There is no folder to keep environments in, as this user has no home. Set XDG_CACHE_HOME.")
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
    folder = home / "environments" / digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock")):
        if (folder / READY).exists():
            say(f"runlake: using the environment in {folder}, which has {what} already")
            return folder
        shutil.rmtree(folder, ignore_errors=True)  # what a process that was killed left half built
        say(f"runlake: installing {what} into {folder}")
        with _gone_unless_ready(folder):
            build(folder)
            (folder / READY).write_text(redacted_text(json.dumps(parts, indent=1)))
    return folder


@contextlib.contextmanager
def _gone_unless_ready(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        if not (folder / READY).exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else builds this environment meanwhile. The file stays: to remove it would let two hold it."""
    held = platform.lock_file(path)
    if held is None:
        say("runlake: another process is building this environment; waiting for it")
    while held is None:
        time.sleep(LOOK_SECONDS)
        held = platform.lock_file(path)
    try:
        yield
    finally:
        os.close(held)
