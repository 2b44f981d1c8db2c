"""The thread that brings what was logged into the store: every half second, sooner when much waits, at once when asked.

Nothing is dropped in silence. When more than the cap waits, callers wait too. When the store takes nothing (the disk is
full, the folder is gone), it is tried again at growing intervals, what waits is bounded by dropping the oldest points, and
their number becomes an event of the run as soon as the store takes one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from runlake.config import Config
from runlake.entities import Event, Scope
from runlake.errors import StoreError
from runlake.guard import guarded, log
from runlake.recording.buffer import CAP_POINTS, EARLY_POINTS, Buffer, Chunk
from runlake.recording.clock import HybridClock
from runlake.store.layout import Layout
from runlake.store.writer import Writer

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Flusher"]

SYNC_SECONDS = 1.0  # what the loss of power may cost, with durability "power"
END_SYNC_SECONDS = 0.1  # the same for a run that ends: at once, but a loop of short runs shares its syncs
BEAT_SECONDS = 30.0
EXIT_SECONDS = 10.0
IMPORT_SECONDS = 60.0  # Arrow from a cold network disk
FORK_SECONDS = 5.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Flusher:
    """Empties one buffer into one writer. Starts with the first append of its process, stops at exit."""

    def __init__(self, config: Config, buffer: Buffer, clock: HybridClock, started: Callable[[], None]) -> None:
        self.config = config
        self.buffer = buffer
        self.clock = clock
        self._started = started
        self._make_state()

    def _make_state(self) -> None:
        self.writer = Writer(Layout(self.config.store))
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()
        self._cycling = threading.RLock()
        self._is_cycling = False
        self._exiting = False
        self._arrow_imported = threading.Event()
        self._wake = threading.Event()
        self._turn = threading.Condition()  # guards the four below
        self._asked = 0
        self._sync_asked = False
        self._answered = 0
        self._answer = True
        self._synced_at = self._wrote_at = 0.0
        self._failures = 0
        self._retry_at = 0.0
        self._reason = ""
        self._lost: Counter[str] = Counter()

    # What callers do

    def relieve(self) -> None:
        """A limit of the buffer was passed: start the thread, wake it, and above the cap make the caller wait."""
        if self._exiting:
            self._cycle(sync=True)
            return
        self._ensure_running()
        self.buffer.set_limit(CAP_POINTS)  # so that the next call comes only when there is something to wait for
        self._wake.set()
        while self.buffer.waiting() > CAP_POINTS and threading.current_thread() is not self._thread:
            self._ensure_running()
            self._wake.set()
            time.sleep(0.005)

    def add_event(self, event: Event) -> None:
        """Have the event written with the next flush."""
        self.buffer.events.append(event)
        if self._exiting:
            self._cycle(sync=True)
        else:
            self._ensure_running()

    def flush(self, timeout: float | None = None, *, sync: bool = True) -> bool:
        """Wait until all that was logged before is synced, and say whether it is; False too when `timeout` seconds did not do.

        With `sync=False` wait until it is written; the disk has it within `SYNC_SECONDS`, and mostly at once.
        """
        if threading.current_thread() is self._thread:  # in a finalizer of the user's that happens to run here
            return False
        if self._exiting:
            return self._cycle(sync=True)
        self._ensure_running()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._turn:
            self._asked += 1
            self._sync_asked = self._sync_asked or sync
            ticket = self._asked
            self._wake.set()
            while self._answered < ticket:
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                self._turn.wait(0.5 if deadline is None else max(0.0, min(0.5, deadline - time.monotonic())))
                if self._thread is not None and not self._thread.is_alive():  # strict mode lets an error end it
                    break
            else:
                return self._answer
        return self._cycle(sync=True)

    def wait_for_import(self) -> None:
        """Before a fork: a child that inherits a half-done import would wait for it for ever."""
        if self._thread is not None and self._thread.is_alive():
            self._arrow_imported.wait(FORK_SECONDS)

    def start_over(self) -> None:
        """In a forked child: nothing here is ours but the settings."""
        self.writer.abandon()
        self._make_state()

    def stop(self) -> None:
        """At exit: write what waits, say that nothing follows, and tell in one line what could not be written."""
        if self._thread is None:
            return
        self._exiting = True
        self._wake.set()
        self._arrow_imported.wait(IMPORT_SECONDS)
        self._thread.join(EXIT_SECONDS)
        self.buffer.set_limit(-1)  # whoever logs after this writes at once
        lost = self.buffer.waiting() + sum(self._lost.values()) + self.writer.queued_points
        if self._thread.is_alive():
            log.warning("%s did not take the last points within %.0f seconds; leaving without them.", self.config.store, EXIT_SECONDS)
        elif lost:
            log.warning("%s did not take %d points, which are lost: %s", self.config.store, lost, self._reason)

    def _ensure_running(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self.buffer.set_limit(EARLY_POINTS)
                self._thread = threading.Thread(target=self._run, name="runlake-flusher", daemon=True)
                self._thread.start()
                self._started()

    # What the thread does

    def _run(self) -> None:
        with guarded("importing Arrow"):
            _columns()
        self._arrow_imported.set()
        while not self._exiting:
            self._cycle(sync=False)
            self._wake.wait(self.config.flush_seconds)
            self._wake.clear()
        if self._cycle(sync=True):
            with guarded("closing the log"):
                self.writer.close()

    def _cycle(self, *, sync: bool) -> bool:
        """Write what waits, sync when asked or due, answer who asked. Whether the store took it all."""
        with self._cycling:
            if self._is_cycling:  # a finalizer that logs, run inside our own cycle: what it logged waits for the next
                return False
            self._is_cycling = True
            took = False
            with self._turn:
                asked, sync = self._asked, sync or self._sync_asked
                someone_waits = asked > self._answered
                self._sync_asked = False
            try:
                with guarded("writing to the store") as guard:
                    took = self._write(sync=sync, someone_waits=someone_waits)
                if guard.error is not None:
                    self._on_failure(guard.error)
            finally:
                self._is_cycling = False
                if not self._exiting:
                    self.buffer.set_limit(CAP_POINTS // 2 if self._failures else EARLY_POINTS)
                with self._turn:
                    self._answered, self._answer = asked, took
                    self._turn.notify_all()
            return took

    def _write(self, *, sync: bool, someone_waits: bool) -> bool:
        if self._failures and not sync and time.monotonic() < self._retry_at:
            self._bound_memory()
            return False
        try:
            self.writer.write()  # what the last try left
            self._write_events()
            for chunk in self.buffer.drain_points():
                self.writer.write()  # the chunk before, which is off the buffer by now
                self._add_chunk(chunk)
            self._write_events()  # what was bad in the chunks
            self._beat_or_sync(sync, someone_waits)
        except (OSError, StoreError) as error:
            self._on_failure(error)
            return False
        self._failures = 0
        return True

    def _write_events(self) -> None:
        for run_id, points in self._lost.items():
            self._report(run_id, "points_lost", f"{points} points were lost while the store could not be written: {self._reason}", points)
        self._lost.clear()
        waiting = self.buffer.events[:]
        if waiting:
            self.writer.add_events(_columns().encode_events(waiting), len(waiting))
            del self.buffer.events[: len(waiting)]
        self.writer.write()

    def _add_chunk(self, chunk: Chunk) -> None:
        try:
            payload, n_rows = _encoded(chunk)
        except (TypeError, ValueError, OverflowError):  # of a value that its own library cannot read
            chunk, bad = chunk.without_bad_values()
            for series, step, error in bad:
                self._report(series.run_id, series.key, f"the value of step {step} could not be read: {error!r}", 1)
            payload, n_rows = _encoded(chunk)
        if n_rows:
            self.writer.add_points(payload, n_rows)
            self._wrote_at = time.monotonic()

    def _beat_or_sync(self, sync: bool, someone_waits: bool) -> None:
        now = time.monotonic()
        if now - self._wrote_at > BEAT_SECONDS:
            self._wrote_at = now
            self.writer.add_beat()
        patience = END_SYNC_SECONDS if someone_waits else SYNC_SECONDS
        due = self.config.durability == "power" and now - self._synced_at > patience
        if sync or due or self.writer.wants_sync:
            self.writer.sync()
            self._synced_at = time.monotonic()
        else:
            self.writer.write()

    def _on_failure(self, error: BaseException) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._reason = str(error)
        if self._failures == 1:
            log.warning(
                "%s takes no points: %s. They wait in memory, up to %d, and are tried again.", self.config.store, error, CAP_POINTS // 2
            )
        self._bound_memory()

    def _bound_memory(self) -> None:
        self._lost.update(self.buffer.drop_oldest(CAP_POINTS // 2))

    def _report(self, run_id: str, key: str, text: str, count: int) -> None:
        self.buffer.events.append(Event.set(run_id, Scope.ERROR, key, text, self.clock.tick(), integer=count))


def _encoded(chunk: Chunk) -> tuple[bytes, int]:
    names, codes = chunk.names()
    return _columns().encode_points(names, codes, chunk.steps, chunk.times, chunk.values), len(codes)


def _columns() -> ModuleType:
    """Imported at the first use, which is the flusher's: Arrow takes 100 to 300 ms, and callers must not pay them."""
    from runlake.store import columns

    return columns
