"""Named views: what a page shows, as files of the store that people can read, copy and keep."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runlake_ui.answers import Problem, body_of, plain
from runlake_ui.asks import TEXT, Asks
from runlake_ui.bodies import text_in
from runlake_ui.served import Served, served_by

__all__ = ["ASKS", "ROUTES"]

MOST_BYTES = 64 << 10
MOST_LETTERS = 200  # of a name

_SLUG = re.compile(r"[a-z0-9-]{1,64}")


def views(request: Request) -> Response:
    """The views that have a name."""
    found = sorted(_folder(served_by(request)).glob("*.json")) if _folder(served_by(request)).is_dir() else []
    return plain({"views": [view for path in found if (view := _read(path)) is not None]})


async def keep(request: Request) -> Response:
    """Keep a view under a name, in the place of another one of this slug."""
    body, served, slug = await body_of(request), served_by(request), _slug(request)
    name, state = text_in(body, "name"), body.get("state")
    if not name.strip() or len(name) > MOST_LETTERS:
        raise Problem(422, f"A view has a name, of at most {MOST_LETTERS} letters.")
    if not isinstance(state, dict):
        raise Problem(422, "'state' is an object: what the page shows.")
    content = json.dumps({"name": name, "state": state}, indent=1, ensure_ascii=False).encode()
    if len(content) > MOST_BYTES:
        raise Problem(413, f"A view has at most {MOST_BYTES:,} bytes; this one has {len(content):,}.")
    if served.opened is None:
        raise Problem(409, f"There is no store at {served.path} yet, and views are kept there.")
    await run_in_threadpool(lambda: _write(_folder(served), slug, content))
    return plain({"slug": slug, "name": name, "state": state})


def remove(request: Request) -> Response:
    """Forget a view."""
    path = _folder(served_by(request)) / f"{_slug(request)}.json"
    try:
        path.unlink()
    except FileNotFoundError:
        raise Problem(404, f"There is no view {path.stem!r}.") from None
    return plain({})


def _folder(served: Served) -> Path:
    return served.path / "views"


def _slug(request: Request) -> str:
    slug: str = request.path_params["slug"]
    if not _SLUG.fullmatch(slug):
        raise Problem(422, f"A view is called by up to 64 of a-z, 0-9 and -, not {slug[:80]!r}.")
    return slug


def _write(folder: Path, slug: str, content: bytes) -> None:
    """Whoever reads finds the old one or the new one, whole."""
    folder.mkdir(exist_ok=True)
    draft = folder / f".{slug}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        draft.write_bytes(content)
        draft.replace(folder / f"{slug}.json")
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> Mapping[str, Any] | None:
    """One view; None for a file that is none."""
    try:
        found = json.loads(path.read_bytes())
        if path.is_symlink() or not _SLUG.fullmatch(path.stem):
            return None
        return {"slug": path.stem, "name": str(found["name"]), "state": dict(found["state"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


ASKS = {keep: Asks(body={"name": TEXT, "state": {"type": "object"}}, required=("name", "state"))}
ROUTES = [
    Route("/views", views),
    Route("/views/{slug}", keep, methods=["PUT"]),
    Route("/views/{slug}", remove, methods=["DELETE"]),
]
