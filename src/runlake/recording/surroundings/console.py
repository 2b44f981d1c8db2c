"""The end of what a program prints while a run is open: what goes through `sys.stdout` and `sys.stderr`, which are put back afterwards."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from typing import Any

__all__ = ["CONSOLE_FILE", "Console"]

CONSOLE_FILE = "console.txt"
MOST_CHARACTERS = 64 << 10


class Console:
    """Keeps the end of what is printed from now until `stop`."""

    def __init__(self) -> None:
        self._pieces: deque[str] = deque()
        self._held = self._dropped = 0
        self._lock = threading.Lock()
        self._streams = [(stream, listener) for stream in dict.fromkeys((sys.stdout, sys.stderr)) if (listener := self._listen_to(stream))]

    def stop(self) -> str:
        """What was printed, or its end, and which part is not there."""
        for stream, listener in self._streams:
            if vars(stream).get("write") is listener:  # else somebody listens on top of us, and we go on being called
                del stream.write
        self._streams.clear()
        before = f"[{self._dropped:,} characters before this were not kept]\n" if self._dropped else ""
        return before + "".join(self._pieces)

    def _listen_to(self, stream: Any) -> Any:
        if stream is None:
            return None
        write = stream.write

        def write_and_keep(text: str) -> Any:
            written = write(text)
            self._keep(str(text))
            return written

        with contextlib.suppress(AttributeError):  # a stream that takes no attribute is left as it is
            stream.write = write_and_keep
            return write_and_keep
        return None

    def _keep(self, text: str) -> None:
        with self._lock:
            self._pieces.append(text[-MOST_CHARACTERS:])
            self._dropped += max(0, len(text) - MOST_CHARACTERS)
            self._held += len(self._pieces[-1])
            while self._held > MOST_CHARACTERS:
                over = self._held - MOST_CHARACTERS
                first = self._pieces.popleft()
                if len(first) > over:
                    self._pieces.appendleft(first[over:])
                gone = min(over, len(first))
                self._held -= gone
                self._dropped += gone
