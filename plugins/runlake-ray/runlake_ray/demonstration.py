"""The smallest sweep that shows what is recorded, in a Ray of its own that is gone afterwards."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

__all__ = ["sweep"]


def descend(config: dict[str, Any]) -> None:
    """Walks down a parabola, at the rate that is tried."""
    x = 3.0
    for _ in range(8):
        x -= config["rate"] * 2 * x
        tune.report({"loss": x * x})


def sweep() -> None:
    """Three rates, of which the scheduler may give some up."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers of it
    with tempfile.TemporaryDirectory(prefix="rl", ignore_cleanup_errors=True) as folder:  # a short name: that of a socket is limited
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, _temp_dir=folder)
        try:
            tune.run(
                descend,
                name="rates",
                config={"rate": tune.grid_search([0.4, 0.1, 0.001])},
                metric="loss",
                mode="min",
                scheduler=ASHAScheduler(max_t=8, grace_period=2, reduction_factor=2),
                storage_path=folder,
                verbose=0,
                reuse_actors=True,
            )
        finally:
            ray.shutdown()
