"""Files of a run: the content becomes a blob of the store, and an event gives it a name, or says why not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from runlake.entities import Event, Scope
from runlake.errors import StoreError
from runlake.guard import attempt, log
from runlake.recording.buffer import Content, WaitingFile
from runlake.store.blobs import Blob, keep_bytes
from runlake.store.layout import Layout, create, is_store
from runlake.store.packs import keep_together

__all__ = ["kept", "kept_together", "made", "not_kept"]


def made(content: Content) -> bytes | BaseException:
    """The bytes, or what was raised where they are made."""
    return content if isinstance(content, bytes) else attempt(content)


def kept(layout: Layout, run_id: str, name: str, store: Callable[[], Blob], hlc: int) -> Event:
    """Bring the content to the disk, and say so. Where the store fails, the program goes on, and the run shows what it lacks."""
    try:
        _there_must_be(layout)
        blob = store()
    except (OSError, StoreError) as error:
        return not_kept(run_id, name, error, hlc)
    return _named(run_id, name, blob, hlc)


def kept_together(layout: Layout, files: Sequence[tuple[WaitingFile, bytes]]) -> list[Event]:
    """The same for several, with their contents; one by one where the store does not take them together."""
    try:
        _there_must_be(layout)
        blobs = keep_together(layout, [content for _, content in files])
    except (OSError, StoreError):
        return [kept(layout, file.run_id, file.name, functools.partial(keep_bytes, layout, content), file.hlc) for file, content in files]
    return [_named(file.run_id, file.name, blob, file.hlc) for (file, _), blob in zip(files, blobs, strict=True)]


def _named(run_id: str, name: str, blob: Blob, hlc: int) -> Event:
    return Event.set(run_id, Scope.ARTIFACT, name, blob.sha256, hlc, integer=blob.size)


def _there_must_be(layout: Layout) -> None:
    if not is_store(layout.root):
        create(layout.root)


def not_kept(run_id: str, name: str, error: BaseException, hlc: int) -> Event:
    """Say so."""
    log.warning("The artifact %s was not kept: %s", name, error)
    return Event.set(run_id, Scope.ERROR, name, f"the artifact was not kept: {error}", hlc)
