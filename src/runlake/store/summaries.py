"""Summaries of series: what a reader wants to know of a metric without its points.

Each writer keeps one for each run and key, and writes those that changed with the number of its points that they cover: the newest
of a writer counts, and those of several writers merge. NaN counts in `n` and `n_nan`, and is nothing else than first or last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Summary", "merge", "summarize"]


class Summary(NamedTuple):
    """One series: `first` and `last` by step, then time; `min_step` is the first step that has the least value."""

    n: int
    n_nan: int
    sum: float
    min: float | None
    min_step: int | None
    max: float | None
    max_step: int | None
    first_step: int
    first_ns: int
    first: float
    last_step: int
    last_ns: int
    last: float


def summarize(codes: Sequence[int] | np.ndarray, steps: np.ndarray, times: np.ndarray, values: np.ndarray) -> dict[int, Summary]:
    """The summary of each series among these points; point i belongs to the series `codes[i]`."""
    if not len(values):
        return {}
    which = np.asarray(codes)
    order = np.lexsort((times, steps, which))  # stable: of equal ones the later stays the later
    which, steps, times, values = which[order], steps[order], times[order], values[order]
    starts = np.flatnonzero(np.r_[True, which[1:] != which[:-1]])
    stops = np.r_[starts[1:], len(which)]
    is_nan = np.isnan(values)
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    with np.errstate(all="ignore"):  # infinities of both signs have no sum
        sums = np.add.reduceat(np.where(is_nan, 0.0, values), starts)
    columns = [
        (stops - starts).tolist(),
        np.add.reduceat(is_nan, starts, dtype=np.int64).tolist(),
        sums.tolist(),
        low.tolist(),
        steps[_first_equal(values, low, starts, stops)].tolist(),
        high.tolist(),
        steps[_first_equal(values, high, starts, stops)].tolist(),
        *(column[places].tolist() for places in (starts, stops - 1) for column in (steps, times, values)),
    ]
    rows = zip(which[starts].tolist(), *columns, strict=True)
    return {code: _without_extremes(Summary(*row)) if row[0] == row[1] else Summary(*row) for code, *row in rows}


def merge(a: Summary, b: Summary) -> Summary:
    """One summary for the points of both; where they are equal, those of `b` are the later ones."""
    first = a if (a.first_step, a.first_ns) <= (b.first_step, b.first_ns) else b
    last = b if (b.last_step, b.last_ns) >= (a.last_step, a.last_ns) else a
    low = min(((s.min, s.min_step) for s in (a, b) if s.min is not None), default=(None, None))
    high = min(((-s.max, s.max_step) for s in (a, b) if s.max is not None), default=(None, None))
    return Summary(
        n=a.n + b.n,
        n_nan=a.n_nan + b.n_nan,
        sum=a.sum + b.sum,
        min=low[0],
        min_step=low[1],
        max=None if high[0] is None else -high[0],
        max_step=high[1],
        first_step=first.first_step,
        first_ns=first.first_ns,
        first=first.first,
        last_step=last.last_step,
        last_ns=last.last_ns,
        last=last.last,
    )


def _first_equal(values: np.ndarray, wanted: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """The first place of each stretch that holds the value wanted of it; any place of a stretch that is NaN all over."""
    hits = np.flatnonzero(values == np.repeat(wanted, stops - starts))
    if not len(hits):
        return starts
    return hits[np.minimum(np.searchsorted(hits, starts), len(hits) - 1)]


def _without_extremes(summary: Summary) -> Summary:
    return summary._replace(min=None, min_step=None, max=None, max_step=None)
