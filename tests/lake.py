"""A store as its readers find it, to be compared before and after something moved its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from rows import tuples
from runlake.read import Run, open_store
from runlake.store.tables import TABLES
from runlake.store.view import View

__all__ = ["Lake", "lake", "published", "sealed_of"]


class Lake(NamedTuple):
    """All rows, and all that is said of each run."""

    points: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    runs: dict[str, dict[str, Any]]


def lake(root: Path) -> Lake:
    """The store as somebody finds it who opens it now."""
    store = open_store(root)
    return Lake(tuples(store.points()), tuples(store._view.events()), {run.info.run_id: _said(run) for run in store.runs()})


def published(view: View, name: str) -> list[tuple[Any, ...]]:
    """The rows of an open table as this view has read them, in the order of the table's columns."""
    return sorted(tuples(view.tables[name].rows({}).select(TABLES[name].schema.names)), key=repr)


def sealed_of(root: Path) -> list[Path]:
    """The sealed files."""
    return sorted((root / "l0").glob("*/*/*.parquet"))


def _said(run: Run) -> dict[str, Any]:
    series = {key: (len(found), found.last, found.min, found.max, found.best_step) for key, found in run.metrics.items()}
    return {
        "info": run.info,
        "params": run.params,
        "tags": run.tags,
        "inputs": run.inputs,
        "artifacts": run.artifacts,
        "errors": run.errors,
        "metrics": series,
    }
