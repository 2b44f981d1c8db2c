"""A numbered log: entries made by create-if-absent, so that every change is decided against the state it was made for.

The state of a thing is the fold of its log. To change it: read to the end, check what must hold, put the next number; who
loses the race reads on and checks again. No lock and no server, and no change is ever lost or applied twice.

Each `TOGETHER` entries are in one more file, which is only for reading them faster.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runlake.errors import StoreError
from runlake.store.checked_json import checked_json, object_of
from runlake.store.layout import Layout
from runlake.store.put_new import make_folder, put_new

__all__ = ["Entry", "NumberedLog"]

Entry = dict[str, Any]

TOGETHER = 200

_TRIES = 200
_jitter = random.Random()  # ours: the user's generators stay untouched


class NumberedLog:
    """The entries of one folder, read as far as they go."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self._layout = layout
        self._folder = folder
        self.entries: list[Entry] = []

    def refresh(self) -> None:
        """Read the entries that came since."""
        while new := self._read_together() or self._read():
            self.entries += new

    def append(self, decide: Callable[[], Entry]) -> Entry:
        """Add the entry that `decide` makes of the state read so far; it is asked again after every lost race, and may raise."""
        for attempt in range(_TRIES):
            self.refresh()
            entry = decide()
            make_folder(self._folder, within=self._layout.root)
            data = checked_json(entry)
            if put_new(self._path(len(self.entries)), data, self._layout.temporary):
                self.entries.append(entry)
                self._put_together()
                return entry
            time.sleep(_jitter.uniform(0, 0.001) * min(attempt, 20))
        raise StoreError(f"{self._folder} changed {_TRIES} times while one entry was added. Try again when fewer processes write there.")

    def _read(self) -> list[Entry]:
        """The next entry, if there is one."""
        path = self._path(len(self.entries))
        try:
            return [object_of(path.read_bytes())]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path} is damaged ({error}). Put it back from a copy.") from error

    def _read_together(self) -> list[Entry]:
        """The next ones, where they are in one file; of one that is damaged they are read one by one."""
        if len(self.entries) % TOGETHER:
            return []
        try:
            found: list[Entry] = object_of(self._path_together(len(self.entries)).read_bytes())["entries"]
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, RecursionError):
            return []
        return found

    def _put_together(self) -> None:
        if len(self.entries) % TOGETHER == 0:
            data = checked_json({"entries": self.entries[-TOGETHER:]})
            with contextlib.suppress(OSError):  # the entry itself is there, and that is what counts
                put_new(self._path_together(len(self.entries) - TOGETHER), data, self._layout.temporary, durable=False)

    def _path_together(self, first: int) -> Path:
        return self._folder / f"{first:08d}-{first + TOGETHER - 1:08d}.json"

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.json"
