"""A model's folder as it is opened, in a run or on the disk: verified as a whole before anything in it is believed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runlake import platform
from runlake.entities.models import MANIFEST, MLMODEL, ModelInfo
from runlake.entities.signatures import ModelSignature
from runlake.entities.tags import SKIPPED_TAG
from runlake.errors import InvalidModel, InvalidValue, StoreError, UnknownArtifact
from runlake.models.manifest import MOST_BYTES, Manifest, digest_of, read_manifest, verified
from runlake.models.mlmodel import read_mlmodel
from runlake.models.requirements import CONDA, CONSTRAINTS, REQUIREMENTS, VIRTUALENV

if TYPE_CHECKING:
    from runlake.read import Run  # late: a training reads nothing

__all__ = ["FOLDER", "Folder", "about_model", "folder_in", "folder_kept", "folder_of", "is_of_here"]

FOLDER = "model"  # where autologging keeps the model of a run

_ABOUT = {MLMODEL, REQUIREMENTS, CONSTRAINTS, CONDA, VIRTUALENV}
_EXAMPLES = ("input_example", "serving_input_example")  # how their names begin


@dataclass(frozen=True)
class Folder:
    """A model's files: each is what its manifest says. `is_ours` where this user's own program wrote them, on this machine."""

    where: str
    manifest: Manifest
    listing: bytes = field(repr=False)  # the manifest as it is kept
    files: Mapping[str, bytes] = field(repr=False)
    is_ours: bool

    @cached_property
    def digest(self) -> str:
        """What stands for every byte of the model."""
        return digest_of(self.listing)

    @property
    def data(self) -> dict[str, bytes]:
        """The files that are the model, without those that tell of it."""
        return {name: content for name, content in self.files.items() if name not in _ABOUT and not name.startswith(_EXAMPLES)}

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `MLmodel` says. Raises InvalidModel."""
        if MLMODEL not in self.files:
            raise InvalidModel(f"The model at {self.where} has no {MLMODEL}.")
        return read_mlmodel(self.files[MLMODEL], self.where)

    @cached_property
    def info(self) -> ModelInfo:
        """What is known of the model. Raises InvalidModel."""
        try:
            return about_model(self.about, self.where, self.manifest.format_id, self.digest)
        except (InvalidValue, KeyError, TypeError, AttributeError) as error:
            raise InvalidModel(f"The {MLMODEL} of the model at {self.where} is damaged: {type(error).__name__}: {error}") from error

    def write(self, target: Path) -> None:
        """Copy the files there, as they were verified."""
        for name, content in {**self.files, MANIFEST: self.listing}.items():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)


def about_model(about: Mapping[str, Any], uri: str, format_id: str, digest: str) -> ModelInfo:
    """What `MLmodel` says, as an object."""
    signature, example = about.get("signature"), about.get("saved_input_example_info")
    metadata = about.get("metadata")
    return ModelInfo(
        model_uri=uri,
        artifact_path=str(about.get("artifact_path") or ""),
        run_id=about.get("run_id"),
        format_id=format_id,
        digest=digest,
        model_uuid=str(about.get("model_uuid", "")),
        utc_time_created=str(about.get("utc_time_created", "")),
        flavors=dict(about["flavors"]),
        signature=None if signature is None else ModelSignature.from_dict(signature),
        saved_input_example_info=None if example is None else dict(example),
        metadata=None if metadata is None else dict(metadata),
    )


def folder_in(run: Run, path: str) -> Folder:
    """The model that a run keeps at this path. Raises UnknownArtifact where it keeps none, InvalidModel for one that is damaged."""
    prefix, where = f"{path}/" if path else "", f"runs:/{run.info.run_id}/{path}"
    sizes = {name.removeprefix(prefix): size for name, size in run.artifacts.items() if name.startswith(prefix)}
    if MANIFEST not in sizes:
        why = run.tags.get(f"{SKIPPED_TAG}model", "none was saved") if path == FOLDER else "none was saved there"
        raise UnknownArtifact(f"The run {run.info.run_name!r} ({run.info.run_id}) has no model at {path!r}: {why}.")
    said = run.read_artifact(f"{prefix}{MANIFEST}")
    manifest = read_manifest(said, where)
    files = verified(manifest, sizes, lambda name: run.read_artifact(f"{prefix}{name}"), where)
    return Folder(where, manifest, said, files, is_of_here(run))


def folder_kept(content: Callable[[str], bytes], digest: str, where: str, *, is_ours: bool) -> Folder:
    """The model whose contents go by their hashes, the manifest by the model's digest. Raises InvalidModel."""
    said = content(digest)
    manifest = read_manifest(said, where)
    sizes = {name: entry.size for name, entry in manifest.files.items()}
    files = verified(manifest, sizes, lambda name: content(manifest.files[name].sha256), where)
    return Folder(where, manifest, said, files, is_ours)


def folder_of(path: Path) -> Folder:
    """The model in a folder of the disk. Raises InvalidModel."""
    where = str(path)
    try:
        if not os.path.lexists(path / MANIFEST):
            raise InvalidModel(f"The folder {where} has no {MANIFEST}: it holds no model that runlake wrote.")
        sizes = dict(_regular_files(path, path))
        if sizes[MANIFEST] > MOST_BYTES:
            raise InvalidModel(f"The {MANIFEST} in {where} has {sizes[MANIFEST]:,} bytes, more than any model's.")
        said = _content(path / MANIFEST)
        manifest = read_manifest(said, where)
        files = verified(manifest, sizes, lambda name: _content(path / name), where)
    except OSError as error:
        raise InvalidModel(f"The model at {where} cannot be read: {error}.") from error
    return Folder(where, manifest, said, files, is_ours=False)


def is_of_here(run: Run) -> bool:
    """Whether a program of this user recorded the run, on this machine. What is said of that is not proved, only not a stranger's."""
    try:
        host = run.environment.get("host")
    except (StoreError, FileNotFoundError):  # which is no reason to refuse a model whose files are whole
        return False
    return run.info.user_id == platform.user_name() and host == platform.host_name()


def _regular_files(folder: Path, root: Path) -> Iterator[tuple[str, int]]:
    """The names and sizes of a folder's files. Raises InvalidModel for what leads elsewhere, or is none."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        name, found = Path(entry.path).relative_to(root).as_posix(), entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            yield from _regular_files(Path(entry.path), root)
        elif stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            yield name, found.st_size
        else:
            what = "a link" if entry.is_symlink() else "a file that has other names too" if stat.S_ISREG(found.st_mode) else "no file"
            raise InvalidModel(f"{name!r} in the model at {root} is {what}. A model is a folder of plain files; nothing of it was read.")


def _content(file: Path) -> bytes:
    """Read at once: what is verified is what is used."""
    fd = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(fd, "rb") as opened:
        return opened.read()
