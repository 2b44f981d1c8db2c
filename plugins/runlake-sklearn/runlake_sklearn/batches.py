"""Training by batches: every call of `partial_fit` of one estimator belongs to one training, which ends with the program or the run."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from runlake import Call, training
from runlake_sklearn.params import settings_of, tags_of

__all__ = ["capture_batch"]


def capture_batch(call: Call) -> Generator[None, Any, None]:
    """A point for each batch: how many rows by now, how many seconds, and the loss where the estimator tells it."""
    estimator = call.instance
    found = training(estimator, name=type(estimator).__name__)
    if found is None or found.is_of_a_call:  # part of a `fit`
        return
    arguments = call.arguments
    inputs: Any = arguments.get("X")
    found.trains(estimator, inputs, arguments.get("y", arguments.get("Y")), arguments.get("sample_weight"))
    began = time.perf_counter()
    yield
    rows = inputs.shape[0] if hasattr(inputs, "shape") else len(inputs) if hasattr(inputs, "__len__") else 0
    if found.active is None:
        found.run.set_tags(tags_of(estimator))
        found.run.log_params(settings_of(estimator))
    so_far = found.noted
    so_far["samples_seen"] = so_far.get("samples_seen", 0) + rows
    so_far["fit_seconds"] = so_far.get("fit_seconds", 0.0) + time.perf_counter() - began
    loss = getattr(estimator, "loss_", None)
    found.run.log_metrics({**so_far, **({"loss": loss} if isinstance(loss, float) else {})})
