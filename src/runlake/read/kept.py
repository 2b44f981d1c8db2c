"""A file that a run keeps, opened: of a large one the beginning, or a part, without reading all of it."""

from __future__ import annotations

import io
import os
import re
from typing import BinaryIO

from runlake.errors import StoreError, UnknownArtifact
from runlake.read.run import Run
from runlake.store.layout import Layout

__all__ = ["open_artifact"]

VERIFIED = 16 << 20  # bytes, up to which all of it is read and held to its hash

_HASH = re.compile(r"[0-9a-f]{64}")
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def open_artifact(run: Run, name: str) -> BinaryIO:
    """The artifact of this name, open for reading. What is large is not verified: for that there is `read_artifact`.

    Raises UnknownArtifact, or StoreError where it is damaged, or FileNotFoundError.
    """
    kept = run._state.artifacts.get(name)
    if kept is None:
        raise UnknownArtifact(f"The run {run.info.run_id} keeps nothing named {name!r}; it has {sorted(run.artifacts)[:20]}.")
    if not _HASH.fullmatch(kept[0]):  # it would lead to any file
        raise StoreError(f"What the run {run.info.run_id} keeps as {name!r} is damaged: {kept[0][:80]!r} is no hash.")
    large = _large(Layout(run._store.path), kept[0])
    return large if large is not None else io.BytesIO(run.read_artifact(name))


def _large(layout: Layout, sha256: str) -> BinaryIO | None:
    """The file with this hash, where it lies by itself and is large."""
    try:
        descriptor = os.open(layout.blob(sha256), os.O_RDONLY | _NO_LINK)
    except OSError:  # it lies elsewhere, which `read_artifact` knows of
        return None
    file = os.fdopen(descriptor, "rb")
    if os.fstat(descriptor).st_size > VERIFIED:
        return file
    file.close()
    return None
