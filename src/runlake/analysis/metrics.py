"""How well a model does on what it was trained on, as its library's plugin says; of many rows a sample is asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from runlake.analysis.dataset import CHANGED, has_changed
from runlake.analysis.figures import DRAWN
from runlake.instrument.given import Fitted
from runlake.instrument.hookspecs import hookimpl
from runlake.instrument.rows import n_rows, sampled_rows
from runlake.jobs import queue

__all__ = ["MAX_ROWS", "model_fitted"]

MAX_ROWS = 10_000
FIGURES_SECONDS = 1.0
ROWS_TAG = "runlake.training_metrics.rows"


@hookimpl
def model_fitted(fitted: Fitted) -> None:
    """Record a point of each metric, and the tables that come with them."""
    if fitted.inputs is None:
        return
    if has_changed(fitted):
        fitted.skipped("training_metrics", CHANGED)
        return
    n = n_rows(fitted.inputs)
    given = {"inputs": fitted.inputs, "targets": fitted.targets, "sample_weight": fitted.sample_weight}
    if n is not None and n > MAX_ROWS:
        dice = np.random.default_rng(0)  # of our own, and not every n-th row: rows may lie in some rhythm
        places = np.sort(dice.choice(n, MAX_ROWS, replace=False))
        given = {name: sampled_rows(data, places) if n_rows(data) == n else data for name, data in given.items()}
    found = fitted.ask("training_metrics", model=fitted.model, **given)
    if found:
        fitted.run.log_metrics({name: value for name, value in found.items() if not isinstance(value, Mapping)})
        tables = {name: columns for name, columns in found.items() if isinstance(columns, Mapping)}
        for name, columns in tables.items():
            fitted.run.log_columns(columns, f"{name}.parquet")
        if tables.keys() & DRAWN.keys():
            queue.add(fitted.run.active, "figures", seconds=FIGURES_SECONDS)
        if n is not None and n > MAX_ROWS:
            fitted.run.set_tag(ROWS_TAG, f"{MAX_ROWS} of {n}")
