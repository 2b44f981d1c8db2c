"""Checks the numbered logs, of the experiments and of the registered models: every entry as it was written, and none missing."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from runlake.store.check.problems import Check, Grade, Problem
from runlake.store.checked_json import object_of
from runlake.store.log import Entry

__all__ = ["check_numbered"]

_NAME = re.compile(r"(\d{8})(?:-(\d{8}))?\.json")


def check_numbered(folder: Path) -> Check:
    """One log: its entries, and the files of many entries at once, by which it is read faster."""
    entries: dict[int, Entry] = {}
    together: dict[int, tuple[Path, list[Entry]]] = {}
    bad: set[int] = set()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (name := _NAME.fullmatch(path.name)) is None:
            continue
        first = int(name[1])
        try:
            found = object_of(path.read_bytes())
            if name[2] is None:
                entries[first] = found
            else:
                together[first] = path, list(found["entries"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if name[2] is None:
                bad.add(first)
                yield Problem(Grade.DAMAGED, path, str(error), getattr(error, "pos", None))
            else:  # it is not synced: as it is left by a machine that loses its power
                yield Problem(Grade.NOTE, path, f"it is not whole ({error}), and its entries are read one by one; it may be removed")
    yield from _different(entries, together)
    for first, (_, many) in together.items():
        entries |= {first + n: entry for n, entry in enumerate(many) if first + n not in entries}
    yield from _missing(folder, entries.keys() | bad)


def _different(entries: dict[int, Entry], together: dict[int, tuple[Path, list[Entry]]]) -> Check:
    """Files of many entries that say something else than these."""
    for first, (path, many) in together.items():
        for number, entry in enumerate(many, first):
            if entries.get(number, entry) != entry:
                yield Problem(Grade.DAMAGED, path, f"its entry {number} is not the one in {number:08d}.json")
                break


def _missing(folder: Path, there: set[int]) -> Check:
    """The first entry that is in no file, if later ones are."""
    with contextlib.suppress(StopIteration):
        number = next(number for number in range(max(there, default=-1)) if number not in there)
        yield Problem(Grade.MISSING, folder / f"{number:08d}.json", "this entry is not there, so later ones are not read")
