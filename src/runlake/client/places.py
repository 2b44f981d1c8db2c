"""Which run, and which path in it, an address means: `runs:/<run id>/<path>`, or the path of a tutorial that means a run's."""

from __future__ import annotations

import re
from pathlib import Path

from runlake.errors import InvalidValue, NoActiveRun
from runlake.recording.active import active_run
from runlake.recording.artifact_names import checked_name

__all__ = ["place_at", "place_meant"]

_RUNS = re.compile(r"runs:/(?P<run_id>[0-9a-f]{32})(?:/(?P<path>.*))?")
_TUTORIAL_PATH = re.compile(r"(?:.*/)?(?P<run_id>[0-9a-f]{32})/artifacts(?:/(?P<path>.*))?")


def place_at(uri: str) -> tuple[str, str]:
    """The run and the path in it. Raises InvalidValue for what is no such address."""
    return place_meant(uri, None, None)


def place_meant(artifact_uri: str | None, run_id: str | None, path: str | None) -> tuple[str, str]:
    """The run and the path in it that are meant: by an address, or by an id and a path."""
    if artifact_uri is None:
        return run_id or _active_run_id(), str(checked_name(path)) if path else ""
    if run_id is not None:
        raise InvalidValue("Give an artifact_uri or a run_id, not both.")
    found = _RUNS.fullmatch(artifact_uri) or (None if Path(artifact_uri).exists() else _TUTORIAL_PATH.fullmatch(artifact_uri))
    if found is None:
        raise InvalidValue(f"An artifact's URI is runs:/<run id>/<path>, not {artifact_uri!r}.")
    below = "/".join(part for part in ((found["path"] or "").rstrip("/"), path or "") if part)
    return found["run_id"], str(checked_name(below)) if below else ""


def _active_run_id() -> str:
    run = active_run()
    if run is None:
        raise NoActiveRun("No run is open here: name one with run_id=.")
    return run.run_id
