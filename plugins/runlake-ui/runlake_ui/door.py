"""Who may come in: those that ask for this server by a name of its own, from its own page or no page at all, with its token.

A page of another site that a browser shows can have it ask any address, this machine's too. It cannot have it ask by this server's
name, nor with the header that says that the page is this server's.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runlake_ui.answers import Problem
from runlake_ui.served import Served

__all__ = ["Door", "Keys"]

API = "/api/"
OPEN = ("/api/v1/health",)  # what whoever looks after the server asks
RAW = "/api/v1/raw/"  # which says itself under what policy it is shown
SAFE = ("GET", "HEAD")
READING = ("/api/v1/runs/query", "/api/v1/series", "/api/v1/markdown")  # that are asked by POST, as they take much
MOST_BODY_BYTES = 1 << 20
MONTH_SECONDS = 30 * 24 * 3600

POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self' 'unsafe-inline'",  # what charts are placed with
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": POLICY.encode(),
}


@dataclass(frozen=True)
class Keys:
    """By which names the server may be asked, and the token that must come along; None where none must."""

    hosts: frozenset[str]
    token: str | None
    port: int
    is_read_only: bool = False

    @property
    def cookie(self) -> str:
        """The name of the cookie: browsers share cookies among the ports of a host."""
        return f"runlake-{self.port}"


class _Refused(Exception):
    def __init__(self, status: int, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint


class Door:
    """Stands before the whole application, and puts on every answer what browsers must know."""

    def __init__(self, app: ASGIApp, keys: Keys, served: Served) -> None:
        self._app = app
        self._keys = keys
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._with_headers(scope["path"], message["headers"])
            await send(message)

        headers = _headers(scope)
        try:
            self._check_host(headers)
            if scope["path"].startswith(API):
                self._check_api(scope, headers)
            elif self._keys.token is not None and not self._has_token(scope, headers):
                await _show_way_in(scope, send_with_headers)
                return
            elif scope["path"] == "/" and _token_of(scope) is not None:
                await self._let_in(scope, send_with_headers)
                return
        except _Refused as refused:
            await _refuse(refused, send_with_headers)
            return
        await self._app(scope, self._measured(receive), send_with_headers)

    def _check_host(self, headers: dict[str, list[str]]) -> None:
        hosts = headers.get("host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._keys.hosts:
            asked = hosts[0] if hosts else "no name"
            raise _Refused(421, f"This server is not known as {asked[:100]!r}.", "Names that it may be asked by are given by --allow-host.")

    def _check_api(self, scope: Scope, headers: dict[str, list[str]]) -> None:
        if scope["path"] in OPEN:
            return
        self._check_site(headers)
        if self._keys.token is not None and not self._has_token(scope, headers):
            raise _Refused(401, "The token of this server did not come along.", "Open the link that the server printed.")
        method = scope["method"]
        if method in SAFE:
            return
        if self._keys.is_read_only and scope["path"] not in READING:
            raise _Refused(403, "This server changes nothing.", "It was started with --read-only.")
        if method != "DELETE" or headers.get("content-length", ["0"]) != ["0"]:
            kinds = [each.partition(";")[0].strip().lower() for each in headers.get("content-type", [])]
            if kinds != ["application/json"]:
                raise _Refused(415, "What is sent here is JSON.", "Send Content-Type: application/json.")
        length = headers.get("content-length", ["0"])[0]
        if not length.isdigit() or int(length) > MOST_BODY_BYTES:
            raise _too_large()

    def _check_site(self, headers: dict[str, list[str]]) -> None:
        """Only our own page, or a program that is no page, may ask."""
        sites = headers.get("sec-fetch-site")
        if sites is not None:
            if len(sites) != 1 or sites[0] not in ("same-origin", "none"):
                raise _Refused(403, "Another site asked for this.", "Ask from the page itself, or by a program that is no browser.")
            return
        for origin in headers.get("origin", []):
            if origin.partition("://")[2].lower() not in self._keys.hosts:
                raise _Refused(403, f"A page of {origin[:100]!r} asked for this.", "Ask from the page itself.")

    def _has_token(self, scope: Scope, headers: dict[str, list[str]]) -> bool:
        given = [each.removeprefix("Bearer ") for each in headers.get("authorization", []) if each.startswith("Bearer ")]
        given += [value for cookie in headers.get("cookie", []) for name, value in _cookies(cookie) if name == self._keys.cookie]
        if scope["path"] == "/" and (asked := _token_of(scope)) is not None:
            given.append(asked)
        return any(hmac.compare_digest(each.encode("utf-8", "replace"), str(self._keys.token).encode()) for each in given)

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """The token goes into a cookie, so that it stays in no address."""
        rest = {name: values for name, values in parse_qs(scope["query_string"].decode("latin-1")).items() if name != "t"}
        where = "/" + (f"?{urlencode(rest, doseq=True)}" if rest else "")
        headers = [(b"location", where.encode("ascii", "replace")), (b"content-length", b"0"), (b"cache-control", b"no-store")]
        if self._keys.token is not None:
            cookie = f"{self._keys.cookie}={self._keys.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={MONTH_SECONDS}"
            headers.append((b"set-cookie", cookie.encode()))
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _with_headers(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        said = list(headers)
        names = {name.lower() for name, _ in said}
        wanted = dict(_ALWAYS)
        if path.startswith(API):
            wanted |= {b"cache-control": b"no-store", b"x-snapshot": b"%d" % self._served.snapshot}
        return [*said, *((name, value) for name, value in wanted.items() if name not in names)]

    def _measured(self, receive: Receive) -> Receive:
        """What counts the bytes of a body that does not say how many it has."""
        n_bytes = 0

        async def received() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > MOST_BODY_BYTES:
                raise Problem(413, str(_too_large()))
            return message

        return received


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _cookies(header: str) -> list[tuple[str, str]]:
    return [(name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in header.split(";"))]


def _token_of(scope: Scope) -> str | None:
    """The token in the address."""
    found = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("t")
    return found[0] if found else None


def _too_large() -> _Refused:
    return _Refused(413, f"The body has more than {MOST_BODY_BYTES:,} bytes, which is most that is taken.", "Send less at once.")


async def _refuse(refused: _Refused, send: Send) -> None:
    said = {"type": "about:blank", "title": HTTPStatus(refused.status).phrase, "status": refused.status}
    body = json.dumps({**said, "detail": refused.detail, "hint": refused.hint}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _show_way_in(scope: Scope, send: Send) -> None:
    """A small page that says which link to use; nothing of the store is on it."""
    is_page = scope["path"] == "/" or "." not in scope["path"].rpartition("/")[2]
    body = _WAY_IN.encode() if is_page else b""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200 if is_page else 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


_WAY_IN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>runlake</title>
<link rel="icon" href="data:,">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}
code{font-family:ui-monospace,monospace}</style>
<h1>Open the printed link</h1>
<p>This page is for whoever started it. In the terminal where <code>runlake ui</code> runs there is a link that ends in
<code>/?t=…</code>: open that one. It is needed once in each browser.</p>
</html>
"""
