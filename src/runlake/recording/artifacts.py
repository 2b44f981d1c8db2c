"""Files and bytes kept with a run: the content as a blob, and an event that gives it a name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from runlake.entities import Event, Scope
from runlake.errors import InvalidValue
from runlake.recording.artifact_names import checked_name
from runlake.recording.buffer import WaitingFile
from runlake.recording.keeping import kept, kept_together
from runlake.recording.recorders import Recorder
from runlake.store.blobs import Blob, keep_bytes, keep_file

__all__ = ["Kept", "checked_name", "keep", "keep_bytes_as", "keep_together"]

Kept = dict[str, tuple[str, int]]  # name -> (sha256, size)


def keep(recorder: Recorder, run_id: str, source: Path, folder: str | None) -> Kept:
    """Keep a file, or a folder's files by their place in it; what was kept."""
    prefix = checked_name(folder) if folder else PurePosixPath()
    if not source.exists():
        raise InvalidValue(f"There is no file or folder {str(source)!r} to keep.")
    named = [(file, checked_name(str(prefix / name))) for file, name in _files(source)]
    found: Kept = {}
    for file, name in named:
        if not os.access(file, os.R_OK):
            raise InvalidValue(f"{str(file)!r} may not be read.")
        found |= _keep_as(recorder, run_id, name, lambda file=file: keep_file(recorder.layout, file))  # type: ignore[misc]  # the default binds the loop's file
    return found


def keep_bytes_as(recorder: Recorder, run_id: str, name: str, data: bytes) -> Kept:
    """Keep these bytes under a name."""
    return _keep_as(recorder, run_id, checked_name(name), lambda: keep_bytes(recorder.layout, data))


def keep_together(recorder: Recorder, run_id: str, folder: str, files: Mapping[str, bytes]) -> Kept:
    """Keep these files in a folder, with one wait for the disk; what was kept."""
    prefix, hlc = checked_name(folder), recorder.clock.tick()
    waiting = [(WaitingFile(run_id, str(prefix / checked_name(name)), data, len(data), hlc), data) for name, data in files.items()]
    found: Kept = {}
    for event in kept_together(recorder.layout, waiting):
        recorder.add(event)
        found |= _said_by(event)
    return found


def _keep_as(recorder: Recorder, run_id: str, name: PurePosixPath, store: Callable[[], Blob]) -> Kept:
    event = kept(recorder.layout, run_id, str(name), store, recorder.clock.tick())
    recorder.add(event)
    return _said_by(event)


def _said_by(event: Event) -> Kept:
    return {event.key: (event.text or "", event.integer or 0)} if event.scope == Scope.ARTIFACT else {}


def _files(source: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    if source.is_file():
        yield source, _readable(source.name)
    else:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                yield file, _readable(file.relative_to(source).as_posix())


def _readable(name: str) -> PurePosixPath:
    """The name with a question mark for each byte that is no UTF-8: such a file is kept as well."""
    return PurePosixPath(name.encode("utf-8", "replace").decode())
