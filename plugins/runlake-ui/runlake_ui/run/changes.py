"""What is done to a run from its page, and Markdown as it would look; each change is answered by what the run is then."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import runlake
from runlake.entities import RunTag
from runlake.read import GOAL_TAG, Run, models_in
from runlake_ui.answers import Problem, body_of, plain
from runlake_ui.asks import TEXT, Asks
from runlake_ui.bodies import text_in
from runlake_ui.rendering.markdown import markdown_html
from runlake_ui.run.captures import jobs_of
from runlake_ui.run.opened import changing, problems, refreshed, run_of
from runlake_ui.run.overview import NOTE, SYSTEM, overview

__all__ = ["ASKS", "ROUTES"]

JOBS_SECONDS = 300
MOST_TAGS = 1000


async def change(request: Request) -> Response:
    """Rename a run, describe it, or change its tags; a tag that is null is taken back."""
    body = await body_of(request)

    def done() -> Response:
        client, run = changing(request), run_of(request)
        name, notes, gone = _asked(body, run.tags)
        if notes:
            client.log_batch(run.info.run_id, tags=[RunTag(key, text) for key, text in notes.items()], synchronous=True)
        for key in gone:
            client.delete_tag(run.info.run_id, key)
        if name is not None:
            client.update_run(run.info.run_id, name=name)
        return _as_it_is(request, run)

    return await _in_thread(done)


def delete(request: Request) -> Response:
    """Put a run away."""
    with problems():
        client, run = changing(request), run_of(request)
        client.delete_run(run.info.run_id)
        return _as_it_is(request, run)


def restore(request: Request) -> Response:
    """Take a deleted run back."""
    with problems():
        client, run = changing(request), run_of(request)
        client.restore_run(run.info.run_id)
        return _as_it_is(request, run)


def jobs(request: Request) -> Response:
    """Do what is pending of a run, or wait for who does it."""
    with problems():
        changing(request)
        run = run_of(request)
        run.wait(JOBS_SECONDS)
        return plain({"jobs": jobs_of(refreshed(request, run.info.run_id))})


async def register(request: Request) -> Response:
    """Make a model that the run keeps a version of a registered model, which is made where it is not there."""
    body = await body_of(request)

    def done() -> Response:
        client, run = changing(request), run_of(request)
        path, name, reason = text_in(body, "path"), text_in(body, "name"), text_in(body, "reason") or None
        if not name:
            raise Problem(422, "Say under which name the model is to be registered.")
        kept = [model.info.artifact_path for model in models_in(run)]
        if path not in kept:
            there = f"it keeps {', '.join(map(repr, kept[:20]))}." if kept else "it keeps none."
            raise Problem(422, f"The run {run.info.run_name!r} keeps no model at {path[:200]!r}; {there}")
        made = _registered(client, name, f"runs:/{run.info.run_id}/{path}", run.info.run_id, reason)
        refreshed(request, run.info.run_id)
        return plain({"name": made.name, "version": int(made.version)}, 201)

    return await _in_thread(done)


def _registered(client: runlake.RunlakeClient, name: str, source: str, run_id: str, reason: str | None) -> Any:
    with contextlib.ExitStack() as undo:
        try:
            client.get_registered_model(name)
        except runlake.UnknownModel:
            client.create_registered_model(name, reason=reason)
            undo.callback(client.delete_registered_model, name)  # or one without versions would stay
        made = client.create_model_version(name, source, run_id, reason=reason)
        undo.pop_all()
    return made


async def markdown(request: Request) -> Response:
    """Markdown as it would look."""
    body = await body_of(request)
    text = text_in(body, "text")
    return await _in_thread(lambda: plain({"html": markdown_html(text)}))


async def _in_thread(done: Callable[[], Response]) -> Response:
    def guarded() -> Response:
        with problems():
            return done()

    return await run_in_threadpool(guarded)


def _as_it_is(request: Request, run: Run) -> Response:
    return plain(overview(request, refreshed(request, run.info.run_id)))


def _asked(body: Mapping[str, Any], there: Mapping[str, str]) -> tuple[str | None, dict[str, str], list[str]]:
    """The new name, the tags to be set, and those to be taken back. Raises Problem before anything is changed."""
    if unknown := [key for key in body if key not in ("name", "description", "tags")]:
        raise Problem(422, f"A run has no {unknown[0][:80]!r} that can be changed: only name, description and tags.")
    tags = {} if body.get("tags") is None else body["tags"]
    if not isinstance(tags, dict) or len(tags) > MOST_TAGS or not all(isinstance(text, (str, type(None))) for text in tags.values()):
        raise Problem(422, f"Tags are at most {MOST_TAGS:,} texts by their keys, or null for one that is taken back.")
    if kept := [key for key in tags if key.startswith(SYSTEM) and not key.startswith(GOAL_TAG)]:
        raise Problem(422, f"The tag {kept[0][:80]!r} is set by what is recorded, and not by hand.")
    said: dict[str, str | None] = dict(tags)
    if "description" in body:
        said[NOTE] = text_in(body, "description") or None
    name = None if body.get("name") is None else text_in(body, "name")
    if name is not None and not name.strip():
        raise Problem(422, "A run needs a name.")
    notes = {key: text for key, text in said.items() if text is not None}
    return name, notes, [key for key, text in said.items() if text is None and key in there]


_TAGS = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
ASKS = {
    change: Asks(body={"name": TEXT, "description": TEXT, "tags": _TAGS}),
    register: Asks(body={"path": TEXT, "name": TEXT, "reason": TEXT}, required=("path", "name")),
    markdown: Asks(body={"text": TEXT}, required=("text",)),
}
ROUTES: Sequence[Route] = [
    Route("/runs/{run_id}", change, methods=["PATCH"]),
    Route("/runs/{run_id}", delete, methods=["DELETE"]),
    Route("/runs/{run_id}/restore", restore, methods=["POST"]),
    Route("/runs/{run_id}/jobs", jobs, methods=["POST"]),
    Route("/runs/{run_id}/register", register, methods=["POST"]),
    Route("/markdown", markdown, methods=["POST"]),
]
