"""The files that a run keeps: which there are, and the bytes of one, so that nothing in it acts in the page's name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runlake.read import Run, open_artifact
from runlake_ui.answers import Problem, problem
from runlake_ui.asks import TEXT, Asks
from runlake_ui.run.opened import about_run

__all__ = ["ASKS", "ROUTES", "TYPES", "checked_path", "ending", "raw_address", "type_of"]

PIECE = 256 << 10

TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "ico": "image/x-icon",
    "avif": "image/avif",
    "svg": "image/svg+xml",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "json": "application/json",
    **dict.fromkeys(("txt", "log", "md", "csv", "tsv", "yaml", "yml", "toml", "py", "diff", "patch"), "text/plain; charset=utf-8"),
}
UNKNOWN = "application/octet-stream"

# What such a page may do: show itself. It has no origin, reaches nothing, and is framed by our own page alone.
_ALONE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; style-src 'unsafe-inline' data:; "
    "img-src data: blob:; font-src data:; media-src data: blob:; worker-src blob:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
_STILL = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def artifacts(request: Request, run: Run) -> dict[str, Any]:
    """Their names and sizes."""
    return {"artifacts": [{"path": name, "size": size} for name, size in run.artifacts.items()]}


def checked_path(run: Run, path: str) -> str:
    """A path, if the run keeps a file there. Raises Problem."""
    if any(segment in ("", ".", "..") for segment in path.split("/")) or re.search(r"[\x00-\x1f\\]", path):
        raise Problem(422, f"{path[:200]!r} is no path of an artifact.")
    if path not in run.artifacts:
        raise Problem(404, f"The run {run.info.run_name!r} keeps nothing named {path[:200]!r}.")
    return path


def ending(path: str) -> str:
    """How the name of a file ends, in small letters; "" where it ends as no other does."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def type_of(path: str) -> str:
    """What a browser is told that it is."""
    return TYPES.get(ending(path), UNKNOWN)


def raw_address(run: Run, path: str) -> str:
    """Where its bytes are."""
    return f"/api/v1/raw/{quote(run.info.run_id)}/{quote(path)}"


def raw(request: Request, run: Run) -> Response:
    """The bytes of a file, or the part that is asked for."""
    path = checked_path(run, request.path_params["path"])
    file = open_artifact(run, path)
    size = file.seek(0, os.SEEK_END)
    headers = {"accept-ranges": "bytes", **_headers(path, is_download="download" in request.query_params)}
    part = _part(request.headers.get("range", ""), size)
    first, stop = part or (0, size)
    if part and first >= stop:
        file.close()
        refused = problem(416, f"The file has {size:,} bytes, none of which was asked for.")
        refused.headers["content-range"] = f"bytes */{size}"
        return refused
    headers["content-length"] = str(stop - first)
    if part:
        headers["content-range"] = f"bytes {first}-{stop - 1}/{size}"
    if request.method == "HEAD":
        file.close()
        return Response(None, 206 if part else 200, headers)
    file.seek(first)
    return StreamingResponse(_pieces(file, stop - first), 206 if part else 200, headers)


def _headers(path: str, *, is_download: bool) -> dict[str, str]:
    kind = type_of(path)
    is_active = kind.startswith(("text/html", "image/svg"))
    is_apart = is_download or kind == UNKNOWN
    name = path.rpartition("/")[2]
    return {
        "content-type": kind,
        "x-content-type-options": "nosniff",
        "content-security-policy": _ALONE if is_active else _STILL,
        "content-disposition": f"{'attachment' if is_apart else 'inline'}; filename*=UTF-8''{quote(name, safe='')}",
        "cache-control": "private, no-cache",
        "cross-origin-resource-policy": "same-origin",
    }


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """From which byte up to which; None where all is asked for."""
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, stop = max(0, size - int(found[2])), size
    else:
        first, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    is_backwards = bool(found[1] and found[2]) and int(found[2]) < int(found[1])
    return None if is_backwards else (first, stop)  # which is no range, and as if none had been asked for


def _pieces(file: BinaryIO, left: int) -> Iterator[bytes]:
    with file:
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


ASKS = {raw: Asks(query={"download": TEXT}, kind=UNKNOWN)}
ROUTES: Sequence[Route] = [
    Route("/runs/{run_id}/artifacts", about_run(artifacts), methods=["GET"]),
    Route("/raw/{run_id}/{path:path}", about_run(raw), methods=["GET"]),
]
