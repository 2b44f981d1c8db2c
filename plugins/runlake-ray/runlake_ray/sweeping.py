"""One sweep of Ray Tune: what it was told, its trials as they go, and the best of them."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from typing import Any

from ray.tune.experiment import Experiment

from runlake import Call
from runlake_ray.listening import Listener
from runlake_ray.values import flat, readable

__all__ = ["capture_sweep"]

_TOLD = ("metric", "mode", "num_samples", "time_budget_s", "max_concurrent_trials", "max_failures", "reuse_actors")
_PARTS = ("search_alg", "scheduler", "stop")


def capture_sweep(call: Call) -> Generator[None, Any, None]:
    """A call of `tune.run`."""
    arguments = call.arguments
    if arguments.get("_remote") or (arguments.get("_remote") is None and _is_client()):
        call.skip("Ray Client runs the sweep in another process")
        return
    call.name = _name(arguments)
    call.holds_trainings()
    call.run.log_params({key: arguments[key] for key in _TOLD if arguments.get(key)})
    call.run.log_params({key: readable(arguments[key]) for key in _PARTS if arguments.get(key) is not None})
    space = {key: str(value) for key, value in flat(arguments.get("config") or {})}
    if space:
        call.run.log_dict(space, "search_space.json")
    asked = {key: arguments.get(key) for key in ("metric", "mode", "scheduler")}
    listener = Listener(call, **asked, reuses=bool(arguments.get("reuse_actors")))
    call.rewrite(callbacks=[*(arguments.get("callbacks") or ()), listener])
    try:
        yield
    finally:
        listener.end_all()


def _name(arguments: Mapping[str, Any]) -> str:
    """As the experiment is called, without what makes it unique."""
    asked: Any = arguments["run_or_experiment"]
    if isinstance(asked, (list, tuple)) and asked:
        asked = asked[0]
    if isinstance(asked, Experiment):
        return str(asked.storage.experiment_dir_name)
    given = arguments.get("name")
    return str(given or Experiment.get_trainable_name(asked))


def _is_client() -> bool:
    client: Any = sys.modules.get("ray.util.client")
    return client is not None and bool(client.ray.is_connected())
