"""Seals the full parts of this process's log in a thread of its own: it takes a second or two, which flushing must not wait for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from runlake.errors import StoreError
from runlake.guard import guarded
from runlake.store.layout import Layout

__all__ = ["Sealer"]

WORTH_SEALING = 8 << 20  # a smaller part is published as it is


class Sealer:
    """One thread, there while there is a part to seal."""

    def __init__(self, layout: Layout, sealed: Callable[[], None]) -> None:
        self.busy = threading.RLock()  # held by a fork, which must not come amid Arrow's work
        self._layout = layout
        self._sealed = sealed
        self._parts: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, part: Path) -> None:
        """Seal a part that nobody writes to any more."""
        with contextlib.suppress(OSError):
            if part.stat().st_size >= WORTH_SEALING:
                self._parts.put(part)
        if not self._parts.empty() and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name="runlake-sealer", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system gives no more threads: the part is published as it is
                self._thread = None

    def stop(self, deadline: float) -> None:
        """Wait for the part that is being sealed; the others stay as they are."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._parts.get_nowait()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                part = self._parts.get_nowait()
                with self.busy, guarded("sealing a part of the log"), contextlib.suppress(OSError, StoreError):  # it stays as it is
                    from runlake.store.sealed import seal  # late: it imports Arrow's Parquet

                    seal(self._layout, part)
                self._sealed()
