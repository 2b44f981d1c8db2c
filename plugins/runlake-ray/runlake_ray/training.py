"""A training of Ray Train: its settings, what its workers report, and the run that they log to."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from typing import Any

import ray
from ray.train.v2._internal.execution.callback import ReportCallback, WorkerGroupCallback

import runlake
from runlake import Call, RunlakeClient, isolated
from runlake_ray.joining import leave
from runlake_ray.values import flat, metrics_of, readable

__all__ = ["Reports", "capture_training", "let_workers_join"]

SECONDS = 10.0  # that workers are given to let go


def capture_training(call: Call) -> Generator[None, Any, None]:
    """A call of `fit`."""
    trainer = call.instance
    call.run.log_params({key: readable(value) for key, value in flat(trainer.train_loop_config or {})})
    scaling = trainer.scaling_config
    call.run.log_params({"num_workers": scaling.num_workers, "use_gpu": scaling.use_gpu})
    call.run.set_tag("ray.experiment", trainer.run_config.name)
    yield


def let_workers_join(call: Call) -> Generator[None, Any, None]:
    """Have the workers find in their environment which run to log to, and what they report be recorded; the caller's own settings stay."""
    active = call.run.active
    context = call.kwargs["train_run_context"]
    settings = context.run_config
    variables = dict(settings.worker_runtime_env or {})
    variables["env_vars"] = {**variables.get("env_vars", {}), **active.env()}
    told = dataclasses.replace(settings, worker_runtime_env=variables)
    call.rewrite(train_run_context=_with(context, told), callbacks=[*call.kwargs["callbacks"], Reports(active.env())])
    yield


def _with(context: Any, settings: Any) -> Any:
    """A copy that knows these settings, and keeps its id."""
    changed = object.__new__(type(context))
    changed.__dict__.update(context.__dict__, run_config=settings)
    return changed


class Reports(ReportCallback, WorkerGroupCallback):
    """Records what workers report, in the process that looks after them: of the first one, as all of them report alike."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._step = 0

    @isolated
    def after_report(self, training_report: Any, metrics: list[dict[str, Any]]) -> None:
        """All workers have reported."""
        step, self._step = self._step, self._step + 1
        found = metrics_of(metrics[0]) if metrics else {}
        if found:
            now = time.time_ns() // 1_000_000
            client = RunlakeClient(self._environment["RUNLAKE_STORE"])
            points = [runlake.entities.Metric(key, value, now, step) for key, value in found.items()]
            client.log_batch(self._environment["RUNLAKE_RUN_ID"], metrics=points)

    @isolated
    def before_worker_group_shutdown(self, worker_group: Any) -> None:
        """The workers are about to be ended; those that are there still let go of their runs."""
        asked = worker_group.execute_async(leave)
        ray.wait(asked, num_returns=len(asked), timeout=SECONDS)
