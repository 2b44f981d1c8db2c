"""Runs written straight into a store, each by what a test says of it; what it does not say is as of any run that ended well."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rows import Point, add_events, add_points
from runlake.entities import Event, Scope
from runlake.read import Query, Store
from runlake.store.writer import Writer

__all__ = ["WrittenRun", "found", "write_runs"]

START_MS = 1_700_000_000_000


@dataclass(frozen=True)
class WrittenRun:
    """One of them. A metric is one value, the values of the steps from 0 on, or (step, value); a data set (name, digest, context)."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float | Sequence[float] | Sequence[tuple[int, float]]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data_sets: Sequence[tuple[str, str, str]] = ()
    status: str = "FINISHED"
    start_ms: int = START_MS
    seconds: float | None = 60
    said: Mapping[str, str | int] = field(default_factory=dict)


def write_runs(writer: Writer, runs: Iterable[WrittenRun], hlc: int = 0) -> None:
    """Queue them; the id of each is its name."""
    for run in runs:
        said: dict[str, str | int] = {"status": run.status, "start_ns": run.start_ms * 1_000_000, "owner": writer.id, "name": run.name}
        if run.seconds is not None:
            said["end_ns"] = (run.start_ms + int(run.seconds * 1000)) * 1_000_000
        events = [Event.set(run.name, Scope.RUN, key, value, hlc) for key, value in {**said, **run.said}.items()]
        events += [Event.set(run.name, Scope.PARAM, key, value, hlc) for key, value in run.params.items()]
        events += [Event.set(run.name, Scope.TAG, key, value, hlc) for key, value in run.tags.items()]
        for name, digest, context in run.data_sets:
            tags = {"mlflow.data.context": context} if context else {}
            stored = json.dumps({"dataset": {"name": name, "digest": digest}, "tags": tags})
            events.append(Event.set(run.name, Scope.INPUT, f"{name}/{digest}/{context}", stored, hlc))
        add_events(writer, events)
        points = [
            Point(run.name, key, step, place, value)
            for key, values in run.metrics.items()
            for place, (step, value) in enumerate(pairs(values))
        ]
        if points:
            add_points(writer, points)
    writer.write()


def pairs(values: float | Sequence[float] | Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Steps and values."""
    if isinstance(values, (int, float)):
        return [(0, values)]
    return [each if isinstance(each, tuple) else (place, each) for place, each in enumerate(values)]


def found(store: Store, typed: str, *order_by: str, **more: Any) -> str:
    """The ids of the runs that a search finds, in order and with spaces between."""
    return " ".join(store.search(Query(typed, order_by, **more)).ids())
