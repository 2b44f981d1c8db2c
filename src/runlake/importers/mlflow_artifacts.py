"""The files that a run of MLflow has kept: where they lie, also when their folder was moved, and under which names.

Only a folder that is called as MLflow calls it is read, `.../<id>/artifacts`, and no link that leads out of it: a store that somebody
sent may name any folder of this machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from runlake.errors import InvalidValue
from runlake.importers.remarks import Remarks
from runlake.recording.artifact_names import checked_name

__all__ = ["SERVED", "artifact_folder", "files_below"]

SERVED = "mlartifacts"  # the folder in which MLflow's server keeps what it is sent
_LINKS = "links among artifacts that lead out of them, to a folder or nowhere, which are not followed"
_LOCAL = ("", "file", "mlflow-artifacts")


def artifact_folder(uri: str, owner: str, near: Path, remarks: Remarks) -> Path | None:
    """The folder that the artifacts of this owner, a run or a model, lie in: the one that is named, else one of that name below `near`."""
    scheme = urlsplit(uri).scheme.lower() if "://" in uri or uri.startswith(("file:", "mlflow-artifacts:")) else ""
    if scheme not in _LOCAL:
        remarks.left_out(f"runs and models whose artifacts lie in {scheme}://, which is not read", uri)
        return None
    path = PurePosixPath(unquote(urlsplit(uri).path) if scheme else uri.replace("\\", "/"))
    if path.parts[-2:] != (owner, "artifacts") or ".." in path.parts:
        remarks.broken("runs and models whose artifacts lie where MLflow puts none", uri)
        return None
    named = [] if scheme == "mlflow-artifacts" else [Path(path) if path.is_absolute() else near / path]
    tails = [PurePosixPath(*path.parts[start:]) for start in range(len(path.parts)) if path.parts[start] != "/"][:-1]
    moved = [near / folder / tail for tail in tails for folder in ("", SERVED)]
    found = next((place for place in (*named, *moved) if place.is_dir()), None)
    if found is None and not any(place.parent.parent.is_dir() for place in (*named, *moved)):
        remarks.left_out("runs and models whose artifacts, if they have any, are not where they were", uri)
    return found


def files_below(folder: Path, prefix: str, remarks: Remarks) -> dict[str, Path]:
    """The files in a folder and those below by their names; what cannot be kept is remarked on."""
    found: dict[str, Path] = {}
    if folder.is_symlink():
        remarks.broken(_LINKS, folder)
        return found
    for path in _files(folder, folder.resolve(), remarks):
        name = prefix + path.relative_to(folder).as_posix()
        try:
            checked_name(name)
        except InvalidValue as error:
            remarks.broken("artifacts whose names no store can have", error)
            continue
        if os.access(path, os.R_OK):
            found[name] = path
        else:
            remarks.broken("artifacts that may not be read", path)
    return found


def _files(folder: Path, root: Path, remarks: Remarks) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        remarks.broken("folders of artifacts that cannot be read", f"{folder}: {error.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _files(path, root, remarks)
        elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _leads_to_file(path, root)):
            yield path
        elif entry.is_symlink():
            remarks.broken(_LINKS, path)
        else:
            remarks.left_out("artifacts that are no files", path)


def _leads_to_file(path: Path, root: Path) -> bool:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # it leads nowhere, or to itself
        return False
    return target.is_file() and target.is_relative_to(root)
