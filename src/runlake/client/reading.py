"""Runs, metric histories and experiments, by id or name, from the store that the settings name, or from the one that is given."""

from __future__ import annotations

import threading
from pathlib import Path

from runlake import platform
from runlake.config import find_store
from runlake.entities import Experiment, Metric
from runlake.read import Run, Store, open_store
from runlake.recording.experiments import experiments
from runlake.recording.recorders import flush_all

__all__ = [
    "current_store",
    "get_experiment",
    "get_experiment_by_name",
    "get_metric_history",
    "get_parent_run",
    "get_run",
]

_opened: dict[str, Store] = {}
_inherited: list[dict[str, Store]] = []  # kept, not freed: a forked child must not need a lock of Arrow's
_opening = threading.Lock()


def current_store(store: Path | None = None) -> Store:
    """The store, up to date with what this process has logged. It is kept open: only what is new is read."""
    flush_all(sync=False)
    path = str(store or find_store())
    with _opening:
        if path not in _opened:
            _opened[path] = open_store(path)
        opened = _opened[path]
    opened.refresh()
    return opened


def get_run(run_id: str, *, store: Path | None = None) -> Run:
    """The run as it stands. Raises UnknownRun."""
    return current_store(store).run(run_id)


def get_parent_run(run_id: str, *, store: Path | None = None) -> Run | None:
    """The run that this one is nested in, or None."""
    opened = current_store(store)
    parent = opened.run(run_id).info.parent_run_id
    return opened.run(parent) if parent else None


def get_metric_history(run_id: str, key: str, *, store: Path | None = None) -> list[Metric]:
    """Every point of a metric, by step, then time; of a metric that was never logged none."""
    opened = current_store(store)
    opened.run(run_id)  # an unknown run is an error, not an empty answer
    points = opened.points(run_id, key)
    columns = (points[name].to_pylist() for name in ("value", "wall_ns", "step"))
    return [Metric(key, value, wall_ns // 1_000_000, step, run_id) for value, wall_ns, step in zip(*columns, strict=True)]


def get_experiment(experiment_id: str | int, *, store: Path | None = None) -> Experiment:
    """The experiment with this id. Raises UnknownExperiment."""
    return experiments(store).get(str(experiment_id))


def get_experiment_by_name(name: str, *, store: Path | None = None) -> Experiment | None:
    """The experiment of this name, deleted or not; None where there is none."""
    return experiments(store).named(name)


def _in_forked_child() -> None:
    global _opening
    _opening = threading.Lock()  # the thread that held it is not here
    _inherited.append(_opened.copy())  # one may have been amid a change
    _opened.clear()


platform.on_fork(in_child=_in_forked_child)
