"""What the tests of imports share: the command, and what a store holds of the runs that came."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from children import environment
from runlake.cli.import_ import import_
from runlake.read import Run, open_store

__all__ = ["history", "import_runs", "imported", "runs_of"]


def imported(store: Path, kind: str, path: Path | str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "runlake", "import", kind, str(path), *arguments]
    return subprocess.run(command, env=environment(store, **settings), capture_output=True, text=True, timeout=100, check=False)


def import_runs(store: Path, kind: str, path: Path | str, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run the command in this process, and give its JSON; remarks are counts by what they say, with an exclamation mark if broken."""
    finished = CliRunner().invoke(import_, [kind, str(path), "--json", "--store", str(store), *arguments], catch_exceptions=False)
    assert (finished.exit_code, finished.stderr) == (code, "")
    said: dict[str, Any] = json.loads(finished.stdout)
    said["remarks"] = {f"{'!' if each['is_broken'] else ''}{each['what']}": each["count"] for each in said["remarks"]}
    return said


def runs_of(store: Path) -> dict[str, Run]:
    """All runs by their names."""
    return {run.info.run_name: run for run in open_store(store).runs()}


def history(run: Run, key: str) -> list[tuple[int, int, str]]:
    """Steps, times in milliseconds, and values as they are written, which makes any NaN equal to itself."""
    rows = run.metrics[key].to_arrow().to_pylist()
    return [(row["step"], row["wall_ns"] // 1_000_000, repr(row["value"])) for row in rows]
