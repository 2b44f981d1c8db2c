"""What runs keep: listed, copied out, and read back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runlake.client.places import place_at, place_meant
from runlake.client.reading import current_store
from runlake.client.registered import SCHEME
from runlake.entities import FileInfo
from runlake.errors import InvalidValue, RunlakeError, UnknownArtifact
from runlake.read import Query, Run, Store
from runlake.recording.artifact_names import checked_name
from runlake.recording.documents import distinct
from runlake.recording.experiments import active_experiment_id

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_table", "load_text"]


def list_artifacts(
    artifact_uri: str | None = None, run_id: str | None = None, artifact_path: str | None = None, *, store: Path | None = None
) -> list[FileInfo]:
    """The files and folders directly below a run's path."""
    run_id, path = place_meant(artifact_uri, run_id, artifact_path)
    found: dict[str, FileInfo] = {}
    prefix = f"{path}/" if path else ""
    for name, size in current_store(store).run(run_id).artifacts.items():
        if name.startswith(prefix):
            child, slash, _ = name.removeprefix(prefix).partition("/")
            found.setdefault(child, FileInfo(prefix + child, bool(slash), None if slash else size))
    return [found[child] for child in sorted(found)]


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | Path | None = None,
    *,
    store: Path | None = None,
) -> str:
    """Copy an artifact, or all those below a folder, into `dst_path`, and give the path of the copy. Raises UnknownArtifact."""
    if artifact_uri is not None and artifact_uri.startswith(SCHEME):
        from runlake.client.models import folder_at  # late: it loads what opens models

        model, target = folder_at(artifact_uri, store), _target(dst_path)
        model.write(target)
        return str(target)
    run_id, path = place_meant(artifact_uri, run_id, artifact_path)
    run = current_store(store).run(run_id)
    names = [name for name in run.artifacts if name == path or not path or name.startswith(f"{path}/")]
    if not names and path:
        raise UnknownArtifact(f"The run {run_id} keeps nothing at {path!r}; it has {sorted(run.artifacts)[:20]}.")
    target = _target(dst_path)
    copied: dict[tuple[int, int], str] = {}
    for name in names:
        copy = target / checked_name(name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if copy.exists() and (other := copied.get(_file_of(copy))) is not None:
            raise RunlakeError(
                f"{name!r} and {other!r} are one file in {target}, which tells no upper case from lower: copy them one by one."
            )
        copy.write_bytes(run.read_artifact(name))
        copied[_file_of(copy)] = name
    return str(target / path)


def _target(dst_path: str | Path | None) -> Path:
    """Where a copy goes: a folder that is made only once it is known that there is something to copy."""
    return Path(dst_path) if dst_path is not None else Path(tempfile.mkdtemp(prefix="runlake-"))


def _file_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def load_text(artifact_uri: str) -> str:
    """An artifact as text."""
    return _content(artifact_uri).decode()


def load_dict(artifact_uri: str) -> Any:
    """A JSON artifact as what it holds."""
    try:
        return json.loads(_content(artifact_uri))
    except ValueError as error:
        raise InvalidValue(f"{artifact_uri} is no JSON: {error}.") from error


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
    *,
    experiment_id: str | None = None,
    store: Path | None = None,
) -> Any:
    """The tables that runs logged under this name, one below the other, as a pandas data frame.

    Without `run_ids`, of every run of the experiment, by default the current one, that has one. `extra_columns` adds what is known of
    each run: `run_id`, an attribute of its info, a param or a tag. Raises UnknownArtifact.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise RunlakeError(
            "load_table gives a pandas data frame: pip install pandas. Without it, artifacts.load_dict reads tables."
        ) from error

    name = str(checked_name(artifact_file))
    opened = current_store(store)
    runs = _runs_with(opened, name, experiment_id) if run_ids is None else [opened.run(run_id) for run_id in run_ids]
    frames = []
    for run in runs:
        table = json.loads(run.read_artifact(name))
        frame = pd.DataFrame(table["data"], columns=distinct(table["columns"]))
        known = {**run.params, **run.tags, **vars(run.info)}
        frames.append(frame.assign(**{column: [known.get(column)] * len(frame) for column in extra_columns or ()}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _runs_with(store: Store, name: str, experiment_id: str | None) -> list[Run]:
    experiment_id = active_experiment_id() if experiment_id is None else experiment_id
    runs = store.search(Query(experiment_ids=[experiment_id], order_by=["start_time"]))
    keeping = store.keeping(name)
    found = [run for run in store.found(runs) if run.info.run_id in keeping]
    if not found:
        raise UnknownArtifact(f"None of the {len(runs)} runs of the experiment {experiment_id} keeps a table named {name!r}.")
    return found


def _content(artifact_uri: str) -> bytes:
    run_id, path = place_at(artifact_uri)
    return current_store().run(run_id).read_artifact(path)
