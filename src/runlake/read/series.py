"""The points of one name in one run."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runlake.read.curve import Axis, Range
from runlake.read.direction import Goal
from runlake.read.looks import looks_of
from runlake.store.columns import as_numbers
from runlake.store.summaries import Summary

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Series"]


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

    def plot(self, x: str = "step", *, log: bool = False, smooth: float = 0.0) -> Any:
        """A picture of it: of SVG in a notebook, of braille where it is printed; see `runlake.display.plot.Plot`. Raises InvalidValue.

        `x` is "step", "time", or "relative", which is the time since its first point.
        """
        return looks_of("plot_of_series", self, x, log=log, smooth=smooth)

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

    def _repr_html_(self) -> str:
        return str(looks_of("series_card", self))

    def _column(self, name: str) -> np.ndarray:
        return as_numbers(self._points[name]).copy()  # not to_numpy, which imports pandas; a copy, for the user's to write to
