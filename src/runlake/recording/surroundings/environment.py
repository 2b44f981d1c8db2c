"""What a run ran on: the command, the interpreter and its packages, the machine. Made once for all runs of a process."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from runlake.config import Config, recorded_variables
from runlake.platform import user_name
from runlake.recording.surroundings.packages import imported_packages
from runlake.recording.turns import without_secret_words
from runlake.redaction import redacted, redacted_arguments

__all__ = ["environment_bytes"]

_made: dict[tuple[Config, int, int], bytes] = {}


def environment_bytes(settings: Config) -> bytes:
    """The record as it is by now; what was imported since is the only thing in it that changes."""
    key = settings, os.getpid(), len(sys.modules)
    if key not in _made:
        _made.clear()
        _made[key] = json.dumps(_described(settings), indent=1).encode("utf-8", "replace")
    return _made[key]


def _described(settings: Config) -> dict[str, Any]:
    system = platform.uname()
    command = list(sys.orig_argv)
    given = recorded_variables(settings)
    if settings.redact:
        command = redacted_arguments(without_secret_words(command))
        given = {name: value if name in settings.redact_allow else redacted(name, value) for name, value in given.items()}
    return {
        "command": command,
        "folder": os.getcwd(),
        "process": os.getpid(),
        "user": user_name(),
        "host": system.node,
        "system": f"{system.system} {system.release}",
        "machine": system.machine,
        "cpus": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "gpus": _gpus(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "packages": imported_packages(),
        "variables": given,
    }


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _gpus() -> list[str]:
    """What the driver names, where it says so in a file: to load a library for it would take longer than all the rest."""
    found = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = dict(line.partition(":")[::2] for line in file.read_text().splitlines())
        found.append(lines.get("Model", "").strip())
    return found
