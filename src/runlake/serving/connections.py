"""Connections of HTTP on which requests come in time and heads have an end; what is slower, or longer, is told so and closed."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from runlake.serving.refusals import STATUS_OF_CODES, Refusal

__all__ = ["Connection", "connection_of"]

MOST_HEAD_BYTES = 64 << 10  # of the first line and the headers
GRACE_SECONDS = 0.5  # the application, where it waits for the body, speaks first


class Connection(HttpToolsProtocol):
    """One connection. The time runs from its beginning, or from the end of the last answer's idle time, until a request is whole."""

    seconds = 60.0

    _late: asyncio.TimerHandle | None = None
    _is_in_head = False
    _n_head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there; nothing was sent."""
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn narrows it
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of one or more requests."""
        if self.transport.is_closing():
            return
        if self._late is None:
            self._wait()
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._n_head_bytes += len(data)
            if self._n_head_bytes > MOST_HEAD_BYTES:
                self._refuse(Refusal("BAD_REQUEST", f"The head of the request has more than {MOST_HEAD_BYTES:,} bytes."))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head, self._n_head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Its body begins."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It is whole."""
        self._wait_no_more()
        super().on_message_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.seconds + GRACE_SECONDS, self._is_late)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _is_late(self) -> None:
        if self.cycle is None or (self._is_in_head and self.cycle.response_complete):
            self._refuse(Refusal("REQUEST_TIMEOUT", "The request did not come in time."))
        else:
            self.transport.close()  # the rest of a body that is wanted no more

    def _refuse(self, refusal: Refusal) -> None:
        body = refusal.body()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[STATUS_OF_CODES[refusal.code]] + head + body)
        self.transport.close()


def connection_of(seconds: float) -> Any:
    """The class of connections on which requests have so long to come."""
    return type("Connection", (Connection,), {"seconds": seconds})
