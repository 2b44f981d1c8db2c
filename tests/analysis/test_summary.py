"""The job `summary` says of each series what its points say."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import runlake
from runlake.entities import JobState
from runlake.jobs import queue


@pytest.fixture
def inline(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose jobs are done when a run ends."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    return store


def test_each_series_is_a_row(inline: Path) -> None:
    """NaN counts, and is never the least, the greatest or in the mean."""
    with runlake.start_run() as run:
        for step, value in enumerate([3.0, math.nan, 1.0, 2.0]):
            runlake.log_metric("loss", value, step, timestamp=1_000 + 500 * step)
        runlake.log_metric("bad", math.nan, 7)
        queue.add(run, "summary")

    table = pq.read_table(pa.BufferReader(runlake.get_run(run.run_id).read_artifact("summary.parquet")), page_checksum_verification=True)
    nothing = dict.fromkeys(("mean", "min", "min_step", "max", "max_step"))
    bad, loss = table.to_pylist()
    assert (math.isnan(bad.pop("first")), math.isnan(bad.pop("last"))) == (True, True)
    assert bad == {"key": "bad", "n": 1, "n_nan": 1, "last_step": 7, "seconds": 0.0} | nothing
    series = ["loss", 4, 1, 2.0, 1.0, 2, 3.0, 0, 3.0, 2.0, 3, 1.5]
    assert loss == dict(zip(table.column_names, series, strict=True))


def test_a_run_without_metrics_has_none(inline: Path) -> None:
    """Which is no failure."""
    with runlake.start_run() as run:
        queue.add(run, "summary")

    read = runlake.get_run(run.run_id)
    assert (read.jobs["summary"].state, read.jobs["summary"].why, read.artifacts) == (JobState.SKIPPED, "the run has no metrics", {})
