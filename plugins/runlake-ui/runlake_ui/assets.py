"""The built page: one document at every address of the page, and files whose names change when they do."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib import resources
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from runlake_ui.answers import Problem

__all__ = ["ROUTES"]

YEAR = "public, max-age=31536000, immutable"
PACKED = (".html", ".js", ".css", ".svg", ".json", ".map", ".txt")  # the others are packed already
LEAST_BYTES = 512


def page(request: Request) -> Response:
    """A file of the page; the page itself at any address that names none."""
    folder, path = _folder(), request.path_params["path"]
    if path.startswith("api/"):
        raise Problem(404, f"There is nothing at /{path[:200]}.")
    if "." not in path.rpartition("/")[2]:
        return _document(request, folder)
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise Problem(404, f"There is no file /{path[:200]}.")
    return _sent(request, file, YEAR if "-" in file.stem and file.name != "index.html" else "no-cache")


def _document(request: Request, folder: Path) -> Response:
    file = folder / "index.html"
    if not file.is_file():
        return HTMLResponse(_NOT_BUILT, headers={"cache-control": "no-store"})
    return _sent(request, file, "no-cache")


def _sent(request: Request, file: Path, keeping: str) -> Response:
    changed = file.stat().st_mtime_ns
    content, tag = _content(file, changed)
    headers = {"cache-control": keeping, "etag": tag, "vary": "accept-encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.suffix in PACKED and len(content) >= LEAST_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        content = _packed(file, changed)
        headers["content-encoding"] = "gzip"
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Response(content, headers=headers, media_type="text/javascript" if file.suffix == ".js" else kind)


@cache
def _content(file: Path, changed: int) -> tuple[bytes, str]:
    content = file.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:20]}"'


@cache
def _packed(file: Path, changed: int) -> bytes:
    return gzip.compress(_content(file, changed)[0], 9, mtime=0)


def _folder() -> Path:
    return Path(str(resources.files("runlake_ui"))) / "assets"


ROUTES = [Route("/{path:path}", page)]

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>runlake</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>The page is not built</h1>
<p>This runlake-ui is a checkout whose page was never built. Build it there with <code>make page</code>, which needs Node, and load this
again. What the page asks is answered meanwhile: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a> lists it.</p>
</html>
"""
