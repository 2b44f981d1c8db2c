"""Curves as they are to be drawn: several series on one scale, in as many pieces as the drawing is wide, of which none hides a value."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from runlake.display.ticks import Tick, log_ticks, number_ticks, span_ticks, step_ticks, time_ticks
from runlake.errors import InvalidValue
from runlake.read import Series
from runlake.read.curve import Axis

__all__ = ["Along", "Drawing", "Source", "Trace", "drawing_of"]

Along = Literal["step", "time", "relative"]

SECOND = 1e9  # nanoseconds


@dataclass(frozen=True)
class Source:
    """A series, the name of its run, "" where it is the only one, and whether one value of it is better than another."""

    name: str
    series: Series
    is_ranked: bool = True


@dataclass(frozen=True)
class Trace:
    """The pieces of a curve: each goes from x0 to x1, begins at `first`, ends at `last`, and lies between `low` and `high`.

    NaN stands where a piece has nothing that can be drawn.
    """

    source: Source
    x0: np.ndarray
    x1: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True)
class Drawing:
    """Traces, and from where to where they go; x in steps, or in seconds from `origin`."""

    traces: Sequence[Trace]
    along: Along
    is_log: bool
    x: tuple[float, float]
    y: tuple[float, float] | None  # None where no value can be drawn
    origin: float
    is_cut: bool  # whether a logarithmic scale has no place for some values

    def x_ticks(self, most: int) -> list[Tick]:
        """Where the lines along the curves stand."""
        if self.along == "step":
            return step_ticks(*self.x, most)
        if self.along == "relative":
            return span_ticks(*self.x, most)
        ticks = time_ticks(self.x[0] + self.origin, self.x[1] + self.origin, most)
        return [(place - self.origin, text) for place, text in ticks]

    def y_ticks(self, most: int) -> list[Tick]:
        """Where those of values do."""
        if self.y is None:
            return []
        return log_ticks(*self.y, most) if self.is_log else number_ticks(*self.y, most)

    def across(self, x: np.ndarray | float) -> np.ndarray:
        """Where an x lies, from 0 to 1."""
        first, last = self.x
        return np.asarray((np.asarray(x, float) - first) / ((last - first) or 1.0))

    def up(self, value: np.ndarray | float) -> np.ndarray:
        """Where a value lies, from 0 to 1; an infinite one at the edge."""
        low, high = self.y or (0.0, 1.0)
        known = np.clip(np.asarray(value, float), low, high)
        if self.is_log:
            low, high, known = math.log10(low), math.log10(high), np.log10(known)
        return np.asarray(known / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)  # halves: the whole may be more than a double holds


def drawing_of(sources: Sequence[Source], along: Along, pixels: int, *, is_log: bool = False, smooth: float = 0.0) -> Drawing:
    """The series of these sources. Raises InvalidValue."""
    if along not in get_args(Along):
        raise InvalidValue(f'A curve goes along "step", "time" or "relative", not {along!r}.')
    axis: Axis = "step" if along == "step" else "time"
    extents = [_extent(source.series, axis) for source in sources]
    span = max((last - first for first, last in extents), default=0)
    begin, end = min((first for first, _ in extents), default=0), max((last for _, last in extents), default=0)
    traces, is_cut = [], False
    for source, (first, _) in zip(sources, extents, strict=True):
        offset, within = (first, (first, first + span)) if along == "relative" else (begin, (begin, end))
        table = source.series.curve(axis, within, pixels, smooth)
        columns = {name: np.asarray(table[name].to_pylist(), float) for name in table.schema.names if name not in ("x0", "x1")}
        x0, x1 = ([x - offset for x in table[name].to_pylist()] for name in ("x0", "x1"))  # as whole numbers, which lose nothing
        trace = _trace(source, np.asarray(x0, float), np.asarray(x1, float), columns, is_smooth=smooth > 0)
        cut = _above_zero(trace) if is_log else trace
        is_cut |= is_log and bool((trace.low <= 0).any())
        traces.append(cut)
    scale = 1.0 if axis == "step" else SECOND
    traces = [replace(trace, x0=trace.x0 / scale, x1=trace.x1 / scale) for trace in traces]
    reached = span if along == "relative" else end - begin
    if axis == "step":  # which are few enough to be named as they are
        traces = [replace(trace, x0=trace.x0 + begin, x1=trace.x1 + begin) for trace in traces]
        return Drawing(traces, along, is_log, (begin, end), _range_of(traces, is_log=is_log), 0.0, is_cut)
    return Drawing(traces, along, is_log, (0.0, reached / scale), _range_of(traces, is_log=is_log), begin / scale, is_cut)


def _extent(series: Series, axis: Axis) -> tuple[int, int]:
    """The first and the last x."""
    whole = series.curve(axis, None, 1)
    return whole["x0"][0].as_py(), whole["x1"][0].as_py()


def _trace(source: Source, x0: np.ndarray, x1: np.ndarray, columns: dict[str, np.ndarray], *, is_smooth: bool) -> Trace:
    if is_smooth:
        curved = columns["smooth"]
        return Trace(source, x1, x1, curved, curved, curved, curved)
    return Trace(source, x0, x1, columns["min"], columns["max"], columns["first"], columns["last"])


def _above_zero(trace: Trace) -> Trace:
    """What a logarithmic scale has a place for; a piece that goes below begins at the least that is known of it above."""
    first, last, high = (np.where(column > 0, column, np.nan) for column in (trace.first, trace.last, trace.high))
    known = np.fmin(np.fmin(first, last), high)
    return replace(trace, low=np.where(trace.low > 0, trace.low, known), high=high, first=first, last=last)


def _range_of(traces: Sequence[Trace], *, is_log: bool) -> tuple[float, float] | None:
    """The least and the greatest value that is finite; a little more where they are one."""
    held = np.concatenate([np.empty(0), *(column for trace in traces for column in (trace.low, trace.high))])
    finite = held[np.isfinite(held)]
    if not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if low < high:
        return low, high
    low, high = (low / 2, high * 2) if is_log else (low - (abs(low) / 10 or 1.0), high + (abs(high) / 10 or 1.0))
    return max(low, math.ulp(0.0) if is_log else -sys.float_info.max), min(high, sys.float_info.max)
