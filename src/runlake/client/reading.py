"""Runs, metric histories and experiments, by id or name, from the store that the settings name."""

from __future__ import annotations

from runlake.config import find_store
from runlake.entities import Experiment, Metric, ViewType
from runlake.errors import InvalidValue
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
    "search_experiments",
]

_opened: dict[str, Store] = {}


def current_store() -> Store:
    """The store, up to date with what this process has logged. It is kept open: only what is new is read."""
    flush_all(sync=False)
    path = str(find_store())
    if path not in _opened:
        _opened[path] = open_store(path)
    store = _opened[path]
    store.refresh()
    return store


def get_run(run_id: str) -> Run:
    """The run as it stands. Raises UnknownRun."""
    return current_store().run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that this one is nested in, or None."""
    store = current_store()
    parent = store.run(run_id).info.parent_run_id
    return store.run(parent) if parent else None


def get_metric_history(run_id: str, key: str) -> list[Metric]:
    """Every point of a metric, by step, then time; of a metric that was never logged none."""
    store = current_store()
    store.run(run_id)  # an unknown run is an error, not an empty answer
    points = store.points(run_id, key)
    columns = (points[name].to_pylist() for name in ("value", "wall_ns", "step"))
    return [Metric(key, value, wall_ns // 1_000_000, step, run_id) for value, wall_ns, step in zip(*columns, strict=True)]


def get_experiment(experiment_id: str | int) -> Experiment:
    """The experiment with this id. Raises UnknownExperiment."""
    return experiments().get(str(experiment_id))


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, deleted or not; None where there is none."""
    return experiments().named(name)


def search_experiments(view_type: int = ViewType.ACTIVE_ONLY, max_results: int | None = None) -> list[Experiment]:
    """The experiments at these stages, the newest first."""
    if view_type not in set(ViewType):
        raise InvalidValue(f"view_type is one of {', '.join(f'ViewType.{view.name}' for view in ViewType)}, not {view_type!r}.")
    found = [experiment for experiment in experiments().all() if ViewType(view_type).shows(experiment.lifecycle_stage)]
    return found[::-1][:max_results]
