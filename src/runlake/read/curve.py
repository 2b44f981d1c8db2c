"""A series as it looks on so many pixels, as a table."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from runlake.errors import InvalidValue
from runlake.read.smoothing import smoothed
from runlake.store.buckets import Buckets, beginnings, buckets_of_points
from runlake.store.columns import as_array, as_numbers
from runlake.store.curves import LEAST, MOST, Asked, Axis, curve
from runlake.store.view import View

__all__ = ["Axis", "Range", "curve_of"]

Range = tuple[float | None, float | None] | None

MOST_PIXELS = 10_000_000


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
