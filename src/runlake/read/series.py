"""The points of one name in one run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from runlake.read.direction import Goal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Series"]


class Series:
    """Read when first asked for, and the same from then on. NaN is a point, but never the least or the best."""

    def __init__(self, key: str, goal: Goal, load: Callable[[], pa.Table]) -> None:
        self.key = key
        self.goal = goal
        self._load = load

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

    @property
    def last(self) -> float:
        """The value of the greatest step."""
        return float(self.to_numpy()[-1])

    @property
    def min(self) -> float:
        """The least value."""
        return self._value_at(self._place("min"))

    @property
    def max(self) -> float:
        """The greatest value."""
        return self._value_at(self._place("max"))

    @property
    def best(self) -> float:
        """The least or the greatest value, as `goal` says."""
        return self._value_at(self._place(self.goal))

    @property
    def best_step(self) -> int | None:
        """The first step that had the best value; None where every value is NaN."""
        place = self._place(self.goal)
        return None if place is None else int(self.steps[place])

    def __len__(self) -> int:
        return int(self._points.num_rows)

    def __repr__(self) -> str:
        return f"<Series {self.key!r}: {len(self):,} points, last {self.last:.6g}, {self.goal} {self.best:.6g} at step {self.best_step}>"

    def _place(self, goal: Goal) -> int | None:
        import numpy as np

        values = self.to_numpy()
        known = np.flatnonzero(~np.isnan(values))
        if not len(known):
            return None
        return int(known[np.argmin(values[known]) if goal == "min" else np.argmax(values[known])])

    def _value_at(self, place: int | None) -> float:
        return float("nan") if place is None else float(self.to_numpy()[place])

    def _column(self, name: str) -> np.ndarray:
        column: np.ndarray = self._points[name].to_numpy()
        return column
