"""Who may come in: those that ask for this server by a name of its own, with its token, and with no more than it takes.

A page of another site that a browser shows can have it ask any address, this machine's too; it cannot have it ask by this server's name.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runlake.serving.refusals import Refusal
from runlake.serving.settings import LOOPBACK

__all__ = ["CLOSE", "Door", "names_of", "too_large"]

OPEN = ("/ping", "/health")  # what whoever looks after the server asks
CLOSE = ((b"connection", b"close"),)
ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Door:
    """Stands before the whole application."""

    def __init__(self, app: ASGIApp, hosts: frozenset[bytes], token: str | None, max_body_bytes: int) -> None:
        self._app = app
        self._hosts = hosts
        self._bearer = None if token is None else f"Bearer {token}".encode()
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *ALWAYS]
            await send(message)

        try:
            self._check(scope)
        except Refusal as refusal:
            await _refuse(refusal, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        hosts, given, length = [], [], b"0"
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.lower())
            elif name == b"authorization":
                given.append(value)
            elif name == b"content-length":
                length = value
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise Refusal(
                "MISDIRECTED_REQUEST", "This server is not known by the name in the Host header. It is told of others by --allowed-host."
            )
        if self._bearer is not None and scope["path"] not in OPEN and not _is_right(given, self._bearer):
            raise Refusal("UNAUTHENTICATED", "Send the server's token: Authorization: Bearer <token>.", [(b"www-authenticate", b"Bearer")])
        if not length.isdigit() or int(length) > self._max_body_bytes:
            raise too_large(self._max_body_bytes)


def names_of(host: str, port: int, allowed: Iterable[str]) -> frozenset[bytes]:
    """What the Host header of a request may be: the names of this machine for itself, with the port; and others, with it or without."""
    own = [f"{_bracketed(name)}:{port}" for name in {*LOOPBACK, host}]
    return frozenset(name.lower().encode("latin-1", "replace") for name in [*own, *allowed, *(f"{name}:{port}" for name in allowed)])


def too_large(max_body_bytes: int) -> Refusal:
    """A body beyond the limit, which is not read to its end."""
    return Refusal("REQUEST_TOO_LARGE", f"The body has more than {max_body_bytes:,} bytes, which is most that this server takes.")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_right(given: list[bytes], bearer: bytes) -> bool:
    return len(given) == 1 and hmac.compare_digest(given[0], bearer)


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = refusal.body()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *refusal.headers]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
