"""Where the model is asked: threads beside the one that talks with clients, so that this one answers whatever the model is at."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from runlake.guard import attempt

__all__ = ["Threads", "settle"]

T = TypeVar("T")

Work = Callable[[], None]


class Threads:
    """So many threads that do what they are given, one thing after the other. They do not keep the process from its end."""

    def __init__(self, n_threads: int) -> None:
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        for number in range(n_threads):
            threading.Thread(target=self._run, name=f"runlake-model-{number}", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work.get()()

    def do(self, work: Callable[[], T], then: Callable[[T | BaseException], None]) -> None:
        """Have it done; `then` is called by the event loop with what it gave or raised."""
        loop = asyncio.get_running_loop()

        def done() -> None:
            result = attempt(work)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped
                loop.call_soon_threadsafe(then, result)

        self._work.put(done)

    async def result(self, work: Callable[[], T]) -> T | BaseException:
        """What it gives or raises."""
        future: asyncio.Future[T | BaseException] = asyncio.get_running_loop().create_future()
        self.do(work, lambda result: settle(future, result))
        return await future


def settle(future: asyncio.Future[T], result: T) -> None:
    """Tell whoever waits, if it still does."""
    if not future.done():
        future.set_result(result)
