"""Python programs that use runlake, started as a user would start them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["OUR_FRAMES", "environment", "let_go_together", "run_program", "start_program"]

# A wrapper around a function has a frame of its own, and some libraries put whole stacks into their messages.
OUR_FRAMES = re.compile(r'  File "[^"]*/runlake/[^"]*", line .*\n(    .*\n)*')


def environment(store: Path, **settings: str) -> dict[str, str]:
    """What a program finds in its environment: this store and these settings, and none of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLAKE_")}
    return kept | {"RUNLAKE_STORE": str(store), "PYTHONUNBUFFERED": "1", "RUNLAKE_SILENT": "1", "RUNLAKE_ENVIRONMENT": "0"} | settings


def start_program(code: str, store: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Start a program; its input and outputs are pipes of text."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment(store, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def let_go_together(programs: Sequence[subprocess.Popen[str]]) -> None:
    """Wait until each has said that it is ready, then let them all go on at the same moment."""
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()


def run_program(code: str, store: Path, *arguments: str, timeout: Any = 60, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment(store, **settings),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
