"""The verbs of the module `runlake`: each one acts on the active run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, SupportsIndex

from runlake.recording.active import active_run, end_run, open_run, run_or_raise
from runlake.recording.recorders import flush_all
from runlake.recording.runs import ActiveRun

__all__ = [
    "active_run",
    "end_run",
    "flush",
    "log_artifact",
    "log_batch",
    "log_metric",
    "log_metrics",
    "log_text",
    "start_run",
]


def start_run(*, run_name: str | None = None, nested: bool = False) -> ActiveRun:
    """Open a run; use it in a `with`, or end it with `end_run()`, or leave that to the end of the process."""
    return open_run(run_name, nested=nested)


def log_metric(key: str, value: Any, step: SupportsIndex | float | None = None, timestamp: int | None = None) -> None:
    """Record a point of the active run. Without a step it is the greatest step of this key so far + 1."""
    run_or_raise().log_metric(key, value, step, timestamp)


def log_metrics(metrics: Mapping[str, Any], step: SupportsIndex | float | None = None, timestamp: int | None = None) -> None:
    """Record a point of each metric, all of them or, if one is wrong, none."""
    run_or_raise().log_metrics(metrics, step, timestamp)


def log_batch(key: str, values: Any, steps: Any = None, timestamps: Any = None) -> None:
    """Record many points of one key: lists or arrays."""
    run_or_raise().log_batch(key, values, steps, timestamps)


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Keep a copy of a file or folder with the active run."""
    run_or_raise().log_artifact(local_path, artifact_path)


def log_text(text: str, artifact_file: str) -> None:
    """Keep a text with the active run."""
    run_or_raise().log_text(text, artifact_file)


def flush(timeout: float | None = None) -> bool:
    """Wait until all that was logged is on the disk, safe from the loss of power; whether it is."""
    return flush_all(timeout)
