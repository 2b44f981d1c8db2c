"""How a benchmark is told: a table for people, and one line of JSON, the last, for machines."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["installed", "quantile", "report", "run_alone"]


def report(question: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, packages: Sequence[str] = ()) -> None:
    """Print the rows and the machine they were measured on."""
    table = Table(*columns, title=question, title_justify="left")
    for row in rows:
        table.add_row(*(f"{cell:,.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(highlight=False, width=150).print(table)
    facts = {
        "question": question,
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: importlib.metadata.version(name) for name in packages if installed(name)},
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    print(json.dumps(facts))


def run_alone(module: str, *arguments: str) -> Any:
    """What `python -m module arguments` prints as JSON: a process of its own, so that nobody's threads and caches help another."""
    finished = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if finished.returncode:
        sys.exit(f"{module} {' '.join(arguments)} failed:\n{finished.stderr}")
    return json.loads(finished.stdout.splitlines()[-1])


def installed(distribution: str) -> bool:
    """Whether a peer is there to be measured."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
