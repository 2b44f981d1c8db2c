"""The hybrid clock of events: the wall clock's milliseconds, made to count on when they stand still or step back."""

from __future__ import annotations

import threading
import time

__all__ = ["HybridClock"]


class HybridClock:
    """Gives each event a time after every other one of this process."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.RLock()  # a finalizer may log while its own thread ticks

    def start_over(self) -> None:
        """In a forked child: the lock may be held by a thread that is not here."""
        self._lock = threading.RLock()

    def start_after(self, hlc: int) -> None:
        """Give later times than this one from now on: whoever resumes a run must outrank what was said before, whatever their clocks."""
        with self._lock:
            self._last = max(self._last, hlc)

    def tick(self) -> int:
        """A time later than the last: 48 bits of milliseconds, 16 bits of counting."""
        now = time.time_ns() // 1_000_000 << 16
        with self._lock:
            # No call from here on: Python may run a finalizer or a signal handler after one, and that may tick too.
            self._last = now if now > self._last else self._last + 1
            return self._last
