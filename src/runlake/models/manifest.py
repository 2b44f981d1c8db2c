"""The list of a model's files with the hash and size of each: all of them are verified before a byte of one is looked into."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from runlake.entities.models import MANIFEST
from runlake.errors import InvalidModel
from runlake.recording.artifact_names import checked_name

__all__ = ["Entry", "Manifest", "digest_of", "listed", "read_manifest", "verified"]

VERSION = 1
MOST_BYTES = 64 << 20  # of a manifest itself

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORMAT = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


class Entry(NamedTuple):
    """What a file's bytes are."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The format that the model is in, its files, and the versions of the libraries that wrote them.

    `replaced` are names that an earlier model had left at the same place of a run.
    """

    format_id: str
    files: Mapping[str, Entry]
    replaced: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As it is kept. The hash of these bytes, the model's digest, stands for all of its files."""
        files = {name: entry._asdict() for name, entry in sorted(self.files.items())}
        more = {"replaced": sorted(self.replaced), "versions": dict(self.versions)}
        said = {"manifest": VERSION, "format": self.format_id, "files": files, **{name: value for name, value in more.items() if value}}
        return json.dumps(said, indent=1).encode()

    def hashes(self, digest: str) -> list[str]:
        """Those of every file, and of the manifest itself, which is the digest."""
        return [digest, *(entry.sha256 for entry in self.files.values())]


def listed(format_id: str, files: Mapping[str, bytes], replaced: Sequence[str] = (), versions: Mapping[str, str] | None = None) -> Manifest:
    """The manifest of these files."""
    entries = {name: Entry(digest_of(content), len(content)) for name, content in files.items()}
    return Manifest(format_id, entries, replaced, versions or {})


def digest_of(content: bytes) -> str:
    """The hash by which a content is told from any other."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(content: bytes, where: str) -> Manifest:
    """What the bytes say. Raises InvalidModel."""
    try:
        said = json.loads(content, object_pairs_hook=_distinct)
        if said["manifest"] != VERSION:
            raise InvalidModel(
                f"The model at {where} was written by a later runlake: its manifest is of version {said['manifest']!r}. Upgrade."
            )
        files = {str(checked_name(name)): _entry(about) for name, about in said["files"].items()}
        if files.keys() != said["files"].keys() or MANIFEST in files or not _FORMAT.fullmatch(said["format"]):
            raise ValueError("a name in it is none that a model has")
        versions = {str(name): str(version) for name, version in said.get("versions", {}).items()}
        return Manifest(said["format"], files, tuple(map(str, said.get("replaced", ()))), versions)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidModel(f"The {MANIFEST} of the model at {where} is damaged: {type(error).__name__}: {error}") from error


def verified(manifest: Manifest, sizes: Mapping[str, int], read: Callable[[str], bytes], where: str) -> dict[str, bytes]:
    """The contents of a model's files, once they are exactly those that the manifest lists. Raises InvalidModel."""
    there = sizes.keys() - {MANIFEST} - set(manifest.replaced)
    for what, names in (("lacks", manifest.files.keys() - there), ("has also", there - manifest.files.keys())):
        if names:
            raise InvalidModel(f"The model at {where} {what} {_named(names)}, unlike its {MANIFEST}. {_ADVICE}")
    contents = {}
    for name, entry in manifest.files.items():
        content = read(name) if sizes[name] == entry.size else None
        if content is None or len(content) != entry.size or digest_of(content) != entry.sha256:
            raise InvalidModel(f"The file {name!r} of the model at {where} is not the one that its {MANIFEST} lists. {_ADVICE}")
        contents[name] = content
    return contents


_ADVICE = "It was changed after it was kept, and nothing of it was loaded: get it again from where it was kept."


def _entry(about: Any) -> Entry:
    if not isinstance(about["sha256"], str) or not _SHA256.fullmatch(about["sha256"]) or type(about["size"]) is not int:
        raise ValueError("a file has no hash and size")
    return Entry(about["sha256"], about["size"])


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two readers of a key that is there twice each may believe another value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _named(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(map(repr, shown[:5])) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
