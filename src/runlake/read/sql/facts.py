"""What the views stand on beside rows, as lists in SQL: the experiments, and which way a metric is better, by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from runlake.entities import Experiment
from runlake.read.direction import direction
from runlake.read.sql.names import Named
from runlake.read.sql.shown import EXPERIMENTS

__all__ = ["experiments", "goals", "quoted"]


def experiments(shelves: Sequence[Experiment]) -> Named:
    """The view of these experiments. There is always one, be it the one that is as old as the store."""
    query = """
SELECT
    experiment_id, name, lifecycle_stage, make_timestamptz(created_ms * 1000) AS creation_time, CAST(tags AS MAP(VARCHAR, VARCHAR)) AS tags
FROM (VALUES {}) AS listed (experiment_id, name, lifecycle_stage, created_ms, tags)"""
    return replace(EXPERIMENTS, query=query.format(",\n    ".join(map(_experiment, shelves))))


def goals(keys: Iterable[str]) -> Named:
    """Which way these metrics are better, where a run was told nothing."""
    rows = [f"({quoted(key)}, {quoted(direction(key))})" for key in sorted(keys)]
    listed = ",\n    ".join(rows) or "(NULL, NULL)"
    return Named(
        "goals", f'SELECT CAST("key" AS VARCHAR) AS "key", CAST(goal AS VARCHAR) AS goal\nFROM (VALUES {listed}) AS listed ("key", goal)'
    )


def quoted(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"


def _experiment(shelf: Experiment) -> str:
    keys, values = (", ".join(map(quoted, each)) for each in (shelf.tags, shelf.tags.values()))
    created = "NULL" if shelf.creation_time is None else shelf.creation_time
    said = ", ".join(map(quoted, (shelf.experiment_id, shelf.name, shelf.lifecycle_stage)))
    return f"({said}, CAST({created} AS BIGINT), MAP([{keys}], [{values}]))"
