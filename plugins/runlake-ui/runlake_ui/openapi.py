"""What can be asked, for programs: made of the addresses, of the sentences that stand in what answers them, and of their ASKS."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import runlake
from runlake_ui.answers import ARROW, PROBLEM, plain
from runlake_ui.asks import MANY, Asks

__all__ = ["described", "route_of"]

PREFIX = "/api/v1"
REFUSALS = {
    401: "The token did not come along.",
    403: "It may not be asked from there, or the server changes nothing.",
    404: "It is not there.",
    409: "It is not possible as things stand.",
    413: "It is too much at once.",
    415: "It is not sent as JSON.",
    421: "The server is not known by this name.",
    422: "What is asked cannot be understood.",
}
_NOTHING = Asks()


def route_of(rooms: Iterable[ModuleType]) -> Route:
    """Where the description is."""
    said = described(rooms)

    def openapi(request: Request) -> Response:
        """This description."""
        return plain(said)

    return Route("/openapi.json", openapi)


def described(rooms: Iterable[ModuleType]) -> dict[str, Any]:
    """The description of all that these modules answer."""
    paths: dict[str, dict[str, Any]] = {}
    for room in rooms:
        asks = getattr(room, "ASKS", {})
        for route in room.ROUTES:
            told = inspect.unwrap(route.endpoint)
            for method in sorted(route.methods - {"HEAD"}):
                operation = _operation(route, told, asks.get(told, _NOTHING), method)
                paths.setdefault(PREFIX + re.sub(r":\w+}", "}", route.path), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "A store of runlake", "version": runlake.__version__},
        "components": {"schemas": {"Problem": _PROBLEM}, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": paths,
    }


def _operation(route: Route, told: Callable[..., Any], asks: Asks, method: str) -> dict[str, Any]:
    names = [match[1] for match in re.finditer(r"{(\w+)(?::\w+)?}", route.path)]
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names]
    query = [{"name": name, "in": "query", "schema": schema, **_exploded(schema)} for name, schema in asks.query.items()]
    refusal = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    content: dict[str, Any] = {asks.kind: {}} | ({ARROW: {}} if asks.is_frame else {})
    found: dict[str, Any] = {
        "summary": (inspect.getdoc(told) or told.__name__).partition("\n")[0],
        "operationId": f"{told.__module__.rpartition('.')[2]}.{told.__name__}",
        "parameters": [*path, *query],
        "responses": {
            "2XX": {"description": "It is so.", "content": content},
            **{str(status): {"description": text, "content": refusal} for status, text in REFUSALS.items()},
        },
    }
    if method in ("POST", "PUT", "PATCH"):
        properties = {name: schema if name in asks.required else _or_null(schema) for name, schema in (asks.body or {}).items()}
        body: dict[str, Any] = {"type": "object", "properties": properties, "required": list(asks.required)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def _exploded(schema: Any) -> dict[str, Any]:
    return {"style": "form", "explode": True} if schema is MANY else {}


def _or_null(schema: Any) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "position": {"type": "object", "properties": {"start": {"type": "integer"}, "stop": {"type": "integer"}}},
    },
}
