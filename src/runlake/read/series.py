"""The points of one name in one run, each of them, or as they look on so many pixels."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow as pa

from runlake.errors import InvalidValue
from runlake.read.direction import Goal
from runlake.read.smoothing import smoothed
from runlake.store.buckets import Buckets, beginnings, buckets_of_points
from runlake.store.columns import as_array, as_numbers
from runlake.store.curves import LEAST, MOST, Asked, Axis, curve
from runlake.store.summaries import Summary
from runlake.store.view import View

if TYPE_CHECKING:
    from runlake.read.run import Run
    from runlake.read.stores import Store

__all__ = ["Series", "curve_of", "series"]

Range = tuple[float | None, float | None] | None

MOST_PIXELS = 10_000_000


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
    from runlake.read.stores import Store, open_store  # late: it stands on this

    if not isinstance(run, str):
        return run._store.curve(run._run_id, key, x, range, pixels, smooth)
    opened = store if isinstance(store, Store) else open_store(store)
    return opened.curve(run, key, x, range, pixels, smooth)


def curve_of(view: View, run_id: str, key: str, x: Axis, within: Range, pixels: int | None, smooth: float) -> pa.Table:
    """The same of what a view has read."""
    asked, weight = _asked(run_id, key, x, within, pixels), _weight(smooth)
    return _of_points(view.series(run_id, key), asked, weight) if weight else _as_table(curve(view, asked))


def _of_points(points: pa.Table, asked: Asked, weight: float) -> pa.Table:
    """Points in buckets, each with the smoothed value at its last point: that is the same however far one looks into the curve."""
    x, values = as_numbers(points[asked.order[0]]), as_numbers(points["value"])
    if asked.x == "time":
        order = np.argsort(x, kind="stable")
        x, values = x[order], values[order]
    curved = smoothed(values, weight) if weight else values
    there = slice(np.searchsorted(x, asked.extent[0], "left"), np.searchsorted(x, asked.extent[1], "right"))
    x, values, curved = x[there], values[there], curved[there]
    starts = beginnings(asked.grid(x).places(x))
    lasts = np.append(starts[1:], len(x)) - 1 if len(x) else starts
    return _as_table(buckets_of_points(x, values, starts), **({"smooth": curved[lasts]} if weight else {}))


def _as_table(buckets: Buckets, **more: np.ndarray) -> pa.Table:
    columns = buckets.columns()
    known = buckets.n - buckets.n_nan
    means = np.divide(buckets.sum, known, out=np.full(len(known), math.nan), where=known > 0)
    names = ("x0", "x1", "n", "n_nan", "min", "max", "mean", "sum", "first", "last")
    columns |= {"mean": means, **more}
    arrays = [as_array(columns[name], pa.int64() if columns[name].dtype == np.int64 else pa.float64()) for name in (*names, *more)]
    return pa.Table.from_arrays(arrays, names=[*names, *more])


def _asked(run_id: str, key: str, x: Axis, within: Range, pixels: int | None) -> Asked:
    if x not in get_args(Axis):
        raise InvalidValue(f'A series goes along "step" or "time", not {x!r}.')
    first, last = _ends(within)
    if pixels is not None and not 1 <= _whole(pixels) <= MOST_PIXELS:
        raise InvalidValue(f"A curve has from 1 to {MOST_PIXELS:,} pixels, or None for every point, not {pixels!r}.")
    return Asked(run_id, key, x, first, last, None if pixels is None else _whole(pixels))


def _ends(within: Range) -> tuple[int | None, int | None]:
    """The first and the last x as whole numbers."""
    if within is None:
        return None, None
    try:
        first, last = within
        first, last = -math.inf if first is None else first, math.inf if last is None else last
        if first <= last:
            ends = _whole_end(first, math.ceil), _whole_end(last, math.floor)
            is_beyond = (ends[0] or 0) > MOST or (ends[1] or 0) < LEAST
            return (MOST, LEAST) if is_beyond else (_inside(ends[0]), _inside(ends[1]))
    except (TypeError, ValueError):
        pass
    raise InvalidValue(f"A range is the first and the last x, either of which may be None, such as (0, 10_000), not {within!r}.")


def _whole_end(end: float, rounded: Callable[[float], int]) -> int | None:
    return None if math.isinf(end) else rounded(end)


def _inside(end: int | None) -> int | None:
    """The nearest that x can be."""
    return None if end is None else min(max(end, LEAST), MOST)


def _whole(number: Any) -> int:
    try:
        return operator.index(number)
    except TypeError:
        return 0


def _weight(smooth: float) -> float:
    if isinstance(smooth, (int, float, np.number)) and 0 <= smooth < 1:
        return float(smooth)
    raise InvalidValue(f"The weight of what was before is at least 0 and less than 1, not {smooth!r}.")


class Series:
    """Its points are read when they are first asked for. NaN is a point, but never the least or the best."""

    def __init__(self, key: str, goal: Goal, summary: Summary, load: Callable[[], pa.Table], curve: Callable[..., pa.Table]) -> None:
        self.key = key
        self.goal = goal
        self._summary = summary
        self._load = load
        self._curve = curve

    @cached_property
    def _points(self) -> pa.Table:
        return self._load()

    @property
    def steps(self) -> np.ndarray:
        """The steps, ascending."""
        return self._column("step")

    @property
    def times(self) -> np.ndarray:
        """The times as nanoseconds since 1970."""
        return self._column("wall_ns")

    def to_numpy(self) -> np.ndarray:
        """The values, by step and where these are equal by time."""
        return self._column("value")

    def to_arrow(self) -> pa.Table:
        """`step, wall_ns, value`."""
        return self._points.select(["step", "wall_ns", "value"])

    def curve(
        self,
        x: Axis = "step",
        range: Range = None,  # noqa: A002  # as one says it of a chart
        pixels: int | None = 1000,
        smooth: float = 0.0,
    ) -> pa.Table:
        """It as it looks on so many pixels: see `runlake.read.series`. Raises InvalidValue."""
        return self._curve(x, range, pixels, smooth)

    @property
    def last(self) -> float:
        """The value of the greatest step."""
        return self._summary.last

    @property
    def min(self) -> float:
        """The least value; NaN where nothing else was logged."""
        return math.nan if self._summary.min is None else self._summary.min

    @property
    def max(self) -> float:
        """The greatest value; NaN where nothing else was logged."""
        return math.nan if self._summary.max is None else self._summary.max

    @property
    def best(self) -> float:
        """The least or the greatest value, as `goal` says."""
        return self.min if self.goal == "min" else self.max

    @property
    def best_step(self) -> int | None:
        """The first step that had the best value; None where every value is NaN."""
        return self._summary.min_step if self.goal == "min" else self._summary.max_step

    def __len__(self) -> int:
        return self._summary.n

    def __repr__(self) -> str:
        return f"<Series {self.key!r}: {len(self):,} points, last {self.last:.6g}, {self.goal} {self.best:.6g} at step {self.best_step}>"

    def _column(self, name: str) -> np.ndarray:
        return as_numbers(self._points[name]).copy()  # not to_numpy, which imports pandas; a copy, for the user's to write to
