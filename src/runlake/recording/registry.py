"""The verbs that change registered models, of the store in use or of the one that is named, and what may be given to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from runlake import config, platform
from runlake.entities.registered import ModelVersion, VersionNumber
from runlake.errors import InvalidValue, StoreError
from runlake.recording.recorders import flush_store
from runlake.recording.secrets import as_written
from runlake.recording.values import as_key, as_text
from runlake.store.layout import Layout, create, is_store
from runlake.store.packs import keep_together
from runlake.store.registry import By, Origin, Registry

__all__ = [
    "By",
    "Origin",
    "change_registry",
    "checked_alias",
    "checked_name",
    "checked_tags",
    "checked_text",
    "checked_version",
    "keep_contents",
    "register",
    "registry",
]

MAX_NAME_BYTES = 500
MAX_ALIAS = 255

T = TypeVar("T")

_ALIAS = re.compile(r"[\w-]+")
_TAKEN = re.compile(r"latest|v\d+", re.IGNORECASE)

_opened: dict[str, Registry] = {}


def registry(store: Path | None = None) -> Registry:
    """The registered models of a store; what was read of them before is not read again."""
    path = store or config.find_store()
    return _opened.get(str(path)) or _opened.setdefault(str(path), Registry(Layout(path)))


def change_registry(change: Callable[[Registry, By], T], reason: Any, store: Path | None) -> T:
    """Change it as this user, for this reason. The store is there from now on."""
    by = By(platform.user_name(), checked_text("reason", reason, store))
    return change(registry(_made(store).root), by)


def register(
    name: str, origin: Origin, tags: Mapping[str, Any] | None = None, description: Any = None, reason: Any = None, store: Path | None = None
) -> ModelVersion:
    """A new version of the model of this name, which is made where it is not there. Its files are on the disk before that."""
    name, texts, about = checked_name(name), checked_tags(tags, store), checked_text("description", description, store)
    if not flush_store(store):
        raise StoreError(f"The model at {origin.source} could not be written, so {name!r} got no version of it. What was logged waits.")
    return change_registry(lambda found, by: found.add_version(name, origin, about, texts, by, may_make=True), reason, store)


def keep_contents(contents: Sequence[bytes], store: Path | None) -> None:
    """Have the store hold these bytes, by their hashes."""
    keep_together(_made(store), contents)


def checked_name(name: Any) -> str:
    """A name that an address can hold. Raises InvalidValue."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidValue(f"The name of a registered model is a line of text, not {name!r:.80}.")
    if "/" in name or ":" in name or name != name.strip():
        raise InvalidValue(f"The name of a registered model holds no '/' and no ':', and no blank at its ends; {name!r:.80} does.")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise InvalidValue(f"The name of a registered model has at most {MAX_NAME_BYTES} bytes; {name[:40]!r}... has more.")
    return name


def checked_alias(alias: Any) -> str:
    """A word that no version and no stage is meant by. Raises InvalidValue."""
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias) or len(alias) > MAX_ALIAS:
        raise InvalidValue(f"An alias is of letters, digits, '_' and '-', at most {MAX_ALIAS} of them, not {alias!r:.80}.")
    if _TAKEN.fullmatch(alias):
        raise InvalidValue(f"{alias!r} is no alias: 'latest' and 'v1', 'v2', ... mean versions already. Choose another word.")
    return alias


def checked_version(version: Any) -> VersionNumber:
    """The number of a version, given as a number or as text. Raises InvalidValue."""
    is_number = isinstance(version, int) and not isinstance(version, bool)
    if is_number or (isinstance(version, str) and version.isascii() and version.isdigit() and len(version) < 18):
        return VersionNumber(version)
    raise InvalidValue(f"A version is a number, such as 3 or '3', not {version!r:.80}.")


def checked_tags(tags: Any, store: Path | None) -> dict[str, str]:
    """Tags as they are kept. Raises InvalidValue."""
    if not isinstance(tags, Mapping | None):
        raise InvalidValue(f"Tags are a dict, not {type(tags).__name__}.")
    return {as_key(key, "tag"): checked_text(key, as_text(key, value), store) for key, value in (tags or {}).items()}


def checked_text(what: str, text: Any, store: Path | None) -> str:
    """A text as it is kept: without secrets; half a surrogate pair, which no file can hold, is written out. None is an empty one."""
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InvalidValue(f"{what!r} is text, not {type(text).__name__}.")
    return as_written(what, as_text(what, text).encode("utf-8", "backslashreplace").decode(), config.load(store))


def _made(store: Path | None) -> Layout:
    path = store or config.find_store()
    return Layout(path) if is_store(path) else create(path)


platform.on_fork(in_child=_opened.clear)  # a thread that is not here may hold the lock of one
