"""Finds the Python of a version that an environment asks for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runlake.errors import InvalidValue
from runlake.projects.processes import with_deadline
from runlake.recording.telling import say

__all__ = ["Python", "python_for"]

ANSWER_SECONDS = 10.0
_NAMED = re.compile(r"python(3\.\d+)")


@dataclass(frozen=True)
class Python:
    """An interpreter, and its version in full."""

    executable: str
    version: str


def python_for(wanted: str, environment: Mapping[str, str]) -> Python:
    """The Python that runs this, unless another version is wanted: then that on the PATH. Raises InvalidValue, which tells what is."""
    here = Python(sys.executable, ".".join(map(str, sys.version_info[:3])))
    version = ".".join(wanted.split(".")[:2])
    if not _agrees(here.version, version):
        found = _asked(f"python{version}", environment)
        if found is None or not _agrees(found.version, version):
            there = sorted({here.version, *(each.version for each in _others(environment))})
            raise InvalidValue(
                f"The project wants Python {wanted}, and there is no python{version} on the PATH; there is {', '.join(there)}. "
                "Install that one, or run the project with --env-manager local."
            )
        here = found
    if not _agrees(here.version, wanted):
        say(f"runlake: the project wants Python {wanted}, and gets {here.version}")
    return here


def _agrees(version: str, wanted: str) -> bool:
    parts = wanted.split(".") if wanted else []
    return version.split(".")[: len(parts)] == parts


def _others(environment: Mapping[str, str]) -> Iterator[Python]:
    names: set[str] = set()
    for folder in environment.get("PATH", "").split(os.pathsep):
        if Path(folder).is_dir():
            names.update(name for name in os.listdir(folder) if _NAMED.fullmatch(name))
    for name in sorted(names):
        if (found := _asked(name, environment)) is not None:
            yield found


def _asked(name: str, environment: Mapping[str, str]) -> Python | None:
    """What an interpreter of this name says of itself; it may be a name without one."""
    code = "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))"
    try:
        done = with_deadline([name, "-I", "-c", code], environment, None, ANSWER_SECONDS)
    except OSError:
        return None
    lines = done.output.splitlines()
    return Python(lines[0], lines[1]) if done.code == 0 and len(lines) == 2 else None
