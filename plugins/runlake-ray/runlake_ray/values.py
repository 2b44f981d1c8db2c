"""Settings and results as Ray nests them, as params and metrics by names with slashes, as Ray writes them itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

__all__ = ["flat", "metrics_of", "readable"]

# What Ray adds to every result, and says nothing of the trial.
_RAYS_OWN = {
    "checkpoint_dir_name",
    "config",
    "date",
    "done",
    "episodes_total",
    "experiment_id",
    "experiment_tag",
    "hostname",
    "iterations_since_restore",
    "node_ip",
    "pid",
    "should_checkpoint",
    "time_since_restore",
    "time_this_iter_s",
    "timestamp",
    "timesteps_since_restore",
    "timesteps_total",
    "training_iteration",
    "trial_id",
}


def flat(values: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is not a mapping itself, by its name."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{inside}{key}/")
        else:
            yield f"{inside}{key}", value


def metrics_of(result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that a trial or a worker has reported."""
    own = {key: value for key, value in result.items() if key not in _RAYS_OWN}
    return {key: float(value) for key, value in flat(own) if isinstance(value, Real)}


def readable(value: Any) -> Any:
    """A number or a text as it is, anything else by its name."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple, dict)):
        return str(value)
    return getattr(value, "__name__", None) or type(value).__name__
