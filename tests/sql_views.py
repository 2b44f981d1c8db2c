"""The views that `runlake sql` prints, asked in DuckDB, and what they must hold by our own folding."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from rows import tuples
from runlake.read.direction import direction
from runlake.read.search.columns import number_of
from runlake.read.sql import views
from runlake.store.fold import fold_runs
from runlake.store.layout import Layout
from runlake.store.summaries import Summary
from runlake.store.view import View

__all__ = ["OF_METRICS", "as_number", "asked", "check_views", "exact", "folded", "in_view"]

OF_METRICS = [
    *("run_id", "key", "last", "min", "max", "best", "best_step", "goal", "n", "n_nan", "sum", "mean"),
    *("min_step", "max_step", "first", "first_step", "last_step"),
]


def asked(store: Path) -> duckdb.DuckDBPyConnection:
    """A database that has nothing but the views of the files."""
    connection = duckdb.connect()
    for name, query in views(store, by_files=True).items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


def in_view(database: duckdb.DuckDBPyConnection, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows, floats by their bits."""
    wanted = ", ".join(f'"{each}"' for each in columns) or "*"
    found = database.execute(f"SELECT {wanted} FROM {name}").fetchall()
    return sorted(map(exact, found), key=repr)


def exact(row: Sequence[Any]) -> tuple[Any, ...]:
    """The row with floats by their bits: NaN equals NaN, whatever its own bits are, and -0.0 is not 0.0."""
    return tuple(struct.pack("d", each if each == each else math.nan) if isinstance(each, float) else each for each in row)


def as_number(text: str) -> float | None:
    """The number that a text is: in SQL digits are those of ASCII."""
    return number_of(text) if text.isascii() else None


def of_metric(run_id: str, key: str, tags: Mapping[str, str], said: Summary) -> tuple[Any, ...]:
    """What the view must say of a series."""
    goal = direction(key, tags)
    best, best_step = (said.min, said.min_step) if goal == "min" else (said.max, said.max_step)
    counted = said.n - said.n_nan
    mean = said.sum / counted if counted else None
    known = said._asdict() | {"run_id": run_id, "key": key, "best": best, "best_step": best_step, "goal": goal, "mean": mean}
    return tuple(known[name] for name in OF_METRICS)


def folded(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What each view must hold, by our own folding."""
    view = View(Layout(store))
    view.refresh()
    states = fold_runs(view.events())
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for run_id, state in states.items():
        found["params"] += [exact((run_id, key, text, as_number(text), kind)) for key, (kind, text) in state.params.items()]
        found["param_conflicts"] += [(run_id, key, text) for key, texts in state.conflicts.items() for text in texts]
        found["tags"] += [(run_id, key, text) for key, text in state.tags.items()]
        found["inputs"] += [(run_id, key, text) for key, text in state.inputs.items()]
        found["artifacts"] += [(run_id, key, size, sha256) for key, (sha256, size) in state.artifacts.items()]
        found["errors"] += [(run_id, key, text) for key, text in state.errors]
        found["jobs"] += [(run_id, key, job.to_text()) for key, job in state.jobs.items()]
        found["merged_summaries"] += [exact((run_id, key, *summary)) for key, summary in view.summaries(run_id).items()]
        found["metrics"] += [exact(of_metric(run_id, key, state.tags, each)) for key, each in view.summaries(run_id).items()]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def check_views(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every view holds what it must."""
    database, expected = asked(store), folded(store)
    for name in ("params", "tags", "inputs", "artifacts", "jobs", "merged_summaries"):
        assert in_view(database, name) == expected.get(name, []), name
    assert in_view(database, "metrics", *OF_METRICS) == expected.get("metrics", [])
    assert in_view(database, "param_conflicts", "run_id", "key", "value") == expected.get("param_conflicts", [])
    assert in_view(database, "errors", "run_id", "key", "error") == expected.get("errors", [])
    view = View(Layout(store))
    view.refresh()
    points = view.points()
    assert in_view(database, "point_rows", *points.column_names) == sorted(map(exact, tuples(points)), key=repr)
    return expected
