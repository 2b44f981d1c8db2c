"""Any series of any store as it looks on so many pixels."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from runlake.read.curve import Axis, Range
from runlake.read.run import Run
from runlake.read.stores import Store, open_store

__all__ = ["series"]


def series(
    run: str | Run,
    key: str,
    x: Axis = "step",
    range: Range = None,  # noqa: A002  # as one says it of a chart
    pixels: int | None = None,
    smooth: float = 0.0,
    *,
    store: Store | str | Path | None = None,
) -> pa.Table:
    """A series from the first to the last x of `range`, in at most `pixels` buckets, or at every x where no pixels are given.

    `run` is a run, or the id of one in `store`, by default the one that the settings name. `x` is "step", or "time" in nanoseconds
    since 1970. Each row says what all points from its x0 to its x1 say: `n`, `n_nan`, `min`, `max`, `mean`, `sum`, `first`, `last`.
    With `smooth`, the weight of what was before, it also has the moving average of the whole series as of its last point, `smooth`.
    Raises UnknownRun, KeyError for a metric that the run does not have, or InvalidValue.
    """
    if not isinstance(run, str):
        return run._store.curve(run._run_id, key, x, range, pixels, smooth)
    opened = store if isinstance(store, Store) else open_store(store)
    return opened.curve(run, key, x, range, pixels, smooth)
