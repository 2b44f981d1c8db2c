"""The thread that brings what was logged into the store: every half second, sooner when much waits, at once when asked.

Nothing is dropped in silence. When more than the cap waits, callers wait too. When the store takes nothing (the disk is
full, the folder is gone), it is tried again at growing intervals, what waits is bounded by dropping the oldest points, and
their number becomes an event of the run as soon as the store takes one.
"""

from __future__ import annotations

import contextlib
import functools
import math
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from runlake.config import Config
from runlake.entities import Event, Scope
from runlake.errors import StoreError
from runlake.guard import guarded, log
from runlake.recording.buffer import CAP_POINTS, EARLY_POINTS, Buffer, Chunk, Content, WaitingFile
from runlake.recording.clock import HybridClock
from runlake.recording.keeping import kept_together, made, not_kept
from runlake.recording.listeners import points_written, tell
from runlake.recording.publishing import publish_if_enough
from runlake.recording.sealer import Sealer
from runlake.recording.secrets import without_secrets
from runlake.recording.summaries import SeriesSummaries
from runlake.store.layout import Layout
from runlake.store.writer import Writer

__all__ = ["Flusher"]

SYNC_SECONDS = 1.0  # what the loss of power may cost, with durability "power"
END_SYNC_SECONDS = 0.1  # the same for a run that ends: at once, but a loop of short runs shares its syncs
BEAT_SECONDS = 30.0
MANY_BYTES = 64 << 20  # of files that wait: whoever adds one more waits for them
FRAME_CHARACTERS = 8 << 20
BYTES_TOGETHER = 4 << 20  # of files that go to the disk at once
EXIT_SECONDS = 10.0
FORK_SECONDS = 5.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
WARN_SECONDS = 300.0  # a disk that is full every other second is told of once in a while


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
        self._summaries = SeriesSummaries()
        self._sealer = Sealer(self.writer.layout, functools.partial(publish_if_enough, self.config))
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_threadless = False  # then callers write
        self._cycling = threading.RLock()
        self._in_arrow = threading.RLock()  # never while the disk is waited for
        self._is_cycling = False
        self._exiting = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()  # a finalizer may put into it amid a put; an Event would lock up
        self._leave_by = math.inf
        self._turn = threading.Condition()  # guards the four below
        self._asked = 0
        self._sync_asked = False
        self._answered = 0
        self._refused = 0  # the last ask that was answered with no
        self._synced_at = 0.0
        self._wrote_at = time.monotonic()
        self._failures = 0
        self._retry_at = self._warn_at = 0.0
        self._reason = ""
        self._lost: Counter[str] = Counter()
        self._lost_in_events = 0  # what events say that the store has not taken yet

    # What callers do

    def relieve(self) -> None:
        """A limit of the buffer was passed: start the thread, wake it, and above the cap make the caller wait."""
        if not self._is_running():
            self._write_here()
            return
        self.buffer.set_limit(CAP_POINTS)  # so that the next call comes only when there is something to wait for
        self._wake_up()
        while self.buffer.about_waiting() > CAP_POINTS and threading.current_thread() is not self._thread:
            self._is_running()
            self._wake_up()
            time.sleep(0.005)

    def add_event(self, event: Event) -> None:
        """Have the event written with the next flush."""
        self.buffer.events.append(event)
        if not self._is_running():
            self._write_here()

    def add_after_points(self, event: Event) -> None:
        """Have the event written with the next flush, after the points that were logged before it."""
        self.buffer.ends.append(event)
        if not self._is_running():
            self._write_here()

    def add_file(self, run_id: str, name: str, content: Content, n_bytes: int) -> None:
        """Have it kept under a name with the next flush: to bring a file to the disk takes as long as a small training."""
        self.buffer.files.append(WaitingFile(run_id, name, content, n_bytes, self.clock.tick()))
        if not self._is_running():
            self._write_here()
        elif sum(file.n_bytes for file in self.buffer.files[:]) > MANY_BYTES:
            self.flush(sync=False)

    def flush(self, timeout: float | None = None, *, sync: bool = True) -> bool:
        """Wait until all that was logged before is synced, and say whether it is; False too when `timeout` seconds did not do.

        With `sync=False` wait until it is written; the disk has it within `SYNC_SECONDS`, and mostly at once.
        """
        if threading.current_thread() is self._thread:  # in a finalizer of the user's that happens to run here
            return False
        if not self._is_running():
            return self._write_here()
        deadline = min(self._leave_by, time.monotonic() + timeout if timeout is not None else math.inf)
        with self._turn:
            self._asked += 1
            self._sync_asked = self._sync_asked or sync
            ticket = self._asked
            self._wake_up()
            while self._answered < ticket:
                if time.monotonic() >= deadline:
                    return False
                self._turn.wait(max(0.0, min(0.5, deadline - time.monotonic())))
                if self._is_threadless or (self._thread is not None and not self._thread.is_alive()):  # strict mode lets an error end it
                    break
            else:
                return ticket > self._refused
        return self._cycle(sync=True)

    def hold_still(self) -> None:
        """Before a fork: a child that inherits a half-done import, or a lock inside Arrow, would wait for it for ever."""
        self._in_arrow.acquire(timeout=FORK_SECONDS)
        self._sealer.busy.acquire(timeout=FORK_SECONDS)

    def go_on(self) -> None:
        """After the fork, in the parent."""
        for lock in (self._sealer.busy, self._in_arrow):
            with contextlib.suppress(RuntimeError):  # it was not to be had in time
                lock.release()

    def start_over(self) -> None:
        """In a forked child: nothing here is ours but the settings."""
        self.writer.abandon()
        exiting = self._exiting
        self._make_state()
        self._exiting = exiting  # forked by a handler that runs after ours: nobody would stop a thread

    def begin_exit(self) -> None:
        """From now on all waiting together ends in `EXIT_SECONDS`, however many runs are open: the disk may never answer."""
        if self._leave_by == math.inf:
            self._leave_by = time.monotonic() + EXIT_SECONDS

    def stop(self) -> None:
        """At exit: write what waits, say that nothing follows, and tell in one line what could not be written."""
        self._exiting = True
        if self._thread is None:
            if self._is_threadless:
                self._write_here()
            return
        self._wake_up()
        self.begin_exit()
        self._thread.join(max(0.0, self._leave_by - time.monotonic()))
        self._sealer.stop(self._leave_by)
        self.buffer.set_limit(-1)  # whoever logs after this writes at once
        if self._thread.is_alive():
            log.warning("%s did not take the last points within %.0f seconds; leaving without them.", self.config.store, EXIT_SECONDS)
            return
        if not self._failures and not self.buffer.is_empty():  # logged by another thread since ours looked last
            self._cycle(sync=True)
        if self._failures and (lost := self._count_lost()):
            log.warning("%s did not take %d points, which are lost: %s", self.config.store, lost, self._reason)

    def _write_here(self) -> bool:
        """Write in the caller's thread, unless ours is still waiting for a disk that does not answer."""
        if sys.is_finalizing():  # the last finalizers run where our thread was stopped for good, whatever it held
            return False
        if self._thread is not None and self._thread.is_alive():
            return False
        return self._cycle(sync=True)

    def _count_lost(self) -> int:
        return self.buffer.waiting() + sum(self._lost.values()) + self._lost_in_events + self.writer.queued_points

    def _wake_up(self) -> None:
        if self._wake.empty():
            self._wake.put(None)

    def _is_running(self) -> bool:
        """Whether the thread is there, started if need be; not at exit, and not where no thread can be started."""
        if self._exiting or self._is_threadless:
            return False
        if self._thread is not None and self._thread.is_alive():
            return True
        # Never waited for: a finalizer that logs may run amid the start, in this thread or already in the new one.
        if self._starting.acquire(blocking=False):
            try:
                if self._thread is None or not self._thread.is_alive():
                    self._start()
            finally:
                self._starting.release()
        return not self._is_threadless

    def _start(self) -> None:
        with self._in_arrow, guarded("importing Arrow"):
            _import_arrow()
        self.buffer.set_limit(EARLY_POINTS)
        self._thread = threading.Thread(target=self._run, name="runlake-flusher", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system gives no more threads
            self._thread = None
            self._is_threadless = True
            self.buffer.set_limit(-1)
            return
        self._started()

    # What the thread does

    def _run(self) -> None:
        while not self._exiting:
            self._cycle(sync=False)
            with contextlib.suppress(queue.Empty):
                self._wake.get(timeout=self.config.flush_seconds)
                while True:
                    self._wake.get_nowait()
        if self._cycle(sync=True):
            with guarded("closing the log"), contextlib.suppress(OSError, StoreError):  # every point is safe by then
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
                    with guarded("bounding what waits"):
                        self._on_failure(guard.error)
            finally:
                self._is_cycling = False
                if not self._exiting and not self._is_threadless:
                    self.buffer.set_limit(CAP_POINTS // 2 if self._failures else EARLY_POINTS)
                with self._turn:
                    self._answered = asked
                    self._refused = self._refused if took else asked
                    self._turn.notify_all()
            return took

    def _write(self, *, sync: bool, someone_waits: bool) -> bool:
        if self._failures and not sync and time.monotonic() < self._retry_at:
            self._bound_memory()
            return False
        try:
            self.writer.write()  # what the last try left
            ends = self.buffer.ends[:]  # looked at before the rest: a run that reads as ended is whole
            self._keep_files()
            self._write_events(self.buffer.events)
            for chunk in self.buffer.drain_points():
                self.writer.write()  # the chunk before, which is off the buffer by now
                if self.writer.wants_sync:  # or what a disk takes and never syncs would pile up in memory
                    self.writer.sync()
                self._add_chunk(chunk)
            self._write_events(self.buffer.events)  # what was bad in the chunks
            self._write_events(self.buffer.ends, len(ends))
            self._summaries.forget_soon(event.run_id for event in ends)
            self._write_summaries()
            self._beat_or_sync(sync, someone_waits)
        except (OSError, StoreError) as error:
            self._on_failure(error)
            return False
        self._failures = self._lost_in_events = 0
        while self.writer.full_parts:
            self._sealer.add(self.writer.full_parts.pop())
        return True

    def _keep_files(self) -> None:
        waiting = self.buffer.files[:]  # what comes meanwhile waits for the next time
        while waiting:
            together: list[tuple[WaitingFile, bytes]] = []
            n_taken = n_bytes = 0
            while n_taken < len(waiting) and n_bytes < BYTES_TOGETHER:
                file = waiting[n_taken]
                with self._in_arrow:
                    data = made(file.content)
                if isinstance(data, bytes):
                    together.append((file, data))
                else:
                    self.buffer.events.append(not_kept(file.run_id, file.name, data, file.hlc))
                n_taken, n_bytes = n_taken + 1, n_bytes + file.n_bytes
            self.buffer.events += kept_together(self.writer.layout, together)
            del waiting[:n_taken], self.buffer.files[:n_taken]

    def _write_events(self, events: list[Event], at_most: int | None = None) -> None:
        for run_id, points in self._lost.items():
            self._report(run_id, "points_lost", f"{points} points were lost while the store could not be written: {self._reason}", points)
        self._lost_in_events += sum(self._lost.values())
        self._lost.clear()
        waiting = events[:at_most]
        if self.config.redact:
            waiting = [without_secrets(event, self.config.redact_allow) for event in waiting]
        for some in _frames_of(waiting):
            with self._in_arrow:
                payload = _encoded_events(some)
            self.writer.add_events(payload, len(some))
            del events[: len(some)]
            self.writer.write()  # or as many as there are would wait in memory
        self.writer.write()

    def _write_summaries(self) -> None:
        if not self._summaries.is_due(leaving=self._exiting) or self.writer.is_removed:  # they alone do not bring a store back
            return
        rows = self._summaries.changed()
        with self._in_arrow:
            from runlake.store.columns import encode_summaries  # late, here and below: opening a store does without

            payload = encode_summaries(rows)
        self.writer.add_summaries(payload, len(rows))
        self._summaries.written()

    def _add_chunk(self, chunk: Chunk) -> None:
        try:
            self._add_points(chunk)
        except (TypeError, ValueError, OverflowError):  # of a value that its own library cannot read
            chunk, bad = chunk.without_bad_values()
            for series, step, error in bad:
                self._report(series.run_id, series.key, f"the value of step {step} could not be read: {error!r}", 1)
            self._add_points(chunk)

    def _add_points(self, chunk: Chunk) -> None:
        names, codes = chunk.names()
        if not names:
            return
        with self._in_arrow:
            from runlake.store.columns import encode_points, point_columns

            columns = point_columns(codes, chunk.steps, chunk.times, chunk.values)
            payload = encode_points(names, *columns)
        self._summaries.add(names, *columns, since=self.writer.points)
        self.writer.add_points(payload, len(codes))
        self._wrote_at = time.monotonic()
        if points_written:
            self._tell_of(payload)

    def _tell_of(self, payload: bytes) -> None:
        from runlake.store.columns import decode, rows_by_run

        for run_id, rows in rows_by_run(decode(payload)):
            tell(points_written, run_id, rows)

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
        if self._failures == 1 and time.monotonic() >= self._warn_at:
            self._warn_at = time.monotonic() + WARN_SECONDS
            log.warning(
                "%s takes no points: %s. They wait in memory, up to %d, and are tried again.", self.config.store, error, CAP_POINTS // 2
            )
        self._bound_memory()

    def _bound_memory(self) -> None:
        self._lost.update(self.buffer.drop_oldest(CAP_POINTS // 2))

    def _report(self, run_id: str, key: str, text: str, count: int) -> None:
        self.buffer.events.append(Event.set(run_id, Scope.ERROR, key, text, self.clock.tick(), integer=count))


def _frames_of(events: list[Event]) -> Iterator[list[Event]]:
    """The events, as many at a time as a frame may hold: each may have a text of a megabyte."""
    start = held = 0
    for place, event in enumerate(events):
        held += len(event.text or "")
        if held > FRAME_CHARACTERS:
            yield events[start : place + 1]
            start, held = place + 1, 0
    if start < len(events):
        yield events[start:]


def _encoded_events(events: list[Event]) -> bytes:
    from runlake.store.columns import encode_events

    try:
        return encode_events(events)
    except UnicodeEncodeError:  # half a surrogate pair, as in the name of a file that is not UTF-8: one must not hold up the others
        return encode_events([Event(*map(_storable, event)) for event in events])


def _storable(field: Any) -> Any:
    return field.encode(errors="backslashreplace").decode() if isinstance(field, str) else field


def _import_arrow() -> None:
    """In the thread of whoever logs first, though it takes 50 ms and more: in another one, libraries that look for it in `sys.modules`
    would find half of it.
    """
    import runlake.store.columns  # noqa: F401 - what is wanted is that it is there
