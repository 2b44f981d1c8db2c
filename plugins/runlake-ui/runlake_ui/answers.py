"""What is answered: JSON, tables as JSON or Arrow, and problems as RFC 9457 has them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import pyarrow as pa
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["ARROW", "Problem", "body_of", "frame", "in_json", "plain", "problem"]

ARROW = "application/vnd.apache.arrow.stream"
PROBLEM = "application/problem+json"


class Problem(HTTPException):
    """What keeps a request from being answered: a sentence, and what to do."""

    def __init__(self, status: int, detail: str, hint: str | None = None, position: tuple[int, int] | None = None) -> None:
        super().__init__(status, detail)
        self.hint = hint
        self.position = position


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises Problem."""
    content = await request.body()
    try:
        found = json.loads(content or b"{}")
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Problem(422, f"The body is no JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise Problem(422, "The body is to be a JSON object.")
    return found


def plain(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(
        json.dumps(in_json(value), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"), status, media_type="application/json"
    )


def problem(status: int, detail: str, hint: str | None = None, position: tuple[int, int] | None = None) -> Response:
    """Why there is no answer."""
    said: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if hint is not None:
        said["hint"] = hint
    if position is not None:
        said["position"] = {"start": position[0], "stop": position[1]}
    return Response(json.dumps(said).encode(), status, media_type=PROBLEM)


def frame(request: Request, table: pa.Table, meta: Mapping[str, Any]) -> Response:
    """A table, in the form that was asked for."""
    if ARROW in request.headers.get("accept", ""):
        sink = pa.BufferOutputStream()
        named = table.replace_schema_metadata({"runlake": json.dumps(in_json(meta))})
        with pa.ipc.new_stream(sink, named.schema) as writer:
            writer.write_table(named)
        return Response(sink.getvalue().to_pybytes(), media_type=ARROW)
    columns = {name: column.to_pylist() for name, column in zip(table.column_names, table.columns, strict=True)}
    return plain({**meta, "n": table.num_rows, "columns": columns})


def in_json(value: Any) -> Any:
    """With words for the numbers that JSON has none for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): in_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_json(each) for each in value]
    return value
