"""A terminal of some width, and what the command prints there."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from children import environment

__all__ = ["command", "on_terminal", "without_colours"]


def command(store: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake` as a user would, with pipes."""
    line = [sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(line, env=environment(store, **settings), capture_output=True, text=True, timeout=60, check=False)


def on_terminal(store: Path, width: int, *arguments: str, **settings: str) -> list[str]:
    """The lines that it prints on a terminal of this width."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    variables = environment(store, TERM="xterm-256color", COLUMNS=str(width), **settings)
    with subprocess.Popen([sys.executable, "-m", "runlake", *arguments], env=variables, stdout=its, stderr=its):
        os.close(its)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # as a terminal ends on Linux
            os.close(ours)
    return said.decode().splitlines()


def without_colours(line: str) -> str:
    """The letters alone."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
