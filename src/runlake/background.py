"""The processes that do jobs: how one is started to outlive this program, and how one is waited for.

Whoever has a run may want its jobs done, and none of them needs to know how that is done: it is another program.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runlake import config, platform

if TYPE_CHECKING:
    import subprocess

__all__ = ["command", "finish", "start"]

_started: list[subprocess.Popen[bytes]] = []  # asked whether they have ended, or they would stay zombies


def command(store: Path, *arguments: str) -> list[str]:
    """The command line of a process that does jobs of the store; the folder it is started in is not where it imports from."""
    return [sys.executable, "-P", "-m", "runlake.jobs", str(store), *arguments]


def start(store: Path, *arguments: str) -> subprocess.Popen[bytes] | None:
    """Start one that outlives this program; None where there is no Python to start it with."""
    if not _is_python():
        return None
    _started[:] = [process for process in _started if process.poll() is None]
    _started.append(platform.start_detached(command(store, *arguments), config.environment_of_jobs()))
    return _started[-1]


def finish(store: Path, run_id: str, timeout: float | None) -> None:
    """Have what the run has pending done, or see who does it to the end; for `timeout` seconds at most."""
    import subprocess

    if not _is_python():
        return
    silence = subprocess.DEVNULL
    with subprocess.Popen(
        command(store, "--finish", run_id), env=config.environment_of_jobs(), cwd=store, stdin=silence, stdout=silence, stderr=silence
    ) as process:
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.terminate()


def _is_python() -> bool:
    """Whether our executable is Python: of a frozen program it is the program, which would start itself over and over."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)
