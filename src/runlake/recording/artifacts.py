"""Files and texts kept with a run: the content as a blob, and an event that gives it a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from runlake.entities import Event, Scope
from runlake.errors import InvalidValue, StoreError
from runlake.guard import log
from runlake.recording.recorders import Recorder
from runlake.store.blobs import Blob, keep_bytes, keep_file
from runlake.store.layout import create

__all__ = ["keep", "keep_text"]


def keep(recorder: Recorder, run_id: str, source: Path, folder: str | None) -> None:
    """Keep a file, or a folder's files by their place in it."""
    prefix = _checked(folder) if folder else PurePosixPath()
    if not source.exists():
        raise InvalidValue(f"There is no file or folder {str(source)!r} to keep.")
    for file, name in _files(source):
        _keep_as(recorder, run_id, prefix / name, lambda file=file: keep_file(recorder.layout, file))  # type: ignore[misc]  # the default binds the loop's file


def keep_text(recorder: Recorder, run_id: str, text: str, name: str) -> None:
    """Keep a text, as UTF-8."""
    if not isinstance(text, str):
        raise InvalidValue(f"log_text keeps text, not {type(text).__name__}.")
    data = text.encode()
    _keep_as(recorder, run_id, _checked(name), lambda: keep_bytes(recorder.layout, data))


def _keep_as(recorder: Recorder, run_id: str, name: PurePosixPath, store: Callable[[], Blob]) -> None:
    try:
        create(recorder.layout.root)
        blob = store()
    except (OSError, StoreError) as error:  # of the store: the program goes on, and the run shows what it lacks
        log.warning("The artifact %s was not kept: %s", name, error)
        recorder.add(Event.set(run_id, Scope.ERROR, str(name), f"the artifact was not kept: {error}", recorder.clock.tick()))
        return
    recorder.add(Event.set(run_id, Scope.ARTIFACT, str(name), blob.sha256, recorder.clock.tick(), integer=blob.size))


def _files(source: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    if source.is_file():
        yield source, PurePosixPath(source.name)
    else:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                yield file, PurePosixPath(file.relative_to(source).as_posix())


def _checked(name: str) -> PurePosixPath:
    """The artifact's name, if every segment of it is one: no name reaches outside the run."""
    if not isinstance(name, str) or not name:
        raise InvalidValue(f"An artifact's name is a relative path such as 'plots/loss.png', not {name!r}.")
    segments = name.split("/")
    if any(segment in ("", ".", "..") or "\\" in segment or "\0" in segment for segment in segments):
        raise InvalidValue(f"An artifact's name is a relative path with forward slashes, without '..' and empty parts; {name!r} is not.")
    return PurePosixPath(*segments)
