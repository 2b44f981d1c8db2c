"""What is at which address: health, version, the description, and the model."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import runlake
from runlake.errors import InvalidValue
from runlake.guard import attempt, log
from runlake.serving.answers import answer_body
from runlake.serving.asking import Asking
from runlake.serving.bodies import Reading
from runlake.serving.content import Form, form_of
from runlake.serving.description import described
from runlake.serving.door import CLOSE, Door, too_large
from runlake.serving.refusals import Refusal, bad_request

__all__ = ["Limits", "app_of"]

T = TypeVar("T")

JSON_TYPE = (b"content-type", b"application/json")
NO_HEADERS: tuple[tuple[bytes, bytes], ...] = ()
LARGE = 1 << 18  # bytes of a body that is read beside the thread that talks with clients
MOST_AT_ONCE = 8  # times the bytes that one body may have


@dataclass(frozen=True)
class Limits:
    """How much may come, and how long it may take."""

    max_body_bytes: int
    seconds: float


@dataclass
class Held:
    """What one request takes of the memory."""

    n_bytes: int = 0


def app_of(model: Any, limits: Limits, hosts: frozenset[bytes], token: str | None) -> ASGIApp:
    """The application that serves a model to those that ask it by one of these names, with the token if there is one."""
    description = described(model, limits)
    routes = [
        Route("/ping", _healthy),
        Route("/health", _healthy),
        Route("/version", _version),
        Route("/openapi.json", lambda request: JSONResponse(description)),
        Route("/invocations", Invocations(model, limits), methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
    app.router.redirect_slashes = False
    return Door(app, hosts, token, limits.max_body_bytes)


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("\n")


async def _version(request: Request) -> Response:
    return PlainTextResponse(runlake.__version__)


async def _refused(request: Request, error: Exception) -> Response:
    """What starlette refuses: addresses and methods."""
    assert isinstance(error, HTTPException)
    is_method = error.status_code == 405
    refusal = (
        Refusal("METHOD_NOT_ALLOWED", "This address is not asked so.")
        if is_method
        else Refusal("NOT_FOUND", "There is nothing at this address. Models are asked at /invocations.")
    )
    return Response(refusal.body(), refusal.status, error.headers, "application/json")


class Invocations:
    """`POST /invocations`: data in, what the model says out."""

    def __init__(self, model: Any, limits: Limits) -> None:
        self._reading = Reading(model.metadata.signature, limits.max_body_bytes)
        self._asking = Asking(model)
        self._limits = limits
        self._n_bytes = 0  # of all bodies that are being read or asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        held = Held()
        status, headers = 200, NO_HEADERS
        try:
            body = await self._answered(scope, receive, held)
        except Refusal as refusal:
            body, status, headers = refusal.body(), refusal.status, refusal.headers
        except ClientDisconnect:
            return
        finally:
            self._n_bytes -= held.n_bytes
        length = (b"content-length", b"%d" % len(body))
        start = {"type": "http.response.start", "status": status, "headers": [JSON_TYPE, length, *headers]}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _answered(self, scope: Scope, receive: Receive, held: Held) -> bytes:
        form = form_of(next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), None))
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await self._read(receive, held)
        except TimeoutError:
            raise Refusal("REQUEST_TIMEOUT", "The body did not come in time.", CLOSE) from None
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._said(body, form)
        except TimeoutError:
            raise Refusal("DEADLINE_EXCEEDED", f"The model did not answer within {self._limits.seconds:g} seconds.") from None

    async def _read(self, receive: Receive, held: Held) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part: bytes = message.get("body", b"")
            held.n_bytes += len(part)
            self._n_bytes += len(part)
            if held.n_bytes > self._limits.max_body_bytes:
                raise too_large(self._limits.max_body_bytes)
            if self._n_bytes > MOST_AT_ONCE * self._limits.max_body_bytes:
                raise Refusal("TEMPORARILY_UNAVAILABLE", "Too many large requests are under way. Ask again later.")
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _said(self, body: bytes, form: Form) -> bytes:
        is_large = len(body) > LARGE

        async def done(work: Callable[[], T]) -> T:
            return unfailed(await self._asking.beside(work) if is_large else attempt(work))

        asked = await done(lambda: self._reading.asked(body, form))
        answer = unfailed(await self._asking.ask(asked.data, asked.params))
        return await done(lambda: answer_body(answer, asked.is_bare))


def unfailed(given: T | BaseException) -> T:
    """What was given, unless it is an error: of the request, which is told what is wrong with it; or another, which the log alone tells."""
    if isinstance(given, (Refusal, asyncio.CancelledError)):
        raise given
    if isinstance(given, InvalidValue):
        raise bad_request(str(given))
    if isinstance(given, BaseException):
        number = uuid.uuid4().hex
        log.error("The model failed at a request (%s).", number, exc_info=given)
        raise Refusal("INTERNAL_ERROR", f"The model failed at this request. The log of the server says why, under {number}.")
    return given
