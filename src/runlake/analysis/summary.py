"""The job `summary`: a run's series as a table, a row each."""

from __future__ import annotations

import pyarrow as pa

from runlake.jobs.kinds import Skipped, Work
from runlake.store.summaries import Summary
from runlake.store.tables import parquet_bytes

__all__ = ["ARTIFACT", "SCHEMA", "summary"]

ARTIFACT = "summary.parquet"

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("n", pa.int64()),
        ("n_nan", pa.int64()),
        ("mean", pa.float64()),
        ("min", pa.float64()),
        ("min_step", pa.int64()),
        ("max", pa.float64()),
        ("max_step", pa.int64()),
        ("first", pa.float64()),
        ("last", pa.float64()),
        ("last_step", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


def summary(work: Work) -> None:
    """Keep the table as an artifact."""
    found = work.store.summaries(work.run.info.run_id)
    if not found:
        raise Skipped("the run has no metrics")
    rows = [{"key": key, **_row(series)} for key, series in sorted(found.items())]
    work.keep(ARTIFACT, parquet_bytes(pa.Table.from_pylist(rows, SCHEMA)))


def _row(series: Summary) -> dict[str, float | int | None]:
    numbers = series.n - series.n_nan
    return {
        **{name: value for name, value in series._asdict().items() if name in SCHEMA.names},
        "mean": series.sum / numbers if numbers else None,
        "seconds": (series.last_ns - series.first_ns) / 1e9,
    }
