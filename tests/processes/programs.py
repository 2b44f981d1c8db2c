"""Programs of many processes, started as a user starts them, and what the store has of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import runlake
from children import environment

__all__ = ["Recorded", "command_of", "launched", "recorded", "settings", "values"]

PATIENCE = 100


@dataclass(frozen=True)
class Recorded:
    """What a reader finds of one run."""

    status: str
    inside: str | None  # the name of its parent
    n_points: dict[str, int]
    n_writers: int


def settings(store: Path, **others: str) -> dict[str, str]:
    """The environment of a program whose processes share two cores; errors inside runlake end it."""
    return environment(store, OMP_NUM_THREADS="1", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1", **others)


def command_of(folder: Path, program: str, *arguments: str) -> list[str]:
    """How a program is started that other processes can import, which needs a file."""
    path = folder / "program.py"
    path.write_text(program)
    return [sys.executable, str(path), *arguments]


def launched(command: list[str], store: Path, folder: Path | None = None, **others: str) -> subprocess.CompletedProcess[str]:
    """Run it to its good end."""
    done = subprocess.run(command, env=settings(store, **others), cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def recorded(store: Path) -> dict[str, Recorded]:
    """Every run by its name, of several with one name the later ones numbered; nothing in the store is other than it should be."""
    opened = runlake.read.open_store(store)
    assert [finding.what for finding in opened.findings()] == []
    runs = opened.runs()
    names = {run.info.run_id: run.info.run_name for run in runs}
    seen: Counter[str] = Counter()
    found = {}
    for run in runs:
        assert run.errors == []
        name = run.info.run_name
        seen[name] += 1
        points = opened.points(run.info.run_id)
        parent = run.info.parent_run_id
        found[name if seen[name] == 1 else f"{name} {seen[name]}"] = Recorded(
            str(run.liveness),
            names.get(parent, parent) if parent else None,
            dict(Counter(points["key"].to_pylist())),
            len(set(points["writer"].to_pylist())),
        )
    return found


def values(store: Path, name: str, key: str) -> list[tuple[int, float]]:
    """The points of a key of the run of this name, all its writers' together, by step and value."""
    opened = runlake.read.open_store(store)
    (run_id,) = (run.info.run_id for run in opened.runs() if run.info.run_name == name)
    points = opened.points(run_id, key)
    return sorted(zip(points["step"].to_pylist(), points["value"].to_pylist(), strict=True))
