"""The callback that hears of every trial of a sweep, in the process that runs it.

The trial itself goes on in a process of its own, which is told by its environment which run to log to: before it trains, as what is
asked of one actor is done in that order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ray.tune import Callback
from ray.tune.schedulers import FIFOScheduler

import runlake
from runlake import Call, isolated
from runlake_ray.joining import join, leave
from runlake_ray.values import flat, metrics_of, readable

__all__ = ["Listener"]

STEP = "training_iteration"


class Listener(Callback):
    """Records one sweep."""

    def __init__(self, call: Call, metric: str | None, mode: Literal["min", "max"] | None, scheduler: Any, *, reuses: bool) -> None:
        self._call = call
        self._reuses = reuses  # a process for one trial after the other
        self._metric = metric
        self._mode: Literal["min", "max"] = mode or "max"
        self._scheduler = None if type(scheduler) is FIFOScheduler else scheduler  # others derive from it
        self._trials: dict[str, Any] = {}
        self._known: dict[str, Any] = {}  # Ray's own trials
        self._stopped: set[str] = set()  # by the scheduler, before their time
        self._best: float | None = None
        self._over = 0

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Ray writes down how a sweep stands; a run is not a part of that

    @isolated
    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It is about to train, in a process that is there by now; after a failure or a pause once more."""
        recorded = self._trials.get(trial.trial_id)
        if recorded is None:
            recorded = self._trials[trial.trial_id] = self._call.trial(str(trial))
            self._known[trial.trial_id] = trial
            recorded.run.log_params({key: readable(value) for key, value in flat(trial.config)})
            recorded.run.set_tags({"ray.trial_id": trial.trial_id, "ray.logdir": str(trial.path or trial.local_path)})
            if self._metric is not None:
                recorded.run.set_metric_goal(self._metric, self._mode)
            runlake.flush(timeout=5)  # the trial's process looks for it
        actor = getattr(trial.temporary_state, "ray_actor", None)
        if actor is not None:
            actor.__ray_call__.remote(join, recorded.run.active.env())

    @isolated
    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any) -> None:
        """It has reported."""
        recorded = self._trials.get(trial.trial_id)
        if recorded is not None:
            recorded.run.log_metrics(metrics_of(result), step=result.get(STEP))
            if result.get("done") and self._is_early(trial, result):
                self._stopped.add(trial.trial_id)

    @isolated
    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It is over, of itself or because it was stopped."""
        recorded = self._trials.get(trial.trial_id)
        actor = getattr(trial.temporary_state, "ray_actor", None)
        if actor is not None and not self._reuses:
            actor.__ray_call__.remote(leave)
        if recorded is not None:
            recorded.end("PRUNED" if trial.trial_id in self._stopped else "FINISHED")
            self._note_best(trial, recorded)

    @isolated
    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has failed for good; with what, can be read only later."""
        recorded = self._trials.get(trial.trial_id)
        if recorded is not None:
            recorded.end("FAILED")

    def end_all(self) -> None:
        """What is not over when the sweep is, was ended with it."""
        for trial_id, recorded in self._trials.items():
            trial = self._known[trial_id]
            recorded.end("KILLED")
            error = trial.get_pickled_error() if trial.status == "ERROR" else None
            if error is not None:
                cause = getattr(error, "cause", None) or error
                recorded.run.set_tag("runlake.exception", f"{type(cause).__name__}: {cause}")

    def _is_early(self, trial: Any, result: Mapping[str, Any]) -> bool:
        """Whether the scheduler has given it up: neither what the sweep was told to stop at, nor the scheduler's own end."""
        if self._scheduler is None or trial.should_stop({**dict(flat(result)), "done": False}):
            return False
        time_attr, last = getattr(self._scheduler, "_time_attr", STEP), getattr(self._scheduler, "_max_t", None)
        return last is None or result.get(time_attr, 0) < last

    def _note_best(self, trial: Any, recorded: Any) -> None:
        if self._metric is None:
            return
        self._over += 1
        value = metrics_of(trial.last_result or {}).get(self._metric)
        is_best = value is not None and (self._best is None or (value > self._best if self._mode == "max" else value < self._best))
        if value is not None and is_best:
            self._best = value
            settings = {f"best_{key}": readable(setting) for key, setting in flat(trial.config)}
            self._call.run.set_tags({"best_trial": str(trial), "best_run": recorded.run.run_id, **settings})
        if self._best is not None:
            self._call.run.log_metric(f"best_{self._metric}", self._best, step=self._over)
            self._call.run.set_metric_goal(f"best_{self._metric}", self._mode)
