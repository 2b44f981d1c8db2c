"""Programs given to `runlake verify`, and what it says of them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from children import environment

__all__ = ["digest_elsewhere", "run_verify", "verdicts_of", "verified"]


def run_verify(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, in this folder; with a thread for each core, small data has them wait for each other most of the time."""
    command = [sys.executable, "-m", "runlake", "verify", *arguments]
    given = environment(folder / "lake", **{"OMP_NUM_THREADS": "1", **settings})
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=110, check=False)


def verified(folder: Path, program: str, *arguments: str, options: Sequence[str] = (), **settings: str) -> dict[str, Any]:
    """What machines are told of a program, with such options of the command."""
    (folder / "train.py").write_text(textwrap.dedent(program))
    done = run_verify(folder, "--json", *options, "train.py", *arguments, **settings)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["is_same"] else 1), done.stderr
    return found


def verdicts_of(found: dict[str, Any]) -> dict[str, str]:
    """What came of each comparison."""
    return {each["about"]: each["verdict"] for each in found["findings"]}


def digest_elsewhere(program: str, plugin: str) -> str:
    """The digest of the model that a program makes, in a process of its own."""
    code = f"{textwrap.dedent(program)}\nimport {plugin}\nprint({plugin}.model_digest(model))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
