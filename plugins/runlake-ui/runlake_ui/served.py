"""What a server serves: one store, as of the last refresh, and a number that grows whenever there is something new."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request

import runlake
import runlake.read
from runlake.read import Changes, Query, Store, ViewType, Watch
from runlake_ui.answers import Problem

__all__ = ["Served", "served_by"]

T = TypeVar("T")
Listener = Callable[[Changes | None], None]  # None: there will be no more

OLD_SECONDS = 0.3  # after which a request has the store look again
LOOK_SECONDS = 0.5  # between looks while somebody listens
MOST_KEPT = 64  # answers as of this snapshot


class Served:
    """One store, shared by all requests. It may come into being later: until then there is nothing to read."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        self.path = path
        self.is_read_only = is_read_only
        self.snapshot = 1
        self._store: Store | None = None
        self._watch: Watch | None = None
        self._shelves: list[Any] = []
        self._lock = threading.RLock()
        self._looked = float("-inf")
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._held: dict[str, Any] = {}
        self._listeners: set[Listener] = set()
        self._watching: threading.Thread | None = None
        self._is_closed = threading.Event()

    @property
    def store(self) -> Store:
        """The store, hardly older than this moment. Raises Problem where there is none yet."""
        store = self.opened
        if store is None:
            raise Problem(404, f"Nothing is recorded in {self.path} yet.", "The first run makes the store.")
        return store

    @property
    def opened(self) -> Store | None:
        """The same; None where there is none yet."""
        if time.monotonic() - self._looked > OLD_SECONDS and self._lock.acquire(blocking=self._store is None):  # another looks already
            try:
                self.refresh()
            finally:
                self._lock.release()
        return self._store

    @cached_property
    def client(self) -> runlake.RunlakeClient:
        """What writes to the store."""
        return runlake.RunlakeClient(str(self.path))

    def refresh(self) -> None:
        """Look what is new, and tell those that listen."""
        with self._lock:
            changes = self._look()
            self._looked = time.monotonic()
            if changes is None:
                return
            self.snapshot += 1
            self._kept.clear()
            told = list(self._listeners)
        for listener in told:
            listener(changes)

    def touch(self) -> None:
        """Something changed that the runs do not tell of, such as a registered model."""
        self.refresh()
        with self._lock:
            self.snapshot += 1
            self._kept.clear()
            told = list(self._listeners)
        for listener in told:
            listener(Changes())

    def kept(self, name: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for this snapshot."""
        with self._lock:
            snapshot = self.snapshot
            if name in self._kept:
                self._kept.move_to_end(name)
                found: T = self._kept[name]
                return found
        made = make()
        with self._lock:
            if snapshot == self.snapshot:
                self._kept[name] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return made

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What is kept for as long as the server runs."""
        with self._lock:
            if name not in self._held:
                self._held[name] = make()
            found: T = self._held[name]
            return found

    def counts(self) -> tuple[int, int]:
        """How many runs there are, and how many of them are running."""
        store = self._store
        if store is None:
            return 0, 0
        n_runs, n_running = (store.search(Query(text, max_results=0)).total for text in ("", "status = 'RUNNING'"))
        return n_runs, n_running

    def listen(self, listener: Listener) -> None:
        """Have somebody told of what comes; while there is anybody, a thread looks for it."""
        with self._lock:
            self._listeners.add(listener)
            if self._watching is None:
                self._watching = threading.Thread(target=self._watch_on, name="runlake-ui-watch", daemon=True)
                self._watching.start()

    def forget(self, listener: Listener) -> None:
        """Tell it no more."""
        with self._lock:
            self._listeners.discard(listener)

    @property
    def is_closed(self) -> bool:
        """Whether the server is about to stop."""
        return self._is_closed.is_set()

    def close(self) -> None:
        """Have nobody wait for more."""
        self._is_closed.set()
        for listener in list(self._listeners):
            listener(None)

    def _watch_on(self) -> None:
        while not self._is_closed.wait(LOOK_SECONDS):
            with self._lock:
                if not self._listeners:
                    self._watching = None
                    return
            with contextlib.suppress(runlake.RunlakeError, OSError):  # whoever asks is told; it may be there again by then
                self.refresh()

    def _look(self) -> Changes | None:
        """What is new, or everything where the store itself is."""
        if self._store is None or self._watch is None:
            try:
                self._store = runlake.read.open_store(self.path)
            except runlake.StoreError:
                if self.path.exists() and any(self.path.iterdir()):
                    raise
                return None
            self._watch, self._shelves = self._store.watch(), self.client.search_experiments(view_type=ViewType.ALL)
            return Changes(is_all=True)
        changes, shelves = self._watch.changes(), self.client.search_experiments(view_type=ViewType.ALL)
        if shelves != self._shelves:
            self._shelves, changes = shelves, changes or Changes()
        return changes


def served_by(request: Request) -> Served:
    """What the server that was asked serves."""
    found: Served = request.app.state.served
    return found
