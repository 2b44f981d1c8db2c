"""What is at which address."""

from __future__ import annotations

import sys
import traceback

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp

import runlake
from runlake_ui import assets, events, experiments, export, facets, meta, openapi, query, schema, series, views
from runlake_ui.answers import Problem, problem
from runlake_ui.door import Door, Keys
from runlake_ui.run import artifacts, captures, changes, data, environment, explain, lineage, log, models, overview, preview
from runlake_ui.served import Served

__all__ = ["ROOMS", "app_of"]

# The modules that answer: each has ROUTES.
ROOMS = (
    *(meta, experiments, schema, query, facets, series, export, views, events),
    *(overview, changes, artifacts, preview, explain, data, models, environment, captures, lineage, log),
)


def app_of(served: Served, keys: Keys) -> ASGIApp:
    """The page and all that it asks, behind the door."""
    routes = [route for room in ROOMS for route in room.ROUTES]
    described = openapi.route_of(ROOMS)
    app = Starlette(
        routes=[Mount("/api/v1", routes=[*routes, described], name="api"), *assets.ROUTES],
        exception_handlers={HTTPException: _not_answered, runlake.RunlakeError: _not_done, Exception: _failed},
    )
    app.state.served = served
    app.state.keys = keys
    app.router.redirect_slashes = False
    return Door(app, keys, served)


async def _not_answered(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Problem):
        return problem(error.status_code, str(error.detail), error.hint, error.position)
    detail = {404: f"There is nothing at {request.url.path[:200]}.", 405: f"{request.method} is not answered at {request.url.path[:200]}."}
    answer = problem(error.status_code, detail.get(error.status_code, str(error.detail)))
    answer.headers.update(error.headers or {})
    return answer


async def _not_done(request: Request, error: Exception) -> Response:
    """What runlake refuses, in its words."""
    if isinstance(error, runlake.InvalidFilter):
        what, _, hint = error.what.partition("; ")
        position = None if error.start is None or error.stop is None else (error.start, error.stop)
        return problem(422, what if what.endswith(".") else f"{what}.", hint or None, position)
    if isinstance(error, runlake.InvalidValue):
        return problem(422, str(error))
    unknown = (runlake.UnknownRun, runlake.UnknownExperiment, runlake.UnknownArtifact, runlake.UnknownModel)
    return problem(404 if isinstance(error, unknown) else 409, str(error))


async def _failed(request: Request, error: Exception) -> Response:
    """What should not be: it is printed where the server was started."""
    print(f"runlake: {request.method} {request.url.path} failed:", file=sys.stderr)
    traceback.print_exception(error)
    return problem(500, f"This failed: {type(error).__name__}: {error}", "What led to it is printed where the server was started.")
