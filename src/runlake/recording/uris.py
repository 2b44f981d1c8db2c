"""What people pass as a tracking URI, as the folder of a store."""

from __future__ import annotations

import json
from pathlib import Path

from runlake.errors import InvalidValue, StoreError
from runlake.guard import log

__all__ = ["store_of"]

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ANSWER_SECONDS = 3.0


def store_of(uri: str | Path) -> Path:
    """The folder that a URI means: a path, `file:`, `sqlite:///x.db` (the folder `x.lake`), or a `runlake ui` on this machine."""
    text = str(uri)
    import urllib.parse  # late, here and below: most programs name a path, and this takes longer than all of theirs

    parts = urllib.parse.urlsplit(text)
    if not text:
        raise InvalidValue("A tracking URI is the path of a store, not ''.")
    if parts.scheme == "" or (len(parts.scheme) == 1 and parts.scheme.isalpha()):  # C:\runs
        return Path(text).expanduser()
    if parts.scheme == "file":
        import urllib.request

        return Path(urllib.request.url2pathname(parts.path or text.removeprefix("file:")))
    if parts.scheme == "sqlite":
        database = Path(text.removeprefix("sqlite:///"))
        folder = database.with_suffix(".lake")
        log.warning("%s means the store %s: runlake keeps runs in Parquet, not in SQLite.", text, folder)
        return folder
    if parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK:
        return _store_behind(text)
    raise InvalidValue(
        f"{text!r} is no store that runlake writes to. Give a path, file:..., or the http address of a `runlake ui` on this machine."
    )


def _store_behind(address: str) -> Path:
    """The folder that the page at this address shows: it is used directly, since it is on this machine."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/store", timeout=_ANSWER_SECONDS) as answer:
            folder = json.loads(answer.read(65_536))["path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", error)
        raise StoreError(
            f"No runlake page answers at {address}: {reason}. Start it with `runlake ui`, or name the store's folder."
        ) from error
    return Path(str(folder))
