"""Programs that train in a process of their own, for what this process can do no more: import the library for the first time."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence

__all__ = ["parted", "run_program"]

LIMIT_SECONDS = 120


def run_program(code: str, *, through: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with this process's path and settings, `through` another command where one is given."""
    whole = f"import sys\nsys.path[:] = {sys.path!r}\n{code}"
    return subprocess.run(
        [*through, sys.executable, "-c", whole],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def parted(program: str) -> tuple[str, str]:
    """The imports that a program begins with, and the rest."""
    body = ast.parse(program).body
    place = next((number for number, node in enumerate(body) if not isinstance(node, (ast.Import, ast.ImportFrom))), len(body))
    return "\n".join(map(ast.unparse, body[:place])), "\n".join(map(ast.unparse, body[place:]))
