"""Which distributions the imported modules come from, in milliseconds: nothing of their metadata is parsed."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["distributions_of", "imported_packages"]

_INFO = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*?)(?:-py[\d.]+)?\.(?:dist|egg)-info")


@dataclass(frozen=True)
class _Distribution:
    """What the name of its folder says."""

    folder: Path
    name: str
    version: str


def imported_packages() -> dict[str, str]:
    """The versions of what is imported by now, by the names that one installs it by."""
    return distributions_of({name.partition(".")[0] for name in list(sys.modules)} - sys.stdlib_module_names - {"__main__"})


def distributions_of(modules: Collection[str]) -> dict[str, str]:
    """The versions of what these modules came from, by the names that one installs it by."""
    unexplained = {_plain(module): module for module in modules}
    found: list[_Distribution] = []
    others: list[_Distribution] = []
    for distribution in _installed():
        is_named_so = unexplained.pop(_plain(distribution.name), None) is not None
        (found if is_named_so else others).append(distribution)
    left = set(unexplained.values())
    found += [distribution for distribution in others if left and not left.isdisjoint(_modules_of(distribution))]
    return {each.name.replace("_", "-"): each.version for each in sorted(found, key=lambda each: each.name.lower())}


@functools.cache  # a record may have ten thousand lines
def _modules_of(distribution: _Distribution) -> set[str]:
    """The modules at its top, from what its installer left."""
    named = _lines(distribution.folder / "top_level.txt")
    if named:
        return set(named)
    files = (line.partition(",")[0].split("/") for line in _lines(distribution.folder / "RECORD"))
    return {parts[0].partition(".")[0] for parts in files if len(parts) > 1 or parts[0].endswith((".py", ".so", ".pyd"))}


def _installed() -> Iterator[_Distribution]:
    """Of two of one name the first, as an import would find it."""
    seen: set[str] = set()
    for place in dict.fromkeys(sys.path):
        for name in _names_in(place or "."):
            match = _INFO.fullmatch(name)
            if match and _plain(match["name"]) not in seen:
                seen.add(_plain(match["name"]))
                yield _Distribution(Path(place or ".") / name, match["name"], match["version"])


def _names_in(folder: str) -> Collection[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # an archive, or nothing
        return ()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, ValueError):
        return []


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
