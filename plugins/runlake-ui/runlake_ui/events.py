"""What changes, told as it happens: one line after the other over an answer that does not end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from runlake.read import Changes
from runlake_ui.asks import Asks
from runlake_ui.served import Served, served_by

__all__ = ["ASKS", "ROUTES"]

SECONDS = 15.0  # of silence, after which a line says that we are there
MOST_RUNS = 200


async def events(request: Request) -> Response:
    """Server-sent events: `hello` once, then `changed` whenever something came into the store."""
    stream = _told(request, served_by(request))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"})


async def _told(request: Request, served: Served) -> AsyncIterator[bytes]:
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Changes | None]()

    def listener(changes: Changes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(queue.put_nowait, changes)

    await run_in_threadpool(lambda: served.opened)  # which is no news to one who comes now
    served.listen(listener)
    try:
        yield await _line("hello", served, {})
        spoken = time.monotonic()
        while not served.is_closed:
            try:
                told = await asyncio.wait_for(queue.get(), max(0.0, spoken + SECONDS - time.monotonic()))
            except TimeoutError:
                yield b": still here\n\n"
                spoken = time.monotonic()
                continue
            if told is None:
                return
            yield await _line("changed", served, {"runs": _runs(told)})
            spoken = time.monotonic()
    finally:
        served.forget(listener)


async def _line(event: str, served: Served, more: dict[str, Any]) -> bytes:
    def counted() -> tuple[int, int]:
        _ = served.opened
        return served.kept("counts", served.counts)

    n_runs, n_running = await run_in_threadpool(counted)
    said = {"snapshot": served.snapshot, "n_runs": n_runs, "n_running": n_running, **more}
    return f"event: {event}\nid: {served.snapshot}\ndata: {json.dumps(said)}\n\n".encode()


def _runs(changes: Changes) -> dict[str, Any]:
    run_ids = {*changes.points, *changes.said}
    if changes.is_all or len(run_ids) > MOST_RUNS:
        return {"many": True}
    return {run_id: {"keys": sorted(changes.points.get(run_id, ())), "state": run_id in changes.said} for run_id in sorted(run_ids)}


ASKS = {events: Asks(kind="text/event-stream")}
ROUTES = [Route("/events", events)]
