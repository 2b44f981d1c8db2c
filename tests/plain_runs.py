"""Runs as plain Python values, read one by one: what a search of all at once is compared with."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from runlake.errors import UnknownRun
from runlake.read import Run, Store, direction

__all__ = ["PlainRun", "plain_runs"]

SeriesPoint = tuple[int, float]  # step, value


@dataclass(frozen=True)
class PlainRun:
    """What is known of one run; the points of a series by step, time, writer and number."""

    attributes: dict[str, str]
    start_ms: int
    end_ms: int | None
    params: dict[str, str]
    tags: dict[str, str]
    series: dict[str, list[SeriesPoint]]
    data_sets: list[dict[str, str]]

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.attributes["run_id"]

    def moment(self, name: str, now_ms: int) -> float | None:
        """When it began or ended, or the seconds that it took."""
        if name == "start_time":
            return self.start_ms
        if name == "end_time":
            return self.end_ms
        until = now_ms if self.attributes["status"] == "RUNNING" else self.end_ms
        return None if until is None else (until - self.start_ms) / 1000

    def stat(self, key: str, stat: str) -> float | None:
        """What is to be said of a series."""
        values = [value for _, value in self.series.get(key, [])]
        known = [value for value in values if not math.isnan(value)]
        if stat in ("first", "last"):
            return values[0 if stat == "first" else -1] if values else None
        if not known:
            return None
        if stat == "mean":
            return added(known) / len(known)
        return min(known) if stat == "min" else max(known)

    def at(self, key: str, step: int | str) -> float | None:
        """The value of a series at a step, or at that where another one was best."""
        wanted = self.best_step(step) if isinstance(step, str) else step
        found = [value for each, value in self.series.get(key, []) if each == wanted]
        return found[-1] if found else None

    def best_step(self, key: str) -> int | None:
        """The first step at which the series was best."""
        goal = direction(key, self.tags)
        best = self.stat(key, goal)
        return None if best is None else min(step for step, value in self.series[key] if value == best)


def added(values: Iterable[float]) -> float:
    """One after the other; infinities of both signs have no sum."""
    total = 0.0
    for value in values:
        total += value
    return total


def plain_runs(store: Store) -> list[PlainRun]:
    """Every run whose beginning is there, by its events and its points."""
    found = []
    for run_id in sorted(set(store._view.events()["run_id"].to_pylist())):
        try:
            found.append(plain(store, store.run(run_id)))
        except UnknownRun:
            continue
    return found


def plain(store: Store, run: Run) -> PlainRun:
    """One of them."""
    info, series = run.info, defaultdict(list)
    points = store.points(info.run_id)
    for key, step, value in zip(*(points[name].to_pylist() for name in ("key", "step", "value")), strict=True):
        series[key].append((step, value))
    texts = {
        "run_id": info.run_id,
        "run_name": info.run_name,
        "status": info.status,
        "user_id": info.user_id or None,
        "artifact_uri": info.artifact_uri,
        "experiment_id": info.experiment_id,
        "parent_run_id": info.parent_run_id,
        "lifecycle_stage": str(info.lifecycle_stage),
    }
    contexts = [{tag.key: tag.value for tag in each.tags}.get("mlflow.data.context", "") for each in run.inputs.dataset_inputs]
    data_sets = [
        {"name": each.dataset.name, "digest": each.dataset.digest, "context": context}
        for each, context in zip(run.inputs.dataset_inputs, contexts, strict=True)
    ]
    known = {name: text for name, text in texts.items() if text is not None}
    return PlainRun(known, info.start_time, info.end_time, dict(run.data.params), dict(run.tags), dict(series), data_sets)
